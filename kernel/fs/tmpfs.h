/*
 * tmpfs: files in memory. It is also what /dev is made of (fs/devfs.c).
 */
#ifndef MAPIX_FS_TMPFS_H
#define MAPIX_FS_TMPFS_H

#include "fs/volume.h"

/* Make the type known. Boot only. */
void tmpfs_init(void);

/* The mount operation of file systems that are a tmpfs: an empty one, with the options of
 * tmpfs(5); mode: of the root, if they do not name one. -EINVAL, -ENOMEM, -ENOSPC. */
int tmpfs_mount(struct volume *volume, uint32_t mode, const char *options);

/* Give up a volume that tmpfs_mount has made and that nobody else knows. */
void tmpfs_abandon(struct volume *volume);

#endif
