/*
 * Replaces kernel/arch/riscv/layout.h on the development machine: physical memory is an arena that
 * shim_start maps, and appears at physical address SHIM_MEMORY as RAM does on the real machine.
 */
#ifndef MAPIX_ARCH_RISCV_LAYOUT_H
#define MAPIX_ARCH_RISCV_LAYOUT_H

#include <stdint.h>

#define USER_END_SV39 (1ul << 38)
#define USER_END_SV48 (1ul << 47)

#define SHIM_MEMORY 0x80000000ul

typedef uint64_t paddr_t; /* a physical address */
typedef uint64_t vaddr_t; /* a virtual address, of the user or the kernel */

extern uintptr_t shim_direct_map; /* virtual minus physical address */

static inline void *physical_to_virtual(paddr_t address)
{
    return (void *)(uintptr_t)(address + shim_direct_map);
}

static inline paddr_t virtual_to_physical(const void *address)
{
    return (paddr_t)((uintptr_t)address - shim_direct_map);
}

#endif
