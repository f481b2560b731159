/*
 * Moving a mount, with all that is on it, to another place, and pivot_root(2). mount_lock is held
 * everywhere here but in path_pivot_root.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "fs/mount_internal.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "fs/walk.h"

bool mount_is_on(const struct mount *mount, const struct mount *below)
{
    while (mount && mount != below)
        mount = mount->parent;
    return mount;
}

int mount_move_to(struct mount *mount, const struct place *to)
{
    struct place old = {mount->parent, mount->covered};
    int error = mount_check_point(to);

    if (!error && (vnode_type(mount->root) == S_IFDIR) != (vnode_type(to->vnode) == S_IFDIR))
        error = -EINVAL;
    if (!error && mount_is_on(to->mount, mount))
        error = -ELOOP;
    if (!error)
        error = mount_cover(mount, to);
    if (!error)
        place_release(&old);
    return error;
}

/* Move what is mounted at a place. */
static int move_from(const struct place *from, const struct place *to)
{
    struct mount *mount;
    int error = mount_of_root(from, &mount);

    if (!error && !mount->covered)
        error = -EINVAL; /* the root of all */
    return error ? error : mount_move_to(mount, to);
}

int mount_move(const char *source, const char *target)
{
    struct place from, to;
    int error = source && *source ? path_lookup_place(NULL, source, PATH_FOLLOW, &from) : -EINVAL;

    if (error)
        return error;
    error = path_lookup_place(NULL, target, PATH_FOLLOW, &to);
    if (!error) {
        to = mount_enter(to); /* on top of what may be there */
        error = move_from(&from, &to);
        if (error)
            place_release(&to);
    }
    place_release(&from);
    return error;
}

/* May the mount at new become the root in place of the one at root, which goes to old? */
static int check_pivot(const struct place *root, const struct place *new, const struct place *old)
{
    bool below;

    if (!mount_is_seen(root->mount) || !mount_is_seen(new->mount) || !mount_is_seen(old->mount))
        return -EINVAL;
    if (!new->vnode->links || !old->vnode->links)
        return -ENOENT;
    if (new->mount == root->mount || old->mount == root->mount)
        return -EBUSY;
    if (root->mount->root != root->vnode || new->mount->root != new->vnode || !new->mount->covered)
        return -EINVAL;
    int error = mount_is_below(old, new, &below);
    if (!error && below)
        error = mount_is_below(new, root, &below);
    return !error && !below ? -EINVAL : error;
}

/* The places are those of the process's root, of what is to be the new one, and below that. */
static int pivot(const struct place *root, const struct place *new, const struct place *old)
{
    struct mount *up = new->mount;
    struct place was_new = {up->parent, up->covered};
    int error = check_pivot(root, new, old);

    if (!error)
        error = mount_exchange(root->mount, up, old);
    if (error)
        return error;
    place_release(&was_new);
    path_contexts_replace(root, new);
    return 0;
}

/* A directory, with what is mounted on it. */
static int find_directory(const char *path, struct place *place)
{
    int error = path_lookup_place(NULL, path, PATH_FOLLOW, place);

    if (error || vnode_type(place->vnode) == S_IFDIR)
        return error;
    place_release(place);
    return -ENOTDIR;
}

/* Pivot to the new place; the references of old are taken over. */
static int pivot_to(const struct place *new, struct place *old)
{
    struct place root = walk_root();

    mutex_lock(&mount_lock);
    *old = mount_enter(*old);
    int error = pivot(&root, new, old);
    mutex_unlock(&mount_lock);
    place_release(&root);
    if (error)
        place_release(old);
    return error;
}

int path_pivot_root(const char *new_path, const char *old_path)
{
    struct place new, old;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    int error = find_directory(new_path, &new);
    if (error)
        return error;
    error = find_directory(old_path, &old);
    if (!error)
        error = pivot_to(&new, &old);
    place_release(&new);
    return error;
}
