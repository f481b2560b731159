/*
 * Address-space identifiers, with which the TLB tells one address space's translations from
 * another's.
 *
 * They are given out in turn to address spaces as they are loaded. When all are used up, a new
 * generation begins with the first: each hart flushes everything before it loads an identifier of a
 * generation that is new to it. An address space that is in use on a hart keeps its old identifier
 * there until it is loaded again; so a request to flush names the generation too, and a hart that
 * has not followed flushes everything (tlb.c). Generation 0 is the kernel's own: it has no
 * translations but global ones.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/tlb.h"

static struct spinlock asid_lock = {.rank = RANK_NONE, .name = "address-space identifiers"};
static uint64_t limit;          /* identifiers are below; 1: the harts have none */
static uint64_t generation = 1; /* (asid_lock) */
static uint64_t next = 1;       /* (asid_lock) */

void asid_init(void)
{
    uint64_t state = interrupts_disable();
    uint64_t satp = csr_read(satp);
    csr_write(satp, satp | SATP_ASID_MASK << SATP_ASID_SHIFT);
    uint64_t bits = (csr_read(satp) >> SATP_ASID_SHIFT) & SATP_ASID_MASK;
    csr_write(satp, satp);
    fence_all_translations();
    interrupts_restore(state);
    limit = bits + 1;
}

bool asid_available(void)
{
    return limit > 1;
}

uint64_t asid_assign(struct pmap *pmap)
{
    uint64_t identifier = __atomic_load_n(&pmap->identifier, __ATOMIC_RELAXED);
    uint64_t current = __atomic_load_n(&generation, __ATOMIC_RELAXED);

    if (pmap == &kernel_pmap || identifier >> IDENTIFIER_BITS == current)
        return identifier;
    if (!asid_available()) {
        identifier = current << IDENTIFIER_BITS;
        __atomic_store_n(&pmap->identifier, identifier, __ATOMIC_RELAXED);
        return identifier;
    }
    spin_lock(&asid_lock);
    identifier = pmap->identifier;
    if (identifier >> IDENTIFIER_BITS != generation) {
        if (next == limit) {
            __atomic_store_n(&generation, generation + 1, __ATOMIC_RELAXED);
            next = 1;
        }
        identifier = generation << IDENTIFIER_BITS | next++;
        __atomic_store_n(&pmap->identifier, identifier, __ATOMIC_RELAXED);
    }
    spin_unlock(&asid_lock);
    return identifier;
}
