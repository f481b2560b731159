/*
 * Where the parts of a new program go in its address space.
 */
#ifndef MAPIX_CORE_PLACEMENT_H
#define MAPIX_CORE_PLACEMENT_H

#include "arch/riscv/layout.h"

struct placement {
    vaddr_t stack_top;  /* the stack lies below */
    vaddr_t mmap_top;   /* mappings, below the room for the stack */
    vaddr_t program;    /* a position-independent program, at or above */
    uint64_t heap_gap;  /* bytes between the program's end and the heap; whole pages */
    uint64_t stack_gap; /* bytes of the stack that are left unused at its top */
};

/* How much is random (/proc/sys/kernel/randomize_va_space). Atomic. */
enum { RANDOMIZE_NOTHING, RANDOMIZE_MAPPINGS, RANDOMIZE_ALL /* the heap too */ };
extern unsigned randomize_policy;

/* Choose, for the current process, with its limit for the stack. */
void placement_choose(struct placement *placement);

/* Obey the boot argument norandmaps. Boot only. */
void placement_init(void);

#endif
