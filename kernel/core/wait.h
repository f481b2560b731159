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
 *
 * Besides sleepers a queue has listeners: a listener stays on the queue, and each wake calls its
 * function, under the queue's lock, with the events (POLL* bits of abi/poll.h) that the waker says
 * may have come. So a poll of many files joins their queues once, and an epoll for good.
 */
#ifndef MAPIX_CORE_WAIT_H
#define MAPIX_CORE_WAIT_H

#include "core/lock.h"
#include "abi/errno.h"

#define WAIT_FOREVER UINT64_MAX

#define WAIT_ALL_EVENTS UINT32_MAX

struct waiter;

/*
 * What a wake calls for a listener: with the queue's lock held, in any context. It may take
 * spinlocks that come after wait queues and wake other queues, as long as no chain of listeners
 * leads back to the same queue; it may not touch its own queue. true: the listener will see to the
 * events, so exclusive ones behind it need not.
 */
typedef bool wait_function(struct waiter *waiter, unsigned events);

struct waiter {
    struct list link;
    struct thread *thread;   /* the sleeper */
    wait_function *function; /* of a listener; NULL: a sleeper */
    bool exclusive;
};

enum wait_kind {
    WAIT_UNINTERRUPTIBLE, /* kernel-internal waits that end by themselves (I/O, locks) */
    WAIT_INTERRUPTIBLE,   /* ends with -EINTR when the thread has a signal to act on */
    WAIT_KILLABLE,        /* ends with -EINTR only when the process is being killed */
};

void wait_queue_init(struct wait_queue *queue, const char *name);

/* As wait_queue_init, for a queue that is woken by listeners of other queues, whose locks are held
 * meanwhile: its own has no rank. */
void wait_queue_init_chained(struct wait_queue *queue, const char *name);

/* Does nobody wait just now? */
bool wait_queue_is_empty(const struct wait_queue *queue);

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

/* Listen to a queue, which outlives that, until wait_ignore: after it the function does not run and
 * will not. The queue's lock is taken. */
void wait_listen(struct wait_queue *queue, struct waiter *waiter, wait_function *function,
                 bool exclusive);
void wait_ignore(struct wait_queue *queue, struct waiter *waiter);

/*
 * Any context, interrupts included.
 *
 * wake_all     everybody on the queue
 * wake_one     all up to and including the first exclusive one (that takes it); was there any?
 * wake_events  what poll(2) waits for may have come, only these events: everybody that is not
 *              exclusive, and the first of those that are; others sleep on
 */
void wake_all(struct wait_queue *queue);
bool wake_one(struct wait_queue *queue);
void wake_events(struct wait_queue *queue, unsigned events);

/* Wait until condition holds: 0, -EINTR or -ETIMEDOUT (condition still false then). It is tested
 * again when it has held, so it must not take what it asks for. */
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
