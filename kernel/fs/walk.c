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
#include "fs/untrusted.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define LINKS_MAX 40u
#define DEPTH_MAX 65536u /* of directories: more is a loop on a damaged disk */

/* Of what ".." leads to. */
static uint64_t changes_begun, changes_finished; /* atomic */

void walk_change_begin(void)
{
    __atomic_fetch_add(&changes_begun, 1, __ATOMIC_SEQ_CST);
}

void walk_change_end(void)
{
    __atomic_fetch_add(&changes_finished, 1, __ATOMIC_SEQ_CST);
}

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

static bool is_same(const struct place *a, const struct place *b)
{
    return a->vnode == b->vnode && a->mount == b->mount;
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
    if (*path == '/' && (resolve & RESOLVE_IN_ROOT) && directory &&
        vnode_type(directory->vnode) != S_IFDIR)
        return -ENOTDIR;
    walk->changes = __atomic_load_n(&changes_finished, __ATOMIC_ACQUIRE);
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

/* May the walk search the directory it stands on? 0, -ENOTDIR, -EACCES. */
static int check_directory(const struct walk *walk)
{
    if (vnode_type(walk->directory) != S_IFDIR)
        return -ENOTDIR;
    return vnode_permission(walk->directory, 1);
}

/* Take the next name off the rest: 0, or the directory it stands on may not be searched for it. */
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
    walk->kind = LAST_NAME;
    if (walk->last.length == 0)
        walk->kind = LAST_NONE;
    else if (walk->last.length == 1 && name[0] == '.')
        walk->kind = LAST_DOT;
    else if (walk->last.length == 2 && name[0] == '.' && name[1] == '.')
        walk->kind = LAST_DOT_DOT;
    return walk->kind == LAST_NONE ? 0 : check_directory(walk);
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
    *result = NULL;
    if (!directory->links)
        return -ENOENT; /* it has been removed */
    if (name_cache_lookup(directory, name, result))
        return 0;
    if (name->length > NAME_MAX)
        return -ENAMETOOLONG;
    int error = directory->operations->lookup(directory, name, result);
    if (error == 0 || error == -ENOENT)
        name_cache_enter(directory, name, *result);
    return error == -ENOENT ? 0 : error;
}

/* The parent of a file that is no directory. */
static int find_directory(struct vnode *file, struct vnode **directory)
{
    if (!file->operations->find_directory)
        return -ENOENT;
    *directory = file->operations->find_directory(file);
    return 0;
}

