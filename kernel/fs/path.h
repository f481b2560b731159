/*
 * Path look-up and what system calls do to names. Paths are NUL-terminated kernel strings;
 * directory is where relative paths start (referenced by the caller), NULL: the current process's
 * working directory.
 */
#ifndef MAPIX_FS_PATH_H
#define MAPIX_FS_PATH_H

#include "fs/place.h"
#include "fs/vnode.h"

#define PATH_MAX 4096
#define NAME_MAX 255

enum { PATH_FOLLOW = 1 }; /* follow a symbolic link at the end */

/* The vnode of a path, referenced. -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -ENOMEM,
 * -EIO. */
int path_lookup(const struct place *directory, const char *path, unsigned flags,
                struct vnode **result);
int path_lookup_place(const struct place *directory, const char *path, unsigned flags,
                      struct place *result);

/* Open as openat(2): flags are O_*; *file is referenced. */
int path_open(const struct place *directory, const char *path, uint32_t flags, uint32_t mode,
              struct file **file);

/* The same as openat2(2), whose flags have been checked: -EXDEV, -ELOOP too. */
struct open_how;
int path_open_resolving(const struct place *directory, const char *path, const struct open_how *how,
                        struct file **file);

/* Open a file that has been found otherwise, with the checks of openat(2); the place is taken over.
 */
int place_open(struct place *place, uint32_t flags, struct file **file);

int path_create(const struct place *directory, const char *path, uint32_t mode,
                uint64_t device); /* mknod, mkdir */
int path_symlink(const char *target, const struct place *directory, const char *path);
int path_link(const struct place *from_directory, const char *from,
              const struct place *to_directory, const char *to, unsigned flags);
int path_link_place(const struct place *file, const struct place *directory, const char *path);
int path_unlink(const struct place *directory, const char *path, bool remove_directory);
int path_rename(const struct place *from_directory, const char *from,
                const struct place *to_directory, const char *to, unsigned flags);

/* Mounting, as mount(2): source and type may be NULL, where they are of no use; options is what it
 * calls data, as a string. */
int path_mount(const char *source, const char *target, const char *type, uint64_t flags,
               const char *options);
int path_unmount(const char *target, unsigned flags);

/* pivot_root(2). */
int path_pivot_root(const char *new_path, const char *old_path);

/* Mount the root file system from the first disk, or the one that root= names, devfs on its /dev if
 * that directory exists, and devpts in that. Panics when there is none: the machine cannot go on.
 */
void mount_root(void);

/* Write everything to the disks and leave their file systems clean: before power-off. */
void file_systems_shut_down(void);

#endif
