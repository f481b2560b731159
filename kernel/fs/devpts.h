/*
 * devpts: the names of pseudo-terminals, one file a pair, and ptmx, which makes pairs.
 */
#ifndef MAPIX_FS_DEVPTS_H
#define MAPIX_FS_DEVPTS_H

#include "fs/file.h"

/* Make the type known. Boot only. */
void devpts_init(void);

/* Make file the master of a new pair in the devpts that is mounted on /dev/pts: -ENODEV: none is,
 * -ENOSPC: there are as many as may be, -ENOMEM. */
int devpts_open_master(struct file *file);

/* The master has been closed: its slave's name goes, and so does the reference to node. */
void devpts_remove(struct vnode *node);

/* Open the slave through its node, as openat(2) with these flags: a descriptor or its error. */
int devpts_open_peer(struct vnode *node, uint32_t flags);

#endif
