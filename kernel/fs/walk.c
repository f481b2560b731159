/*
 * Walking along paths (walk.h; path_resolution(7)).
 */
#include "fs/walk.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/thread.h"
#include "arch/riscv/hart.h"
#include "fs/mount.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define LINKS_MAX   40u
#define BUFFER_SIZE (2 * PATH_MAX)

struct place walk_root(void)
{
    struct path_context *context = current_thread()->path_context;

    return context ? path_context_root(context) : mount_root_place();
}

struct place walk_working_directory(void)
{
    struct path_context *context = current_thread()->path_context;

    return context ? path_context_directory(context) : mount_root_place();
}

/* Where an absolute path begins. */
static struct place root_of(const struct walk *walk)
{
    if (!(walk->resolve & RESOLVE_IN_ROOT))
        return walk_root();
    place_reference(&walk->base);
    return walk->base;
}

static struct place start_directory(const struct place *directory)
{
    if (!directory)
        return walk_working_directory();
    place_reference(directory);
    return *directory;
}

static bool stands_on(const struct walk *walk, const struct place *place)
{
    return walk->directory == place->vnode && walk->mount == place->mount;
}

/* Stand on another place, whose references are taken over. */
static void move_to(struct walk *walk, struct place place)
{
    struct place old = {walk->mount, walk->directory};

    walk->mount = place.mount;
    walk->directory = place.vnode;
    place_release(&old);
}

/* As move_to, unless it must not be another mount: -EXDEV. */
static int move_if_allowed(struct walk *walk, struct place place)
{
    if ((walk->resolve & RESOLVE_NO_XDEV) && place.mount != walk->mount) {
        place_release(&place);
        return -EXDEV;
    }
    move_to(walk, place);
    return 0;
}

