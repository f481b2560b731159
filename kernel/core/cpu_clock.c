/*
 * Clocks of processor time (cpu_clock.h).
 *
 * A number below 0 is ~identifier << 3, with a bit for "of a thread", and two bits for what is
 * counted: all time, user time, all time again (as the scheduler sees it).
 */
#include "core/cpu_clock.h"
#include "abi/errno.h"
#include "abi/time.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"

#define SLEEP_LEAST     1000000ul /* nanoseconds between looks */
#define CLOCK_OF_THREAD 4
#define COUNTS_MASK     3
#define COUNTS_USER     1
#define COUNTS_NOTHING  3 /* such a number means something else */

bool cpu_clock_is(int clock)
{
    if (clock >= 0)
        return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
    return (clock & COUNTS_MASK) != COUNTS_NOTHING;
}

static uint64_t count(const struct resource_usage *usage, int clock)
{
    bool user_only = clock < 0 && (clock & COUNTS_MASK) == COUNTS_USER;
    return usage->user_time + (user_only ? 0 : usage->system_time);
}

/* Of another thread of this process, or of another process. */
static int read_other(int clock, int id, uint64_t *nanoseconds)
{
    struct resource_usage usage;
    struct process *process;
    struct thread *thread;
    int result = -EINVAL;
    mutex_lock(&process_tree_lock);
    thread = process_find_thread(id);
    process = process_find(id);
    if (clock & CLOCK_OF_THREAD) {
        if (thread && thread->process == current_process() && !thread->exited) {
            thread_usage(thread, &usage);
            result = 0;
        }
    } else if (process) {
        process_usage(process, &usage);
        result = 0;
    }
    mutex_unlock(&process_tree_lock);
    if (result == 0)
        *nanoseconds = count(&usage, clock);
    return result;
}

int cpu_clock_read(int clock, uint64_t *nanoseconds)
{
    struct resource_usage usage;
    int id = clock < 0 ? ~(clock >> 3) : 0;
    bool of_thread = clock < 0 ? (clock & CLOCK_OF_THREAD) != 0 : clock == CLOCK_THREAD_CPUTIME_ID;
    if (!cpu_clock_is(clock))
        return -EINVAL;
    if (id)
        return read_other(clock, id, nanoseconds);
    if (of_thread)
        thread_usage(current_thread(), &usage);
    else
        process_usage(current_process(), &usage);
    *nanoseconds = count(&usage, clock);
    return 0;
}

bool cpu_clock_is_own(int clock)
{
    int id = ~(clock >> 3);
    if (clock >= 0)
        return clock == CLOCK_THREAD_CPUTIME_ID;
    return (clock & CLOCK_OF_THREAD) && (id == 0 || id == current_thread()->id);
}

/* Nothing tells of the moment; it is looked for when it can have come at the earliest, all harts
 * working for the clock. */
int cpu_clock_sleep(int clock, uint64_t moment)
{
    for (;;) {
        uint64_t shown;
        int error = cpu_clock_read(clock, &shown);
        if (error || shown >= moment)
            return error;
        uint64_t least = (moment - shown) / hart_count();
        error = thread_sleep(least > SLEEP_LEAST ? least : SLEEP_LEAST, WAIT_INTERRUPTIBLE);
        if (error == -EINTR)
            return error;
    }
}
