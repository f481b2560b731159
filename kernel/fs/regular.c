/*
 * Open regular files and directories: read, write and map by way of the vnode's object.
 */
#include "fs/regular.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "core/process.h"
#include "fs/mount.h"
#include "fs/seal.h"
#include "fs/vfs.h"
#include "vm/aspace.h"

static long regular_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct vnode *vnode = file->vnode;
    long result = object_read(&vnode->object, offset, transfer);

    if (result > 0 && !(file->flags & O_NOATIME))
        vfs_accessed(vnode);
    return result;
}

/*
 * How many of size bytes may be written at offset: for RLIMIT_FSIZE (setrlimit(2): SIGXFSZ is
 * sent), and for what the file system can hold. -EFBIG: none.
 */
static long writable_size(const struct vnode *vnode, uint64_t offset, size_t size)
{
    uint64_t most = vnode->mount ? vnode->mount->size_limit : 0;
    uint64_t limit = current_process() ? process_limit(RLIMIT_FSIZE) : RLIM_INFINITY;

    if (!most || most > INT64_MAX)
        most = INT64_MAX;
    if (limit < most) {
        most = limit;
        if (offset >= most)
            signal_send(current_process(), SIGXFSZ);
    }
    if (offset >= most)
        return -EFBIG;
    return (long)(size < most - offset ? size : most - offset);
}

/* Write with the vnode locked. */
static long write_locked(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct vnode *vnode = file->vnode;
    size_t wanted = transfer->remaining;

    long size = writable_size(vnode, offset, wanted);
    if (size > 0)
        size = seal_check_write(vnode, offset, (size_t)size);
    if (size < 0)
        return size;
    int error = vfs_drop_privilege(vnode);
    if (error)
        return error;
    transfer->remaining = (size_t)size;
    long result = vnode->operations->write(vnode, offset, transfer);
    transfer->remaining += wanted - (size_t)size;
    return result;
}

static long regular_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct vnode *vnode = file->vnode;
    long result = 0;

    if (!vnode->operations->write)
        return -EINVAL;
    if (transfer->remaining == 0)
        return 0;
    mutex_lock(&vnode->lock);
    if (file->flags & O_APPEND)
        offset = vnode->object.size;
    result = write_locked(file, offset, transfer);
    /* write(2) with O_APPEND: the file's offset is behind what was written. */
    if (result > 0 && (file->flags & O_APPEND) && mutex_is_held(&file->offset_lock))
        file->offset = offset;
    mutex_unlock(&vnode->lock);
    if (result > 0 && (file->flags & O_DSYNC) && vnode->operations->sync) {
        int error = vnode->operations->sync(vnode, (file->flags & O_SYNC) != O_SYNC);
        if (error)
            return error;
    }
    return result;
}

static int regular_map(struct file *file, struct map_request *request)
{
    struct vnode *vnode = file->vnode;

    if (mount_is_no_exec(vnode->mount)) {
        if (request->access & ACCESS_EXECUTE)
            return -EPERM; /* mmap(2) */
        request->max_access &= ~ACCESS_EXECUTE;
    }
    if (vnode_is_sealed(vnode, SEALS_OF_WRITING) && (request->flags & MAPPING_SHARED)) {
        if (request->access & ACCESS_WRITE)
            return -EPERM;
        request->max_access &= ~ACCESS_WRITE;
    }
    request->object = &vnode->object;
    request->vnode = vnode;
    vfs_accessed(vnode);
    return 0;
}

const struct file_operations regular_operations = {
    .read = regular_read,
    .write = regular_write,
    .map = regular_map,
    .seekable = true,
};

static long directory_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    (void)file;
    (void)offset;
    (void)transfer;
    return -EISDIR;
}

const struct file_operations directory_operations = {
    .read = directory_read,
    .seekable = true,
};
