/*
 * Wait queues (wait.h). The queue's lock orders sleepers and wakers; under it the waker passes the
 * wake to the scheduler (thread->woken, under the run queue's lock). wait_done takes the queue's
 * lock even when the waiter is off the queue, so a waker is done with the waiter, which lies on the
 * sleeper's stack, before it goes out of scope.
 *
 * A condition that sleeps itself (a lock) uses up wakes meant for the wait around it; the inner
 * wait_done then pretends a wake, and the outer condition is tested once more.
 */
#include "core/wait.h"
#include "core/lock_check.h"
#include "core/scheduler.h"
#include "core/thread.h"
#include "arch/riscv/hart.h"

void wait_queue_init(struct wait_queue *queue, const char *name)
{
    spin_init(&queue->lock, name, RANK_WAIT);
    list_init(&queue->waiters);
}

void wait_queue_init_chained(struct wait_queue *queue, const char *name)
{
    spin_init(&queue->lock, name, RANK_NONE);
    list_init(&queue->waiters);
}

static void prepare(struct wait_queue *queue, struct waiter *waiter, bool exclusive)
{
    struct thread *thread = current_thread();
    waiter->thread = thread;
    waiter->function = NULL;
    waiter->exclusive = exclusive;
    if (thread->waits++ == 0)
        thread->woken = false;
    spin_lock(&queue->lock);
    list_push_back(&queue->waiters, &waiter->link);
    spin_unlock(&queue->lock);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see nobody_waits */
}

void wait_prepare(struct wait_queue *queue, struct waiter *waiter, enum wait_kind kind)
{
    (void)kind;
    prepare(queue, waiter, false);
}

void wait_prepare_exclusive(struct wait_queue *queue, struct waiter *waiter, enum wait_kind kind)
{
    (void)kind;
    prepare(queue, waiter, true);
}

int wait_sleep(struct waiter *waiter, enum wait_kind kind, uint64_t deadline)
{
    (void)waiter;
    lock_check_sleep();
    return scheduler_sleep(kind, deadline);
}

void wait_done(struct wait_queue *queue, struct waiter *waiter)
{
    struct thread *thread = current_thread();
    spin_lock(&queue->lock);
    list_remove(&waiter->link);
    spin_unlock(&queue->lock);
    if (--thread->waits > 0)
        thread->woken = true;
}

/*
 * Is nobody on the queue? The waker has made the condition true before, the sleeper tests it after
 * it is on the queue; with a full fence on either side one of them sees the other.
 */
static inline bool nobody_waits(const struct wait_queue *queue)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&queue->waiters.next, __ATOMIC_RELAXED) == &queue->waiters;
}

bool wait_queue_is_empty(const struct wait_queue *queue)
{
    return nobody_waits(queue);
}

void wait_listen(struct wait_queue *queue, struct waiter *waiter, wait_function *function,
                 bool exclusive)
{
    *waiter = (struct waiter){.function = function, .exclusive = exclusive};
    spin_lock(&queue->lock);
    list_push_back(&queue->waiters, &waiter->link);
    spin_unlock(&queue->lock);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* see nobody_waits */
}

void wait_ignore(struct wait_queue *queue, struct waiter *waiter)
{
    spin_lock(&queue->lock);
    list_remove(&waiter->link);
    spin_unlock(&queue->lock);
}

/* Tell one of the queue, which is locked: does it see to the events? */
static bool notify(struct waiter *waiter, unsigned events)
{
    if (waiter->function)
        return waiter->function(waiter, events);
    list_remove(&waiter->link);
    scheduler_wake(waiter->thread);
    return true;
}

static struct waiter *waiter_of(struct list *link)
{
    return container_of(link, struct waiter, link);
}

void wake_all(struct wait_queue *queue)
{
    if (nobody_waits(queue))
        return;
    spin_lock(&queue->lock);
    list_for_each_safe (link, &queue->waiters) {
        notify(waiter_of(link), WAIT_ALL_EVENTS);
    }
    spin_unlock(&queue->lock);
}

bool wake_one(struct wait_queue *queue)
{
    bool taken = false;
    if (nobody_waits(queue))
        return false;
    spin_lock(&queue->lock);
    list_for_each_safe (link, &queue->waiters) {
        bool exclusive = waiter_of(link)->exclusive;
        taken |= notify(waiter_of(link), WAIT_ALL_EVENTS);
        if (taken && exclusive)
            break;
    }
    spin_unlock(&queue->lock);
    return taken;
}

void wake_events(struct wait_queue *queue, unsigned events)
{
    bool taken = false;
    if (nobody_waits(queue))
        return;
    spin_lock(&queue->lock);
    list_for_each_safe (link, &queue->waiters) {
        bool exclusive = waiter_of(link)->exclusive;
        if (exclusive && taken)
            continue;
        if (notify(waiter_of(link), events) && exclusive)
            taken = true;
    }
    spin_unlock(&queue->lock);
}
