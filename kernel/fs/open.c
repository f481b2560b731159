/*
 * Opening files: open(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/file.h"
#include "fs/inode_flags.h"
#include "fs/lease.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/path.h"
#include "fs/regular.h"
#include "fs/special.h"
#include "fs/untrusted.h"
#include "fs/vfs.h"

/* Flags that a file keeps, for fcntl(2). */
#define KEPT_FLAGS                                                                                 \
    (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_TMPFILE |   \
     O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_PATH)

struct opening {
    uint32_t flags, mode;
    unsigned resolve; /* RESOLVE_* */
    bool created;
};

/* Bits for vnode_permission. */
static unsigned access_of(uint32_t flags)
{
    unsigned mode = flags & O_ACCMODE;
    unsigned access = mode == O_RDONLY ? 4 : mode == O_WRONLY ? 2 : 6;
    return flags & O_TRUNC ? access | 2 : access;
}

/* Find the last name in the locked directory, or make it. *vnode is referenced. */
static int find_or_create(struct walk *walk, struct opening *opening, struct vnode **vnode)
{
    int error = walk_find(walk->directory, &walk->last, vnode);

    if (error || *vnode)
        return error;
    error = vfs_check_change(walk->mount, walk->directory);
    if (!error && !walk->directory->operations->create)
        error = -EACCES; /* not EPERM, as other calls that make names give */
    if (!error)
        error = vfs_create_locked(walk->directory, &walk->last, S_IFREG | (opening->mode & 07777),
                                  0, NULL, vnode);
    opening->created = !error;
    return error;
}

/* The last step with O_CREAT: as walk_step. */
static int step_creating(struct walk *walk, struct opening *opening)
{
    bool exclusive = opening->flags & O_EXCL;
    struct vnode *vnode;
    int error;

    walk->linked = false;
    if (walk->kind == LAST_NAME && walk->slash)
        return -EISDIR;
    if (walk->kind != LAST_NAME) {
        error = walk_step(walk, false);
        return error ? error : exclusive ? -EEXIST : -EISDIR;
    }
    uint32_t mode = walk->directory->mode, uid = walk->directory->uid;
    mutex_lock(&walk->directory->lock);
    error = find_or_create(walk, opening, &vnode);
    mutex_unlock(&walk->directory->lock);
    if (error)
        return error;
    if (vnode_type(vnode) == S_IFLNK && !exclusive && !(opening->flags & O_NOFOLLOW)) {
        walk->linked = true;
        return walk_follow(walk, vnode);
    }
    error = walk_enter(walk, vnode);
    if (error || opening->created)
        return error;
    return exclusive ? -EEXIST : untrusted_check_open(mode, uid, walk->directory);
}

/* Find, or make, the file at the path. *place is referenced. */
static int find(const struct place *directory, const char *path, struct opening *opening,
                struct place *place)
{
    struct walk walk;
    int error = walk_start_resolving(&walk, directory, path, opening->resolve);

    if (error)
        return error;
    do {
        error = walk_to_last(&walk);
        if (!error && (opening->flags & O_CREAT))
            error = step_creating(&walk, opening);
        else if (!error)
            error = walk_step(&walk, !(opening->flags & O_NOFOLLOW));
    } while (!error && walk.linked);
    if (!error && (walk.slash || (opening->flags & O_DIRECTORY)) &&
        vnode_type(walk.directory) != S_IFDIR)
        error = -ENOTDIR;
    walk_end(&walk, error ? NULL : place);
    return error;
}

/* May the file be opened so? */
static int check(const struct place *place, const struct opening *opening)
{
    const struct vnode *vnode = place->vnode;
    unsigned access = opening->created ? 0 : access_of(opening->flags), type = vnode_type(vnode);
    bool special = type == S_IFCHR || type == S_IFBLK;

    if (type == S_IFLNK)
        return -ELOOP;
    if (type == S_IFSOCK)
        return -ENXIO;
    if (type == S_IFDIR && ((access & 2) || (opening->flags & O_CREAT)))
        return -EISDIR;
    if (special && mount_has_flag(place->mount, MS_NODEV))
        return -EACCES;
    if ((access & 2) && (type == S_IFREG || type == S_IFDIR) && mount_is_read_only(place->mount))
        return -EROFS;
    int error = vnode_permission(vnode, access);
    if (!error && (access & 2) && vnode_has_flag(vnode, FS_APPEND_FL) &&
        (!(opening->flags & O_APPEND) || (opening->flags & O_TRUNC)))
        error = -EPERM;
    if (!error && (opening->flags & O_NOATIME) && !vnode_is_owner(vnode))
        error = -EPERM;
    return error;
}

static const struct file_operations path_only_operations = {0};

/* Set the file's operations by what it is. */
static int attach(struct vnode *vnode, struct file *file)
{
    if (vnode->operations->open)
        return vnode->operations->open(vnode, file);
    switch (vnode_type(vnode)) {
    case S_IFREG:
        file->operations = &regular_operations;
        return 0;
    case S_IFDIR:
        file->operations = &directory_operations;
        return 0;
    case S_IFIFO:
        return fifo_open(vnode, file);
    default:
        return device_open(vnode, file);
    }
}

/* A regular file is opened for writing. */
static int begin_writing(struct file *file)
{
    int error = mount_write_begin(file->mount);

    if (error)
        return error;
    error = vnode_write_begin(file->vnode);
    if (error)
        mount_write_end(file->mount);
    file->writer = !error;
    return error;
}

