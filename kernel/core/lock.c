/*
 * Spinlocks, mutexes and reader/writer locks (lock.h).
 *
 * Spinlocks are test-and-set and not fair: harts are often virtual, and a ticket lock stands still
 * while the host has put the next in line aside.
 *
 * A mutex is one word: the owner, and in bit 0 whether somebody sleeps. A sleeper is on the queue
 * before it sets the bit, and sets it in the same compare-and-swap that finds the owner still
 * there; so the owner either sees the bit when it unlocks, or had unlocked before. Who got the
 * mutex after sleeping keeps the bit set, for there may be more sleepers; the wake that nobody
 * needs is the price.
 *
 * A reader/writer lock counts its readers, -1 standing for a writer. Who releases it looks at
 * waiting after changing readers; who waits changes waiting before looking at readers: one of the
 * two sees the other.
 */
#include "core/lock.h"
#include "arch/riscv/hart.h"
#include "core/lock_check.h"
#include "core/scheduler.h"
#include "core/thread.h"
#include "core/wait.h"

#define MUTEX_SLEEPERS ((uintptr_t)1)
#define SPIN_ROUNDS    400 /* rounds of waiting for an owner that runs, before sleeping */

/* Tell the hart that this is a wait loop (the "pause" hint of Zihintpause, a no-op elsewhere). */
static inline void relax(void)
{
    __asm__ volatile(".4byte 0x0100000f" ::: "memory");
}

/* Spinlocks */

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank)
{
    lock->held = 0;
    lock->rank = rank;
    lock->hart = 0;
    lock->name = name;
}

static inline void spin_enter(void)
{
    uint64_t state = interrupts_disable();
    struct thread *thread = current_thread();
    if (thread->spin_depth++ == 0)
        thread->interrupts_were_on = state != 0;
}

static inline void spin_leave(void)
{
    struct thread *thread = current_thread();
    if (--thread->spin_depth == 0 && thread->interrupts_were_on)
        interrupts_enable();
}

/* What waits stands apart, not inlined, so that who finds the lock free saves no registers. */
static __attribute__((noinline)) void wait_for_spinlock(struct spinlock *lock)
{
    do {
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
            relax();
    } while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE));
}

void spin_lock(struct spinlock *lock)
{
    spin_enter();
    lock_check_order(lock, lock->name, lock->rank);
    if (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
        wait_for_spinlock(lock);
    lock_check_taken(lock, lock->name, lock->rank);
#ifdef DEBUG
    lock->hart = (uint16_t)hart_index();
#endif
}

void spin_unlock(struct spinlock *lock)
{
    lock_check_released(lock, lock->name, lock->rank);
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
    spin_leave();
}

bool spin_is_held(const struct spinlock *lock)
{
#ifdef DEBUG
    return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) && !interrupts_enabled() &&
           lock->hart == hart_index();
#else
    (void)lock;
    return true;
#endif
}

/* Mutexes */

void mutex_init(struct mutex *lock, const char *name, enum lock_rank rank)
{
    lock->owner = 0;
    lock->rank = rank;
    lock->name = name;
    wait_queue_init(&lock->queue, name);
}

