/* The shim of shim.h: memory arena, single-threaded locks, mock sleeping, failures, panic. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "shim.h"
#include "core/lock.h"
#include "core/printk.h"
#include "core/wait.h"
#include "vm/failure.h"

#define WEAK __attribute__((weak))

uintptr_t shim_direct_map;
struct hart harts[HART_MAX];
unsigned shim_hart, shim_hart_count = 4;
bool shim_interrupts_off;
static char thread_storage[8192] __attribute__((aligned(16))); /* a thread of zeros */
struct thread *shim_thread = (struct thread *)thread_storage;

bool (*shim_wait_hook)(void);
bool (*shim_reclaim_hook)(unsigned wanted);
uint64_t shim_time;
bool shim_signalled, shim_killed;
uint64_t shim_sleeps, shim_wakes, shim_allocations;

static void *arena;
static size_t arena_size;

/* Locks held, in the order they were taken; those from held_base on belong to this context. */
static struct held {
    const void *lock;
    const char *name;
    unsigned rank;
    bool spinning;
    uint64_t interrupts;
} held[64];
static unsigned held_count, held_base;

static uint64_t fail_countdown;
static bool fail_all, failed;
static jmp_buf *panic_jump;

void shim_start(size_t frames)
{
    shim_end();
    arena_size = frames * 4096;
    arena = mmap(NULL, arena_size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED)
        panic("no memory for an arena of %zu frames", frames);
    shim_direct_map = (uintptr_t)arena - SHIM_MEMORY;
    held_count = held_base = 0;
    fail_countdown = 0;
    fail_all = failed = false;
    shim_hart = 0;
    shim_interrupts_off = shim_signalled = shim_killed = false;
    shim_wait_hook = NULL;
    shim_reclaim_hook = NULL;
    shim_time = shim_sleeps = shim_wakes = shim_allocations = 0;
    for (unsigned i = 0; i < HART_MAX; i++)
        harts[i].index = i;
}

WEAK void __asan_unpoison_memory_region(void const volatile *address, size_t size);

void shim_end(void)
{
    if (!arena)
        return;
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(arena, arena_size);
    munmap(arena, arena_size);
    arena = NULL;
}

/* Messages */

