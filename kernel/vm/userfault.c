/*
 * Memory that a program fills itself; see userfault.h.
 */
#include "vm/userfault.h"
#include "abi/poll.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "core/wait.h"
#include "vm/kmem.h"
#include "vm/mark.h"
#include "vm/vm.h"

static struct slab_cache cache;

void userfault_cache_init(void)
{
    slab_cache_init(&cache, "userfault", sizeof(struct userfault), 8);
}

struct userfault *userfault_create(struct aspace *aspace, bool users_only)
{
    struct userfault *userfault = slab_allocate_zeroed(&cache);

    if (!userfault)
        return NULL;
    spin_init(&userfault->lock, "userfault", RANK_DEVICE);
    wait_queue_init(&userfault->readers, "userfault readers");
    wait_queue_init(&userfault->sleepers, "userfault sleepers");
    list_init(&userfault->faults);
    userfault->references = 1;
    userfault->users_only = users_only;
    userfault->aspace = aspace;
    aspace_reference(aspace);
    return userfault;
}

void userfault_reference(struct userfault *userfault)
{
    __atomic_fetch_add(&userfault->references, 1, __ATOMIC_RELAXED);
}

void userfault_release(struct userfault *userfault)
{
    if (__atomic_fetch_sub(&userfault->references, 1, __ATOMIC_ACQ_REL) == 1)
        slab_free(&cache, userfault);
}

/* Nobody joins from here on, and each region that is registered gives up its reference. */
void userfault_end(struct userfault *userfault)
{
    struct aspace *aspace = userfault->aspace;

    rwlock_write(&aspace->lock);
    tree_for_each (node, &aspace->regions) {
        struct region *region = container_of(node, struct region, node);
        if (region->userfault == userfault) {
            region->userfault = NULL;
            region->flags &= ~(unsigned)REGION_ASK_FLAGS;
            marks_clear(aspace, region->start, region->end, MARK_PROTECTED);
            userfault_release(userfault);
        }
    }
    rwlock_write_done(&aspace->lock);
    spin_lock(&userfault->lock);
    userfault->ended = true;
    spin_unlock(&userfault->lock);
    userfault_wake(userfault, 0, user_end);
    aspace_release(aspace);
    userfault_release(userfault);
}

/* Faults */

bool userfault_join(struct userfault *userfault, struct userfault_wait *wait, bool by_user)
{
    if (userfault->refuses || (userfault->users_only && !by_user))
        return false;
    userfault_reference(userfault);
    wait->userfault = userfault;
    wait->read = false;
    wait->thread = (uint32_t)current_thread()->id;
    spin_lock(&userfault->lock);
    wait->woken = userfault->ended;
    list_push_back(&userfault->faults, &wait->link);
    spin_unlock(&userfault->lock);
    wake_events(&userfault->readers, POLLIN);
    return true;
}

int userfault_sleep(struct userfault_wait *wait, bool by_user)
{
    struct userfault *userfault = wait->userfault;
    int error =
        wait_event_until(&userfault->sleepers, __atomic_load_n(&wait->woken, __ATOMIC_ACQUIRE),
                         by_user ? WAIT_INTERRUPTIBLE : WAIT_KILLABLE, WAIT_FOREVER);

    spin_lock(&userfault->lock);
    list_remove(&wait->link);
    spin_unlock(&userfault->lock);
    wait->userfault = NULL;
    userfault_release(userfault);
    return error;
}

/* The oldest fault to be told of. Locked. */
static struct userfault_wait *first_unread(struct userfault *userfault)
{
    list_for_each (link, &userfault->faults) {
        struct userfault_wait *wait = container_of(link, struct userfault_wait, link);
        if (!wait->read && !__atomic_load_n(&wait->woken, __ATOMIC_RELAXED))
            return wait;
    }
    return NULL;
}

bool userfault_read(struct userfault *userfault, struct userfault_wait *copy)
{
    spin_lock(&userfault->lock);
    struct userfault_wait *wait = first_unread(userfault);
    if (wait) {
        wait->read = true;
        *copy = *wait;
    }
    spin_unlock(&userfault->lock);
    return wait;
}

bool userfault_has_unread(struct userfault *userfault)
{
    spin_lock(&userfault->lock);
    bool result = first_unread(userfault);
    spin_unlock(&userfault->lock);
    return result;
}

void userfault_wake(struct userfault *userfault, vaddr_t start, uint64_t length)
{
    spin_lock(&userfault->lock);
    list_for_each (link, &userfault->faults) {
        struct userfault_wait *wait = container_of(link, struct userfault_wait, link);
        if (wait->address >= start && wait->address - start < length)
            __atomic_store_n(&wait->woken, 1, __ATOMIC_RELEASE);
    }
    spin_unlock(&userfault->lock);
    wake_all(&userfault->sleepers);
}
