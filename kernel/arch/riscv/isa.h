/*
 * The extensions of the instruction set that the device tree claims for the harts.
 */
#ifndef MAPIX_ARCH_RISCV_ISA_H
#define MAPIX_ARCH_RISCV_ISA_H

#include <stdbool.h>
#include <stdint.h>

/* The bit of a single-letter extension ('a' to 'z'), as in AT_HWCAP. */
#define isa_bit(letter) (1ul << ((letter) - 'a'))

/* Look into the device tree. Boot only. */
void isa_init(void);

/* Single-letter extensions that every hart has: isa_bit each. */
uint64_t isa_letters(void);

/* Does every hart have the extension of this name, such as "sstc"? */
bool isa_has(const char *extension);

#endif
