/*
 * The kernel's address space, the same in Sv39 and Sv48: everything lies in the top 256 GiB.
 *
 *   0xffffffc000000000  direct map of physical memory and devices: base + physical address
 *   0xfffffff000000000  kernel stacks, each with a guard of nothing below
 *   0xffffffff80000000  kernel image, linked here, loaded by the firmware at the start of memory
 *
 * The direct map takes 192 GiB; memory at higher physical addresses is not used. User space is
 * [0, user_end): 2^38 bytes with Sv39, 2^47 with Sv48.
 */
#ifndef MAPIX_ARCH_RISCV_LAYOUT_H
#define MAPIX_ARCH_RISCV_LAYOUT_H

#define DIRECT_MAP_BASE 0xffffffc000000000
#define KERNEL_STACKS   0xfffffff000000000
#define KERNEL_IMAGE    0xffffffff80000000

#ifndef __ASSEMBLER__
#include <stdint.h>

#define DIRECT_MAP_SIZE (KERNEL_STACKS - DIRECT_MAP_BASE)
#define USER_END_SV39   (1ul << 38)
#define USER_END_SV48   (1ul << 47)

typedef uint64_t paddr_t; /* a physical address */
typedef uint64_t vaddr_t; /* a virtual address, of the user or the kernel */

static inline void *physical_to_virtual(paddr_t address)
{
    return (void *)(address + DIRECT_MAP_BASE);
}

/* For addresses in the direct map only. */
static inline paddr_t virtual_to_physical(const void *address)
{
    return (paddr_t)(uintptr_t)address - DIRECT_MAP_BASE;
}
#endif

#endif
