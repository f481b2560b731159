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
#include "vm/vm.h"

/* Give region, wholly in the range, its new access. */
static struct region *change_access(struct aspace *aspace, struct region *region, unsigned access,
                                    struct tlb_gather *gather, struct region **dead)
{
    unsigned lost = region->access & ~access;

    aspace_account(aspace, region, -1);
    region->access = access;
    aspace_account(aspace, region, 1);
    if (lost)
        pmap_protect(&aspace->pmap, region->start, region->end, access, gather);
    return region_merge(aspace, region, dead);
}

/* May the region have this access? 0, -EACCES, -ENOMEM (RLIMIT_DATA). */
static int check_access(struct aspace *aspace, const struct region *region, unsigned access)
{
    if (access & ~region->max_access)
        return -EACCES;
    bool becomes_data = !region->shared && !region->grows_down &&
                        !(region->access & ACCESS_WRITE) && (access & ACCESS_WRITE);
    if (becomes_data && region_pages(region) + aspace->data_pages > aspace->data_limit / PAGE_SIZE)
        return -ENOMEM;
    return 0;
}

/* Change [start, end) region by region, up to a hole or a refusal. Locked for writing. */
static int protect_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned access,
                          struct region *spares[2], struct tlb_gather *gather, struct region **dead)
{
    while (start < end) {
        struct region *region = region_find(aspace, start);
        if (!region)
            return -ENOMEM;
        vaddr_t stop = region->end < end ? region->end : end;
        int error = check_access(aspace, region, access);
        if (error)
            return error;
        if (region->access != access) {
            if (region->start < start) {
                struct region *upper = spares[0];
                spares[0] = NULL;
                region_split(aspace, region, start, upper);
                region = upper;
            }
            if (region->end > stop) {
                region_split(aspace, region, stop, spares[1]);
                spares[1] = NULL;
            }
            change_access(aspace, region, access, gather, dead);
        }
        start = stop;
    }
    return 0;
}

int aspace_protect(struct aspace *aspace, vaddr_t start, uint64_t length, unsigned access)
{
    struct region *spares[2], *dead = NULL;
    struct tlb_gather gather;
    int error = spares_reserve(spares);

    if (error)
        return error;
    tlb_gather_init(&gather, &aspace->pmap, FLUSH_PROTECT);
    rwlock_write(&aspace->lock);
    error = protect_locked(aspace, start, start + page_round_up(length), access, spares, &gather,
                           &dead);
    rwlock_write_done(&aspace->lock);
    tlb_flush(&gather);
    region_release_all(dead);
    spares_release(spares);
    return error;
}
