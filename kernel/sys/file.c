/*
 * System calls that open files and move their bytes.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/uio.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/pipe.h"
#include "fs/special.h"
#include "sys/at.h"
#include "sys/buffers.h"
#include "sys/table.h"
#include "vm/kmem.h"
#include "vm/page.h"

static long open_at(int directory, uint64_t path, const struct open_how *how)
{
    struct file *file = NULL;
    struct at at;
    int error = at_begin(&at, directory, path);

    if (!error && (how->resolve & RESOLVE_IN_ROOT))
        error = at_take_directory(&at, directory);
    if (error)
        return error;
    /* Without a descriptor, no file may be made. */
    int descriptor = file_reserve(how->flags & O_CLOEXEC);
    error = descriptor;
    if (descriptor >= 0) {
        error = path_open_resolving(at.directory, at.path, how, &file);
        file_fill(descriptor, file);
    }
    at_end(&at);
    return error < 0 ? error : descriptor;
}

long sys_openat(const uint64_t argument[6])
{
    struct open_how how = {.flags = (uint32_t)argument[2], .mode = (uint32_t)argument[3]};

    return open_at((int)argument[0], argument[1], &how);
}

/* Copy the structure, of which a later version may be longer: what is not known must be 0. */
static int take_how(uint64_t address, uint64_t size, struct open_how *how)
{
    uint64_t word = 0;

    if (size < sizeof(*how))
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (copy_from_user(how, address, sizeof(*how)))
        return -EFAULT;
    for (uint64_t done = sizeof(*how); done < size; done += sizeof(word)) {
        size_t now = size - done < sizeof(word) ? size - done : sizeof(word);
        if (copy_from_user(&word, address + done, now))
            return -EFAULT;
        if (word)
            return -E2BIG;
    }
    return 0;
}

/* openat2(2) is strict where openat(2) ignores. */
static int check_how(const struct open_how *how)
{
    const uint64_t known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                           O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_NOFOLLOW |
                           O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE;
    const uint64_t with_path = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const uint64_t both = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    bool unnamed = (how->flags & O_TMPFILE) == O_TMPFILE;
    bool makes = (how->flags & O_CREAT) || unnamed;

    if ((how->flags & ~known) || ((how->flags & O_PATH) && (how->flags & ~with_path)))
        return -EINVAL;
    if ((how->resolve & ~(uint64_t)0x3f) || (how->resolve & both) == both)
        return -EINVAL;
    if (makes ? how->mode & ~(uint64_t)07777 : how->mode)
        return -EINVAL;
    /* Nothing is promised to be found without waiting. */
    return how->resolve & RESOLVE_CACHED ? -EAGAIN : 0;
}

long sys_openat2(const uint64_t argument[6])
{
    struct open_how how;
    int error = take_how(argument[2], argument[3], &how);

    if (!error)
        error = check_how(&how);
    return error ? error : open_at((int)argument[0], argument[1], &how);
}

long sys_close(const uint64_t argument[6])
{
    return file_close((int)argument[0]);
}

typedef long move_function(struct file *file, struct transfer *transfer, uint64_t *offset);

/* The result of a read or a write, counted unless there was no file to read or write. */

static long count_read(long result)
{
    if (result != -EBADF)
        traffic_count_read(&current_thread()->traffic, result);
    return result;
}

static long count_write(long result)
{
    if (result != -EBADF)
        traffic_count_write(&current_thread()->traffic, result);
    return result;
}

/* Move with the buffers, which are given up. error: from making them. */
static long move(int descriptor, struct buffers *buffers, int error, move_function *function,
                 uint64_t *offset)
{
    struct file *file = file_get(descriptor);
    long result = error;

    if (!file)
        result = -EBADF;
    else if (!error && offset && (int64_t)*offset < 0)
        result = -EINVAL;
    else if (!error)
        result = function(file, &buffers->transfer, offset);
    if (file)
        file_release(file);
    if (!error)
        buffers_release(buffers);
    return result;
}

long sys_read(const uint64_t argument[6])
{
    struct buffers buffers;
    int error = buffers_one(&buffers, argument[1], argument[2]);

    return count_read(move((int)argument[0], &buffers, error, file_read, NULL));
}

long sys_write(const uint64_t argument[6])
{
    struct buffers buffers;
    int error = buffers_one(&buffers, argument[1], argument[2]);

    return count_write(move((int)argument[0], &buffers, error, file_write, NULL));
}

long sys_pread64(const uint64_t argument[6])
{
    struct buffers buffers;
    uint64_t offset = argument[3];
    int error = buffers_one(&buffers, argument[1], argument[2]);

    return count_read(move((int)argument[0], &buffers, error, file_read, &offset));
}

long sys_pwrite64(const uint64_t argument[6])
{
    struct buffers buffers;
    uint64_t offset = argument[3];
    int error = buffers_one(&buffers, argument[1], argument[2]);

    return count_write(move((int)argument[0], &buffers, error, file_write, &offset));
}

long sys_readv(const uint64_t argument[6])
{
    struct buffers buffers;
    int error = buffers_several(&buffers, argument[1], argument[2]);

    return count_read(move((int)argument[0], &buffers, error, file_read, NULL));
}

