/*
 * mremap: lock, then for each region concerned: check, reserve, change the truth, move what the
 * page tables know, flush; unlock. No page is copied.
 *
 *    shrink      AAAAAA    ->  AAA...            the end is unmapped
 *    grow        AAA...    ->  AAAAAA            in place, where nothing follows
 *    move        AAA..BB.. ->  .....BB..AAAAA    else to another place, if the caller allows it
 *    keep        AAA...... ->  aaa...AAA         MREMAP_DONTUNMAP: a is mapped and has no pages
 *    duplicate   SSS...... ->  SSS...SSS         old size 0: the same object a second time
 *
 * A region that moves keeps the numbers of its amap's slots. So that no two regions with different
 * numbering share an amap, it takes its amap with it only if it is the only one that uses it; else
 * its pages go into an amap of their own, or into that of the neighbour that it merges with there.
 *
 * Until the flush is complete, a hart may use translations of the old place that nobody finds any
 * more. So it is made before the locks are dropped that keep the pages where they are: the address
 * space's and, against reclaim, truncation and write-back, the object's.
 */
#include "abi/errno.h"
#include "vm/amap.h"
#include "vm/commit.h"
#include "vm/mark.h"
#include "vm/userfault.h"
#include "vm/vm.h"

/* One region's move, and what is reserved for it. */
struct move {
    vaddr_t from, to;
    uint64_t old_length, new_length;
    bool keep, duplicate;
    struct region *old_spares[2], *new_spares[2];
    struct region *copy; /* to be the region at the new place, if the old one stays */
    struct amap *amap;   /* for the moved pages: referenced; NULL: the region's own, or none */
    struct region *dead;
};

static void release(struct move *move)
{
    spares_release(move->old_spares);
    spares_release(move->new_spares);
    region_free(move->copy);
    if (move->amap)
        amap_release(move->amap);
}

/* Does region keep its amap for itself when the range moves? */
static bool takes_amap_along(const struct region *region, const struct move *move)
{
    return region->start == move->from && region->end == move->from + move->old_length &&
           __atomic_load_n(&region->amap->references, __ATOMIC_ACQUIRE) == 1;
}

/* Have the memory that cuts and a second region may need: 0 or -ENOMEM. */
static int reserve(struct move *move)
{
    int error = spares_reserve(move->old_spares);

    if (!error)
        error = spares_reserve(move->new_spares);
    if (!error && (move->keep || move->duplicate) && !(move->copy = region_allocate()))
        error = -ENOMEM;
    return error;
}

/* Put the pages that move into the amap where they are to be as well: 0 or -ENOMEM. The new place
 * is free. If move has an amap then, both are locked until leave_amap. */
static int reserve_amap(struct aspace *aspace, const struct region *region, struct move *move)
{
    struct region moved = *region;

    if (!region->amap || move->duplicate)
        return 0;
    moved.userfault = NULL;
    moved.flags &= ~(unsigned)REGION_ASK_FLAGS;
    moved.amap_offset = region_slot(region, move->from);
    if (region->object)
        moved.object_offset = region_object_index(region, move->from);
    move->amap = region_mergeable_amap(aspace, &moved, move->to, move->to + move->new_length);
    if (move->amap)
        amap_reference(move->amap);
    else if (takes_amap_along(region, move))
        return 0;
    else if (!(move->amap = amap_create(&aspace->swapped_pages)))
        return -ENOMEM;
    else
        amap_join_family(move->amap, region->amap);
    uint64_t first = moved.amap_offset, last = first + move->old_length / PAGE_SIZE - 1;
    mutex_lock(&region->amap->lock);
    mutex_lock(&move->amap->lock);
    int error = amap_share(region->amap, move->amap, first, last);
    if (error) {
        mutex_unlock(&move->amap->lock);
        mutex_unlock(&region->amap->lock);
    }
    return error;
}

/* Take the pages, which are in the new amap as well, from the old one. They stay where they are
 * until the flush, since no page of an amap leaves it while the address space is locked. */
static void leave_amap(const struct region *region, const struct move *move)
{
    uint64_t first = region_slot(region, move->from);

    amap_leave(region->amap, move->amap, first, first + move->old_length / PAGE_SIZE - 1);
    mutex_unlock(&move->amap->lock);
    mutex_unlock(&region->amap->lock);
}

/* Let place, which is in no set, begin at the new address, and number its slots. What moves is not
 * registered with userfaultfd(2) any more. */
