/*
 * Taking a lock with priority inheritance, for oneself or for a thread that waits to be requeued:
 * what core/futex_lock.c and core/futex_requeue_lock.c share.
 */
#ifndef MAPIX_CORE_FUTEX_LOCK_H
#define MAPIX_CORE_FUTEX_LOCK_H

#include "core/futex_internal.h"

/* What comes of a claim, beside errors. PREPARE, which is none of them: after futex_claim_prepare
 * it has better luck. */
enum { CLAIM_WAIT, CLAIM_TAKEN, CLAIM_PREPARE = -4096 };

struct futex_claim {
    vaddr_t address;
    bool tries;         /* does not wait: -EAGAIN */
    bool keeps_waiters; /* a lock that is taken has FUTEX_WAITERS set */
    bool wants_owner;   /* preparing is to find the thread that owner_id names */
    uint32_t owner_id;
    struct thread *owner;     /* referenced; NULL: there is none */
    struct futex_lock *spare; /* for the first who waits */
};

/* => -ENOMEM. The end is due in any case. */
int futex_claim_begin(struct futex_claim *claim, vaddr_t address);
void futex_claim_end(struct futex_claim *claim);

/* Find the page or the owner, with no lock held: 0, -EFAULT. */
int futex_claim_prepare(struct futex_claim *claim);

/*
 * Take the lock for the thread, if it is free; its bucket is locked.
 * => CLAIM_TAKEN; CLAIM_WAIT: *lock is to be waited for; CLAIM_PREPARE, or an error
 */
int futex_claim(struct futex_claim *claim, struct futex_bucket *bucket, const struct futex_key *key,
                const struct thread *thread, struct futex_lock **lock);

/* Let the waiter, which the caller puts into the locked bucket, wait for the lock; if that is the
 * spare, owner owns it. => 0, CLAIM_PREPARE, -EDEADLK, -ESRCH */
int futex_lock_join(struct futex_claim *claim, struct futex_lock *lock, struct thread *owner,
                    struct futex_waiter *waiter);

/* The waiter has slept, with this result: it leaves the bucket. => 0: the lock is its; or result,
 * or -EFAULT */
int futex_lock_settle(struct futex_waiter *waiter, vaddr_t address, int result);

#endif
