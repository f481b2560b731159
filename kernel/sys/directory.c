/*
 * System calls that change and read directories.
 */
#include "abi/dirent.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/notify.h"
#include "fs/path_context.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "sys/at.h"
#include "sys/table.h"
#include "vm/kmem.h"

#define ENTRIES_SIZE 8192u /* bytes of entries that one getdents64 gives at most */

long sys_mkdirat(const uint64_t argument[6])
{
    struct at at;
    int error = at_begin(&at, (int)argument[0], argument[1]);

    if (error)
        return error;
    error = path_create(at.directory, at.path, S_IFDIR | ((uint32_t)argument[2] & 01777), 0);
    at_end(&at);
    return error;
}

long sys_mknodat(const uint64_t argument[6])
{
    uint32_t mode = (uint32_t)argument[2];
    struct at at;
    int error;

    switch (mode & S_IFMT) {
    case 0:
        mode |= S_IFREG;
        break;
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        break;
    case S_IFDIR:
        return -EPERM; /* mknod(2) */
    default:
        return -EINVAL;
    }
    error = at_begin(&at, (int)argument[0], argument[1]);
    if (error)
        return error;
    error = path_create(at.directory, at.path, mode & (S_IFMT | 07777), (uint32_t)argument[3]);
    at_end(&at);
    return error;
}

long sys_unlinkat(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[2];
    struct at at;

    if (flags & ~(unsigned)AT_REMOVEDIR)
        return -EINVAL;
    int error = at_begin(&at, (int)argument[0], argument[1]);
    if (error)
        return error;
    error = path_unlink(at.directory, at.path, flags & AT_REMOVEDIR);
    at_end(&at);
    return error;
}

long sys_symlinkat(const uint64_t argument[6])
{
    struct at target, at;
    int error = at_begin(&target, AT_FDCWD, argument[0]);

    if (error)
        return error;
    error = at_begin(&at, (int)argument[1], argument[2]);
    if (!error) {
        error = path_symlink(target.path, at.directory, at.path);
        at_end(&at);
    }
    at_end(&target);
    return error;
}

/* linkat(2) with AT_EMPTY_PATH: the file of a descriptor gets a name. */
static long link_descriptor(int descriptor, const char *path, const struct place *directory)
{
    struct file *file = file_get(descriptor);

    if (!file)
        return -EBADF;
    struct place place = file_place(file);
    long result = credentials_capable(CAP_DAC_READ_SEARCH)
                      ? path_link_place(&place, directory, path)
                      : -ENOENT;
    file_release(file);
    return result;
}

long sys_linkat(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[4];
    struct at from, to;

    if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    long result = at_begin(&from, (int)argument[0], argument[1]);
    if (result)
        return result;
    result = at_begin(&to, (int)argument[2], argument[3]);
    if (!result) {
        if (from.path[0] == '\0' && (flags & AT_EMPTY_PATH) && (int)argument[0] != AT_FDCWD)
            result = link_descriptor((int)argument[0], to.path, to.directory);
        else
            result = path_link(from.directory, from.path, to.directory, to.path,
                               flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0);
        at_end(&to);
    }
    at_end(&from);
    return result;
}

long sys_renameat2(const uint64_t argument[6])
{
    struct at from, to;
    int error = at_begin(&from, (int)argument[0], argument[1]);

    if (error)
        return error;
    error = at_begin(&to, (int)argument[2], argument[3]);
    if (!error) {
        error =
            path_rename(from.directory, from.path, to.directory, to.path, (unsigned)argument[4]);
        at_end(&to);
    }
    at_end(&from);
    return error;
}

/* Read a link into user memory. */
static long read_link(const struct place *place, uint64_t address, size_t size)
{
    struct vnode *vnode = place->vnode;

    if (vnode_type(vnode) != S_IFLNK || !vnode->operations->read_link)
        return -EINVAL;
    char *buffer = kmalloc(PATH_MAX);
    if (!buffer)
        return -ENOMEM;
    vfs_accessed(place);
    long length = vnode->operations->read_link(vnode, buffer, size < PATH_MAX ? size : PATH_MAX);
    if (length > 0 && copy_to_user(address, buffer, (size_t)length))
        length = -EFAULT;
    kfree(buffer);
    return length;
}

long sys_readlinkat(const uint64_t argument[6])
{
    int64_t size = (int32_t)argument[3];
    struct place link;

    if (size <= 0)
        return -EINVAL;
    int error =
        at_lookup_place((int)argument[0], argument[1], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &link);
    if (error)
        return error;
    long result = read_link(&link, argument[2], (size_t)size);
    if (result == -EINVAL && at_is_empty(argument[1]))
        result = -ENOENT; /* an empty path that does not stand for a link */
    place_release(&link);
    return result;
}

