/*
 * Places, and the steps between mounts. What covers a directory is under vnode_cache_lock, so that
 * path look-up enters a mount with a reference to its root, or not at all.
 */
#include "abi/errno.h"
#include "fs/mount_internal.h"
#include "fs/mount_namespace.h"
#include "fs/name_cache.h"
#include "fs/walk.h"

void mount_hold(struct mount *mount)
{
    if (mount)
        __atomic_fetch_add(&mount->users, 1, __ATOMIC_RELAXED);
}

void mount_let_go(struct mount *mount)
{
    if (!mount)
        return;
    if (__atomic_load_n(&mount->expiring, __ATOMIC_RELAXED))
        __atomic_store_n(&mount->expiring, false, __ATOMIC_RELAXED);
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
    struct place place = {NULL, vnode};

    if (!vnode->volume)
        return place;
    spin_lock(&vnode_cache_lock);
    place.mount = container_of(vnode->volume->mounts.next, struct mount, volume_link);
    mount_hold(place.mount);
    spin_unlock(&vnode_cache_lock);
    return place;
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
    if (!mount_is_seen(place->mount))
        return -EINVAL;
    return place->vnode->links ? 0 : -ENOENT;
}

/* Put a mount on a place in place of what it covers. vnode_cache_lock held. */
static void cover(struct mount *mount, const struct place *place)
{
    mount_uncover(mount);
    mount->covered = place->vnode;
    mount->parent = place->mount;
    mount->space = place->mount->space;
    mount->covering = place->vnode->mounted;
    __atomic_store_n(&place->vnode->mounted, mount, __ATOMIC_RELEASE);
}

int mount_exchange(struct mount *down, struct mount *up, const struct place *old)
{
    struct place was = {down->parent, down->covered};

    mutex_lock(&old->vnode->lock);
    int error = old->vnode->links ? 0 : -ENOENT;
    if (!error) {
        walk_change_begin();
        spin_lock(&vnode_cache_lock);
        if (was.vnode) {
            cover(up, &was);
        } else {
            mount_uncover(up);
            up->space->root = up;
        }
        cover(down, old);
        spin_unlock(&vnode_cache_lock);
        walk_change_end();
    }
    mutex_unlock(&old->vnode->lock);
    return error;
}

int mount_cover(struct mount *mount, const struct place *place)
{
    mutex_lock(&place->vnode->lock);
    int error = place->vnode->links ? 0 : -ENOENT;
    if (!error) {
        walk_change_begin();
        spin_lock(&vnode_cache_lock);
        cover(mount, place);
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
    list_remove(&mount->volume_link); /* others show the files of the volume before it does */
    list_push_back(&mount->volume->mounts, &mount->volume_link);
    struct mount **link = &mount->covered->mounted;
    while (*link != mount)
        link = &(*link)->covering;
    __atomic_store_n(link, mount->covering, __ATOMIC_RELEASE);
    mount->covered = NULL;
    mount->parent = NULL;
    walk_change_end();
}

int mount_is_below(const struct place *place, const struct place *above, bool *below)
{
    struct place at = *place, covered;
    uint64_t branch;
    int error = 0;

    place_reference(&at);
    while (at.mount != above->mount && mount_leave(at.mount, at.mount->root, &covered)) {
        place_release(&at);
        at = covered;
    }
    *below = at.mount == above->mount && at.vnode == above->vnode;
    if (!*below && at.mount == above->mount)
        error = walk_find_branch(above->vnode, at.vnode, below, &branch);
    place_release(&at);
    return error == -ENOENT ? 0 : error; /* a file whose name is not known */
}
