/*
 * System calls of System V shared memory: shmget, shmat, shmdt, shmctl.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "core/user.h"
#include "ipc/shm.h"
#include "sys/table.h"

long sys_shmget(const uint64_t argument[6])
{
    return shm_get((int)argument[0], argument[1], (unsigned)argument[2]);
}

long sys_shmat(const uint64_t argument[6])
{
    vaddr_t result;
    int error = shm_attach(current_thread()->aspace, (int)argument[0], argument[1],
                           (unsigned)argument[2], &result);

    return error ? error : (long)result;
}

long sys_shmdt(const uint64_t argument[6])
{
    return shm_detach(current_thread()->aspace, argument[0]);
}

static long put_status(int id, int command, vaddr_t buffer)
{
    struct shmid_ds status;
    int found;
    int error = shm_status(id, command != IPC_STAT, command == SHM_STAT_ANY, &status, &found);

    if (error)
        return error;
    if (copy_to_user(buffer, &status, sizeof(status)))
        return -EFAULT;
    return command == IPC_STAT ? 0 : found;
}

static long set(int id, vaddr_t buffer)
{
    struct shmid_ds status;

    if (copy_from_user(&status, buffer, sizeof(status)))
        return -EFAULT;
    return shm_set(id, &status.perm);
}

static long put_limits(vaddr_t buffer)
{
    struct shminfo limits = {.max = shm_size_limit,
                             .min = 1,
                             .segments = ipc_limit(&shm_segments),
                             .per_process = ipc_limit(&shm_segments),
                             .all = SHM_MOST};
    struct shm_info totals;
    unsigned highest = shm_totals(&totals);

    return copy_to_user(buffer, &limits, sizeof(limits)) ? -EFAULT : (long)highest;
}

static long put_totals(vaddr_t buffer)
{
    struct shm_info totals;
    unsigned highest = shm_totals(&totals);

    return copy_to_user(buffer, &totals, sizeof(totals)) ? -EFAULT : (long)highest;
}

long sys_shmctl(const uint64_t argument[6])
{
    int id = (int)argument[0], command = (int)argument[1];

    if (id < 0 || command < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
        return put_limits(argument[2]);
    case SHM_INFO:
        return put_totals(argument[2]);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return put_status(id, command, argument[2]);
    case IPC_SET:
        return set(id, argument[2]);
    case IPC_RMID:
        return shm_remove(id);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock(id, command == SHM_LOCK);
    default:
        return -EINVAL;
    }
}
