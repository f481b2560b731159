/*
 * timerfd_create(2), timerfd_settime(2) and timerfd_gettime(2).
 */
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/time.h"
#include "abi/timerfd.h"
#include "core/credentials.h"
#include "core/time.h"
#include "fs/timer_file.h"
#include "sys/at.h"
#include "sys/convert.h"
#include "sys/table.h"

/* The machine never sleeps, so the alarm clocks wake nothing, but keep their rule. */
long sys_timerfd_create(const uint64_t argument[6])
{
    enum timeout_clock clock = TIMEOUT_SINCE_BOOT;
    uint32_t flags = (uint32_t)argument[1];

    if (flags & ~(uint32_t)(TFD_NONBLOCK | TFD_CLOEXEC))
        return -EINVAL;
    switch ((int)argument[0]) {
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        if (!credentials_capable(CAP_WAKE_ALARM))
            return -EPERM;
        break;
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
        break;
    default:
        return -EINVAL;
    }
    if (argument[0] == CLOCK_REALTIME || argument[0] == CLOCK_REALTIME_ALARM)
        clock = TIMEOUT_REAL;
    return file_install_new(timer_file_create(clock, (int)argument[0], flags & TFD_NONBLOCK),
                            flags & TFD_CLOEXEC);
}

/* The timer file at a descriptor, referenced: 0, -EBADF, -EINVAL. */
static int get_timer(uint64_t descriptor, struct file **file)
{
    int error = file_get_usable((int)descriptor, file);

    if (error || file_is_timer(*file))
        return error;
    file_release(*file);
    return -EINVAL;
}

/* A duration begins now and does not follow the setting of the clock. */
static void begin_now(struct timer_setting *setting)
{
    uint64_t now = time_now();

    setting->clock = TIMEOUT_SINCE_BOOT;
    if (setting->next)
        setting->next += now;
}

long sys_timerfd_settime(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[1];
    struct timer_setting setting, old;
    struct file *file;
    long error = itimerspec_from_user(argument[2], &setting.interval, &setting.next);

    if (!error && (flags & ~(unsigned)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)))
        error = -EINVAL;
    if (!error)
        error = get_timer(argument[0], &file);
    if (error)
        return error;
    timer_file_get(file, &old);
    setting.clock = timer_file_clock(file);
    setting.flags = flags;
    setting.cancel_on_set = setting.clock == TIMEOUT_REAL && (flags & TFD_TIMER_ABSTIME) &&
                            (flags & TFD_TIMER_CANCEL_ON_SET);
    if (!(flags & TFD_TIMER_ABSTIME))
        begin_now(&setting);
    error = timer_file_set(file, &setting);
    file_release(file);
    if (argument[3] && itimerspec_to_user(argument[3], old.interval, old.next) && !error)
        error = -EFAULT;
    return error;
}

long sys_timerfd_gettime(const uint64_t argument[6])
{
    struct timer_setting left;
    struct file *file;
    int error = get_timer(argument[0], &file);

    if (error)
        return error;
    timer_file_get(file, &left);
    file_release(file);
    return itimerspec_to_user(argument[1], left.interval, left.next);
}
