/* Clocks by their identifiers (clock.h); of those of CPU time, core/cpu_clock.c tells the form. */
#include "sys/clock.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/time.h"
#include "arch/riscv/hart.h"
#include "core/cpu_clock.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/time.h"
#include "fs/timer_file.h"

#define OF_THREAD 4
enum { ALL_TIME, USER_TIME, SCHEDULED_TIME, OF_DESCRIPTOR }; /* bits 0 and 1 */

/* The thread that a CPU clock names, of the process if it is the process's. process_tree_lock held.
 * NULL: none, or it is not a clock's business. */
static struct thread *find_thread(int id)
{
    int number = ~(id >> 3);
    struct process *process;

    if (number == 0)
        return current_thread();
    if (id & OF_THREAD) {
        struct thread *thread = process_find_thread(number);
        return thread && thread->process == current_process() ? thread : NULL;
    }
    process = process_find(number);
    return process ? process->leader : NULL;
}

int clock_read(int id, uint64_t *nanoseconds)
{
    if (cpu_clock_is(id))
        return cpu_clock_read(id, nanoseconds);
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI: /* nobody has told how many leap seconds there were */
        *nanoseconds = time_real();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *nanoseconds = time_now();
        return 0;
    default:
        return -EINVAL;
    }
}

/* Timers run on the CPU time of the calling process and its threads only. */
static int cpu_clock_for_timer(int id, enum timer_clock *clock, struct thread **thread)
{
    int error = -EINVAL;

    if ((id & 3) == OF_DESCRIPTOR)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    struct thread *found = find_thread(id);
    if (found && found->process == current_process()) {
        error = id & OF_THREAD && (id & 3) == USER_TIME ? -EOPNOTSUPP : 0;
        *clock = id & OF_THREAD          ? TIMER_THREAD_TIME
                 : (id & 3) == USER_TIME ? TIMER_PROCESS_USER_TIME
                                         : TIMER_PROCESS_TIME;
        if (!error && (id & OF_THREAD)) {
            thread_reference(found);
            *thread = found;
        }
    }
    mutex_unlock(&process_tree_lock);
    return error;
}

int clock_for_timer(int id, enum timer_clock *clock, struct thread **thread)
{
    *thread = NULL;
    if (id < 0)
        return cpu_clock_for_timer(id, clock, thread);
    switch (id) {
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        *clock = id == CLOCK_REALTIME_ALARM ? TIMER_REAL : TIMER_SINCE_BOOT;
        return credentials_capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
    case CLOCK_REALTIME:
    case CLOCK_TAI:
        *clock = TIMER_REAL;
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
        *clock = TIMER_SINCE_BOOT;
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *clock = TIMER_PROCESS_TIME;
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *clock = TIMER_THREAD_TIME;
        *thread = current_thread();
        thread_reference(*thread);
        return 0;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

/* It may not be set to before the boot, by Linux's rule. */
int clock_set_real(uint64_t nanoseconds)
{
    if (!credentials_capable(CAP_SYS_TIME))
        return -EPERM;
    if (nanoseconds < time_now())
        return -EINVAL;
    time_set_real(nanoseconds);
    timeouts_clock_set();
    timer_files_clock_set();
    return 0;
}
