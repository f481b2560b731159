/*
 * Requests of ioctl(2) to loop devices, and to /dev/loop-control (loop(4)).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "dev/loop.h"
#include "fs/device.h"
#include "lib/string.h"

/* The sizes of sectors that may be asked for; those of the device stay as they are. */
static bool is_block_size(uint64_t size)
{
    return size >= SECTOR_SIZE && size <= PAGE_SIZE && !(size & (size - 1));
}

static long attach(struct block_device *device, int descriptor, const struct loop_info64 *info)
{
    struct file *file = file_get(descriptor);

    if (!file)
        return -EBADF;
    int error = loop_attach(device, file, info);
    file_release(file);
    return error;
}

static long configure(struct block_device *device, uint64_t argument)
{
    struct loop_config config;

    if (copy_from_user(&config, argument, sizeof(config)))
        return -EFAULT;
    if (config.block_size && !is_block_size(config.block_size))
        return -EINVAL;
    return attach(device, (int)config.descriptor, &config.info);
}

static long get_status(struct block_device *device, uint64_t argument)
{
    struct loop_info64 info;
    int error = loop_status(device, &info);

    return error ? error : copy_to_user(argument, &info, sizeof(info));
}

static long set_status(struct block_device *device, uint64_t argument)
{
    struct loop_info64 info;

    return copy_from_user(&info, argument, sizeof(info)) ? -EFAULT : loop_set_status(device, &info);
}

static long get_old_status(struct block_device *device, uint64_t argument)
{
    struct loop_info64 info;
    int error = loop_status(device, &info);

    if (error)
        return error;
    if (info.offset > INT32_MAX)
        return -EOVERFLOW;
    struct loop_info old = {.number = (int32_t)info.number,
                            .device = (uint32_t)info.device,
                            .inode = info.inode,
                            .offset = (int32_t)info.offset,
                            .flags = (int32_t)info.flags};
    memcpy(old.name, info.name, sizeof(old.name));
    return copy_to_user(argument, &old, sizeof(old));
}

static long set_old_status(struct block_device *device, uint64_t argument)
{
    struct loop_info64 info = {0};
    struct loop_info old;

    if (copy_from_user(&old, argument, sizeof(old)))
        return -EFAULT;
    info.offset = (uint64_t)old.offset;
    info.flags = (uint32_t)old.flags;
    memcpy(info.name, old.name, sizeof(info.name));
    return loop_set_status(device, &info);
}

long loop_control(struct block_device *device, unsigned request, uint64_t argument)
{
    static const struct loop_info64 whole;

    switch (request) {
    case LOOP_SET_FD:
        return attach(device, (int)argument, &whole);
    case LOOP_CONFIGURE:
        return configure(device, argument);
    case LOOP_CLR_FD:
        return loop_detach(device);
    case LOOP_GET_STATUS64:
        return get_status(device, argument);
    case LOOP_SET_STATUS64:
        return set_status(device, argument);
    case LOOP_GET_STATUS:
        return get_old_status(device, argument);
    case LOOP_SET_STATUS:
        return set_old_status(device, argument);
    case LOOP_SET_CAPACITY:
        return loop_set_capacity(device);
    default:
        return -ENOTTY;
    }
}

static long control(struct file *file, unsigned request, uint64_t argument)
{
    (void)file;
    (void)argument;
    return request == LOOP_CTL_GET_FREE ? loop_find_free() : -ENOSYS;
}

const struct file_operations loop_control_operations = {.control = control};
