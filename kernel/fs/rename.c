/*
 * rename(2).
 *
 *   from/a  ->  to/b      locks: the rename lock, if from and to differ; from and to, an ancestor
 *                         before its descendant; a, if it is a directory that gets a new parent;
 *                         b, if it exists
 *
 * The rename lock keeps the tree of directories as it is, so whether one directory is below the
 * other is found out before they are locked; and by which branch, because a must not be an ancestor
 * of to, nor b one of from.
 *
 * No deadlock: whoever does not have the rename lock locks a directory, then one child of it; so a
 * circle of waiters would have to lead down the tree from what its holder waits for to what it has,
 * and the holder never waits for an ancestor of what it has. A rename within one directory that
 * locked two children would break this: the holder may have one of them and wait for the other.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/mount.h"
#include "fs/name_cache.h"
#include "fs/notify.h"
#include "fs/path.h"
#include "fs/vfs.h"

#define DEPTH_MAX 65536u /* of directories: more is a loop on a damaged disk */

static struct mutex rename_lock;

struct rename {
    struct walk from, to;
    unsigned flags;                /* RENAME_* */
    struct vnode *source, *target; /* referenced, or NULL */
    bool across;                   /* from and to differ */
    bool to_is_below, from_is_below;
    uint64_t branch; /* number of the child of the upper one that is, or holds, the lower one */
};

void rename_init(void)
{
    mutex_init(&rename_lock, "rename", RANK_NONE);
}

