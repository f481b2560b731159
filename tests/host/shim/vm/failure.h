/* Replaces kernel/vm/failure.h on the development machine: allocations fail when the test asks. */
#ifndef MAPIX_VM_FAILURE_H
#define MAPIX_VM_FAILURE_H

#include <stdbool.h>

/* Counts an allocation; true: it must fail (shim_fail_allocation). */
bool allocation_fails(void);

#endif
