/*
 * Extended attributes (xattr(7)): names with values, kept in memory with the vnode, for file
 * systems whose vnode_operations.charge_xattrs says so. Others have none.
 *
 * "user." needs the permissions of the file's contents, and is for regular files and directories;
 * "trusted." is for CAP_SYS_ADMIN only, which also sets "security.". Others are not supported.
 */
#ifndef MAPIX_FS_XATTR_H
#define MAPIX_FS_XATTR_H

#include "abi/xattr.h"
#include "fs/vnode.h"

/* Set a value; flags: XATTR_*. -EOPNOTSUPP, -EPERM, -EACCES, -EROFS, -EEXIST, -ENODATA, -ENOSPC,
 * -ENOMEM. */
int xattr_set(struct vnode *vnode, const char *name, const void *value, size_t size,
              unsigned flags);

/* The value's length, and the value if size is not 0: -ENODATA, -ERANGE: size is too small,
 * -EOPNOTSUPP, -EACCES. */
long xattr_get(struct vnode *vnode, const char *name, void *value, size_t size);

/* The length of all names, each with its NUL, and the names if size is not 0: -ERANGE. */
long xattr_list(struct vnode *vnode, char *names, size_t size);

/* -ENODATA, and as xattr_set. */
int xattr_remove(struct vnode *vnode, const char *name);

/* The vnode is about to be freed. */
void xattrs_free(struct vnode *vnode);

#endif
