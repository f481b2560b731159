/*
 * Changing attributes and sizes of files: what the system calls share.
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "core/process.h"
#include "fs/inode_flags.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/seal.h"
#include "fs/vfs.h"

#define DAY 86400 /* seconds */

/* Does the process belong to the group of the file? */
static bool may_keep_setgid(const struct vnode *vnode)
{
    return credentials_in_group(credentials_current(), vnode->gid) ||
           credentials_capable(CAP_FSETID);
}

/* The mode that a change of mode or owner comes to. Locked. */
static void adjust_mode(const struct vnode *vnode, struct attributes *attributes)
{
    if (attributes->valid & ATTRIBUTE_MODE) {
        attributes->mode = (vnode->mode & S_IFMT) | (attributes->mode & 07777);
        if (!may_keep_setgid(vnode))
            attributes->mode &= ~S_ISGID; /* chmod(2) */
    } else if (!(attributes->valid & (ATTRIBUTE_ATIME | ATTRIBUTE_MTIME)) &&
               vnode_type(vnode) != S_IFDIR) {
        attributes->mode = vnode->mode & ~S_ISUID; /* chown(2), also if it leaves both owners */
        if (vnode->mode & S_IXGRP)
            attributes->mode &= ~S_ISGID;
        attributes->valid |= ATTRIBUTE_MODE;
    }
}

int vfs_set_attributes(const struct place *place, struct attributes *attributes)
{
    struct vnode *vnode = place->vnode;

    if (mount_is_read_only(place->mount))
        return -EROFS;
    if (!vnode->operations->set_attributes)
        return -EPERM;
    if ((attributes->valid & (ATTRIBUTE_MODE | ATTRIBUTE_UID | ATTRIBUTE_GID)) &&
        vnode_is_fixed(vnode))
        return -EPERM;
    mutex_lock(&vnode->lock);
    adjust_mode(vnode, attributes);
    bool sealed = (attributes->valid & ATTRIBUTE_MODE) && vnode_is_sealed(vnode, F_SEAL_EXEC) &&
                  ((attributes->mode ^ vnode->mode) & 0111);
    int error = sealed ? -EPERM : vnode->operations->set_attributes(vnode, attributes);
    mutex_unlock(&vnode->lock);
    if (!error)
        notify_file(vnode, IN_ATTRIB);
    return error;
}

int vfs_drop_privilege(struct vnode *vnode)
{
    struct attributes attributes = {.valid = ATTRIBUTE_MODE};
    uint32_t drop = vnode->mode & S_ISUID;

    if ((vnode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        drop |= S_ISGID;
    if (!drop || credentials_capable(CAP_FSETID) || !vnode->operations->set_attributes)
        return 0;
    attributes.mode = vnode->mode & ~drop;
    return vnode->operations->set_attributes(vnode, &attributes);
}

static int check_size(const struct vnode *vnode, uint64_t size)
{
    if (vnode_type(vnode) == S_IFDIR)
        return -EISDIR;
    if (vnode_type(vnode) != S_IFREG || !vnode->operations->resize)
        return -EINVAL;
    if (volume_is_read_only(vnode->volume))
        return -EROFS;
    uint64_t limit = vnode->volume ? vnode->volume->size_limit : 0;
    if (size > INT64_MAX || (limit && size > limit))
        return -EFBIG;
    return 0;
}

int vfs_resize(struct vnode *vnode, uint64_t size)
{
    struct process *process = current_process();
    int error = check_size(vnode, size);

    if (error)
        return error;
    mutex_lock(&vnode->lock);
    bool limited = process && size > vnode->object.size && size > process_limit(RLIMIT_FSIZE);
    error = limited ? -EFBIG : seal_check_size(vnode, size);
    if (!error)
        error = vfs_drop_privilege(vnode);
    if (!error)
        error = vnode->operations->resize(vnode, size);
    mutex_unlock(&vnode->lock);
    if (limited)
        signal_send(process, SIGXFSZ); /* setrlimit(2) */
    if (!error)
        notify_file(vnode, IN_MODIFY);
    return error;
}

/* Is a earlier than b, or the same? */
static bool not_after(struct timestamp a, struct timestamp b)
{
    return a.seconds < b.seconds || (a.seconds == b.seconds && a.nanoseconds <= b.nanoseconds);
}

void vfs_accessed(const struct place *place)
{
    const struct mount *mount = place->mount;
    struct vnode *vnode = place->vnode;

    if (!mount || mount_has_flag(mount, MS_NOATIME) || mount_is_read_only(mount) ||
        vnode_has_flag(vnode, FS_NOATIME_FL))
        return;
    if (mount_has_flag(mount, MS_NODIRATIME) && vnode_type(vnode) == S_IFDIR)
        return;
    struct timestamp now = time_stamp();
    if (!not_after(vnode->atime, vnode->mtime) && !not_after(vnode->atime, vnode->ctime) &&
        now.seconds - vnode->atime.seconds < DAY && mount_has_flag(mount, MS_RELATIME))
        return;
    /* Without the lock: two readers write nearly the same time. */
    vnode->atime = now;
    if (vnode->operations->write_back)
        vnode_set_dirty(vnode);
}
