/*
 * The invariants of an address space, by their numbers in doc/invariants.md. The host tests check
 * them after every step, the DEBUG kernel when an address space is released.
 */
#include "core/printk.h"
#include "vm/amap.h"
#include "vm/commit.h"
#include "vm/mark.h"
#include "vm/vm.h"

#define require(number, condition, region)                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            panic("invariant %d violated by region %lx-%lx: %s", (number), (region)->start,        \
                  (region)->end, #condition);                                                      \
    } while (0)

/* Invariants 1 to 4: the region by itself and against the one below it. */
static void check_region(struct aspace *aspace, struct region *region,
                         const struct region *previous)
{
    vaddr_t floor = previous ? previous->end : 0;
    uint64_t gap = region->start - floor;

    if (region->grows_down)
        gap = gap > STACK_GUARD_GAP ? gap - STACK_GUARD_GAP : 0;
    require(1, region->start < region->end && region->end <= user_end, region);
    require(1, !((region->start | region->end) & PAGE_MASK), region);
    require(1, floor <= region->start, region);
    require(2, region->gap == gap && region->largest_gap >= gap, region);
    require(3, !region->shared || (region->object && !region->amap), region);
    require(3, !(region->access & ~region->max_access), region);
    require(4, region->aspace == aspace, region);
}

/* Invariant 6: the entry at address says nothing that regions, amaps and objects do not say. The
 * region's amap and object are locked. */
static void check_entry(struct region *region, vaddr_t address, struct page *page, unsigned access)
{
    uint64_t slot = region_slot(region, address);
    struct page *upper = region->amap ? amap_page(region->amap, slot) : NULL;
    struct page *lower =
        region->object ? radix_lookup(&region->object->pages, region_object_index(region, address))
                       : zero_page;
    unsigned marks = marks_of(region->aspace, address);

    require(6, !(marks & MARK_POISONED), region);
    require(6, !(marks & MARK_PROTECTED) || !(access & ACCESS_WRITE), region);
    require(6, !(access & ~region_hardware_access(region)), region);
    require(6, !region->amap || !amap_is_swapped(region->amap, slot), region);
    if (upper) {
        require(6, page == upper, region);
        require(6, !(access & ACCESS_WRITE) || amap_owns(page), region);
        require(6,
                !(access & ACCESS_WRITE) || (region->flags & REGION_DROPPABLE) ||
                    !amap_is_offered(region->amap, slot),
                region);
        return;
    }
    require(6, page == lower, region);
    if (access & ACCESS_WRITE) {
        require(6, region->shared, region);
        require(6, page_is(page, PAGE_DIRTY), region);
    }
}

static void check_entries(struct aspace *aspace, struct region *region)
{
    if (region->amap)
        mutex_lock(&region->amap->lock);
    if (region->object)
        mutex_lock(&region->object->lock);
    for (vaddr_t address = pmap_next(&aspace->pmap, region->start, region->end);
         address < region->end;
         address = pmap_next(&aspace->pmap, address + PAGE_SIZE, region->end)) {
        paddr_t frame;
        unsigned access;
        if (pmap_query(&aspace->pmap, address, &frame, &access))
            check_entry(region, address, page_of(frame), access);
    }
    if (region->object)
        mutex_unlock(&region->object->lock);
    if (region->amap)
        mutex_unlock(&region->amap->lock);
}

/* Invariant 5: no entry lies outside of the regions. */
static void check_gap(struct aspace *aspace, struct region *region, vaddr_t start, vaddr_t end)
{
    require(5, start >= end || pmap_next(&aspace->pmap, start, end) == end, region);
}

void aspace_check(struct aspace *aspace)
{
    struct region *previous = NULL;
    uint64_t count = 0, mapped = aspace->mapped_pages, data = aspace->data_pages;
    uint64_t locked = aspace->locked_pages, committed = aspace->committed_pages;

    tree_for_each (node, &aspace->regions) {
        struct region *region = container_of(node, struct region, node);
        check_region(aspace, region, previous);
        check_gap(aspace, region, previous ? previous->end : 0, region->start);
        check_entries(aspace, region);
        aspace_account(aspace, region, -1);
        previous = region;
        count++;
    }
    if (previous) {
        check_gap(aspace, previous, previous->end, user_end);
        require(7, aspace->mapped_pages == 0 && aspace->data_pages == 0, previous);
        require(7, aspace->region_count == count && aspace->locked_pages == 0, previous);
        require(7, aspace->committed_pages == 0, previous);
    }
    aspace->mapped_pages = mapped;
    aspace->data_pages = data;
    aspace->locked_pages = locked;
    aspace->committed_pages = committed;
    commit_change((int64_t)committed);
}