/* Check and set up a file for other than O_PATH. */
static int set_up(const struct place *place, const struct opening *opening, struct file *file)
{
    struct vnode *vnode = place->vnode;
    bool regular = vnode_type(vnode) == S_IFREG;
    int error = check(place, opening);

    if (!error && regular && (access_of(opening->flags) & 2))
        error = begin_writing(file);
    if (!error && regular) {
        __atomic_fetch_add(&vnode->opens, 1, __ATOMIC_SEQ_CST);
        file->counted = true;
        error = lease_break(vnode, opening->flags);
    }
    if (!error && regular && (opening->flags & O_TRUNC) && !opening->created)
        error = vfs_resize(vnode, 0);
    if (error)
        return error;
    file->flags = opening->flags & (KEPT_FLAGS | O_NOCTTY);
    error = attach(vnode, file);
    file->flags &= ~(uint32_t)O_NOCTTY; /* it is only for the opening */
    if (!error && (file->flags & O_DIRECT) && !file->operations->direct) {
        if (file->operations->release)
            file->operations->release(file);
        error = -EINVAL;
    }
    return error;
}

/* Open a place with a file that has just been allocated; both are taken over. */
static int open_place(const struct place *place, const struct opening *opening, struct file *file,
                      struct file **result)
{
    struct vnode *vnode = place->vnode;

    file_begin(file, vnode, &path_only_operations, opening->flags & KEPT_FLAGS);
    file->mount = place->mount;
    file->created = opening->created && (opening->flags & O_CREAT);
    int error = opening->flags & O_PATH ? 0 : set_up(place, opening, file);
    if (error) {
        file->operations = &path_only_operations; /* nothing was opened: no release */
        file_release(file);
        return error;
    }
    *result = file;
    if (!(opening->flags & O_PATH)) {
        file->opened = true;
        notify_file(vnode, IN_OPEN);
    }
    return 0;
}

/* Make a file without a name in a directory; *unnamed is referenced. */
static int make_unnamed(const struct place *directory, const struct opening *opening,
                        struct vnode **unnamed)
{
    if (vnode_type(directory->vnode) != S_IFDIR)
        return -ENOTDIR;
    int error = vfs_check_change(directory->mount, directory->vnode);
    if (!error)
        error = vfs_create_unnamed(directory->vnode, opening->mode, unnamed);
    if (!error && !(opening->flags & O_EXCL))
        (*unnamed)->linkable = true;
    return error;
}

/* For open(2) with O_TMPFILE: as find. */
static int find_unnamed(const struct place *directory, const char *path, struct opening *opening,
                        struct place *place)
{
    struct opening search = {.flags = opening->flags & O_NOFOLLOW, .resolve = opening->resolve};
    struct vnode *unnamed;

    if ((opening->flags & O_TMPFILE) != O_TMPFILE || (opening->flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL;
    int error = find(directory, path, &search, place);
    if (error)
        return error;
    error = make_unnamed(place, opening, &unnamed);
    if (error) {
        place_release(place);
        return error;
    }
    vnode_release(place->vnode);
    place->vnode = unnamed;
    opening->created = true;
    opening->flags &= ~(uint32_t)O_TRUNC;
    return 0;
}

int vnode_open(struct vnode *vnode, uint32_t flags, struct file **result)
{
    /* Permission is that of a file that one has made. */
    struct opening opening = {.flags = flags, .created = true};

    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    struct file *file = file_allocate();
    if (!file)
        return -ENOMEM;
    vnode_reference(vnode);
    struct place place = place_of_vnode(vnode);
    return open_place(&place, &opening, file, result);
}

int place_open(struct place *place, uint32_t flags, struct file **result)
{
    struct opening opening = {.flags = flags};
    struct file *file = NULL;
    int error = 0;

    if ((flags & O_ACCMODE) == O_ACCMODE)
        error = -EINVAL;
    else if ((flags & O_DIRECTORY) && vnode_type(place->vnode) != S_IFDIR)
        error = -ENOTDIR;
    else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        error = -EEXIST;
    else if (!(file = file_allocate()))
        error = -ENOMEM;
    if (error) {
        place_release(place);
        return error;
    }
    return open_place(place, &opening, file, result);
}

int path_open_resolving(const struct place *directory, const char *path, const struct open_how *how,
                        struct file **result)
{
    uint32_t flags = (uint32_t)how->flags;
    struct opening opening = {
        .flags = flags, .mode = (uint32_t)how->mode, .resolve = (unsigned)how->resolve};
    struct place place;

    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
        return -EINVAL;
    if (flags & O_PATH)
        opening.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    bool unnamed = opening.flags & (O_TMPFILE & ~O_DIRECTORY);
    struct file *file = file_allocate(); /* before anything is made */
    if (!file)
        return -ENOMEM;
    int error = (unnamed ? find_unnamed : find)(directory, path, &opening, &place);
    if (error) {
        file_discard(file);
        return error;
    }
    return open_place(&place, &opening, file, result);
}

int path_open(const struct place *directory, const char *path, uint32_t flags, uint32_t mode,
              struct file **file)
{
    struct open_how how = {.flags = flags, .mode = mode};

    return path_open_resolving(directory, path, &how, file);
}
