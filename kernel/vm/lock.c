/*
 * mlock: the regions of a range are marked, then their pages are faulted in. The reclaimer leaves
 * pages that a marked region maps where they are; a marked region that grows takes its new pages
 * with it.
 */
#include "abi/errno.h"
#include "vm/attribute.h"
#include "vm/vm.h"

/* Pages of [start, end) that are locked already. Locked. */
static uint64_t pages_locked(struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    uint64_t pages = 0;

    for (const struct region *region = region_find_above(aspace, start);
         region && region->start < end; region = region_next(region)) {
        vaddr_t low = region->start > start ? region->start : start;
        vaddr_t high = region->end < end ? region->end : end;
        if (region->flags & REGION_LOCKED)
            pages += (high - low) / PAGE_SIZE;
    }
    return pages;
}

/* RLIMIT_MEMLOCK counts each page once. */
static int check_limit(struct aspace *aspace, vaddr_t start, vaddr_t end,
                       const struct attribute_change *change)
{
    uint64_t pages = (end - start) / PAGE_SIZE;

    (void)change;
    if (aspace_may_lock(aspace, pages) ||
        aspace_may_lock(aspace, pages - pages_locked(aspace, start, end)))
        return 0;
    return -ENOMEM;
}

/* mlock(2) has its own numbers for what populating finds. */
static int posix_error(int error)
{
    return error == -EFAULT ? -ENOMEM : error == -ENOMEM ? -EAGAIN : error;
}

int aspace_lock(struct aspace *aspace, vaddr_t start, uint64_t length, unsigned flags)
{
    struct attribute_change change = {
        .set = flags,
        .clear = REGION_LOCKED_FLAGS,
        .holes = HOLES_STOP,
        .limit = flags ? check_limit : NULL,
    };
    int error;

    if (start + length < start) {
        rwlock_read(&aspace->lock);
        error = flags && !aspace_may_lock(aspace, length / PAGE_SIZE) ? -ENOMEM : -EINVAL;
        rwlock_read_done(&aspace->lock);
        return error;
    }
    error = aspace_change(aspace, start, start + length, &change);
    if (!error && flags)
        error = posix_error(aspace_populate(aspace, start, start + length, 0));
    return error;
}

/* mlockall(2): the limit is for all that is mapped. */
static int check_limit_all(struct aspace *aspace, vaddr_t start, vaddr_t end,
                           const struct attribute_change *change)
{
    (void)change;
    (void)start;
    (void)end;
    return aspace->mapped_pages <= aspace->lock_limit >> PAGE_SHIFT || process_may_lock_memory()
               ? 0
               : -ENOMEM;
}

int aspace_lock_all(struct aspace *aspace, bool current, unsigned flags, unsigned future)
{
    struct attribute_change change = {
        .set = flags,
        .clear = REGION_LOCKED_FLAGS,
        .holes = HOLES_FINE,
        .limit = flags ? check_limit_all : NULL,
    };
    int error = current ? aspace_change(aspace, 0, user_end, &change) : 0;

    if (error)
        return error;
    rwlock_write(&aspace->lock);
    aspace->lock_future = future;
    rwlock_write_done(&aspace->lock);
    if (current && flags) /* what cannot be had is no error */
        (void)aspace_populate(aspace, 0, user_end, POPULATE_GO_ON);
    return 0;
}
