/*
 * Futexes, from a word to a lock with priority inheritance: FUTEX_WAIT_REQUEUE_PI and
 * FUTEX_CMP_REQUEUE_PI, with which a condition variable passes its waiters on to its mutex. A
 * waiter says where it may be requeued to. Whoever requeues takes the lock for the first of them,
 * and lets the others wait for it; they learn of that when they own it.
 */
#include "core/futex_lock.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/riscv/hart.h"
#include "core/syscall.h"
#include "core/thread.h"
#include "core/user.h"
#include "vm/aspace.h"
#include "core/wait.h"
#include "vm/object.h"

/* Waiting */

/* The wait is over: what has come of it? */
static int end_wait(struct futex_waiter *waiter, vaddr_t target, int result)
{
    struct futex_bucket *bucket = futex_lock_bucket(waiter);
    bool requeued = waiter->lock;
    if (!requeued && !waiter->woken) {
        list_remove(&waiter->link);
        result = result == -EINTR ? -EINTR_REPEAT : result;
    } else if (!requeued) {
        result = 0;
    }
    spin_unlock(&bucket->lock);
    if (!requeued)
        return result;
    result = futex_lock_settle(waiter, target, result);
    return result == -EINTR ? -EAGAIN : result;
}

static bool is_over(const struct futex_waiter *waiter)
{
    return __atomic_load_n(&waiter->woken, __ATOMIC_ACQUIRE) || inherit_is_granted(&waiter->place);
}

static int wait_with_keys(const vaddr_t address[2], struct futex_waiter *waiter, uint32_t value,
                          uint64_t deadline)
{
    struct futex_bucket *bucket = futex_bucket_of(&waiter->key);
    uint32_t found;
    int result;
    if (futex_key_is_same(&waiter->key, waiter->target))
        return -EINVAL;
    waiter->bucket = bucket;
    result = futex_lock_and_read(bucket, address[0], &found);
    if (result)
        return result;
    if (found == value)
        list_push_back(&bucket->waiters, &waiter->link);
    spin_unlock(&bucket->lock);
    if (found != value)
        return -EAGAIN;
    result = wait_event_until(waiter->queue, is_over(waiter), WAIT_INTERRUPTIBLE, deadline);
    return end_wait(waiter, address[1], result);
}

int futex_wait_for_lock(const vaddr_t address[2], bool shared, uint32_t value, uint64_t deadline)
{
    struct wait_queue queue;
    struct futex_key key[2];
    struct futex_waiter waiter = {.bits = FUTEX_BITSET_MATCH_ANY, .queue = &queue};
    int result;
    if (address[0] == address[1])
        return -EINVAL;
    result = futex_keys_get(key, address, shared);
    if (result)
        return result;
    wait_queue_init(&queue, "futex lock");
    waiter.key = key[0];
    waiter.target = &key[1];
    waiter.place = (struct inherit_waiter){.thread = current_thread(), .queue = &queue};
    result = user_fault_in(address[1], ACCESS_WRITE);
    if (result == 0)
        result = wait_with_keys(address, &waiter, value, deadline);
    futex_key_release(&waiter.key);
    futex_key_release(&key[1]);
    return result;
}

/* Requeueing */

struct requeue {
    struct futex_key key[2];
    struct futex_bucket *bucket[2];
    int limit; /* how many waiters, with the one that may get the lock at once */
    int moved;
};

static bool may_move(const struct requeue *requeue, const struct futex_waiter *waiter)
{
    return waiter->target && futex_key_is_same(waiter->target, &requeue->key[1]);
}

/* The lock is the first waiter's: it is woken with it. The others will wait for what it owns. */
static struct thread *wake_owner(struct futex_waiter *first)
{
    struct thread *owner = first->place.thread;
    futex_wake_waiter(first);
    return owner;
}

/* Let waiters of the first word wait for the lock: 0, or what ended it: CLAIM_PREPARE only before
 * the first of them waits. */
static int move_waiters(struct requeue *requeue, struct futex_claim *claim, struct futex_lock *lock,
                        struct thread *owner, int count)
{
    struct list moving = LIST_INITIALIZER(moving);
    int result = 0;
    list_for_each_safe (link, &requeue->bucket[0]->waiters) {
        struct futex_waiter *waiter = futex_waiter_of(link);
        if (!futex_key_is_same(&waiter->key, &requeue->key[0]))
            continue;
        if (requeue->moved == count)
            break;
        result = may_move(requeue, waiter) ? futex_lock_join(claim, lock, owner, waiter) : -EINVAL;
        if (result)
            break;
        list_remove(link);
        list_push_back(&moving, link);
        futex_move_waiter(waiter, requeue->bucket[1], &requeue->key[1]);
        requeue->moved++;
    }
    list_splice_back(&requeue->bucket[1]->waiters, &moving);
    return result;
}

/* With both buckets locked: how many waiters have been served, CLAIM_PREPARE, or an error. */
static int requeue_locked(struct requeue *requeue, struct futex_claim *claim)
{
    struct futex_waiter *first = futex_first_waiter(requeue->bucket[0], &requeue->key[0]);
    struct futex_lock *lock = claim->spare;
    struct thread *owner = claim->owner;
    int result, taken;
    if (!first)
        return 0;
    if (!may_move(requeue, first))
        return -EINVAL;
    result = futex_claim(claim, requeue->bucket[1], &requeue->key[1], first->place.thread, &lock);
    if (result < 0)
        return result;
    taken = result == CLAIM_TAKEN;
    if (taken)
        owner = wake_owner(first);
    result = move_waiters(requeue, claim, lock, owner, requeue->limit - taken);
    return result ? result : requeue->moved + taken;
}

int futex_requeue_to_lock(const vaddr_t address[2], bool shared, int count, uint32_t expected)
{
    struct requeue requeue = {.limit = count == INT32_MAX ? count : count + 1};
    struct futex_claim claim;
    int result;
    if (address[0] == address[1])
        return -EINVAL;
    result = futex_keys_get(requeue.key, address, shared);
    if (result)
        return result;
    requeue.bucket[0] = futex_bucket_of(&requeue.key[0]);
    requeue.bucket[1] = futex_bucket_of(&requeue.key[1]);
    result = futex_claim_begin(&claim, address[1]);
    claim.keeps_waiters = count > 0;
    if (futex_key_is_same(&requeue.key[0], &requeue.key[1]))
        result = -EINVAL;
    while (result == 0) {
        result = futex_lock_two_if(requeue.bucket, address[0], &expected);
        if (result)
            break;
        result = requeue_locked(&requeue, &claim);
        futex_unlock_two(requeue.bucket[0], requeue.bucket[1]);
        if (result != CLAIM_PREPARE)
            break;
        result = futex_claim_prepare(&claim);
    }
    futex_claim_end(&claim);
    while (requeue.key[0].object && requeue.moved-- > 0)
        object_release(requeue.key[0].object);
    futex_keys_release(requeue.key);
    return result;
}
