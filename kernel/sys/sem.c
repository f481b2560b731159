/*
 * System calls of System V semaphores: semget, semop, semtimedop, semctl.
 */
#include "abi/errno.h"
#include "core/time.h"
#include "core/user.h"
#include "core/wait.h"
#include "ipc/sem.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "vm/kmem.h"

long sys_semget(const uint64_t argument[6])
{
    return sem_get((int)argument[0], (int)argument[1], (unsigned)argument[2]);
}

/* Perform the operations of the array until a deadline. */
static long operate(const uint64_t argument[6], uint64_t deadline)
{
    uint64_t count = (unsigned)argument[2];
    int result;

    if (count == 0 || (int)argument[0] < 0)
        return -EINVAL;
    if (count > SEM_PER_CALL)
        return -E2BIG;
    struct sembuf *operations = kmalloc(count * sizeof(*operations));
    if (!operations)
        return -ENOMEM;
    if (copy_from_user(operations, argument[1], count * sizeof(*operations)))
        result = -EFAULT;
    else
        result = sem_operate((int)argument[0], operations, (unsigned)count, deadline);
    kfree(operations);
    return result;
}

long sys_semop(const uint64_t argument[6])
{
    return operate(argument, WAIT_FOREVER);
}

long sys_semtimedop(const uint64_t argument[6])
{
    uint64_t time;

    if (!argument[3])
        return operate(argument, WAIT_FOREVER);
    int error = timespec_from_user(argument[3], &time);
    uint64_t now = time_now();
    return error ? error : operate(argument, time < WAIT_FOREVER - now ? now + time : WAIT_FOREVER);
}

static long all_values(int id, vaddr_t array, bool set)
{
    long count = sem_count(id);
    uint16_t *values = count > 0 ? kmalloc((size_t)count * sizeof(*values)) : NULL;
    int error = 0;

    if (count < 0 || !values)
        return count < 0 ? count : -ENOMEM;
    if (set && copy_from_user(values, array, (size_t)count * sizeof(*values)))
        error = -EFAULT;
    if (!error)
        error = sem_values(id, values, (unsigned)count, set);
    if (!error && !set && copy_to_user(array, values, (size_t)count * sizeof(*values)))
        error = -EFAULT;
    kfree(values);
    return error;
}

static long put_status(int id, int command, vaddr_t buffer)
{
    struct semid_ds status;
    int found;
    int error = sem_status(id, command != IPC_STAT, command == SEM_STAT_ANY, &status, &found);

    if (error)
        return error;
    if (copy_to_user(buffer, &status, sizeof(status)))
        return -EFAULT;
    return command == IPC_STAT ? 0 : found;
}

static long put_limits(int command, vaddr_t buffer)
{
    unsigned sets, semaphores, highest = sem_totals(&sets, &semaphores);
    struct seminfo limits = {.map = SEM_SETS * SEM_PER_SET,
                             .sets = (int32_t)ipc_limit(&sem_sets),
                             .all = SEM_SETS * SEM_PER_SET,
                             .undos = SEM_SETS * SEM_PER_SET,
                             .per_set = SEM_PER_SET,
                             .per_call = SEM_PER_CALL,
                             .undo_entries = SEM_PER_CALL,
                             .undo_size = 20,
                             .value_most = SEM_VALUE_MOST,
                             .adjust_most = SEM_VALUE_MOST};

    if (command == SEM_INFO) {
        limits.undo_size = (int32_t)sets;
        limits.adjust_most = (int32_t)semaphores;
    }
    return copy_to_user(buffer, &limits, sizeof(limits)) ? -EFAULT : (long)highest;
}

static long set_owner(int id, vaddr_t buffer)
{
    struct semid_ds status;

    if (copy_from_user(&status, buffer, sizeof(status)))
        return -EFAULT;
    return sem_set(id, &status.perm);
}

long sys_semctl(const uint64_t argument[6])
{
    int id = (int)argument[0], index = (int)argument[1], command = (int)argument[2];

    if (id < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case SEM_INFO:
        return put_limits(command, argument[3]);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return put_status(id, command, argument[3]);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return sem_number(id, index, command);
    case SETVAL:
        return sem_set_value(id, index, (int)argument[3]);
    case GETALL:
    case SETALL:
        return all_values(id, argument[3], command == SETALL);
    case IPC_SET:
        return set_owner(id, argument[3]);
    case IPC_RMID:
        return sem_remove(id);
    default:
        return -EINVAL;
    }
}
