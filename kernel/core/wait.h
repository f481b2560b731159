/*
 * Sleeping until a condition holds.
 *
 *   sleeper                              waker
 *   wait_prepare: on the queue, SLEEPING  make the condition true
 *   test the condition                    wake: takes sleepers off the queue, makes them runnable
 *   wait_sleep (returns at once if woken)
 *   wait_done: off the queue, RUNNING
 *
 * The sleeper is on the queue before it tests, so a wake between test and sleep is not lost. The
 * condition is evaluated several times, with no lock of the queue held; it may take spinlocks
 * itself.
 */
#ifndef MAPIX_CORE_WAIT_H
#define MAPIX_CORE_WAIT_H

#include "core/lock.h"
#include "abi/errno.h"

#define WAIT_FOREVER UINT64_MAX

struct waiter {
    struct list link;
    struct thread *thread;
    bool exclusive;
};

enum wait_kind {
    WAIT_UNINTERRUPTIBLE, /* kernel-internal waits that end by themselves (I/O, locks) */
    WAIT_INTERRUPTIBLE,   /* ends with -EINTR when the thread has a signal to act on */
    WAIT_KILLABLE,        /* ends with -EINTR only when the process is being killed */
};

void wait_queue_init(struct wait_queue *queue, const char *name);

/* Join the queue. wake_one wakes all waiters up to and including the first exclusive one. A thread
 * may prepare on several queues before it sleeps. */
void wait_prepare(struct wait_queue *queue, struct waiter *waiter, enum wait_kind kind);
void wait_prepare_exclusive(struct wait_queue *queue, struct waiter *waiter, enum wait_kind kind);

/*
 * Sleep unless woken since wait_prepare, until the deadline (time_now() nanoseconds) at the latest.
 * 0: woken, -EINTR: as the kind says, -ETIMEDOUT. The waiter remains prepared for a further round
 * only after another wait_prepare.
 */
int wait_sleep(struct waiter *waiter, enum wait_kind kind, uint64_t deadline);
void wait_done(struct wait_queue *queue, struct waiter *waiter);

/* Any context, interrupts included. */
void wake_all(struct wait_queue *queue);
void wake_one(struct wait_queue *queue);

/* Wait until condition holds: 0, -EINTR or -ETIMEDOUT (condition still false then). */
#define wait_event_until(queue, condition, kind, deadline)                                         \
    ({                                                                                             \
        struct waiter waiter_;                                                                     \
        int result_ = 0;                                                                           \
        while (!(condition)) {                                                                     \
            wait_prepare((queue), &waiter_, (kind));                                               \
            if (!(condition))                                                                      \
                result_ = wait_sleep(&waiter_, (kind), (deadline));                                \
            wait_done((queue), &waiter_);                                                          \
            if (result_) {                                                                         \
                if (condition)                                                                     \
                    result_ = 0;                                                                   \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
        result_;                                                                                   \
    })

#define wait_event(queue, condition)                                                               \
    ((void)wait_event_until((queue), (condition), WAIT_UNINTERRUPTIBLE, WAIT_FOREVER))
#define wait_event_interruptible(queue, condition)                                                 \
    wait_event_until((queue), (condition), WAIT_INTERRUPTIBLE, WAIT_FOREVER)
#define wait_event_killable(queue, condition)                                                      \
    wait_event_until((queue), (condition), WAIT_KILLABLE, WAIT_FOREVER)

#endif
