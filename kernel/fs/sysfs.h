/*
 * sys: harts, disks and properties of memory as files (sysfs(5)), as far as libraries look for
 * them.
 */
#ifndef MAPIX_FS_SYSFS_H
#define MAPIX_FS_SYSFS_H

/* Make the type known. Boot only. */
void sysfs_init(void);

#endif
