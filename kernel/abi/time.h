/*
 * Time structures and clocks of the Linux ABI (clock_gettime(2), gettimeofday(2)).
 */
#ifndef MAPIX_ABI_TIME_H
#define MAPIX_ABI_TIME_H

#include <stdint.h>

struct timespec {
    int64_t seconds, nanoseconds;
};

struct timeval {
    int64_t seconds, microseconds;
};

/* setitimer(2) */
struct itimerval {
    struct timeval interval, value;
};

struct itimerspec {
    struct timespec interval, value;
};

struct timezone {
    int32_t minutes_west, daylight_saving;
};

/* times(2) */
struct tms {
    int64_t user, system, children_user, children_system;
};

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define CLOCK_REALTIME_ALARM     8
#define CLOCK_BOOTTIME_ALARM     9
#define CLOCK_TAI                11

#define TIMER_ABSTIME 1

#define CLOCK_TICKS_PER_SECOND 100 /* unit of times(2) and /proc */

#endif
