/*
 * System calls of System V message queues: msgget, msgsnd, msgrcv, msgctl.
 */
#include "abi/errno.h"
#include "core/user.h"
#include "ipc/msg.h"
#include "sys/table.h"
#include "vm/kmem.h"

long sys_msgget(const uint64_t argument[6])
{
    return msg_get((int)argument[0], (unsigned)argument[1]);
}

long sys_msgsnd(const uint64_t argument[6])
{
    vaddr_t buffer = argument[1];
    uint64_t size = argument[2];
    int64_t type;
    int error = 0;

    if (copy_from_user(&type, buffer, sizeof(type)))
        return -EFAULT;
    if (size > __atomic_load_n(&msg_size_limit, __ATOMIC_RELAXED) || (int)argument[0] < 0 ||
        type < 1)
        return -EINVAL;
    struct message *message = kmalloc(sizeof(*message) + size);
    if (!message)
        return -ENOMEM;
    message->type = type;
    message->size = size;
    if (copy_from_user(message->text, buffer + sizeof(type), size))
        error = -EFAULT;
    if (!error)
        error = msg_send((int)argument[0], message, (unsigned)argument[3]);
    if (error)
        kfree(message);
    return error;
}

long sys_msgrcv(const uint64_t argument[6])
{
    vaddr_t buffer = argument[1];
    uint64_t size = argument[2];
    unsigned flags = (unsigned)argument[4];
    struct message *message;

    if ((int)argument[0] < 0 || (int64_t)size < 0)
        return -EINVAL;
    if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
        return -EINVAL; /* msgrcv(2): MSG_COPY without IPC_NOWAIT, or with MSG_EXCEPT */
    int error = msg_receive((int)argument[0], size, (int64_t)argument[3], flags, &message);
    if (error)
        return error;
    if (size > message->size)
        size = message->size;
    if (copy_to_user(buffer, &message->type, sizeof(message->type)) ||
        copy_to_user(buffer + sizeof(message->type), message->text, size))
        error = -EFAULT;
    kfree(message);
    return error ? error : (long)size;
}

static long put_status(int id, int command, vaddr_t buffer)
{
    struct msqid_ds status;
    int found;
    int error = msg_status(id, command != IPC_STAT, command == MSG_STAT_ANY, &status, &found);

    if (error)
        return error;
    if (copy_to_user(buffer, &status, sizeof(status)))
        return -EFAULT;
    return command == IPC_STAT ? 0 : found;
}

static long put_limits(int command, vaddr_t buffer)
{
    unsigned queues, messages, bytes, highest = msg_totals(&queues, &messages, &bytes);
    struct msginfo limits = {.pool = (int32_t)(ipc_limit(&msg_queues) * msg_bytes_limit / 1024),
                             .map = (int32_t)msg_bytes_limit,
                             .size_most = (int32_t)msg_size_limit,
                             .bytes_most = (int32_t)msg_bytes_limit,
                             .queues = (int32_t)ipc_limit(&msg_queues),
                             .segment_size = 16,
                             .all = (int32_t)msg_bytes_limit,
                             .segments = UINT16_MAX};

    if (command == MSG_INFO) {
        limits.pool = (int32_t)queues;
        limits.map = (int32_t)messages;
        limits.all = (int32_t)bytes;
    }
    return copy_to_user(buffer, &limits, sizeof(limits)) ? -EFAULT : (long)highest;
}

static long set_owner(int id, vaddr_t buffer)
{
    struct msqid_ds status;

    if (copy_from_user(&status, buffer, sizeof(status)))
        return -EFAULT;
    return msg_set(id, &status);
}

long sys_msgctl(const uint64_t argument[6])
{
    int id = (int)argument[0], command = (int)argument[1];

    if (id < 0 || command < 0)
        return -EINVAL;
    switch (command) {
    case IPC_INFO:
    case MSG_INFO:
        return put_limits(command, argument[2]);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return put_status(id, command, argument[2]);
    case IPC_SET:
        return set_owner(id, argument[2]);
    case IPC_RMID:
        return msg_remove(id);
    default:
        return -EINVAL;
    }
}
