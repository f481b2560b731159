/*
 * Registering memory that a program fills itself, and filling it; see userfault.h.
 */
#include "vm/userfault.h"
#include "abi/errno.h"
#include "core/thread.h"
#include "core/user.h"
#include "vm/amap.h"
#include "vm/attribute.h"
#include "vm/vm.h"

/* Registration */

/* Private anonymous memory, and what is backed by shared memory. */
static bool is_memory(const struct region *region)
{
    return !region->object || region->object->anonymous;
}

static int check_region(const struct region *region, const struct attribute_change *change)
{
    if (!is_memory(region))
        return -EINVAL;
    if (!change->userfault)
        return !region->userfault || region->userfault == change->registered ? 0 : -EINVAL;
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

static int change_registration(struct userfault *userfault, vaddr_t start, uint64_t length,
                               struct userfault *to)
{
    struct attribute_change change = {.watch = true,
                                      .userfault = to,
                                      .registered = userfault,
                                      .holes = HOLES_FINE,
                                      .limit = check_regions};

    return aspace_change(userfault->aspace, start, start + length, &change);
}

int userfault_register(struct userfault *userfault, vaddr_t start, uint64_t length)
{
    return change_registration(userfault, start, length, userfault);
}

int userfault_unregister(struct userfault *userfault, vaddr_t start, uint64_t length)
{
    int error = change_registration(userfault, start, length, NULL);

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

/* Supply a copy of page, or page itself, at address; end: of what is supplied together. */
static int supply(struct userfault *userfault, vaddr_t address, vaddr_t end, struct page *page)
{
    struct aspace *aspace = userfault->aspace;
    struct object *object = NULL;
    uint64_t index = 0;
    int error = 0;

    rwlock_read(&aspace->lock);
    struct region *region = region_find(aspace, address);
    if (!region || !region->userfault || end > region->end) {
        error = -ENOENT;
    } else if (!is_memory(region)) {
        error = -EINVAL;
    } else if (region->shared) {
        object = region->object;
        index = region_object_index(region, address);
        object_reference(object);
    } else {
        error = supply_private(region, address, page);
    }
    rwlock_read_done(&aspace->lock);
    if (object) {
        error = object_supply(object, index, page);
        object_release(object);
    }
    return error;
}

long userfault_fill(struct userfault *userfault, vaddr_t start, uint64_t length, vaddr_t source)
{
    uint64_t done = 0;
    int error = 0;

    while (done < length && !error) {
        struct page *page = page_allocate(0, source ? 0 : PAGE_ZERO);
        if (!page)
            error = -ENOMEM;
        else if (source && copy_from_user(page_data(page), source + done, PAGE_SIZE))
            error = -EFAULT;
        else
            error = supply(userfault, start + done, start + length, page);
        if (page)
            page_release(page);
        if (!error)
            done += PAGE_SIZE;
        if (!error && thread_killed())
            break;
    }
    return done ? (long)done : error;
}
