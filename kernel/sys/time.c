/*
 * System calls of time: clocks and sleeping.
 */
#include "abi/errno.h"
#include "abi/time.h"
#include "arch/riscv/hart.h"
#include "core/cpu_clock.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "core/timeout.h"
#include "core/user.h"
#include "sys/clock.h"
#include "sys/convert.h"
#include "sys/table.h"

long sys_clock_gettime(const uint64_t argument[6])
{
    uint64_t now;
    int result = clock_read((int)argument[0], &now);
    return result ? result : timespec_to_user(argument[1], now);
}

long sys_clock_getres(const uint64_t argument[6])
{
    uint64_t now;
    int result = clock_read((int)argument[0], &now);
    if (result || argument[1] == 0)
        return result;
    return timespec_to_user(argument[1], time_resolution());
}

long sys_clock_settime(const uint64_t argument[6])
{
    uint64_t time;
    int result;
    if (argument[0] != CLOCK_REALTIME)
        return -EINVAL;
    result = timespec_from_user(argument[1], &time);
    return result ? result : clock_set_real(time);
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
    return clock_set_real((uint64_t)time.seconds * NANOSECONDS_PER_SECOND +
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

/* A sleep until a moment of the real-time clock, which may be set meanwhile. */
struct real_sleep {
    struct timeout timeout;
    struct wait_queue queue;
};

/* The timeout's function. */
static void real_sleep_over(struct timeout *timeout)
{
    wake_all(&container_of(timeout, struct real_sleep, timeout)->queue);
}

static long sleep_until_real(uint64_t moment)
{
    struct real_sleep sleep;
    int result;
    timeout_init(&sleep.timeout, real_sleep_over);
    wait_queue_init(&sleep.queue, "real-time sleep");
    timeout_start(&sleep.timeout, TIMEOUT_REAL, moment);
    result = wait_event_interruptible(&sleep.queue, time_real() >= moment);
    timeout_cancel(&sleep.timeout);
    return result;
}

/* Sleep until others have used CPU time: the moment of a repeated call is that of the first. */
static long sleep_on_cpu_clock(int clock, bool absolute, uint64_t time, vaddr_t remaining)
{
    struct thread *thread = current_thread();
    uint64_t moment = thread->sleep_deadline, now;
    int result = cpu_clock_is_own(clock) ? -EINVAL : cpu_clock_read(clock, &now);
    thread->sleep_deadline = 0;
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    if (result)
        return result;
    if (absolute || !moment)
        moment = absolute ? time : add_saturated(now, time);
    result = cpu_clock_sleep(clock, moment);
    if (result != -EINTR || absolute)
        return result;
    thread->sleep_deadline = moment;
    if (remaining && (cpu_clock_read(clock, &now) ||
                      timespec_to_user(remaining, moment > now ? moment - now : 0)))
        return -EFAULT;
    return -EINTR;
}

long sys_clock_nanosleep(const uint64_t argument[6])
{
    enum timer_clock clock;
    struct thread *thread;
    uint64_t time;
    if (cpu_clock_is((int)argument[0])) {
        int error = timespec_from_user(argument[2], &time);
        return error ? error
                     : sleep_on_cpu_clock((int)argument[0], argument[1] & TIMER_ABSTIME, time,
                                          argument[3]);
    }
    int result = clock_for_timer((int)argument[0], &clock, &thread);
    if (thread)
        thread_release(thread);
    if (result)
        return result;
    if (clock != TIMER_SINCE_BOOT && clock != TIMER_REAL)
        return -EOPNOTSUPP;
    result = timespec_from_user(argument[2], &time);
    if (result)
        return result;
    if (!(argument[1] & TIMER_ABSTIME))
        return sleep_until(add_saturated(time_now(), time), argument[3]);
    if (clock == TIMER_SINCE_BOOT)
        return sleep_until(time, 0);
    return sleep_until_real(time);
}
