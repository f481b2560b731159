/*
 * Mounting: mount(2), and the list of mounts.
 */
#include "fs/mount_internal.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "core/process.h"
#include "dev/block.h"
#include "fs/path.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* Flags that stay with a mount; others only direct the call. */
#define KEPT_FLAGS                                                                                 \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME | MS_NODIRATIME |  \
     MS_STRICTATIME)
#define UNSUPPORTED_FLAGS (MS_MOVE | MS_SHARED | MS_SLAVE | MS_UNBINDABLE)

struct mutex mount_lock;
struct list mount_list = LIST_INITIALIZER(mount_list);
static struct mount *root_mount; /* constant after boot */
static unsigned next_id = 1;     /* (mount_lock) */
static uint32_t next_minor = 1;  /* (mount_lock) of the device numbers of mounts without a device */

void mounts_init(void)
{
    mutex_init(&mount_lock, "mounts", RANK_NONE);
}

struct place mount_root_place(void)
{
    vnode_reference(root_mount->root);
    return (struct place){root_mount, root_mount->root};
}

static bool device_is_mounted(const struct block_device *device)
{
    list_for_each (link, &mount_list) {
        if (container_of(link, struct mount, link)->device == device)
            return true;
    }
    return false;
}

unsigned mount_next_id(void)
{
    return next_id++;
}

/* Begin to use a file system; nobody can find it yet. mount_lock held. */
static int mount_create(const struct file_system *type, struct block_device *device,
                        const char *source, uint64_t flags, const char *options,
                        struct mount **result)
{
    struct mount *mount = kmalloc_zeroed(sizeof(*mount));

    if (!mount)
        return -ENOMEM;
    mount->type = type;
    mount->id = mount_next_id();
    mount->device = device;
    mount->device_number = device ? device->number : device_number(0, next_minor++);
    mount->flags = flags & KEPT_FLAGS;
    if (device && device->read_only)
        mount->flags |= MS_RDONLY;
    string_copy(mount->source, source, sizeof(mount->source));
    int error = type->mount(mount, options);
    if (error) {
        kfree(mount);
        return error;
    }
    if (device)
        block_hold(device);
    *result = mount;
    return 0;
}

struct mount *mount_nowhere(const char *type, const char *options)
{
    struct mount *mount = NULL;

    mutex_lock(&mount_lock);
    mount_create(file_system_find(type), NULL, type, 0, options, &mount);
    mutex_unlock(&mount_lock);
    return mount;
}

/* Mount a file system of this type on a place (its references are taken over on success; NULL: the
 * root of all). mount_lock held. */
static int mount_on(const struct file_system *type, struct block_device *device, const char *source,
                    const char *target, uint64_t flags, const char *options,
                    const struct place *place, struct mount **result)
{
    if (device && device_is_mounted(device))
        return -EBUSY;
    int error = mount_create(type, device, source, flags, options, result);
    if (error)
        return error;
    string_copy((*result)->target, target, sizeof((*result)->target));
    list_push_back(&mount_list, &(*result)->link);
    error = place ? mount_cover(*result, place) : 0;
    if (error)
        mount_drop(*result);
    return error;
}

int mount_make_root(const char *type, struct block_device *device, const char *source)
{
    mutex_lock(&mount_lock);
    int error = mount_on(file_system_find(type), device, source, "/", 0, "", NULL, &root_mount);
    mutex_unlock(&mount_lock);
    return error;
}

/* The disk that a path names: 0, -ENOTBLK, -ENXIO. */
static int find_device(const char *path, struct block_device **device)
{
    struct vnode *vnode;
    int error = path_lookup(NULL, path, PATH_FOLLOW, &vnode);

    if (error)
        return error;
    if (vnode_type(vnode) != S_IFBLK)
        error = -ENOTBLK;
    else if (!(*device = block_find_number(vnode->device)))
        error = -ENXIO;
    vnode_release(vnode);
    return error;
}

int mount_of_root(const struct place *place, struct mount **mount)
{
    struct mount *shown_by = place->mount;

    if (!shown_by || shown_by->root != place->vnode || shown_by->detached)
        return -EINVAL;
    *mount = shown_by;
    return 0;
}

/* The mount whose root is at the path. mount_lock held. */
static int find_mount(const char *target, struct mount **mount)
{
    struct place place;
    int error = path_lookup_place(NULL, target, PATH_FOLLOW, &place);

    if (error)
        return error;
    error = mount_of_root(&place, mount);
    place_release(&place);
    return error;
}

