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
 */
#include "core/futex.h"
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

struct bucket {
    struct spinlock lock;
    struct list waiters; /* (lock) the longest waiting one first */
};

struct futex_waiter {
    struct list link;
    struct bucket *bucket; /* atomic; changed with the old and the new one locked */
    struct futex_key key;
    uint32_t bits;
    bool woken; /* atomic, changed with the bucket locked */
    struct wait_queue queue;
};

static struct bucket buckets[BUCKETS];

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

static bool is_same(const struct futex_key *a, const struct futex_key *b)
{
    return a->space == b->space && a->offset == b->offset;
}

static struct bucket *bucket_of(const struct futex_key *key)
{
    uint64_t hash = (key->space >> 4 ^ key->offset >> 2) * 0x9e3779b97f4a7c15ul;
    return &buckets[hash >> 56 & (BUCKETS - 1)];
}

/* Waiting */

static struct futex_waiter *waiter_of(struct list *link)
{
    return container_of(link, struct futex_waiter, link);
}

/* Lock the bucket of the key and read the word; -EFAULT: it cannot be read, and nothing is locked.
 */
static int lock_and_read(struct bucket *bucket, vaddr_t address, uint32_t *value)
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

static struct bucket *lock_bucket_of(struct futex_waiter *waiter)
{
    for (;;) {
        struct bucket *bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE);
        spin_lock(&bucket->lock);
        if (bucket == __atomic_load_n(&waiter->bucket, __ATOMIC_RELAXED))
            return bucket;
        spin_unlock(&bucket->lock);
    }
}

static int sleep_until_woken(struct futex_waiter *waiter, uint64_t deadline)
{
    struct bucket *bucket;
    bool woken;
    int result = wait_event_until(&waiter->queue, __atomic_load_n(&waiter->woken, __ATOMIC_ACQUIRE),
                                  WAIT_INTERRUPTIBLE, deadline);
    bucket = lock_bucket_of(waiter);
    woken = waiter->woken;
    if (!woken)
        list_remove(&waiter->link);
    spin_unlock(&bucket->lock);
    return woken ? 0 : result;
}

int futex_wait(vaddr_t address, bool shared, uint32_t value, uint32_t bits, uint64_t deadline)
{
    struct futex_waiter waiter = {.bits = bits};
    uint32_t found;
    int result;
    if (bits == 0)
        return -EINVAL;
    result = futex_key_get(&waiter.key, address, shared);
    if (result)
        return result;
    waiter.bucket = bucket_of(&waiter.key);
    wait_queue_init(&waiter.queue, "futex");
    result = lock_and_read(waiter.bucket, address, &found);
    if (result == 0) {
        struct bucket *bucket = waiter.bucket;
        if (found == value)
            list_push_back(&bucket->waiters, &waiter.link);
        spin_unlock(&bucket->lock);
        result = found == value ? sleep_until_woken(&waiter, deadline) : -EAGAIN;
    }
    futex_key_release(&waiter.key);
    return result;
}

/* Waking */

static void wake(struct futex_waiter *waiter)
{
    list_remove(&waiter->link);
    __atomic_store_n(&waiter->woken, true, __ATOMIC_SEQ_CST);
    wake_all(&waiter->queue);
}

/* Wake waiters of the key, whose bucket is locked: how many. As futex(2) does it, one is woken even
 * if count is less. */
static int wake_locked(struct bucket *bucket, const struct futex_key *key, int count, uint32_t bits)
{
    int woken = 0;
    list_for_each_safe (link, &bucket->waiters) {
        struct futex_waiter *waiter = waiter_of(link);
        if (!is_same(&waiter->key, key) || !(waiter->bits & bits))
            continue;
        wake(waiter);
        if (++woken >= count)
            break;
    }
    return woken;
}

int futex_wake(vaddr_t address, bool shared, int count, uint32_t bits)
{
    struct futex_key key;
    struct bucket *bucket;
    int result;
    if (bits == 0)
        return -EINVAL;
    result = futex_key_get(&key, address, shared);
    if (result)
        return result;
    bucket = bucket_of(&key);
    spin_lock(&bucket->lock);
    result = wake_locked(bucket, &key, count, bits);
    spin_unlock(&bucket->lock);
    futex_key_release(&key);
    return result;
}

/* Two words at once */

