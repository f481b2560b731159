/*
 * fork: a copy of an address space. Shared regions refer to the same objects; private ones get an
 * amap of their own with the same pages, write-protected in the parent, so that the next store by
 * either copies.
 *
 *    parent   slot -> page (1)      parent   slot -\
 *                              =>                    page (2)
 *                                   child    slot -/
 *
 * The child's page tables start empty; its faults fill them.
 */
#include "abi/errno.h"
#include "vm/amap.h"
#include "vm/commit.h"
#include "vm/evict.h"
#include "vm/mark.h"
#include "vm/vm.h"

/* Give the child's copy of a region an amap of its own with the same pages: 0 or -ENOMEM. */
static int copy_amap(struct aspace *child, const struct region *region, struct region *copy)
{
    copy->amap = amap_create(&child->swapped_pages);
    if (!copy->amap)
        return -ENOMEM;
    copy->amap->inherited = true;
    return amap_copy(region->amap, copy->amap, region->amap_offset,
                     region_slot(region, region->end - 1));
}

/* Copy one region into the child: 0 or -ENOMEM. */
static int copy_region(struct aspace *child, const struct region *region, struct tlb_gather *gather)
{
    struct region *copy = region_allocate();
    int error = 0;

    if (!copy)
        return -ENOMEM;
    *copy = *region;
    copy->amap = NULL;
    copy->userfault = NULL; /* userfaultfd(2) and mlock(2): not inherited */
    copy->flags &= ~(unsigned)(REGION_ASK_FLAGS | REGION_LOCKED_FLAGS);
    region_reference_all(copy);
    if (region->amap && !(region->flags & REGION_WIPE_ON_FORK)) {
        error = copy_amap(child, region, copy);
        if (region->access & ACCESS_WRITE)
            pmap_protect(&region->aspace->pmap, region->start, region->end,
                         ACCESS_READ | ACCESS_EXECUTE, gather);
    }
    /* A page of an object is the child's to find anew, as on Linux. */
    if (!error && region->amap && marks_exist(region->aspace))
        error = marks_copy(region->aspace, region->start, region->end, child, copy->start,
                           MARK_POISONED);
    region_insert(child, copy);
    aspace_account(child, copy, 1);
    return error;
}

static void copy_numbers(struct aspace *child, const struct aspace *parent)
{
    child->brk_start = parent->brk_start;
    child->brk = parent->brk;
    child->mmap_top = parent->mmap_top;
    child->stack_top = parent->stack_top;
    child->vdso = parent->vdso;
    child->stack_limit = parent->stack_limit;
    child->address_limit = parent->address_limit;
    child->data_limit = parent->data_limit;
    child->lock_limit = parent->lock_limit;
    child->sealed = parent->sealed;
    if (__atomic_load_n(&parent->offered, __ATOMIC_RELAXED))
        evict_note_offered(child);
    child->mapped_peak = parent->mapped_pages;
    child->auxiliary_start = parent->auxiliary_start;
    child->auxiliary_end = parent->auxiliary_end;
    child->argument_start = parent->argument_start;
    child->argument_end = parent->argument_end;
    child->environment_start = parent->environment_start;
    child->environment_end = parent->environment_end;
    child->code_start = parent->code_start;
    child->code_end = parent->code_end;
    child->data_start = parent->data_start;
    child->data_end = parent->data_end;
}

int aspace_fork(struct aspace *parent, struct aspace **result)
{
    struct aspace *child = aspace_create();
    struct tlb_gather gather;
    int error = 0;

    if (!child)
        return -ENOMEM;
    tlb_gather_init(&gather, &parent->pmap, FLUSH_FORK);
    rwlock_write(&parent->lock);
    copy_numbers(child, parent);
    if (overcommit_policy == OVERCOMMIT_NEVER &&
        overcommit_refuses(parent, parent->committed_pages))
        error = -ENOMEM;
    tree_for_each (node, &parent->regions) {
        const struct region *region = container_of(node, struct region, node);
        if (!error && !(region->flags & REGION_NO_FORK))
            error = copy_region(child, region, &gather);
    }
    /* Before a fault can copy a page that a hart may still store to. */
    tlb_flush(&gather);
    rwlock_write_done(&parent->lock);
    if (error) {
        aspace_release(child);
        return error;
    }
    *result = child;
    return 0;
}
