/*
 * Failure injection: each allocator asks here first whether to fail. The kernel never says yes; the
 * host tests put a header of their own in front of this one.
 */
#ifndef MAPIX_VM_FAILURE_H
#define MAPIX_VM_FAILURE_H

#include <stdbool.h>

static inline bool allocation_fails(void)
{
    return false;
}

#endif
