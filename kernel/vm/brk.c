/*
 * brk: the heap is private anonymous memory from brk_start up to the page that holds brk.
 */
#include "abi/errno.h"
#include "vm/commit.h"
#include "vm/vm.h"

/* Is [start, end) free, with a page behind it, and not in the guard gap of a stack? Locked. */
static bool room_to_grow(struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    struct region *above = region_find_above(aspace, start);
    uint64_t guard = above && above->grows_down ? STACK_GUARD_GAP : 0;

    return end <= user_end && (!above || above->start >= end + PAGE_SIZE + guard);
}

/* May the heap give [start, end) back? Not if nothing is mapped there, as on Linux. Locked. */
static bool may_shrink(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region *spares[2])
{
    const struct region *region = region_find_above(aspace, start);

    return region && region->start < end && !unmap_check(aspace, start, end, spares);
}

/* Add [start, end) to the heap. Locked for writing; region is consumed on success. */
static bool grow(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region *region,
                 struct region **dead)
{
    if (overcommit_refuses(aspace, (end - start) >> PAGE_SHIFT) ||
        !room_to_grow(aspace, start, end) ||
        !aspace_within_limits(aspace, (end - start) >> PAGE_SHIFT, true) ||
        region_limit_reached(aspace) ||
        (aspace->lock_future && !aspace_may_lock(aspace, (end - start) >> PAGE_SHIFT)))
        return false;
    region->start = start;
    region->end = end;
    region->access = ACCESS_READ | ACCESS_WRITE;
    region->max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE;
    region->amap_offset = start >> PAGE_SHIFT;
    region->flags = aspace->lock_future | REGION_COMMITTED;
    region_insert(aspace, region);
    aspace_account(aspace, region, 1);
    region_merge(aspace, region, dead);
    return true;
}

uint64_t aspace_brk(struct aspace *aspace, uint64_t end)
{
    struct region *spares[2], *dead = NULL, *region = region_allocate();
    struct tlb_gather gather;

    if (!region || spares_reserve(spares)) {
        region_free(region);
        return __atomic_load_n(&aspace->brk, __ATOMIC_RELAXED);
    }
    tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    rwlock_write(&aspace->lock);
    vaddr_t old_end = page_round_up(aspace->brk), new_end = page_round_up(end);
    if (end >= aspace->brk_start && end < user_end) {
        if (new_end > old_end) {
            if (grow(aspace, old_end, new_end, region, &dead)) {
                region = NULL;
                aspace->brk = end;
            }
        } else {
            bool allowed = new_end == old_end || may_shrink(aspace, new_end, old_end, spares);
            if (allowed && new_end < old_end)
                unmap_locked(aspace, new_end, old_end, spares, &gather, &dead);
            if (allowed)
                aspace->brk = end;
        }
    }
    uint64_t result = aspace->brk;
    bool populate = (aspace->lock_future & REGION_LOCKED_FLAGS) == REGION_LOCKED && result == end &&
                    new_end > old_end;
    tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    region_release_all(dead);
    region_free(region);
    spares_release(spares);
    if (populate)
        (void)aspace_populate(aspace, old_end, new_end, 0);
    return result;
}
