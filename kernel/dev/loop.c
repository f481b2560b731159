/*
 * Loop devices; see loop.h.
 *
 * A request is queued by whoever submits it, perhaps with locks of a file system held, and
 * performed by a thread of the device, which reads and writes the file as any process does: through
 * its pages, with the locks of the file system that the file is in. The thread starts with the
 * first file, and stays.
 *
 *   submit:  queue, wake          thread: take, move the bytes, block_finish
 */
#include "dev/loop.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/vnode.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/page.h"
#include "vm/reclaim.h"

#define LOOPS          8
#define NAME_SIZE      8
#define FLAGS_SETTABLE LO_FLAGS_AUTOCLEAR

struct loop {
    struct block_device device;
    char name[NAME_SIZE];
    struct mutex lock;       /* of changes: the file, the size of the device */
    struct file *file;       /* (lock) and (queue_lock) referenced; NULL: none */
    struct loop_info64 info; /* (lock), offset: (queue_lock) as well */
    bool has_thread;         /* (lock) */
    struct spinlock queue_lock;
    struct list requests; /* (queue_lock) */
    struct wait_queue submitted;
};

static struct loop loops[LOOPS];

static struct loop *loop_of(struct block_device *device)
{
    return container_of(device, struct loop, device);
}

/* Requests */

static void finish(struct block_request *request, int error)
{
    uint64_t state = interrupts_disable();
    block_finish(request, error);
    interrupts_restore(state);
}

/* What a request comes to without a file: nothing is kept that a flush could write. */
static int result_without_file(const struct block_request *request)
{
    return request->operation == BLOCK_FLUSH ? 0 : -EIO;
}

/* Without a file there may be no thread. */
static void loop_submit(struct block_device *device, struct block_request *request)
{
    struct loop *loop = loop_of(device);

    spin_lock(&loop->queue_lock);
    bool attached = loop->file;
    if (attached)
        list_push_back(&loop->requests, &request->link);
    spin_unlock(&loop->queue_lock);
    if (attached)
        wake_all(&loop->submitted);
    else
        finish(request, result_without_file(request));
}

static bool has_request(struct loop *loop)
{
    spin_lock(&loop->queue_lock);
    bool found = !list_empty(&loop->requests);
    spin_unlock(&loop->queue_lock);
    return found;
}

/* The oldest one, of which there is one: nobody else takes any. */
static struct block_request *take_request(struct loop *loop)
{
    spin_lock(&loop->queue_lock);
    struct block_request *request = container_of(loop->requests.next, struct block_request, link);
    list_remove(&request->link);
    spin_unlock(&loop->queue_lock);
    return request;
}

/* Move a piece of a page; behind the end of the file are zeros. */
static int move_segment(struct vnode *vnode, bool write, uint64_t offset,
                        const struct block_segment *segment)
{
    char *data = (char *)page_data(segment->page) + segment->offset;
    struct transfer_piece piece;
    struct transfer transfer;
    long result;

    transfer_init(&transfer, &piece, (uint64_t)data, segment->length, true);
    if (write) {
        mutex_lock(&vnode->lock);
        result = vnode->operations->write(vnode, offset, &transfer);
        mutex_unlock(&vnode->lock);
        if (result == -ENOSPC)
            return -ENOSPC;
        return result == (long)segment->length ? 0 : -EIO;
    }
    result = object_read(&vnode->object, offset, &transfer);
    if (result >= 0)
        memset(data + result, 0, segment->length - (size_t)result);
    return result < 0 ? -EIO : 0;
}

static int perform(struct vnode *vnode, uint64_t start, const struct block_request *request)
{
    uint64_t offset = start + request->sector * SECTOR_SIZE;
    int error = 0;

    if (request->operation == BLOCK_FLUSH)
        return vnode->operations->sync ? vnode->operations->sync(vnode, false) : 0;
    for (unsigned i = 0; i < request->count && !error; i++) {
        error =
            move_segment(vnode, request->operation == BLOCK_WRITE, offset, &request->segments[i]);
        offset += request->segments[i].length;
    }
    return error;
}

