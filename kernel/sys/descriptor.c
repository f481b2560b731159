/*
 * System calls about descriptors.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/asynchronous.h"
#include "fs/file.h"
#include "fs/inode_flags.h"
#include "fs/lease.h"
#include "fs/pipe.h"
#include "fs/seal.h"
#include "fs/vnode.h"
#include "sys/descriptor.h"
#include "sys/lock.h"
#include "sys/table.h"
#include "sys/unshare.h"

/* Flags that F_SETFL changes. */
#define CHANGEABLE_FLAGS (O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME)

/* Does the descriptor lead to this open file? 0, 1, -EBADF. */
static long file_is_at(const struct file *file, int descriptor)
{
    struct file *other = file_get(descriptor);

    if (!other)
        return -EBADF;
    file_release(other);
    return other == file;
}

/* Install another reference of the file. */
static long duplicate(struct file *file, uint64_t minimum, bool close_on_exec)
{
    if (minimum >= process_limit(RLIMIT_NOFILE) || minimum > INT32_MAX)
        return -EINVAL;
    file_reference(file);
    int result = file_install(file, (int)minimum, close_on_exec);
    if (result < 0)
        file_release(file);
    return result;
}

long sys_dup(const uint64_t argument[6])
{
    struct file *file = file_get((int)argument[0]);

    if (!file)
        return -EBADF;
    int result = file_install(file, 0, false);
    if (result < 0)
        file_release(file);
    return result;
}

long sys_dup3(const uint64_t argument[6])
{
    int from = (int)argument[0], to = (int)argument[1];
    unsigned flags = (unsigned)argument[2];

    if ((flags & ~(unsigned)O_CLOEXEC) || from == to)
        return -EINVAL;
    struct file *file = to < 0 ? NULL : file_get(from);
    if (!file)
        return -EBADF;
    int result = file_install_at(file, to, flags & O_CLOEXEC);
    if (result < 0)
        file_release(file);
    return result;
}

