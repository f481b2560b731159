/*
 * Between two attempts of a fault (vm/fault.c): get what the last one could not have while it held
 * locks. Here all may sleep. What is found is not kept, but for a frame: the next attempt looks
 * again.
 */
#include "abi/errno.h"
#include "vm/amap.h"
#include "vm/fault.h"
#include "vm/mark.h"

static bool give_up(struct fault *fault, enum fault_result result)
{
    fault->result = result;
    return false;
}

/* True, unless there was an error in getting a page. */
static bool has_got(struct fault *fault, int error)
{
    return !error || give_up(fault, error == -ENOMEM ? FAULT_NO_MEMORY : FAULT_BUS);
}

/* Wait for fault->page and see whether it came. Drops the references. */
static bool await_page(struct fault *fault)
{
    page_wait(fault->page, PAGE_BUSY);
    bool valid = !page_is(fault->page, PAGE_ERROR);
    page_release(fault->page);
    object_release(fault->object);
    return valid || give_up(fault, FAULT_BUS);
}

static bool read_page(struct fault *fault)
{
    int error = object_start_read(fault->object, fault->index, &fault->page);

    if (error) {
        object_release(fault->object);
        return has_got(fault, error);
    }
    __atomic_fetch_add(&fault->aspace->major_faults, 1, __ATOMIC_RELAXED);
    return await_page(fault);
}

static bool reserve_space(struct fault *fault)
{
    int error = fault->object->pager->reserve(fault->object, fault->index);

    if (!error)
        page_set(fault->page, PAGE_BACKED);
    page_release(fault->page);
    object_release(fault->object);
    return has_got(fault, error);
}

static bool swap_in(struct fault *fault)
{
    int error = amap_swap_in(fault->amap, fault->slot);

    amap_release(fault->amap);
    if (!error)
        __atomic_fetch_add(&fault->aspace->major_faults, 1, __ATOMIC_RELAXED);
    return has_got(fault, error);
}

/* A signal ends the wait: it is acted upon, then the program tries again. */
static bool wait_for_user(struct fault *fault)
{
    int error = userfault_sleep(&fault->wait, fault->by_user);

    if (error && !fault->by_user)
        return give_up(fault, FAULT_BUS);
    return !error;
}

/* The protection of the page is over, with nobody asked. */
static bool take_mark(struct fault *fault)
{
    rwlock_write(&fault->aspace->lock);
    marks_clear(fault->aspace, fault->address, fault->address + PAGE_SIZE, MARK_PROTECTED);
    rwlock_write_done(&fault->aspace->lock);
    return true;
}

/* Get frames by reclaiming, keeping one if it is to be the copy. */
static bool get_frame(struct fault *fault, bool keep)
{
    struct page *page = page_allocate(0, 0);

    if (!page)
        return give_up(fault, FAULT_NO_MEMORY);
    if (keep && !fault->spare)
        fault->spare = page;
    else
        page_release(page);
    return true;
}

bool fault_resolve(struct fault *fault, enum outcome need)
{
    switch (need) {
    case AGAIN:
        return true;
    case NEED_FRAME:
        return get_frame(fault, true);
    case NEED_TABLE:
        return get_frame(fault, false);
    case NEED_READ:
        return read_page(fault);
    case NEED_WAIT:
        return await_page(fault);
    case NEED_SPACE:
        return reserve_space(fault);
    case NEED_SWAP:
        return swap_in(fault);
    case NEED_STACK:
        return aspace_grow_down(fault->aspace, fault->address) || give_up(fault, FAULT_NO_REGION);
    case NEED_USER:
        return wait_for_user(fault);
    case NEED_MARK:
        return take_mark(fault);
    default:
        return false;
    }
}
