/*
 * Futexes, two words at once: requeueing, and FUTEX_WAKE_OP.
 */
#include "core/futex_internal.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "core/user.h"
#include "vm/aspace.h"
#include "vm/object.h"

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock(a < b ? &b->lock : &a->lock);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

int futex_keys_get(struct futex_key key[2], const vaddr_t address[2], bool shared)
{
    int result = futex_key_get(&key[0], address[0], shared);
    if (result)
        return result;
    result = futex_key_get(&key[1], address[1], shared);
    if (result)
        futex_key_release(&key[0]);
    return result;
}

void futex_keys_release(struct futex_key key[2])
{
    futex_key_release(&key[0]);
    futex_key_release(&key[1]);
}

void futex_move_waiter(struct futex_waiter *waiter, struct futex_bucket *to,
                       const struct futex_key *key)
{
    waiter->key = *key;
    if (key->object)
        object_reference(key->object);
    __atomic_store_n(&waiter->bucket, to, __ATOMIC_RELEASE);
}

/* Wake some of the waiters of the first key and requeue others, both buckets being locked: how many
 * in all, or -EINVAL: some wait for a lock. *moved: how many references of the first key's object
 * are not needed any more. */
static int requeue_locked(struct futex_bucket *from, struct futex_bucket *to,
                          const struct futex_key key[2], int wake_count, int requeue_count,
                          int *moved)
{
    struct list moving = LIST_INITIALIZER(moving);
    int woken = 0, error = 0;
    *moved = 0;
    list_for_each_safe (link, &from->waiters) {
        struct futex_waiter *waiter = futex_waiter_of(link);
        if (!futex_key_is_same(&waiter->key, &key[0]))
            continue;
        if (waiter->lock || waiter->target) {
            error = -EINVAL;
            break;
        }
        if (woken < wake_count) {
            futex_wake_waiter(waiter);
            woken++;
        } else if (*moved < requeue_count) {
            list_remove(link);
            list_push_back(&moving, link);
            futex_move_waiter(waiter, to, &key[1]);
            ++*moved;
        } else {
            break;
        }
    }
    list_splice_back(&to->waiters, &moving);
    return error ? error : woken + *moved;
}

int futex_lock_two_if(struct futex_bucket *const bucket[2], vaddr_t address,
                      const uint32_t *expected)
{
    uint32_t value;
    for (;;) {
        futex_lock_two(bucket[0], bucket[1]);
        if (!expected)
            return 0;
        if (user_load_word_resident(address, &value)) {
            if (value == *expected)
                return 0;
            futex_unlock_two(bucket[0], bucket[1]);
            return -EAGAIN;
        }
        futex_unlock_two(bucket[0], bucket[1]);
        if (user_fault_in(address, ACCESS_READ))
            return -EFAULT;
    }
}

int futex_requeue(const vaddr_t address[2], bool shared, int wake_count, int requeue_count,
                  const uint32_t *expected)
{
    struct futex_key key[2];
    int result = futex_keys_get(key, address, shared), moved = 0;
    if (result)
        return result;
    struct futex_bucket *const bucket[2] = {futex_bucket_of(&key[0]), futex_bucket_of(&key[1])};
    result = futex_lock_two_if(bucket, address[0], expected);
    if (result == 0) {
        result = requeue_locked(bucket[0], bucket[1], key, wake_count, requeue_count, &moved);
        futex_unlock_two(bucket[0], bucket[1]);
    }
    while (key[0].object && moved-- > 0)
        object_release(key[0].object);
    futex_keys_release(key);
    return result;
}

/* FUTEX_WAKE_OP: 4 bits of operation, the highest of which means that 1 << argument is the
 * argument, 4 bits of comparison, 12 bits each of the operation's and the comparison's argument. */
static int32_t sign_extend(uint32_t bits)
{
    return (int32_t)(bits << 20) >> 20;
}

static bool is_operation(uint32_t encoded)
{
    return (encoded >> 28 & 7) <= FUTEX_OP_XOR && (encoded >> 24 & 15) <= FUTEX_OP_CMP_GE;
}

static uint32_t operate(uint32_t encoded, uint32_t old)
{
    uint32_t argument = (uint32_t)sign_extend(encoded >> 12 & 0xfff);
    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
        argument = 1u << (argument & 31);
    switch (encoded >> 28 & 7) {
    case FUTEX_OP_SET:
        return argument;
    case FUTEX_OP_ADD:
        return old + argument;
    case FUTEX_OP_OR:
        return old | argument;
    case FUTEX_OP_ANDN:
        return old & ~argument;
    default:
        return old ^ argument;
    }
}

static bool compare(uint32_t encoded, uint32_t word)
{
    int32_t argument = sign_extend(encoded & 0xfff), old = (int32_t)word;
    switch (encoded >> 24 & 15) {
    case FUTEX_OP_CMP_EQ:
        return old == argument;
    case FUTEX_OP_CMP_NE:
        return old != argument;
    case FUTEX_OP_CMP_LT:
        return old < argument;
    case FUTEX_OP_CMP_LE:
        return old <= argument;
    case FUTEX_OP_CMP_GT:
        return old > argument;
    default:
        return old >= argument;
    }
}

/* Change a word whose page may have to be faulted in, with both buckets locked at the end: its old
 * value. -EFAULT: nothing is locked. */
static int lock_two_and_operate(struct futex_bucket *const bucket[2], vaddr_t address,
                                uint32_t encoded, uint32_t *old)
{
    for (;;) {
        bool resident;
        futex_lock_two(bucket[0], bucket[1]);
        resident = user_load_word_resident(address, old);
        for (uint32_t seen = *old; resident; *old = seen) {
            resident = user_exchange_word_resident(address, &seen, operate(encoded, *old));
            if (resident && seen == *old)
                return 0;
        }
        futex_unlock_two(bucket[0], bucket[1]);
        if (user_fault_in(address, ACCESS_WRITE))
            return -EFAULT;
    }
}

int futex_wake_operation(const vaddr_t address[2], bool shared, int wake_count, int wake_second,
                         uint32_t operation)
{
    struct futex_key key[2];
    uint32_t old = 0;
    int result;
    if (!is_operation(operation))
        return -ENOSYS;
    result = futex_keys_get(key, address, shared);
    if (result)
        return result;
    struct futex_bucket *const bucket[2] = {futex_bucket_of(&key[0]), futex_bucket_of(&key[1])};
    result = lock_two_and_operate(bucket, address[1], operation, &old);
    if (result == 0) {
        result = futex_wake_locked(bucket[0], &key[0], wake_count, FUTEX_BITSET_MATCH_ANY);
        if (result >= 0 && compare(operation, old)) {
            int second = futex_wake_locked(bucket[1], &key[1], wake_second, FUTEX_BITSET_MATCH_ANY);
            result = second < 0 ? second : result + second;
        }
        futex_unlock_two(bucket[0], bucket[1]);
    }
    futex_keys_release(key);
    return result;
}