void printk(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;
    if (panic_jump)
        longjmp(*panic_jump, 1);
    fprintf(stderr, "panic: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    for (unsigned i = 0; i < held_count; i++)
        fprintf(stderr, "  holding %s (rank %u)\n", held[i].name, held[i].rank);
    abort();
}

bool shim_panics(void (*function)(void *), void *argument)
{
    jmp_buf here;
    jmp_buf *volatile outer = panic_jump;
    volatile bool panicked = true;
    if (setjmp(here) == 0) {
        panic_jump = &here;
        function(argument);
        panicked = false;
    }
    panic_jump = outer;
    return panicked;
}

/* Failing allocations */

void shim_fail_allocation(uint64_t n)
{
    fail_countdown = n;
    fail_all = failed = false;
}

void shim_fail_allocations_from(uint64_t n)
{
    fail_countdown = n;
    fail_all = true;
    failed = false;
}

bool shim_allocation_failed(void)
{
    return failed;
}

bool allocation_fails(void)
{
    shim_allocations++;
    if (fail_countdown == 0)
        return false;
    if (fail_countdown > 1) {
        fail_countdown--;
        return false;
    }
    if (!fail_all)
        fail_countdown = 0;
    failed = true;
    return true;
}

/* Locks */

unsigned shim_locks_held(void)
{
    return held_count - held_base;
}

bool shim_lock_is_held(const void *lock)
{
    for (unsigned i = 0; i < held_count; i++) {
        if (held[i].lock == lock)
            return true;
    }
    return false;
}

/* Vnode locks of several directories nest among themselves, and those of two amaps; other equal
 * ranks do not. */
static bool order_allows(unsigned outer, unsigned inner)
{
    return outer == RANK_NONE || inner == RANK_NONE || outer < inner ||
           (outer == inner && (inner == RANK_DIRECTORY || inner == RANK_AMAP));
}

static void take(const void *lock, const char *name, unsigned rank, bool spinning, bool checked)
{
    if (shim_lock_is_held(lock))
        panic("deadlock: %s is held already", name);
    for (unsigned i = held_base; i < held_count && checked; i++) {
        if (!order_allows(held[i].rank, rank))
            panic("lock order: %s (rank %u) taken under %s (rank %u)", name, rank, held[i].name,
                  held[i].rank);
        if (held[i].spinning && !spinning)
            panic("sleeping lock %s taken under spinlock %s", name, held[i].name);
    }
    if (!spinning && shim_interrupts_off)
        panic("sleeping lock %s taken with interrupts off", name);
    if (held_count == sizeof(held) / sizeof(held[0]))
        panic("too many locks held");
    held[held_count++] =
        (struct held){lock, name, rank, spinning, spinning ? interrupts_disable() : 0};
}

static void drop(const void *lock, const char *name, bool spinning)
{
    unsigned i = held_count;
    while (i > held_base && held[i - 1].lock != lock)
        i--;
    if (i == held_base)
        panic("%s unlocked by one who does not hold it", name);
    i--;
    if (spinning && !shim_interrupts_off)
        panic("interrupts were turned on under spinlock %s", name);
    /* The outermost spinlock restores the state, in whatever order they are dropped. */
    if (spinning) {
        uint64_t state = held[i].interrupts;
        for (unsigned j = i + 1; j < held_count; j++) {
            if (held[j].spinning) {
                held[j].interrupts = state;
                state = 0;
                break;
            }
        }
        interrupts_restore(state);
    }
    memmove(&held[i], &held[i + 1], (held_count - i - 1) * sizeof(held[0]));
    held_count--;
}

void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank)
{
    *lock = (struct spinlock){.name = name, .rank = rank};
}

void spin_lock(struct spinlock *lock)
{
    take(lock, lock->name, lock->rank, true, true);
    lock->held = 1;
    lock->hart = shim_hart;
}

void spin_unlock(struct spinlock *lock)
{
    lock->held = 0;
    drop(lock, lock->name, true);
}

bool spin_is_held(const struct spinlock *lock)
{
    return shim_lock_is_held(lock);
}

void mutex_init(struct mutex *lock, const char *name, enum lock_rank rank)
{
    *lock = (struct mutex){.name = name, .rank = rank};
    wait_queue_init(&lock->queue, name);
}

void mutex_lock(struct mutex *lock)
{
    take(lock, lock->name, lock->rank, false, true);
    lock->owner = (uintptr_t)shim_thread;
}

bool mutex_trylock(struct mutex *lock)
{
    if (lock->owner)
        return false;
    take(lock, lock->name, lock->rank, false, false);
    lock->owner = (uintptr_t)shim_thread;
    return true;
}

bool mutex_trylock_last(struct mutex *lock)
{
    return mutex_trylock(lock);
}

void mutex_unlock(struct mutex *lock)
{
    lock->owner = 0;
    drop(lock, lock->name, false);
}

bool mutex_is_held(const struct mutex *lock)
{
    return shim_lock_is_held(lock);
}

void rwlock_init(struct rwlock *lock, const char *name, enum lock_rank rank)
{
    *lock = (struct rwlock){.name = name, .rank = rank};
    wait_queue_init(&lock->queue, name);
}

void rwlock_read(struct rwlock *lock)
{
    take(lock, lock->name, lock->rank, false, true);
    lock->readers = 1;
}

bool rwlock_try_read(struct rwlock *lock)
{
    if (lock->readers < 0)
        return false;
    rwlock_read(lock);
    return true;
}

void rwlock_read_done(struct rwlock *lock)
{
    if (lock->readers != 1)
        panic("%s is not held for reading", lock->name);
    lock->readers = 0;
    drop(lock, lock->name, false);
}

