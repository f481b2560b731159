/*
 * Disks as files: /dev/vda is read, written and mapped through the pages of the block device's
 * object.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "dev/block.h"
#include "dev/loop.h"
#include "fs/devfs.h"
#include "fs/device.h"
#include "fs/special.h"
#include "fs/vnode.h"
#include "vm/aspace.h"

static long disk_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct block_device *device = file->state;
    return transfer->set_flags & O_NONBLOCK ? object_read_cached(&device->object, offset, transfer)
                                            : object_read(&device->object, offset, transfer);
}

static long disk_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct block_device *device = file->state;
    uint64_t size = device->object.size;
    size_t wanted = transfer->remaining;

    if (device->read_only)
        return -EPERM; /* a loop device that has been given another file */
    if (wanted == 0)
        return 0;
    if (offset >= size)
        return -ENOSPC;
    if (transfer->remaining > size - offset)
        transfer->remaining = size - offset;
    mutex_lock(&file->vnode->lock);
    size_t now = transfer->remaining;
    long result = object_write(&device->object, offset, transfer);
    mutex_unlock(&file->vnode->lock);
    transfer->remaining += wanted - now;
    if (result > 0 && (file->flags & O_DSYNC)) {
        int error = device_sync(file->vnode);
        if (error)
            return error;
    }
    return result;
}

static int disk_map(struct file *file, struct map_request *request)
{
    struct block_device *device = file->state;

    request->object = &device->object;
    request->vnode = file->vnode;
    return 0;
}

static long give(uint64_t address, const void *value, size_t size)
{
    return copy_to_user(address, value, size);
}

static void disk_release(struct file *file)
{
    block_let_go(file->state);
}

/* Of what sizes the disk is read and written best: all is a sector. */
static long give_size(unsigned request, uint64_t argument)
{
    uint32_t number = request == BLKIOOPT || request == BLKALIGNOFF ? 0 : SECTOR_SIZE;

    if (request == BLKBSZGET)
        number = PAGE_SIZE; /* what the cache reads */
    return give(argument, &number, sizeof(number));
}

static long disk_control(struct file *file, unsigned request, uint64_t argument)
{
    struct block_device *device = file->state;
    int read_only = device->read_only;

    switch (request) {
    case BLKGETSIZE64:
        return give(argument, &device->object.size, sizeof(device->object.size));
    case BLKGETSIZE:
        return give(argument, &device->sectors, sizeof(device->sectors));
    case BLKSSZGET:
    case BLKPBSZGET:
    case BLKBSZGET:
    case BLKIOMIN:
    case BLKIOOPT:
    case BLKALIGNOFF:
        return give_size(request, argument);
    case BLKROGET:
        return give(argument, &read_only, sizeof(read_only));
    case BLKFLSBUF:
        return credentials_capable(CAP_SYS_ADMIN) ? device_sync(file->vnode) : -EACCES;
    default:
        return block_is_loop(device) ? loop_control(device, request, argument) : -ENOTTY;
    }
}

static const struct file_operations disk_operations = {
    .read = disk_read,
    .write = disk_write,
    .control = disk_control,
    .map = disk_map,
    .release = disk_release,
    .direct = true,
    .seekable = true,
};

uint64_t device_size(const struct vnode *vnode)
{
    const struct block_device *device =
        vnode_type(vnode) == S_IFBLK ? block_find_number(vnode->device) : NULL;

    return device ? device->object.size : 0;
}

int block_device_open(struct vnode *vnode, struct file *file)
{
    struct block_device *device = block_find_number(vnode->device);

    if (!device)
        return -ENXIO;
    if (device->read_only && (file->flags & O_ACCMODE) != O_RDONLY)
        return -EACCES;
    block_hold(device);
    file->operations = &disk_operations;
    file->state = device;
    return 0;
}
