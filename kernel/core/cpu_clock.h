/*
 * Clocks of the time that a process or a thread has used: CLOCK_PROCESS_CPUTIME_ID,
 * CLOCK_THREAD_CPUTIME_ID, and those of others, whose numbers are below 0
 * (pthread_getcpuclockid(3), clock_getcpuclockid(3)).
 */
#ifndef MAPIX_CORE_CPU_CLOCK_H
#define MAPIX_CORE_CPU_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Is it a clock of this kind, whether there is such a process or thread or not? */
bool cpu_clock_is(int clock);

/* Is it that of the calling thread? */
bool cpu_clock_is_own(int clock);

/* Sleep until it shows that much: 0, -EINTR, -EINVAL: there is none, any more. */
int cpu_clock_sleep(int clock, uint64_t moment);

/* Its reading. -EINVAL: there is none. */
int cpu_clock_read(int clock, uint64_t *nanoseconds);

#endif
