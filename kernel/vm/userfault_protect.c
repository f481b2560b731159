/*
 * Marking pages for a userfault: protecting them from stores, and poisoning what is missing; see
 * userfault.h and mark.h.
 */
#include "abi/errno.h"
#include "vm/amap.h"
#include "vm/mark.h"
#include "vm/userfault.h"
#include "vm/vm.h"

/* Has the region's program seen a page at address? Locked for writing. */
static bool is_there(const struct region *region, vaddr_t address)
{
    bool there = false;

    if (region->amap) {
        mutex_lock(&region->amap->lock);
        there = radix_lookup(&region->amap->slots, region_slot(region, address));
        mutex_unlock(&region->amap->lock);
    }
    return there || region_shows_zeros(region, address);
}

/* Protect the pages of region in [start, end). Of anonymous memory that is missing there is nothing
 * to protect, unless the program wants it so. */
static int protect_part(const struct userfault *userfault, struct region *region, vaddr_t start,
                        vaddr_t end, struct tlb_gather *gather)
{
    struct aspace *aspace = region->aspace;
    bool all = region->object || userfault->protects_missing;
    int error = 0;

    for (vaddr_t address = start; !error && address < end; address += PAGE_SIZE) {
        if (all || is_there(region, address))
            error = mark_set(aspace, address, MARK_PROTECTED);
    }
    pmap_protect(&aspace->pmap, start, end, region_hardware_access(region) & ~ACCESS_WRITE, gather);
    return error;
}

int userfault_protect(struct userfault *userfault, vaddr_t start, uint64_t length, bool protect)
{
    struct aspace *aspace = userfault->aspace;
    vaddr_t end = start + length;
    struct tlb_gather gather;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_PROTECT);
    rwlock_write(&aspace->lock);
    struct region *region = region_find_above(aspace, start);
    int error = region && region->start < end ? 0 : -ENOENT;
    for (; !error && region && region->start < end; region = region_next(region)) {
        vaddr_t low = region->start > start ? region->start : start;
        vaddr_t high = region->end < end ? region->end : end;
        if (!(region->flags & REGION_ASK_PROTECTED))
            error = -ENOENT;
        else if (protect)
            error = protect_part(userfault, region, low, high, &gather);
        else
            marks_clear(aspace, low, high, MARK_PROTECTED);
    }
    tlb_flush(&gather);
    rwlock_write_done(&aspace->lock);
    return error;
}

/* Poison what is missing at address; end: of what is poisoned together. */
static int poison_page(struct aspace *aspace, vaddr_t address, vaddr_t end)
{
    const struct region *region = region_find(aspace, address);
    unsigned access;
    paddr_t frame;

    if (!region || !region->userfault || end > region->end)
        return -ENOENT;
    if (region->object && !region->object->anonymous)
        return -EINVAL;
    if (region->object && region_object_index(region, address) >= object_pages(region->object))
        return -EFAULT;
    if (is_there(region, address) || pmap_query(&aspace->pmap, address, &frame, &access) ||
        marks_of(aspace, address))
        return -EEXIST;
    return mark_set(aspace, address, MARK_POISONED);
}

long userfault_poison(struct userfault *userfault, vaddr_t start, uint64_t length)
{
    struct aspace *aspace = userfault->aspace;
    uint64_t done = 0;
    int error = 0;

    rwlock_write(&aspace->lock);
    while (done < length && !(error = poison_page(aspace, start + done, start + length)))
        done += PAGE_SIZE;
    rwlock_write_done(&aspace->lock);
    return done ? (long)done : error;
}
