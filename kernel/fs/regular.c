/*
 * Open regular files and directories: read, write and map by way of the vnode's object.
 */
#include "fs/regular.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "core/process.h"
#include "dev/block.h"
#include "fs/inode_flags.h"
#include "fs/mount.h"
#include "fs/seal.h"
#include "fs/vfs.h"
#include "vm/aspace.h"

/*
 * O_DIRECT: what is written is on the device before the call returns; both ways by the page cache,
 * so that mappings and other opens of the file see the same. Everything must be aligned as the
 * device wants it, as on Linux; files in memory have no such wish.
 */
static bool is_direct(const struct file *file, const struct transfer *transfer)
{
    return (file_flags(file, transfer) & O_DIRECT) && file->vnode->volume->device;
}

static bool is_aligned(const struct transfer *transfer, uint64_t offset)
{
    uint64_t bits = offset | transfer->remaining;

    for (unsigned i = 0; i < transfer->count && !transfer->kernel; i++)
        bits |= transfer->pieces[i].address | transfer->pieces[i].size;
    return !(bits & (SECTOR_SIZE - 1));
}

/* With RWF_NOWAIT nothing waits for the device; files in memory, which have none, do not know the
 * flag, as Linux's do not. */
static long read_pages(struct vnode *vnode, uint64_t offset, struct transfer *transfer)
{
    if (!(transfer->set_flags & O_NONBLOCK))
        return object_read(&vnode->object, offset, transfer);
    if (transfer->remaining && !vnode->volume->device)
        return -EOPNOTSUPP;
    return object_read_cached(&vnode->object, offset, transfer);
}

static long regular_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct place place = file_place(file);

    if (is_direct(file, transfer) && !is_aligned(transfer, offset))
        return -EINVAL;
    long result = read_pages(place.vnode, offset, transfer);
    if (result > 0 && !(file->flags & O_NOATIME))
        vfs_accessed(&place);
    return result;
}

static int regular_borrow(struct file *file, uint64_t offset, size_t size,
                          struct page_piece *pieces, unsigned most)
{
    struct place place = file_place(file);
    int count = object_borrow(&place.vnode->object, offset, size, pieces, most);

    if (count > 0 && !(file->flags & O_NOATIME))
        vfs_accessed(&place);
    return count;
}

/*
 * How many of size bytes may be written at offset: for RLIMIT_FSIZE (setrlimit(2): SIGXFSZ is
 * sent), and for what the file system can hold. -EFBIG: none.
 */
static long writable_size(const struct vnode *vnode, uint64_t offset, size_t size)
{
    uint64_t most = vnode->volume ? vnode->volume->size_limit : 0;
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

/* Bring what was written to the device, as the flags ask for. */
static int write_through(struct file *file, uint64_t offset, size_t size, uint32_t flags,
                         bool direct)
{
    struct vnode *vnode = file->vnode;

    if ((flags & O_DSYNC) && vnode->operations->sync)
        return vnode->operations->sync(vnode, (flags & O_SYNC) != O_SYNC);
    return direct ? object_write_back(&vnode->object, offset, offset + size, true) : 0;
}

static long regular_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct vnode *vnode = file->vnode;
    bool synchronous = (vnode->volume->flags & MS_SYNCHRONOUS) || vnode_has_flag(vnode, FS_SYNC_FL);
    uint32_t flags = file_flags(file, transfer) | (synchronous ? O_SYNC : 0);
    bool append = flags & O_APPEND, direct = is_direct(file, transfer);

    if (!vnode->operations->write)
        return -EINVAL;
    if (transfer->remaining == 0)
        return 0;
    mutex_lock(&vnode->lock);
    if (append)
        offset = vnode->object.size;
    bool aligned = !direct || is_aligned(transfer, offset);
    long result = aligned ? write_locked(file, offset, transfer) : -EINVAL;
    /* write(2) with O_APPEND: the file's offset is behind what was written. */
    if (result > 0 && append && mutex_is_held(&file->offset_lock))
        file->offset = offset;
    mutex_unlock(&vnode->lock);
    if (result <= 0)
        return result;
    int error = write_through(file, offset, (size_t)result, flags, direct);
    return error ? error : result;
}

static int regular_map(struct file *file, struct map_request *request)
{
    struct place place = file_place(file);
    struct vnode *vnode = file->vnode;

    if (mount_has_flag(file->mount, MS_NOEXEC)) {
        if (request->access & ACCESS_EXECUTE)
            return -EPERM; /* mmap(2) */
        request->max_access &= ~ACCESS_EXECUTE;
    }
    if (vnode_is_sealed(vnode, SEALS_OF_WRITING) && (request->flags & MAPPING_SHARED)) {
        if (request->access & ACCESS_WRITE)
            return -EPERM;
        request->max_access &= ~ACCESS_WRITE;
    }
    if (vnode_has_flag(vnode, FS_APPEND_FL) && (request->flags & MAPPING_SHARED) &&
        (file->flags & O_ACCMODE) != O_RDONLY)
        return -EACCES; /* mmap(2) */
    request->object = &vnode->object;
    request->vnode = vnode;
    vfs_accessed(&place);
    return 0;
}

const struct file_operations regular_operations = {
    .read = regular_read,
    .read_nowait = true,
    .borrow = regular_borrow,
    .write = regular_write,
    .map = regular_map,
    .direct = true,
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
