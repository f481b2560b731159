/*
 * Bind mounts: a place shown at another one. mount_lock is held everywhere here.
 */
#include "abi/errno.h"
#include "fs/mount_internal.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* A mount of what a place shows, which covers nothing yet. NULL: no memory. */
static struct mount *create(const struct place *from)
{
    struct mount *mount = kmalloc_zeroed(sizeof(*mount));

    if (!mount)
        return NULL;
    mount->base = from->mount->base ? from->mount->base : from->mount;
    mount->type = mount->base->type;
    mount->operations = mount->base->operations;
    mount->device_number = mount->base->device_number;
    mount->flags = mount->base->flags;
    mount->id = mount_next_id();
    mount->root = from->vnode;
    vnode_reference(mount->root);
    memcpy(mount->source, mount->base->source, sizeof(mount->source));
    if (vnode_path_inside(from->vnode, mount->inside, sizeof(mount->inside)) < 0)
        string_copy(mount->inside, "/", sizeof(mount->inside));
    list_push_back(&mount_list, &mount->link);
    return mount;
}

/* Show one place at another, whose references are taken over on success. */
static int bind_place(const struct place *from, const struct place *to, const char *target,
                      struct mount **result)
{
    int error = from->mount ? mount_check_point(to) : -EINVAL;

    if (!error && from->mount->detached)
        error = -EINVAL;
    if (!error && (vnode_type(from->vnode) == S_IFDIR) != (vnode_type(to->vnode) == S_IFDIR))
        error = -ENOTDIR;
    if (error)
        return error;
    struct mount *mount = create(from);
    if (!mount)
        return -ENOMEM;
    mount_name_place(to, target, mount->target);
    error = mount_cover(mount, to);
    if (error)
        mount_drop(mount);
    else
        *result = mount;
    return error;
}

/* Was the mount named as something below the place? */
static bool is_named_below(const struct place *place, const struct mount *mount)
{
    char path[MOUNT_NAME_SIZE];
    long length = place_path(place, path, sizeof(path));

    if (length == 1)
        length = 0; /* "/" */
    return length >= 0 && !strncmp(mount->target, path, (size_t)length) &&
           mount->target[length] == '/';
}

/*
 * Does the mount cover the place, or something below it? Of a covered file that is no directory the
 * name cache knows where it is, but not in a file system whose names change by themselves; in such
 * a one nothing is renamed, and it is still where it was mounted on.
 */
static int find_below(const struct place *place, const struct mount *mount, bool *below)
{
    struct vnode *vnode = mount->covered;
    uint64_t branch;

    *below = vnode == place->vnode;
    if (*below || vnode_type(place->vnode) != S_IFDIR)
        return 0;
    if (vnode_type(vnode) == S_IFDIR)
        return walk_find_branch(place->vnode, vnode, below, &branch);
    vnode = name_cache_parent(vnode);
    if (!vnode) {
        *below = is_named_below(place, mount);
        return 0;
    }
    *below = vnode == place->vnode;
    int error = *below ? 0 : walk_find_branch(place->vnode, vnode, below, &branch);
    vnode_release(vnode);
    return error;
}

/* Show a mount by the copy of its parent, too. */
static int copy_mount(struct mount *mount)
{
    struct place from = {mount, mount->root}, to = {mount->parent->copy, mount->covered};

    place_reference(&to);
    int error = bind_place(&from, &to, mount->target, &mount->copy);
    if (error)
        place_release(&to);
    return error;
}

/* Show what is mounted below a place that has been bound, there too: all that is older than the
 * copy. A mount stands in the list behind the one that it is on. */
static int bind_below(const struct place *from, struct mount *copy)
{
    int error = 0;

    from->mount->copy = copy;
    list_for_each (link, &mount_list) {
        struct mount *mount = container_of(link, struct mount, link);
        bool below = true;
        if (error || mount == copy)
            break;
        if (!mount->parent || !mount->parent->copy)
            continue;
        if (mount->parent == from->mount)
            error = find_below(from, mount, &below);
        if (!error && below)
            error = copy_mount(mount);
    }
    list_for_each (link, &mount_list)
        container_of(link, struct mount, link)->copy = NULL;
    return error;
}

/* Bind, from what the path source names to a place whose references are taken over on success. */
static int bind_from(const char *source, const struct place *to, const char *target, bool recursive)
{
    struct place from;
    struct mount *mount;
    int error = path_lookup_place(NULL, source, PATH_FOLLOW, &from);

    if (error)
        return error;
    error = bind_place(&from, to, target, &mount);
    if (!error && recursive) {
        error = bind_below(&from, mount);
        if (error) {
            place_reference(to); /* it stays the caller's */
            mount_detach(mount);
            mount_reap_detached();
        }
    }
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
    error = bind_from(source, &to, target, recursive);
    if (error)
        place_release(&to);
    return error;
}
