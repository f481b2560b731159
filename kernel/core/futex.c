/*
 * Futexes (futex.h).
 *
 * Waiters are in buckets by the hash of their key. A waiter reads the word with its bucket locked,
 * and a waker, who has changed the word before, looks at the bucket with the lock: so no wake is
 * lost. User memory is read there without faults; if the word is not resident, the lock is dropped,
 * the page is faulted in, and all begins anew.
 *
 * A waiter lies on the stack of its thread. It is in use until the thread has locked the bucket
 * again and found itself woken, or has removed itself. Requeueing moves it to another bucket, so
 * the thread looks which one it is until it has the lock of that.
 *
 * Behind this file: words in twos (futex_requeue.c), several words (futex_many.c), locks with
 * priority inheritance (futex_lock.c, futex_requeue_lock.c), and what the end of a thread leaves of
 * its locks (futex_robust.c).
 */
#include "core/futex_internal.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "core/user.h"
#include "core/wait.h"
#include "vm/aspace.h"
#include "vm/object.h"

#define BUCKETS           256u /* a power of two */
#define SHARED_IN_PRIVATE 1u   /* in offset: asked for as shared, but the memory is private */

static struct futex_bucket buckets[BUCKETS];

void futex_init(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        /* Two are taken in order of their addresses, with no other lock of these ranks. */
        spin_init(&buckets[i].lock, "futex", RANK_NONE);
        list_init(&buckets[i].waiters);
    }
}

/* Keys */

int futex_key_get(struct futex_key *key, vaddr_t address, bool shared)
{
    struct aspace *aspace = current_thread()->aspace;
    *key = (struct futex_key){.space = (uintptr_t)aspace, .offset = address};
    if (address % sizeof(uint32_t))
        return -EINVAL;
    if (address >= user_end)
        return -EFAULT;
    if (!shared)
        return 0;
    if (!aspace_find_object(aspace, address, &key->object, &key->offset))
        return -EFAULT;
    if (key->object)
        key->space = (uintptr_t)key->object;
    else
        key->offset |= SHARED_IN_PRIVATE;
    return 0;
}

void futex_key_release(struct futex_key *key)
{
    if (key->object)
        object_release(key->object);
}

bool futex_key_is_same(const struct futex_key *a, const struct futex_key *b)
{
    return a->space == b->space && a->offset == b->offset;
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
    uint64_t hash = (key->space >> 4 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ul;
    return &buckets[hash >> 56 & (BUCKETS - 1)];
}

/* Waiting */

struct futex_waiter *futex_first_waiter(struct futex_bucket *bucket, const struct futex_key *key)
{
    list_for_each (link, &bucket->waiters) {
        struct futex_waiter *waiter = futex_waiter_of(link);
        if (futex_key_is_same(&waiter->key, key))
            return waiter;
    }
    return NULL;
}

int futex_lock_and_read(struct futex_bucket *bucket, vaddr_t address, uint32_t *value)
{
    for (;;) {
        spin_lock(&bucket->lock);
        if (user_load_word_resident(address, value))
            return 0;
        spin_unlock(&bucket->lock);
        if (user_fault_in(address, ACCESS_READ))
            return -EFAULT;
    }
}

struct futex_bucket *futex_lock_bucket(struct futex_waiter *waiter)
{
    for (;;) {
        struct futex_bucket *bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE);
        spin_lock(&bucket->lock);
        if (bucket == __atomic_load_n(&waiter->bucket, __ATOMIC_RELAXED))
            return bucket;
        spin_unlock(&bucket->lock);
    }
}

static int sleep_until_woken(struct futex_waiter *waiter, uint64_t deadline)
{
    struct futex_bucket *bucket;
    bool woken;
    int result = wait_event_until(waiter->queue, __atomic_load_n(&waiter->woken, __ATOMIC_ACQUIRE),
                                  WAIT_INTERRUPTIBLE, deadline);
    bucket = futex_lock_bucket(waiter);
    woken = waiter->woken;
    if (!woken)
        list_remove(&waiter->link);
    spin_unlock(&bucket->lock);
    return woken ? 0 : result;
}

int futex_wait(vaddr_t address, bool shared, uint32_t value, uint32_t bits, uint64_t deadline)
{
    struct wait_queue queue;
    struct futex_waiter waiter = {.bits = bits, .queue = &queue};
    uint32_t found;
    int result;
    if (bits == 0)
        return -EINVAL;
    result = futex_key_get(&waiter.key, address, shared);
    if (result)
        return result;
    waiter.bucket = futex_bucket_of(&waiter.key);
    wait_queue_init(&queue, "futex");
    result = futex_lock_and_read(waiter.bucket, address, &found);
    if (result == 0) {
        struct futex_bucket *bucket = waiter.bucket;
        if (found == value)
            list_push_back(&bucket->waiters, &waiter.link);
        spin_unlock(&bucket->lock);
        result = found == value ? sleep_until_woken(&waiter, deadline) : -EAGAIN;
    }
    futex_key_release(&waiter.key);
    return result;
}

/* Waking */

void futex_wake_waiter(struct futex_waiter *waiter)
{
    list_remove(&waiter->link);
    __atomic_store_n(&waiter->woken, true, __ATOMIC_SEQ_CST);
    wake_all(waiter->queue);
}

int futex_wake_locked(struct futex_bucket *bucket, const struct futex_key *key, int count,
                      uint32_t bits)
{
    int woken = 0;
    list_for_each_safe (link, &bucket->waiters) {
        struct futex_waiter *waiter = futex_waiter_of(link);
        if (!futex_key_is_same(&waiter->key, key))
            continue;
        if (waiter->lock || waiter->target)
            return -EINVAL;
        if (!(waiter->bits & bits))
            continue;
        futex_wake_waiter(waiter);
        if (++woken >= count)
            break;
    }
    return woken;
}

int futex_wake(vaddr_t address, bool shared, int count, uint32_t bits)
{
    struct futex_key key;
    struct futex_bucket *bucket;
    int result;
    if (bits == 0)
        return -EINVAL;
    result = futex_key_get(&key, address, shared);
    if (result)
        return result;
    bucket = futex_bucket_of(&key);
    spin_lock(&bucket->lock);
    result = futex_wake_locked(bucket, &key, count, bits);
    spin_unlock(&bucket->lock);
    futex_key_release(&key);
    return result;
}
