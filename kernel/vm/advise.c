/*
 * madvise. Four kinds of advice:
 *
 *    attributes   RANDOM, DONTFORK, ...        flags of the regions (attribute.c)
 *    discard      DONTNEED                     translations go, and the pages of amaps
 *                 FREE                         the pages are offered to all (amap.h)
 *    cache        WILLNEED, COLD, PAGEOUT,     pages of the objects come or go
 *                 REMOVE
 *    populate     POPULATE_READ, _WRITE        faults, ahead of time (populate.c)
 *
 * Discarding holds the address space for reading, as a fault does: the amap's lock keeps the two
 * apart. Advice goes on behind holes and reports them in the end.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/madvise.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "vm/amap.h"
#include "vm/attribute.h"
#include "vm/evict.h"
#include "vm/mark.h"
#include "vm/reclaim.h"
#include "vm/vm.h"

/* Nothing that a sealed region of anonymous memory holds is lost, unless a store could have done
 * that as well. */
static bool may_discard(const struct region *region)
{
    return !(region->flags & REGION_SEALED) || region->object || (region->access & ACCESS_WRITE);
}

static int check_fork(const struct region *region)
{
    return may_discard(region) ? 0 : -EPERM;
}

/* Only private anonymous memory is wiped. */
static int check_wipe(const struct region *region)
{
    return region->shared || region->object ? -EINVAL : check_fork(region);
}

/* Droppable memory is never inherited or dumped. */
static int check_droppable(const struct region *region)
{
    return region->flags & REGION_DROPPABLE ? -EINVAL : 0;
}

/* Advice that is an attribute. */
static const struct attribute_advice {
    int advice;
    struct attribute_change change;
} attribute_advice[] = {
    {MADV_NORMAL, {.clear = REGION_SEQUENTIAL | REGION_RANDOM}},
    {MADV_RANDOM, {.set = REGION_RANDOM, .clear = REGION_SEQUENTIAL}},
    {MADV_SEQUENTIAL, {.set = REGION_SEQUENTIAL, .clear = REGION_RANDOM}},
    {MADV_DONTFORK, {.set = REGION_NO_FORK, .check = check_fork}},
    {MADV_DOFORK, {.clear = REGION_NO_FORK}},
    {MADV_WIPEONFORK, {.set = REGION_WIPE_ON_FORK, .check = check_wipe}},
    {MADV_KEEPONFORK, {.clear = REGION_WIPE_ON_FORK, .check = check_droppable}},
    {MADV_DONTDUMP, {.set = REGION_NO_DUMP}},
    {MADV_DODUMP, {.clear = REGION_NO_DUMP, .check = check_droppable}},
};

/* The translations of [start, end) in region go, and private pages. Locked for reading. */
static void discard_part(struct region *region, vaddr_t start, vaddr_t end,
                         struct tlb_gather *gather)
{
    struct pmap *pmap = &region->aspace->pmap;
    struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);

    if (!amap) {
        pmap_remove(pmap, start, end, gather);
        return;
    }
    mutex_lock(&amap->lock);
    pmap_remove(pmap, start, end, gather);
    amap_remove(amap, region_slot(region, start), region_slot(region, end - 1), gather);
    mutex_unlock(&amap->lock);
}

/* The pages in region's [start, end) may go when memory is short, if they are not stored to before.
 * Locked for reading. */
static void offer_part(struct region *region, vaddr_t start, vaddr_t end, struct tlb_gather *gather)
{
    struct aspace *aspace = region->aspace;
    struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);

    if (!amap)
        return;
    mutex_lock(&amap->lock);
    pmap_protect(&aspace->pmap, start, end, region_hardware_access(region) & ~ACCESS_WRITE, gather);
    if (amap_offer(amap, region_slot(region, start), region_slot(region, end - 1)))
        evict_note_offered(aspace);
    mutex_unlock(&amap->lock);
}

/* MADV_FREE is for private anonymous memory; locked pages stay, unless the advice says otherwise.
 */
