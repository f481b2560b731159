/*
 * Anonymous maps; see amap.h.
 */
#include "vm/amap.h"
#include "abi/errno.h"
#include "arch/riscv/pmap.h"
#include "vm/kmem.h"
#include "vm/page.h"
#include "vm/swap.h"

static struct slab_cache amap_cache;
static uint64_t families; /* atomic: how many there have been */

void amap_cache_init(void)
{
    slab_cache_init(&amap_cache, "amap", sizeof(struct amap), 8);
}

struct amap *amap_create(uint64_t *swapped)
{
    struct amap *amap = slab_allocate_zeroed(&amap_cache);

    if (!amap)
        return NULL;
    mutex_init(&amap->lock, "amap", RANK_AMAP);
    radix_init(&amap->slots);
    amap->references = 1;
    amap->swapped = swapped;
    amap->family = __atomic_add_fetch(&families, 1, __ATOMIC_RELAXED);
    return amap;
}

void amap_join_family(struct amap *amap, const struct amap *source)
{
    amap->family = source->family;
    amap->inherited = source->inherited;
}

void amap_reference(struct amap *amap)
{
    __atomic_fetch_add(&amap->references, 1, __ATOMIC_RELAXED);
}

static void count_swapped(struct amap *amap, int change)
{
    __atomic_fetch_add(amap->swapped, (uint64_t)(int64_t)change, __ATOMIC_RELAXED);
}

/* An entry has left its slot. */
static void drop_entry(struct amap *amap, void *entry)
{
    swap_entry_release(entry);
    count_swapped(amap, -1);
}

/* The slots in [slot, last] that are in use, run by run. */
struct walk {
    uint64_t slot, last;
    bool ended;
    struct radix_run run;
};

static bool walk_on(const struct amap *amap, struct walk *walk)
{
    if (walk->ended || !radix_next_run(&amap->slots, walk->slot, walk->last, &walk->run))
        return false;
    walk->slot = walk->run.first + RADIX_RUN;
    walk->ended = walk->slot == 0 || walk->slot > walk->last;
    return true;
}

/* What a run of slots holds is given up. */
static void release_run(struct amap *amap, const struct radix_run *run)
{
    radix_run_for_each (slot, run) {
        void *item = run->items[slot];
        if (is_swap_entry(item))
            drop_entry(amap, item);
        else
            page_release(item);
    }
}

