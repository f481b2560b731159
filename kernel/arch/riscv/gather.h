/*
 * Inside of struct tlb_gather: what the files of pmap put in and tlb.c takes out.
 */
#ifndef MAPIX_ARCH_RISCV_GATHER_H
#define MAPIX_ARCH_RISCV_GATHER_H

#include "arch/riscv/pmap.h"
#include "arch/riscv/table.h"

/* The entry at address was invalidated, or lost permissions. */
static inline void gather_entry(struct tlb_gather *gather, vaddr_t address)
{
    if (address < gather->start)
        gather->start = address;
    if (address + PAGE_SIZE > gather->end)
        gather->end = address + PAGE_SIZE;
    gather->invalidated++;
}

/*
 * Entries of pmap were looked for, to be removed or reduced; changed: some were. Does pmap need a
 * flush by this gather? Also when nothing was changed, if another gather has removed entries and is
 * not flushed yet: what this one frees might be what they led to. pmap locked.
 */
bool gather_unflushed(struct tlb_gather *gather, struct pmap *pmap, bool changed);

/* Entries of pmap were changed: note the harts that must be flushed. pmap locked. */
void gather_harts(struct tlb_gather *gather, struct pmap *pmap);

/* After the flush: free what waited for it, and make the gather empty. */
void gather_free(struct tlb_gather *gather);

/* As never used, but for the lists. */
void gather_reset(struct tlb_gather *gather);

#endif
