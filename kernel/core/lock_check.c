/*
 * The lock checker of the DEBUG kernel (lock_check.h). The list of a thread is its own: an
 * interrupt handler works on the list of the thread that it interrupted, and gives back what it
 * takes.
 */
#include "core/lock_check.h"

#ifdef DEBUG
#include "arch/riscv/hart.h"
#include "core/lock.h"
#include "core/printk.h"
#include "core/thread.h"

#define LOCKS_MAX (sizeof(((struct thread *)0)->locks) / sizeof(void *))

static bool is_spin_rank(uint16_t rank)
{
    return rank >= RANK_BACK_LIST;
}

/* Vnode locks of several directories nest among themselves, in the order that fs/ defines; those of
 * two amaps, in any order, because only mremap takes two, with their address space locked. */
static bool order_allows(uint16_t outer, uint16_t inner)
{
    return outer < inner || (outer == inner && (inner == RANK_DIRECTORY || inner == RANK_AMAP));
}

void lock_check_order(const void *lock, const char *name, uint16_t rank)
{
    struct thread *thread = current_thread();
    if (rank == RANK_NONE)
        return;
    if (!is_spin_rank(rank) && thread->spin_depth)
        panic("sleeping lock %s wanted with a spinlock held", name);
    for (uint32_t i = 0; i < thread->lock_count; i++) {
        if (thread->locks[i] == lock)
            panic("lock %s wanted by its holder", name);
        if (!order_allows(thread->lock_ranks[i], rank))
            panic("lock %s of rank %u wanted under one of rank %u", name, rank,
                  thread->lock_ranks[i]);
    }
}

void lock_check_taken(const void *lock, const char *name, uint16_t rank)
{
    struct thread *thread = current_thread();
    uint64_t state;
    if (rank == RANK_NONE)
        return;
    state = interrupts_disable();
    if (thread->lock_count == LOCKS_MAX)
        panic("lock %s is one too many", name);
    thread->locks[thread->lock_count] = lock;
    thread->lock_ranks[thread->lock_count++] = rank;
    interrupts_restore(state);
}

void lock_check_released(const void *lock, const char *name, uint16_t rank)
{
    struct thread *thread = current_thread();
    uint64_t state;
    uint32_t i;
    if (rank == RANK_NONE)
        return;
    state = interrupts_disable();
    for (i = thread->lock_count; i > 0 && thread->locks[i - 1] != lock; i--)
        ;
    if (i == 0)
        panic("lock %s released by a thread that does not hold it", name);
    for (; i < thread->lock_count; i++) {
        thread->locks[i - 1] = thread->locks[i];
        thread->lock_ranks[i - 1] = thread->lock_ranks[i];
    }
    thread->lock_count--;
    interrupts_restore(state);
}

bool lock_check_holds(const void *lock)
{
    struct thread *thread = current_thread();
    for (uint32_t i = 0; i < thread->lock_count; i++) {
        if (thread->locks[i] == lock)
            return true;
    }
    return false;
}

void lock_check_sleep(void)
{
    if (current_thread()->spin_depth)
        panic("sleep with a spinlock held");
    if (!interrupts_enabled())
        panic("sleep with interrupts off");
}

void lock_check_none(void)
{
    struct thread *thread = current_thread();
    if (thread->lock_count)
        panic("a lock of rank %u is still held", thread->lock_ranks[0]);
    if (thread->spin_depth || thread->waits)
        panic("a spinlock or a wait is left over");
}
#endif
