/*
 * Scanning for pages of some categories; see scan.h.
 *
 *   pages    W W . . P .          W: stored to, P: protected, . : missing
 *   runs     111 222 3 4          what is missing counts as stored to while it is not protected
 */
#include "vm/scan.h"
#include "abi/errno.h"
#include "core/thread.h"
#include "vm/mark.h"
#include "vm/page_place.h"
#include "vm/userfault.h"
#include "vm/vm.h"

/* Is there anybody to whom the protection of the region's pages would matter? */
static bool is_protectable(const struct region *region)
{
    return region->userfault && region->userfault->unasked &&
           (region->flags & REGION_ASK_PROTECTED);
}

/* Of a page that is there. */
static unsigned categories_of(const struct page_place *place)
{
    const struct page *page = page_place_page(place);

    if (!page)
        return place->item ? PAGE_IS_SWAPPED : PAGE_IS_PRESENT;
    if (page == zero_page)
        return PAGE_IS_PRESENT | PAGE_IS_PFNZERO;
    return place->item ? PAGE_IS_PRESENT : PAGE_IS_PRESENT | PAGE_IS_FILE;
}

static bool is_wanted(const struct page_scan *scan, uint64_t categories)
{
    uint64_t seen = categories ^ scan->inverted;

    return (seen & scan->mask) == scan->mask && (!scan->any || (seen & scan->any));
}

/* Tell of [start, *end), or of as much as there is room for: 0, or -ENOSPC and *end is moved. */
static int tell(struct page_scan *scan, vaddr_t start, vaddr_t *end, uint64_t categories)
{
    struct page_region *last = scan->count ? &scan->runs[scan->count - 1] : NULL;
    uint64_t pages = (*end - start) / PAGE_SIZE;
    bool more = pages > scan->most;

    categories &= scan->told;
    if (more)
        pages = scan->most;
    bool joins = last && last->end == start && last->categories == categories;
    if (!joins && pages && scan->count == scan->room) {
        pages = 0;
        more = true;
    }
    *end = start + pages * PAGE_SIZE;
    scan->most -= pages;
    if (joins)
        last->end = *end;
    else if (pages)
        scan->runs[scan->count++] = (struct page_region){start, *end, categories};
    return more ? -ENOSPC : 0;
}

static int protect(const struct region *region, vaddr_t start, vaddr_t end,
                   struct tlb_gather *gather)
{
    int error = 0;

    for (vaddr_t address = start; !error && address < end; address += PAGE_SIZE)
        error = thread_killed() ? -EINTR : mark_set(region->aspace, address, MARK_PROTECTED);
    pmap_protect(&region->aspace->pmap, start, end, region_hardware_access(region) & ~ACCESS_WRITE,
                 gather);
    return error;
}

/* The pages [scan->address, end) of region have these categories. */
static int take(struct page_scan *scan, const struct region *region, vaddr_t end,
                uint64_t categories, struct tlb_gather *gather)
{
    int full = 0, error = 0;

    if (is_protectable(region))
        categories |= PAGE_IS_WPALLOWED;
    if (is_wanted(scan, categories)) {
        if (scan->room)
            full = tell(scan, scan->address, &end, categories);
        if (scan->protects && (categories & PAGE_IS_WRITTEN) && end > scan->address)
            error = protect(region, scan->address, end, gather);
    }
    scan->address = end;
    return error ? error : full;
}

/* What region has of the range, from scan->address on. */
static int scan_region(struct page_scan *scan, const struct region *region,
                       struct tlb_gather *gather)
{
    vaddr_t stop = region->end < scan->end ? region->end : scan->end;
    struct page_place place = {.region = region};
    int error = 0;

    page_place_lock(&place);
    while (!error && scan->address < stop) {
        if (place.address < scan->address) {
            place.address = scan->address;
            page_place_find(&place, stop);
        }
        vaddr_t marked = mark_next(region->aspace, scan->address, stop);
        vaddr_t next = place.address < marked ? place.address : marked;
        unsigned categories = PAGE_IS_WRITTEN;
        if (next == scan->address) {
            next += PAGE_SIZE;
            categories = place.address == scan->address ? categories_of(&place) : PAGE_IS_SWAPPED;
            if (!(marks_of(region->aspace, scan->address) & MARK_PROTECTED))
                categories |= PAGE_IS_WRITTEN;
        }
        error = take(scan, region, next, categories, gather);
    }
    page_place_unlock(&place);
    return error;
}

/* All regions of the range, from scan->address on. */
static int scan_regions(struct aspace *aspace, struct page_scan *scan, struct tlb_gather *gather)
{
    struct region *region = region_find_above(aspace, scan->address);
    int error = 0;

    for (; !error && region && region->start < scan->end; region = region_next(region)) {
        if (scan->address < region->start)
            scan->address = region->start;
        if (scan->must_protect && !is_protectable(region))
            error = -EPERM;
        else if (!scan->protects || is_protectable(region))
            error = scan_region(scan, region, gather);
        if (thread_killed())
            error = -EINTR;
    }
    if (error != -ENOSPC)
        scan->address = scan->end;
    return error;
}

int aspace_scan(struct aspace *aspace, struct page_scan *scan)
{
    struct tlb_gather gather;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_PROTECT);
    if (scan->protects)
        rwlock_write(&aspace->lock);
    else
        rwlock_read(&aspace->lock);
    int error = scan_regions(aspace, scan, &gather);
    tlb_flush(&gather);
    if (scan->protects)
        rwlock_write_done(&aspace->lock);
    else
        rwlock_read_done(&aspace->lock);
    return error;
}
