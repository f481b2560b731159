/*
 * Futexes, several words: waiting until one of them is woken (futex_waitv(2)).
 *
 * The thread is in the bucket of each word. It is not asleep while it enters them, and one entered
 * already may be woken meanwhile: that counts, whatever the words behind it are.
 */
#include "core/futex_internal.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "core/wait.h"
#include "vm/kmem.h"

struct many {
    struct futex_waiter *waiters;
    unsigned count; /* those that are in buckets, or were woken out of them */
    struct wait_queue queue;
};

/* Enter the bucket of the next word: 0, -EAGAIN: it has another value, -EFAULT, -EINVAL. */
static int enter(struct many *many, const struct futex_word *word)
{
    struct futex_waiter *waiter = &many->waiters[many->count];
    uint32_t found;
    int result;
    *waiter = (struct futex_waiter){.bits = FUTEX_BITSET_MATCH_ANY, .queue = &many->queue};
    result = futex_key_get(&waiter->key, word->address, word->shared);
    if (result)
        return result;
    waiter->bucket = futex_bucket_of(&waiter->key);
    result = futex_lock_and_read(waiter->bucket, word->address, &found);
    if (result == 0) {
        struct futex_bucket *bucket = waiter->bucket;
        if (found == word->value)
            list_push_back(&bucket->waiters, &waiter->link);
        else
            result = -EAGAIN;
        spin_unlock(&bucket->lock);
    }
    if (result)
        futex_key_release(&waiter->key);
    else
        many->count++;
    return result;
}

/* Leave all buckets: the last word that was woken, or -1. */
static int leave_all(struct many *many)
{
    int woken = -1;
    for (unsigned i = 0; i < many->count; i++) {
        struct futex_waiter *waiter = &many->waiters[i];
        struct futex_bucket *bucket = futex_lock_bucket(waiter);
        if (waiter->woken)
            woken = (int)i;
        else
            list_remove(&waiter->link);
        spin_unlock(&bucket->lock);
        futex_key_release(&waiter->key);
    }
    return woken;
}

static bool is_any_woken(const struct many *many)
{
    for (unsigned i = 0; i < many->count; i++) {
        if (__atomic_load_n(&many->waiters[i].woken, __ATOMIC_ACQUIRE))
            return true;
    }
    return false;
}

int futex_wait_many(const struct futex_word *words, unsigned count, uint64_t deadline)
{
    struct many many = {.waiters = kmalloc(count * sizeof(*many.waiters))};
    int result = 0, woken;
    if (!many.waiters)
        return -ENOMEM;
    wait_queue_init(&many.queue, "futexes");
    for (unsigned i = 0; i < count && !result; i++)
        result = enter(&many, &words[i]);
    if (result == 0)
        result = wait_event_until(&many.queue, is_any_woken(&many), WAIT_INTERRUPTIBLE, deadline);
    woken = leave_all(&many);
    kfree(many.waiters);
    return woken >= 0 ? woken : result;
}