long sys_writev(const uint64_t argument[6])
{
    struct buffers buffers;
    int error = buffers_several(&buffers, argument[1], argument[2]);

    return count_write(move((int)argument[0], &buffers, error, file_write, NULL));
}

long sys_preadv(const uint64_t argument[6])
{
    struct buffers buffers;
    uint64_t offset = argument[3];
    int error = buffers_several(&buffers, argument[1], argument[2]);

    return count_read(move((int)argument[0], &buffers, error, file_read, &offset));
}

long sys_pwritev(const uint64_t argument[6])
{
    struct buffers buffers;
    uint64_t offset = argument[3];
    int error = buffers_several(&buffers, argument[1], argument[2]);

    return count_write(move((int)argument[0], &buffers, error, file_write, &offset));
}

int buffers_set_flags(struct buffers *buffers, const struct file *file, unsigned flags, bool write)
{
    struct transfer *transfer = &buffers->transfer;
    bool nowait = write ? file->operations->write_nowait : file->operations->read_nowait;

    if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND))
        return -EOPNOTSUPP;
    if ((flags & RWF_APPEND) && (flags & RWF_NOAPPEND))
        return -EINVAL;
    if ((flags & RWF_NOWAIT) && !nowait)
        return -EOPNOTSUPP;
    if (flags & RWF_NOWAIT)
        transfer->set_flags |= O_NONBLOCK;
    if (flags & RWF_DSYNC)
        transfer->set_flags |= O_DSYNC;
    if (flags & RWF_SYNC)
        transfer->set_flags |= O_SYNC;
    if (flags & RWF_APPEND)
        transfer->set_flags |= O_APPEND;
    if (flags & RWF_NOAPPEND)
        transfer->clear_flags |= O_APPEND;
    return 0;
}

/* The same with the file at a descriptor, if there is one. */
static int set_flags(struct buffers *buffers, int descriptor, unsigned flags, bool write)
{
    struct file *file = file_get(descriptor);
    int error = 0;

    if (file) {
        error = buffers_set_flags(buffers, file, flags, write);
        file_release(file);
    }
    return error;
}

static long move_with_flags(const uint64_t argument[6], bool write)
{
    struct buffers buffers;
    uint64_t offset = argument[3];
    int error = buffers_several(&buffers, argument[1], argument[2]);

    if (!error) {
        error = set_flags(&buffers, (int)argument[0], (unsigned)argument[5], write);
        if (error)
            buffers_release(&buffers);
    }
    long result = move((int)argument[0], &buffers, error, write ? file_write : file_read,
                       offset == UINT64_MAX ? NULL : &offset);
    return write ? count_write(result) : count_read(result);
}

long sys_preadv2(const uint64_t argument[6])
{
    return move_with_flags(argument, false);
}

long sys_pwritev2(const uint64_t argument[6])
{
    return move_with_flags(argument, true);
}

/* The largest offset that a file may be set to. */
static int64_t seek_limit(const struct vnode *vnode)
{
    uint64_t limit = vnode_type(vnode) == S_IFREG && vnode->volume ? vnode->volume->size_limit : 0;
    return limit ? (int64_t)limit : INT64_MAX;
}

/* The next data or hole from offset on: lseek(2). */
static int64_t seek_hole(struct vnode *vnode, int64_t offset, int64_t size, bool hole)
{
    uint64_t found;

    if (offset < 0 || offset >= size)
        return -ENXIO;
    if (!vnode->operations->seek || vnode_type(vnode) != S_IFREG)
        return hole ? size : offset;
    mutex_lock(&vnode->lock);
    int error = -ENXIO;
    if ((uint64_t)offset < vnode->object.size)
        error = vnode->operations->seek(vnode, (uint64_t)offset, hole, &found);
    mutex_unlock(&vnode->lock);
    return error ? error : (int64_t)found;
}

/* Where lseek(2) goes: the new offset or an error. */
static int64_t seek_target(const struct file *file, int64_t offset, int whence)
{
    struct vnode *vnode = file->vnode;
    int64_t size = (int64_t)__atomic_load_n(&vnode->object.size, __ATOMIC_RELAXED), base = 0;

    if (vnode_type(vnode) == S_IFCHR)
        return 0; /* as Linux's memory devices */
    if (vnode_type(vnode) == S_IFBLK)
        size = (int64_t)device_size(vnode);
    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        base = (int64_t)file->offset;
        break;
    case SEEK_END:
        base = size;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        return seek_hole(vnode, offset, size, whence == SEEK_HOLE);
    default:
        return -EINVAL;
    }
    if (offset > 0 ? base > INT64_MAX - offset : base + offset < 0)
        return -EINVAL;
    return base + offset <= seek_limit(vnode) ? base + offset : -EINVAL;
}

long sys_lseek(const uint64_t argument[6])
{
    struct file *file;
    int64_t result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    if (file->operations->seekable) {
        mutex_lock(&file->offset_lock);
        result = seek_target(file, (int64_t)argument[1], (int)argument[2]);
        if (result >= 0)
            file->offset = (uint64_t)result;
        mutex_unlock(&file->offset_lock);
    } else {
        result = file->operations->stays ? 0 : -ESPIPE;
    }
    file_release(file);
    return result;
}
