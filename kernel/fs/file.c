/*
 * Open files.
 */
#include "fs/file.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/asynchronous.h"
#include "fs/file_lock.h"
#include "fs/lease.h"
#include "fs/mount.h"
#include "fs/notify.h"
#include "fs/epoll.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "vm/kmem.h"

static struct slab_cache file_cache;

void file_init(void)
{
    slab_cache_init(&file_cache, "file", sizeof(struct file), 8);
}

uint64_t file_count(void)
{
    return file_cache.in_use;
}

struct file *file_allocate(void)
{
    return slab_allocate_zeroed(&file_cache);
}

void file_discard(struct file *file)
{
    slab_free(&file_cache, file);
}

void file_begin(struct file *file, struct vnode *vnode, const struct file_operations *operations,
                uint32_t flags)
{
    file->operations = operations;
    file->vnode = vnode;
    file->references = 1;
    file->flags = flags;
    mutex_init(&file->offset_lock, "file offset", RANK_NONE); /* taken before any other lock */
    list_init(&file->watches);
    file->error_seen = object_error_sample(&vnode->object);
}

struct file *file_create(struct vnode *vnode, const struct file_operations *operations,
                         uint32_t flags)
{
    struct file *file = file_allocate();

    if (file)
        file_begin(file, vnode, operations, flags);
    return file;
}

/* The last reference is gone. */
static void file_end(struct file *file)
{
    if (file->counted)
        lease_forget(file);
    if (file->watched)
        epoll_forget(file);
    if (file->asynchronous)
        asynchronous_forget(file);
    if (file->opened)
        notify_file(file->vnode,
                    (file->flags & O_ACCMODE) == O_RDONLY ? IN_CLOSE_NOWRITE : IN_CLOSE_WRITE);
    if (file->operations->release)
        file->operations->release(file);
    file_lock_drop(file->vnode, LOCK_OF_FILE, file);
    file_lock_drop(file->vnode, LOCK_WHOLE, file);
    if (file->writer) {
        vnode_write_end(file->vnode);
        mount_write_end(file->mount);
    }
    if (file->counted)
        __atomic_fetch_sub(&file->vnode->opens, 1, __ATOMIC_RELEASE);
    vnode_release(file->vnode);
    mount_let_go(file->mount);
    file_discard(file);
}

bool file_try_reference(struct file *file)
{
    uint64_t count = __atomic_load_n(&file->references, __ATOMIC_RELAXED);

    while (count && !__atomic_compare_exchange_n(&file->references, &count, count + 1, true,
                                                 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        ;
    return count;
}

void file_release(struct file *file)
{
    if (__atomic_fetch_sub(&file->references, 1, __ATOMIC_ACQ_REL) == 1)
        file_end(file);
}

struct place file_place(const struct file *file)
{
    return (struct place){file->mount, file->vnode};
}

typedef long move_operation(struct file *file, uint64_t offset, struct transfer *transfer);

/* Read or write with the offset of the file, which moves. */
static long move_with_offset(struct file *file, struct transfer *transfer,
                             move_operation *operation)
{
    if (!file->operations->seekable)
        return operation(file, 0, transfer);
    mutex_lock(&file->offset_lock);
    long result = operation(file, file->offset, transfer);
    if (result > 0)
        file->offset += (uint64_t)result;
    mutex_unlock(&file->offset_lock);
    return result;
}

/* May the operation be used, at an offset (NULL: the file's own)? refused: the mode without it. */
static int check_move(const struct file *file, uint32_t refused, move_operation *operation,
                      const uint64_t *offset)
{
    if (file->flags & O_PATH)
        return -EBADF;
    if (offset && !file->operations->seekable)
        return -ESPIPE;
    if ((file->flags & O_ACCMODE) == refused)
        return -EBADF;
    return operation ? 0 : -EINVAL;
}

/* Bytes were moved, as read(2) or write(2) do it: the result is passed on. */
static long moved(struct file *file, long result, unsigned event)
{
    if (result > 0)
        notify_file(file->vnode, event);
    return result;
}

long file_read(struct file *file, struct transfer *transfer, uint64_t *offset)
{
    int error = check_move(file, O_WRONLY, file->operations->read, offset);
    if (error)
        return error;
    if (!offset)
        return moved(file, move_with_offset(file, transfer, file->operations->read), IN_ACCESS);
    long result = file->operations->read(file, *offset, transfer);
    if (result > 0)
        *offset += (uint64_t)result;
    return moved(file, result, IN_ACCESS);
}

int file_borrow(struct file *file, uint64_t offset, size_t size, struct page_piece *pieces,
                unsigned most)
{
    int error = check_move(file, O_WRONLY, file->operations->read, &offset);
    if (error)
        return error;
    int count = file->operations->borrow(file, offset, size, pieces, most);
    return (int)moved(file, count, IN_ACCESS);
}

long file_write(struct file *file, struct transfer *transfer, uint64_t *offset)
{
    int error = check_move(file, O_RDONLY, file->operations->write, offset);
    if (error)
        return error;
    if (!offset)
        return moved(file, move_with_offset(file, transfer, file->operations->write), IN_MODIFY);
    long result = file->operations->write(file, *offset, transfer);
    if (result > 0)
        *offset += (uint64_t)result;
    return moved(file, result, IN_MODIFY);
}
