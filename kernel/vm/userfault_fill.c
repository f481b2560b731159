/*
 * Registering memory whose faults a program is asked about, and filling it; see userfault.h.
 */
#include "vm/userfault.h"
#include "abi/errno.h"
#include "core/thread.h"
#include "core/user.h"
#include "vm/amap.h"
#include "vm/attribute.h"
#include "vm/mark.h"
#include "vm/vm.h"

/* Registration */

/* Private anonymous memory, and what is backed by shared memory. */
static bool is_memory(const struct region *region)
{
    return !region->object || region->object->anonymous;
}

/* Who is not to be asked about the protection may protect any memory. */
static bool is_possible(const struct region *region, const struct attribute_change *change)
{
    if (change->set == REGION_ASK_PROTECTED && change->userfault->unasked)
        return true;
    if ((change->set & REGION_ASK_MINOR) && !region->object)
        return false;
    return is_memory(region);
}

static int check_region(const struct region *region, const struct attribute_change *change)
{
    if (!change->userfault)
        return !region->userfault || region->userfault == change->registered ? 0 : -EINVAL;
    if ((region->flags & REGION_DROPPABLE) || !is_possible(region, change))
        return -EINVAL;
    if (!(region->max_access & ACCESS_WRITE))
        return -EPERM;
    return region->userfault && region->userfault != change->userfault ? -EBUSY : 0;
}

/* All regions are checked before one is changed. */
static int check_regions(struct aspace *aspace, vaddr_t start, vaddr_t end,
                         const struct attribute_change *change)
{
    const struct region *region = region_find_above(aspace, start);
    int error = !region ? -ENOMEM : region->start >= end ? -EINVAL : 0;

    for (; !error && region && region->start < end; region = region_next(region))
        error = check_region(region, change);
    return error;
}

/* ask: of REGION_ASK_FLAGS. */
static int change_registration(struct userfault *userfault, vaddr_t start, uint64_t length,
                               struct userfault *to, unsigned ask)
{
    struct attribute_change change = {.watch = true,
                                      .userfault = to,
                                      .registered = userfault,
                                      .set = ask,
                                      .clear = REGION_ASK_FLAGS,
                                      .holes = HOLES_FINE,
                                      .limit = check_regions};

    return aspace_change(userfault->aspace, start, start + length, &change);
}

int userfault_register(struct userfault *userfault, vaddr_t start, uint64_t length, unsigned ask)
{
    return change_registration(userfault, start, length, userfault, ask);
}

int userfault_unregister(struct userfault *userfault, vaddr_t start, uint64_t length)
{
    int error = change_registration(userfault, start, length, NULL, 0);

    if (!error)
        userfault_wake(userfault, start, length);
    return error;
}

/* Supplying pages */

/* Put page into the amap of a private region, where nothing is: the amap takes it over. */
static int supply_private(struct region *region, vaddr_t address, struct page *page)
{
    struct amap *amap = region_make_amap(region);
    uint64_t slot = region_slot(region, address);
    int error = -EEXIST;

    if (!amap)
        return -ENOMEM;
    mutex_lock(&amap->lock);
    if (!radix_lookup(&amap->slots, slot) && !region_shows_zeros(region, address))
        error = amap_insert(amap, slot, page);
    if (!error)
        page_reference(page);
    mutex_unlock(&amap->lock);
    return error;
}

/* A page to be supplied. */
struct supply {
    struct userfault *userfault;
    vaddr_t address, end; /* end: of what is supplied together */
    struct page *page;    /* it, or a copy of it, goes to the address */
    bool zeros, protect;
    unsigned marks; /* that there were */
};

/* May it be supplied in region? Then it is protected, if wanted, before it comes. */
static int begin_supply(const struct region *region, struct supply *supply)
{
    struct aspace *aspace = supply->userfault->aspace;

    if (!region || !region->userfault || supply->end > region->end)
        return -ENOENT;
    if (!is_memory(region) || (supply->protect && !(region->flags & REGION_ASK_PROTECTED)))
        return -EINVAL;
    supply->marks = marks_of(aspace, supply->address);
    if (supply->zeros && supply->marks && !region->shared)
        return -EEXIST;
    return supply->protect ? mark_set(aspace, supply->address, MARK_PROTECTED) : 0;
}

/* With a page that has come the marks of its predecessor go; one that has not leaves them. */
static void end_supply(const struct supply *supply, int error)
{
    struct aspace *aspace = supply->userfault->aspace;
    unsigned wrong = supply->marks;

    if (!error && supply->protect)
        wrong &= ~(unsigned)MARK_PROTECTED;
    else if (error)
        wrong = supply->protect ? MARK_PROTECTED & ~supply->marks : 0;
    if (wrong)
        marks_clear(aspace, supply->address, supply->address + PAGE_SIZE, wrong);
}

/* Lock the address space: for writing, if marks are concerned. */
static void lock(struct aspace *aspace, bool marks)
{
    if (marks)
        rwlock_write(&aspace->lock);
    else
        rwlock_read(&aspace->lock);
}

static void unlock(struct aspace *aspace, bool marks)
{
    if (marks)
        rwlock_write_done(&aspace->lock);
    else
        rwlock_read_done(&aspace->lock);
}

/* Pages of shared memory are supplied without the address space's lock. */
static int supply_page(struct supply *supply)
{
    struct aspace *aspace = supply->userfault->aspace;
    bool marks = supply->protect || marks_exist(aspace);
    struct object *object = NULL;
    uint64_t index = 0;

    lock(aspace, marks);
    struct region *region = region_find(aspace, supply->address);
    int error = begin_supply(region, supply);
    bool begun = !error;
    if (begun && region->shared) {
        object = region->object;
        index = region_object_index(region, supply->address);
        object_reference(object);
    } else if (begun) {
        error = supply_private(region, supply->address, supply->page);
    }
    if (begun && !object && marks)
        end_supply(supply, error);
    unlock(aspace, marks);
    if (!object)
        return error;
    error = object_supply(object, index, supply->page);
    object_release(object);
    if (marks) {
        lock(aspace, true);
        end_supply(supply, error);
        unlock(aspace, true);
    }
    return error;
}

long userfault_fill(struct userfault *userfault, vaddr_t start, uint64_t length, vaddr_t source,
                    bool protect)
{
    struct supply supply = {
        .userfault = userfault, .end = start + length, .zeros = !source, .protect = protect};
    uint64_t done = 0;
    int error = 0;

    while (done < length && !error) {
        supply.page = page_allocate(0, source ? 0 : PAGE_ZERO);
        supply.address = start + done;
        if (!supply.page)
            error = -ENOMEM;
        else if (source && copy_from_user(page_data(supply.page), source + done, PAGE_SIZE))
            error = -EFAULT;
        else
            error = supply_page(&supply);
        if (supply.page)
            page_release(supply.page);
        if (!error)
            done += PAGE_SIZE;
        if (!error && thread_killed())
            break;
    }
    return done ? (long)done : error;
}
