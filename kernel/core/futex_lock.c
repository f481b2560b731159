/*
 * Futexes that are locks with priority inheritance: FUTEX_LOCK_PI and its like.
 *
 * The word holds the identifier of the owner, 0: free. Programs take and free it themselves while
 * nobody waits. Who has to wait sets FUTEX_WAITERS, which makes the owner call the kernel, and
 * notes in the kernel whose the lock is (struct futex_lock); that is there from the first waiter to
 * the last, found by any of them in the bucket. A waiter is in the bucket until it has returned,
 * also when it owns the lock already: so those who come meanwhile find it.
 *
 * The owner frees a lock by writing the name of the next one into the word, with the bucket locked,
 * and granting it (core/inherit.h): nobody can take it in between. If an owner ends, its locks are
 * granted without a look at their words, and the next owner writes its name there itself. Until
 * then the kernel's owner counts, and not the word.
 */
#include "core/futex_lock.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/user.h"
#include "vm/aspace.h"
#include "core/wait.h"
#include "vm/kmem.h"

/* Claims */

int futex_claim_begin(struct futex_claim *claim, vaddr_t address)
{
    *claim = (struct futex_claim){.address = address};
    claim->spare = kmalloc(sizeof(*claim->spare));
    return claim->spare ? 0 : -ENOMEM;
}

void futex_claim_end(struct futex_claim *claim)
{
    if (claim->owner)
        thread_release(claim->owner);
    if (claim->spare)
        kfree(claim->spare);
}

/* Find the thread that the word names. */
static void find_owner(struct futex_claim *claim)
{
    if (claim->owner)
        thread_release(claim->owner);
    mutex_lock(&process_tree_lock);
    claim->owner = process_find_thread((int)claim->owner_id);
    if (claim->owner)
        thread_reference(claim->owner);
    mutex_unlock(&process_tree_lock);
}

int futex_claim_prepare(struct futex_claim *claim)
{
    if (claim->wants_owner)
        find_owner(claim);
    else if (user_fault_in(claim->address, ACCESS_WRITE))
        return -EFAULT;
    claim->wants_owner = false;
    return 0;
}

/* The owner has ended, maybe since the word was looked at. Of a robust lock it has taken its name
 * out of the word before: then the claim is made again. */
static int owner_ended(const struct futex_claim *claim)
{
    uint32_t word;
    bool named = user_load_word_resident(claim->address, &word) &&
                 (word & FUTEX_TID_MASK) == claim->owner_id;
    return named ? -ESRCH : CLAIM_PREPARE;
}

/* Nobody waits for a lock that the word says somebody owns: who is that? */
static int claim_first(struct futex_claim *claim, uint32_t word, struct futex_lock **lock)
{
    uint32_t id = word & FUTEX_TID_MASK;
    if (claim->owner_id != id) {
        claim->owner_id = id;
        claim->wants_owner = true;
        return CLAIM_PREPARE;
    }
    if (!claim->owner || inherit_has_ended(claim->owner))
        return owner_ended(claim);
    if (claim->tries)
        return -EAGAIN;
    *lock = claim->spare;
    return CLAIM_WAIT;
}

int futex_claim(struct futex_claim *claim, struct futex_bucket *bucket, const struct futex_key *key,
                const struct thread *thread, struct futex_lock **lock)
{
    uint32_t id = (uint32_t)thread->id, word, seen, next;
    struct futex_waiter *first = futex_first_waiter(bucket, key);
    if (!user_load_word_resident(claim->address, &word))
        return CLAIM_PREPARE;
    for (;; word = seen) {
        uint32_t owner = word & FUTEX_TID_MASK;
        if (owner == id)
            return -EDEADLK;
        if (first && (!first->lock || !inherit_is_owner(&first->lock->inherit, (int)owner,
                                                        word & FUTEX_OWNER_DIED)))
            return -EINVAL;
        if (first) {
            *lock = first->lock;
            return claim->tries ? -EAGAIN : CLAIM_WAIT;
        }
        next = word | FUTEX_WAITERS;
        if (!owner)
            next = (word & FUTEX_OWNER_DIED) | id | (claim->keeps_waiters ? FUTEX_WAITERS : 0);
        seen = word;
        if (!user_exchange_word_resident(claim->address, &seen, next))
            return CLAIM_PREPARE;
        if (seen == word)
            return owner ? claim_first(claim, word, lock) : CLAIM_TAKEN;
    }
}

int futex_lock_join(struct futex_claim *claim, struct futex_lock *lock, struct thread *owner,
                    struct futex_waiter *waiter)
{
    bool first = lock == claim->spare;
    int result;
    if (first) {
        inherit_lock_init(&lock->inherit);
        lock->users = 0;
    }
    result = inherit_wait(&lock->inherit, owner, &waiter->place);
    if (result)
        return result == -ESRCH ? owner_ended(claim) : result;
    if (first)
        claim->spare = NULL;
    waiter->lock = lock;
    lock->users++;
    return 0;
}

/* Waiting */

/* The waiter goes out of its locked bucket, the last one with the lock. */
static void leave(struct futex_waiter *waiter)
{
    struct futex_lock *lock = waiter->lock;
    list_remove(&waiter->link);
    if (--lock->users == 0)
        kfree(lock);
}

