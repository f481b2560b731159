/*
 * Opening special files: what path_open does with device nodes and named pipes.
 */
#ifndef MAPIX_FS_SPECIAL_H
#define MAPIX_FS_SPECIAL_H

#include "fs/file.h"

/* Set up the file of a character or block special by vnode->device (fs/devfs.c): 0, -ENXIO. */
int device_open(struct vnode *vnode, struct file *file);

/* The size of what a block special stands for, in bytes; 0 for other vnodes (fs/disk.c). */
uint64_t device_size(const struct vnode *vnode);

/* Set up the file of a named pipe (fs/pipe.c): waits for the other end as fifo(7) says. 0, -ENXIO,
 * -EINTR, -ENOMEM. */
int fifo_open(struct vnode *vnode, struct file *file);

#endif