static void put_at(struct region *place, const struct move *move)
{
    if (place->userfault)
        userfault_release(place->userfault);
    place->userfault = NULL;
    place->flags &= ~(unsigned)REGION_ASK_FLAGS;
    place->start = move->to;
    place->end = move->to + move->new_length;
    if (!place->amap)
        place->amap_offset = move->to / PAGE_SIZE;
}

/* A second region for the part of source that moves, or is duplicated; it is not in the set yet. */
static struct region *copy_part(const struct region *source, struct move *move)
{
    struct region *copy = move->copy;

    move->copy = NULL;
    *copy = *source;
    region_reference_all(copy);
    copy->amap_offset = region_slot(source, move->from);
    if (source->object)
        copy->object_offset = region_object_index(source, move->from);
    return copy;
}

/* Make the region at the new place from source, which is in the set; it stays there, without the
 * pages that move, if it is kept. */
static struct region *relocate(struct aspace *aspace, struct region *source, struct move *move)
{
    bool whole = source->end - source->start == move->old_length;
    struct region *place = source;

    aspace_account(aspace, source, -1);
    if (move->keep)
        place = copy_part(source, move);
    else
        region_remove(aspace, source);
    struct amap *amap = move->amap ? move->amap : source->amap;
    if (move->amap && whole)
        amap_release(source->amap);
    if (whole)
        source->amap = NULL; /* it keeps its numbers */
    place->amap = amap;
    move->amap = NULL;
    put_at(place, move);
    region_insert(aspace, place);
    aspace_account(aspace, place, 1);
    if (place != source)
        aspace_account(aspace, source, 1);
    return place;
}

/* Move the source region, cut to size unless it is kept; its translations follow. */
static struct region *move_region(struct aspace *aspace, struct region *source, struct move *move,
                                  struct tlb_gather *gather)
{
    struct object *object = source->object;

    if (move->amap)
        leave_amap(source, move);
    if (object)
        mutex_lock(&object->lock);
    struct region *place = relocate(aspace, source, move);
    pmap_move(&aspace->pmap, move->from, move->to, move->old_length, gather);
    tlb_flush(gather);
    if (object)
        mutex_unlock(&object->lock);
    return place;
}

/* A second region for the same part of a shared object; with MREMAP_DONTUNMAP the first one may as
 * well keep its translations, which a fault would make again. */
static struct region *duplicate_region(struct aspace *aspace, const struct region *region,
                                       struct move *move)
{
    struct region *place = copy_part(region, move);

    put_at(place, move);
    region_insert(aspace, place);
    aspace_account(aspace, place, 1);
    return place;
}

/* The region that is kept has no pages that could stay in memory: it is unlocked, the whole of it,
 * as on Linux, which does not look whether it could merge with its neighbours now. */
static void unlock_kept(struct aspace *aspace, struct region *region)
{
    aspace_account(aspace, region, -1);
    region->flags &= ~(unsigned)REGION_LOCKED_FLAGS;
    aspace_account(aspace, region, 1);
}

/* Move what is reserved, to a place that is free. */
static void perform(struct aspace *aspace, struct region *region, struct move *move,
                    struct tlb_gather *gather)
{
    if (move->duplicate || (move->keep && region->shared)) {
        region = duplicate_region(aspace, region, move);
    } else {
        if (!move->keep)
            region = region_isolate(aspace, region, move->from, move->from + move->old_length,
                                    move->old_spares);
        region = move_region(aspace, region, move, gather);
    }
    region_merge_new(aspace, region, &move->dead);
    if (move->keep) /* it may have become one with the new place, which is unlocked then as well */
        unlock_kept(aspace, region_find(aspace, move->from));
}

/* Poisoned pages are so at the new place as well: 0 or -ENOMEM. Then they are at one of the two. */
static int copy_marks(struct aspace *aspace, const struct move *move)
{
    if (!marks_exist(aspace) || move->duplicate)
        return 0;
    return marks_copy(aspace, move->from, move->from + move->old_length, aspace, move->to,
                      MARK_POISONED);
}

static void leave_marks(struct aspace *aspace, const struct move *move, bool moved)
{
    vaddr_t start = moved ? move->from : move->to;

    if (marks_exist(aspace) && !move->duplicate)
        marks_clear(aspace, start, start + move->old_length, ~0u);
}

