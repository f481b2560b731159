/*
 * Mapping pages of shared memory that a program was asked about before (UFFDIO_CONTINUE); see
 * userfault.h.
 */
#include "abi/errno.h"
#include "core/thread.h"
#include "vm/amap.h"
#include "vm/around.h"
#include "vm/mark.h"
#include "vm/userfault.h"
#include "vm/vm.h"

/* One page, and whether it was found in a swap area or on its way: then object, referenced, has to
 * bring it first. */
struct mapping {
    struct userfault *userfault;
    vaddr_t address, end; /* end: of what is mapped together */
    bool protect;
    struct object *object;
    uint64_t index;
};

/* Map the page if nothing is at its address. The object is locked, and the address space for
 * writing. */
static int enter(struct region *region, struct mapping *mapping, struct page *page)
{
    struct aspace *aspace = region->aspace;
    unsigned access = around_access(region, page);
    struct tlb_gather gather;
    paddr_t frame;

    if (pmap_query(&aspace->pmap, mapping->address, &frame, &access))
        return -EEXIST;
    int error = mapping->protect ? mark_set(aspace, mapping->address, MARK_PROTECTED) : 0;
    if (!error && !mapping->protect)
        marks_clear(aspace, mapping->address, mapping->address + PAGE_SIZE, ~0u);
    access = around_access(region, page) & ~(mapping->protect ? ACCESS_WRITE : 0);
    tlb_gather_init(&gather, &aspace->pmap, FLUSH_COPY);
    if (!error)
        error = pmap_enter(&aspace->pmap, mapping->address, page, access, NULL, &gather);
    tlb_flush(&gather);
    return error;
}

/* The object's page at the address. The address space is locked for writing. */
static int map_resident(struct region *region, struct mapping *mapping)
{
    struct object *object = region->object;
    struct page *busy = NULL;
    int error = -EFAULT;

    mapping->index = region_object_index(region, mapping->address);
    mutex_lock(&object->lock);
    struct page *page = mapping->index < object_pages(object)
                            ? object_find_page(object, mapping->index, &busy)
                            : NULL;
    if (page) {
        error = enter(region, mapping, page);
        page_release(page);
    } else if (busy || (mapping->index < object_pages(object) &&
                        radix_lookup(&object->swapped, mapping->index))) {
        mapping->object = object;
        object_reference(object);
    }
    mutex_unlock(&object->lock);
    if (busy)
        page_release(busy);
    return error;
}

/* Is there a copy of the region's own? */
static bool has_copy(const struct region *region, vaddr_t address)
{
    if (!region->amap)
        return false;
    mutex_lock(&region->amap->lock);
    bool found = radix_lookup(&region->amap->slots, region_slot(region, address));
    mutex_unlock(&region->amap->lock);
    return found;
}

static int map_page(struct mapping *mapping)
{
    struct aspace *aspace = mapping->userfault->aspace;
    int error;

    rwlock_write(&aspace->lock);
    struct region *region = region_find(aspace, mapping->address);
    if (!region || !region->userfault || mapping->end > region->end)
        error = -ENOENT;
    else if (!region->object || !region->object->anonymous ||
             (mapping->protect && !(region->flags & REGION_ASK_PROTECTED)))
        error = -EINVAL;
    else if (has_copy(region, mapping->address))
        error = -EEXIST;
    else
        error = map_resident(region, mapping);
    rwlock_write_done(&aspace->lock);
    return error;
}

/* Have the page in memory, then map it. */
static int bring_and_map(struct mapping *mapping)
{
    for (;;) {
        struct page *page;
        mapping->object = NULL;
        int error = map_page(mapping);
        if (!mapping->object)
            return error;
        error = object_get_page(mapping->object, mapping->index, &page);
        object_release(mapping->object);
        if (error)
            return error;
        page_release(page);
    }
}

long userfault_map(struct userfault *userfault, vaddr_t start, uint64_t length, bool protect)
{
    struct mapping mapping = {.userfault = userfault, .end = start + length, .protect = protect};
    uint64_t done = 0;
    int error = 0;

    while (done < length && !error && !thread_killed()) {
        mapping.address = start + done;
        error = bring_and_map(&mapping);
        if (!error)
            done += PAGE_SIZE;
    }
    return done ? (long)done : error;
}
