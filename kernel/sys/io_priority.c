/*
 * ioprio_get(2), ioprio_set(2): how a thread's requests of disks are to be ordered. It is kept,
 * told and inherited; requests are served in the order in which they come, as Linux does for a disk
 * with no I/O scheduler.
 */
#include "abi/errno.h"
#include "abi/ioprio.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "sys/priority.h"
#include "sys/table.h"

/* Both calls mean threads as getpriority(2) does, with numbers that are one more. */
static bool is_target(int which)
{
    return which >= IOPRIO_WHO_PROCESS && which <= IOPRIO_WHO_USER;
}

int io_priority_check(int value)
{
    switch (IOPRIO_CLASS(value)) {
    case IOPRIO_CLASS_NONE:
        return IOPRIO_LEVEL(value) ? -EINVAL : 0;
    case IOPRIO_CLASS_RT:
        return credentials_capable(CAP_SYS_ADMIN) || credentials_capable(CAP_SYS_NICE) ? 0 : -EPERM;
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return 0;
    default:
        return -EINVAL;
    }
}

static bool may_change(const struct thread *thread)
{
    const struct credentials *self = credentials_current(), *other = thread->credentials;
    return (other && (other->uid == self->euid || other->uid == self->uid)) ||
           credentials_capable(CAP_SYS_NICE);
}

static bool change(struct thread *thread, int value, int *result)
{
    if (!may_change(thread)) {
        *result = -EPERM;
        return true;
    }
    thread->io_priority = (uint16_t)value;
    *result = 0;
    return false;
}

long sys_ioprio_set(const uint64_t argument[6])
{
    int which = (int)argument[0], value = (int)argument[2], error = io_priority_check(value);
    if (error || !is_target(which))
        return error ? error : -EINVAL;
    return priority_visit(which - IOPRIO_WHO_PROCESS, (int)argument[1], change, value);
}

/* Of a thread that has not been given one: what follows from its policy and from how nice it is. */
static int effective(const struct thread *thread)
{
    int policy = thread->policy & ~SCHED_RESET_ON_FORK, class = IOPRIO_CLASS_BE;
    if (IOPRIO_CLASS(thread->io_priority) != IOPRIO_CLASS_NONE)
        return thread->io_priority;
    if (policy == SCHED_IDLE)
        class = IOPRIO_CLASS_IDLE;
    else if (policy == SCHED_FIFO || policy == SCHED_RR)
        class = IOPRIO_CLASS_RT;
    return IOPRIO_VALUE(class, (thread->nice + 20) / 5);
}

/* Of one thread, what it was given; of several, the best. */
static bool look_at_one(struct thread *thread, int value, int *result)
{
    (void)value;
    *result = thread->io_priority;
    return true;
}

static bool look_at_each(struct thread *thread, int value, int *result)
{
    (void)value;
    if (*result < 0 || effective(thread) < *result)
        *result = effective(thread);
    return false;
}

long sys_ioprio_get(const uint64_t argument[6])
{
    int which = (int)argument[0];
    if (!is_target(which))
        return -EINVAL;
    return priority_visit(which - IOPRIO_WHO_PROCESS, (int)argument[1],
                          which == IOPRIO_WHO_PROCESS ? look_at_one : look_at_each, 0);
}
