/*
 * Taking pages out of an object: truncation and hole punching.
 *
 *   before   | A | B | C | D |        size in D
 *   after    | A | B0|                size in B: the rest of B is zeros, C and D are gone
 *
 * The size changes first, so that no fault brings a page back; then the pages leave the index and
 * the mappings; then the private copies made of them, which only truncation removes.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/back_list.h"
#include "vm/vm.h"

/* A page of [first, last] that is being read or written, referenced; NULL: none is. Object locked.
 */
static struct page *find_in_flight(struct object *object, uint64_t first, uint64_t last)
{
    struct page *page;
    uint64_t index = first;

    while ((page = radix_next(&object->pages, index, last, &index))) {
        if (page_is(page, PAGE_BUSY | PAGE_WRITEBACK)) {
            page_reference(page);
            return page;
        }
        if (index++ == last)
            break;
    }
    return NULL;
}

/* Lock the object when no page of [first, last] is in flight, nor in a swap area, from which a
 * fault would bring it back. */
static void lock_when_idle(struct object *object, uint64_t first, uint64_t last)
{
    for (;;) {
        uint64_t index;
        mutex_lock(&object->lock);
        struct page *page = find_in_flight(object, first, last);
        if (!page && !radix_next(&object->swapped, first, last, &index))
            return;
        mutex_unlock(&object->lock);
        if (page) {
            page_wait(page, PAGE_BUSY | PAGE_WRITEBACK);
            page_release(page);
        } else {
            object_drop_swapped(object, first, last);
        }
    }
}

/* Remove the pages [first, last] from the index and every mapping; the object is locked and they
 * are idle. */
static void remove_pages(struct object *object, uint64_t first, uint64_t last,
                         struct tlb_gather *gather)
{
    struct page *page;
    uint64_t index = first;

    back_list_unmap(object, first, last, gather);
    while ((page = radix_next(&object->pages, index, last, &index))) {
        object_remove_page(object, page, gather);
        if (index++ == last)
            break;
    }
}

/* Remove private copies of the pages from first on in every region that maps them. */
static void remove_private_copies(struct object *object, uint64_t first)
{
    struct back_list_position position = {0};
    struct region *region;
    struct tlb_gather gather;

    tlb_gather_init(&gather, NULL, FLUSH_TRUNCATE);
    back_list_truncated(object);
    while ((region = back_list_next_untruncated(object, first, &position))) {
        struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);
        if (amap) {
            vaddr_t start, end;
            back_list_overlap(region, first, UINT64_MAX, &start, &end);
            mutex_lock(&amap->lock);
            pmap_remove(&region->aspace->pmap, start, end, &gather);
            amap_remove(amap, region_slot(region, start), region_slot(region, end - 1), &gather);
            mutex_unlock(&amap->lock);
        }
        back_list_done(region);
        tlb_flush(&gather);
    }
}

/* The valid page that will hold the new end, referenced; NULL if the end is on a page bound. */
static int get_tail(struct object *object, uint64_t size, struct page **tail)
{
    *tail = NULL;
    return size & PAGE_MASK ? object_get_page(object, size >> PAGE_SHIFT, tail) : 0;
}

/* Zero what lies behind the new end in its page. Object locked. */
static void zero_tail(struct object *object, struct page *tail, uint64_t size)
{
    size_t keep = size & PAGE_MASK;

    memset((char *)page_data(tail) + keep, 0, PAGE_SIZE - keep);
    if (page_is(tail, PAGE_BACKED)) {
        tail->block_flags = UINT32_MAX;
        object_dirty_locked(object, tail);
    }
}

int object_truncate(struct object *object, uint64_t size)
{
    uint64_t first = (size + PAGE_MASK) >> PAGE_SHIFT;
    struct tlb_gather gather;
    struct page *tail;
    int error = get_tail(object, size, &tail);

    if (error)
        return error;
    tlb_gather_init(&gather, NULL, FLUSH_TRUNCATE);
    mutex_lock(&object->lock);
    __atomic_store_n(&object->size, size, __ATOMIC_RELEASE);
    mutex_unlock(&object->lock);
    lock_when_idle(object, first, UINT64_MAX);
    if (tail)
        zero_tail(object, tail, size);
    remove_pages(object, first, UINT64_MAX, &gather);
    mutex_unlock(&object->lock);
    tlb_flush(&gather);
    if (tail)
        page_release(tail);
    remove_private_copies(object, first);
    return 0;
}

/* Is there no page at index? */
static bool is_absent(struct object *object, uint64_t index)
{
    mutex_lock(&object->lock);
    bool absent = !radix_lookup(&object->pages, index) && !radix_lookup(&object->swapped, index);
    mutex_unlock(&object->lock);
    return absent;
}

/* Zero the bytes [start, end), which are in one page. */
static int zero_in_page(struct object *object, uint64_t start, uint64_t end)
{
    uint64_t index = start >> PAGE_SHIFT;
    struct page *page;

    if (start >= end || start >= __atomic_load_n(&object->size, __ATOMIC_RELAXED) ||
        (object->anonymous && is_absent(object, index)))
        return 0;
    int error = object_get_page(object, index, &page);
    if (error)
        return error;
    memset((char *)page_data(page) + (start & PAGE_MASK), 0, end - start);
    object_dirty_page(object, page, UINT32_MAX);
    page_release(page);
    return 0;
}

/*
 *   start    v               v    end
 *        | A | B | C | D | E |
 *          A0  -   -   -   E0     A and E keep what is outside, B, C and D are gone
 */
int object_punch(struct object *object, uint64_t start, uint64_t end)
{
    uint64_t first = (start + PAGE_MASK) >> PAGE_SHIFT, behind = end >> PAGE_SHIFT;
    struct tlb_gather gather;
    int error = 0;

    if (start >= end)
        return 0;
    if (first > behind)
        return zero_in_page(object, start, end);
    error = zero_in_page(object, start, first << PAGE_SHIFT);
    if (!error)
        error = zero_in_page(object, behind << PAGE_SHIFT, end);
    if (error || first == behind)
        return error;
    tlb_gather_init(&gather, NULL, FLUSH_TRUNCATE);
    lock_when_idle(object, first, behind - 1);
    remove_pages(object, first, behind - 1, &gather);
    mutex_unlock(&object->lock);
    tlb_flush(&gather);
    return 0;
}