/* Is descendant below ancestor, and by which child? rename_lock held. */
static int find_branch(struct vnode *ancestor, struct vnode *descendant, bool *below,
                       uint64_t *branch)
{
    struct vnode *vnode = descendant, *parent;
    int error = 0;

    *below = false;
    vnode_reference(vnode);
    for (unsigned depth = 0; !*below && !mount_is_root(vnode); depth++) {
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

/* Lock both directories; nothing is locked on failure. */
static int lock_directories(struct rename *rename)
{
    struct vnode *from = rename->from.directory, *to = rename->to.directory;
    int error = 0;

    rename->across = from != to;
    if (rename->across) {
        mutex_lock(&rename_lock);
        error = find_branch(from, to, &rename->to_is_below, &rename->branch);
        if (!error && !rename->to_is_below)
            error = find_branch(to, from, &rename->from_is_below, &rename->branch);
        if (error) {
            mutex_unlock(&rename_lock);
            return error;
        }
        mutex_lock(rename->from_is_below ? &to->lock : &from->lock);
        mutex_lock(rename->from_is_below ? &from->lock : &to->lock);
    } else {
        mutex_lock(&from->lock);
    }
    return 0;
}

static void unlock_directories(struct rename *rename)
{
    mutex_unlock(&rename->from.directory->lock);
    if (rename->across) {
        mutex_unlock(&rename->to.directory->lock);
        mutex_unlock(&rename_lock);
    }
}

static bool is_directory(const struct vnode *vnode)
{
    return vnode_type(vnode) == S_IFDIR;
}

/* Look both names up, and check what follows from their being there. */
static int find_both(struct rename *rename)
{
    bool exchange = rename->flags & RENAME_EXCHANGE;
    int error = walk_find(rename->from.directory, &rename->from.last, &rename->source);

    if (!error && !rename->source)
        error = -ENOENT;
    if (!error)
        error = walk_find(rename->to.directory, &rename->to.last, &rename->target);
    if (error)
        return error;
    if (rename->target && (rename->flags & RENAME_NOREPLACE))
        return -EEXIST;
    if (exchange && !rename->target)
        return -ENOENT;
    if (!is_directory(rename->source) && (rename->from.slash || (!exchange && rename->to.slash)))
        return -ENOTDIR;
    if (exchange && !is_directory(rename->target) && rename->to.slash)
        return -ENOTDIR;
    if (rename->to_is_below && rename->source->number == rename->branch)
        return -EINVAL; /* rename(2): into a subdirectory of itself */
    if (rename->from_is_below && rename->target && rename->target->number == rename->branch)
        return exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int check_target(const struct rename *rename)
{
    const struct vnode *target = rename->target;
    int error = vfs_check_sticky(rename->to.directory, target);

    if (error)
        return error;
    if (rename->flags & RENAME_EXCHANGE)
        error = rename->across && is_directory(target) ? vnode_permission(target, 2) : 0;
    else if (is_directory(rename->source) && !is_directory(target))
        error = -ENOTDIR;
    else if (!is_directory(rename->source) && is_directory(target))
        error = -EISDIR;
    return !error && mount_covers(target) ? -EBUSY : error;
}

/* May the source be moved, and the target be replaced? */
static int check_move(const struct rename *rename)
{
    int error = vfs_check_change(rename->from.directory);

    if (!error)
        error = vfs_check_sticky(rename->from.directory, rename->source);
    if (!error)
        error = vfs_check_change(rename->to.directory);
    if (!error && rename->target)
        error = check_target(rename);
    if (!error && rename->across && is_directory(rename->source))
        error = vnode_permission(rename->source, 2); /* its ".." is changed */
    if (!error && mount_covers(rename->source))
        error = -EBUSY;
    if (!error && !rename->from.directory->operations->rename)
        error = -EPERM;
    if (!error && (rename->flags & RENAME_EXCHANGE) &&
        !rename->from.directory->operations->exchange)
        error = -EINVAL;
    return error;
}

/* All is checked: move. The directories are locked. */
static int move(struct rename *rename)
{
    struct vnode *from = rename->from.directory, *to = rename->to.directory;
    struct vnode *source = rename->source, *target = rename->target;
    bool lock_source = rename->across && is_directory(source);

    if (lock_source)
        mutex_lock(&source->lock);
    if (target)
        mutex_lock(&target->lock);
    bool exchange = rename->flags & RENAME_EXCHANGE;
    int error = (exchange ? from->operations->exchange : from->operations->rename)(
        from, &rename->from.last, source, to, &rename->to.last, target);
    if (!error) {
        if (target && !exchange)
            vfs_removed(to, target);
        name_cache_remove(from, &rename->from.last);
        name_cache_enter(from, &rename->from.last, exchange ? target : NULL);
        name_cache_enter(to, &rename->to.last, source);
        notify_moved(from, &rename->from.last, to, &rename->to.last, source,
                     exchange ? NULL : target);
        if (exchange)
            notify_moved(to, &rename->to.last, from, &rename->from.last, target, NULL);
    }
    if (target)
        mutex_unlock(&target->lock);
    if (lock_source)
        mutex_unlock(&source->lock);
    return error;
}

/* Both walks stand before their last names. */
static int rename_names(struct rename *rename)
{
    if (rename->from.mount != rename->to.mount)
        return -EXDEV;
    if (rename->from.kind != LAST_NAME)
        return -EBUSY;
    if (rename->to.kind != LAST_NAME)
        return rename->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    int error = walk_check_directory(&rename->from);
    if (!error)
        error = walk_check_directory(&rename->to);
    if (!error)
        error = lock_directories(rename);
    if (error)
        return error;
    error = find_both(rename);
    /* rename(2): two names of one file: nothing is done. */
    if (!error && rename->source != rename->target) {
        error = check_move(rename);
        if (!error)
            error = move(rename);
    }
    unlock_directories(rename);
    return error;
}

int path_rename(const struct place *from_directory, const char *from,
                const struct place *to_directory, const char *to, unsigned flags)
{
    struct rename rename = {.flags = flags};

    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL; /* there are no whiteouts */
    int error = walk_start(&rename.from, from_directory, from);
    if (!error)
        error = walk_start(&rename.to, to_directory, to);
    if (!error)
        error = walk_to_last(&rename.from);
    if (!error)
        error = walk_to_last(&rename.to);
    if (!error)
        error = rename_names(&rename);
    if (rename.target)
        vnode_release(rename.target);
    if (rename.source)
        vnode_release(rename.source);
    walk_end(&rename.to, NULL);
    walk_end(&rename.from, NULL);
    return error;
}
