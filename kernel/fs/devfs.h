/*
 * devtmpfs: a tmpfs that begins with a node for each device there is; and what device nodes do, in
 * any file system.
 */
#ifndef MAPIX_FS_DEVFS_H
#define MAPIX_FS_DEVFS_H

struct vnode;

/* Make the type known. Boot only. */
void devfs_init(void);

/* fsync(2) of a block device's node: write the pages of its object and flush. 0, -ENXIO, -EIO. */
int device_sync(struct vnode *vnode);

#endif
