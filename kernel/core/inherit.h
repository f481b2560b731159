/*
 * Priority inheritance: the owner of a lock runs with the highest priority of those who wait for
 * it, if that is above its own, and passes it on along the locks that it waits for itself.
 *
 * What a lock is, and who may take it, is the business of its user (core/futex_lock.c); here is
 * only who owns it while somebody waits, in which order they wait, and what priority follows. All
 * of that is under one spinlock, so that a chain of owners is walked while it stands still.
 */
#ifndef MAPIX_CORE_INHERIT_H
#define MAPIX_CORE_INHERIT_H

#include "lib/list.h"
#include <stdbool.h>
#include <stdint.h>

struct thread;
struct wait_queue;

struct inherit_lock {
    struct thread *owner;   /* NULL: nobody has waited yet */
    struct list owner_link; /* owner->inherit.owned, while somebody waits */
    struct list waiters;    /* the highest priority first, the longest waiting of each */
    bool owner_died;        /* the last owner ended; the next one has not taken note */
};

struct inherit_waiter {
    struct list link; /* lock->waiters, until it is granted */
    struct thread *thread;
    struct inherit_lock *lock;
    struct wait_queue *queue; /* woken when it is granted */
    bool granted;             /* atomic: the thread owns the lock */
};

/* What each thread has. */
struct inheritance {
    struct list owned;              /* locks that somebody waits for */
    struct inherit_waiter *waiting; /* NULL: it waits for none */
    unsigned own_priority;          /* without what it inherits */
    bool ended;                     /* it owns nothing any more, and never will */
};

void inherit_init_thread(struct thread *thread);

void inherit_lock_init(struct inherit_lock *lock);

/* Does this thread, by its identifier, own the lock; or is it on the way from an owner that has
 * ended to the next one? An identifier of 0 and owner_died stand for that, too. */
bool inherit_is_owner(const struct inherit_lock *lock, int id, bool owner_died);

/* Has the thread ended, as far as locks are concerned? */
bool inherit_has_ended(const struct thread *thread);

/*
 * Let waiter->thread wait for the lock, which is owner's if nobody has waited for it before.
 * => 0, -ESRCH: the owner has ended; -EDEADLK: it waits, through others perhaps, for a lock of the
 *    thread, or the chain is longer than anybody means it to be
 */
int inherit_wait(struct inherit_lock *lock, struct thread *owner, struct inherit_waiter *waiter);

/* Wait no longer: has the lock been granted? */
bool inherit_cancel(struct inherit_waiter *waiter);

static inline bool inherit_is_granted(const struct inherit_waiter *waiter)
{
    return __atomic_load_n(&waiter->granted, __ATOMIC_ACQUIRE);
}

/* The new owner has taken note that the one before it died. */
void inherit_note_death(struct inherit_lock *lock);

/* Who is next; NULL: nobody waits. It is granted the lock and woken. The caller sees to it that the
 * waiter does not cancel in between. */
struct inherit_waiter *inherit_next(struct inherit_lock *lock);
void inherit_grant(struct inherit_waiter *waiter, bool owner_died);

/* The thread leaves its memory: those who wait for its locks get them, as from an owner that died;
 * ends: it will have no others. */
void inherit_give_up(struct thread *thread, bool ends);

/* Give a thread a priority of its own (scheduler_set_priority). */
void inherit_set_priority(struct thread *thread, unsigned priority);

#endif
