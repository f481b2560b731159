/* Path arguments (at.h). */
#include "sys/at.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/walk.h"
#include "vm/kmem.h"

/* Copy the path in: most are short. */
static int take_path(struct at *at, uint64_t address)
{
    long length = copy_string_from_user(at->short_path, address, sizeof(at->short_path));

    at->buffer = NULL;
    at->path = at->short_path;
    if (length != -ENAMETOOLONG)
        return length < 0 ? (int)length : 0;
    at->buffer = kmalloc(PATH_MAX);
    if (!at->buffer)
        return -ENOMEM;
    at->path = at->buffer;
    length = copy_string_from_user(at->buffer, address, PATH_MAX);
    if (length < 0)
        kfree(at->buffer);
    return length < 0 ? (int)length : 0;
}

/* The vnode of an open file. */
static int vnode_of_descriptor(int descriptor, struct vnode **vnode)
{
    struct file *file = file_get(descriptor);

    if (!file)
        return -EBADF;
    *vnode = file->vnode;
    vnode_reference(*vnode);
    file_release(file);
    return 0;
}

int at_begin(struct at *at, int descriptor, uint64_t address)
{
    int error = take_path(at, address);

    at->directory = NULL;
    if (error || at->path[0] == '/' || at->path[0] == '\0')
        return error;
    return at_take_directory(at, descriptor);
}

int at_take_directory(struct at *at, int descriptor)
{
    if (descriptor == AT_FDCWD || at->directory)
        return 0;
    int error = vnode_of_descriptor(descriptor, &at->directory);
    if (!error && vnode_type(at->directory) != S_IFDIR) {
        vnode_release(at->directory);
        error = -ENOTDIR;
    }
    if (error) {
        kfree(at->buffer);
        at->directory = NULL;
    }
    return error;
}

void at_end(struct at *at)
{
    if (at->directory)
        vnode_release(at->directory);
    kfree(at->buffer);
}

static int vnode_without_path(int descriptor, struct vnode **vnode)
{
    if (descriptor != AT_FDCWD)
        return vnode_of_descriptor(descriptor, vnode);
    *vnode = walk_working_directory();
    return 0;
}

int at_lookup(int descriptor, uint64_t address, unsigned flags, struct vnode **vnode)
{
    struct at at;
    int error = at_begin(&at, descriptor, address);

    if (error)
        return error;
    if (at.path[0] == '\0' && (flags & AT_EMPTY_PATH)) {
        error = vnode_without_path(descriptor, vnode);
    } else {
        error = path_lookup(at.directory, at.path, flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW,
                            vnode);
    }
    at_end(&at);
    return error;
}

int at_lookup_or_none(int descriptor, uint64_t address, unsigned flags, struct vnode **vnode)
{
    if (!address && (flags & AT_EMPTY_PATH))
        return vnode_without_path(descriptor, vnode);
    return at_lookup(descriptor, address, flags, vnode);
}

int file_get_usable(int descriptor, struct file **file)
{
    *file = file_get(descriptor);
    if (!*file)
        return -EBADF;
    if ((*file)->flags & O_PATH) {
        file_release(*file);
        return -EBADF;
    }
    return 0;
}