static long set_flags(struct file *file, int descriptor, uint32_t flags)
{
    uint32_t old = __atomic_load_n(&file->flags, __ATOMIC_RELAXED), wanted;

    if (((flags ^ old) & O_APPEND) && vnode_has_flag(file->vnode, FS_APPEND_FL))
        return -EPERM;
    if ((flags & O_NOATIME & ~old) && !vnode_is_owner(file->vnode))
        return -EPERM;
    if ((flags & O_DIRECT & ~old) && !file->operations->direct && !file_is_pipe(file))
        return -EINVAL;
    if (!file->operations->tells)
        flags = (flags & ~(uint32_t)O_ASYNC) | (old & O_ASYNC); /* it stays, without effect */
    if ((flags ^ old) & O_ASYNC) {
        int error = file_set_asynchronous(file, descriptor, flags & O_ASYNC);
        if (error)
            return error;
    }
    do {
        wanted = (old & ~(uint32_t)CHANGEABLE_FLAGS) | (flags & CHANGEABLE_FLAGS);
    } while (!__atomic_compare_exchange_n(&file->flags, &old, wanted, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return 0;
}

long descriptor_set_owner(struct file *file, int id)
{
    if (id == INT32_MIN) /* which no number of a group negates to */
        return -EINVAL;
    struct file_owner owner = {.type = id < 0 ? F_OWNER_PGRP : F_OWNER_PID,
                               .id = id < 0 ? -id : id};
    return file_set_owner(file, &owner);
}

long descriptor_get_owner(struct file *file)
{
    struct file_owner owner = file_get_owner(file);

    return owner.type == F_OWNER_PGRP ? -owner.id : owner.id;
}

static long set_owner_of_type(struct file *file, uint64_t address)
{
    struct file_owner owner;

    return copy_from_user(&owner, address, sizeof(owner)) ? -EFAULT : file_set_owner(file, &owner);
}

static long get_owner_of_type(struct file *file, uint64_t address)
{
    struct file_owner owner = file_get_owner(file);

    return copy_to_user(address, &owner, sizeof(owner));
}

static long get_owner_users(struct file *file, uint64_t address)
{
    uint32_t users[2];

    file_get_owner_users(file, users);
    return copy_to_user(address, users, sizeof(users));
}

/* How long what is written will live: kept with the file, for disks that would make use of it. */
static long set_write_hint(struct file *file, uint64_t address)
{
    uint64_t hint;

    if (!vnode_is_owner(file->vnode))
        return -EPERM;
    if (copy_from_user(&hint, address, sizeof(hint)))
        return -EFAULT;
    if (hint > RW_HINT_MAX)
        return -EINVAL;
    __atomic_store_n(&file->vnode->write_hint, (uint32_t)hint, __ATOMIC_RELAXED);
    return 0;
}

static long get_write_hint(struct file *file, uint64_t address)
{
    uint64_t hint = __atomic_load_n(&file->vnode->write_hint, __ATOMIC_RELAXED);

    return copy_to_user(address, &hint, sizeof(hint));
}

/* The commands that do not concern an open file with O_PATH. */
static long control_opened(struct file *file, int descriptor, unsigned command, uint64_t argument)
{
    switch (command) {
    case F_SETFL:
        return set_flags(file, descriptor, (uint32_t)argument);
    case F_SETOWN:
        return descriptor_set_owner(file, (int)argument);
    case F_GETOWN:
        return descriptor_get_owner(file);
    case F_SETOWN_EX:
        return set_owner_of_type(file, argument);
    case F_GETOWN_EX:
        return get_owner_of_type(file, argument);
    case F_SETSIG:
        return file_set_signal(file, argument);
    case F_GETSIG:
        return file_get_signal(file);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return fcntl_lock(file, descriptor, command, argument);
    case F_SETLEASE:
        return lease_set(file, descriptor, (unsigned)argument);
    case F_GETLEASE:
        return lease_get(file);
    case F_GETOWNER_UIDS:
        return get_owner_users(file, argument);
    case F_SET_RW_HINT:
        return set_write_hint(file, argument);
    case F_GET_RW_HINT:
        return get_write_hint(file, argument);
    case F_SETPIPE_SZ:
        return pipe_resize(file, argument);
    case F_GETPIPE_SZ:
        return pipe_capacity(file);
    case F_ADD_SEALS:
        return seal_add(file, (uint32_t)argument);
    case F_GET_SEALS:
        return seal_get(file);
    default:
        return -EINVAL;
    }
}

static long control_file(struct file *file, int descriptor, unsigned command, uint64_t argument)
{
    uint32_t flags = __atomic_load_n(&file->flags, __ATOMIC_RELAXED);

    switch (command) {
    case F_DUPFD:
        return duplicate(file, argument, false);
    case F_DUPFD_CLOEXEC:
        return duplicate(file, argument, true);
    case F_DUPFD_QUERY:
        return file_is_at(file, (int)argument);
    case F_CREATED_QUERY:
        return file->created;
    case F_GETFL:
        return flags;
    default:
        return flags & O_PATH ? -EBADF : control_opened(file, descriptor, command, argument);
    }
}

long sys_fcntl(const uint64_t argument[6])
{
    int descriptor = (int)argument[0];
    unsigned command = (unsigned)argument[1];

    if (command == F_GETFD)
        return file_get_close_on_exec(descriptor);
    if (command == F_SETFD)
        return file_set_close_on_exec(descriptor, argument[2] & FD_CLOEXEC);
    struct file *file = file_get(descriptor);
    if (!file)
        return -EBADF;
    long result = control_file(file, descriptor, command, argument[2]);
    file_release(file);
    return result;
}

long sys_close_range(const uint64_t argument[6])
{
    unsigned first = (unsigned)argument[0], last = (unsigned)argument[1];
    unsigned flags = (unsigned)argument[2];

    if (first > last || (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
        return -EINVAL;
    int error = flags & CLOSE_RANGE_UNSHARE ? unshare_files() : 0;
    if (!error)
        file_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
    return error;
}
