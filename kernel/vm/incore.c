/*
 * mincore: which pages of a range are in memory. A page that an amap or an object has is, whether
 * or not the page tables know it.
 */
#include "abi/errno.h"
#include "fs/vnode.h"
#include "vm/amap.h"
#include "vm/vm.h"

/* May the caller learn which pages of the file are in memory? Only who could write to it; the
 * others are told that all are. */
static bool may_know(const struct region *region)
{
    return !region->vnode || vnode_is_owner(region->vnode) ||
           vnode_permission(region->vnode, 2) == 0;
}

/* Is the object's page there, with its contents? */
static bool object_has(struct object *object, uint64_t index)
{
    const struct page *page = radix_lookup(&object->pages, index);
    return page && !page_is(page, PAGE_BUSY | PAGE_ERROR);
}

static void look(struct region *region, vaddr_t start, vaddr_t end, uint8_t *vector)
{
    struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);
    bool known = may_know(region);

    if (amap)
        mutex_lock(&amap->lock);
    if (region->object)
        mutex_lock(&region->object->lock);
    for (vaddr_t address = start; address < end; address += PAGE_SIZE) {
        paddr_t frame;
        unsigned access;
        uint64_t slot = region_slot(region, address);
        bool resident = !known || (amap && amap_page(amap, slot));
        bool swapped = amap && amap_is_swapped(amap, slot);
        if (!resident && !swapped && region->object)
            resident = object_has(region->object, region_object_index(region, address));
        *vector++ = resident || pmap_query(&region->aspace->pmap, address, &frame, &access);
    }
    if (region->object)
        mutex_unlock(&region->object->lock);
    if (amap)
        mutex_unlock(&amap->lock);
}

int aspace_resident(struct aspace *aspace, vaddr_t start, unsigned count, uint8_t *vector)
{
    vaddr_t end = start + count * PAGE_SIZE;
    int error = 0;

    rwlock_read(&aspace->lock);
    while (start < end && !error) {
        struct region *region = region_find(aspace, start);
        vaddr_t stop = region && region->end < end ? region->end : end;
        if (region)
            look(region, start, stop, vector);
        else
            error = -ENOMEM;
        vector += (stop - start) / PAGE_SIZE;
        start = stop;
    }
    rwlock_read_done(&aspace->lock);
    return error;
}
