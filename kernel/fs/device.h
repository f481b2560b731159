/*
 * Open files of devices that have no driver of their own: the memory devices (null(4), random(4)),
 * and disks as files.
 */
#ifndef MAPIX_FS_DEVICE_H
#define MAPIX_FS_DEVICE_H

#include "fs/file.h"

extern const struct file_operations null_operations, zero_operations, full_operations,
    random_operations;

extern const struct file_operations loop_control_operations; /* /dev/loop-control */

/* ioctl(2) of a loop device. */
struct block_device;
long loop_control(struct block_device *device, unsigned request, uint64_t argument);

/* Open a disk by vnode->device: 0, -ENXIO, -EACCES (it is read-only). */
int block_device_open(struct vnode *vnode, struct file *file);

#endif
