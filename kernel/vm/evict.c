/*
 * Eviction; see evict.h.
 *
 * Private pages are found by a clock whose hand goes through all address spaces, and in each
 * through the regions and the slots of their amaps:
 *
 *    look     a page used since the hand came by last is spared, and marked unused
 *    unmap    the translations of the others go; one flush for a batch
 *    move     each goes to a swap slot, whose entry takes its place in the amap
 *
 * A page that several processes have in their amaps since a fork leaves each by itself; it is free
 * when the last has let it go. The address space is locked for reading, the amap too: so no fault
 * finds a page half way.
 *
 * Pages that were offered with MADV_FREE are not moved, but dropped. They can be found by
 * themselves, also when there is no swap area: aspace->offered says where it is worth looking.
 *
 * A page of shared memory becomes BUSY in its object, so that whoever wants it waits; then its
 * entry is put into object->swapped, and the page into the swap area, before it leaves the object:
 *
 *    pages    [i] -> page          [i] -> page, BUSY          -
 *    swapped   -            =>     [i] -> entry         =>    [i] -> entry
 */
#include "vm/evict.h"
#include "abi/errno.h"
#include "core/thread.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/back_list.h"
#include "vm/page_queue.h"
#include "vm/swap.h"
#include "vm/vm.h"

#define BATCH 32u

static struct spinlock list_lock = {.rank = RANK_QUEUES, .name = "address spaces"};
static struct list aspaces = LIST_INITIALIZER(aspaces); /* (list_lock) the next one first */
static uint32_t some_offered; /* atomic: an address space has offered set */

void evict_add_aspace(struct aspace *aspace)
{
    spin_lock(&list_lock);
    list_push_back(&aspaces, &aspace->evict_link);
    spin_unlock(&list_lock);
}

void evict_remove_aspace(struct aspace *aspace)
{
    spin_lock(&list_lock);
    list_remove(&aspace->evict_link);
    spin_unlock(&list_lock);
}

void evict_note_offered(struct aspace *aspace)
{
    __atomic_store_n(&aspace->offered, true, __ATOMIC_RELAXED);
    __atomic_store_n(&some_offered, 1, __ATOMIC_RELEASE);
}

bool evict_is_possible(void)
{
    return swap_has_room();
}

/* The next address space, which stays as long as it has walkers, or NULL. It goes to the end. */
static struct aspace *next_aspace(void)
{
    struct aspace *aspace = NULL;

    spin_lock(&list_lock);
    struct list *link = list_first(&aspaces);
    if (link) {
        aspace = container_of(link, struct aspace, evict_link);
        list_remove(link);
        list_push_back(&aspaces, link);
        __atomic_fetch_add(&aspace->walkers, 1, __ATOMIC_ACQUIRE);
    }
    spin_unlock(&list_lock);
    return aspace;
}

static void done_with(struct aspace *aspace)
{
    __atomic_fetch_sub(&aspace->walkers, 1, __ATOMIC_RELEASE);
}

static unsigned count_aspaces(void)
{
    unsigned count = 0;

    spin_lock(&list_lock);
    list_for_each (link, &aspaces)
        count++;
    spin_unlock(&list_lock);
    return count;
}

/* Private pages */

/* Slots of one amap whose pages are to go. */
struct batch {
    struct amap *amap;
    unsigned count;
    uint64_t slots[BATCH];
    struct tlb_gather gather;
};

/* Move the page in a slot out, or drop it if it is offered; false: there is no room for it. Amap
 * locked. */
static bool move_slot(struct amap *amap, uint64_t slot)
{
    struct page *page = amap_page(amap, slot);
    void *entry;

    if (amap_is_offered(amap, slot))
        radix_remove(&amap->slots, slot);
    else if (swap_out(page, &entry))
        return false;
    else
        amap_set_swapped(amap, slot, entry);
    page_release(page);
    return true;
}

/* Move the pages of the batch out, which nothing maps any more: how many. What stays is mapped
 * again by a fault. Amap locked. */
static unsigned move_out(struct batch *batch)
{
    unsigned moved = 0;

    tlb_flush(&batch->gather);
    while (moved < batch->count && move_slot(batch->amap, batch->slots[moved]))
        moved++;
    batch->count = 0;
    return moved;
}

/* What is left to do of one call. */
struct work {
    unsigned wanted, moved;
    uint64_t limit; /* pages to look at */
    vaddr_t end;    /* of the addresses to look at */
    bool offered;   /* only pages that are offered */
    bool advised;   /* used lately or not, but only pages that are in no other amap */
    bool contended; /* a lock was taken: there may be more */
};

static bool is_finished(const struct work *work)
{
    return work->moved >= work->wanted || work->limit == 0;
}

