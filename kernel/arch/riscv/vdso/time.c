/*
 * Clocks without a system call, as libraries look for them in the vDSO (vdso(7)): the time register
 * can be read in user mode, and the page before this code tells how to convert it (clock.h). Clocks
 * that only the kernel knows are left to the system call.
 */
#include "abi/errno.h"
#include "abi/syscall.h"
#include "abi/time.h"
#include "arch/riscv/clock.h"
#include <stddef.h>

#define SECOND 1000000000ul

extern const struct clock_data vdso_clock __attribute__((visibility("hidden"))); /* vdso.ld */

int __vdso_clock_gettime(int clock, struct timespec *time);
int __vdso_clock_getres(int clock, struct timespec *resolution);
int __vdso_gettimeofday(struct timeval *time, struct timezone *zone);

static long system_call(long number, long argument0, void *argument1)
{
    register long a0 __asm__("a0") = argument0;
    register void *a1 __asm__("a1") = argument1;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a7) : "memory");
    return a0;
}

static uint64_t since_boot(void)
{
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks)::"memory");
    return clock_since_boot(&vdso_clock, ticks);
}

static uint64_t real_time(void)
{
    return since_boot() + __atomic_load_n(&vdso_clock.real_offset, __ATOMIC_RELAXED);
}

/* The clocks that are computed here: 0, or -EINVAL for the others. */
static int read_clock(int clock, uint64_t *nanoseconds)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *nanoseconds = real_time();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *nanoseconds = since_boot();
        return 0;
    default:
        return -EINVAL;
    }
}

int __vdso_clock_gettime(int clock, struct timespec *time)
{
    uint64_t now;
    if (read_clock(clock, &now))
        return (int)system_call(SYS_clock_gettime, clock, time);
    time->seconds = (int64_t)(now / SECOND);
    time->nanoseconds = (int64_t)(now % SECOND);
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec *resolution)
{
    uint64_t now;
    if (read_clock(clock, &now))
        return (int)system_call(SYS_clock_getres, clock, resolution);
    if (resolution) {
        resolution->seconds = 0;
        resolution->nanoseconds = (int64_t)vdso_clock.resolution;
    }
    return 0;
}

int __vdso_gettimeofday(struct timeval *time, struct timezone *zone)
{
    uint64_t now = real_time();
    if (time) {
        time->seconds = (int64_t)(now / SECOND);
        time->microseconds = (int64_t)(now % SECOND / 1000);
    }
    if (zone)
        *zone = (struct timezone){0, 0};
    return 0;
}
