/*
 * mount(2), by paths.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "dev/block.h"
#include "fs/mount_internal.h"
#include "fs/path.h"

#define TIME_FLAGS   (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
#define SPREAD_FLAGS (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* The MOUNT_FLAGS that mount(2) asks for: access times are relative without a word of them. */
static uint64_t mount_flags(uint64_t flags)
{
    uint64_t result = flags & MOUNT_FLAGS & ~(uint64_t)MS_RELATIME;

    if (flags & MS_STRICTATIME)
        return result & ~(uint64_t)MS_NOATIME;
    return flags & MS_NOATIME ? result : result | MS_RELATIME;
}

/* The disk that a path names: 0, -ENOTBLK, -ENXIO; -EINVAL: there is no path. */
static int find_device(const char *path, struct block_device **device)
{
    struct vnode *vnode;
    int error = path ? path_lookup(NULL, path, PATH_FOLLOW, &vnode) : -EINVAL;

    if (error)
        return error;
    if (vnode_type(vnode) != S_IFBLK)
        error = -ENOTBLK;
    else if (!(*device = block_find_number(vnode->device)))
        error = -ENXIO;
    vnode_release(vnode);
    return error;
}

/* The mount whose root is at the path. */
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

/* Change the rules of a mount (MS_BIND), or of its volume too. */
static int remount(const char *target, uint64_t flags, const char *options)
{
    struct mount *mount;
    int error = find_mount(target, &mount);

    if (error)
        return error;
    uint64_t wanted = mount_flags(flags);
    if (!(flags & TIME_FLAGS)) /* mount(2): they stay as they are */
        wanted = (wanted & ~(uint64_t)TIME_FLAGS) | (mount->flags & TIME_FLAGS);
    if (!(flags & MS_BIND))
        error = volume_remount(mount->volume, flags, options);
    return error ? error : mount_set_flags(mount, wanted);
}

/* Show a volume at a place, whose references are taken over on success. */
static int show(struct volume *volume, const char *source, uint64_t flags,
                const struct place *place)
{
    if (place->mount->volume == volume && place->mount->root == place->vnode)
        return -EBUSY; /* it is what is to be seen there already */
    struct mount *mount = mount_create(volume->root, source, flags);
    if (!mount)
        return -ENOMEM;
    int error = mount_cover(mount, place);
    if (error)
        mount_drop(mount);
    return error;
}

/* Mount a file system of the type on a place, whose references are taken over on success. */
static int mount_at(const char *source, const char *type_name, uint64_t flags, const char *options,
                    const struct place *place)
{
    const struct file_system *type = type_name ? file_system_find(type_name) : NULL;
    struct block_device *device = NULL;
    struct volume *volume;

    if (!type)
        return type_name ? -ENODEV : -EINVAL;
    int error = type->needs_device ? find_device(source, &device) : 0;
    if (!error)
        error = mount_check_point(place);
    if (!error && vnode_type(place->vnode) != S_IFDIR)
        error = -ENOTDIR;
    if (!error)
        error = volume_get(type, device, flags, options, &volume);
    if (error)
        return error;
    error = show(volume, source ? source : "none", mount_flags(flags), place);
    volume_drop_unshown(volume);
    return error;
}

/* Mount a file system on a path. */
static int mount_new(const char *source, const char *target, const char *type_name, uint64_t flags,
                     const char *options)
{
    struct place place;
    int error = path_lookup_place(NULL, target, PATH_FOLLOW, &place);

    if (error)
        return error;
    place = mount_enter(place); /* on top of what may be there */
    error = mount_at(source, type_name, flags, options, &place);
    if (error)
        place_release(&place);
    return error;
}

/* What is mounted on a mount is not passed on to others here: MS_SHARED is missing. So all are
 * private, which MS_SLAVE leaves as they are; and they may be bound or not. */
static int set_spread(const char *target, uint64_t flags)
{
    uint64_t spread = flags & ~(uint64_t)(MS_REC | MS_SILENT);
    struct mount *mount;

    if (spread != MS_PRIVATE && spread != MS_SLAVE && spread != MS_UNBINDABLE)
        return -EINVAL;
    int error = find_mount(target, &mount);
    if (error || spread == MS_SLAVE)
        return error;
    list_for_each (link, &mount_list) {
        struct mount *other = container_of(link, struct mount, link);
        if (other == mount || ((flags & MS_REC) && mount_is_on(other, mount)))
            other->unbindable = spread == MS_UNBINDABLE;
    }
    return 0;
}

int path_mount(const char *source, const char *target, const char *type_name, uint64_t flags,
               const char *options)
{
    int error;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    mutex_lock(&mount_lock);
    mount_reap_detached();
    if (flags & MS_REMOUNT)
        error = remount(target, flags, options);
    else if (flags & MS_BIND)
        error = mount_bind(source, target, flags & MS_REC);
    else if (flags & SPREAD_FLAGS)
        error = set_spread(target, flags);
    else if (flags & MS_MOVE)
        error = mount_move(source, target);
    else
        error = mount_new(source, target, type_name, flags, options);
    mutex_unlock(&mount_lock);
    return error;
}