/* The next item that concerns the work in slots [*slot, last] of the amap, or NULL. Amap locked. */
static void *next_item(struct amap *amap, uint64_t *slot, uint64_t last, const struct work *work)
{
    return work->offered ? radix_next_tagged(&amap->slots, *slot, last, slot)
                         : radix_next(&amap->slots, *slot, last, slot);
}

/* Is the page at address, which is in an amap, to go? Amap locked. */
static bool is_wanted(struct pmap *pmap, vaddr_t address, const struct page *page,
                      const struct work *work, struct tlb_gather *gather)
{
    if (work->advised)
        return amap_owns(page);
    return work->offered || !pmap_harvest(pmap, address, gather);
}

/* Look at the pages of a region from an address on; the address where to go on. Amap locked. */
static vaddr_t scan_amap(struct region *region, vaddr_t address, struct work *work)
{
    struct pmap *pmap = &region->aspace->pmap;
    vaddr_t end = work->end < region->end ? work->end : region->end;
    uint64_t slot = region_slot(region, address), last = region_slot(region, end - 1);
    struct batch batch = {.amap = region->amap};
    void *item;

    tlb_gather_init(&batch.gather, pmap, FLUSH_RECLAIM);
    while (work->limit > 0 && work->moved + batch.count < work->wanted && batch.count < BATCH &&
           slot <= last && (item = next_item(region->amap, &slot, last, work))) {
        address = region->start + (slot - region->amap_offset) * PAGE_SIZE;
        if (!is_swap_entry(item)) {
            work->limit--;
            if (is_wanted(pmap, address, item, work, &batch.gather)) {
                pmap_remove(pmap, address, address + PAGE_SIZE, &batch.gather);
                batch.slots[batch.count++] = slot;
            }
        }
        address += PAGE_SIZE;
        slot++;
    }
    bool through = !is_finished(work) && batch.count < BATCH;
    work->moved += move_out(&batch);
    return through ? end : address;
}

/* As scan_amap, for one region of an address space that is locked for reading. */
static vaddr_t scan_region(struct region *region, vaddr_t address, struct work *work)
{
    struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);

    if (address < region->start)
        address = region->start;
    if (!amap || (region->flags & REGION_LOCKED))
        return region->end;
    if (work->advised) {
        mutex_lock(&amap->lock);
    } else if (!mutex_trylock_last(&amap->lock)) {
        work->contended = true;
        return region->end;
    }
    address = scan_amap(region, address, work);
    mutex_unlock(&amap->lock);
    return address;
}

/* Go on from where the hand stands in this address space, to its end at the most. If nothing
 * offered is left behind, that is noted. */
static void scan_aspace(struct aspace *aspace, struct work *work)
{
    struct region *region;

    if (!rwlock_try_read(&aspace->lock)) {
        work->contended = true;
        return;
    }
    vaddr_t hand = __atomic_load_n(&aspace->evict_hand, __ATOMIC_RELAXED);
    bool all_offered = work->offered && hand == 0;
    if (all_offered)
        __atomic_store_n(&aspace->offered, false, __ATOMIC_RELAXED);
    while (!is_finished(work) && (region = region_find_above(aspace, hand)))
        hand = scan_region(region, hand, work);
    if (!is_finished(work))
        hand = 0;
    if (all_offered && (hand || work->contended))
        __atomic_store_n(&aspace->offered, true, __ATOMIC_RELAXED);
    __atomic_store_n(&aspace->evict_hand, hand, __ATOMIC_RELAXED);
    rwlock_read_done(&aspace->lock);
}

unsigned evict_private(unsigned wanted, uint64_t limit, bool *contended)
{
    struct work work = {.wanted = wanted, .limit = limit, .end = user_end};

    for (unsigned left = 2 * count_aspaces(); left > 0 && !is_finished(&work); left--) {
        struct aspace *aspace = next_aspace();
        if (!aspace)
            break;
        scan_aspace(aspace, &work);
        done_with(aspace);
    }
    *contended |= work.contended;
    return work.moved;
}

unsigned evict_offered(unsigned wanted)
{
    struct work work = {.wanted = wanted, .limit = UINT64_MAX, .end = user_end, .offered = true};
    bool left_over = false;

    if (!__atomic_exchange_n(&some_offered, 0, __ATOMIC_ACQ_REL))
        return 0;
    for (unsigned left = count_aspaces(); left > 0; left--) {
        struct aspace *aspace = next_aspace();
        if (!aspace)
            break;
        if (!is_finished(&work) && __atomic_load_n(&aspace->offered, __ATOMIC_RELAXED))
            scan_aspace(aspace, &work);
        left_over |= __atomic_load_n(&aspace->offered, __ATOMIC_RELAXED);
        done_with(aspace);
    }
    if (left_over)
        __atomic_store_n(&some_offered, 1, __ATOMIC_RELEASE);
    return work.moved;
}

