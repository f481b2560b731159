/*
 * Time. time_now counts nanoseconds since boot (CLOCK_MONOTONIC); time_real those since 1970, from
 * the real-time clock at boot and settimeofday since.
 */
#ifndef MAPIX_CORE_TIME_H
#define MAPIX_CORE_TIME_H

#include <stdint.h>

struct clock_data;

struct timestamp {
    int64_t seconds;
    uint32_t nanoseconds;
};

/* Start both clocks, time_now() from the ticks at the kernel's entry. Boot only, after timer_init
 * and the search for the real-time clock. */
void time_init(uint64_t entry_ticks);

/* Keep the clocks' figures at this place from now on. Boot only. */
void time_move_clock(struct clock_data *place);

/* Nanoseconds from one reading that differs to the next. */
uint64_t time_resolution(void);

uint64_t time_now(void);
uint64_t time_real(void);
void time_set_real(uint64_t nanoseconds);

/* The value of the time register at, or just after, a moment of time_now(). */
uint64_t time_to_ticks(uint64_t nanoseconds);

/* The current real time, for files: advances with each timer reading. */
struct timestamp time_stamp(void);

#endif
