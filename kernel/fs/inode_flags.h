/*
 * Flags of files as chattr(1) sets them (ioctl_iflags(2)), and what two of them forbid. A file
 * system that has them says so in its vnode_operations.
 */
#ifndef MAPIX_FS_INODE_FLAGS_H
#define MAPIX_FS_INODE_FLAGS_H

#include "abi/inode_flags.h"
#include "fs/vnode.h"

struct file;

static inline bool vnode_has_flag(const struct vnode *vnode, uint32_t flags)
{
    return __atomic_load_n(&vnode->inode_flags, __ATOMIC_RELAXED) & flags;
}

/* May nothing of it be changed? */
static inline bool vnode_is_immutable(const struct vnode *vnode)
{
    return vnode_has_flag(vnode, FS_IMMUTABLE_FL);
}

/* May nothing be changed but by appending to it? */
static inline bool vnode_is_fixed(const struct vnode *vnode)
{
    return vnode_has_flag(vnode, FS_IMMUTABLE_FL | FS_APPEND_FL);
}

/* What a new file of this mode (with its type) in the directory begins with. */
uint32_t inode_flags_inherited(const struct vnode *directory, uint32_t mode);

/* FS_IOC_GETFLAGS, SETFLAGS, GETVERSION, SETVERSION: -ENOTTY if the file system has none. */
long inode_flags_control(struct file *file, unsigned request, uint64_t argument);

#endif
