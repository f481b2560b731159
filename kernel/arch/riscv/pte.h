/*
 * Page table entries: the same eight-byte format in Sv39 and Sv48 (privileged specification,
 * "Sv39"). A valid entry without R, W and X refers to a table one level down; level 0 is the last.
 */
#ifndef MAPIX_ARCH_RISCV_PTE_H
#define MAPIX_ARCH_RISCV_PTE_H

#include "arch/riscv/layout.h"
#include "vm/page.h"
#include <stdbool.h>
#include <stdint.h>

#define ENTRY_VALID    (1ul << 0)
#define ENTRY_READ     (1ul << 1)
#define ENTRY_WRITE    (1ul << 2)
#define ENTRY_EXECUTE  (1ul << 3)
#define ENTRY_USER     (1ul << 4)
#define ENTRY_GLOBAL   (1ul << 5)
#define ENTRY_ACCESSED (1ul << 6)
#define ENTRY_DIRTY    (1ul << 7)

#define TABLE_ENTRIES    512u
#define LEVEL_BITS       9
#define ENTRY_FRAME_BITS 10 /* the frame number begins here */

/* Bytes that one entry of a table of this level maps. */
static inline uint64_t level_size(unsigned level)
{
    return PAGE_SIZE << (LEVEL_BITS * level);
}

static inline unsigned table_index(vaddr_t address, unsigned level)
{
    return (address >> (PAGE_SHIFT + LEVEL_BITS * level)) & (TABLE_ENTRIES - 1);
}

/* The first address behind what the entry for address maps. */
static inline vaddr_t level_end(vaddr_t address, unsigned level)
{
    return (address | (level_size(level) - 1)) + 1;
}

static inline uint64_t make_entry(paddr_t frame, uint64_t bits)
{
    return frame >> (PAGE_SHIFT - ENTRY_FRAME_BITS) | bits;
}

static inline paddr_t entry_frame(uint64_t entry)
{
    return entry >> ENTRY_FRAME_BITS << PAGE_SHIFT;
}

static inline uint64_t *entry_table(uint64_t entry)
{
    return physical_to_virtual(entry_frame(entry));
}

static inline bool entry_is_leaf(uint64_t entry)
{
    return (entry & (ENTRY_READ | ENTRY_WRITE | ENTRY_EXECUTE)) != 0;
}

/* Entries are read and changed while harts walk the tables: whole, and only once. */
static inline uint64_t entry_load(const uint64_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void entry_store(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/* Make a table or a page that was just filled reachable: what it holds is seen first. */
static inline void entry_publish(uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

#endif
