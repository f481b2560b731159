/*
 * devtmpfs, and devices by their numbers (fs/special.h). The numbers are Linux's (its
 * "admin-guide/devices").
 */
#include "fs/devfs.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "dev/block.h"
#include "dev/console.h"
#include "fs/device.h"
#include "fs/devpts.h"
#include "fs/special.h"
#include "fs/tmpfs.h"
#include "lib/string.h"

#define MEMORY_MAJOR   1
#define TERMINAL_MAJOR 4
#define CONSOLE_MAJOR  5
#define MISCELLANEOUS  10
#define SLAVE_MAJOR    136
#define SLAVE_MAJORS   8

static const struct character_device {
    const char *name;
    uint32_t major, minor, mode;
    const struct file_operations *operations; /* NULL: a terminal */
} character_devices[] = {
    {"null", MEMORY_MAJOR, 3, 0666, &null_operations},
    {"zero", MEMORY_MAJOR, 5, 0666, &zero_operations},
    {"full", MEMORY_MAJOR, 7, 0666, &full_operations},
    {"random", MEMORY_MAJOR, 8, 0666, &random_operations},
    {"urandom", MEMORY_MAJOR, 9, 0666, &random_operations},
    {"tty", CONSOLE_MAJOR, 0, 0666, NULL},
    {"console", CONSOLE_MAJOR, 1, 0600, NULL},
    {"ptmx", CONSOLE_MAJOR, 2, 0666, NULL},
    {"loop-control", MISCELLANEOUS, 237, 0660, &loop_control_operations},
    {"ttyS0", TERMINAL_MAJOR, 64, 0620, NULL},
};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Opening */

static int open_terminal(const struct character_device *device, struct file *file)
{
    if (device->major == CONSOLE_MAJOR && device->minor == 0)
        return terminal_open_controlling(file);
    if (device->major == CONSOLE_MAJOR && device->minor == 2)
        return devpts_open_master(file);
    return console_open(file, device->major == TERMINAL_MAJOR);
}

/* Is it a node of a slave that is not in a devpts? It has no pair. */
static bool is_slave(uint64_t device)
{
    return device_major(device) - SLAVE_MAJOR < SLAVE_MAJORS;
}

static int open_character(struct vnode *vnode, struct file *file)
{
    if (is_slave(vnode->device))
        return -EIO;
    for (size_t i = 0; i < COUNT(character_devices); i++) {
        const struct character_device *device = &character_devices[i];
        if (vnode->device != device_number(device->major, device->minor))
            continue;
        if (!device->operations)
            return open_terminal(device, file);
        file->operations = device->operations;
        return 0;
    }
    return -ENXIO;
}

int device_open(struct vnode *vnode, struct file *file)
{
    if (vnode_type(vnode) == S_IFBLK)
        return block_device_open(vnode, file);
    return vnode_type(vnode) == S_IFCHR ? open_character(vnode, file) : -ENXIO;
}

int device_sync(struct vnode *vnode)
{
    struct block_device *device = block_find_number(vnode->device);
    int error;

    if (!device)
        return -ENXIO;
    error = object_write_back(&device->object, 0, UINT64_MAX, true);
    return error ? error : block_flush(device);
}

/* Mounting */

/* Make a node in the root directory. */
static int add(struct vnode *root, const char *text, uint32_t mode, uint64_t device,
               const char *target)
{
    struct name name = {text, (uint32_t)strlen(text)};
    struct creation creation = {.mode = mode, .device = device, .target = target};
    struct vnode *vnode;

    mutex_lock(&root->lock);
    int error = root->operations->create(root, &name, &creation, &vnode);
    mutex_unlock(&root->lock);
    if (!error)
        vnode_release(vnode);
    return error;
}

static int add_all(struct vnode *root)
{
    struct block_device *disk = NULL;
    int error = add(root, "shm", S_IFDIR | S_ISVTX | 0777, 0, NULL);

    if (!error)
        error = add(root, "pts", S_IFDIR | 0755, 0, NULL);
    for (size_t i = 0; i < COUNT(character_devices) && !error; i++) {
        const struct character_device *device = &character_devices[i];
        error = add(root, device->name, S_IFCHR | device->mode,
                    device_number(device->major, device->minor), NULL);
    }
    while (!error && (disk = block_next(disk)))
        error = add(root, disk->name, S_IFBLK | 0660, disk->number, NULL);
    for (size_t i = 0; i < COUNT(links) && !error; i++)
        error = add(root, links[i].name, S_IFLNK | 0777, 0, links[i].target);
    return error;
}

static int devfs_mount(struct volume *volume, const char *options)
{
    int error = tmpfs_mount(volume, 0755, options);

    if (error)
        return error;
    error = add_all(volume->root);
    if (error)
        tmpfs_abandon(volume);
    return error;
}

void devfs_init(void)
{
    static struct file_system type = {.name = "devtmpfs", .single = true, .mount = devfs_mount};

    file_system_register(&type);
}
