/*
 * Mapping more than the page that was touched; see around.h.
 *
 * Entries that are made here have A and, if the page may be stored to, D, as all have: a page that
 * is never touched looks used to the reclaimer once.
 */
#include "vm/around.h"
#include "vm/swap.h"
#include "vm/vm.h"

#define AROUND 16u /* pages, aligned to as many */

/*
 * New pages are made ahead in large regions only, where a Linux with huge pages would have made
 * more at once; in rows, so that memory that is touched here and there stays as it is; and while
 * frames are plenty.
 */
#define AHEAD_MAX    64u
#define LARGE_REGION 512u /* pages: what a huge page has */

unsigned around_access(const struct region *region, const struct page *page)
{
    bool writable = region->shared && page_is(page, PAGE_DIRTY);
    unsigned access = region_hardware_access(region);
    return writable ? access : access & ~ACCESS_WRITE;
}

/* The neighbours of an address: the part of its aligned span that the region has. */
struct span {
    vaddr_t start;
    unsigned count;
};

static struct span span_around(const struct region *region, vaddr_t address)
{
    vaddr_t size = AROUND * PAGE_SIZE, start = address & ~(size - 1), end = start + size;

    if (start < region->start)
        start = region->start;
    if (end > region->end)
        end = region->end;
    return (struct span){start, (unsigned)((end - start) / PAGE_SIZE)};
}

/* Map page with access at its place in neighbours, unless its instructions were not made visible to
 * fetches yet. */
static void add(struct pmap_neighbour *neighbour, struct page *page, unsigned access)
{
    if (!(access & ACCESS_EXECUTE) || page_is(page, PAGE_CODE))
        *neighbour = (struct pmap_neighbour){page, access};
}

void around_object(struct region *region, struct amap *amap, vaddr_t address)
{
    struct span span = span_around(region, address);
    struct pmap_neighbour neighbours[AROUND] = {0};
    void *pages[AROUND], *copies[AROUND] = {0};
    uint64_t first = region_object_index(region, span.start);
    uint64_t limit = object_pages(region->object);

    radix_lookup_range(&region->object->pages, first, span.count, pages);
    if (amap)
        radix_lookup_range(&amap->slots, region_slot(region, span.start), span.count, copies);
    for (unsigned i = 0; i < span.count && first + i < limit; i++) {
        struct page *page = pages[i];
        if (page && !copies[i] && !page_is(page, PAGE_BUSY | PAGE_ERROR))
            add(&neighbours[i], page, around_access(region, page));
    }
    pmap_enter_neighbours(&region->aspace->pmap, span.start, neighbours, span.count,
                          amap ? NULL : &region->amap);
}

/* Is one of the span's pages offered (MADV_FREE)? A store to such a page must not go unseen. */
static bool some_offered(const struct region *region, const struct amap *amap, struct span span)
{
    uint64_t first = region_slot(region, span.start), slot;

    return radix_next_tagged(&amap->slots, first, first + span.count - 1, &slot);
}

/* Pages that others have too are left alone: the store that copies them would have to flush. */
void around_amap(struct region *region, struct amap *amap, vaddr_t address)
{
    struct span span = span_around(region, address);
    struct pmap_neighbour neighbours[AROUND] = {0};
    void *items[AROUND];

    if (some_offered(region, amap, span))
        return;
    radix_lookup_range(&amap->slots, region_slot(region, span.start), span.count, items);
    for (unsigned i = 0; i < span.count; i++)
        if (items[i] && !is_swap_entry(items[i]) && amap_owns(items[i]))
            add(&neighbours[i], items[i], region_hardware_access(region));
    pmap_enter_neighbours(&region->aspace->pmap, span.start, neighbours, span.count, NULL);
}

/* How many pages to make behind address, where a page has just been made: the greatest power of two
 * so that the slots at half of it, a quarter and so on before address are in use. */
static unsigned pages_ahead(const struct region *region, struct amap *amap, vaddr_t address)
{
    uint64_t slot = region_slot(region, address), before = (address - region->start) / PAGE_SIZE;
    uint64_t behind = (region->end - address) / PAGE_SIZE - 1;
    unsigned count = 1;

    if (region_pages(region) < LARGE_REGION || region->userfault ||
        (region->flags & (REGION_RANDOM | REGION_LOCK_ON_FAULT | REGION_DROPPABLE)))
        return 0;
    while (count <= AHEAD_MAX && count <= before && radix_lookup(&amap->slots, slot - count))
        count *= 2;
    count /= 2;
    return count < behind ? count : (unsigned)behind;
}

/* ... of these, how many are not mapped, as zeros that were read are. */
static unsigned unmapped_ahead(struct pmap *pmap, vaddr_t address, unsigned count)
{
    vaddr_t first = address + PAGE_SIZE;

    return (unsigned)((pmap_next(pmap, first, first + count * PAGE_SIZE) - first) / PAGE_SIZE);
}

void around_ahead(struct region *region, struct amap *amap, vaddr_t address)
{
    struct pmap *pmap = &region->aspace->pmap;
    unsigned count = pages_ahead(region, amap, address);
    uint64_t slot = region_slot(region, address) + 1;
    struct pmap_neighbour neighbours[AHEAD_MAX];
    unsigned made = 0, access = region_hardware_access(region);

    if (count == 0 || (access & ACCESS_EXECUTE) || page_count_is_below_high())
        return;
    count = unmapped_ahead(pmap, address, count);
    for (; made < count && !radix_lookup(&amap->slots, slot + made); made++) {
        struct page *page = page_allocate(0, PAGE_NOWAIT | PAGE_USER | PAGE_ZERO);
        if (!page)
            break;
        if (amap_insert(amap, slot + made, page)) {
            page_release(page);
            break;
        }
        neighbours[made] = (struct pmap_neighbour){page, access};
    }
    pmap_enter_neighbours(pmap, address + PAGE_SIZE, neighbours, made, NULL);
}
