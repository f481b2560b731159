/*
 * mmap: decode (sys/memory.c), reserve, lock, choose the place, unmap what is in it, insert, merge,
 * flush, unlock. No page is allocated and no page table entry written.
 */
#include "abi/errno.h"
#include "fs/vnode.h"
#include "vm/vm.h"

uint64_t map_origin_new(void)
{
    static uint64_t last;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

/* Is [address, address + length) in user space and free? Locked. */
static bool range_is_free(struct aspace *aspace, vaddr_t address, uint64_t length)
{
    if (address < MAPPING_LOWEST || address >= user_end || length > user_end - address)
        return false;
    struct region *above = region_find_above(aspace, address);
    if (!above)
        return true;
    uint64_t guard = above->grows_down ? STACK_GUARD_GAP : 0;
    return above->start >= address && above->start - address >= length + guard;
}

int aspace_choose_place(struct aspace *aspace, vaddr_t hint, uint64_t length, vaddr_t *address)
{
    *address = hint;
    if (hint && hint < MAPPING_LOWEST)
        *address = hint = MAPPING_LOWEST;
    if (hint && range_is_free(aspace, hint, length))
        return 0;
    if (region_find_gap(aspace, length, MAPPING_LOWEST, aspace->mmap_top, address) ||
        region_find_gap(aspace, length, aspace->mmap_top, user_end, address))
        return 0;
    return -ENOMEM;
}

/* Choose the place: 0, -ENOMEM, -EEXIST. Locked. */
static int choose_address(struct aspace *aspace, const struct map_request *request, uint64_t length,
                          vaddr_t *address)
{
    vaddr_t hint = request->address;

    if (request->flags & MAPPING_NOREPLACE) {
        struct region *above = region_find_above(aspace, hint);
        *address = hint;
        return above && above->start < hint + length ? -EEXIST : 0;
    }
    *address = hint;
    return request->flags & MAPPING_FIXED ? 0 : aspace_choose_place(aspace, hint, length, address);
}

/* Fill in a region for the request, taking its references. */
static void region_describe(struct region *region, const struct map_request *request, vaddr_t start,
                            uint64_t length)
{
    region->start = start;
    region->end = start + length;
    region->access = request->access;
    region->max_access = request->max_access;
    region->shared = request->flags & MAPPING_SHARED;
    region->grows_down = request->flags & MAPPING_GROWS_DOWN;
    region->no_reserve = request->flags & MAPPING_NORESERVE;
    region->name = request->name;
    region->amap_offset = start >> PAGE_SHIFT;
    region->object = request->object;
    region->object_offset = request->offset >> PAGE_SHIFT;
    region->vnode = request->vnode;
    region->origin = request->origin;
    region->writer = request->writer;
    region->flags = request->flags & MAPPING_LOCKED ? REGION_LOCKED : 0;
    if (request->flags & MAPPING_SEGMENT)
        region->flags |= REGION_SEGMENT;
    if (request->flags & MAPPING_DROPPABLE)
        region->flags = REGION_DROPPABLE | REGION_WIPE_ON_FORK | REGION_NO_DUMP;
    if (region_wants_commitment(region, region->access))
        region->flags |= REGION_COMMITTED;
    if (region->object)
        object_reference(region->object);
    if (region->vnode)
        vnode_reference(region->vnode);
    if (region->writer)
        vnode_write_begin(region->vnode); /* cannot fail: the open file holds it */
}

/* May length bytes be added, as far as locking goes: 0, -EPERM, -EAGAIN. Locked. */
static int check_locking(const struct aspace *aspace, const struct map_request *request,
                         uint64_t length)
{
    bool locked = (request->flags & MAPPING_LOCKED) || aspace->lock_future;

    if ((request->flags & MAPPING_LOCKED) && !aspace_may_lock_any(aspace))
        return -EPERM;
    return locked && !aspace_may_lock(aspace, length >> PAGE_SHIFT) ? -EAGAIN : 0;
}

int aspace_map_check(struct aspace *aspace, const struct map_request *request)
{
    uint64_t length = page_round_up(request->length);
    vaddr_t ignored;

    rwlock_read(&aspace->lock);
    int error =
        request->flags & MAPPING_NOREPLACE ? choose_address(aspace, request, length, &ignored) : 0;
    if (!error)
        error = check_locking(aspace, request, length);
    rwlock_read_done(&aspace->lock);
    return error;
}

/* The pages that the mapping adds: what it replaces is not counted. Locked. */
static uint64_t pages_added(struct aspace *aspace, vaddr_t start, uint64_t length)
{
    uint64_t replaced = 0;

    for (struct region *region = region_find_above(aspace, start);
         region && region->start < start + length; region = region_next(region)) {
        vaddr_t low = region->start > start ? region->start : start;
        vaddr_t high = region->end < start + length ? region->end : start + length;
        replaced += high - low;
    }
    return (length - replaced) >> PAGE_SHIFT;
}

/* Map with region and spares reserved. Locked for writing. */
static int map_locked(struct aspace *aspace, const struct map_request *request,
                      struct region **region, struct region *spares[2], struct tlb_gather *gather,
                      struct region **dead, vaddr_t *address)
{
    uint64_t length = page_round_up(request->length);
    bool data = !(request->flags & (MAPPING_SHARED | MAPPING_GROWS_DOWN)) &&
                (request->access & ACCESS_WRITE);
    int error = choose_address(aspace, request, length, address);

    if (!error)
        error = check_locking(aspace, request, length);
    if (error)
        return error;
    uint64_t added = request->flags & MAPPING_FIXED ? pages_added(aspace, *address, length)
                                                    : length >> PAGE_SHIFT;
    if (region_limit_reached(aspace) || !aspace_within_limits(aspace, added, data))
        return -ENOMEM;
    if (request->flags & MAPPING_FIXED) {
        error = unmap_check(aspace, *address, *address + length, spares);
        if (error)
            return error;
        unmap_locked(aspace, *address, *address + length, spares, gather, dead);
    }
    region_describe(*region, request, *address, length);
    (*region)->flags |= aspace->lock_future;
    region_insert(aspace, *region);
    aspace_account(aspace, *region, 1);
    region_merge_new(aspace, *region, dead);
    *region = NULL;
    return 0;
}

int aspace_map(struct aspace *aspace, const struct map_request *request, vaddr_t *address)
{
    struct region *region = region_allocate(), *spares[2] = {NULL, NULL}, *dead = NULL;
    bool fixed = request->flags & MAPPING_FIXED; /* the only kind that may replace something */
    struct tlb_gather gather;
    int error = fixed ? spares_reserve(spares) : 0;

    if (error || !region) {
        region_free(region);
        if (!error)
            spares_release(spares);
        return -ENOMEM;
    }
    if (fixed)
        tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    rwlock_write(&aspace->lock);
    error = map_locked(aspace, request, &region, spares, &gather, &dead, address);
    bool populate = (request->flags & (MAPPING_POPULATE | MAPPING_LOCKED)) ||
                    (aspace->lock_future & REGION_LOCKED_FLAGS) == REGION_LOCKED;
    if (fixed)
        tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    region_release_all(dead);
    region_free(region);
    if (fixed)
        spares_release(spares);
    if (!error && populate) /* failing to do so is no error */
        (void)aspace_populate(aspace, *address, *address + page_round_up(request->length), 0);
    return error;
}
