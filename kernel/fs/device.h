/*
 * Open files of devices that have no driver of their own: the memory devices (null(4), random(4)),
 * and disks as files.
 */
#ifndef MAPIX_FS_DEVICE_H
#define MAPIX_FS_DEVICE_H

#include "fs/file.h"

extern const struct file_operations null_operations, zero_operations, full_operations,
    random_operations;

/* Open a disk by vnode->device: 0, -ENXIO, -EACCES (it is read-only). */
int block_device_open(struct vnode *vnode, struct file *file);

#endif