void rwlock_write(struct rwlock *lock)
{
    take(lock, lock->name, lock->rank, false, true);
    lock->readers = -1;
    lock->writer = shim_thread;
}

void rwlock_write_done(struct rwlock *lock)
{
    if (lock->readers != -1)
        panic("%s is not held for writing", lock->name);
    lock->readers = 0;
    lock->writer = NULL;
    drop(lock, lock->name, false);
}

bool rwlock_is_written(const struct rwlock *lock)
{
    return lock->readers == -1;
}

bool rwlock_is_read(const struct rwlock *lock)
{
    return lock->readers != 0;
}

/* Waiting */

void wait_queue_init(struct wait_queue *queue, const char *name)
{
    spin_init(&queue->lock, name, RANK_WAIT);
    list_init(&queue->waiters);
}

void wait_prepare(struct wait_queue *queue, struct waiter *waiter, enum wait_kind kind)
{
    (void)kind;
    waiter->thread = shim_thread;
    waiter->exclusive = false;
    list_init(&waiter->link);
    list_push_back(&queue->waiters, &waiter->link);
}

/* One call of the hook, in a lock context of its own. */
static bool run_wait_hook(void)
{
    unsigned outer_base = held_base;
    bool progress;
    if (!shim_wait_hook)
        return false;
    held_base = held_count;
    progress = shim_wait_hook();
    if (held_count != held_base)
        panic("the wait hook returned with %s held", held[held_count - 1].name);
    held_base = outer_base;
    return progress;
}

/* A waiter off its queue has been woken. */
int wait_sleep(struct waiter *waiter, enum wait_kind kind, uint64_t deadline)
{
    for (unsigned i = held_base; i < held_count; i++) {
        if (held[i].spinning)
            panic("sleeping with spinlock %s held", held[i].name);
    }
    if (shim_interrupts_off)
        panic("sleeping with interrupts off");
    shim_sleeps++;
    while (!list_empty(&waiter->link)) {
        if ((kind == WAIT_INTERRUPTIBLE && shim_signalled) ||
            (kind != WAIT_UNINTERRUPTIBLE && shim_killed))
            return -EINTR;
        if (run_wait_hook())
            continue;
        if (deadline == WAIT_FOREVER)
            panic("sleeps forever: nothing is left that could wake it");
        if (shim_time < deadline)
            shim_time = deadline;
        return -ETIMEDOUT;
    }
    return 0;
}

void wait_done(struct wait_queue *queue, struct waiter *waiter)
{
    (void)queue;
    list_remove(&waiter->link);
}

void wake_events(struct wait_queue *queue, unsigned events)
{
    (void)events;
    wake_all(queue);
}

void wake_all(struct wait_queue *queue)
{
    shim_wakes++;
    while (list_pop_front(&queue->waiters))
        ;
}

bool wake_one(struct wait_queue *queue)
{
    shim_wakes++;
    return list_pop_front(&queue->waiters) != NULL;
}

/* What other parts of the kernel would define */

WEAK uint64_t time_now(void);
WEAK bool reclaim_pages(unsigned wanted);
WEAK void reclaim_wake(void);
WEAK bool thread_signalled(void);
WEAK bool thread_killed(void);
WEAK void thread_yield(void);
WEAK void page_zero(void *frame);
WEAK void page_copy(void *destination, const void *source);

WEAK vaddr_t user_end = USER_END_SV39;
WEAK unsigned pmap_levels = 3;

uint64_t time_now(void)
{
    return shim_time;
}

bool reclaim_pages(unsigned wanted)
{
    return shim_reclaim_hook && shim_reclaim_hook(wanted);
}

void reclaim_wake(void)
{
}

bool thread_signalled(void)
{
    return shim_signalled;
}

bool thread_killed(void)
{
    return shim_killed;
}

void thread_yield(void)
{
    run_wait_hook();
}

void page_zero(void *frame)
{
    memset(frame, 0, 4096);
}

void page_copy(void *destination, const void *source)
{
    memcpy(destination, source, 4096);
}
