/*
 * mprotect: reserve the two pieces that a cut at each end may need, lock, cut, change the access of
 * each region and take what it lost from the page tables, unlock, flush once. What it gained is
 * found by faults.
 *
 *    before   AAAA BBBB .... CCCC     the range is marked
 *               ^^^^^^^^^^^^^^^
 *    after    AAaa bbbb .... CCCC     stops at the hole with ENOMEM, as Linux does
 */
#include "abi/errno.h"
#include "vm/amap.h"
#include "vm/commit.h"
#include "vm/vm.h"

/* What was promised stays so in a region that cannot be stored to any more: it may have pages of
 * its own. Anonymous memory without any is let off, as on Linux. */
static void change_commitment(struct region *region, unsigned access)
{
    if (region_wants_commitment(region, access))
        region->flags |= REGION_COMMITTED;
    else if (!(access & ACCESS_WRITE) && !region->object && !region->amap)
        region->flags &= ~(unsigned)REGION_COMMITTED;
}

/* Give the part of region in [start, end) its new access. */
static void change_access(struct aspace *aspace, struct region *region, vaddr_t start, vaddr_t end,
                          unsigned access, struct region *spares[2], struct tlb_gather *gather,
                          struct region **dead)
{
    bool whole = region->start >= start && region->end <= end;

    region = region_isolate(aspace, region, start, end, spares);
    unsigned lost = region->access & ~access;

    aspace_account(aspace, region, -1);
    change_commitment(region, access);
    region->access = access;
    aspace_account(aspace, region, 1);
    if (lost)
        pmap_protect(&aspace->pmap, region->start, region->end, access, gather);
    if (whole)
        region_merge(aspace, region, dead);
    else
        region_merge_new(aspace, region, dead);
}

/* May the part of region in [start, end) have this access? 0, -EACCES, -EPERM (sealed), -ENOMEM
 * (RLIMIT_DATA, committed memory, or one region too many). */
static int check_access(struct aspace *aspace, const struct region *region, vaddr_t start,
                        vaddr_t end, unsigned access)
{
    bool cut = region->start < start || region->end > end;

    if (access & ~region->max_access)
        return -EACCES;
    if (region->flags & REGION_SEALED)
        return -EPERM;
    bool becomes_data = !region->shared && !region->grows_down &&
                        !(region->access & ACCESS_WRITE) && (access & ACCESS_WRITE);
    if (becomes_data &&
        (end - start) / PAGE_SIZE + aspace->data_pages > aspace->data_limit / PAGE_SIZE)
        return -ENOMEM;
    if (region_wants_commitment(region, access) &&
        overcommit_refuses(aspace, (end - start) / PAGE_SIZE))
        return -ENOMEM;
    return cut && region->access != access && region_limit_reached(aspace) ? -ENOMEM : 0;
}

/* Does the region, with this access, get pages of its own that have to be in memory? */
static bool becomes_resident(const struct region *region, unsigned access)
{
    return (region->flags & REGION_LOCKED) && !region->shared &&
           (access & ~region->access & ACCESS_WRITE);
}

/* Change [start, end) region by region, up to a hole or a refusal; *populate: pages have to be
 * brought in. Locked for writing. */
static int protect_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned access,
                          struct region *spares[2], struct tlb_gather *gather, struct region **dead,
                          bool *populate)
{
    while (start < end) {
        struct region *region = region_find(aspace, start);
        if (!region)
            return -ENOMEM;
        vaddr_t stop = region->end < end ? region->end : end;
        int error = check_access(aspace, region, start, stop, access);
        if (error)
            return error;
        bool resident = becomes_resident(region, access);
        if (region->access != access)
            change_access(aspace, region, start, stop, access, spares, gather, dead);
        if (resident) { /* what comes next sees it with its pages, as on Linux */
            *populate = true;
            (void)region_make_amap(region_find(aspace, start));
        }
        start = stop;
    }
    return 0;
}

/* Extend the range to the end of the region that grows there: 0, -ENOMEM (hole), -EINVAL (it does
 * not grow). Nothing grows upwards on this architecture. Locked. */
static int reach_out(struct aspace *aspace, vaddr_t *start, vaddr_t end, enum protect_reach reach)
{
    struct region *region = region_find_above(aspace, *start);

    if (!region || region->start >= end || (reach == PROTECT_UPWARDS && region->start > *start))
        return -ENOMEM;
    if (reach == PROTECT_UPWARDS || !region->grows_down)
        return -EINVAL;
    *start = region->start;
    return 0;
}

int aspace_protect(struct aspace *aspace, vaddr_t start, uint64_t length, unsigned access,
                   enum protect_reach reach)
{
    struct region *spares[2], *dead = NULL;
    vaddr_t end = start + page_round_up(length);
    struct tlb_gather gather;
    int error = spares_reserve(spares);
    bool populate = false;

    if (error)
        return error;
    tlb_gather_init(&gather, &aspace->pmap, FLUSH_PROTECT);
    rwlock_write(&aspace->lock);
    if (reach != PROTECT_RANGE)
        error = reach_out(aspace, &start, end, reach);
    if (!error)
        error = protect_locked(aspace, start, end, access, spares, &gather, &dead, &populate);
    rwlock_write_done(&aspace->lock);
    tlb_flush(&gather);
    region_release_all(dead);
    spares_release(spares);
    if (populate) /* what cannot be had now is left to the first store */
        (void)aspace_populate(aspace, start, end, POPULATE_LOCKED | POPULATE_GO_ON);
    return error;
}
