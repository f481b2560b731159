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
#include "fs/notify.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/pseudo.h"
#include "fs/socket.h"
#include "fs/signal_file.h"
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
#define UNSUPPORTED_FLAGS (MS_MOVE | MS_SHARED | MS_SLAVE | MS_UNBINDABLE)

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

static const struct file_system *find_type(const char *name)
{
    list_for_each (link, &types) {
        struct file_system *type = container_of(link, struct file_system, link);
        if (!strcmp(type->name, name))
            return type;
    }
    return NULL;
}

/* Places */

struct place mount_root_place(void)
{
    vnode_reference(root_mount->root);
    return (struct place){root_mount, root_mount->root};
}

void mount_hold(struct mount *mount)
{
    if (mount && mount->base)
        __atomic_fetch_add(&mount->users, 1, __ATOMIC_RELAXED);
}

void mount_let_go(struct mount *mount)
{
    if (mount && mount->base)
        __atomic_fetch_sub(&mount->users, 1, __ATOMIC_RELEASE);
}

void place_reference(const struct place *place)
{
    if (place->vnode)
        vnode_reference(place->vnode);
    mount_hold(place->mount);
}

void place_release(const struct place *place)
{
    if (place->vnode)
        vnode_release(place->vnode);
    mount_let_go(place->mount);
}

struct place place_of_vnode(struct vnode *vnode)
{
    return (struct place){vnode->mount, vnode}; /* one that is its own base is not counted */
}

/* What covers the vnode where the mount shows it; NULL: nothing. vnode_cache_lock held. */
static struct mount *find_covering(const struct place *place)
{
    struct mount *mount = place->vnode->mounted;

    while (mount && mount->parent != place->mount)
        mount = mount->covering;
    return mount;
}

struct place mount_enter(struct place place)
{
    while (mount_covers(place.vnode)) {
        struct place root = {0};
        spin_lock(&vnode_cache_lock);
        root.mount = find_covering(&place);
        if (root.mount) {
            root.vnode = root.mount->root;
            vnode_reference_locked(root.vnode);
            mount_hold(root.mount);
        }
        spin_unlock(&vnode_cache_lock);
        if (!root.mount)
            break;
        place_release(&place);
        place = root;
    }
    return place;
}

bool mount_leave(struct mount *mount, const struct vnode *vnode, struct place *covered)
{
    if (!mount || mount->root != vnode)
        return false;
    spin_lock(&vnode_cache_lock);
    bool found = mount->covered;
    if (found) {
        *covered = (struct place){mount->parent, mount->covered};
        vnode_reference_locked(covered->vnode);
        mount_hold(covered->mount);
    }
    spin_unlock(&vnode_cache_lock);
    return found;
}

/* Put a mount on a place, whose references are taken over. mount_lock held. */
static void cover(struct mount *mount, const struct place *place)
{
    list_push_back(&mounts, &mount->link);
    spin_lock(&vnode_cache_lock);
    mount->covered = place->vnode;
    mount->parent = place->mount;
    if (place->vnode) {
        mount->covering = place->vnode->mounted;
        __atomic_store_n(&place->vnode->mounted, mount, __ATOMIC_RELEASE);
    }
    spin_unlock(&vnode_cache_lock);
}

void mount_uncover(struct mount *mount)
{
    if (!mount->covered)
        return;
    struct mount **link = &mount->covered->mounted;
    while (*link != mount)
        link = &(*link)->covering;
    __atomic_store_n(link, mount->covering, __ATOMIC_RELEASE);
    mount->covered = NULL;
    mount->parent = NULL;
}

/* Mounting */

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

/* Mount a file system of this type on a place (its references are taken over on success; NULLs: the
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
    cover(*result, place);
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

/* The mount whose root the path names; lookup: PATH_FOLLOW or 0. mount_lock held, which keeps it.
 */
static int find_mount(const char *target, unsigned lookup, struct mount **mount)
{
    struct place place;
    int error = path_lookup_place(NULL, target, lookup, &place);

    if (error)
        return error;
    *mount = place.mount;
    error = place.mount && place.mount->root == place.vnode ? 0 : -EINVAL;
    place_release(&place);
    return error;
}

