/*
 * tmpfs: files in memory. It is also what /dev is made of (fs/devfs.c).
 */
#ifndef MAPIX_FS_TMPFS_H
#define MAPIX_FS_TMPFS_H

#include "fs/mount.h"

/* Make the type known. Boot only. */
void tmpfs_init(void);

/* The mount operation of file systems that are a tmpfs: an empty one. */
int tmpfs_mount(struct mount *mount);

/* Give up a mount that tmpfs_mount has made and that nobody else knows. */
void tmpfs_abandon(struct mount *mount);

#endif
