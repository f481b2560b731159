/*
 * Clocks by their identifiers (clock_gettime(2)), those of CPU time of a process or thread
 * included.
 */
#ifndef MAPIX_SYS_CLOCK_H
#define MAPIX_SYS_CLOCK_H

#include "core/process_timer.h"
#include <stdint.h>

/* The reading of a clock, nanoseconds. -EINVAL: there is none of that number. */
int clock_read(int id, uint64_t *nanoseconds);

/* What timers of a clock run on: *thread is referenced, or NULL unless it is TIMER_THREAD_TIME.
 * -EINVAL, -EOPNOTSUPP: none do, -EPERM: an alarm clock. */
int clock_for_timer(int id, enum timer_clock *clock, struct thread **thread);

/* Set the real-time clock, for all that follow it. -EPERM, -EINVAL. */
int clock_set_real(uint64_t nanoseconds);

#endif
