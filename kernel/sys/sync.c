/*
 * System calls that bring data to the disk, or from it before it is needed.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "sys/at.h"
#include "sys/sync.h"
#include "sys/table.h"
#include "vm/reclaim.h"

long sys_sync(const uint64_t argument[6])
{
    (void)argument;
    volume_sync_all(); /* sync(2) is always successful */
    return 0;
}

/* Is it of a kind that has nothing to store (fsync(2))? */
static bool is_special(const struct vnode *vnode)
{
    unsigned type = vnode_type(vnode);
    return type == S_IFCHR || type == S_IFIFO || type == S_IFSOCK;
}

long file_sync(struct file *file, bool data_only)
{
    struct vnode *vnode = file->vnode;
    bool storable = vnode->operations->sync && !is_special(vnode);
    long result = storable ? vnode->operations->sync(vnode, data_only) : -EINVAL;
    /* An error of write-back since the last call is told to each open file once. */
    int earlier = object_error_check(&vnode->object, &file->error_seen);

    return earlier ? earlier : result;
}

static long sync_file(int descriptor, bool data_only)
{
    struct file *file;
    long result = file_get_usable(descriptor, &file);

    if (result)
        return result;
    result = file_sync(file, data_only);
    file_release(file);
    return result;
}

long sys_fsync(const uint64_t argument[6])
{
    return sync_file((int)argument[0], false);
}

long sys_fdatasync(const uint64_t argument[6])
{
    return sync_file((int)argument[0], true);
}

long sys_syncfs(const uint64_t argument[6])
{
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    if (file->vnode->volume)
        result = volume_sync(file->vnode->volume);
    file_release(file);
    return result;
}

long sys_sync_file_range(const uint64_t argument[6])
{
    int64_t offset = (int64_t)argument[1], length = (int64_t)argument[2];
    unsigned flags = (unsigned)argument[3];
    const unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    struct file *file;

    if ((flags & ~(wait | SYNC_FILE_RANGE_WRITE)) || offset < 0 || length < 0 ||
        offset > INT64_MAX - length)
        return -EINVAL;
    long result = file_get_usable((int)argument[0], &file);
    if (result)
        return result;
    unsigned type = vnode_type(file->vnode);
    if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFBLK)
        result = -ESPIPE;
    else if (flags)
        result = object_write_back(&file->vnode->object, (uint64_t)offset,
                                   length ? (uint64_t)(offset + length) : UINT64_MAX, flags & wait);
    file_release(file);
    return result;
}

/* Begin to read the pages of a range that are not in memory. */
static void read_ahead(struct object *object, uint64_t offset, uint64_t length)
{
    uint64_t end = length < UINT64_MAX - offset ? offset + length : UINT64_MAX;

    if (length)
        object_will_need(object, offset >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
}

long sys_readahead(const uint64_t argument[6])
{
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    if ((file->flags & O_ACCMODE) == O_WRONLY)
        result = -EBADF;
    else if (vnode_type(file->vnode) != S_IFREG || (int64_t)argument[2] < 0)
        result = -EINVAL;
    else
        read_ahead(&file->vnode->object, argument[1], argument[2]);
    file_release(file);
    return result;
}

/* POSIX_FADV_DONTNEED: what is dirty is written soon; what is clean, whole pages of it, and not
 * mapped goes from memory. */
static void give_up(struct object *object, uint64_t offset, uint64_t length)
{
    uint64_t size = __atomic_load_n(&object->size, __ATOMIC_RELAXED);
    uint64_t end = length < UINT64_MAX - offset ? offset + length : UINT64_MAX;
    uint64_t first = (offset + PAGE_MASK) >> PAGE_SHIFT;
    uint64_t behind = (end >= size ? size + PAGE_MASK : end) >> PAGE_SHIFT;

    if (object->anonymous || offset >= size)
        return;
    object_write_back(object, offset, end, false);
    if (first < behind)
        reclaim_object(object, first, behind - 1, RECLAIM_UNMAPPED);
}

long sys_fadvise64(const uint64_t argument[6])
{
    int64_t offset = (int64_t)argument[1], length = (int64_t)argument[2];
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    bool regular = vnode_type(file->vnode) == S_IFREG;
    if (vnode_type(file->vnode) == S_IFIFO)
        result = -ESPIPE;
    else if (argument[3] > POSIX_FADV_NOREUSE || length < 0)
        result = -EINVAL;
    else if (argument[3] == POSIX_FADV_WILLNEED && regular && offset >= 0)
        read_ahead(&file->vnode->object, (uint64_t)offset, length ? (uint64_t)length : UINT64_MAX);
    else if (argument[3] == POSIX_FADV_DONTNEED && regular && offset >= 0)
        give_up(&file->vnode->object, (uint64_t)offset, length ? (uint64_t)length : UINT64_MAX);
    file_release(file);
    return result;
}
