/*
 * System calls of time: clocks and sleeping.
 */
#include "abi/errno.h"
#include "abi/time.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/timer.h"
#include "core/cpu_clock.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "core/timeout.h"
#include "core/user.h"
#include "fs/timer_file.h"
#include "sys/convert.h"
#include "sys/table.h"

/* The reading of a clock; -EINVAL: there is none of that number. */
static int read_clock(int clock, uint64_t *nanoseconds)
{
    if (cpu_clock_is(clock))
        return cpu_clock_read(clock, nanoseconds);
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *nanoseconds = time_real();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *nanoseconds = time_now();
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_clock_gettime(const uint64_t argument[6])
{
    uint64_t now;
    int result = read_clock((int)argument[0], &now);
    return result ? result : timespec_to_user(argument[1], now);
}

long sys_clock_getres(const uint64_t argument[6])
{
    uint64_t now;
    int result = read_clock((int)argument[0], &now);
    if (result || argument[1] == 0)
        return result;
    return timespec_to_user(argument[1], time_resolution());
}

static long set_real(uint64_t nanoseconds)
{
    if (!credentials_capable(CAP_SYS_TIME))
        return -EPERM;
    time_set_real(nanoseconds);
    timeouts_clock_set();
    timer_files_clock_set();
    return 0;
}

long sys_clock_settime(const uint64_t argument[6])
{
    uint64_t time;
    int result;
    if (argument[0] != CLOCK_REALTIME)
        return -EINVAL;
    result = timespec_from_user(argument[1], &time);
    return result ? result : set_real(time);
}

long sys_gettimeofday(const uint64_t argument[6])
{
    uint64_t now = time_real();
    struct timeval time = {(int64_t)(now / NANOSECONDS_PER_SECOND),
                           (int64_t)(now % NANOSECONDS_PER_SECOND / 1000)};
    struct timezone zone = {0, 0};
    if (argument[0] && copy_to_user(argument[0], &time, sizeof(time)))
        return -EFAULT;
    return argument[1] ? copy_to_user(argument[1], &zone, sizeof(zone)) : 0;
}

/* The kernel keeps no time zone: only universal time can be set. */
long sys_settimeofday(const uint64_t argument[6])
{
    struct timeval time;
    struct timezone zone = {0, 0};
    if (argument[1] && copy_from_user(&zone, argument[1], sizeof(zone)))
        return -EFAULT;
    if (zone.minutes_west)
        return -EINVAL;
    if (argument[0] == 0)
        return credentials_capable(CAP_SYS_TIME) ? 0 : -EPERM;
    if (copy_from_user(&time, argument[0], sizeof(time)))
        return -EFAULT;
    if (time.seconds < 0 || time.microseconds < 0 || time.microseconds >= 1000000 ||
        (uint64_t)time.seconds > INT64_MAX / NANOSECONDS_PER_SECOND - 1)
        return -EINVAL;
    return set_real((uint64_t)time.seconds * NANOSECONDS_PER_SECOND +
                    (uint64_t)time.microseconds * 1000);
}

/* Sleep until a moment of time_now(). Interrupted: the time left goes to remaining, if that is not
 * 0; and if no handler runs, the call is repeated with the same deadline. */
static long sleep_until(uint64_t deadline, vaddr_t remaining)
{
    struct thread *thread = current_thread();
    uint64_t now;
    int result;
    if (thread->sleep_deadline)
        deadline = thread->sleep_deadline;
    thread->sleep_deadline = 0;
    do {
        result = scheduler_sleep(WAIT_INTERRUPTIBLE, deadline);
    } while (result == 0);
    if (result == -ETIMEDOUT)
        return 0;
    thread->sleep_deadline = deadline;
    now = time_now();
    if (remaining && timespec_to_user(remaining, deadline > now ? deadline - now : 0))
        return -EFAULT;
    return -EINTR;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a + b < a ? WAIT_FOREVER - 1 : a + b;
}

long sys_nanosleep(const uint64_t argument[6])
{
    uint64_t time;
    int result = timespec_from_user(argument[0], &time);
    return result ? result : sleep_until(add_saturated(time_now(), time), argument[1]);
}

long sys_clock_nanosleep(const uint64_t argument[6])
{
    uint64_t time, now;
    int result = read_clock((int)argument[0], &now);
    if (result)
        return result;
    if (argument[0] == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    if (argument[0] == CLOCK_PROCESS_CPUTIME_ID)
        return -EOPNOTSUPP;
    result = timespec_from_user(argument[2], &time);
    if (result)
        return result;
    if (!(argument[1] & TIMER_ABSTIME))
        return sleep_until(add_saturated(time_now(), time), argument[3]);
    return sleep_until(add_saturated(time_now(), time > now ? time - now : 0), 0);
}
