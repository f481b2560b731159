/*
 * Gathering what a verb invalidates, for one flush at its end.
 *
 * Which harts to interrupt is decided when entries have been changed, against a hart that loads the
 * address space at the same moment:
 *
 *   gather_harts here                        pmap_activate there
 *   (the entries are changed)                set the hart's bit in active_harts
 *   read active_harts                        load satp
 *   set stale_harts of those that used it    read stale_harts; if the bit is set, flush
 *   read active_harts again
 *
 * Between the change and the flush the entries cannot be found in the tables any more, but are in
 * use still. So a gather that serves one address space is counted there (pmap->unflushed): whoever
 * looks for entries meanwhile, and finds them gone, flushes as if he had removed them himself.
 *
 * If neither reading of active_harts shows the hart, its bit was set after the stale bit was, which
 * it therefore sees. A hart that never loaded the address space has none of its old entries.
 */
#include "arch/riscv/gather.h"
#include "core/printk.h"

void tlb_gather_init(struct tlb_gather *gather, struct pmap *pmap, enum flush_cause cause)
{
    gather->pmap = pmap;
    gather->cause = cause;
    list_init(&gather->pages);
    list_init(&gather->tables);
    gather_reset(gather);
}

void gather_reset(struct tlb_gather *gather)
{
    gather->start = UINT64_MAX;
    gather->end = 0;
    gather->invalidated = 0;
    gather->identifier = 0;
    gather->several = false;
    gather->unflushed = false;
    gather->harts = 0;
    gather->shared_count = 0;
}

void tlb_gather_page(struct tlb_gather *gather, struct page *page)
{
    /* With the only reference nobody else can get at the page, and its link is ours. */
    if (__atomic_load_n(&page->references, __ATOMIC_ACQUIRE) == 1) {
        debug_assert(list_empty(&page->link));
        list_push_back(&gather->pages, &page->link);
        return;
    }
    if (gather->shared_count == GATHER_SHARED)
        tlb_flush(gather);
    gather->shared[gather->shared_count++] = page;
}

bool gather_unflushed(struct tlb_gather *gather, struct pmap *pmap, bool changed)
{
    if (__atomic_load_n(&pmap->unflushed, __ATOMIC_ACQUIRE) > gather->unflushed) {
        gather->start = 0;
        gather->end = user_end;
        gather->invalidated++;
        changed = true;
    }
    if (changed && gather->pmap && !gather->unflushed) {
        gather->unflushed = true;
        __atomic_fetch_add(&pmap->unflushed, 1, __ATOMIC_RELAXED);
    }
    return changed;
}

/* The flush is made: others need not make it any more. */
static void count_flushed(struct tlb_gather *gather)
{
    if (gather->unflushed)
        __atomic_fetch_sub(&gather->pmap->unflushed, 1, __ATOMIC_RELEASE);
}

void gather_harts(struct tlb_gather *gather, struct pmap *pmap)
{
    uint64_t identifier = __atomic_load_n(&pmap->identifier, __ATOMIC_RELAXED);
    uint64_t active, idle;

    debug_assert(!gather->pmap || gather->pmap == pmap);
    if (gather->identifier && gather->identifier != identifier)
        gather->several = true;
    gather->identifier = identifier;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    active = __atomic_load_n(&pmap->active_harts, __ATOMIC_RELAXED);
    idle = __atomic_load_n(&pmap->used_harts, __ATOMIC_RELAXED) & ~active;
    if (idle & ~__atomic_load_n(&pmap->stale_harts, __ATOMIC_RELAXED)) {
        __atomic_fetch_or(&pmap->stale_harts, idle, __ATOMIC_SEQ_CST);
        active |= __atomic_load_n(&pmap->active_harts, __ATOMIC_SEQ_CST);
    }
    gather->harts |= active;
}

/* Give back what was gathered; apart, for often there is nothing. */
static __attribute__((noinline)) void free_gathered(struct tlb_gather *gather)
{
    struct list *link;

    count_flushed(gather);
    while ((link = list_pop_front(&gather->pages)))
        page_release(container_of(link, struct page, link));
    for (unsigned i = 0; i < gather->shared_count; i++)
        page_release(gather->shared[i]);
    table_free_list(&gather->tables);
    gather_reset(gather);
}

void gather_free(struct tlb_gather *gather)
{
    if (gather->invalidated || gather->harts || gather->shared_count ||
        !list_empty(&gather->pages) || !list_empty(&gather->tables))
        free_gathered(gather);
}