static int remount(const char *target, uint64_t flags, const char *options)
{
    struct mount *mount;
    int error = flags & MS_BIND ? -EINVAL : find_mount(target, &mount);

    if (error)
        return error;
    if (mount->base)
        mount = mount->base;
    flags &= KEPT_FLAGS;
    if (mount->device && mount->device->read_only && !(flags & MS_RDONLY))
        return -EROFS;
    if ((flags & ~mount->flags & MS_RDONLY) && vnode_cache_has_writers(mount))
        return -EBUSY;
    if (*options)
        error =
            mount->operations->configure ? mount->operations->configure(mount, options) : -EINVAL;
    if (!error && ((mount->flags ^ flags) & MS_RDONLY) && mount->operations->remount) {
        error = mount_sync(mount);
        if (!error)
            error = mount->operations->remount(mount, flags);
    }
    if (!error)
        __atomic_store_n(&mount->flags, flags, __ATOMIC_RELAXED);
    return error;
}

void mount_name_place(const struct place *place, const char *text, char path[MOUNT_NAME_SIZE])
{
    if (place_path(place, path, MOUNT_NAME_SIZE) < 0)
        string_copy(path, text, MOUNT_NAME_SIZE);
}

/* Mount a file system of the type on a place, whose references are taken over on success.
 * mount_lock held. */
static int mount_at(const char *source, const char *target, const char *type_name, uint64_t flags,
                    const char *options, const struct place *place)
{
    const struct file_system *type = file_system_find(type_name);
    struct block_device *device = NULL;
    char path[MOUNT_NAME_SIZE];
    struct mount *mount;

    if (!type)
        return -ENODEV;
    int error = type->needs_device ? find_device(source, &device) : 0;
    if (!error)
        error = mount_check_point(place);
    if (error)
        return error;
    if (vnode_type(place->vnode) != S_IFDIR)
        return -ENOTDIR;
    mount_name_place(place, target, path);
    return mount_on(type, device, source, path, flags, options, place, &mount);
}

/* Mount a file system on a path. mount_lock held. */
static int mount_new(const char *source, const char *target, const char *type_name, uint64_t flags,
                     const char *options)
{
    struct place place;
    int error = path_lookup_place(NULL, target, PATH_FOLLOW, &place);

    if (error)
        return error;
    place = mount_enter(place); /* on top of what may be there */
    error = mount_at(source, target, type_name, flags, options, &place);
    if (error)
        place_release(&place);
    return error;
}

/* Mounts are not passed on to others here: MS_PRIVATE is what they are. */
static int make_private(const char *target)
{
    struct mount *mount;

    return find_mount(target, &mount);
}

int path_mount(const char *source, const char *target, const char *type_name, uint64_t flags,
               const char *options)
{
    int error;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & UNSUPPORTED_FLAGS)
        return -EINVAL;
    mutex_lock(&mount_lock);
    mount_reap_detached();
    if (flags & MS_REMOUNT)
        error = remount(target, flags, options);
    else if (flags & MS_BIND)
        error = mount_bind(source, target, flags & MS_REC);
    else if (flags & MS_PRIVATE)
        error = make_private(target);
    else
        error = mount_new(source, target, type_name, flags, options);
    mutex_unlock(&mount_lock);
    return error;
}

/* Everything that is dirty in memory goes to the stores, or to what holds their metadata. */
static void write_back_vnodes(void)
{
    vnode_write_back_all(false);
    object_write_back_all(true);
    vnode_write_back_all(false); /* times that moved by writing, sizes of the last moment */
}

int mount_sync(struct mount *mount)
{
    write_back_vnodes();
    return mount->operations->sync ? mount->operations->sync(mount) : 0;
}

int mount_sync_all(void)
{
    int result = 0;

    write_back_vnodes();
    mutex_lock(&mount_lock);
    list_for_each (link, &mount_list) {
        struct mount *mount = container_of(link, struct mount, link);
        bool syncs = !mount->base && mount->operations->sync;
        int error = syncs ? mount->operations->sync(mount) : 0;
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
    for (struct list *link = mount_list.previous; link != &mount_list; link = link->previous) {
        struct mount *mount = container_of(link, struct mount, link);
        if (!mount->base && mount->operations->shut_down)
            mount->operations->shut_down(mount);
    }
    mutex_unlock(&mount_lock);
}

void mount_status(struct mount *mount, struct statfs *status)
{
    *status = (struct statfs){.block_size = PAGE_SIZE, .name_length = NAME_MAX};
    if (mount->operations->status)
        mount->operations->status(mount, status);
    if (!status->fragment_size)
        status->fragment_size = status->block_size;
    status->flags =
        ST_VALID | (mount->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME));
}

void mount_visit(mount_visitor *visit, void *context)
{
    mutex_lock(&mount_lock);
    list_for_each (link, &mount_list) {
        struct mount *mount = container_of(link, struct mount, link);
        struct mount *base = mount->base ? mount->base : mount;
        char options[MOUNT_OPTION_SIZE] = "";
        if (mount->detached)
            continue;
        if (base->operations->describe)
            base->operations->describe(base, options, sizeof(options));
        visit(mount, options, context);
    }
    mutex_unlock(&mount_lock);
}
