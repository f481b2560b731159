/*
 * Timers that send signals: timer_create(2) and its family, getitimer(2) and setitimer(2).
 */
#include "abi/errno.h"
#include "abi/time.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "sys/clock.h"
#include "sys/convert.h"
#include "sys/table.h"

/* The thread of the process that shall get the signal, referenced; NULL: there is none. */
static struct thread *find_target(int id)
{
    mutex_lock(&process_tree_lock);
    struct thread *thread = process_find_thread(id);
    if (thread && thread->process == current_process())
        thread_reference(thread);
    else
        thread = NULL;
    mutex_unlock(&process_tree_lock);
    return thread;
}

/* What the sigevent at address (0: SIGALRM) asks for: 0, -EFAULT, -EINVAL. */
static int read_event(vaddr_t address, struct timer_request *request)
{
    struct sigevent event = {.number = SIGALRM};

    request->value_is_id = !address;
    if (address && copy_from_user(&event, address, sizeof(event)))
        return -EFAULT;
    request->silent = event.notify == SIGEV_NONE;
    request->information = (struct signal_information){
        .number = event.number, .code = SI_TIMER, .timer_value = event.value};
    switch (event.notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL | SIGEV_THREAD_ID:
        request->target = find_target(event.thread);
        if (!request->target)
            return -EINVAL;
        break;
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
        break;
    default:
        return -EINVAL;
    }
    return event.number > 0 && event.number <= SIGMAX ? 0 : -EINVAL;
}

long sys_timer_create(const uint64_t argument[6])
{
    struct timer_request request = {0};
    int id = clock_for_timer((int)argument[0], &request.clock, &request.clock_thread);

    if (!id)
        id = read_event(argument[1], &request);
    if (!id)
        id = process_timer_create(&request);
    if (id >= 0 && copy_to_user(argument[2], &id, sizeof(id))) {
        process_timer_delete(id);
        id = -EFAULT;
    }
    if (request.clock_thread)
        thread_release(request.clock_thread);
    if (request.target)
        thread_release(request.target);
    return id < 0 ? id : 0;
}

long sys_timer_settime(const uint64_t argument[6])
{
    struct timer_times times, old;

    if (!argument[2])
        return -EINVAL;
    int error = itimerspec_from_user(argument[2], &times.interval, &times.value);
    if (!error)
        error = process_timer_set((int)argument[0], argument[1] & TIMER_ABSTIME, &times, &old);
    if (!error && argument[3])
        error = itimerspec_to_user(argument[3], old.interval, old.value);
    return error;
}

long sys_timer_gettime(const uint64_t argument[6])
{
    struct timer_times left;
    int error = process_timer_get((int)argument[0], &left);

    return error ? error : itimerspec_to_user(argument[1], left.interval, left.value);
}

long sys_timer_getoverrun(const uint64_t argument[6])
{
    return process_timer_overrun((int)argument[0]);
}

long sys_timer_delete(const uint64_t argument[6])
{
    return process_timer_delete((int)argument[0]);
}

/* What is left is told as a microsecond at least: 0 means that the timer is stopped. */
static struct timeval timeval_of(uint64_t nanoseconds)
{
    uint64_t microseconds = nanoseconds / 1000;

    if (nanoseconds && !microseconds)
        microseconds = 1;
    return (struct timeval){(int64_t)(microseconds / 1000000), (int64_t)(microseconds % 1000000)};
}

static int write_times(vaddr_t address, const struct timer_times *times)
{
    struct itimerval both = {timeval_of(times->interval), timeval_of(times->value)};

    return copy_to_user(address, &both, sizeof(both));
}

static int to_nanoseconds(const struct timeval *time, uint64_t *nanoseconds)
{
    if (time->seconds < 0 || time->microseconds < 0 || time->microseconds >= 1000000)
        return -EINVAL;
    *nanoseconds = (uint64_t)time->microseconds * 1000;
    if ((uint64_t)time->seconds > INT64_MAX / NANOSECONDS_PER_SECOND - 1)
        *nanoseconds = INT64_MAX;
    else
        *nanoseconds += (uint64_t)time->seconds * NANOSECONDS_PER_SECOND;
    return 0;
}

long sys_getitimer(const uint64_t argument[6])
{
    struct timer_times left;

    if (argument[0] >= ITIMERS)
        return -EINVAL;
    process_interval_timer((unsigned)argument[0], NULL, &left);
    return write_times(argument[1], &left);
}

/* Without times the timer is stopped, as Linux does. */
long sys_setitimer(const uint64_t argument[6])
{
    struct timer_times times, old;
    struct itimerval both = {{0, 0}, {0, 0}};

    if (argument[1] && copy_from_user(&both, argument[1], sizeof(both)))
        return -EFAULT;
    int error = to_nanoseconds(&both.interval, &times.interval);
    if (!error)
        error = to_nanoseconds(&both.value, &times.value);
    if (!error && argument[0] >= ITIMERS)
        error = -EINVAL;
    if (error)
        return error;
    process_interval_timer((unsigned)argument[0], &times, &old);
    return argument[2] ? write_times(argument[2], &old) : 0;
}