static int check_discard(const struct region *region, int advice)
{
    if (!may_discard(region))
        return -EPERM;
    if ((region->flags & REGION_LOCKED) && advice != MADV_DONTNEED_LOCKED)
        return -EINVAL;
    if (advice == MADV_FREE && (region->shared || region->object))
        return -EINVAL;
    return 0;
}

/* The protection of anonymous pages ends with them; and poison does. Locked for writing. */
static void discard_marks(const struct region *region, vaddr_t start, vaddr_t end)
{
    marks_clear(region->aspace, start, end,
                region->object ? MARK_POISONED : MARK_POISONED | MARK_PROTECTED);
}

/* Discard what is mapped of [start, end): the rest of the work of discard, locked; where there are
 * marks, for writing. */
static int discard_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, int advice,
                          struct tlb_gather *gather)
{
    bool holes = false;
    int error = 0;

    for (struct region *region = region_find_above(aspace, start);
         !error && region && region->start < end; region = region_next(region)) {
        vaddr_t stop = region->end < end ? region->end : end;
        if (region->start > start) {
            holes = true;
            start = region->start;
        }
        error = check_discard(region, advice);
        if (!error && marks_exist(aspace) && advice != MADV_FREE)
            discard_marks(region, start, stop);
        if (!error && advice == MADV_FREE)
            offer_part(region, start, stop, gather);
        else if (!error)
            discard_part(region, start, stop, gather);
        start = stop;
    }
    return error ? error : holes || start < end ? -ENOMEM : 0;
}

static int discard(struct aspace *aspace, vaddr_t start, vaddr_t end, int advice)
{
    struct tlb_gather gather;
    int error;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    rwlock_read(&aspace->lock);
    bool marks = marks_exist(aspace);
    if (!marks)
        error = discard_locked(aspace, start, end, advice, &gather);
    rwlock_read_done(&aspace->lock);
    if (marks) {
        rwlock_write(&aspace->lock);
        error = discard_locked(aspace, start, end, advice, &gather);
        rwlock_write_done(&aspace->lock);
    }
    tlb_flush(&gather);
    return error;
}

/* A part of an object, to act upon without the address space's lock. */
struct piece {
    struct object *object; /* referenced; NULL: anonymous memory */
    struct vnode *vnode;   /* referenced, or NULL */
    uint64_t start, end;   /* bytes of the object */
    vaddr_t low, high;     /* addresses */
};

/* May advice about the cache be given for region? 0 or the errno of madvise(2). */
static int check_cache(const struct region *region, int advice)
{
    bool locked = region->flags & REGION_LOCKED;

    if (advice == MADV_WILLNEED)
        return 0;
    if (advice == MADV_REMOVE && !may_discard(region))
        return -EPERM;
    if (locked || (advice == MADV_REMOVE && !region->object))
        return -EINVAL;
    if (advice == MADV_REMOVE && (!region->shared || !(region->max_access & ACCESS_WRITE)))
        return -EACCES;
    return 0;
}

/* Forget that the translations in [start, end) were used. */
static void make_cold(struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    struct tlb_gather gather;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_RECLAIM);
    rwlock_read(&aspace->lock);
    for (vaddr_t address = start; (address = pmap_next(&aspace->pmap, address, end)) < end;
         address += PAGE_SIZE)
        pmap_harvest(&aspace->pmap, address, &gather);
    rwlock_read_done(&aspace->lock);
    tlb_flush(&gather);
}

/* Private pages of the piece: colder, or to a swap area. */
static void act_on_private(struct aspace *aspace, const struct piece *piece, int advice)
{
    if (advice == MADV_COLD)
        make_cold(aspace, piece->low, piece->high);
    else if (advice == MADV_PAGEOUT)
        evict_range(aspace, piece->low, piece->high);
}

/* Only who could write to a file anyway may push its pages out, and so slow others down. */
static bool may_act(const struct piece *piece, int advice)
{
    if (!piece->object)
        return false;
    return advice != MADV_PAGEOUT || !piece->vnode || vnode_is_owner(piece->vnode) ||
           vnode_permission(piece->vnode, 2) == 0;
}