void amap_release(struct amap *amap)
{
    struct walk walk = {.last = UINT64_MAX};

    if (__atomic_fetch_sub(&amap->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    while (amap->slots.count && walk_on(amap, &walk))
        release_run(amap, &walk.run);
    radix_clear(&amap->slots);
    slab_free(&amap_cache, amap);
}

struct page *amap_page(struct amap *amap, uint64_t slot)
{
    void *item = radix_lookup(&amap->slots, slot);
    return is_swap_entry(item) ? NULL : item;
}

bool amap_is_swapped(struct amap *amap, uint64_t slot)
{
    return is_swap_entry(radix_lookup(&amap->slots, slot));
}

void amap_set_swapped(struct amap *amap, uint64_t slot, void *entry)
{
    radix_replace(&amap->slots, slot, entry);
    count_swapped(amap, 1);
}

/* The entry in a slot, or NULL. */
static void *entry_at(struct amap *amap, uint64_t slot)
{
    mutex_lock(&amap->lock);
    void *item = radix_lookup(&amap->slots, slot);
    mutex_unlock(&amap->lock);
    return is_swap_entry(item) ? item : NULL;
}

/* Put the page of the entry into the slot, if the entry is still there and the page is in memory.
 */
static void claim_slot(struct amap *amap, uint64_t slot, void *entry)
{
    mutex_lock(&amap->lock);
    if (radix_lookup(&amap->slots, slot) == entry) {
        struct page *page = swap_claim(entry);
        if (page) {
            radix_replace(&amap->slots, slot, page);
            count_swapped(amap, -1);
        }
    }
    mutex_unlock(&amap->lock);
}

/* The page is read without the amap's lock: meanwhile the slot may change, and then an error is
 * that of an entry that is no more. */
int amap_swap_in(struct amap *amap, uint64_t slot)
{
    void *entry;

    while ((entry = entry_at(amap, slot))) {
        struct page *page;
        int error = swap_read(entry, &page);
        if (error && entry_at(amap, slot) == entry)
            return error;
        if (!error) {
            claim_slot(amap, slot, entry);
            page_release(page);
        }
    }
    return 0;
}

int amap_insert(struct amap *amap, uint64_t slot, struct page *page)
{
    page->index = slot;
    page_set_anonymous(page);
    return radix_insert(&amap->slots, slot, page);
}

void amap_replace(struct amap *amap, uint64_t slot, struct page *page, struct tlb_gather *gather)
{
    page->index = slot;
    page_set_anonymous(page);
    tlb_gather_page(gather, radix_replace(&amap->slots, slot, page));
}

static void gather_run(struct amap *amap, const struct radix_run *run, struct tlb_gather *gather)
{
    radix_run_for_each (slot, run) {
        void *item = run->items[slot];
        if (is_swap_entry(item))
            drop_entry(amap, item);
        else
            tlb_gather_page(gather, item);
    }
}

void amap_remove(struct amap *amap, uint64_t first, uint64_t last, struct tlb_gather *gather)
{
    struct walk walk = {.slot = first, .last = last};

    while (walk_on(amap, &walk)) {
        gather_run(amap, &walk.run, gather);
        radix_remove_run(&amap->slots, &walk.run);
    }
}

int amap_share(struct amap *amap, struct amap *other, uint64_t first, uint64_t last)
{
    struct walk walk = {.slot = first, .last = last};

    while (walk_on(amap, &walk)) {
        if (radix_share_run(&other->slots, &walk.run)) {
            if (walk.run.first > first)
                amap_leave(other, amap, first, walk.run.first - 1);
            return -ENOMEM;
        }
    }
    return 0;
}

void amap_leave(struct amap *amap, const struct amap *other, uint64_t first, uint64_t last)
{
    struct walk walk = {.slot = first, .last = last};

    while (walk_on(amap, &walk))
        radix_leave_run(&amap->slots, &walk.run, &other->slots);
}

/* The child has the run as well. */
static void reference_run(struct amap *child, const struct radix_run *run)
{
    radix_run_for_each (slot, run) {
        void *item = run->items[slot];
        if (is_swap_entry(item)) {
            swap_entry_reference(item);
            count_swapped(child, 1);
        } else {
            page_reference(item);
        }
    }
}

bool amap_offer(struct amap *amap, uint64_t first, uint64_t last)
{
    uint64_t slot = first;
    bool offered = false;
    void *item;

    while ((item = radix_next(&amap->slots, slot, last, &slot))) {
        if (is_swap_entry(item)) {
            radix_remove(&amap->slots, slot);
            drop_entry(amap, item);
        } else if (amap_owns(item)) {
            radix_tag(&amap->slots, slot);
            offered = true;
        }
        if (slot++ == last)
            break;
    }
    return offered;
}

bool amap_is_offered(struct amap *amap, uint64_t slot)
{
    return radix_tagged(&amap->slots, slot);
}

void amap_withdraw(struct amap *amap, uint64_t slot)
{
    radix_untag(&amap->slots, slot);
}

/* The slots of amap that are offered are so in child, which has the same pages. */
static void copy_offers(struct amap *amap, struct amap *child, uint64_t first, uint64_t last)
{
    for (uint64_t slot = first; radix_next_tagged(&amap->slots, slot, last, &slot); slot++) {
        radix_tag(&child->slots, slot);
        if (slot == last)
            break;
    }
}

int amap_copy(struct amap *amap, struct amap *child, uint64_t first, uint64_t last)
{
    struct walk walk = {.slot = first, .last = last};
    int error = 0;

    mutex_lock(&amap->lock);
    while (!error && walk_on(amap, &walk)) {
        error = radix_insert_run(&child->slots, &walk.run);
        if (!error)
            reference_run(child, &walk.run);
    }
    copy_offers(amap, child, first, last);
    mutex_unlock(&amap->lock);
    return error;
}

bool amap_owns(const struct page *page)
{
    return __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) == 1;
}
