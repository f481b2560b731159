/*
 * Locks.
 *
 *   spinlock  held for a few instructions, with interrupts off on this hart; the holder does not
 *             sleep
 *   mutex     sleeping lock with an owner; a waiter spins while the owner runs on another hart, and
 *             sleeps otherwise
 *   rwlock    sleeping reader/writer lock; a waiting writer keeps new readers out. A thread that
 *             holds it for reading must not take it again.
 *
 * Each lock has a rank; a thread takes locks in rising rank (doc/locking.md). The DEBUG kernel
 * checks the order, that the unlocker is the holder, and that nobody sleeps with a spinlock held.
 *
 * The annotations are Clang's thread-safety attributes; they vanish with other compilers.
 */
#ifndef MAPIX_CORE_LOCK_H
#define MAPIX_CORE_LOCK_H

#include "lib/list.h"
#include <stdbool.h>
#include <stdint.h>

#ifdef __clang__
#define LOCKABLE    __attribute__((capability("lock")))
#define ACQUIRES(l) __attribute__((acquire_capability(l)))
#define RELEASES(l) __attribute__((release_capability(l)))
#define SHARES(l)   __attribute__((acquire_shared_capability(l)))
#define UNSHARES(l) __attribute__((release_shared_capability(l)))
#define REQUIRES(l) __attribute__((requires_capability(l)))
#else
#define LOCKABLE
#define ACQUIRES(l)
#define RELEASES(l)
#define SHARES(l)
#define UNSHARES(l)
#define REQUIRES(l)
#endif

struct thread;

/* The order in which locks are taken; equal ranks nest only where it is said so here. */
enum lock_rank {
    RANK_NONE,         /* not checked */
    RANK_PROCESS_TREE, /* parents, children, process groups: mutex */
    RANK_DIRECTORY,    /* vnode locks: renames take several, parents first */
    RANK_VNODE,
    RANK_FILE_SYSTEM, /* ext: operations, block maps, allocation groups */
    RANK_BLOCK_MAP,
    RANK_ALLOCATION,
    RANK_ASPACE,
    RANK_AMAP, /* mremap: two of an address space that is locked for writing */
    RANK_SWAP, /* slots of swap areas */
    RANK_OBJECT,
    RANK_BACK_LIST, /* spin from here on */
    RANK_PMAP,
    RANK_PIPE,
    RANK_TABLE, /* file tables, name cache, vnode cache */
    RANK_DEVICE,
    RANK_QUEUES, /* reclaim queues */
    RANK_SLAB,
    RANK_FRAMES,
    RANK_SIGNAL,
    RANK_SIGNAL_ACTIONS,
    RANK_WAIT,  /* wait queues */
    RANK_READY, /* what listeners of wait queues note: ready lists of epoll */
    RANK_REAL_TIMEOUT,
    RANK_TIMEOUT,
    RANK_RUN_QUEUE,
    RANK_CONSOLE,
};

struct LOCKABLE spinlock {
    uint32_t held; /* atomic */
    uint16_t rank;
    uint16_t hart; /* holder, DEBUG kernel */
    const char *name;
};

struct wait_queue {
    struct spinlock lock;
    struct list waiters;
};

struct LOCKABLE mutex {
    uintptr_t owner; /* atomic: struct thread *, bit 0: somebody sleeps */
    struct wait_queue queue;
    uint16_t rank;
    const char *name;
};

struct LOCKABLE rwlock {
    int32_t readers;                   /* atomic: number of readers, -1: a writer */
    uint32_t waiting_writers, waiting; /* atomic */
    struct thread *writer;
    struct wait_queue queue;
    uint16_t rank;
    const char *name;
};

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank);
void spin_lock(struct spinlock *lock) ACQUIRES(*lock);
void spin_unlock(struct spinlock *lock) RELEASES(*lock);
bool spin_is_held(const struct spinlock *lock); /* by this hart; always true unless DEBUG */

void mutex_init(struct mutex *lock, const char *name, enum lock_rank rank);
void mutex_lock(struct mutex *lock) ACQUIRES(*lock);
bool mutex_trylock(struct mutex *lock);

/* As mutex_trylock, but not before those who sleep for it: who tries again and again, as reclaim
 * does, would have it each time before one of them is awake. */
bool mutex_trylock_last(struct mutex *lock);
void mutex_unlock(struct mutex *lock) RELEASES(*lock);
bool mutex_is_held(const struct mutex *lock); /* by this thread */

void rwlock_init(struct rwlock *lock, const char *name, enum lock_rank rank);
void rwlock_read(struct rwlock *lock) SHARES(*lock);
bool rwlock_try_read(struct rwlock *lock);
void rwlock_read_done(struct rwlock *lock) UNSHARES(*lock);
void rwlock_write(struct rwlock *lock) ACQUIRES(*lock);
void rwlock_write_done(struct rwlock *lock) RELEASES(*lock);
bool rwlock_is_written(const struct rwlock *lock); /* held for writing by this thread */
bool rwlock_is_read(const struct rwlock *lock);    /* held for reading or writing by somebody */

#endif
