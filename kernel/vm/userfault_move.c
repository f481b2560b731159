/*
 * Moving pages to where they are missing (UFFDIO_MOVE); see userfault.h. The frames change their
 * slots, no byte is copied:
 *
 *    from   A B . D        to   . . . .         the third is a hole, which may be refused
 *           . . . .             A B . D
 */
#include "abi/errno.h"
#include "core/thread.h"
#include "vm/amap.h"
#include "vm/mark.h"
#include "vm/swap.h"
#include "vm/userfault.h"
#include "vm/vm.h"

struct page_move {
    struct region *source, *target;
    vaddr_t from, to;
    bool holes; /* nothing may be moved as well */
    struct tlb_gather *gather;
};

static bool is_movable(const struct region *region, vaddr_t start, uint64_t length)
{
    return !region->shared && !region->object && (region->access & ACCESS_WRITE) &&
           region->end - start >= length;
}

/* May that many bytes be moved? */
static int check_move(const struct userfault *userfault, const struct page_move *move,
                      uint64_t length)
{
    const struct region *source = move->source, *target = move->target;

    if (!source || !target)
        return -ENOENT;
    if (!is_movable(source, move->from, length) || !is_movable(target, move->to, length) ||
        target->userfault != userfault || source->access != target->access ||
        ((source->flags ^ target->flags) & REGION_LOCKED))
        return -EINVAL;
    return 0;
}

/* Does the amap's item belong to it alone? */
static bool is_exclusive(void *item)
{
    return is_swap_entry(item) ? swap_entry_count(item) == 1 : amap_owns(item);
}

/* Nothing of the source's own is there: zeros that were read, or a hole. */
static int move_zeros(const struct page_move *move)
{
    struct pmap *pmap = &move->source->aspace->pmap;

    if (!region_shows_zeros(move->source, move->from)) {
        if (marks_of(move->source->aspace, move->from))
            return -EFAULT;
        return move->holes ? 0 : -ENOENT;
    }
    int error =
        pmap_enter(pmap, move->to, zero_page, region_hardware_access(move->target) & ~ACCESS_WRITE,
                   NULL, move->gather);
    if (!error)
        pmap_remove(pmap, move->from, move->from + PAGE_SIZE, move->gather);
    return error;
}

/* One page. The amaps are locked, that of the source may be NULL. */
static int move_page(const struct page_move *move, struct amap *from, struct amap *to)
{
    uint64_t old = region_slot(move->source, move->from), new = region_slot(move->target, move->to);
    struct aspace *aspace = move->source->aspace;
    void *item = from ? radix_lookup(&from->slots, old) : NULL;

    if (radix_lookup(&to->slots, new) || region_shows_zeros(move->target, move->to) ||
        marks_of(aspace, move->to))
        return -EEXIST;
    if (!item)
        return move_zeros(move);
    if (!is_exclusive(item))
        return -EBUSY;
    int error = radix_insert(&to->slots, new, item);
    if (error)
        return error;
    if (!is_swap_entry(item))
        ((struct page *)item)->index = new;
    pmap_remove(&aspace->pmap, move->from, move->from + PAGE_SIZE, move->gather);
    radix_remove(&from->slots, old);
    marks_clear(aspace, move->from, move->from + PAGE_SIZE, ~0u);
    return 0;
}

/* Lock the amaps and move one page. The address space is locked for writing. */
static int lock_and_move(const struct page_move *move)
{
    struct amap *from = move->source->amap, *to = region_make_amap(move->target);

    if (!to)
        return -ENOMEM;
    mutex_lock(&to->lock);
    if (from && from != to)
        mutex_lock(&from->lock);
    int error = move_page(move, from, to);
    if (from && from != to)
        mutex_unlock(&from->lock);
    mutex_unlock(&to->lock);
    return error;
}

/* The flush comes before anybody can find the pages at their new addresses. */
long userfault_move(struct userfault *userfault, vaddr_t to, vaddr_t from, uint64_t length,
                    bool holes)
{
    struct aspace *aspace = userfault->aspace;
    struct tlb_gather gather;
    uint64_t done = 0;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_UNMAP);
    rwlock_write(&aspace->lock);
    struct page_move move = {.source = region_find(aspace, from),
                             .target = region_find(aspace, to),
                             .from = from,
                             .to = to,
                             .holes = holes,
                             .gather = &gather};
    int error = check_move(userfault, &move, length);
    while (!error && done < length && !thread_killed()) {
        move.from = from + done;
        move.to = to + done;
        error = lock_and_move(&move);
        if (!error)
            done += PAGE_SIZE;
    }
    tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    return done ? (long)done : error;
}