static int remount(const char *target, uint64_t flags, const char *options)
{
    struct mount *mount;
    int error = flags & MS_BIND ? -EINVAL : find_mount(target, PATH_FOLLOW, &mount);

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

/* The path of a place for /proc/mounts; if it is too long, what the caller wrote. */
static void name_place(const struct place *place, const char *text, char path[MOUNT_NAME_SIZE])
{
    if (place_path(place, path, MOUNT_NAME_SIZE) < 0)
        string_copy(path, text, MOUNT_NAME_SIZE);
}

/* Mount on an existing directory. mount_lock held. */
static int mount_at(const char *source, const char *target, const struct file_system *type,
                    uint64_t flags, const char *options)
{
    struct block_device *device = NULL;
    struct place place;
    struct mount *mount;
    char path[MOUNT_NAME_SIZE];
    int error = type->needs_device ? find_device(source, &device) : 0;

    if (!error)
        error = path_lookup_place(NULL, target, PATH_FOLLOW, &place);
    if (error)
        return error;
    name_place(&place, target, path);
    if (vnode_type(place.vnode) != S_IFDIR)
        error = -ENOTDIR;
    else
        error = mount_on(type, device, source, path, flags, options, &place, &mount);
    if (error)
        place_release(&place);
    return error;
}

/* Show one place at another, whose references are taken over on success. mount_lock held. */
static int bind_place(const struct place *from, const struct place *to, const char *target)
{
    bool directory = vnode_type(from->vnode) == S_IFDIR;

    if (!from->mount || !to->mount)
        return -EINVAL;
    if (directory != (vnode_type(to->vnode) == S_IFDIR))
        return -ENOTDIR;
    if (!to->vnode->links)
        return -ENOENT;
    struct mount *mount = kmalloc_zeroed(sizeof(*mount));
    if (!mount)
        return -ENOMEM;
    mount->base = from->mount->base ? from->mount->base : from->mount;
    mount->type = mount->base->type;
    mount->operations = mount->base->operations;
    mount->device_number = mount->base->device_number;
    mount->flags = mount->base->flags;
    mount->id = next_id++;
    mount->root = from->vnode;
    vnode_reference(mount->root);
    memcpy(mount->source, mount->base->source, sizeof(mount->source));
    if (vnode_path_inside(from->vnode, mount->inside, sizeof(mount->inside)) < 0)
        string_copy(mount->inside, "/", sizeof(mount->inside));
    name_place(to, target, mount->target);
    cover(mount, to);
    return 0;
}

/* Show what is mounted below a place that has been bound, there too: from and to are the paths of
 * the two. mount_lock held. */
static int bind_below(const char *from, const char *to, unsigned before)
{
    size_t length = strcmp(from, "/") ? strlen(from) : 0;
    char path[2 * MOUNT_NAME_SIZE];
    struct place place;
    int error = 0;

    for (struct list *link = mounts.next; link != &mounts && !error; link = link->next) {
        struct mount *mount = container_of(link, struct mount, link);
        const char *rest = mount->target + length;
        if (mount->id >= before)
            break;
        if (mount->detached || strncmp(mount->target, from, length) || *rest != '/' || !rest[1])
            continue;
        format(path, sizeof(path), "%s%s", strcmp(to, "/") ? to : "", rest);
        error = path_lookup_place(NULL, path, PATH_FOLLOW, &place);
        if (error)
            break;
        struct place below = {mount, mount->root};
        error = bind_place(&below, &place, path);
        if (error)
            place_release(&place);
    }
    return error;
}

/* mount(2) with MS_BIND. mount_lock held. */
static int bind(const char *source, const char *target, bool recursive)
{
    char from_path[MOUNT_NAME_SIZE], to_path[MOUNT_NAME_SIZE];
    unsigned before = next_id;
    struct place from, to;
    int error = path_lookup_place(NULL, source, PATH_FOLLOW, &from);

    if (error)
        return error;
    error = path_lookup_place(NULL, target, PATH_FOLLOW, &to);
    if (!error) {
        name_place(&from, source, from_path);
        name_place(&to, target, to_path);
        error = bind_place(&from, &to, target);
        if (error)
            place_release(&to);
    }
    if (!error && recursive)
        error = bind_below(from_path, to_path, before);
    place_release(&from);
    return error;
}

/* Mounts are not passed on to others here: MS_PRIVATE is what they are. */
static int make_private(const char *target)
{
    struct mount *mount;

    return find_mount(target, PATH_FOLLOW, &mount);
}

static void reap_detached(void);

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
    reap_detached();
    if (flags & MS_REMOUNT)
        error = remount(target, flags, options);
    else if (flags & MS_BIND)
        error = bind(source, target, flags & MS_REC);
    else if (flags & MS_PRIVATE)
        error = make_private(target);
    else
        error = type ? mount_at(source, target, type, flags, options) : -ENODEV;
    mutex_unlock(&mount_lock);
    return error;
}

