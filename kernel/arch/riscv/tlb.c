/*
 * Loading address spaces, and flushing translations on all harts that may hold them.
 *
 * A hart that needs others to flush writes a request, sets its bit in their fence_senders, and
 * interrupts them. They answer by clearing their bits in the request's waiting set. The sender
 * keeps interrupts off meanwhile, so that there is one request per hart, and answers the requests
 * of others itself, so that two that flush each other do not wait for ever. It holds no spinlock: a
 * hart that spins for one with interrupts off gets it and turns them on.
 *
 *   sender                                  target
 *   request, waiting = targets
 *   fence_senders |= sender; interrupt ->   fence_requests, fence_senders taken
 *   serve own requests until                flush
 *   waiting == 0                        <-  waiting &= ~target
 *
 * New code concerns all harts, but those that idle only before they run a program again. Either the
 * sender sees that such a hart does not idle any more, or the hart sees the bit:
 *
 *   instructions_stale |= target            idle bit cleared
 *   is target's idle bit set?               is instructions_stale set?
 */
#include "arch/riscv/tlb.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/gather.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/scheduler.h"
#include "core/thread.h"

enum request_kind { FLUSH_SOME, FLUSH_EVERYTHING, FENCE_INSTRUCTIONS, LEAVE };

struct fence_request {
    enum request_kind kind;
    bool one_page;       /* FLUSH_SOME: flush just the leaf at address */
    uint64_t identifier; /* FLUSH_SOME: address space, with its generation */
    vaddr_t address;
    struct pmap *pmap; /* LEAVE */
    uint64_t waiting;  /* atomic: harts that have not answered yet */
};

/* By the asking hart, which has interrupts off while it asks. */
static struct fence_request fence_requests[HART_MAX];

/* Atomic: harts that have a fence to do when they stop idling. */
static uint64_t instructions_stale;

uint64_t tlb_flush_counts[FLUSH_CAUSES];
uint64_t tlb_interrupts_sent;

/* satp for these tables: the kernel's own mode. */
static uint64_t satp_value(paddr_t root, uint64_t identifier)
{
    uint64_t mode = pmap_levels == 4 ? SATP_SV48 : SATP_SV39;
    uint64_t asid = identifier & SATP_ASID_MASK;
    return mode << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT | root >> PAGE_SHIFT;
}

/* Load pmap in place of another. The order of the steps is that of gather.c. */
static void load(struct hart *hart, struct pmap *pmap)
{
    uint64_t bit = 1ul << hart->index;
    struct pmap *old = hart->pmap;

    __atomic_fetch_or(&pmap->active_harts, bit, __ATOMIC_SEQ_CST);
    if (!(__atomic_load_n(&pmap->used_harts, __ATOMIC_RELAXED) & bit))
        __atomic_fetch_or(&pmap->used_harts, bit, __ATOMIC_SEQ_CST);
    uint64_t identifier = asid_assign(pmap);
    uint64_t generation = identifier >> IDENTIFIER_BITS;

    hart->pmap = pmap;
    csr_write(satp, satp_value(pmap->root, identifier));
    bool stale = __atomic_load_n(&pmap->stale_harts, __ATOMIC_SEQ_CST) & bit;
    if (stale)
        __atomic_fetch_and(&pmap->stale_harts, ~bit, __ATOMIC_SEQ_CST);
    if (generation && (!asid_available() || generation != hart->asid_generation)) {
        hart->asid_generation = generation;
        fence_all_translations();
    } else if (stale) {
        fence_address_space(identifier & SATP_ASID_MASK);
    }
    /* The last look at old: when its bit is gone it may be destroyed. */
    __atomic_fetch_and(&old->active_harts, ~bit, __ATOMIC_RELEASE);
}

void pmap_activate(struct pmap *pmap)
{
    struct hart *hart = current_hart();
    uint64_t bit = 1ul << hart->index;

    if (!pmap)
        pmap = &kernel_pmap;
    if (pmap != hart->pmap) {
        load(hart, pmap);
    } else if (__atomic_load_n(&pmap->stale_harts, __ATOMIC_RELAXED) & bit) {
        __atomic_fetch_and(&pmap->stale_harts, ~bit, __ATOMIC_SEQ_CST);
        fence_all_translations();
    }
}

static void flush_some(const struct hart *hart, const struct fence_request *request)
{
    uint64_t asid = request->identifier & SATP_ASID_MASK;

    if (request->identifier >> IDENTIFIER_BITS != hart->asid_generation)
        fence_all_translations();
    else if (request->one_page)
        fence_address(request->address, asid);
    else
        fence_address_space(asid);
}

