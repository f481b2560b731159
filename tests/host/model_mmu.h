/*
 * A model of the harts' memory management units, in the place of kernel/arch/riscv/tlb.c and
 * asid.c.
 *
 * Each hart has a TLB that never forgets by itself: what was looked up once stays until a flush
 * that covers it. Address translation uses the TLB first. So an entry of the page tables that is
 * changed without a flush goes on to be seen, and model_mmu_check finds it.
 *
 * Link with kernel/arch/riscv/pmap.c, pmap_move.c, pmap_look.c, gather.c and table.c, and a shim.
 */
#ifndef MAPIX_TESTS_MODEL_MMU_H
#define MAPIX_TESTS_MODEL_MMU_H

#include "arch/riscv/pmap.h"
#include <stdbool.h>

#define MODEL_HARTS 4

/* Begin with empty TLBs and the kernel's own address space on all harts; levels 3 or 4. After
 * shim_memory_start. */
void model_mmu_start(unsigned levels);

/* Give back the kernel's root. */
void model_mmu_end(void);

/* The hart that pmap_activate and model_mmu_access are about. */
extern unsigned model_hart;

/* Let the hart access the user address with what it has loaded: true, with the frame, or a fault.
 * Sets A as hardware would. */
bool model_mmu_access(vaddr_t address, unsigned access, paddr_t *frame);

/*
 * After a flush: no hart can use a translation that the tables no longer have, or with permissions
 * that were taken. false: a flush was missed; *address tells where.
 */
bool model_mmu_check(struct pmap *pmap, vaddr_t *address);

/* Can any hart still reach the frame through its TLB? */
bool model_mmu_reaches(paddr_t frame);

/* Called by tlb_flush for each frame that it is about to free, if not NULL. */
extern void (*model_mmu_free_hook)(struct page *page);

/* Flushes of one page, and of more, that tlb_flush made on some hart. */
extern uint64_t model_mmu_page_flushes, model_mmu_full_flushes;

#endif
