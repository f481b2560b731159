/*
 * Between pmap.c and what touches the harts: loading address spaces, their hardware identifiers,
 * and asking other harts to flush.
 */
#ifndef MAPIX_ARCH_RISCV_TLB_H
#define MAPIX_ARCH_RISCV_TLB_H

#include "arch/riscv/pmap.h"

#define IDENTIFIER_BITS 16 /* of an identifier; its generation is above */

/* Have all harts that have pmap loaded load the kernel's own. No thread uses pmap. Interrupts on,
 * no spinlock held. */
void tlb_leave(struct pmap *pmap);

/* Flush everything on every hart, the kernel's translations included. Same conditions. */
void tlb_flush_all(void);

/* The hart does not idle any more: do what was put off until then. Interrupts off. */
void tlb_end_idle(void);

/* Answer the fence requests of other harts. Interrupts off. */
void tlb_serve_requests(void);

/* Find out how many address-space identifiers the hart has. Boot only. */
void asid_init(void);

/* The identifier of pmap, a new one if it has none of the current generation. Interrupts off. */
uint64_t asid_assign(struct pmap *pmap);

/* Harts tell address spaces apart by identifiers: else each load must flush. */
bool asid_available(void);

#endif
