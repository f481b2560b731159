/*
 * The kernel's half of all page tables.
 */
#ifndef MAPIX_ARCH_RISCV_KERNEL_MAP_H
#define MAPIX_ARCH_RISCV_KERNEL_MAP_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define KERNEL_STACK_AREA (1ul << 30) /* bytes at KERNEL_STACKS: what one table maps */

enum kernel_access { KERNEL_READ, KERNEL_DATA, KERNEL_TEXT };

/* Make the kernel's root, with tables for everything that may be mapped after boot, so that the
 * roots of processes can be made by copying its upper half. Boot only. */
void kernel_map_init(void);

/*
 * Map [address, address + size) to physical memory from frame on, page-aligned all three, with the
 * largest leaves that fit. What is mapped already stays. false: no memory for a table. Before the
 * frame allocator works, tables are carved from memory (memory.h). No lock; a new mapping needs no
 * flush, except where a spurious fault is not allowed.
 */
bool kernel_map(vaddr_t address, paddr_t frame, uint64_t size, enum kernel_access access);

/* Unmap one page; the frame that was mapped. The caller flushes. */
paddr_t kernel_unmap(vaddr_t address);

/* May the kernel read at this address? For diagnosis: no lock. */
bool kernel_is_mapped(vaddr_t address);

/* Load the kernel's own tables in place of those of boot.S. Boot only. */
void kernel_map_load(void);

#endif
