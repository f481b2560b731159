/*
 * What disks tell of themselves in /sys/block, of which sysfs.c has the rest.
 */
#ifndef MAPIX_FS_SYSFS_DISK_H
#define MAPIX_FS_SYSFS_DISK_H

#include "fs/pseudo.h"

struct block_device;

/* The n-th disk. */
struct block_device *sysfs_disk(uint64_t number);

/* What a disk has done, as in /proc/diskstats and in its file "stat". */
void disk_write_counts(struct text *text, struct block_device *device);

/* The directory "loop" of a loop device that has a file (sysfs_loop.c), in that of its disk. The
 * keys of both are the number of the disk. */
extern const struct pseudo_type sysfs_loop, sysfs_disk_directory;

#define SYSFS_LOOP_TYPES 128 /* the first number of its types */

#endif