static inline bool mutex_take(struct mutex *lock, uintptr_t expected, uintptr_t wanted)
{
    return __atomic_compare_exchange_n(&lock->owner, &expected, wanted, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Wait a little if the owner runs on another hart: it will be done sooner than a sleep takes. The
 * owner may end meanwhile; only scheduler_is_running's rules make it safe to ask about it. */
static bool mutex_spin(struct mutex *lock, uintptr_t self)
{
    for (unsigned round = 0; round < SPIN_ROUNDS && hart_count() > 1; round++) {
        uintptr_t owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);
        if (owner == 0) {
            if (mutex_take(lock, 0, self))
                return true;
        } else if (!scheduler_is_running((struct thread *)(owner & ~MUTEX_SLEEPERS))) {
            return false;
        }
        relax();
    }
    return false;
}

/* On the queue: take the lock if it is free, else leave word that somebody sleeps. */
static bool mutex_take_or_mark(struct mutex *lock, uintptr_t self)
{
    uintptr_t owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);
    for (;;) {
        uintptr_t wanted = owner == 0 ? (self | MUTEX_SLEEPERS) : (owner | MUTEX_SLEEPERS);
        if (__atomic_compare_exchange_n(&lock->owner, &owner, wanted, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return owner == 0;
    }
}

static __attribute__((noinline)) void mutex_lock_slowly(struct mutex *lock, uintptr_t self)
{
    struct waiter waiter;
    bool taken = mutex_spin(lock, self);
    lock_check_sleep();
    while (!taken) {
        wait_prepare_exclusive(&lock->queue, &waiter, WAIT_UNINTERRUPTIBLE);
        taken = mutex_take_or_mark(lock, self);
        if (!taken)
            wait_sleep(&waiter, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
        wait_done(&lock->queue, &waiter);
    }
}

void mutex_lock(struct mutex *lock)
{
    uintptr_t self = (uintptr_t)current_thread();
    lock_check_order(lock, lock->name, lock->rank);
    if (!mutex_take(lock, 0, self))
        mutex_lock_slowly(lock, self);
    lock_check_taken(lock, lock->name, lock->rank);
}

bool mutex_trylock(struct mutex *lock)
{
    if (!mutex_take(lock, 0, (uintptr_t)current_thread()))
        return false;
    lock_check_taken(lock, lock->name, lock->rank);
    return true;
}

bool mutex_trylock_last(struct mutex *lock)
{
    return wait_queue_is_empty(&lock->queue) && mutex_trylock(lock);
}

void mutex_unlock(struct mutex *lock)
{
    uintptr_t self = (uintptr_t)current_thread();
    lock_check_released(lock, lock->name, lock->rank);
    if (__atomic_compare_exchange_n(&lock->owner, &self, 0, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&lock->owner, 0, __ATOMIC_RELEASE);
    wake_one(&lock->queue);
}

bool mutex_is_held(const struct mutex *lock)
{
    return (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) & ~MUTEX_SLEEPERS) ==
           (uintptr_t)current_thread();
}

/* Reader/writer locks */

void rwlock_init(struct rwlock *lock, const char *name, enum lock_rank rank)
{
    lock->readers = 0;
    lock->waiting_writers = lock->waiting = 0;
    lock->writer = NULL;
    lock->rank = rank;
    lock->name = name;
    wait_queue_init(&lock->queue, name);
}

static inline bool try_read(struct rwlock *lock)
{
    int32_t readers = __atomic_load_n(&lock->readers, __ATOMIC_SEQ_CST);
    while (readers >= 0 && __atomic_load_n(&lock->waiting_writers, __ATOMIC_SEQ_CST) == 0) {
        if (__atomic_compare_exchange_n(&lock->readers, &readers, readers + 1, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

static inline bool try_write(struct rwlock *lock)
{
    int32_t expected = 0;
    return __atomic_compare_exchange_n(&lock->readers, &expected, -1, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* Try for a while, then sleep until try_lock succeeds. */
static void wait_for_rwlock(struct rwlock *lock, bool (*try_lock)(struct rwlock *))
{
    struct waiter waiter;
    bool taken = false;
    for (unsigned round = 0; round < SPIN_ROUNDS && hart_count() > 1 && !taken; round++) {
        relax();
        taken = try_lock(lock);
    }
    lock_check_sleep();
    __atomic_fetch_add(&lock->waiting, 1, __ATOMIC_SEQ_CST);
    while (!taken) {
        wait_prepare(&lock->queue, &waiter, WAIT_UNINTERRUPTIBLE);
        taken = try_lock(lock);
        if (!taken)
            wait_sleep(&waiter, WAIT_UNINTERRUPTIBLE, WAIT_FOREVER);
        wait_done(&lock->queue, &waiter);
    }
    __atomic_fetch_sub(&lock->waiting, 1, __ATOMIC_RELAXED);
}

static void wake_waiting(struct rwlock *lock)
{
    if (__atomic_load_n(&lock->waiting, __ATOMIC_SEQ_CST))
        wake_all(&lock->queue);
}

void rwlock_read(struct rwlock *lock)
{
    lock_check_order(lock, lock->name, lock->rank);
    if (!try_read(lock))
        wait_for_rwlock(lock, try_read);
    lock_check_taken(lock, lock->name, lock->rank);
}

bool rwlock_try_read(struct rwlock *lock)
{
    if (!try_read(lock))
        return false;
    lock_check_taken(lock, lock->name, lock->rank);
    return true;
}

void rwlock_read_done(struct rwlock *lock)
{
    lock_check_released(lock, lock->name, lock->rank);
    if (__atomic_sub_fetch(&lock->readers, 1, __ATOMIC_SEQ_CST) == 0)
        wake_waiting(lock);
}

void rwlock_write(struct rwlock *lock)
{
    lock_check_order(lock, lock->name, lock->rank);
    if (!try_write(lock)) {
        __atomic_fetch_add(&lock->waiting_writers, 1, __ATOMIC_SEQ_CST);
        wait_for_rwlock(lock, try_write);
        __atomic_fetch_sub(&lock->waiting_writers, 1, __ATOMIC_SEQ_CST);
    }
    lock->writer = current_thread();
    lock_check_taken(lock, lock->name, lock->rank);
}

void rwlock_write_done(struct rwlock *lock)
{
    lock_check_released(lock, lock->name, lock->rank);
    lock->writer = NULL;
    __atomic_store_n(&lock->readers, 0, __ATOMIC_SEQ_CST);
    wake_waiting(lock);
}

bool rwlock_is_written(const struct rwlock *lock)
{
    return __atomic_load_n(&lock->readers, __ATOMIC_RELAXED) == -1 &&
           lock->writer == current_thread();
}

bool rwlock_is_read(const struct rwlock *lock)
{
    return __atomic_load_n(&lock->readers, __ATOMIC_RELAXED) != 0;
}