static void lock_two(struct bucket *a, struct bucket *b)
{
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

static int get_keys(struct futex_key key[2], const vaddr_t address[2], bool shared)
{
    int result = futex_key_get(&key[0], address[0], shared);
    if (result)
        return result;
    result = futex_key_get(&key[1], address[1], shared);
    if (result)
        futex_key_release(&key[0]);
    return result;
}

/* Wake some of the waiters of the first key and requeue others, both buckets being locked: how many
 * in all. *moved: how many references of the first key's object are not needed any more. */
static int requeue_locked(struct bucket *from, struct bucket *to, const struct futex_key key[2],
                          int wake_count, int requeue_count, int *moved)
{
    struct list moving = LIST_INITIALIZER(moving);
    int woken = 0;
    *moved = 0;
    list_for_each_safe (link, &from->waiters) {
        struct futex_waiter *waiter = waiter_of(link);
        if (!is_same(&waiter->key, &key[0]))
            continue;
        if (woken < wake_count) {
            wake(waiter);
            woken++;
        } else if (*moved < requeue_count) {
            list_remove(link);
            list_push_back(&moving, link);
            waiter->key = key[1];
            if (key[1].object)
                object_reference(key[1].object);
            __atomic_store_n(&waiter->bucket, to, __ATOMIC_RELEASE);
            ++*moved;
        } else {
            break;
        }
    }
    list_splice_back(&to->waiters, &moving);
    return woken + *moved;
}

/* Lock both, once the first word is resident, if its value matters: 0, -EFAULT, -EAGAIN. */
static int lock_two_if(struct bucket *const bucket[2], vaddr_t address, const uint32_t *expected)
{
    uint32_t value;
    for (;;) {
        lock_two(bucket[0], bucket[1]);
        if (!expected)
            return 0;
        if (user_load_word_resident(address, &value)) {
            if (value == *expected)
                return 0;
            unlock_two(bucket[0], bucket[1]);
            return -EAGAIN;
        }
        unlock_two(bucket[0], bucket[1]);
        if (user_fault_in(address, ACCESS_READ))
            return -EFAULT;
    }
}

int futex_requeue(const vaddr_t address[2], bool shared, int wake_count, int requeue_count,
                  const uint32_t *expected)
{
    struct futex_key key[2];
    int result = get_keys(key, address, shared), moved = 0;
    if (result)
        return result;
    struct bucket *const bucket[2] = {bucket_of(&key[0]), bucket_of(&key[1])};
    result = lock_two_if(bucket, address[0], expected);
    if (result == 0) {
        result = requeue_locked(bucket[0], bucket[1], key, wake_count, requeue_count, &moved);
        unlock_two(bucket[0], bucket[1]);
    }
    while (key[0].object && moved-- > 0)
        object_release(key[0].object);
    futex_key_release(&key[0]);
    futex_key_release(&key[1]);
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
static int lock_two_and_operate(struct bucket *const bucket[2], vaddr_t address, uint32_t encoded,
                                uint32_t *old)
{
    for (;;) {
        bool resident;
        lock_two(bucket[0], bucket[1]);
        resident = user_load_word_resident(address, old);
        for (uint32_t seen = *old; resident; *old = seen) {
            resident = user_exchange_word_resident(address, &seen, operate(encoded, *old));
            if (resident && seen == *old)
                return 0;
        }
        unlock_two(bucket[0], bucket[1]);
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
    result = get_keys(key, address, shared);
    if (result)
        return result;
    struct bucket *const bucket[2] = {bucket_of(&key[0]), bucket_of(&key[1])};
    result = lock_two_and_operate(bucket, address[1], operation, &old);
    if (result == 0) {
        result = wake_locked(bucket[0], &key[0], wake_count, FUTEX_BITSET_MATCH_ANY);
        if (compare(operation, old))
            result += wake_locked(bucket[1], &key[1], wake_second, FUTEX_BITSET_MATCH_ANY);
        unlock_two(bucket[0], bucket[1]);
    }
    futex_key_release(&key[0]);
    futex_key_release(&key[1]);
    return result;
}

/* Robust lists */

/* Leave word at a word of the list that its owner has died, and wake one who waits for it; pending:
 * the thread was about to take or to release it. -EFAULT. */
static int end_word(vaddr_t address, bool inheriting, bool pending)
{
    uint32_t seen = 0, id = (uint32_t)current_thread()->id;
    if (address % sizeof(uint32_t) || user_fault_in(address, ACCESS_WRITE))
        return -EFAULT;
    for (;;) {
        uint32_t word = seen;
        bool owned = (word & FUTEX_TID_MASK) == id;
        uint32_t next = owned ? (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED : word;
        if (!user_exchange_word_resident(address, &seen, next)) {
            if (user_fault_in(address, ACCESS_WRITE))
                return -EFAULT;
            continue;
        }
        if (seen != word)
            continue;
        if (!inheriting && (owned ? word & FUTEX_WAITERS : pending && word == 0))
            (void)futex_wake(address, true, 1, FUTEX_BITSET_MATCH_ANY);
        return 0;
    }
}

void futex_end_robust_list(vaddr_t address)
{
    struct robust_list_head head;
    uint64_t entry, next, pending;
    if (!address || copy_from_user(&head, address, sizeof(head)))
        return;
    pending = head.pending & ~1ul;
    entry = head.first;
    for (unsigned i = 0; (entry & ~1ul) != address && i < ROBUST_LIST_LIMIT; i++) {
        vaddr_t place = entry & ~1ul;
        bool readable = copy_from_user(&next, place, sizeof(next)) == 0;
        if (place != pending && end_word(place + (uint64_t)head.offset, entry & 1, false))
            return;
        if (!readable)
            return;
        entry = next;
    }
    if (pending)
        (void)end_word(pending + (uint64_t)head.offset, head.pending & 1, true);
}
