/*
 * What turns readings of the time register into times of day. It lies in a page of its own, which
 * the kernel writes and every program maps read-only ([vvar]), so that the vDSO computes exactly
 * what the kernel does.
 *
 * There is no sequence counter: all but real_offset is constant after boot, and that is one word,
 * so a reader sees the old offset or the new one, never a mixture.
 */
#ifndef MAPIX_ARCH_RISCV_CLOCK_H
#define MAPIX_ARCH_RISCV_CLOCK_H

#include <stdint.h>

struct clock_data {
    uint64_t start;                /* the time register at boot */
    uint64_t nanoseconds_per_tick; /* times 2^32 */
    uint64_t resolution;           /* nanoseconds from one tick to the next, rounded up */
    uint64_t real_offset;          /* atomic: nanoseconds from boot time to time since 1970 */
};

/* Nanoseconds since boot when the time register reads ticks. */
static inline uint64_t clock_since_boot(const struct clock_data *clock, uint64_t ticks)
{
    unsigned __int128 passed = ticks - clock->start;
    return (uint64_t)(passed * clock->nanoseconds_per_tick >> 32);
}

#endif