/* Unmounting */

static void mount_free(struct mount *mount)
{
    if (mount->base)
        vnode_release(mount->root);
    else if (mount->operations->unmount)
        mount->operations->unmount(mount);
    list_remove(&mount->link);
    kfree(mount);
}

/* Take the mount off what it covers, if nobody uses it: 0, -EBUSY, -EIO. */
static int end_use(struct mount *mount)
{
    if (!mount->base) {
        int error = mount_sync(mount);
        if (error)
            return error;
        return vnode_cache_drop_mount(mount) ? 0 : -EBUSY;
    }
    spin_lock(&vnode_cache_lock);
    bool busy = __atomic_load_n(&mount->users, __ATOMIC_ACQUIRE);
    if (!busy)
        mount_uncover(mount);
    spin_unlock(&vnode_cache_lock);
    return busy ? -EBUSY : 0;
}

/* A mount on this one, or NULL. mount_lock held. */
static struct mount *find_child(const struct mount *mount)
{
    list_for_each (link, &mounts) {
        struct mount *child = container_of(link, struct mount, link);
        if (!child->detached && child->parent == mount)
            return child;
    }
    return NULL;
}

/* mount_lock held. */
static int unmount(struct mount *mount)
{
    struct place covered = {mount->parent, mount->covered};

    if (!covered.vnode || find_child(mount))
        return -EBUSY;
    int error = end_use(mount);
    if (error)
        return error;
    mount_free(mount);
    place_release(&covered);
    return 0;
}

/* Free what MNT_DETACH has taken away, as far as nobody uses it any more. mount_lock held. */
static void reap_detached(void)
{
    bool again;

    do {
        again = false;
        list_for_each_safe (link, &mounts) {
            struct mount *mount = container_of(link, struct mount, link);
            if (mount->detached && !end_use(mount)) {
                mount_free(mount);
                again = true; /* it may have been what keeps another */
            }
        }
    } while (again);
}

/* No path leads to the mount, and to those on it, from now on. mount_lock held. */
static void detach(struct mount *mount)
{
    struct mount *child;

    while ((child = find_child(mount)))
        detach(child);
    struct place covered = {mount->parent, mount->covered};
    mount->detached = true;
    spin_lock(&vnode_cache_lock);
    mount_uncover(mount);
    spin_unlock(&vnode_cache_lock);
    place_release(&covered);
}

int path_unmount(const char *target, unsigned flags)
{
    struct mount *mount;

    if (flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    mutex_lock(&mount_lock);
    int error = find_mount(target, flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW, &mount);
    if (!error && (flags & MNT_DETACH) && mount->covered)
        detach(mount);
    else if (!error)
        error = unmount(mount);
    reap_detached();
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
        bool syncs = !mount->base && mount->operations->sync;
        int error = syncs ? mount->operations->sync(mount) : 0;
        if (!result)
            result = error;
    }
    reap_detached();
    mutex_unlock(&mount_lock);
    return result;
}

void file_systems_shut_down(void)
{
    write_back_vnodes();
    mutex_lock(&mount_lock);
    for (struct list *link = mounts.previous; link != &mounts; link = link->previous) {
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
    const struct place nowhere = {0};
    int error = mount_on(find_type("ext2"), device, name, "/", 0, "", &nowhere, &root_mount);
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
