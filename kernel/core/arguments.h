/*
 * The argument and environment strings of execve(2), gathered in kernel memory until the new
 * address space can take them.
 */
#ifndef MAPIX_CORE_ARGUMENTS_H
#define MAPIX_CORE_ARGUMENTS_H

#include "arch/riscv/layout.h"
#include "lib/list.h"
#include <stddef.h>
#include <stdint.h>

struct aspace;

#define ARGUMENT_LENGTH_MAX (128ul << 10) /* of one string, NUL included (execve(2)) */

/* Strings with their NULs one behind the other, in pages of which only the last is not full. */
struct arguments {
    struct list pages;
    size_t size;  /* bytes */
    size_t limit; /* of size and 8 bytes for each pointer: more is E2BIG */
    unsigned argument_count, environment_count;
    size_t argument_size;    /* bytes of the arguments; the environment follows */
    size_t environment_size; /* then the file name */
};

void arguments_init(struct arguments *arguments, size_t limit);
void arguments_free(struct arguments *arguments);

/* Append a string of the kernel's. -E2BIG, -ENOMEM. */
int arguments_add(struct arguments *arguments, const char *string);

/* Append the strings of a user's array of pointers, leaving out the first skip, and count them.
 * -E2BIG, -EFAULT, -ENOMEM. */
int arguments_add_user(struct arguments *arguments, vaddr_t array, unsigned skip, unsigned *count);

/* Write all strings to an address in an address space. -EFAULT. */
int arguments_write(const struct arguments *arguments, struct aspace *aspace, vaddr_t address);

/* The length of the string at this offset, NUL included. */
size_t arguments_length(const struct arguments *arguments, size_t offset);

#endif
