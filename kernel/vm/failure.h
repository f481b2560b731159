/*
 * Failure injection: each allocator asks here first whether to fail. Only the DEBUG kernel may say
 * yes (failure.c); the host tests put a header of their own in front of this one.
 */
#ifndef MAPIX_VM_FAILURE_H
#define MAPIX_VM_FAILURE_H

#include <stdbool.h>

#ifdef DEBUG
/* Obey the boot argument failures=N. Boot only. */
void failure_init(void);

bool allocation_fails(void);
#else
static inline void failure_init(void)
{
}

static inline bool allocation_fails(void)
{
    return false;
}
#endif

#endif
