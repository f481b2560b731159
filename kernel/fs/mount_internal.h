/*
 * Inside of mounts: what their files share.
 *
 *   volume.c         volumes: making, remounting, writing, ending them
 *   volume_option.c  the text of options
 *   mount.c          mounts and the list of them
 *   mount_place.c    what covers what, and the steps of path look-up between mounts
 *   mount_path.c     mount(2)
 *   bind.c           showing a place at another one
 *   mount_move.c     moving a mount to another place
 *   mount_namespace.c  whose mounts they are
 *   unmount.c        the end of mounts, umount2(2)
 *   file_systems.c   the types of file systems, and the mounts of the boot
 */
#ifndef MAPIX_FS_MOUNT_INTERNAL_H
#define MAPIX_FS_MOUNT_INTERNAL_H

#include "fs/mount.h"

/* Serialises mounting and unmounting and keeps the lists of mounts and volumes; it comes before all
 * other locks. */
extern struct mutex mount_lock;
extern struct list mount_list; /* (mount_lock) oldest first */

/* Set up the lock. Boot only. */
void mounts_init(void);

/* Mount the root of all; the type exists. Boot only. false: it cannot be. */
bool mount_make_root(const char *type, struct block_device *device, const char *source);

/* The type of that name; NULL: there is none. */
const struct file_system *file_system_find(const char *name);

/* All that follows: mount_lock held. */

/* The volume of a type, with the VOLUME_FLAGS of flags; a device, or a single type, that has one
 * already is shown once more. -EBUSY: not in that way; -EACCES: the device cannot be written;
 * -ENOMEM, -EIO, -EINVAL. It lasts for a mount to be made of it, or volume_drop_unshown. */
int volume_get(const struct file_system *type, struct block_device *device, uint64_t flags,
               const char *options, struct volume **result);
void volume_drop_unshown(struct volume *volume);

/* The end of a volume of whose vnodes none is left. */
void volume_free(struct volume *volume);

/* Give a volume new VOLUME_FLAGS and options: -EACCES, -EBUSY, -EINVAL, -EROFS, -EIO. */
int volume_remount(struct volume *volume, uint64_t flags, const char *options);

/* A mount of what root is the root of, that covers nothing yet, with the MOUNT_FLAGS of flags.
 * NULL: no memory. */
struct mount *mount_create(struct vnode *root, const char *source, uint64_t flags);

/* Give a mount new MOUNT_FLAGS. -EBUSY: files are open for writing. */
int mount_set_flags(struct mount *mount, uint64_t flags);

/* May something be mounted on the place? -ENOENT: it has been removed; -EINVAL: no path leads to
 * it. */
int mount_check_point(const struct place *place);

/* Put a mount on a place, whose references are taken over on success; if it covers another one, it
 * leaves that, whose references become the caller's. The same errors. */
int mount_cover(struct mount *mount, const struct place *place);

/* For pivot_root(2): put a mount, down, on a place whose references are taken over on success, and
 * another one, up, where that was, or nowhere, as the root of the namespace; what up covered
 * becomes the caller's. -ENOENT. */
int mount_exchange(struct mount *down, struct mount *up, const struct place *old);

/* Is the place below the other one, or the same, by whatever mounts? -ENOMEM, -EIO. */
int mount_is_below(const struct place *place, const struct place *above, bool *below);

/* Is the mount in the namespace of the current thread? */
bool mount_is_seen(const struct mount *mount);

/* A mount that shows the place and covers nothing yet, with copies on it of what is mounted below:
 * of nothing, of what is not unbindable nor on such a mount, or of all. mount->copy tells them
 * until mount_finish_copies, which puts them into a namespace. -ENOMEM, -EIO; what there is of it
 * then (NULL: nothing) is to be detached. */
enum mount_copy { COPY_ONE, COPY_BINDABLE, COPY_ALL };
int mount_copy_tree(const struct place *from, enum mount_copy what, struct mount **result);
void mount_finish_copies(struct mount_namespace *space);

/* mount(2) with MS_BIND, and MS_REC. */
int mount_bind(const char *source, const char *target, bool recursive);

/* mount(2) with MS_MOVE. mount_move_to: takes the place's references over on success; -EINVAL,
 * -ELOOP: the place is on the mount, and as mount_check_point. */
int mount_move(const char *source, const char *target);
int mount_move_to(struct mount *mount, const struct place *to);

/* Is a mount (or NULL) the other one, or on it, or on what is on it? */
bool mount_is_on(const struct mount *mount, const struct mount *below);

/* The mount whose root the place is, which the lock keeps. -EINVAL: it is none, or no path leads to
 * it. */
int mount_of_root(const struct place *place, struct mount **mount);

/* A mount on this one, or NULL. */
struct mount *mount_child(const struct mount *mount);

/* The end of a mount that covers nothing and that nobody has seen. */
void mount_drop(struct mount *mount);

/* No path leads to the mount, and to those on it, from now on. */
void mount_detach(struct mount *mount);

/* Free what MNT_DETACH has taken away, as far as nobody uses it any more. */
void mount_reap_detached(void);

#endif
