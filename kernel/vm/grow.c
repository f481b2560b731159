/*
 * Growing down: the region above an address that a fault found free is extended to it, if it is a
 * stack or another mapping that grows down, as far as its limits and the guard gap allow.
 */
#include "vm/commit.h"
#include "vm/vm.h"

bool region_reaches_down(struct aspace *aspace, vaddr_t address)
{
    struct region *above = region_find_above(aspace, address);

    return above && above->grows_down && above->end - address <= aspace->stack_limit;
}

/* Do the limits allow region to grow down to address? */
static bool may_grow(const struct aspace *aspace, const struct region *region, vaddr_t address)
{
    uint64_t pages = (region->start - address) / PAGE_SIZE;

    return address >= MAPPING_LOWEST && aspace_within_limits(aspace, pages, false) &&
           !overcommit_refuses(aspace, pages) &&
           (!(region->flags & REGION_LOCKED) || aspace_may_lock(aspace, pages));
}

/* Is there nothing in the gap below address that could be used? */
static bool is_guarded(const struct region *region, vaddr_t address)
{
    const struct region *previous = region_previous(region);

    return !previous || !previous->access || previous->grows_down ||
           address >= previous->end + STACK_GUARD_GAP;
}

bool aspace_grow_down(struct aspace *aspace, vaddr_t address)
{
    bool grown = false;

    rwlock_write(&aspace->lock);
    struct region *region = region_find_above(aspace, address);
    if (region && region->start <= address) {
        grown = true; /* somebody else grew it */
    } else if (region && region_reaches_down(aspace, address) && is_guarded(region, address) &&
               /* With an amap it keeps its numbers wherever it moves, as on Linux. */
               region_make_amap(region) && may_grow(aspace, region, address)) {
        aspace_account(aspace, region, -1);
        region_set_bounds(aspace, region, address, region->end);
        aspace_account(aspace, region, 1);
        grown = true;
    }
    rwlock_write_done(&aspace->lock);
    return grown;
}
