/*
 * Inside of mounts: what their files share.
 *
 *   mount.c         making mounts, the list of them, mount(2)
 *   mount_place.c   what covers what, and the steps of path look-up between mounts
 *   mount_option.c  the text of options
 *   bind.c          bind mounts
 *   unmount.c       the end of mounts, umount2(2)
 *   file_systems.c  the types of file systems, and the mounts of the boot
 */
#ifndef MAPIX_FS_MOUNT_INTERNAL_H
#define MAPIX_FS_MOUNT_INTERNAL_H

#include "fs/mount.h"

/* Serialises mounting and unmounting and keeps the list of mounts; it comes before all other locks.
 */
extern struct mutex mount_lock;
extern struct list mount_list; /* (mount_lock) oldest first */

/* Set up the lock. Boot only. */
void mounts_init(void);

/* Mount the root of all; the type exists. Boot only. */
int mount_make_root(const char *type, struct block_device *device, const char *source);

/* The type of that name; NULL: there is none. */
const struct file_system *file_system_find(const char *name);

/* All that follows: mount_lock held. */

/* A number that no other mount has or will have. */
unsigned mount_next_id(void);

/* May something be mounted on the place? -ENOENT: it has been removed, or no path leads to it;
 * -EINVAL: it is in no mount, as a pipe. */
int mount_check_point(const struct place *place);

/* Put a mount, which is in the list, on a place, whose references are taken over on success. The
 * same error. */
int mount_cover(struct mount *mount, const struct place *place);

/* The path of a place for /proc/mounts; if it is too long, what the caller wrote. */
void mount_name_place(const struct place *place, const char *text, char path[MOUNT_NAME_SIZE]);

/* mount(2) with MS_BIND, and MS_REC. */
int mount_bind(const char *source, const char *target, bool recursive);

/* The mount whose root the place is, which the lock keeps. -EINVAL: it is none, or no path leads to
 * it. */
int mount_of_root(const struct place *place, struct mount **mount);

/* The end of a mount that covers nothing and that nobody has seen. */
void mount_drop(struct mount *mount);

/* No path leads to the mount, and to those on it, from now on. */
void mount_detach(struct mount *mount);

/* Free what MNT_DETACH has taken away, as far as nobody uses it any more. */
void mount_reap_detached(void);

#endif
