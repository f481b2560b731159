/*
 * What the files behind fs/path.h share: the rules of POSIX about changing directories.
 */
#ifndef MAPIX_FS_VFS_H
#define MAPIX_FS_VFS_H

#include "fs/vnode.h"
#include "fs/walk.h"

/* May the current process change this locked directory by the mount? -ENOENT (it has been removed),
 * -EACCES, -EROFS. */
int vfs_check_change(const struct mount *mount, const struct vnode *directory);

/* May a name of target be removed, by the directory's sticky bit and the flags of both? 0, -EPERM.
 */
int vfs_check_victim(const struct vnode *directory, const struct vnode *target);

/* A name of target, locked, has been removed from directory. A directory keeps the one that it was
 * in: ".." goes on working in it, as long as somebody uses it. */
void vfs_removed(struct vnode *directory, struct vnode *target);
/* Open a vnode that is known otherwise than by a path, with the flags of open(2) and without a
 * check of permissions: *file is referenced. */
int vnode_open(struct vnode *vnode, uint32_t flags, struct file **file);

/* Set up rename's lock. Boot only. */
void rename_init(void);

/* What a file that the current thread makes in the directory begins with. The umask is applied. */
void vfs_begin_creation(const struct vnode *directory, uint32_t mode, struct creation *creation);

/* Make a file in a locked directory, where the name is absent; the caller has checked the change.
 * *result is referenced. The umask is applied here. */
int vfs_create_locked(struct vnode *directory, const struct name *name, uint32_t mode,
                      uint64_t device, const char *target, struct vnode **result);

/* Make a regular file without a name; the mode has the umask applied here. directory is not locked.
 * *result is referenced. */
int vfs_create_unnamed(struct vnode *directory, uint32_t mode, struct vnode **result);

/* Set a new size of a regular file: -EISDIR, -EINVAL, -EFBIG (with SIGXFSZ if it is for the
 * limit), -EROFS, -ENOSPC, -EIO. */
int vfs_resize(struct vnode *vnode, uint64_t size);

/*
 * fallocate(2) of a file that may be written to: mode is FALLOC_FL_*. -EOPNOTSUPP, -EINVAL,
 * -ESPIPE, -EISDIR, -ENODEV, -EROFS, -EFBIG (with SIGXFSZ if it is for the limit), -ENOSPC, -EIO,
 * -ENOMEM.
 */
int vfs_allocate(struct vnode *vnode, unsigned mode, uint64_t offset, uint64_t length);

/* Change attributes, with the rules of chmod(2), chown(2) and utimensat(2) about what else changes
 * then. The caller has checked that the process may. Locks the vnode. */
int vfs_set_attributes(const struct place *place, struct attributes *attributes);

/* Take the set-user-ID and set-group-ID bits away, as a write by an unprivileged process does.
 * Locked. */
int vfs_drop_privilege(struct vnode *vnode);

/* A file has been read by a mount: move its access time, if it is time by the mount's rule. */
void vfs_accessed(const struct place *place);

#endif
