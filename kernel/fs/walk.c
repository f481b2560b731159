/*
 * Walking along paths (walk.h; path_resolution(7)).
 */
#include "fs/walk.h"
#include "abi/errno.h"
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

struct vnode *walk_root(void)
{
    struct path_context *context = current_thread()->path_context;

    return context ? path_context_root(context) : mount_root_vnode();
}

struct vnode *walk_working_directory(void)
{
    struct path_context *context = current_thread()->path_context;

    return context ? path_context_directory(context) : mount_root_vnode();
}

int walk_start(struct walk *walk, struct vnode *directory, const char *path)
{
    *walk = (struct walk){.rest = path};
    if (*path == '\0')
        return -ENOENT;
    if (*path == '/') {
        walk->directory = walk_root();
    } else if (directory) {
        vnode_reference(directory);
        walk->directory = directory;
    } else {
        walk->directory = walk_working_directory();
    }
    return 0;
}

void walk_end(struct walk *walk, struct vnode **vnode)
{
    if (vnode)
        *vnode = walk->directory;
    else if (walk->directory)
        vnode_release(walk->directory);
    kfree(walk->buffer);
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

static void move_to(struct walk *walk, struct vnode *vnode)
{
    vnode_release(walk->directory);
    walk->directory = vnode;
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

/* The step "..": out of a mount through the directory that it covers, but not out of the root. */
static int step_up(struct walk *walk)
{
    struct vnode *root = walk_root(), *parent;
    int error = 0;

    while (walk->directory != root && mount_is_root(walk->directory) &&
           walk->directory->mount->covered) {
        vnode_reference(walk->directory->mount->covered);
        move_to(walk, walk->directory->mount->covered);
    }
    if (walk->directory != root) {
        error = walk_parent(walk->directory, &parent);
        if (!error)
            move_to(walk, mount_enter(parent));
    }
    vnode_release(root);
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
    move_to(walk, target);
    walk->linked = has_more(walk);
    return 0;
}

int walk_follow(struct walk *walk, struct vnode *link)
{
    if (link->operations->follow)
        return follow_directly(walk, link);
    int error = read_target(walk, link);

    vnode_release(link);
    if (!error && *walk->rest == '/')
        move_to(walk, walk_root());
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
    move_to(walk, mount_enter(vnode));
    return 0;
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
