/*
 * munmap: reserve the two pieces that a cut at each end may need, if the range cuts a region; lock,
 * cut, take the regions out of the set and their pages out of page tables and amaps, flush once,
 * unlock, then free. Until the flush a hart may store to the old frames, so nobody may map there.
 *
 *    before   AAAA BBBB CCCC          the range is marked
 *               ^^^^^^^^^
 *    after    AA          CC          two cuts, two spares; B whole
 */
#include "abi/errno.h"
#include "vm/amap.h"
#include "vm/mark.h"
#include "vm/vm.h"

/* Remove the translations of region and the pages of its amap. */
static void drop_pages(struct region *region, struct tlb_gather *gather)
{
    struct pmap *pmap = &region->aspace->pmap;

    if (marks_exist(region->aspace))
        marks_clear(region->aspace, region->start, region->end, ~0u);
    if (!region->amap) {
        pmap_remove(pmap, region->start, region->end, gather);
        return;
    }
    mutex_lock(&region->amap->lock);
    pmap_remove(pmap, region->start, region->end, gather);
    amap_remove(region->amap, region->amap_offset, region_slot(region, region->end - 1), gather);
    mutex_unlock(&region->amap->lock);
}

void unmap_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region *spares[2],
                  struct tlb_gather *gather, struct region **dead)
{
    struct region *region = region_find_above(aspace, start);

    while (region && region->start < end) {
        region = region_isolate(aspace, region, start, end, spares);
        drop_pages(region, gather);
        aspace_account(aspace, region, -1);
        struct region *next = region_remove(aspace, region);
        region_push_dead(region, dead);
        region = next;
    }
}

int unmap_check(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region *spares[2])
{
    struct region *first = region_find_above(aspace, start);
    bool cut = first && first->start < start;

    if (region_limit_reached(aspace) && cut && first->end > end)
        return -ENOMEM;
    if (!aspace->sealed || !region_any_sealed(aspace, start, end))
        return 0;
    if (cut && !(first->flags & REGION_SEALED) && !region_limit_reached(aspace))
        region_isolate(aspace, first, start, first->end, spares);
    return -EPERM;
}

/* Does a bound of [start, end) lie inside a region? Locked. */
static bool cuts_region(struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    struct region *first = region_find_above(aspace, start);

    if (!first || first->start >= end)
        return false;
    if (first->start < start)
        return true;
    struct region *last = first->end < end ? region_find(aspace, end - 1) : first;
    return last && last->end > end;
}

/* Lock for writing, with spares if the range cuts a region, which most do not: 0, or -ENOMEM and
 * not locked. */
static int lock_and_reserve(struct aspace *aspace, vaddr_t start, vaddr_t end,
                            struct region *spares[2])
{
    spares[0] = spares[1] = NULL;
    rwlock_write(&aspace->lock);
    if (!cuts_region(aspace, start, end))
        return 0;
    rwlock_write_done(&aspace->lock);
    if (spares_reserve(spares))
        return -ENOMEM;
    rwlock_write(&aspace->lock);
    return 0;
}

int aspace_unmap(struct aspace *aspace, vaddr_t start, uint64_t length)
{
    vaddr_t end = start + page_round_up(length);
    struct region *spares[2], *dead = NULL;
    struct tlb_gather gather;
    int error = lock_and_reserve(aspace, start, end, spares);

    if (error)
        return error;
    tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    error = unmap_check(aspace, start, end, spares);
    if (!error)
        unmap_locked(aspace, start, end, spares, &gather, &dead);
    tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    region_release_all(dead);
    spares_release(spares);
    return error;
}
