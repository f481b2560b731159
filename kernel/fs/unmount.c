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
    if (mount->base)
        vnode_release(mount->root);
    else if (mount->operations->unmount)
        mount->operations->unmount(mount);
    if (mount->device)
        block_let_go(mount->device);
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

void mount_drop(struct mount *mount)
{
    end_use(mount);
    mount_free(mount);
}

/* A mount on this one, or NULL. mount_lock held. */
static struct mount *find_child(const struct mount *mount)
{
    list_for_each (link, &mount_list) {
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

void mount_reap_detached(void)
{
    bool again;

    do {
        again = false;
        list_for_each_safe (link, &mount_list) {
            struct mount *mount = container_of(link, struct mount, link);
            if (mount->detached && !end_use(mount)) {
                mount_free(mount);
                again = true; /* it may have been what keeps another */
            }
        }
    } while (again);
}

void mount_detach(struct mount *mount)
{
    struct mount *child;

    while ((child = find_child(mount)))
        mount_detach(child);
    struct place covered = {mount->parent, mount->covered};
    mount->detached = true;
    spin_lock(&vnode_cache_lock);
    mount_uncover(mount);
    spin_unlock(&vnode_cache_lock);
    place_release(&covered);
}

/* What is mounted at the path, the last of what is stacked there. mount_lock held. */
static int find_uppermost(const char *target, unsigned lookup, struct mount **mount)
{
    struct place place;
    int error = path_lookup_place(NULL, target, lookup, &place);

    if (error)
        return error;
    place = mount_enter(place);
    error = mount_of_root(&place, mount);
    place_release(&place);
    return error;
}

int path_unmount(const char *target, unsigned flags)
{
    struct mount *mount;

    if (flags & ~(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    mutex_lock(&mount_lock);
    int error = find_uppermost(target, flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW, &mount);
    if (!error && (flags & MNT_DETACH) && mount->covered)
        mount_detach(mount);
    else if (!error)
        error = unmount(mount);
    mount_reap_detached();
    mutex_unlock(&mount_lock);
    return error;
}
