/*
 * Volumes: their making, their end, and writing them to their devices (volume.h).
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "dev/block.h"
#include "fs/mount_internal.h"
#include "fs/name_cache.h"
#include "vm/kmem.h"

static struct list volumes = LIST_INITIALIZER(volumes); /* (mount_lock) oldest first */
static uint32_t next_minor = 1; /* (mount_lock) of the device numbers of those without a device */

/* The volume that another mount of the type, or the device, is to show as well; NULL: none. */
static struct volume *find(const struct file_system *type, const struct block_device *device)
{
    list_for_each (link, &volumes) {
        struct volume *volume = container_of(link, struct volume, link);
        if (device ? volume->device == device : type->single && volume->type == type)
            return volume;
    }
    return NULL;
}

static int create(const struct file_system *type, struct block_device *device, uint64_t flags,
                  const char *options, struct volume **result)
{
    struct volume *volume = kmalloc_zeroed(sizeof(*volume));

    if (!volume)
        return -ENOMEM;
    volume->type = type;
    volume->device = device;
    volume->device_number = device ? device->number : device_number(0, next_minor++);
    volume->flags = flags & VOLUME_FLAGS;
    list_init(&volume->mounts);
    int error = type->mount(volume, options);
    if (error) {
        kfree(volume);
        return error;
    }
    if (device)
        block_hold(device);
    list_push_back(&volumes, &volume->link);
    *result = volume;
    return 0;
}

int volume_get(const struct file_system *type, struct block_device *device, uint64_t flags,
               const char *options, struct volume **result)
{
    struct volume *volume = find(type, device);

    if (!volume && device && device->read_only && !(flags & MS_RDONLY))
        return -EACCES;
    if (!volume)
        return create(type, device, flags, options, result);
    if (device && (volume->type != type || ((volume->flags ^ flags) & MS_RDONLY)))
        return -EBUSY;
    *result = volume;
    return 0;
}

void volume_free(struct volume *volume)
{
    if (volume->operations->unmount)
        volume->operations->unmount(volume);
    if (volume->device)
        block_let_go(volume->device);
    list_remove(&volume->link);
    kfree(volume);
}

void volume_drop_unshown(struct volume *volume)
{
    if (!list_empty(&volume->mounts))
        return;
    vnode_cache_drop_volume(volume, NULL);
    volume_free(volume);
}

int volume_remount(struct volume *volume, uint64_t flags, const char *options)
{
    int error = 0;

    flags &= VOLUME_FLAGS;
    if (volume->device && volume->device->read_only && !(flags & MS_RDONLY))
        return -EACCES;
    if ((flags & ~volume->flags & MS_RDONLY) && vnode_cache_has_writers(volume))
        return -EBUSY;
    if (*options)
        error = volume->operations->configure ? volume->operations->configure(volume, options)
                                              : -EINVAL;
    if (!error && ((volume->flags ^ flags) & MS_RDONLY) && volume->operations->remount) {
        error = volume_sync(volume);
        if (!error)
            error = volume->operations->remount(volume, flags);
    }
    if (!error)
        __atomic_store_n(&volume->flags, flags, __ATOMIC_RELAXED);
    return error;
}

/* Everything that is dirty in memory goes to the stores, or to what holds their metadata. */
static void write_back_vnodes(void)
{
    vnode_write_back_all(false);
    object_write_back_all(true);
    vnode_write_back_all(false); /* times that moved by writing, sizes of the last moment */
}

int volume_sync(struct volume *volume)
{
    write_back_vnodes();
    return volume->operations->sync ? volume->operations->sync(volume) : 0;
}

int volume_sync_all(void)
{
    int result = 0;

    write_back_vnodes();
    mutex_lock(&mount_lock);
    list_for_each (link, &volumes) {
        struct volume *volume = container_of(link, struct volume, link);
        int error = volume->operations->sync ? volume->operations->sync(volume) : 0;
        if (!result)
            result = error;
    }
    mount_reap_detached();
    mutex_unlock(&mount_lock);
    return result;
}

void file_systems_shut_down(void)
{
    write_back_vnodes();
    mutex_lock(&mount_lock);
    for (struct list *link = volumes.previous; link != &volumes; link = link->previous) {
        struct volume *volume = container_of(link, struct volume, link);
        if (volume->operations->shut_down)
            volume->operations->shut_down(volume);
    }
    mutex_unlock(&mount_lock);
}
