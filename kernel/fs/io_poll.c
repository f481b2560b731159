/*
 * Requests of asynchronous I/O that wait for files (io_poll.h). As with signals about files
 * (fs/asynchronous.c), the listener runs under the lock of the file's queue, so it only puts the
 * request on a list, and a thread asks the file and completes it.
 *
 * The thread holds `polling` while it is at a request. Who takes a request off its context's list,
 * with that lock, completes it when the lock is released.
 */
#include "fs/io_poll.h"
#include "abi/errno.h"
#include "abi/poll.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/wait.h"
#include "fs/file.h"
#include "fs/io_context.h"
#include "vm/kmem.h"

#define ALWAYS       (POLLERR | POLLHUP)
#define ALWAYS_READY (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

struct io_poll {
    struct io_request request;
    unsigned events;
    struct list link; /* (polling) context->polls */
    struct waiter listener;
    struct wait_queue *queue; /* (polling) that it is on, or NULL: it never changes */
    struct list woken_link;   /* (woken_lock) on the list; empty: it is not */
};

static struct mutex polling;
static struct spinlock woken_lock;
static struct list woken = LIST_INITIALIZER(woken);
static struct wait_queue arrived;

static bool note(struct waiter *waiter, unsigned events)
{
    struct io_poll *poll = container_of(waiter, struct io_poll, listener);
    if (!(events & poll->events))
        return false;
    spin_lock(&woken_lock);
    if (list_empty(&poll->woken_link))
        list_push_back(&woken, &poll->woken_link);
    spin_unlock(&woken_lock);
    wake_all(&arrived);
    return false;
}

/* What is ready of what is wanted. `polling` held. */
static unsigned ask(struct io_poll *poll)
{
    struct file *file = poll->request.file;
    unsigned ready = ALWAYS_READY;
    if (file->operations->poll)
        ready = file->operations->poll(file, &poll->queue);
    return ready & poll->events;
}

/* The request does not wait any more. `polling` held. */
static void stop(struct io_poll *poll)
{
    if (poll->queue)
        wait_ignore(poll->queue, &poll->listener);
    spin_lock(&woken_lock);
    list_remove(&poll->woken_link);
    spin_unlock(&woken_lock);
    list_remove(&poll->link);
}

static void complete(struct io_poll *poll, unsigned ready)
{
    io_context_complete(&poll->request, ready);
    kfree(poll);
}

int io_poll_start(const struct io_request *request, unsigned events)
{
    struct io_poll *poll = kmalloc_zeroed(sizeof(*poll));
    unsigned ready = 0;
    if (!poll)
        return -ENOMEM;
    poll->request = *request;
    poll->events = events | ALWAYS;
    list_init(&poll->woken_link);
    mutex_lock(&polling);
    bool dead = __atomic_load_n(&request->context->dead, __ATOMIC_SEQ_CST);
    if (!dead) {
        ready = ask(poll);
        list_push_back(&request->context->polls, &poll->link);
        if (!ready && poll->queue) {
            wait_listen(poll->queue, &poll->listener, note, false);
            ready = ask(poll); /* it may have become so before there was a listener */
        } else {
            poll->queue = NULL;
        }
        if (ready)
            stop(poll);
    }
    mutex_unlock(&polling);
    if (ready)
        complete(poll, ready);
    else if (dead)
        kfree(poll);
    return dead ? -EINVAL : 0;
}

/* Stop a request of the context, the one of an iocb or any; NULL: there is none. */
static struct io_poll *stop_one(struct io_context *context, uint64_t iocb, bool any)
{
    struct io_poll *found = NULL;
    mutex_lock(&polling);
    list_for_each (link, &context->polls) {
        struct io_poll *poll = container_of(link, struct io_poll, link);
        if (any || poll->request.iocb == iocb) {
            found = poll;
            break;
        }
    }
    if (found)
        stop(found);
    mutex_unlock(&polling);
    return found;
}

int io_poll_cancel(struct io_context *context, uint64_t iocb)
{
    struct io_poll *poll = stop_one(context, iocb, false);
    if (!poll)
        return -EINVAL;
    complete(poll, 0);
    return 0;
}

void io_poll_end_all(struct io_context *context)
{
    struct io_poll *poll;
    while ((poll = stop_one(context, 0, true)))
        complete(poll, 0);
}

/* Take the next request that was woken, and complete it if what it waits for is there. */
static bool look_at_next(void)
{
    struct io_poll *poll = NULL;
    unsigned ready = 0;
    mutex_lock(&polling);
    spin_lock(&woken_lock);
    struct list *link = list_pop_front(&woken);
    spin_unlock(&woken_lock);
    if (link) {
        poll = container_of(link, struct io_poll, woken_link);
        ready = ask(poll);
    }
    if (ready)
        stop(poll);
    mutex_unlock(&polling);
    if (ready)
        complete(poll, ready);
    return link;
}

static void look(void *argument)
{
    (void)argument;
    for (;;) {
        wait_event(&arrived, !list_empty(&woken));
        while (look_at_next())
            ;
    }
}

void io_poll_init(void)
{
    mutex_init(&polling, "io polls", RANK_NONE);
    spin_init(&woken_lock, "io polls", RANK_READY);
    wait_queue_init_chained(&arrived, "io polls");
    if (kernel_thread_start("io-polls", look, NULL))
        panic("no memory for the thread of polls");
}
