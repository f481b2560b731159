/*
 * The ready list of an epoll, and waiting for what is on it; see epoll.c.
 */
#include "abi/errno.h"
#include "arch/riscv/pmap.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/epoll_internal.h"

static bool may_be_ready(struct epoll *epoll)
{
    return __atomic_load_n(&epoll->ready.next, __ATOMIC_RELAXED) != &epoll->ready ||
           __atomic_load_n(&epoll->reporting, __ATOMIC_RELAXED);
}

/* Put the item on the ready list, if it wants any of the events. */
static bool note_ready(struct item *item, unsigned events)
{
    struct epoll *epoll = item->epoll;

    spin_lock(&epoll->ready_lock);
    bool wanted = item->events & ~EPOLL_MODES & events;
    if (wanted && list_empty(&item->ready_link))
        list_push_back(&epoll->ready, &item->ready_link);
    spin_unlock(&epoll->ready_lock);
    return wanted;
}

/* Something has become ready: was there somebody in epoll_wait? */
static bool tell(struct epoll *epoll)
{
    bool waited = wake_one(&epoll->sleepers);

    wake_events(&epoll->pollers, POLLIN | POLLRDNORM);
    return waited;
}

/* The listener (wait_function). */
static bool item_woken(struct waiter *waiter, unsigned events)
{
    struct item *item = container_of(waiter, struct item, waiter);

    return note_ready(item, events) && tell(item->epoll);
}

/* What the file of an item has of the events that are wanted. lock held. */
static unsigned ask(struct item *item)
{
    struct wait_queue *queue = NULL;
    unsigned events = item->file->operations->poll(item->file, &queue);

    return events & item->events & ~EPOLL_MODES;
}

/* Take the first item off a list of ready ones; NULL: it is empty. */
static struct item *take_ready(struct epoll *epoll, struct list *list)
{
    spin_lock(&epoll->ready_lock);
    struct list *link = list_pop_front(list);
    spin_unlock(&epoll->ready_lock);
    return link ? container_of(link, struct item, ready_link) : NULL;
}

/* Put an item back: nothing has been reported, or it is level-triggered. */
static void put_back(struct item *item)
{
    struct epoll *epoll = item->epoll;

    spin_lock(&epoll->ready_lock);
    if (list_empty(&item->ready_link))
        list_push_back(&epoll->ready, &item->ready_link);
    spin_unlock(&epoll->ready_lock);
}

/* An item has been reported: what becomes of it depends on its mode. */
static void reported(struct item *item)
{
    struct epoll *epoll = item->epoll;

    if (item->events & EPOLLONESHOT) {
        spin_lock(&epoll->ready_lock);
        item->events &= EPOLL_MODES;
        spin_unlock(&epoll->ready_lock);
    } else if (!(item->events & EPOLLET)) {
        put_back(item);
    }
}

/* Is there really something? Items that have nothing leave the list. */
unsigned epoll_poll(struct file *file, struct wait_queue **queue)
{
    struct epoll *epoll = file->state;
    struct item *item;
    unsigned events = 0;

    *queue = &epoll->pollers;
    mutex_lock(&epoll->lock);
    while (!events && (item = take_ready(epoll, &epoll->ready))) {
        events = ask(item);
        if (events)
            put_back(item);
    }
    mutex_unlock(&epoll->lock);
    return events ? POLLIN | POLLRDNORM : 0;
}

void epoll_look(struct item *item)
{
    if (ask(item)) {
        put_back(item);
        tell(item->epoll);
    }
}

void epoll_listen(struct item *item)
{
    struct epoll *epoll = item->epoll;

    mutex_lock(&epoll->lock);
    item->file->operations->poll(item->file, &item->queue);
    if (item->queue)
        wait_listen(item->queue, &item->waiter, item_woken, item->events & EPOLLEXCLUSIVE);
    epoll_look(item);
    mutex_unlock(&epoll->lock);
}

/* Waiting */

/* Report up to count of the items on batch: how many. It stops where user memory is not mapped, for
 * nothing may be faulted in under the lock. lock held. */
static unsigned report_batch(struct epoll *epoll, struct list *batch, vaddr_t address,
                             unsigned count)
{
    struct item *item;
    unsigned done = 0;

    while (done < count && (item = take_ready(epoll, batch))) {
        struct epoll_event event = {.events = ask(item), .data = item->data};
        vaddr_t place = address + done * sizeof(event);
        if (!event.events)
            continue;
        if (copy_to_user_resident(place, &event, sizeof(event)) < sizeof(event)) {
            put_back(item);
            break;
        }
        reported(item);
        done++;
    }
    return done;
}

/* Report what is ready now: how many events. */
static unsigned report_resident(struct epoll *epoll, vaddr_t address, unsigned count)
{
    struct list batch = LIST_INITIALIZER(batch);

    mutex_lock(&epoll->lock);
    spin_lock(&epoll->ready_lock);
    list_splice_back(&batch, &epoll->ready);
    epoll->reporting = true;
    spin_unlock(&epoll->ready_lock);
    unsigned done = report_batch(epoll, &batch, address, count);
    spin_lock(&epoll->ready_lock);
    list_splice_back(&batch, &epoll->ready); /* the rest first */
    list_splice_back(&epoll->ready, &batch);
    epoll->reporting = false;
    bool more = may_be_ready(epoll);
    spin_unlock(&epoll->ready_lock);
    mutex_unlock(&epoll->lock);
    if (more)
        wake_one(&epoll->sleepers);
    return done;
}

/* The same, and there may be nothing, 0, or -EFAULT. */
static long report(struct epoll *epoll, vaddr_t address, unsigned count)
{
    while (may_be_ready(epoll)) {
        unsigned done = report_resident(epoll, address, count);
        if (done)
            return done;
        if (user_fault_in(address, ACCESS_WRITE) ||
            user_fault_in(address + sizeof(struct epoll_event) - 1, ACCESS_WRITE))
            return -EFAULT;
    }
    return 0;
}

/* A thread that a wake has taken off the queue looks at the list, whatever else ended its sleep:
 * the wake was for it alone. */
long epoll_wait(struct file *set, vaddr_t events, unsigned count, uint64_t deadline)
{
    struct epoll *epoll = set->state;
    struct waiter waiter;
    int error = 0;

    for (;;) {
        long done = report(epoll, events, count);
        if (done)
            return done;
        if (error == -EINTR)
            return -EINTR;
        if (error || deadline <= time_now())
            return 0;
        wait_prepare_exclusive(&epoll->sleepers, &waiter, WAIT_INTERRUPTIBLE);
        if (!may_be_ready(epoll))
            error = wait_sleep(&waiter, WAIT_INTERRUPTIBLE, deadline);
        wait_done(&epoll->sleepers, &waiter);
    }
}
