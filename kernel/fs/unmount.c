/*
 * The end of mounts: umount2(2). A mount goes when nobody uses it; or no path leads to it from now
 * on, and it goes when its last user has gone (MNT_DETACH).
 */
#include "abi/errno.h"
#include "core/process.h"
#include "dev/block.h"
#include "fs/mount_internal.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "vm/kmem.h"

static void mount_free(struct mount *mount)
{
    list_remove(&mount->link);
    kfree(mount->source);
    kfree(mount);
}

/* Does nothing else show the volume? */
static bool is_last(const struct mount *mount)
{
    return mount->volume_link.next == mount->volume_link.previous; /* both are the head */
}

/* Take the last mount of a volume off what it covers, and end the volume. */
static int end_volume(struct mount *mount)
{
    int error = volume_sync(mount->volume);

    if (!error && !vnode_cache_drop_volume(mount->volume, mount))
        error = -EBUSY;
    if (!error)
        volume_free(mount->volume);
    return error;
}

/* Take a mount off what it covers and free it, if nobody uses it: 0, -EBUSY, -EIO. */
static int end(struct mount *mount)
{
    if (__atomic_load_n(&mount->users, __ATOMIC_ACQUIRE))
        return -EBUSY;
    if (is_last(mount)) {
        int error = end_volume(mount);
        if (!error)
            mount_free(mount);
        return error;
    }
    spin_lock(&vnode_cache_lock);
    bool busy = __atomic_load_n(&mount->users, __ATOMIC_ACQUIRE);
    if (!busy) {
        mount_uncover(mount);
        list_remove(&mount->volume_link);
    }
    spin_unlock(&vnode_cache_lock);
    if (busy)
        return -EBUSY;
    vnode_release(mount->root);
    mount_free(mount);
    return 0;
}

void mount_drop(struct mount *mount)
{
    end(mount);
}

static int unmount(struct mount *mount)
{
    struct place covered = {mount->parent, mount->covered};

    if (!covered.vnode || mount_child(mount))
        return -EBUSY;
    int error = end(mount);
    if (!error)
        place_release(&covered);
    return error;
}

/* umount2(2) with MNT_EXPIRE: what has not been used since the last time goes. */
static int expire(struct mount *mount, bool expiring)
{
    if (!mount->covered)
        return -EINVAL;
    if (__atomic_load_n(&mount->users, __ATOMIC_ACQUIRE) || mount_child(mount))
        return -EBUSY;
    if (expiring)
        return unmount(mount);
    __atomic_store_n(&mount->expiring, true, __ATOMIC_RELAXED);
    return -EAGAIN;
}

void mount_reap_detached(void)
{
    bool again;

    do {
        again = false;
        list_for_each_safe (link, &mount_list) {
            struct mount *mount = container_of(link, struct mount, link);
            if (mount->detached && !end(mount))
                again = true; /* it may have been what keeps another */
        }
    } while (again);
}

/* No path leads to a mount, on which there is no other, from now on. */
static void detach_one(struct mount *mount)
{
    struct place covered = {mount->parent, mount->covered};

    mount->detached = true;
    mount->space = NULL;
    spin_lock(&vnode_cache_lock);
    mount_uncover(mount);
    spin_unlock(&vnode_cache_lock);
    place_release(&covered);
}

void mount_detach(struct mount *mount)
{
    struct mount *last, *child;

    do {
        for (last = mount; (child = mount_child(last));)
            last = child;
        detach_one(last);
    } while (last != mount);
}

/* What is mounted at the path, the last of what is stacked there, and whether it had been expiring
 * until it was looked for. */
static int find_uppermost(const char *target, unsigned lookup, struct mount **mount, bool *expiring)
{
    struct place place;
    int error = path_lookup_place(NULL, target, lookup, &place);

    if (error)
        return error;
    place = mount_enter(place);
    error = mount_of_root(&place, mount);
    *expiring = !error && __atomic_load_n(&(*mount)->expiring, __ATOMIC_RELAXED);
    place_release(&place);
    return error;
}

static int unmount_by(const char *target, unsigned flags)
{
    struct mount *mount;
    bool expiring;
    int error =
        find_uppermost(target, flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW, &mount, &expiring);

    if (error != -EINVAL && error)
        return error;
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (error)
        return error;
    if (flags & MNT_EXPIRE)
        return flags & (MNT_FORCE | MNT_DETACH) ? -EINVAL : expire(mount, expiring);
    if (!(flags & MNT_DETACH) || !mount->covered)
        return unmount(mount);
    mount_detach(mount);
    return 0;
}

int path_unmount(const char *target, unsigned flags)
{
    if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    mutex_lock(&mount_lock);
    int error = unmount_by(target, flags);
    mount_reap_detached();
    mutex_unlock(&mount_lock);
    return error;
}
