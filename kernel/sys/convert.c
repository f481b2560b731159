/* Conversions (convert.h). */
#include "sys/convert.h"
#include "abi/errno.h"
#include "core/process.h"
#include "core/user.h"

#define KIB_PER_PAGE 4
#define BLOCK_SIZE   512u /* of getrusage(2) */

static struct timeval timeval_of(uint64_t nanoseconds)
{
    return (struct timeval){(int64_t)(nanoseconds / NANOSECONDS_PER_SECOND),
                            (int64_t)(nanoseconds % NANOSECONDS_PER_SECOND / 1000)};
}

void convert_usage(const struct resource_usage *usage, struct rusage *rusage)
{
    *rusage = (struct rusage){
        .user_time = timeval_of(usage->user_time),
        .system_time = timeval_of(usage->system_time),
        .max_resident = (int64_t)usage->max_resident * KIB_PER_PAGE,
        .minor_faults = (int64_t)usage->minor_faults,
        .major_faults = (int64_t)usage->major_faults,
        .blocks_in = (int64_t)(usage->traffic.fetched / BLOCK_SIZE),
        .blocks_out = (int64_t)(usage->traffic.dirtied / BLOCK_SIZE),
        .voluntary_switches = (int64_t)usage->voluntary_switches,
        .involuntary_switches = (int64_t)usage->involuntary_switches,
    };
}

/* Nanoseconds of a duration or moment, saturated; -EINVAL. */
static int to_nanoseconds(const struct timespec *time, uint64_t *nanoseconds)
{
    if (time->seconds < 0 || time->nanoseconds < 0 ||
        time->nanoseconds >= (int64_t)NANOSECONDS_PER_SECOND)
        return -EINVAL;
    if ((uint64_t)time->seconds > INT64_MAX / NANOSECONDS_PER_SECOND - 1)
        *nanoseconds = INT64_MAX;
    else
        *nanoseconds =
            (uint64_t)time->seconds * NANOSECONDS_PER_SECOND + (uint64_t)time->nanoseconds;
    return 0;
}

static struct timespec timespec_of(uint64_t nanoseconds)
{
    return (struct timespec){(int64_t)(nanoseconds / NANOSECONDS_PER_SECOND),
                             (int64_t)(nanoseconds % NANOSECONDS_PER_SECOND)};
}

int timespec_from_user(vaddr_t address, uint64_t *nanoseconds)
{
    struct timespec time;
    if (copy_from_user(&time, address, sizeof(time)))
        return -EFAULT;
    return to_nanoseconds(&time, nanoseconds);
}

int timespec_to_user(vaddr_t address, uint64_t nanoseconds)
{
    struct timespec time = timespec_of(nanoseconds);
    return copy_to_user(address, &time, sizeof(time));
}

int itimerspec_from_user(vaddr_t address, uint64_t *interval, uint64_t *value)
{
    struct itimerspec times;
    if (copy_from_user(&times, address, sizeof(times)))
        return -EFAULT;
    int error = to_nanoseconds(&times.interval, interval);
    return error ? error : to_nanoseconds(&times.value, value);
}

int itimerspec_to_user(vaddr_t address, uint64_t interval, uint64_t value)
{
    struct itimerspec times = {timespec_of(interval), timespec_of(value)};
    return copy_to_user(address, &times, sizeof(times));
}
