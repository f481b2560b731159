/*
 * Places, and the steps between mounts. What covers a directory is under vnode_cache_lock, so that
 * path look-up enters a mount with a reference to its root, or not at all.
 */
#include "abi/errno.h"
#include "fs/mount_internal.h"
#include "fs/name_cache.h"
#include "fs/walk.h"

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

int mount_check_point(const struct place *place)
{
    if (!place->mount)
        return -EINVAL; /* a pipe or the like, which is in no file system */
    return place->vnode->links && !place->mount->detached ? 0 : -ENOENT;
}

int mount_cover(struct mount *mount, const struct place *place)
{
    mutex_lock(&place->vnode->lock);
    int error = mount_check_point(place);
    if (!error) {
        walk_change_begin();
        spin_lock(&vnode_cache_lock);
        mount->covered = place->vnode;
        mount->parent = place->mount;
        mount->covering = place->vnode->mounted;
        __atomic_store_n(&place->vnode->mounted, mount, __ATOMIC_RELEASE);
        spin_unlock(&vnode_cache_lock);
        walk_change_end();
    }
    mutex_unlock(&place->vnode->lock);
    return error;
}

void mount_uncover(struct mount *mount)
{
    if (!mount->covered)
        return;
    walk_change_begin();
    struct mount **link = &mount->covered->mounted;
    while (*link != mount)
        link = &(*link)->covering;
    __atomic_store_n(link, mount->covering, __ATOMIC_RELEASE);
    mount->covered = NULL;
    mount->parent = NULL;
    walk_change_end();
}