void evict_range(struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    struct work work = {.wanted = UINT32_MAX, .limit = UINT64_MAX, .end = end, .advised = true};
    struct region *region;

    rwlock_read(&aspace->lock);
    while (start < end && evict_is_possible() && (region = region_find_above(aspace, start)) &&
           region->start < end)
        start = scan_region(region, start, &work);
    rwlock_read_done(&aspace->lock);
    if (work.moved)
        write_back_hurry();
}

/* Shared memory */

/* What was stored behind the object's end, in its last page, must not come to light when it grows,
 * which finds only pages in memory. Object locked, page unmapped. */
static void zero_behind_end(const struct object *object, struct page *page)
{
    size_t keep = object->size & PAGE_MASK;

    if (page->index == object->size >> PAGE_SHIFT)
        memset((char *)page_data(page) + keep, 0, PAGE_SIZE - keep);
}

/* Make the page BUSY and unmapped, and put the entry beside it: false if it is in use. Object
 * locked. */
static bool begin_shared(struct object *object, struct page *page, void *entry,
                         struct tlb_gather *gather)
{
    if (__atomic_load_n(&object->kept, __ATOMIC_RELAXED) ||
        radix_lookup(&object->pages, page->index) != page ||
        page_is(page, PAGE_BUSY | PAGE_WRITEBACK) ||
        __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) != 2)
        return false;
    if ((page_clear(page, PAGE_REFERENCED | PAGE_REUSED) & PAGE_REFERENCED) ||
        back_list_harvest(object, page->index, gather))
        return false;
    if (radix_insert(&object->swapped, page->index, entry))
        return false;
    object_note_swapped(object);
    page_set(page, PAGE_BUSY);
    back_list_unmap(object, page->index, page->index, gather);
    page_queue_remove(page);
    return true;
}

/* Take the page out of the object, or (error) leave it there as it was. */
static void end_shared(struct object *object, struct page *page, uint64_t index, int error)
{
    mutex_lock(&object->lock);
    if (error) {
        radix_remove(&object->swapped, index);
        page_queue_insert(page);
    } else {
        radix_remove(&object->pages, index);
    }
    mutex_unlock(&object->lock);
    page_finish(page, PAGE_BUSY);
    if (!error)
        page_release(page);
}

bool evict_shared(struct object *object, struct page *page)
{
    struct tlb_gather gather;
    void *entry;

    if (swap_reserve(&entry))
        return false;
    tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
    bool begun = false;
    if (mutex_trylock_last(&object->lock)) {
        begun = begin_shared(object, page, entry, &gather);
        tlb_flush(&gather);
        if (begun)
            zero_behind_end(object, page);
        mutex_unlock(&object->lock);
    }
    if (!begun) {
        swap_entry_release(entry);
        return false;
    }
    uint64_t index = page->index;
    int error = swap_put(entry, page);
    end_shared(object, page, index, error);
    return !error;
}

/* Back */

/* A slot in [first, last] of the amap with an entry of an area that is given up. */
static bool find_leaving(struct amap *amap, uint64_t first, uint64_t last, uint64_t *slot)
{
    void *item;
    bool found = false;

    mutex_lock(&amap->lock);
    *slot = first;
    while (!found && *slot <= last && (item = radix_next(&amap->slots, *slot, last, slot))) {
        found = is_swap_entry(item) && swap_is_leaving(item);
        if (!found)
            ++*slot;
    }
    mutex_unlock(&amap->lock);
    return found;
}

/* The first amap of the address space with such a slot at or above *address, referenced, or NULL.
 */
static struct amap *find_leaving_amap(struct aspace *aspace, vaddr_t *address, uint64_t *slot)
{
    struct amap *amap = NULL;
    struct region *region;

    rwlock_read(&aspace->lock);
    while (!amap && (region = region_find_above(aspace, *address))) {
        vaddr_t start = *address > region->start ? *address : region->start;
        amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);
        if (amap && !find_leaving(amap, region_slot(region, start),
                                  region_slot(region, region->end - 1), slot))
            amap = NULL;
        *address = amap ? region->start + (*slot - region->amap_offset) * PAGE_SIZE : region->end;
    }
    if (amap)
        amap_reference(amap);
    rwlock_read_done(&aspace->lock);
    return amap;
}

static int bring_back_aspace(struct aspace *aspace)
{
    vaddr_t address = 0;
    struct amap *amap;
    uint64_t slot;
    int error = 0;

    while (!error && (amap = find_leaving_amap(aspace, &address, &slot))) {
        error = thread_signalled() ? -EINTR : amap_swap_in(amap, slot);
        amap_release(amap);
    }
    return error;
}

int evict_bring_back(void)
{
    int error = object_bring_back_all();

    for (unsigned left = count_aspaces(); left > 0 && !error; left--) {
        struct aspace *aspace = next_aspace();
        if (!aspace)
            break;
        error = bring_back_aspace(aspace);
        done_with(aspace);
    }
    return error;
}
