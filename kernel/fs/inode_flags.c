/* Flags of files, and their generation (inode_flags.h). */
#include "fs/inode_flags.h"
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "core/credentials.h"
#include "fs/file.h"
#include "fs/mount.h"

uint32_t inode_flags_inherited(const struct vnode *directory, uint32_t mode)
{
    uint32_t flags = __atomic_load_n(&directory->inode_flags, __ATOMIC_RELAXED) & FS_INHERITED_FL;

    if ((mode & S_IFMT) == S_IFREG)
        return flags & ~(uint32_t)FS_DIRSYNC_FL;
    return (mode & S_IFMT) == S_IFDIR ? flags : flags & (FS_NODUMP_FL | FS_NOATIME_FL);
}

static long get_flags(const struct vnode *vnode, uint64_t address)
{
    uint32_t flags = vnode->inode_flags & vnode->operations->inode_flags_shown;

    return copy_to_user(address, &flags, sizeof(flags));
}

/* The vnode is locked. */
static int change_flags(struct vnode *vnode, uint32_t flags)
{
    uint32_t settable = vnode->operations->inode_flags_settable, old = vnode->inode_flags;

    if (((flags ^ old) & (FS_APPEND_FL | FS_IMMUTABLE_FL)) &&
        !credentials_capable(CAP_LINUX_IMMUTABLE))
        return -EPERM;
    if (flags & ~vnode->operations->inode_flags_shown)
        return -EOPNOTSUPP;
    if (vnode_type(vnode) != S_IFDIR)
        settable &= ~(uint32_t)(FS_DIRSYNC_FL | FS_TOPDIR_FL);
    __atomic_store_n(&vnode->inode_flags, (old & ~settable) | (flags & settable), __ATOMIC_RELAXED);
    vnode->ctime = time_stamp();
    vnode_set_dirty(vnode);
    return 0;
}

static long set_flags(struct file *file, uint64_t address)
{
    struct vnode *vnode = file->vnode;
    uint32_t flags;

    if (copy_from_user(&flags, address, sizeof(flags)))
        return -EFAULT;
    if (mount_is_read_only(file->mount))
        return -EROFS;
    if (!vnode_is_owner(vnode))
        return -EPERM;
    mutex_lock(&vnode->lock);
    int error = change_flags(vnode, flags);
    mutex_unlock(&vnode->lock);
    return error;
}

static long set_generation(struct file *file, uint64_t address)
{
    struct vnode *vnode = file->vnode;
    uint32_t generation;

    if (!vnode_is_owner(vnode))
        return -EPERM;
    if (mount_is_read_only(file->mount))
        return -EROFS;
    if (copy_from_user(&generation, address, sizeof(generation)))
        return -EFAULT;
    mutex_lock(&vnode->lock);
    __atomic_store_n(&vnode->generation, generation, __ATOMIC_RELAXED);
    vnode->ctime = time_stamp();
    vnode_set_dirty(vnode);
    mutex_unlock(&vnode->lock);
    return 0;
}

long inode_flags_control(struct file *file, unsigned request, uint64_t argument)
{
    struct vnode *vnode = file->vnode;

    switch (request) {
    case FS_IOC_GETFLAGS:
        return vnode->operations->inode_flags_shown ? get_flags(vnode, argument) : -ENOTTY;
    case FS_IOC_SETFLAGS:
        return vnode->operations->inode_flags_shown ? set_flags(file, argument) : -ENOTTY;
    case FS_IOC_GETVERSION:
        return vnode->operations->has_versions
                   ? copy_to_user(argument, &vnode->generation, sizeof(vnode->generation))
                   : -ENOTTY;
    default:
        return vnode->operations->has_versions ? set_generation(file, argument) : -ENOTTY;
    }
}