int walk_parent(struct vnode *directory, struct vnode **parent)
{
    static const struct name dot_dot = {"..", 2};

    if (volume_is_root(directory)) {
        vnode_reference(directory);
        *parent = directory;
        return 0;
    }
    *parent = name_cache_parent(directory);
    if (*parent)
        return 0;
    if (vnode_type(directory) != S_IFDIR)
        return find_directory(directory, parent);
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

int walk_find_branch(struct vnode *ancestor, struct vnode *descendant, bool *below,
                     uint64_t *branch)
{
    struct vnode *vnode = descendant, *parent;
    int error = 0;

    *below = false;
    vnode_reference(vnode);
    for (unsigned depth = 0; !*below && !volume_is_root(vnode); depth++) {
        error = depth < DEPTH_MAX ? walk_parent(vnode, &parent) : -EUCLEAN;
        if (error)
            break;
        if (parent == ancestor) {
            *below = true;
            *branch = vnode->number;
        }
        vnode_release(vnode);
        vnode = parent;
    }
    vnode_release(vnode);
    return error;
}

int walk_enter(struct walk *walk, struct vnode *vnode)
{
    mount_hold(walk->mount);
    return move_if_allowed(walk, mount_enter((struct place){walk->mount, vnode}));
}

/* What ".." is looked up in: where the walk stands, or what the root that it stands on covers, out
 * of as many mounts as are stacked. *place is referenced; false: the root comes before that. */
static bool leave_mounts(const struct walk *walk, const struct place *root, struct place *place)
{
    struct place covered;

    *place = (struct place){walk->mount, walk->directory};
    place_reference(place);
    while (!is_same(place, root) && place->mount->root == place->vnode) {
        if (!mount_leave(place->mount, place->vnode, &covered))
            break;
        place_release(place);
        *place = covered;
    }
    bool below = !is_same(place, root) && place->mount->root != place->vnode;
    if (!below)
        place_release(place);
    return below;
}

/* Does the mount show the directory? One that shows a part does not show what has left that. */
static int check_shown(const struct mount *mount, struct vnode *directory)
{
    uint64_t branch;
    bool below = true;

    if (mount->root == directory || volume_is_root(mount->root))
        return 0;
    int error = walk_find_branch(mount->root, directory, &below, &branch);
    return !error && !below ? -ENOENT : error;
}

/* Step to the parent of a place, whose references are taken over. */
static int step_to_parent(struct walk *walk, struct place place)
{
    struct vnode *parent = NULL;
    int error = 0;

    if ((walk->resolve & RESOLVE_NO_XDEV) && place.mount != walk->mount)
        error = -EXDEV;
    if (!error)
        error = walk_parent(place.vnode, &parent);
    if (!error)
        error = check_shown(place.mount, parent);
    vnode_release(place.vnode);
    place.vnode = parent;
    if (!error)
        return move_if_allowed(walk, mount_enter(place));
    place_release(&place);
    return error;
}

/* Has what ".." leads to changed, so that it may lead out of where the walk must stay? */
static bool may_escape(const struct walk *walk)
{
    return (walk->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) &&
           __atomic_load_n(&changes_begun, __ATOMIC_ACQUIRE) != walk->changes;
}

/* The step "..": out of a mount through the directory that it covers, but not out of the root. */
static int step_up(struct walk *walk)
{
    bool beneath = walk->resolve & RESOLVE_BENEATH;
    struct place root = beneath ? start_directory(&walk->base) : root_of(walk), place;
    bool below = leave_mounts(walk, &root, &place);
    int error;

    place_release(&root);
    if (below) {
        error = step_to_parent(walk, place);
    } else if (beneath) {
        error = -EXDEV;
    } else {
        vnode_reference(walk->directory);
        error = walk_enter(walk, walk->directory); /* what has been mounted on the root since */
    }
    return may_escape(walk) ? -EAGAIN : error;
}

/* Put the target of a link in front of the rest. */
static int read_target(struct walk *walk, struct vnode *link)
{
    size_t rest = strlen(walk->rest);

    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    if (!link->operations->read_link)
        return -EINVAL;
    char *buffer = kmalloc(PATH_MAX + rest + 1);
    if (!buffer)
        return -ENOMEM;
    long length = link->operations->read_link(link, buffer, PATH_MAX);
    if (length == 0)
        length = -ENOENT;
    if (length >= PATH_MAX)
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
    struct place target;
    int error = ++walk->links > LINKS_MAX ? -ELOOP : link->operations->follow(link, &target);

    vnode_release(link);
    if (error)
        return error;
    error = move_if_allowed(walk, target);
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

    if ((walk->resolve & RESOLVE_NO_SYMLINKS) || mount_has_flag(walk->mount, MS_NOSYMFOLLOW))
        return -ELOOP;
    if (magic && (walk->resolve & RESOLVE_NO_MAGICLINKS))
        return -ELOOP;
    return magic && (walk->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ? -EXDEV : 0;
}

int walk_follow(struct walk *walk, struct vnode *link)
{
    const struct place place = {walk->mount, link};
    int error = has_more(walk) ? 0 : untrusted_check_link(walk->directory, link);

    if (!error)
        error = check_link(walk, link);
    if (!error)
        vfs_accessed(&place);
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
    if (walk->kind == LAST_NONE || walk->kind == LAST_DOT)
        return 0;
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