/*
 * Unmap what is at the new place, then move there: 0, -EPERM, -ENOMEM. Without memory for page
 * numbers the new place is lost, as on Linux, and the old one is as before. Locked for writing.
 */
static int replace(struct aspace *aspace, struct move *move, struct tlb_gather *gather)
{
    vaddr_t to_end = move->to + move->new_length;
    int error = reserve(move);

    if (!error)
        error = unmap_check(aspace, move->to, to_end, move->new_spares);
    if (!error) {
        unmap_locked(aspace, move->to, to_end, move->new_spares, gather, &move->dead);
        struct region *region = region_find(aspace, move->from);
        /* A place that is duplicated onto itself has just been unmapped. */
        error = region ? copy_marks(aspace, move) : -EFAULT;
        if (!error)
            error = reserve_amap(aspace, region, move);
        if (!error)
            perform(aspace, region, move, gather);
        leave_marks(aspace, move, !error);
    }
    release(move);
    return error;
}

/* The errno of mremap(2) for growing region, from address on. */
static int check_growth(const struct aspace *aspace, const struct region *region, vaddr_t address,
                        uint64_t old_length, uint64_t new_length)
{
    uint64_t growth = (new_length - old_length) / PAGE_SIZE, end;
    uint64_t first = region->object ? region_object_index(region, address) : address / PAGE_SIZE;
    bool data = !region->shared && !region->grows_down && (region->access & ACCESS_WRITE);

    if (__builtin_add_overflow(first, new_length / PAGE_SIZE, &end))
        return -EINVAL;
    if ((region->flags & REGION_LOCKED) && !aspace_may_lock(aspace, growth))
        return -EAGAIN;
    if (!aspace_within_limits(aspace, growth, data))
        return -ENOMEM;
    return (region->flags & REGION_COMMITTED) && overcommit_refuses(aspace, growth) ? -ENOMEM : 0;
}

/* May region, from address on, be changed as requested? The checks in the order of Linux. */
static int check_region(const struct aspace *aspace, const struct region *region,
                        const struct remap_request *request)
{
    bool moves = request->flags & (REMAP_FIXED | REMAP_KEEP);
    uint64_t length = request->old_length;

    if (!region)
        return -EFAULT;
    if (region->flags & REGION_SEALED)
        return -EPERM;
    if (!moves && request->new_length <= length)
        return 0;
    if (length == 0 && !region->shared)
        return -EINVAL;
    if (request->new_length < length)
        length = request->new_length;
    if (length > region->end - request->address)
        return -EFAULT;
    return request->new_length > length
               ? check_growth(aspace, region, request->address, length, request->new_length)
               : 0;
}

/* Unmap [start, end). Locked for writing. */
static int unmap_part(struct aspace *aspace, vaddr_t start, vaddr_t end, struct tlb_gather *gather,
                      struct region **dead)
{
    struct region *spares[2];
    int error = spares_reserve(spares);

    if (error)
        return error;
    error = unmap_check(aspace, start, end, spares);
    if (!error)
        unmap_locked(aspace, start, end, spares, gather, dead);
    spares_release(spares);
    return error;
}

/* Unmap the end of a range that shrinks; but first what is at the new place, as Linux does. Locked
 * for writing. */
static int shrink(struct aspace *aspace, const struct remap_request *request,
                  struct tlb_gather *gather, struct region **dead)
{
    vaddr_t start = request->address + request->new_length;
    vaddr_t end = request->address + request->old_length;
    vaddr_t place = request->new_address;
    int error = 0;

    if (request->flags & REMAP_FIXED)
        error = unmap_part(aspace, place, place + request->new_length, gather, dead);
    if (!error && (end < start || end > user_end))
        error = -EINVAL;
    return error ? error : unmap_part(aspace, start, end, gather, dead);
}

/* Grow region at its end, if nothing is in the way. Locked for writing. */
static bool grow_in_place(struct aspace *aspace, struct region *region,
                          const struct remap_request *request, struct region **dead)
{
    vaddr_t end = request->address + request->new_length;
    const struct region *next = region_next(region);

    if (region->end != request->address + request->old_length || request->old_length == 0 ||
        end > user_end || end < region->end || (next && next->start < end))
        return false;
    aspace_account(aspace, region, -1);
    region_set_bounds(aspace, region, region->start, end);
    aspace_account(aspace, region, 1);
    region_merge(aspace, region, dead);
    return true;
}

