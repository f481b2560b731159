/*
 * Anonymous maps; see amap.h.
 */
#include "vm/amap.h"
#include "abi/errno.h"
#include "arch/riscv/pmap.h"
#include "vm/kmem.h"
#include "vm/page.h"

static struct slab_cache amap_cache;

void amap_cache_init(void)
{
    slab_cache_init(&amap_cache, "amap", sizeof(struct amap), 8);
}

struct amap *amap_create(void)
{
    struct amap *amap = slab_allocate_zeroed(&amap_cache);

    if (!amap)
        return NULL;
    mutex_init(&amap->lock, "amap", RANK_AMAP);
    radix_init(&amap->slots);
    amap->references = 1;
    return amap;
}

void amap_reference(struct amap *amap)
{
    __atomic_fetch_add(&amap->references, 1, __ATOMIC_RELAXED);
}

void amap_release(struct amap *amap)
{
    if (__atomic_fetch_sub(&amap->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    uint64_t slot = 0;
    struct page *page;
    while ((page = radix_next(&amap->slots, slot, UINT64_MAX, &slot))) {
        page_release(page);
        if (slot++ == UINT64_MAX)
            break;
    }
    radix_clear(&amap->slots);
    slab_free(&amap_cache, amap);
}

struct page *amap_page(struct amap *amap, uint64_t slot)
{
    return radix_lookup(&amap->slots, slot);
}

int amap_insert(struct amap *amap, uint64_t slot, struct page *page)
{
    page->index = slot;
    page_set(page, PAGE_ANONYMOUS);
    return radix_insert(&amap->slots, slot, page);
}

void amap_replace(struct amap *amap, uint64_t slot, struct page *page, struct tlb_gather *gather)
{
    page->index = slot;
    page_set(page, PAGE_ANONYMOUS);
    tlb_gather_page(gather, radix_replace(&amap->slots, slot, page));
}

void amap_remove(struct amap *amap, uint64_t first, uint64_t last, struct tlb_gather *gather)
{
    struct page *page;
    uint64_t slot = first;

    while ((page = radix_next(&amap->slots, slot, last, &slot))) {
        radix_remove(&amap->slots, slot);
        tlb_gather_page(gather, page);
        if (slot++ == last)
            break;
    }
}

int amap_copy(struct amap *amap, struct amap *child, uint64_t first, uint64_t last)
{
    struct page *page;
    uint64_t slot = first;
    int error = 0;

    mutex_lock(&amap->lock);
    while (!error && (page = radix_next(&amap->slots, slot, last, &slot))) {
        error = radix_insert(&child->slots, slot, page);
        if (!error)
            page_reference(page);
        if (slot++ == last)
            break;
    }
    mutex_unlock(&amap->lock);
    return error;
}

bool amap_owns(const struct page *page)
{
    return __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) == 1;
}