/* Write the new owner's name into the word of one that has died; the bucket is locked, at the end
 * too. -EFAULT: there is no such word any more, and the next waiter may try its luck. */
static int name_owner(struct futex_waiter *waiter, vaddr_t address)
{
    struct inherit_lock *lock = &waiter->lock->inherit;
    uint32_t seen = 0, word = 0, id = (uint32_t)current_thread()->id;
    int error = 0;
    do {
        word = seen;
        if (!user_exchange_word_resident(address, &seen, FUTEX_OWNER_DIED | FUTEX_WAITERS | id)) {
            spin_unlock(&waiter->bucket->lock);
            error = user_fault_in(address, ACCESS_WRITE);
            spin_lock(&waiter->bucket->lock);
            seen = word + 1;
        }
    } while (seen != word && !error);
    if (!error) {
        inherit_note_death(lock);
        return 0;
    }
    struct inherit_waiter *next = inherit_next(lock);
    if (next)
        inherit_grant(next, true);
    return -EFAULT;
}

int futex_lock_settle(struct futex_waiter *waiter, vaddr_t address, int result)
{
    struct futex_bucket *bucket = futex_lock_bucket(waiter);
    if (inherit_cancel(&waiter->place))
        result = waiter->lock->inherit.owner_died ? name_owner(waiter, address) : 0;
    leave(waiter);
    spin_unlock(&bucket->lock);
    return result;
}

/* Claim until neither page nor owner is missing, and begin to wait, if need be. */
static int claim_or_join(struct futex_claim *claim, struct futex_waiter *waiter)
{
    struct futex_lock *lock;
    int result;
    for (;;) {
        spin_lock(&waiter->bucket->lock);
        result = futex_claim(claim, waiter->bucket, &waiter->key, current_thread(), &lock);
        if (result == CLAIM_WAIT) {
            result = futex_lock_join(claim, lock, claim->owner, waiter);
            if (result == 0)
                list_push_back(&waiter->bucket->waiters, &waiter->link);
        }
        spin_unlock(&waiter->bucket->lock);
        if (result != CLAIM_PREPARE)
            return result;
        if (futex_claim_prepare(claim))
            return -EFAULT;
    }
}

int futex_lock(vaddr_t address, bool shared, bool tries, uint64_t deadline)
{
    struct wait_queue queue;
    struct futex_waiter waiter = {.queue = &queue};
    struct futex_claim claim;
    int result = futex_key_get(&waiter.key, address, shared);
    if (result)
        return result;
    waiter.bucket = futex_bucket_of(&waiter.key);
    waiter.place = (struct inherit_waiter){.thread = current_thread(), .queue = &queue};
    wait_queue_init(&queue, "futex lock");
    result = futex_claim_begin(&claim, address);
    claim.tries = tries;
    if (result == 0)
        result = claim_or_join(&claim, &waiter);
    futex_claim_end(&claim);
    if (result == CLAIM_WAIT) {
        result = wait_event_until(&queue, inherit_is_granted(&waiter.place), WAIT_INTERRUPTIBLE,
                                  deadline);
        result = futex_lock_settle(&waiter, address, result);
    }
    futex_key_release(&waiter.key);
    return result == CLAIM_TAKEN ? 0 : result;
}

/* Unlocking */

/* Hand the lock over, or free it, with its bucket locked: 0, -EPERM, -EINVAL; CLAIM_PREPARE: the
 * word's page is missing. */
static int hand_over(struct futex_bucket *bucket, const struct futex_key *key, vaddr_t address)
{
    uint32_t id = (uint32_t)current_thread()->id, word, seen;
    struct futex_waiter *first = futex_first_waiter(bucket, key);
    struct inherit_waiter *next = NULL;
    if (first && (!first->lock || first->lock->inherit.owner != current_thread()))
        return -EINVAL;
    if (first)
        next = inherit_next(&first->lock->inherit);
    if (!user_load_word_resident(address, &word))
        return CLAIM_PREPARE;
    for (;; word = seen) {
        if ((word & FUTEX_TID_MASK) != id)
            return -EPERM;
        seen = word;
        if (!user_exchange_word_resident(address, &seen,
                                         next ? (uint32_t)next->thread->id | FUTEX_WAITERS : 0))
            return CLAIM_PREPARE;
        if (seen == word)
            break;
    }
    if (next)
        inherit_grant(next, false);
    return 0;
}

int futex_unlock(vaddr_t address, bool shared)
{
    struct futex_bucket *bucket;
    struct futex_key key;
    uint32_t word;
    int result;
    if (copy_from_user(&word, address, sizeof(word)))
        return -EFAULT;
    if ((word & FUTEX_TID_MASK) != (uint32_t)current_thread()->id)
        return -EPERM;
    result = futex_key_get(&key, address, shared);
    if (result)
        return result;
    bucket = futex_bucket_of(&key);
    do {
        spin_lock(&bucket->lock);
        result = hand_over(bucket, &key, address);
        spin_unlock(&bucket->lock);
        if (result == CLAIM_PREPARE && user_fault_in(address, ACCESS_WRITE))
            result = -EFAULT;
    } while (result == CLAIM_PREPARE);
    futex_key_release(&key);
    return result;
}
