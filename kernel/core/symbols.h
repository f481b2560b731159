/*
 * The kernel's own function names, for backtraces. The build makes the table from the first link
 * and links again; the first has an empty one.
 */
#ifndef MAPIX_CORE_SYMBOLS_H
#define MAPIX_CORE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t address;
    const char *name;
};

extern const struct symbol kernel_symbols[]; /* in rising order of address */
extern const size_t kernel_symbol_count;

/* The function that the address is in, with the distance to its start; NULL: not known. */
const char *symbol_find(uint64_t address, uint64_t *offset);

#endif
