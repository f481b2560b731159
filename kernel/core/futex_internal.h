/*
 * What the files of futexes share: waiters and their buckets. The protocol is at the head of
 * core/futex.c.
 */
#ifndef MAPIX_CORE_FUTEX_INTERNAL_H
#define MAPIX_CORE_FUTEX_INTERNAL_H

#include "core/futex.h"
#include "core/inherit.h"
#include "core/lock.h"
#include "lib/list.h"

struct futex_bucket {
    struct spinlock lock;
    struct list waiters; /* (lock) the longest waiting one first */
};

/* A word that is a lock with priority inheritance, while threads wait for it in the kernel. */
struct futex_lock {
    struct inherit_lock inherit;
    unsigned users; /* waiters in the bucket that mean it; with the bucket locked */
};

struct futex_waiter {
    struct list link;
    struct futex_bucket *bucket; /* atomic; changed with the old and the new one locked */
    struct futex_key key;
    uint32_t bits;
    bool woken; /* atomic, changed with the bucket locked */
    struct wait_queue *queue;
    const struct futex_key *target; /* it may be requeued to the lock there, and nowhere else */
    struct futex_lock *lock;        /* (bucket) that it waits for, or has just got */
    struct inherit_waiter place;    /* among those who wait for the lock */
};

struct futex_bucket *futex_bucket_of(const struct futex_key *key);
bool futex_key_is_same(const struct futex_key *a, const struct futex_key *b);

static inline struct futex_waiter *futex_waiter_of(struct list *link)
{
    return container_of(link, struct futex_waiter, link);
}

/* The first waiter with the key in its locked bucket, or NULL. */
struct futex_waiter *futex_first_waiter(struct futex_bucket *bucket, const struct futex_key *key);

/* Lock the bucket that a waiter is in, or was in last. */
struct futex_bucket *futex_lock_bucket(struct futex_waiter *waiter);

/* Lock the bucket and read the word; -EFAULT: it cannot be read, and nothing is locked. */
int futex_lock_and_read(struct futex_bucket *bucket, vaddr_t address, uint32_t *value);

/* Take a waiter out of its locked bucket, and wake it. */
void futex_wake_waiter(struct futex_waiter *waiter);

/* Wake waiters of the key, whose bucket is locked: how many; -EINVAL: those there wait for a lock.
 * As futex(2) does it, one is woken even if count is less. */
int futex_wake_locked(struct futex_bucket *bucket, const struct futex_key *key, int count,
                      uint32_t bits);

/* The keys of two words. */
int futex_keys_get(struct futex_key key[2], const vaddr_t address[2], bool shared);
void futex_keys_release(struct futex_key key[2]);

/* Lock two buckets, which may be one. */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);

/* Lock both, and see whether the first word is *expected, if that is given: 0; -EFAULT, -EAGAIN:
 * nothing is locked. */
int futex_lock_two_if(struct futex_bucket *const bucket[2], vaddr_t address,
                      const uint32_t *expected);

/* Let a waiter that is in a bucket mean another key, whose bucket is locked as well. The reference
 * of the old key's object is not needed any more. */
void futex_move_waiter(struct futex_waiter *waiter, struct futex_bucket *to,
                       const struct futex_key *key);

#endif
