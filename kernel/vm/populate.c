/*
 * Faulting ranges in before a program touches them: MAP_POPULATE, mlock, MADV_POPULATE_READ and
 * MADV_POPULATE_WRITE. A region is looked up, and its pages faulted in with the lock dropped; then
 * the next one is looked up.
 */
#include "abi/errno.h"
#include "core/thread.h"
#include "vm/vm.h"

/* The access that brings a page of region in as the program will use it: private pages that can be
 * stored to are copied now. 0: none is allowed. */
static unsigned natural_access(const struct region *region)
{
    unsigned access = region_hardware_access(region);

    if (!region->shared && (access & ACCESS_WRITE))
        return ACCESS_WRITE;
    return access & ACCESS_READ ? ACCESS_READ : access & ACCESS_EXECUTE;
}

/* What to fault in next. */
struct stretch {
    vaddr_t start, end;
    unsigned access; /* 0: the region allows none */
    bool locked;
    bool on_fault; /* leave it to the first touch */
};

/* The part of [start, end) that the first region there has; false: there is none. */
static bool next_stretch(struct aspace *aspace, vaddr_t start, vaddr_t end, struct stretch *stretch)
{
    rwlock_read(&aspace->lock);
    const struct region *region = region_find_above(aspace, start);
    bool found = region && region->start < end;
    if (found) {
        stretch->start = region->start > start ? region->start : start;
        stretch->end = region->end < end ? region->end : end;
        stretch->access = natural_access(region);
        stretch->locked = region->flags & REGION_LOCKED;
        stretch->on_fault = region->flags & REGION_LOCK_ON_FAULT;
    }
    rwlock_read_done(&aspace->lock);
    return found;
}

static int error_of(enum fault_result result)
{
    return result == FAULT_NO_MEMORY ? -ENOMEM : result == FAULT_POISON ? -EHWPOISON : -EFAULT;
}

/* Fault every page of [start, end) in with access. */
static int fault_in(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned access)
{
    for (vaddr_t address = start; address < end; address += PAGE_SIZE) {
        enum fault_result result = aspace_fault(aspace, address, access);
        if (result != FAULT_OK)
            return error_of(result);
        if (thread_killed())
            return -EINTR;
    }
    return 0;
}

int aspace_populate(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned mode)
{
    struct stretch stretch;
    int first_error = 0;

    while (start < end && next_stretch(aspace, start, end, &stretch)) {
        int error = 0;
        if (!stretch.on_fault && (stretch.locked || !(mode & POPULATE_LOCKED)))
            error = stretch.access ? fault_in(aspace, stretch.start, stretch.end, stretch.access)
                                   : -EFAULT;
        if (error && (error == -EINTR || !(mode & POPULATE_GO_ON)))
            return error;
        if (!first_error)
            first_error = error;
        start = stretch.end;
    }
    return first_error;
}

int aspace_populate_access(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned access)
{
    while (start < end) {
        rwlock_read(&aspace->lock);
        const struct region *region = region_find(aspace, start);
        vaddr_t stop = region && region->end < end ? region->end : end;
        bool allowed = region && (region->access & access);
        rwlock_read_done(&aspace->lock);
        if (!region)
            return -ENOMEM;
        if (!allowed)
            return -EACCES;
        int error = fault_in(aspace, start, stop, access);
        if (error)
            return error;
        start = stop;
    }
    return 0;
}
