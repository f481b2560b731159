/*
 * The types of file systems, and what is mounted at boot.
 */
#include "abi/errno.h"
#include "core/panic.h"
#include "core/printk.h"
#include "dev/block.h"
#include "dev/fdt.h"
#include "fs/anonymous.h"
#include "fs/devfs.h"
#include "fs/devpts.h"
#include "fs/epoll.h"
#include "fs/event.h"
#include "fs/ext/ext.h"
#include "fs/file.h"
#include "fs/file_lock.h"
#include "fs/lease.h"
#include "fs/memory_file.h"
#include "fs/mount_internal.h"
#include "fs/name_cache.h"
#include "fs/notify.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/pseudo.h"
#include "fs/signal_file.h"
#include "fs/socket.h"
#include "fs/sysfs.h"
#include "fs/timer_file.h"
#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "lib/format.h"
#include "lib/string.h"

#define DEVICE_NAME_SIZE 64

static struct list types = LIST_INITIALIZER(types); /* complete before the first process */

void file_systems_init(void)
{
    mounts_init();
    name_cache_init();
    vnode_cache_init();
    file_init();
    file_locks_init();
    leases_init();
    anonymous_init();
    epoll_init();
    event_init();
    timer_files_init();
    notify_init();
    signal_files_init();
    rename_init();
    pipe_init();
    socket_init();
    ext_init();
    tmpfs_init();
    devfs_init();
    devpts_init();
    pseudo_init();
    procfs_init();
    sysfs_init();
    memory_files_init();
}

void file_system_register(struct file_system *type)
{
    list_push_back(&types, &type->link);
}

const struct file_system *file_system_next(const struct file_system *previous)
{
    struct list *link = previous ? previous->link.next : types.next;
    return link == &types ? NULL : container_of(link, struct file_system, link);
}

const struct file_system *file_system_find(const char *name)
{
    list_for_each (link, &types) {
        struct file_system *type = container_of(link, struct file_system, link);
        if (!strcmp(type->name, name))
            return type;
    }
    return NULL;
}

/* The disk named by root= (a name as "vda", or a path in /dev), or the first one. */
static struct block_device *root_device(char *name, size_t size)
{
    struct block_device *device = NULL;

    if (boot_argument("root", name, size))
        device = block_find(!strncmp(name, "/dev/", 5) ? name + 5 : name);
    else
        device = block_next(NULL);
    if (device)
        format(name, size, "/dev/%s", device->name);
    return device;
}

void mount_root(void)
{
    char name[DEVICE_NAME_SIZE];
    struct block_device *device = root_device(name, sizeof(name));

    if (!device)
        panic("no disk for the root file system");
    if (!mount_make_root("ext2", device, name))
        panic("cannot mount %s as the root file system", name);
    int error = path_mount("devtmpfs", "/dev", "devtmpfs", 0, "");
    if (!error)
        error = path_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                           "gid=5,mode=620,ptmxmode=666");
    if (error && error != -ENOENT)
        printk("cannot mount /dev or /dev/pts: error %d\n", -error);
}