int walk_start_resolving(struct walk *walk, const struct place *directory, const char *path,
                         unsigned resolve)
{
    *walk = (struct walk){.rest = path, .resolve = resolve};
    if (*path == '\0')
        return -ENOENT;
    if (*path == '/' && (resolve & RESOLVE_BENEATH))
        return -EXDEV;
    if (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
        walk->base = start_directory(directory);
    move_to(walk, *path == '/' ? root_of(walk) : start_directory(directory));
    return 0;
}

int walk_start(struct walk *walk, const struct place *directory, const char *path)
{
    return walk_start_resolving(walk, directory, path, 0);
}

void walk_end(struct walk *walk, struct place *place)
{
    struct place last = {walk->mount, walk->directory};

    if (place)
        *place = last;
    else
        place_release(&last);
    place_release(&walk->base);
    kfree(walk->buffer);
    walk->base = (struct place){0};
    walk->mount = NULL;
    walk->directory = NULL;
    walk->buffer = NULL;
}

int walk_check_directory(const struct walk *walk)
{
    if (vnode_type(walk->directory) != S_IFDIR)
        return -ENOTDIR;
    return vnode_permission(walk->directory, 1);
}

/* Take the next name off the rest: 0, or -ENAMETOOLONG. */
static int take_name(struct walk *walk)
{
    const char *name = walk->rest;

    while (*name == '/')
        name++;
    const char *end = name;
    while (*end && *end != '/')
        end++;
    walk->rest = end;
    walk->slash = *end == '/';
    walk->last = (struct name){name, (uint32_t)(end - name)};
    if (walk->last.length > NAME_MAX)
        return -ENAMETOOLONG;
    walk->kind = LAST_NAME;
    if (walk->last.length == 0)
        walk->kind = LAST_NONE;
    else if (walk->last.length == 1 && name[0] == '.')
        walk->kind = LAST_DOT;
    else if (walk->last.length == 2 && name[0] == '.' && name[1] == '.')
        walk->kind = LAST_DOT_DOT;
    return 0;
}

static bool has_more(const struct walk *walk)
{
    const char *rest = walk->rest;

    while (*rest == '/')
        rest++;
    return *rest != '\0';
}

int walk_find(struct vnode *directory, const struct name *name, struct vnode **result)
{
    if (name_cache_lookup(directory, name, result))
        return 0;
    *result = NULL;
    int error = directory->operations->lookup(directory, name, result);
    if (error == 0 || error == -ENOENT)
        name_cache_enter(directory, name, *result);
    return error == -ENOENT ? 0 : error;
}

int walk_parent(struct vnode *directory, struct vnode **parent)
{
    static const struct name dot_dot = {"..", 2};

    if (mount_is_root(directory)) {
        vnode_reference(directory);
        *parent = directory;
        return 0;
    }
    *parent = name_cache_parent(directory);
    if (*parent)
        return 0;
    int error = 0;
    mutex_lock(&directory->lock);
    *parent = directory->removed_from;
    if (*parent)
        vnode_reference(*parent);
    else
        error = directory->operations->lookup(directory, &dot_dot, parent);
    mutex_unlock(&directory->lock);
    return error;
}

int walk_enter(struct walk *walk, struct vnode *vnode)
{
    mount_hold(walk->mount);
    return move_if_allowed(walk, mount_enter((struct place){walk->mount, vnode}));
}

/* Out of mounts, to the directories that they cover, as long as the walk stands on a root. */
static int leave_mounts(struct walk *walk, const struct place *root)
{
    struct place covered;
    int error = 0;

    while (!error && !stands_on(walk, root) && mount_leave(walk->mount, walk->directory, &covered))
        error = move_if_allowed(walk, covered);
    return error;
}

/* The step "..": out of a mount through the directory that it covers, but not out of the root. */
static int step_up(struct walk *walk)
{
    struct vnode *parent;

    if ((walk->resolve & RESOLVE_BENEATH) && stands_on(walk, &walk->base))
        return -EXDEV;
    struct place root = root_of(walk);
    int error = leave_mounts(walk, &root);
    bool top = stands_on(walk, &root) || (walk->mount && walk->mount->root == walk->directory);
    if (!error && !top) {
        error = walk_parent(walk->directory, &parent);
        if (!error)
            error = walk_enter(walk, parent);
    }
    place_release(&root);
    return error;
}

/* Put the target of a link in front of the rest. */
static int read_target(struct walk *walk, struct vnode *link)
{
    size_t rest = strlen(walk->rest);

    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    if (!link->operations->read_link)
        return -EINVAL;
    char *buffer = kmalloc(BUFFER_SIZE);
    if (!buffer)
        return -ENOMEM;
    long length = link->operations->read_link(link, buffer, PATH_MAX);
    if (length == 0)
        length = -ENOENT;
    if (length > 0 && (length >= PATH_MAX || (size_t)length + rest >= BUFFER_SIZE))
        length = -ENAMETOOLONG;
    if (length < 0) {
        kfree(buffer);
        return (int)length;
    }
    memcpy(buffer + length, walk->rest, rest + 1);
    kfree(walk->buffer);
    walk->rest = walk->buffer = buffer;
    return 0;
}

/* Step to where a link leads that has no need of its text. */
static int follow_directly(struct walk *walk, struct vnode *link)
{
    struct vnode *target;
    int error = ++walk->links > LINKS_MAX ? -ELOOP : link->operations->follow(link, &target);

    vnode_release(link);
    if (error)
        return error;
    error = move_if_allowed(walk, place_of_vnode(target));
    if (!error)
        walk->linked = has_more(walk);
    return error;
}

/* Go to the root for a link's absolute target. */
static int follow_to_root(struct walk *walk)
{
    if (walk->resolve & RESOLVE_BENEATH)
        return -EXDEV;
    return move_if_allowed(walk, root_of(walk));
}

/* What resolve says of a link. */
static int check_link(const struct walk *walk, const struct vnode *link)
{
    bool magic = link->operations->follow;

    if (walk->resolve & RESOLVE_NO_SYMLINKS)
        return -ELOOP;
    if (magic && (walk->resolve & RESOLVE_NO_MAGICLINKS))
        return -ELOOP;
    return magic && (walk->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ? -EXDEV : 0;
}

int walk_follow(struct walk *walk, struct vnode *link)
{
    int error = check_link(walk, link);

    if (!error && link->operations->follow)
        return follow_directly(walk, link);
    if (!error)
        error = read_target(walk, link);
    vnode_release(link);
    if (!error && *walk->rest == '/')
        error = follow_to_root(walk);
    return error;
}

/* Step to an ordinary name. */
static int step_down(struct walk *walk, bool follow)
{
    struct vnode *directory = walk->directory, *vnode;
    int error = 0;

    if (!name_cache_lookup(directory, &walk->last, &vnode)) {
        mutex_lock(&directory->lock);
        error = walk_find(directory, &walk->last, &vnode);
        mutex_unlock(&directory->lock);
    }
    if (!error && !vnode)
        error = -ENOENT;
    if (error)
        return error;
    if (follow && vnode_type(vnode) == S_IFLNK) {
        walk->linked = true;
        return walk_follow(walk, vnode);
    }
    return walk_enter(walk, vnode);
}

int walk_step(struct walk *walk, bool follow)
{
    walk->linked = false;
    if (walk->kind == LAST_NONE)
        return 0;
    int error = walk_check_directory(walk);
    if (error || walk->kind == LAST_DOT)
        return error;
    return walk->kind == LAST_DOT_DOT ? step_up(walk) : step_down(walk, follow || walk->slash);
}

int walk_to_last(struct walk *walk)
{
    int error = take_name(walk);

    while (!error && has_more(walk)) {
        error = walk_step(walk, true);
        if (!error)
            error = take_name(walk);
    }
    return error;
}
