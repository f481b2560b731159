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

/* The place of an open file. */
static int place_of_descriptor(int descriptor, struct place *place)
{
    struct file *file = file_get(descriptor);

    if (!file)
        return -EBADF;
    *place = file_place(file);
    place_reference(place);
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
    int error = place_of_descriptor(descriptor, &at->place);
    if (!error && vnode_type(at->place.vnode) != S_IFDIR) {
        place_release(&at->place);
        error = -ENOTDIR;
    }
    if (error)
        kfree(at->buffer);
    else
        at->directory = &at->place;
    return error;
}

void at_end(struct at *at)
{
    if (at->directory)
        place_release(&at->place);
    kfree(at->buffer);
}

static int place_without_path(int descriptor, struct place *place)
{
    if (descriptor != AT_FDCWD)
        return place_of_descriptor(descriptor, place);
    *place = walk_working_directory();
    return 0;
}

int at_lookup_place(int descriptor, uint64_t address, unsigned flags, struct place *place)
{
    unsigned lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
    struct at at;
    int error = at_begin(&at, descriptor, address);

    if (error)
        return error;
    if (at.path[0] == '\0' && (flags & AT_EMPTY_PATH))
        error = place_without_path(descriptor, place);
    else
        error = path_lookup_place(at.directory, at.path, lookup, place);
    at_end(&at);
    return error;
}

int at_lookup(int descriptor, uint64_t address, unsigned flags, struct vnode **vnode)
{
    struct place place;
    int error = at_lookup_place(descriptor, address, flags, &place);

    if (error)
        return error;
    *vnode = place.vnode;
    mount_let_go(place.mount);
    return 0;
}

bool at_is_empty(uint64_t address)
{
    char first;
    return copy_from_user(&first, address, 1) == 0 && first == '\0';
}

int at_lookup_or_none(int descriptor, uint64_t address, unsigned flags, struct place *place)
{
    if (address || !(flags & AT_EMPTY_PATH))
        return at_lookup_place(descriptor, address, flags, place);
    return place_without_path(descriptor, place);
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
