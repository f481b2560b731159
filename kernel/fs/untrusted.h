/*
 * Names that others may have made: in a directory that anybody may write to, a link or a file can
 * be laid in the way of a program with more rights (proc_sys_fs(5), protected_*).
 */
#ifndef MAPIX_FS_UNTRUSTED_H
#define MAPIX_FS_UNTRUSTED_H

#include "fs/vnode.h"

/* The settings: 0 is off. Of the last two, 2 includes directories that only a group may write to.
 */
extern unsigned protected_symlinks, protected_hardlinks, protected_fifos, protected_regular;

/* May a symbolic link at the end of a path, found in the directory, be followed? 0, -EACCES. */
int untrusted_check_link(const struct vnode *directory, const struct vnode *link);

/* May the current process give the file another name? 0, -EPERM. */
int untrusted_check_source(const struct vnode *vnode);

/* May O_CREAT open a file that was there already, in a directory of this mode and owner? 0,
 * -EACCES; devices, sockets and links of others are never opened so. */
int untrusted_check_open(uint32_t directory_mode, uint32_t directory_uid,
                         const struct vnode *vnode);

#endif
