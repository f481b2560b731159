/*
 * What physical memory there is, from the device tree.
 */
#ifndef MAPIX_ARCH_RISCV_MEMORY_H
#define MAPIX_ARCH_RISCV_MEMORY_H

#include "arch/riscv/layout.h"
#include <stdint.h>

/*
 * Find memory and what is reserved of it, build the kernel's page tables and load them, choosing
 * the paging mode, make the page array, and give the rest to the frame allocator. Panics when the
 * memory is not enough for that. The device tree is in use already.
 */
void memory_init(paddr_t device_tree);

/* Take size bytes (a multiple of the page size), zeroed, from memory that is not in use; 0: there
 * is none. Only in memory_init's time. */
paddr_t memory_carve(uint64_t size);

/* Bytes of memory that the device tree tells of. */
uint64_t memory_size(void);

/* The initial RAM disk that the boot loader put into memory; size 0: none. */
extern paddr_t initrd_start;
extern uint64_t initrd_size;

#endif
