/*
 * Bind mounts: a place shown at another one. mount_lock is held everywhere here.
 */
#include "abi/errno.h"
#include "fs/mount_internal.h"
#include "fs/path.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/kmem.h"

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
    mount->id = mount_next_id();
    mount->root = from->vnode;
    vnode_reference(mount->root);
    memcpy(mount->source, mount->base->source, sizeof(mount->source));
    if (vnode_path_inside(from->vnode, mount->inside, sizeof(mount->inside)) < 0)
        string_copy(mount->inside, "/", sizeof(mount->inside));
    mount_name_place(to, target, mount->target);
    mount_cover(mount, to);
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

    for (struct list *link = mount_list.next; link != &mount_list && !error; link = link->next) {
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

int mount_bind(const char *source, const char *target, bool recursive)
{
    char from_path[MOUNT_NAME_SIZE], to_path[MOUNT_NAME_SIZE];
    unsigned before = mount_next_id();
    struct place from, to;
    int error = path_lookup_place(NULL, source, PATH_FOLLOW, &from);

    if (error)
        return error;
    error = path_lookup_place(NULL, target, PATH_FOLLOW, &to);
    if (!error) {
        mount_name_place(&from, source, from_path);
        mount_name_place(&to, target, to_path);
        error = bind_place(&from, &to, target);
        if (error)
            place_release(&to);
    }
    if (!error && recursive)
        error = bind_below(from_path, to_path, before);
    place_release(&from);
    return error;
}
