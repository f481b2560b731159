/*
 * Failure injection: each allocator asks here first whether to fail. Only the DEBUG kernel may say
 * yes (failure.c); the host tests put a header of their own in front of this one.
 */
#ifndef MAPIX_VM_FAILURE_H
#define MAPIX_VM_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

struct thread;

#ifdef DEBUG
/* Obey the boot argument failures=N. Boot only. */
void failure_init(void);

bool allocation_fails(void);

/* How many failed so far. */
uint64_t failures_injected(void);

/* Allocations of a new thread fail as often as those of its maker. */
void failure_inherit(struct thread *thread);
#else
static inline void failure_init(void)
{
}

static inline bool allocation_fails(void)
{
    return false;
}

static inline uint64_t failures_injected(void)
{
    return 0;
}

static inline void failure_inherit(struct thread *thread)
{
    (void)thread;
}
#endif

#endif
