/*
 * mincore, cachestat: which pages of a range are in memory. A page that an amap or an object has
 * is, whether or not the page tables know it.
 */
#include "abi/errno.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/swap.h"
#include "vm/vm.h"

/* May the caller learn which pages of the file are in memory? Only who could write to it; the
 * others are told that all are. */
static bool may_know(const struct region *region)
{
    return !region->vnode || vnode_is_owner(region->vnode) ||
           vnode_permission(region->vnode, 2) == 0;
}

/* Is the object's page there, with its contents? */
static bool is_filled(const struct page *page)
{
    return page && !page_is(page, PAGE_BUSY | PAGE_ERROR);
}

/* The pages of [start, end), no more than RADIX_RUN, that the page tables do not know: look in the
 * amap and, where that has neither page nor swap slot, in the object. Both are locked. */
static void look_at_owners(struct region *region, struct amap *amap, vaddr_t start, vaddr_t end,
                           uint8_t *vector)
{
    unsigned count = (unsigned)((end - start) / PAGE_SIZE);
    void *own[RADIX_RUN] = {NULL}, *files[RADIX_RUN] = {NULL};

    if (amap)
        radix_lookup_range(&amap->slots, region_slot(region, start), count, own);
    if (region->object)
        radix_lookup_range(&region->object->pages, region_object_index(region, start), count,
                           files);
    for (unsigned i = 0; i < count; i++)
        vector[i] |= own[i] ? !is_swap_entry(own[i]) : is_filled(files[i]);
}

/* The pages of [start, end), no more than RADIX_RUN: what the page tables know is there, a page of
 * zeros, which nobody owns, as well. */
static void look_at_run(struct region *region, struct amap *amap, vaddr_t start, vaddr_t end,
                        uint8_t *vector)
{
    unsigned count = (unsigned)((end - start) / PAGE_SIZE), there = 0;
    paddr_t entered[RADIX_RUN];

    pmap_frames(&region->aspace->pmap, start, count, entered);
    for (unsigned i = 0; i < count; i++) {
        vector[i] = entered[i] != 0;
        there += vector[i];
    }
    if (there < count)
        look_at_owners(region, amap, start, end, vector);
}

static void look(struct region *region, vaddr_t start, vaddr_t end, uint8_t *vector)
{
    struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);

    if (!may_know(region)) {
        memset(vector, 1, (end - start) / PAGE_SIZE);
        return;
    }
    if (amap)
        mutex_lock(&amap->lock);
    if (region->object)
        mutex_lock(&region->object->lock);
    while (start < end) {
        vaddr_t stop = end - start > RADIX_RUN * PAGE_SIZE ? start + RADIX_RUN * PAGE_SIZE : end;
        look_at_run(region, amap, start, stop, vector);
        vector += (stop - start) / PAGE_SIZE;
        start = stop;
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

void object_survey(struct object *object, uint64_t first, uint64_t last,
                   struct object_survey *survey)
{
    uint64_t from = first, index;
    const struct page *page;

    *survey = (struct object_survey){0};
    mutex_lock(&object->lock);
    while (from <= last && (page = radix_next(&object->pages, from, last, &index))) {
        survey->resident++;
        survey->dirty += !object->anonymous && page_is(page, PAGE_DIRTY);
        survey->writing += page_is(page, PAGE_WRITEBACK);
        from = index + 1;
    }
    for (from = first; from <= last && radix_next(&object->swapped, from, last, &index);
         from = index + 1)
        survey->swapped++;
    mutex_unlock(&object->lock);
}
