/*
 * Making, linking and removing names, by the rules that are the same for all file systems. Renaming
 * is in rename.c.
 */
#include "fs/vfs.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/inode_flags.h"
#include "fs/mount.h"
#include "fs/name_cache.h"
#include "fs/notify.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "fs/untrusted.h"
#include "lib/format.h"

#define UNNAMED_SIZE 24 /* what a file without a name is called: "#" and its number */

int vfs_check_change(const struct mount *mount, const struct vnode *directory)
{
    if (!directory->links)
        return -ENOENT;
    if (mount_is_read_only(mount))
        return -EROFS;
    return vnode_permission(directory, 3);
}

static uint32_t current_umask(void)
{
    const struct path_context *context = current_thread()->path_context;
    return context ? __atomic_load_n(&context->umask, __ATOMIC_RELAXED) : 022;
}

void vfs_begin_creation(const struct vnode *directory, uint32_t mode, struct creation *creation)
{
    const struct credentials *self = credentials_current();
    bool is_directory = (mode & S_IFMT) == S_IFDIR;

    *creation = (struct creation){.mode = mode & ~(current_umask() & 0777),
                                  .uid = self->fsuid,
                                  .gid = self->fsgid,
                                  .inode_flags = inode_flags_inherited(directory, mode)};
    if (!(directory->mode & S_ISGID))
        return;
    creation->gid = directory->gid; /* inode(7), S_ISGID */
    if (is_directory)
        creation->mode |= S_ISGID;
    else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
             !credentials_in_group(self, creation->gid) && !credentials_capable(CAP_FSETID))
        creation->mode &= ~S_ISGID;
}

int vfs_create_locked(struct vnode *directory, const struct name *name, uint32_t mode,
                      uint64_t device, const char *target, struct vnode **result)
{
    struct creation creation;

    if (!directory->operations->create)
        return -EPERM;
    vfs_begin_creation(directory, mode, &creation);
    creation.device = device;
    creation.target = target;
    if (target)
        creation.mode = mode;
    int error = directory->operations->create(directory, name, &creation, result);
    if (!error) {
        name_cache_enter(directory, name, *result);
        notify_name(directory, name, *result, IN_CREATE);
    }
    return error;
}

int vfs_create_unnamed(struct vnode *directory, uint32_t mode, struct vnode **result)
{
    struct creation creation;
    char text[UNNAMED_SIZE];

    if (!directory->operations->create_unnamed)
        return -EOPNOTSUPP;
    vfs_begin_creation(directory, S_IFREG | (mode & 07777), &creation);
    int error = directory->operations->create_unnamed(directory, &creation, result);
    if (error)
        return error;
    struct name name = {text, (uint32_t)format(text, sizeof(text), "#%lu", (*result)->number)};
    name_cache_enter_removed(directory, &name, *result);
    return 0;
}

/* Walk to the place of a name to be made; the directory it stands on is locked on success. */
static int walk_to_new(struct walk *walk, const struct place *directory, const char *path)
{
    int error = walk_start(walk, directory, path);

    if (error)
        return error;
    error = walk_to_last(walk);
    if (!error && walk->kind != LAST_NAME)
        error = -EEXIST;
    if (error)
        walk_end(walk, NULL);
    else
        mutex_lock(&walk->directory->lock);
    return error;
}

/* The name that the walk has come to must not exist; directory: what is made is one. */
static int check_new(struct walk *walk, bool directory)
{
    struct vnode *vnode;
    int error = walk_find(walk->directory, &walk->last, &vnode);

    if (error)
        return error;
    if (vnode) {
        vnode_release(vnode);
        return -EEXIST;
    }
    return walk->slash && !directory ? -ENOENT : 0;
}

static int create(const struct place *directory, const char *path, uint32_t mode, uint64_t device,
                  const char *target)
{
    struct walk walk;
    struct vnode *vnode = NULL;
    int error = walk_to_new(&walk, directory, path);

    if (error)
        return error;
    error = check_new(&walk, (mode & S_IFMT) == S_IFDIR);
    if (!error)
        error = vfs_check_change(walk.mount, walk.directory);
    if (!error)
        error = vfs_create_locked(walk.directory, &walk.last, mode, device, target, &vnode);
    mutex_unlock(&walk.directory->lock);
    if (vnode)
        vnode_release(vnode);
    walk_end(&walk, NULL);
    return error;
}

int path_create(const struct place *directory, const char *path, uint32_t mode, uint64_t device)
{
    uint32_t type = mode & S_IFMT;

    bool device_node = type == S_IFBLK || (type == S_IFCHR && device); /* 0: no device has it */
    if (device_node && !credentials_capable(CAP_MKNOD))
        return -EPERM;
    return create(directory, path, mode, device, NULL);
}

int path_symlink(const char *target, const struct place *directory, const char *path)
{
    if (*target == '\0')
        return -ENOENT;
    return create(directory, path, S_IFLNK | 0777, 0, target);
}

