/*
 * Bind mounts: a place shown at another one, alone or with what is mounted below it. mount_lock is
 * held everywhere here.
 */
#include "abi/errno.h"
#include "fs/mount_internal.h"
#include "fs/path.h"

/* Is the mount, on one that has been copied, to be copied too? */
static int is_wanted(const struct mount *mount, const struct place *from, enum mount_copy what,
                     bool *wanted)
{
    struct place covered = {mount->parent, mount->covered};

    *wanted = what == COPY_ALL || !mount->unbindable;
    if (!*wanted || mount->parent != from->mount)
        return 0;
    return mount_is_below(&covered, from, wanted);
}

/* Put a copy of a mount on the copy of its parent. */
static int copy_child(struct mount *mount)
{
    struct place to = {mount->parent->copy, mount->covered};

    mount->copy = mount_create(mount->root, mount->source, mount->flags);
    if (!mount->copy)
        return -ENOMEM;
    mount->copy->unbindable = mount->unbindable;
    place_reference(&to);
    int error = mount_cover(mount->copy, &to);
    if (error)
        place_release(&to);
    return error;
}

/* Copy each mount whose parent has a copy. Most come after their parents in the list, but not all
 * that have been moved: *again, another round is needed. */
static int copy_children(const struct place *from, enum mount_copy what, bool *again)
{
    int error = 0;
    bool wanted;

    *again = false;
    list_for_each (link, &mount_list) {
        struct mount *mount = container_of(link, struct mount, link);
        if (mount->copy || !mount->parent || !mount->parent->copy)
            continue;
        error = is_wanted(mount, from, what, &wanted);
        if (!error && wanted)
            error = copy_child(mount);
        if (error)
            break;
        *again |= wanted;
    }
    return error;
}

int mount_copy_tree(const struct place *from, enum mount_copy what, struct mount **result)
{
    struct mount *copy = mount_create(from->vnode, from->mount->source, from->mount->flags);
    bool again = what != COPY_ONE;
    int error = 0;

    *result = copy;
    if (!copy)
        return -ENOMEM;
    copy->unbindable = from->mount->unbindable;
    from->mount->copy = copy;
    while (again && !error)
        error = copy_children(from, what, &again);
    return error;
}

void mount_finish_copies(struct mount_namespace *space)
{
    list_for_each (link, &mount_list) {
        struct mount *mount = container_of(link, struct mount, link);
        if (mount->copy)
            mount->copy->space = space;
        mount->copy = NULL;
    }
}

/* Show one place at another, whose references are taken over on success. */
static int bind_place(const struct place *from, const struct place *to, bool recursive)
{
    struct mount *copy;
    bool allowed = mount_is_seen(from->mount) && !from->mount->unbindable;
    int error = allowed ? mount_check_point(to) : -EINVAL;

    if (!error && (vnode_type(from->vnode) == S_IFDIR) != (vnode_type(to->vnode) == S_IFDIR))
        error = -ENOTDIR;
    if (error)
        return error;
    error = mount_copy_tree(from, recursive ? COPY_BINDABLE : COPY_ONE, &copy);
    if (!error)
        error = mount_cover(copy, to);
    mount_finish_copies(error ? NULL : to->mount->space);
    if (error && copy)
        mount_detach(copy);
    return error;
}

/* Bind, from what the path source names to a place whose references are taken over on success. */
static int bind_from(const char *source, const struct place *to, bool recursive)
{
    struct place from;
    int error = source && *source ? path_lookup_place(NULL, source, PATH_FOLLOW, &from) : -EINVAL;

    if (error)
        return error;
    error = bind_place(&from, to, recursive);
    place_release(&from);
    return error;
}

int mount_bind(const char *source, const char *target, bool recursive)
{
    struct place to;
    int error = path_lookup_place(NULL, target, PATH_FOLLOW, &to);

    if (error)
        return error;
    to = mount_enter(to); /* on top of what may be there */
    error = bind_from(source, &to, recursive);
    if (error)
        place_release(&to);
    mount_reap_detached();
    return error;
}
