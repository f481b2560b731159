/*
 * Conversions between the kernel's figures and the structures of the ABI.
 */
#ifndef MAPIX_SYS_CONVERT_H
#define MAPIX_SYS_CONVERT_H

#include "abi/resource.h"
#include "abi/time.h"
#include "arch/riscv/layout.h"

struct resource_usage;

#define NANOSECONDS_PER_SECOND 1000000000ul

void convert_usage(const struct resource_usage *usage, struct rusage *rusage);

/* Read a duration or a moment: nanoseconds, saturated. -EFAULT, -EINVAL: out of range. */
int timespec_from_user(vaddr_t address, uint64_t *nanoseconds);
int timespec_to_user(vaddr_t address, uint64_t nanoseconds);

/* The same for the two times of a timer. */
int itimerspec_from_user(vaddr_t address, uint64_t *interval, uint64_t *value);
int itimerspec_to_user(vaddr_t address, uint64_t interval, uint64_t value);

#endif