/* The file, referenced, and where the device begins in it; NULL: there is none. Whoever changes it
 * may be waiting for this thread, so the mutex is not taken here. */
static struct file *take_file(struct loop *loop, uint64_t *start)
{
    spin_lock(&loop->queue_lock);
    struct file *file = loop->file;
    *start = loop->info.offset;
    if (file)
        file_reference(file);
    spin_unlock(&loop->queue_lock);
    return file;
}

static void loop_thread(void *argument)
{
    struct loop *loop = argument;

    reclaim_exempt_begin();
    for (;;) {
        uint64_t start;
        wait_event(&loop->submitted, has_request(loop)); /* asked more than once: takes nothing */
        struct block_request *request = take_request(loop);
        struct file *file = take_file(loop, &start);
        int error = file ? perform(file->vnode, start, request) : result_without_file(request);
        if (file)
            file_release(file);
        finish(request, error);
    }
}

/* Files */

/* Locked. */
static void set_file(struct loop *loop, struct file *file, const struct loop_info64 *info)
{
    spin_lock(&loop->queue_lock);
    loop->file = file;
    loop->info = *info;
    spin_unlock(&loop->queue_lock);
}

/* The size that the device has with its file. Locked. */
static uint64_t size_of(const struct loop *loop)
{
    uint64_t size = __atomic_load_n(&loop->file->vnode->object.size, __ATOMIC_RELAXED);

    size = size > loop->info.offset ? size - loop->info.offset : 0;
    if (loop->info.size_limit && loop->info.size_limit < size)
        size = loop->info.size_limit;
    return size & ~(uint64_t)(SECTOR_SIZE - 1);
}

/* Locked; -ENOMEM, -EIO: nothing has changed. */
static int set_size(struct loop *loop, uint64_t size)
{
    struct object *object = &loop->device.object;
    int error = 0;

    if (size < object->size)
        error = object_truncate(object, size);
    else
        object_grow(object, size);
    if (!error)
        __atomic_store_n(&loop->device.sectors, size / SECTOR_SIZE, __ATOMIC_RELAXED);
    return error;
}

/* Locked. The pages of the device are those of the file as it was: they go. */
static int forget_pages(struct loop *loop)
{
    (void)object_write_back(&loop->device.object, 0, UINT64_MAX, true);
    return set_size(loop, 0);
}

static int check_file(const struct loop *loop, const struct file *file)
{
    const struct vnode *vnode = file->vnode;

    if (loop->file)
        return -EBUSY;
    if (file->flags & O_PATH)
        return -EBADF;
    return vnode_type(vnode) == S_IFREG && vnode->operations->write ? 0 : -EINVAL;
}

static int start_thread(struct loop *loop)
{
    int error = loop->has_thread ? 0 : kernel_thread_start(loop->name, loop_thread, loop);

    loop->has_thread |= !error;
    return error;
}

int loop_attach(struct block_device *device, struct file *file, const struct loop_info64 *info)
{
    struct loop *loop = loop_of(device);

    mutex_lock(&loop->lock);
    int error = check_file(loop, file);
    if (!error)
        error = start_thread(loop);
    if (!error) {
        struct loop_info64 kept = *info;
        device->read_only =
            (file->flags & O_ACCMODE) == O_RDONLY || info->flags & LO_FLAGS_READ_ONLY;
        kept.flags &= FLAGS_SETTABLE;
        kept.flags |= device->read_only ? LO_FLAGS_READ_ONLY : 0;
        file_reference(file);
        set_file(loop, file, &kept);
        (void)set_size(loop, size_of(loop)); /* grows from 0 */
    }
    mutex_unlock(&loop->lock);
    return error;
}

