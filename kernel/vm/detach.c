/*
 * shmdt: unmap what is left of an attachment, as far as it still is where the attachment put it.
 * The first part of a segment above the address whose first page would be at it says which
 * attachment that is.
 */
#include "abi/errno.h"
#include "vm/vm.h"

/* Is region a part of an attachment at address, of this one (0: any)? */
static bool is_part(const struct region *region, vaddr_t address, const struct pager *pager,
                    uint64_t origin)
{
    return region->object && region->object->pager == pager &&
           (!origin || region->origin == origin) && region->start >= address &&
           (region->start - address) / PAGE_SIZE == region->object_offset;
}

/* The first part from start on, up to end, of the attachment at address; NULL: there is none. One
 * that mremap made longer than the segment is left, as on Linux. Locked. */
static struct region *next_part(struct aspace *aspace, vaddr_t start, vaddr_t end, vaddr_t address,
                                const struct pager *pager, uint64_t origin)
{
    struct region *region = region_find_above(aspace, start);

    while (region && region->end <= end && !is_part(region, address, pager, origin))
        region = region_next(region);
    return region && region->end <= end ? region : NULL;
}

int aspace_detach(struct aspace *aspace, vaddr_t address, const struct pager *pager)
{
    struct region *spares[2] = {NULL, NULL}, *dead = NULL;
    struct tlb_gather gather;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    rwlock_write(&aspace->lock);
    struct region *region = next_part(aspace, address, user_end, address, pager, 0);
    uint64_t origin = region ? region->origin : 0;
    vaddr_t end = region ? address + region->object->size : address;
    int error = region ? 0 : -EINVAL;
    while (region) {
        vaddr_t stop = region->end;
        if (!(region->flags & REGION_SEALED)) /* Linux leaves it and says nothing */
            unmap_locked(aspace, region->start, stop, spares, &gather, &dead); /* no cut */
        region = next_part(aspace, stop, end, address, pager, origin);
    }
    tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    region_release_all(dead);
    return error;
}
