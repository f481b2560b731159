/*
 * Priority inheritance (inherit.h).
 *
 *   thread -- waiting --> lock -- owner --> thread -- waiting --> lock -- owner --> ...
 *
 * Nobody is allowed to close a circle, so a walk along the owners ends. A change at one thread goes
 * on along the chain only as far as it changes the priority of an owner.
 */
#include "core/inherit.h"
#include "abi/errno.h"
#include "core/lock.h"
#include "core/scheduler.h"
#include "core/thread.h"
#include "core/wait.h"

#define CHAIN_LIMIT 1024u

/* Taken behind the lock of a bucket of futexes, and before those of wait queues. */
static struct spinlock inherit_spinlock = {.rank = RANK_NONE, .name = "priority inheritance"};

void inherit_init_thread(struct thread *thread)
{
    list_init(&thread->inherit.owned);
}

static struct inherit_lock *lock_of(struct list *link)
{
    return container_of(link, struct inherit_lock, owner_link);
}

static struct inherit_waiter *waiter_of(struct list *link)
{
    return container_of(link, struct inherit_waiter, link);
}

static struct inherit_waiter *first_waiter(const struct inherit_lock *lock)
{
    struct list *link = list_first(&lock->waiters);
    return link ? waiter_of(link) : NULL;
}

static unsigned wanted_priority(const struct thread *thread)
{
    unsigned priority = thread->inherit.own_priority;
    list_for_each (link, &thread->inherit.owned) {
        const struct inherit_waiter *first = first_waiter(lock_of(link));
        if (first && first->thread->priority > priority)
            priority = first->thread->priority;
    }
    return priority;
}

/* Put a waiter where its priority belongs: behind others of the same. */
static void insert(struct inherit_waiter *waiter)
{
    struct list *waiters = &waiter->lock->waiters, *place = waiters->previous;
    while (place != waiters && waiter_of(place)->thread->priority < waiter->thread->priority)
        place = place->previous;
    list_insert_after(place, &waiter->link);
}

/* What the thread owns, or who waits for it, has changed: let the priorities follow. */
static void follow(struct thread *thread)
{
    for (;;) {
        struct inherit_waiter *waiter = thread->inherit.waiting;
        unsigned priority = wanted_priority(thread);
        if (priority == thread->priority)
            return;
        scheduler_set_priority(thread, priority);
        if (!waiter)
            return;
        list_remove(&waiter->link);
        insert(waiter);
        thread = waiter->lock->owner;
    }
}

void inherit_lock_init(struct inherit_lock *lock)
{
    *lock = (struct inherit_lock){.owner = NULL};
    list_init(&lock->waiters);
    list_init(&lock->owner_link);
}

/* A lock is among those of its owner while somebody waits for it. */
static void link_to_owner(struct inherit_lock *lock)
{
    if (list_empty(&lock->waiters))
        list_remove(&lock->owner_link);
    else if (list_empty(&lock->owner_link))
        list_push_back(&lock->owner->inherit.owned, &lock->owner_link);
}

bool inherit_has_ended(const struct thread *thread)
{
    bool ended;
    spin_lock(&inherit_spinlock);
    ended = thread->inherit.ended;
    spin_unlock(&inherit_spinlock);
    return ended;
}

bool inherit_is_owner(const struct inherit_lock *lock, int id, bool owner_died)
{
    bool result;
    spin_lock(&inherit_spinlock);
    result = lock->owner_died || lock->owner->id == id || (owner_died && id == 0);
    spin_unlock(&inherit_spinlock);
    return result;
}

/* Does the chain that begins with the owner lead to the thread? Too long a one is as bad. */
static bool leads_to(const struct thread *owner, const struct thread *thread)
{
    for (unsigned i = 0; owner != thread; i++) {
        if (!owner->inherit.waiting)
            return false;
        if (i == CHAIN_LIMIT)
            return true;
        owner = owner->inherit.waiting->lock->owner;
    }
    return true;
}

int inherit_wait(struct inherit_lock *lock, struct thread *owner, struct inherit_waiter *waiter)
{
    int result = 0;
    spin_lock(&inherit_spinlock);
    if (lock->owner)
        owner = lock->owner;
    if (owner->inherit.ended) {
        result = -ESRCH;
    } else if (leads_to(owner, waiter->thread)) {
        result = -EDEADLK;
    } else {
        lock->owner = owner;
        waiter->lock = lock;
        waiter->granted = false;
        waiter->thread->inherit.waiting = waiter;
        insert(waiter);
        link_to_owner(lock);
        follow(owner);
    }
    spin_unlock(&inherit_spinlock);
    return result;
}

bool inherit_cancel(struct inherit_waiter *waiter)
{
    struct inherit_lock *lock = waiter->lock;
    bool granted;
    spin_lock(&inherit_spinlock);
    granted = waiter->granted;
    if (!granted) {
        list_remove(&waiter->link);
        waiter->thread->inherit.waiting = NULL;
        link_to_owner(lock);
        follow(lock->owner);
    }
    spin_unlock(&inherit_spinlock);
    return granted;
}

void inherit_note_death(struct inherit_lock *lock)
{
    spin_lock(&inherit_spinlock);
    lock->owner_died = false;
    spin_unlock(&inherit_spinlock);
}

struct inherit_waiter *inherit_next(struct inherit_lock *lock)
{
    struct inherit_waiter *waiter;
    spin_lock(&inherit_spinlock);
    waiter = first_waiter(lock);
    spin_unlock(&inherit_spinlock);
    return waiter;
}

/* The old owner loses what it inherited before the new one is woken, which then goes first. */
static void grant_locked(struct inherit_waiter *waiter, bool owner_died)
{
    struct inherit_lock *lock = waiter->lock;
    struct thread *previous = lock->owner;
    list_remove(&waiter->link);
    waiter->thread->inherit.waiting = NULL;
    list_remove(&lock->owner_link);
    lock->owner = waiter->thread;
    link_to_owner(lock);
    lock->owner_died |= owner_died;
    follow(previous);
    follow(waiter->thread);
    __atomic_store_n(&waiter->granted, true, __ATOMIC_SEQ_CST);
    wake_all(waiter->queue);
}

void inherit_grant(struct inherit_waiter *waiter, bool owner_died)
{
    spin_lock(&inherit_spinlock);
    grant_locked(waiter, owner_died);
    spin_unlock(&inherit_spinlock);
}

void inherit_give_up(struct thread *thread, bool ends)
{
    struct list *link;
    spin_lock(&inherit_spinlock);
    while ((link = list_first(&thread->inherit.owned))) {
        grant_locked(first_waiter(lock_of(link)), true);
    }
    thread->inherit.ended = ends;
    spin_unlock(&inherit_spinlock);
}

void inherit_set_priority(struct thread *thread, unsigned priority)
{
    spin_lock(&inherit_spinlock);
    thread->inherit.own_priority = priority;
    follow(thread);
    spin_unlock(&inherit_spinlock);
}