/* Entries collected for getdents64. */
struct entries {
    char *buffer;
    size_t size, length;
    int64_t next_offset;
    bool full; /* an entry did not fit */
};

static bool take_entry(void *context, const struct name *name, uint64_t number, unsigned type,
                       int64_t next_offset)
{
    struct entries *entries = context;
    size_t length = (offsetof(struct dirent64, name) + name->length + 1 + 7) & ~(size_t)7;
    struct dirent64 *entry = (void *)(entries->buffer + entries->length);

    if (length > entries->size - entries->length) {
        entries->full = true;
        return false;
    }
    memset(entry, 0, length);
    entry->number = number;
    entry->next_offset = next_offset;
    entry->length = (uint16_t)length;
    entry->type = (uint8_t)type;
    memcpy(entry->name, name->bytes, name->length);
    entries->length += length;
    entries->next_offset = next_offset;
    return true;
}

/* Read entries of the directory from the file's offset on: 0, -ENOENT, -EINVAL, -EUCLEAN, -EIO. */
static int read_entries(struct file *file, struct entries *entries)
{
    struct vnode *vnode = file->vnode;
    int error = -ENOENT; /* getdents(2): the directory has been removed */

    mutex_lock(&vnode->lock);
    if (vnode->links)
        error =
            vnode->operations->read_directory(vnode, (int64_t)file->offset, take_entry, entries);
    mutex_unlock(&vnode->lock);
    if (entries->length)
        return 0;
    return !error && entries->full ? -EINVAL : error; /* getdents(2): the buffer is too small */
}

/* Give the entries to the user; only what has arrived moves the offset. */
static long give_entries(struct file *file, struct entries *entries, uint64_t address)
{
    mutex_lock(&file->offset_lock);
    entries->next_offset = (int64_t)file->offset;
    int error = read_entries(file, entries);
    if (!error && entries->length)
        error = copy_to_user(address, entries->buffer, entries->length);
    if (!error)
        file->offset = (uint64_t)entries->next_offset;
    mutex_unlock(&file->offset_lock);
    return error ? error : (long)entries->length;
}

long sys_getdents64(const uint64_t argument[6])
{
    size_t size = (uint32_t)argument[2];
    struct entries entries = {.size = size < ENTRIES_SIZE ? size : ENTRIES_SIZE};
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    entries.buffer = kmalloc(ENTRIES_SIZE);
    if (vnode_type(file->vnode) != S_IFDIR || !file->vnode->operations->read_directory)
        result = -ENOTDIR;
    else
        result = entries.buffer ? give_entries(file, &entries, argument[1]) : -ENOMEM;
    if (result >= 0) {
        struct place place = file_place(file);
        vfs_accessed(&place);
        notify_file(file->vnode, IN_ACCESS);
    }
    kfree(entries.buffer);
    file_release(file);
    return result;
}

/* Make a directory (whose references are taken over) the current or the root directory. */
static int change(struct place place, bool root)
{
    struct path_context *context = current_thread()->path_context;
    int error = vnode_type(place.vnode) == S_IFDIR ? vnode_permission(place.vnode, 1) : -ENOTDIR;

    if (!error && root && !credentials_capable(CAP_SYS_CHROOT))
        error = -EPERM;
    if (error)
        place_release(&place);
    else if (root)
        path_context_set_root(context, place);
    else
        path_context_set_directory(context, place);
    return error;
}

long sys_chdir(const uint64_t argument[6])
{
    struct place place;
    int error = at_lookup_place(AT_FDCWD, argument[0], 0, &place);

    return error ? error : change(place, false);
}

long sys_fchdir(const uint64_t argument[6])
{
    struct file *file = file_get((int)argument[0]);

    if (!file)
        return -EBADF;
    struct place place = file_place(file);
    place_reference(&place);
    int error = change(place, false);
    file_release(file);
    return error;
}

long sys_chroot(const uint64_t argument[6])
{
    struct place place;
    int error = at_lookup_place(AT_FDCWD, argument[0], 0, &place);

    return error ? error : change(place, true);
}

long sys_getcwd(const uint64_t argument[6])
{
    struct place directory = walk_working_directory();
    char *buffer = kmalloc(PATH_MAX);
    long length = -ENOMEM;

    if (buffer)
        length = directory.vnode->links ? place_path(&directory, buffer, PATH_MAX) : -ENOENT;
    if (length >= 0)
        length++; /* with the NUL */
    if (length > 0 && (uint64_t)length > argument[1])
        length = -ERANGE;
    if (length > 0 && copy_to_user(argument[0], buffer, (size_t)length))
        length = -EFAULT;
    kfree(buffer);
    place_release(&directory);
    return length;
}
