/*
 * Frames for page tables. A table that became empty is full of zeros, as a new one must be, so a
 * few are kept: a program that maps, touches and unmaps in a loop does not pay for zeroing.
 */
#include "arch/riscv/table.h"
#include "arch/riscv/pmap.h"
#include "core/lock.h"

#define CACHED_MAX 64

static struct spinlock cache_lock = {.rank = RANK_SLAB, .name = "page tables"};
static struct list cache = LIST_INITIALIZER(cache);
static uint64_t cached;

struct page *table_allocate(void)
{
    struct list *link = NULL;

    if (__atomic_load_n(&cached, __ATOMIC_RELAXED)) {
        spin_lock(&cache_lock);
        link = list_pop_front(&cache);
        if (link)
            cached--;
        spin_unlock(&cache_lock);
    }
    if (link)
        return container_of(link, struct page, link);

    struct page *table = page_allocate(0, PAGE_ZERO | PAGE_NOWAIT);
    if (table)
        table->index = 0;
    return table;
}

void table_free(struct page *table)
{
    bool kept;

    table->index = 0;
    table->block_flags = 0;
    spin_lock(&cache_lock);
    kept = cached < CACHED_MAX;
    if (kept) {
        list_push_front(&cache, &table->link);
        cached++;
    }
    spin_unlock(&cache_lock);
    if (!kept)
        page_release(table);
}

void table_free_list(struct list *tables)
{
    struct list *link;
    while ((link = list_pop_front(tables)))
        table_free(container_of(link, struct page, link));
}

uint64_t pmap_tables_cached(void)
{
    return __atomic_load_n(&cached, __ATOMIC_RELAXED);
}

void pmap_drop_tables(void)
{
    struct list dropped, *link;

    list_init(&dropped);
    spin_lock(&cache_lock);
    list_splice_back(&dropped, &cache);
    cached = 0;
    spin_unlock(&cache_lock);
    while ((link = list_pop_front(&dropped)))
        page_release(container_of(link, struct page, link));
}
