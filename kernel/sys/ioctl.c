/*
 * ioctl(2): what any file takes is done here, the rest by the file's operations.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/fiemap.h"
#include "abi/ioctl.h"
#include "core/user.h"
#include "fs/asynchronous.h"
#include "fs/extents.h"
#include "fs/file.h"
#include "fs/inode_flags.h"
#include "fs/mount.h"
#include "fs/vnode.h"
#include "sys/descriptor.h"
#include "sys/table.h"

/* FIONBIO, FIOASYNC: set or clear a flag of the open file. */
static long set_flag(struct file *file, int descriptor, uint32_t flag, uint64_t argument)
{
    int on, error = 0;

    if (copy_from_user(&on, argument, sizeof(on)))
        return -EFAULT;
    if (flag == O_ASYNC && !on != !(file->flags & O_ASYNC))
        error = file_set_asynchronous(file, descriptor, on);
    if (error)
        return error;
    if (on)
        __atomic_fetch_or(&file->flags, flag, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&file->flags, ~flag, __ATOMIC_RELAXED);
    return 0;
}

/* Of sockets: who gets the signals. */
static long control_owner(struct file *file, unsigned request, uint64_t argument)
{
    int id;

    if (request == FIOGETOWN || request == SIOCGPGRP) {
        id = (int)descriptor_get_owner(file);
        return copy_to_user(argument, &id, sizeof(id));
    }
    return copy_from_user(&id, argument, sizeof(id)) ? -EFAULT : descriptor_set_owner(file, id);
}

/* FIGETBSZ: the size of a block of the file system. */
static long give_block_size(const struct file *file, uint64_t argument)
{
    struct statfs status = {.block_size = PAGE_SIZE};

    if (file->mount)
        mount_status(file->mount, &status);
    int size = (int)status.block_size;
    return copy_to_user(argument, &size, sizeof(size));
}

/* FIOQSIZE: the room that the file takes, in bytes. */
static long give_room(const struct file *file, uint64_t argument)
{
    unsigned type = vnode_type(file->vnode);
    struct stat status;

    if (type != S_IFREG && type != S_IFDIR)
        return -ENOTTY;
    vnode_status(file->vnode, &status);
    int64_t size = status.blocks * 512;
    return copy_to_user(argument, &size, sizeof(size));
}

/* FIONREAD of a regular file: what lies behind its offset. */
static long count_rest(struct file *file, uint64_t argument)
{
    uint64_t size = file->vnode->object.size, offset = file->offset;
    int count = size > offset ? (int)(size - offset) : 0;

    return copy_to_user(argument, &count, sizeof(count));
}

static long control(struct file *file, int descriptor, unsigned request, uint64_t argument)
{
    switch (request) {
    case FIOCLEX:
    case FIONCLEX:
        return file_set_close_on_exec(descriptor, request == FIOCLEX);
    case FIONBIO:
        return set_flag(file, descriptor, O_NONBLOCK, argument);
    case FIOASYNC:
        return set_flag(file, descriptor, O_ASYNC, argument);
    case FIOSETOWN:
    case SIOCSPGRP:
    case FIOGETOWN:
    case SIOCGPGRP:
        if (vnode_type(file->vnode) == S_IFSOCK)
            return control_owner(file, request, argument);
        break;
    case FIGETBSZ:
        return give_block_size(file, argument);
    case FIOQSIZE:
        return give_room(file, argument);
    case FS_IOC_FIEMAP:
        return extents_control(file, argument);
    case FS_IOC_GETFLAGS:
    case FS_IOC_SETFLAGS:
    case FS_IOC_GETVERSION:
    case FS_IOC_SETVERSION:
        if (vnode_type(file->vnode) == S_IFREG || vnode_type(file->vnode) == S_IFDIR)
            return inode_flags_control(file, request, argument);
        break;
    default:
        break;
    }
    if (request == FIONREAD && vnode_type(file->vnode) == S_IFREG)
        return count_rest(file, argument);
    return file->operations->control ? file->operations->control(file, request, argument) : -ENOTTY;
}

long sys_ioctl(const uint64_t argument[6])
{
    int descriptor = (int)argument[0];
    struct file *file = file_get(descriptor);
    long result = -EBADF;

    if (!file)
        return -EBADF;
    if (!(file->flags & O_PATH))
        result = control(file, descriptor, (unsigned)argument[1], argument[2]);
    file_release(file);
    return result;
}
