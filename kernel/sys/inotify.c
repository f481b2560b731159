/*
 * inotify_init1(2), inotify_add_watch(2) and inotify_rm_watch(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/notify.h"
#include "fs/path.h"
#include "sys/at.h"
#include "sys/table.h"

#define MASK_BITS                                                                                  \
    (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |       \
     IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

long sys_inotify_init1(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[0];

    if (flags & ~(uint32_t)(IN_NONBLOCK | IN_CLOEXEC))
        return -EINVAL;
    struct file *file;
    int error = notify_create(flags & IN_NONBLOCK, &file);
    return error ? error : file_install_new(file, flags & IN_CLOEXEC);
}

/* The inotify file at a descriptor, referenced: 0, -EBADF, -EINVAL. */
static int get_notify(uint64_t descriptor, struct file **file)
{
    int error = file_get_usable((int)descriptor, file);

    if (error || file_is_notify(*file))
        return error;
    file_release(*file);
    return -EINVAL;
}

/* Watch the file that the path names. */
static int watch_path(struct file *file, vaddr_t path, uint32_t mask)
{
    struct vnode *vnode;
    struct at at;
    int error = at_begin(&at, AT_FDCWD, path);

    if (error)
        return error;
    error = path_lookup(at.directory, at.path, mask & IN_DONT_FOLLOW ? 0 : PATH_FOLLOW, &vnode);
    at_end(&at);
    if (error)
        return error;
    if ((mask & IN_ONLYDIR) && vnode_type(vnode) != S_IFDIR)
        error = -ENOTDIR;
    if (!error)
        error = vnode_permission(vnode, 4);
    if (!error)
        error = notify_add_watch(file, vnode, mask);
    vnode_release(vnode);
    return error;
}

long sys_inotify_add_watch(const uint64_t argument[6])
{
    uint32_t mask = (uint32_t)argument[2];
    struct file *file;

    if (!(mask & MASK_BITS) || (mask & ~MASK_BITS))
        return -EINVAL;
    int error = file_get_usable((int)argument[0], &file);
    if (error)
        return error;
    if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
        error = -EINVAL;
    if (!error && !file_is_notify(file))
        error = -EINVAL;
    if (!error)
        error = watch_path(file, argument[1], mask);
    file_release(file);
    return error;
}

long sys_inotify_rm_watch(const uint64_t argument[6])
{
    struct file *file;
    int error = get_notify(argument[0], &file);

    if (error)
        return error;
    error = notify_remove_watch(file, (int)argument[1]);
    file_release(file);
    return error;
}
