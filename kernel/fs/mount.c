/*
 * Mounts and types of file systems.
 *
 * mount_lock serialises mounting and unmounting and keeps the list of mounts; it comes before all
 * other locks. What covers a directory is under vnode_cache_lock, so that path look-up enters a
 * mount with a reference to its root, or not at all.
 */
#include "fs/mount.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "core/printk.h"
#include "core/process.h"
#include "dev/block.h"
#include "dev/fdt.h"
#include "fs/devfs.h"
#include "fs/anonymous.h"
#include "fs/epoll.h"
#include "fs/event.h"
#include "fs/devpts.h"
#include "fs/ext/ext.h"
#include "fs/file.h"
#include "fs/file_lock.h"
#include "fs/memory_file.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/pseudo.h"
#include "fs/socket.h"
#include "fs/timer_file.h"
#include "fs/sysfs.h"
#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* Flags that stay with a mount; others only direct the call. */
#define KEPT_FLAGS                                                                                 \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_NOATIME | MS_NODIRATIME |  \
     MS_STRICTATIME)
#define UNSUPPORTED_FLAGS (MS_BIND | MS_MOVE | MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE)

static struct mutex mount_lock;
static struct list mounts = LIST_INITIALIZER(mounts); /* (mount_lock) oldest first */
static struct list types = LIST_INITIALIZER(types);   /* complete before the first process */
static struct mount *root_mount;                      /* constant after mount_root */
static unsigned next_id = 1;                          /* (mount_lock) */
static uint32_t next_minor = 1; /* (mount_lock) of the device numbers of mounts without a device */

