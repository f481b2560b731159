/*
 * adjtimex(2) and clock_adjtime(2): what can be told of the clock, and set, without slewing it.
 */
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/timex.h"
#include "core/credentials.h"
#include "core/lock.h"
#include "core/time.h"
#include "core/user.h"
#include "sys/clock.h"
#include "sys/convert.h"
#include "sys/table.h"

#define CAN_SET                                                                                    \
    (ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS | ADJ_TIMECONST | ADJ_SETOFFSET | ADJ_MICRO |        \
     ADJ_NANO)
#define CAN_SET_STATUS (STA_UNSYNC | STA_INS | STA_DEL | STA_NANO)

#define TICK_MICROSECONDS 10000
#define TOLERANCE         32768000 /* parts per million, shifted by 16: 500 */
#define ERROR_MAX         16000000

/* What was set last, and is told: the clock does not depend on it. */
static struct spinlock lock;
static struct {
    int64_t maximum_error, estimated_error, constant;
    int32_t status;
} state = {ERROR_MAX, ERROR_MAX, 2, STA_UNSYNC}; /* (lock) */

/* ADJ_SETOFFSET: the time to be added to the clock. */
static int add_offset(const struct timex *request)
{
    int64_t fraction = request->time.microseconds; /* nanoseconds with ADJ_NANO */
    int64_t limit = request->modes & ADJ_NANO ? (int64_t)NANOSECONDS_PER_SECOND : 1000000;

    if (fraction < 0 || fraction >= limit)
        return -EINVAL;
    if (!(request->modes & ADJ_NANO))
        fraction *= 1000;
    if (request->time.seconds > INT32_MAX || request->time.seconds < INT32_MIN)
        return -EINVAL;
    int64_t change = request->time.seconds * (int64_t)NANOSECONDS_PER_SECOND + fraction;
    return clock_set_real(time_real() + (uint64_t)change);
}

/* lock held. */
static void set(const struct timex *request)
{
    uint32_t modes = request->modes;

    if (modes & ADJ_MAXERROR)
        state.maximum_error = request->maximum_error;
    if (modes & ADJ_ESTERROR)
        state.estimated_error = request->estimated_error;
    if (modes & ADJ_TIMECONST)
        state.constant = request->constant;
    if (modes & ADJ_STATUS)
        state.status = request->status & CAN_SET_STATUS;
    if (modes & ADJ_NANO)
        state.status |= STA_NANO;
    if (modes & ADJ_MICRO)
        state.status &= ~STA_NANO;
}

/* lock held. */
static void tell(struct timex *answer)
{
    uint64_t now = time_real(), fraction = now % NANOSECONDS_PER_SECOND;

    *answer = (struct timex){
        .modes = answer->modes,
        .maximum_error = state.maximum_error,
        .estimated_error = state.estimated_error,
        .status = state.status,
        .constant = state.constant,
        .precision = 1,
        .tolerance = TOLERANCE,
        .time = {(int64_t)(now / NANOSECONDS_PER_SECOND),
                 (int64_t)(state.status & STA_NANO ? fraction : fraction / 1000)},
        .tick = TICK_MICROSECONDS,
    };
}

static long adjust(vaddr_t address)
{
    struct timex request;
    int error = 0;

    if (copy_from_user(&request, address, sizeof(request)))
        return -EFAULT;
    if (request.modes && !credentials_capable(CAP_SYS_TIME))
        return -EPERM;
    if (request.modes & ~(uint32_t)CAN_SET)
        return -EINVAL;
    if (request.modes & ADJ_SETOFFSET)
        error = add_offset(&request);
    if (error)
        return error;
    spin_lock(&lock);
    set(&request);
    tell(&request);
    spin_unlock(&lock);
    if (copy_to_user(address, &request, sizeof(request)))
        return -EFAULT;
    return request.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

long sys_adjtimex(const uint64_t argument[6])
{
    return adjust(argument[0]);
}

long sys_clock_adjtime(const uint64_t argument[6])
{
    uint64_t now;
    int error = clock_read((int)argument[0], &now);

    if (error)
        return error;
    return argument[0] == CLOCK_REALTIME ? adjust(argument[1]) : -EOPNOTSUPP;
}