/* Locked; nobody uses the device. */
static void detach_now(struct loop *loop)
{
    struct file *file = loop->file;

    if (forget_pages(loop))
        return; /* no memory: the next user to leave tries again */
    set_file(loop, NULL, &(struct loop_info64){0});
    loop->device.read_only = false;
    file_release(file);
}

int loop_detach(struct block_device *device)
{
    struct loop *loop = loop_of(device);
    int error = -ENXIO;

    mutex_lock(&loop->lock);
    if (loop->file) {
        loop->info.flags |= LO_FLAGS_AUTOCLEAR;
        error = 0;
        if (block_users(device) <= 1) /* who asks for it */
            detach_now(loop);
    }
    mutex_unlock(&loop->lock);
    return error;
}

/* The last one who used the device has gone. */
static void loop_unused(struct block_device *device)
{
    struct loop *loop = loop_of(device);

    mutex_lock(&loop->lock);
    if (loop->file && (loop->info.flags & LO_FLAGS_AUTOCLEAR) && block_users(device) == 0)
        detach_now(loop);
    mutex_unlock(&loop->lock);
}

int loop_status(struct block_device *device, struct loop_info64 *info)
{
    struct loop *loop = loop_of(device);
    int error = -ENXIO;

    mutex_lock(&loop->lock);
    if (loop->file) {
        const struct vnode *vnode = loop->file->vnode;
        *info = loop->info;
        info->device = vnode->volume ? vnode->volume->device_number : 0;
        info->inode = vnode->number;
        info->number = device_minor(device->number);
        error = 0;
    }
    mutex_unlock(&loop->lock);
    return error;
}

long loop_file_path(struct block_device *device, char *buffer, size_t size)
{
    uint64_t start;
    struct file *file = take_file(loop_of(device), &start);

    if (!file)
        return -ENOENT;
    struct place place = file_place(file);
    long length = place_path(&place, buffer, size);
    file_release(file);
    return length;
}

int loop_set_status(struct block_device *device, const struct loop_info64 *info)
{
    struct loop *loop = loop_of(device);
    int error = 0;

    mutex_lock(&loop->lock);
    if (!loop->file)
        error = -ENXIO;
    else if (info->offset != loop->info.offset)
        error = forget_pages(loop); /* another part of the file */
    if (!error) {
        uint32_t kept = loop->info.flags & ~(uint32_t)FLAGS_SETTABLE;
        struct loop_info64 changed = *info;
        changed.flags = kept | (info->flags & FLAGS_SETTABLE);
        set_file(loop, loop->file, &changed);
        error = set_size(loop, size_of(loop));
    }
    mutex_unlock(&loop->lock);
    return error;
}

int loop_set_capacity(struct block_device *device)
{
    struct loop *loop = loop_of(device);

    mutex_lock(&loop->lock);
    int error = loop->file ? set_size(loop, size_of(loop)) : -ENXIO;
    mutex_unlock(&loop->lock);
    return error;
}

int loop_find_free(void)
{
    for (int i = 0; i < LOOPS; i++) {
        mutex_lock(&loops[i].lock);
        bool is_free = !loops[i].file;
        mutex_unlock(&loops[i].lock);
        if (is_free)
            return i;
    }
    return -ENOSPC;
}

bool block_is_loop(const struct block_device *device)
{
    return device->submit == loop_submit;
}

void loop_init(void)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        struct loop *loop = &loops[i];
        format(loop->name, sizeof(loop->name), "loop%u", i);
        mutex_init(&loop->lock, "loop device", RANK_NONE);
        spin_init(&loop->queue_lock, "loop requests", RANK_DEVICE);
        list_init(&loop->requests);
        wait_queue_init(&loop->submitted, "loop requests");
        loop->device.name = loop->name;
        loop->device.number = device_number(LOOP_MAJOR, i);
        loop->device.submit = loop_submit;
        loop->device.unused = loop_unused;
        block_register(&loop->device);
    }
}