void file_systems_init(void)
{
    mutex_init(&mount_lock, "mounts", RANK_NONE);
    name_cache_init();
    vnode_cache_init();
    file_init();
    file_locks_init();
    anonymous_init();
    epoll_init();
    event_init();
    timer_files_init();
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

static const struct file_system *find_type(const char *name)
{
    list_for_each (link, &types) {
        struct file_system *type = container_of(link, struct file_system, link);
        if (!strcmp(type->name, name))
            return type;
    }
    return NULL;
}

struct vnode *mount_root_vnode(void)
{
    vnode_reference(root_mount->root);
    return root_mount->root;
}

struct vnode *mount_enter(struct vnode *vnode)
{
    while (mount_covers(vnode)) {
        struct vnode *root = NULL;
        spin_lock(&vnode_cache_lock);
        if (vnode->mounted) {
            root = vnode->mounted->root;
            vnode_reference_locked(root);
        }
        spin_unlock(&vnode_cache_lock);
        if (!root)
            break;
        vnode_release(vnode);
        vnode = root;
    }
    return vnode;
}

static bool device_is_mounted(const struct block_device *device)
{
    list_for_each (link, &mounts) {
        if (container_of(link, struct mount, link)->device == device)
            return true;
    }
    return false;
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
    mount->id = next_id++;
    mount->device = device;
    mount->device_number = device ? device->number : device_number(0, next_minor++);
    mount->flags = flags & KEPT_FLAGS;
    if (device && device->read_only)
        mount->flags |= MS_RDONLY;
    string_copy(mount->source, source, sizeof(mount->source));
    int error = type->mount(mount, options);
    if (error)
        kfree(mount);
    else
        *result = mount;
    return error;
}

struct mount *mount_nowhere(const char *type, const char *options)
{
    struct mount *mount = NULL;

    mutex_lock(&mount_lock);
    mount_create(find_type(type), NULL, type, 0, options, &mount);
    mutex_unlock(&mount_lock);
    return mount;
}

/* Mount a file system of this type on covered (its reference is taken over on success; NULL: the
 * root of all). mount_lock held. */
static int mount_on(const struct file_system *type, struct block_device *device, const char *source,
                    const char *target, uint64_t flags, const char *options, struct vnode *covered,
                    struct mount **result)
{
    struct mount *mount;

    if (device && device_is_mounted(device))
        return -EBUSY;
    int error = mount_create(type, device, source, flags, options, &mount);
    if (error)
        return error;
    string_copy(mount->target, target, sizeof(mount->target));
    mount->covered = covered;
    list_push_back(&mounts, &mount->link);
    spin_lock(&vnode_cache_lock);
    if (covered)
        __atomic_store_n(&covered->mounted, mount, __ATOMIC_RELEASE);
    spin_unlock(&vnode_cache_lock);
    *result = mount;
    return 0;
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

/* The mount whose root the path names; lookup: PATH_FOLLOW or 0. mount_lock held. */
static int find_mount(const char *target, unsigned lookup, struct mount **mount)
{
    struct vnode *vnode;
    int error = path_lookup(NULL, target, lookup, &vnode);

    if (error)
        return error;
    *mount = vnode->mount;
    error = mount_is_root(vnode) ? 0 : -EINVAL;
    vnode_release(vnode);
    return error;
}

static int remount(const char *target, uint64_t flags, const char *options)
{
    struct mount *mount;
    int error = find_mount(target, PATH_FOLLOW, &mount);

    if (error)
        return error;
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

/* Mount on an existing directory. mount_lock held. */
static int mount_at(const char *source, const char *target, const struct file_system *type,
                    uint64_t flags, const char *options)
{
    struct block_device *device = NULL;
    struct vnode *covered;
    struct mount *mount;
    char path[MOUNT_NAME_SIZE];
    int error = type->needs_device ? find_device(source, &device) : 0;

    if (!error)
        error = path_lookup(NULL, target, PATH_FOLLOW, &covered);
    if (error)
        return error;
    if (vnode_path(covered, path, sizeof(path)) < 0)
        string_copy(path, target, sizeof(path));
    if (vnode_type(covered) != S_IFDIR)
        error = -ENOTDIR;
    else
        error = mount_on(type, device, source, path, flags, options, covered, &mount);
    if (error)
        vnode_release(covered);
    return error;
}

int path_mount(const char *source, const char *target, const char *type_name, uint64_t flags,
               const char *options)
{
    const struct file_system *type = find_type(type_name);
    int error;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & UNSUPPORTED_FLAGS)
        return -EINVAL;
    mutex_lock(&mount_lock);
    if (flags & MS_REMOUNT)
        error = remount(target, flags, options);
    else
        error = type ? mount_at(source, target, type, flags, options) : -ENODEV;
    mutex_unlock(&mount_lock);
    return error;
}

/* mount_lock held. */
static int unmount(struct mount *mount)
{
    struct vnode *covered = mount->covered;

    if (!covered)
        return -EBUSY; /* the root of all */
    int error = mount_sync(mount);
    if (error)
        return error;
    if (!vnode_cache_drop_mount(mount))
        return -EBUSY;
    if (mount->operations->unmount)
        mount->operations->unmount(mount);
    list_remove(&mount->link);
    vnode_release(covered);
    kfree(mount);
    return 0;
}

int path_unmount(const char *target, unsigned flags)
{
    struct mount *mount;

    if (flags & ~(MNT_FORCE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    mutex_lock(&mount_lock);
    int error = find_mount(target, flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW, &mount);
    if (!error)
        error = unmount(mount);
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
    list_for_each (link, &mounts) {
        struct mount *mount = container_of(link, struct mount, link);
        int error = mount->operations->sync ? mount->operations->sync(mount) : 0;
        if (!result)
            result = error;
    }
    mutex_unlock(&mount_lock);
    return result;
}

void file_systems_shut_down(void)
{
    write_back_vnodes();
    mutex_lock(&mount_lock);
    for (struct list *link = mounts.previous; link != &mounts; link = link->previous) {
        struct mount *mount = container_of(link, struct mount, link);
        if (mount->operations->shut_down)
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

bool mount_next_option(const char **options, char buffer[MOUNT_OPTION_SIZE], const char **value,
                       int *error)
{
    const char *start = *options, *end;

    while (*start == ',')
        start++;
    if (*start == '\0' || *error)
        return false;
    end = strchr(start, ',');
    size_t length = end ? (size_t)(end - start) : strlen(start);
    *options = start + length;
    if (length >= MOUNT_OPTION_SIZE) {
        *error = -EINVAL;
        return false;
    }
    memcpy(buffer, start, length);
    buffer[length] = '\0';
    char *equals = strchr(buffer, '=');
    if (equals)
        *equals = '\0';
    *value = equals ? equals + 1 : NULL;
    return true;
}

bool mount_option_identifier(const char *value, uint64_t *number)
{
    return parse_decimal(&value, number) && *value == '\0' && *number < UINT32_MAX;
}

bool mount_option_mode(const char *value, uint64_t *mode)
{
    if (!*value)
        return false;
    for (*mode = 0; *value >= '0' && *value <= '7' && *mode <= 07777; value++)
        *mode = *mode * 8 + (uint64_t)(*value - '0');
    return *value == '\0' && *mode <= 07777;
}

void mount_visit(mount_visitor *visit, void *context)
{
    mutex_lock(&mount_lock);
    list_for_each (link, &mounts) {
        struct mount *mount = container_of(link, struct mount, link);
        char options[MOUNT_OPTION_SIZE] = "";
        if (mount->operations->describe)
            mount->operations->describe(mount, options, sizeof(options));
        visit(mount, options, context);
    }
    mutex_unlock(&mount_lock);
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
    char name[MOUNT_NAME_SIZE];
    struct block_device *device = root_device(name, sizeof(name));

    if (!device)
        panic("no disk for the root file system");
    mutex_lock(&mount_lock);
    int error = mount_on(find_type("ext2"), device, name, "/", 0, "", NULL, &root_mount);
    mutex_unlock(&mount_lock);
    if (error)
        panic("cannot mount %s as the root file system: error %d", name, -error);
    error = path_mount("devtmpfs", "/dev", "devtmpfs", 0, "");
    if (!error)
        error = path_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                           "gid=5,mode=620,ptmxmode=666");
    if (error && error != -ENOENT)
        printk("cannot mount /dev or /dev/pts: error %d\n", -error);
}