/* Give a file another name where the walk has come to; the directory is locked. */
static int link_locked(struct walk *walk, const struct place *file)
{
    struct vnode *directory = walk->directory, *vnode = file->vnode;
    int error = check_new(walk, false);

    if (!error && file->mount != walk->mount)
        error = -EXDEV;
    if (!error && !mount_is_read_only(walk->mount))
        error = untrusted_check_source(vnode);
    if (!error)
        error = vfs_check_change(walk->mount, directory);
    if (error)
        return error;
    if (vnode_is_fixed(vnode) || vnode_type(vnode) == S_IFDIR || !directory->operations->link)
        return -EPERM;
    mutex_lock(&vnode->lock);
    error = -ENOENT;
    if (vnode->links || vnode->linkable)
        error = directory->operations->link(directory, &walk->last, vnode);
    if (!error)
        vnode->linkable = false;
    mutex_unlock(&vnode->lock);
    if (!error) {
        name_cache_enter(directory, &walk->last, vnode);
        notify_self(vnode, IN_ATTRIB);
        notify_name(directory, &walk->last, vnode, IN_CREATE);
    }
    return error;
}

int path_link_place(const struct place *file, const struct place *directory, const char *path)
{
    struct walk walk;
    int error = walk_to_new(&walk, directory, path);

    if (error)
        return error;
    error = link_locked(&walk, file);
    mutex_unlock(&walk.directory->lock);
    walk_end(&walk, NULL);
    return error;
}

int path_link(const struct place *from_directory, const char *from,
              const struct place *to_directory, const char *to, unsigned flags)
{
    struct place file;
    int error = path_lookup_place(from_directory, from, flags, &file);

    if (error)
        return error;
    error = path_link_place(&file, to_directory, to);
    place_release(&file);
    return error;
}

int vfs_check_victim(const struct vnode *directory, const struct vnode *target)
{
    if (vnode_has_flag(directory, FS_APPEND_FL) || vnode_is_fixed(target) ||
        __atomic_load_n(&target->swapped_to, __ATOMIC_RELAXED))
        return -EPERM;
    if (!(directory->mode & S_ISVTX) || vnode_is_owner(target) || vnode_is_owner(directory))
        return 0;
    return -EPERM;
}

/* May the name of target be removed from the locked directory? */
static int check_removal(const struct walk *walk, const struct vnode *target, bool remove_directory)
{
    bool is_directory = vnode_type(target) == S_IFDIR;

    if (!remove_directory && walk->slash)
        return is_directory ? -EISDIR : -ENOTDIR;
    int error = vfs_check_change(walk->mount, walk->directory);
    if (!error)
        error = vfs_check_victim(walk->directory, target);
    if (error)
        return error;
    if (remove_directory && !is_directory)
        return -ENOTDIR;
    if (!remove_directory && is_directory)
        return -EISDIR;
    return walk->directory->operations->unlink ? 0 : -EPERM;
}

void vfs_removed(struct vnode *directory, struct vnode *target)
{
    if (vnode_type(target) != S_IFDIR)
        return;
    vnode_reference(directory);
    target->removed_from = directory;
}

/* Remove the name that the walk has come to; the directory is locked. *target is referenced on
 * return, for its space to be freed without the lock. */
static int unlink_locked(struct walk *walk, bool remove_directory, struct vnode **target)
{
    int error = walk_find(walk->directory, &walk->last, target);

    if (!error && !*target)
        error = -ENOENT;
    if (!error)
        error = check_removal(walk, *target, remove_directory);
    if (error)
        return error;
    mutex_lock(&(*target)->lock);
    if (mount_covers(*target))
        error = -EBUSY;
    else
        error = walk->directory->operations->unlink(walk->directory, &walk->last, *target);
    if (!error) {
        vfs_removed(walk->directory, *target);
        name_cache_remove(walk->directory, &walk->last);
        name_cache_enter(walk->directory, &walk->last, NULL);
    }
    mutex_unlock(&(*target)->lock);
    return error;
}

/* What the last name must not be: unlink(2), rmdir(2). */
static int check_last(const struct walk *walk, bool remove_directory)
{
    switch (walk->kind) {
    case LAST_NAME:
        return 0;
    case LAST_DOT:
        return remove_directory ? -EINVAL : -EISDIR;
    case LAST_DOT_DOT:
        return remove_directory ? -ENOTEMPTY : -EISDIR;
    default:
        return remove_directory ? -EBUSY : -EISDIR;
    }
}

int path_unlink(const struct place *directory, const char *path, bool remove_directory)
{
    struct walk walk;
    struct vnode *target = NULL;
    int error = walk_start(&walk, directory, path);

    if (error)
        return error;
    error = walk_to_last(&walk);
    if (!error)
        error = check_last(&walk, remove_directory);
    if (!error && mount_is_read_only(walk.mount))
        error = -EROFS;
    if (!error) {
        mutex_lock(&walk.directory->lock);
        error = unlink_locked(&walk, remove_directory, &target);
        mutex_unlock(&walk.directory->lock);
    }
    if (target && !error && !remove_directory)
        notify_self(target, IN_ATTRIB); /* of its links */
    if (target)
        vnode_release(target);
    if (target && !error && notify_anybody())
        notify_name_changed(walk.directory, &walk.last, NULL,
                            remove_directory ? IN_DELETE | IN_ISDIR : IN_DELETE, 0);
    walk_end(&walk, NULL);
    return error;
}
