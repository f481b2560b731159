/*
 * Futexes: waiting for a word of user memory to change (futex(2)).
 *
 * A word is known by its address in an address space, or, in a shared mapping, by its place in the
 * mapped object: so processes that map it at different addresses meet.
 */
#ifndef MAPIX_CORE_FUTEX_H
#define MAPIX_CORE_FUTEX_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stdint.h>

struct object;

struct futex_key {
    uintptr_t space;       /* the address space, or the object */
    uint64_t offset;       /* address, or offset in the object */
    struct object *object; /* referenced while the key is in use; NULL: an address space */
};

/* The key of the word at address of the current address space; shared: it may be in a shared
 * mapping. -EINVAL: not aligned, -EFAULT. May sleep. */
int futex_key_get(struct futex_key *key, vaddr_t address, bool shared);
void futex_key_release(struct futex_key *key);

/*
 * Wait while the word is value, until a wake whose bits have one in common with these, or the
 * deadline: 0, -EAGAIN: it is not value, -EFAULT, -EINVAL, -ETIMEDOUT, -EINTR.
 */
int futex_wait(vaddr_t address, bool shared, uint32_t value, uint32_t bits, uint64_t deadline);

/* As futex_wait, for any of several words: the index of one that was woken, -ENOMEM, or as above.
 */
struct futex_word {
    vaddr_t address;
    uint32_t value;
    bool shared;
};
int futex_wait_many(const struct futex_word *words, unsigned count, uint64_t deadline);

/* Wake up to count waiters, the longest waiting ones first: how many, -EFAULT, -EINVAL. */
int futex_wake(vaddr_t address, bool shared, int count, uint32_t bits);

/*
 * Wake up to wake waiters of the first word, and make up to requeue of the others wait for the
 * second: how many in all. If expected is not NULL, only while the first word is that: -EAGAIN.
 */
int futex_requeue(const vaddr_t address[2], bool shared, int wake, int requeue,
                  const uint32_t *expected);

/* FUTEX_WAKE_OP of futex(2): change the second word as operation says, wake up to wake waiters of
 * the first, and, if the old value compares, up to wake_second of the second: how many, -ENOSYS. */
int futex_wake_operation(const vaddr_t address[2], bool shared, int wake, int wake_second,
                         uint32_t operation);

/*
 * Locks with priority inheritance: the word is the identifier of the owner.
 *
 * futex_lock    take it, or wait (tries: -EAGAIN): 0, -EDEADLK, -ESRCH: there is no such owner,
 *               -EINVAL: it is no such lock, -EFAULT, -ETIMEDOUT, -EINTR, -ENOMEM
 * futex_unlock  hand it over to the waiter with the highest priority: 0, -EPERM, -EINVAL, -EFAULT
 */
int futex_lock(vaddr_t address, bool shared, bool tries, uint64_t deadline);
int futex_unlock(vaddr_t address, bool shared);

/*
 * Condition variables over such a lock, which is the second word.
 *
 * futex_wait_for_lock    wait while the first word is value, to be requeued: 0, as the owner of the
 *                        lock; -EAGAIN too: interrupted after having been requeued; -EINTR_REPEAT
 * futex_requeue_to_lock  while the first word is expected, let one waiter have the lock, and up to
 *                        count others wait for it: how many in all
 */
int futex_wait_for_lock(const vaddr_t address[2], bool shared, uint32_t value, uint64_t deadline);
int futex_requeue_to_lock(const vaddr_t address[2], bool shared, int count, uint32_t expected);

/* The current thread ends, or leaves its memory: mark the words of its robust list that it owns,
 * and wake a waiter of each. */
void futex_end_robust_list(vaddr_t head);

void futex_init(void);

#endif
