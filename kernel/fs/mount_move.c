/*
 * Moving a mount, with all that is on it, to another place. mount_lock is held everywhere here.
 */
#include "abi/errno.h"
#include "fs/mount_internal.h"
#include "fs/path.h"

/* Is a mount the other one, or on it, or on what is on it? */
static bool is_on(const struct mount *mount, const struct mount *below)
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
    if (!error && is_on(to->mount, mount))
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