/* Move region to the place asked for, or chosen. Locked for writing. */
static int move_to(struct aspace *aspace, struct region *region,
                   const struct remap_request *request, struct tlb_gather *gather, vaddr_t *result,
                   struct region **dead)
{
    struct move move = {
        .from = request->address,
        .to = request->new_address,
        .old_length = request->old_length,
        .new_length = request->new_length,
        .keep = request->flags & REMAP_KEEP,
        .duplicate = request->old_length == 0,
        .dead = *dead,
    };
    vaddr_t hint = request->flags & REMAP_KEEP ? request->new_address : 0;
    bool data = !region->shared && !region->grows_down && (region->access & ACCESS_WRITE);
    int error = 0;

    if (move.keep && (!aspace_within_limits(aspace, move.old_length / PAGE_SIZE, data) ||
                      ((region->flags & REGION_COMMITTED) &&
                       overcommit_refuses(aspace, move.new_length / PAGE_SIZE))))
        return -ENOMEM;
    if (!(request->flags & REMAP_FIXED))
        error = aspace_choose_place(aspace, hint, move.new_length, &move.to);
    if (!error)
        error = replace(aspace, &move, gather);
    *dead = move.dead;
    *result = move.to;
    return error;
}

/* Resize or move within one region. Locked for writing. */
static int remap_one(struct aspace *aspace, const struct remap_request *request,
                     struct tlb_gather *gather, vaddr_t *result, struct region **dead)
{
    struct region *region = region_find(aspace, request->address);
    struct remap_request rest = *request;
    int error = check_region(aspace, region, request);

    if (error)
        return error;
    if (request->new_length < request->old_length) {
        error = shrink(aspace, request, gather, dead);
        rest.old_length = rest.new_length;
    }
    *result = request->address;
    if (error ||
        (!(request->flags & (REMAP_FIXED | REMAP_KEEP)) && rest.new_length == rest.old_length))
        return error;
    if (!(request->flags & (REMAP_FIXED | REMAP_KEEP)) &&
        grow_in_place(aspace, region, request, dead))
        return 0;
    if (!(request->flags & REMAP_MAY_MOVE) || region_limit_reached(aspace))
        return -ENOMEM;
    return move_to(aspace, region_find(aspace, request->address), &rest, gather, result, dead);
}

/* Does the region refuse to move with others of the range [start, end)? Those that a userfault
 * watches do as well. Locked. */
static bool moves_alone(const struct region *region, vaddr_t start, vaddr_t end)
{
    return ((region->flags & REGION_SEGMENT) || region->userfault) &&
           (region->start > start || region->end < end);
}

/* Move every region of a range by the same distance, holes included. What is done before one fails
 * stays done, as on Linux. Locked for writing. */
static int remap_range(struct aspace *aspace, const struct remap_request *request,
                       struct tlb_gather *gather, vaddr_t *result, struct region **dead)
{
    vaddr_t address = request->address, end = address + request->old_length;
    struct region *region = region_find(aspace, address);
    int error = region ? 0 : -EFAULT;

    while (!error && region && address < end && region->start < end) {
        vaddr_t start = region->start > address ? region->start : address, ignored;
        vaddr_t stop = region->end < end ? region->end : end;
        struct remap_request part = *request;
        part.address = start;
        part.new_address = request->new_address + (start - request->address);
        part.old_length = part.new_length = stop - start;
        error = moves_alone(region, request->address, end)
                    ? -EFAULT
                    : remap_one(aspace, &part, gather, &ignored, dead);
        address = stop;
        region = region_find_above(aspace, stop);
    }
    *result = request->new_address;
    return error;
}

int aspace_remap(struct aspace *aspace, const struct remap_request *request, vaddr_t *result)
{
    bool range = (request->flags & REMAP_FIXED) && request->old_length == request->new_length;
    struct region *dead = NULL;
    struct tlb_gather gather;
    int error;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    rwlock_write(&aspace->lock);
    error = range ? remap_range(aspace, request, &gather, result, &dead)
                  : remap_one(aspace, request, &gather, result, &dead);
    vaddr_t start = *result + request->old_length, end = *result + request->new_length;
    const struct region *region = error ? NULL : region_find(aspace, *result);
    bool populate = region && (region->flags & REGION_LOCKED) && end > start;
    tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    region_release_all(dead);
    if (populate)
        (void)aspace_populate(aspace, start, end, 0);
    return error;
}
