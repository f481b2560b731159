/*
 * Attributes of the regions of a range, which change no page: the flags that madvise, mlock and
 * mseal set, and the names of anonymous memory. As mprotect without the page tables: reserve two
 * spares, lock, cut, change, merge, unlock.
 */
#include "vm/attribute.h"
#include "abi/errno.h"
#include "vm/mark.h"
#include "vm/userfault.h"
#include "vm/vm.h"

/* Change the part of region in [start, end). Locked for writing. */
static void change_part(struct aspace *aspace, struct region *region, vaddr_t start, vaddr_t end,
                        const struct attribute_change *change, struct region *spares[2],
                        struct region **dead)
{
    bool whole = region->start >= start && region->end <= end;

    region = region_isolate(aspace, region, start, end, spares);
    aspace_account(aspace, region, -1);
    region->flags = (region->flags & ~change->clear) | change->set;
    aspace_account(aspace, region, 1);
    if (change->rename) {
        if (region->label)
            label_release(region->label);
        region->label = change->label;
        if (region->label)
            label_reference(region->label);
    }
    if (change->watch) {
        if (region->userfault)
            userfault_release(region->userfault);
        region->userfault = change->userfault;
        if (region->userfault)
            userfault_reference(region->userfault);
        if (!(change->set & REGION_ASK_PROTECTED))
            marks_clear(aspace, region->start, region->end, MARK_PROTECTED);
    }
    if (whole)
        region_merge(aspace, region, dead);
    else
        region_merge_new(aspace, region, dead);
}

static bool changes(const struct region *region, const struct attribute_change *change)
{
    if ((region->flags & REGION_DROPPABLE) && (change->clear & REGION_LOCKED_FLAGS))
        return false;
    if (change->watch && region->userfault != change->userfault)
        return true;
    return change->rename || ((region->flags & ~change->clear) | change->set) != region->flags;
}

static int change_locked(struct aspace *aspace, vaddr_t start, vaddr_t end,
                         const struct attribute_change *change, struct region *spares[2],
                         struct region **dead)
{
    bool holes = false;

    while (start < end) {
        struct region *region = region_find_above(aspace, start);
        vaddr_t stop = region && region->end < end ? region->end : end;
        if (!region || region->start > start) {
            holes = true;
            if (change->holes == HOLES_STOP || !region || region->start >= end)
                break;
            start = region->start;
        }
        int error = change->check ? change->check(region) : 0;
        if (!error && changes(region, change)) {
            if ((region->start < start || region->end > stop) && region_limit_reached(aspace))
                return -ENOMEM;
            change_part(aspace, region, start, stop, change, spares, dead);
        }
        if (error)
            return error;
        start = stop;
    }
    return holes && change->holes != HOLES_FINE ? -ENOMEM : 0;
}

int aspace_change(struct aspace *aspace, vaddr_t start, vaddr_t end,
                  const struct attribute_change *change)
{
    struct region *spares[2], *dead = NULL;
    int error = spares_reserve(spares);

    if (error)
        return error;
    rwlock_write(&aspace->lock);
    error = change->limit ? change->limit(aspace, start, end, change) : 0;
    if (!error)
        error = change_locked(aspace, start, end, change, spares, &dead);
    rwlock_write_done(&aspace->lock);
    region_release_all(dead);
    spares_release(spares);
    return error;
}

/* Only memory that belongs to no file can have a name. */
static int check_anonymous(const struct region *region)
{
    return region->vnode ? -EBADF : 0;
}

int aspace_name(struct aspace *aspace, vaddr_t start, uint64_t length, const char *text)
{
    struct attribute_change change = {.rename = true, .check = check_anonymous};

    if (text && !(change.label = label_create(text)))
        return -ENOMEM;
    int error = aspace_change(aspace, start, start + length, &change);
    if (change.label)
        label_release(change.label);
    return error;
}

/* mseal(2) changes nothing when there is a hole; and from now on verbs look for seals. */
static int prepare_seal(struct aspace *aspace, vaddr_t start, vaddr_t end,
                        const struct attribute_change *change)
{
    (void)change;
    for (const struct region *region = NULL; start < end; start = region->end) {
        region = region_find(aspace, start);
        if (!region)
            return -ENOMEM;
    }
    aspace->sealed = true;
    return 0;
}

int aspace_seal(struct aspace *aspace, vaddr_t start, uint64_t length)
{
    struct attribute_change change = {.set = REGION_SEALED, .limit = prepare_seal};

    return aspace_change(aspace, start, start + length, &change);
}
