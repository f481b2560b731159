/*
 * The lock checker of the DEBUG kernel: each thread keeps a list of the locks it holds. A lock is
 * taken only under locks of lower rank, released only by its holder, and a sleeping one never under
 * a spinlock. In the normal kernel all this is nothing.
 */
#ifndef MAPIX_CORE_LOCK_CHECK_H
#define MAPIX_CORE_LOCK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef DEBUG
/* Called before waiting for a lock; panics if it breaks the order. */
void lock_check_order(const void *lock, const char *name, uint16_t rank);

/* The current thread has got, or gives up, a lock. */
void lock_check_taken(const void *lock, const char *name, uint16_t rank);
void lock_check_released(const void *lock, const char *name, uint16_t rank);

/* Does the current thread hold it? */
bool lock_check_holds(const void *lock);

/* The current thread is about to sleep: it must hold no spinlock, and interrupts must be on. */
void lock_check_sleep(void);

/* The current thread returns to user mode or ends: it must hold nothing. */
void lock_check_none(void);
#else
static inline void lock_check_order(const void *lock, const char *name, uint16_t rank)
{
    (void)lock, (void)name, (void)rank;
}

static inline void lock_check_taken(const void *lock, const char *name, uint16_t rank)
{
    (void)lock, (void)name, (void)rank;
}

static inline void lock_check_released(const void *lock, const char *name, uint16_t rank)
{
    (void)lock, (void)name, (void)rank;
}

static inline void lock_check_sleep(void)
{
}

static inline void lock_check_none(void)
{
}
#endif

#endif