/* MADV_REMOVE: in the store as well, if there is one. */
static int make_hole(const struct piece *piece)
{
    if (piece->vnode)
        return vfs_allocate(piece->vnode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, piece->start,
                            piece->end - piece->start);
    return object_punch(piece->object, piece->start, piece->end);
}

static int act(struct aspace *aspace, const struct piece *piece, int advice)
{
    uint64_t first = piece->start >> PAGE_SHIFT, last = (piece->end - 1) >> PAGE_SHIFT;

    act_on_private(aspace, piece, advice);
    if (!may_act(piece, advice))
        return 0;
    switch (advice) {
    case MADV_WILLNEED:
        object_will_need(piece->object, first, last);
        return 0;
    case MADV_COLD:
        reclaim_object(piece->object, first, last, RECLAIM_NONE);
        return 0;
    case MADV_PAGEOUT:
        object_write_back(piece->object, piece->start, piece->end, true);
        reclaim_object(piece->object, first, last, RECLAIM_MAPPED_ONCE);
        return 0;
    default:
        return make_hole(piece);
    }
}

/* The piece of the first region of [*start, end); *start behind it. 1: a hole is before it; 2:
 * there is none. */
static int next_piece(struct aspace *aspace, vaddr_t *start, vaddr_t end, int advice,
                      struct piece *piece)
{
    int result = 2;

    *piece = (struct piece){0};
    rwlock_read(&aspace->lock);
    const struct region *region = region_find_above(aspace, *start);
    if (region && region->start < end) {
        vaddr_t low = region->start > *start ? region->start : *start;
        vaddr_t stop = region->end < end ? region->end : end;
        result = check_cache(region, advice);
        piece->low = low;
        piece->high = stop;
        if (!result && region->object) {
            piece->object = region->object;
            piece->vnode = region->vnode;
            piece->start = region_object_index(region, low) << PAGE_SHIFT;
            piece->end = piece->start + (stop - low);
            object_reference(piece->object);
            if (piece->vnode)
                vnode_reference(piece->vnode);
        }
        if (!result)
            result = low > *start;
        *start = stop;
    }
    rwlock_read_done(&aspace->lock);
    return result;
}

static int advise_cache(struct aspace *aspace, vaddr_t start, vaddr_t end, int advice)
{
    struct piece piece;
    bool holes = false;
    int error = 0;

    while (start < end && !error) {
        int result = next_piece(aspace, &start, end, advice, &piece);
        if (result < 0)
            return result;
        holes = holes || result;
        if (result == 2)
            break;
        error = act(aspace, &piece, advice);
        if (piece.object)
            object_release(piece.object);
        if (piece.vnode)
            vnode_release(piece.vnode);
    }
    return error ? error : holes ? -ENOMEM : 0;
}

/* MADV_POPULATE_*: a region that forbids the access is -EINVAL. */
static int populate(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned access)
{
    int error = aspace_populate_access(aspace, start, end, access);
    return error == -EACCES ? -EINVAL : error;
}

bool aspace_knows_advice(int advice)
{
    return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
           (advice >= MADV_FREE && advice <= MADV_DOFORK) ||
           (advice >= MADV_DONTDUMP && advice <= MADV_DONTNEED_LOCKED);
}

int aspace_advise(struct aspace *aspace, vaddr_t start, uint64_t length, int advice)
{
    vaddr_t end = start + length;

    for (unsigned i = 0; i < sizeof(attribute_advice) / sizeof(attribute_advice[0]); i++) {
        if (attribute_advice[i].advice == advice)
            return aspace_change(aspace, start, end, &attribute_advice[i].change);
    }
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
        return discard(aspace, start, end, advice);
    case MADV_WILLNEED:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_REMOVE:
        return advise_cache(aspace, start, end, advice);
    case MADV_POPULATE_READ:
        return populate(aspace, start, end, ACCESS_READ);
    case MADV_POPULATE_WRITE:
        return populate(aspace, start, end, ACCESS_WRITE);
    default:
        return -EINVAL;
    }
}