/* Do what a request asks for, on this hart. */
static void perform(struct hart *hart, const struct fence_request *request)
{
    switch (request->kind) {
    case FLUSH_SOME:
        flush_some(hart, request);
        break;
    case FLUSH_EVERYTHING:
        fence_all_translations();
        break;
    case FENCE_INSTRUCTIONS:
        fence_instructions();
        break;
    case LEAVE:
        if (hart->pmap == request->pmap)
            pmap_activate(NULL);
        break;
    }
}

void tlb_serve_requests(void)
{
    struct hart *hart = current_hart();
    uint64_t senders = __atomic_exchange_n(&hart->fence_senders, 0, __ATOMIC_ACQUIRE);

    while (senders) {
        struct fence_request *request = &fence_requests[__builtin_ctzl(senders)];
        senders &= senders - 1;
        perform(hart, request);
        /* A kernel thread needs no user's tables: it is asked only once. */
        if (request->kind == FLUSH_SOME && !current_thread()->aspace)
            pmap_activate(NULL);
        __atomic_fetch_and(&request->waiting, ~(1ul << hart->index), __ATOMIC_RELEASE);
    }
}

/* The other harts' part of a request, and this one's own, if it has one, meanwhile. Interrupts are
 * off, and were on before if state says so. */
static __attribute__((noinline)) void ask_others(struct hart *self,
                                                 const struct fence_request *request,
                                                 uint64_t others, bool own, uint64_t state)
{
    struct fence_request *shared = &fence_requests[self->index];

    (void)state;
    debug_assert(state && current_thread()->spin_depth == 0);
    *shared = *request;
    shared->waiting = others;
    for (uint64_t left = others; left; left &= left - 1)
        __atomic_fetch_or(&harts[__builtin_ctzl(left)].fence_senders, 1ul << self->index,
                          __ATOMIC_RELEASE);
    unsigned sent = hart_request(others, REQUEST_FENCE);
    __atomic_fetch_add(&tlb_interrupts_sent, sent, __ATOMIC_RELAXED);
    if (own)
        perform(self, request);
    while (__atomic_load_n(&shared->waiting, __ATOMIC_ACQUIRE)) {
        hart_serve_requests();
        hart_pause();
    }
}

/* Have the harts of the set perform a request, this one included if it is in, and wait. */
static void ask(const struct fence_request *request, uint64_t targets)
{
    uint64_t state = interrupts_disable();
    struct hart *self = current_hart();
    uint64_t bit = 1ul << self->index, others = targets & ~bit;

    if (others)
        ask_others(self, request, others, targets & bit, state);
    else if (targets)
        perform(self, request);
    interrupts_restore(state);
}

static uint64_t online_harts(void)
{
    uint64_t online = 0;
    for (unsigned i = 0; i < hart_count(); i++) {
        if (__atomic_load_n(&harts[i].online, __ATOMIC_ACQUIRE))
            online |= 1ul << i;
    }
    return online;
}

/* Have the harts that may have old translations forget them. */
static __attribute__((noinline)) void flush(const struct tlb_gather *gather)
{
    /* With an address, sfence.vma forgets only the leaf: not enough if a table goes as well. */
    struct fence_request request = {
        .kind = gather->several ? FLUSH_EVERYTHING : FLUSH_SOME,
        .one_page = gather->end - gather->start == PAGE_SIZE && list_empty(&gather->tables),
        .identifier = gather->identifier,
        .address = gather->start,
    };

    __atomic_fetch_add(&tlb_flush_counts[gather->cause], 1, __ATOMIC_RELAXED);
    ask(&request, gather->harts);
}

void tlb_flush(struct tlb_gather *gather)
{
    if (gather->harts)
        flush(gather);
    gather_free(gather);
}

void tlb_leave(struct pmap *pmap)
{
    struct fence_request request = {.kind = LEAVE, .pmap = pmap};
    uint64_t active;

    while ((active = __atomic_load_n(&pmap->active_harts, __ATOMIC_ACQUIRE)))
        ask(&request, active);
}

void tlb_flush_all(void)
{
    struct fence_request request = {.kind = FLUSH_EVERYTHING};
    ask(&request, online_harts());
}

void instruction_fence_all(void)
{
    struct fence_request request = {.kind = FENCE_INSTRUCTIONS};
    uint64_t harts = online_harts();

    __atomic_fetch_or(&instructions_stale, harts, __ATOMIC_SEQ_CST);
    ask(&request, harts & ~scheduler_idle_harts());
}

void tlb_end_idle(void)
{
    uint64_t bit = 1ul << hart_index();

    if (__atomic_load_n(&instructions_stale, __ATOMIC_SEQ_CST) & bit) {
        __atomic_fetch_and(&instructions_stale, ~bit, __ATOMIC_SEQ_CST);
        fence_instructions();
    }
}
