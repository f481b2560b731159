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

/* Lock both directories; nothing is locked on failure. */
static int lock_directories(struct rename *rename)
{
    struct vnode *from = rename->from.directory, *to = rename->to.directory;
    int error = 0;

    rename->across = from != to;
    if (rename->across) {
        mutex_lock(&rename_lock);
        error = walk_find_branch(from, to, &rename->to_is_below, &rename->branch);
        if (!error && !rename->to_is_below)
            error = walk_find_branch(to, from, &rename->from_is_below, &rename->branch);
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
    bool source_directory = is_directory(rename->source);
    bool target_directory = is_directory(rename->target);
    int error = vfs_check_victim(rename->to.directory, rename->target);

    if (error || (rename->flags & RENAME_EXCHANGE) || source_directory == target_directory)
        return error;
    return source_directory ? -ENOTDIR : -EISDIR;
}

/* A directory that gets another parent is changed: its "..". */
static int check_parent_change(const struct rename *rename)
{
    int error = 0;

    if (is_directory(rename->source))
        error = vnode_permission(rename->source, 2);
    if (!error && (rename->flags & RENAME_EXCHANGE) && is_directory(rename->target))
        error = vnode_permission(rename->target, 2);
    return error;
}

/* May the source be moved, and the target be replaced? */
static int check_move(const struct rename *rename)
{
    int error = vfs_check_change(rename->from.mount, rename->from.directory);

    if (!error)
        error = vfs_check_victim(rename->from.directory, rename->source);
    if (!error)
        error = vfs_check_change(rename->to.mount, rename->to.directory);
    if (!error && rename->target)
        error = check_target(rename);
    if (!error && rename->across)
        error = check_parent_change(rename);
    if (!error && !rename->from.directory->operations->rename)
        error = -EPERM;
    if (!error && (rename->flags & RENAME_EXCHANGE) &&
        !rename->from.directory->operations->exchange)
        error = -EINVAL;
    return error;
}

/* Move the names in the file system. All is locked that is to be. */
static int move_names(struct rename *rename)
{
    const struct vnode_operations *operations = rename->from.directory->operations;
    struct vnode *source = rename->source, *target = rename->target;
    struct creation character_device, *whiteout = NULL;
    bool exchange = rename->flags & RENAME_EXCHANGE;
    bool parents_change =
        rename->across && (is_directory(source) || (exchange && is_directory(target)));

    if (mount_covers(source) || (target && mount_covers(target)))
        return -EBUSY;
    if (rename->flags & RENAME_WHITEOUT) { /* number 0:0, and nobody may do anything with it */
        whiteout = &character_device;
        vfs_begin_creation(rename->from.directory, S_IFCHR, whiteout);
    }
    if (parents_change)
        walk_change_begin();
    int error = exchange
                    ? operations->exchange(rename->from.directory, &rename->from.last, source,
                                           rename->to.directory, &rename->to.last, target)
                    : operations->rename(rename->from.directory, &rename->from.last, source,
                                         rename->to.directory, &rename->to.last, target, whiteout);
    if (!error) {
        if (target && !exchange)
            vfs_removed(rename->to.directory, target);
        name_cache_remove(rename->from.directory, &rename->from.last);
        if (!whiteout)
            name_cache_enter(rename->from.directory, &rename->from.last, exchange ? target : NULL);
        name_cache_enter(rename->to.directory, &rename->to.last, source);
    }
    if (parents_change)
        walk_change_end();
    return error;
}

static void notify_of_move(const struct rename *rename)
{
    struct vnode *from = rename->from.directory, *to = rename->to.directory;
    bool exchange = rename->flags & RENAME_EXCHANGE;

    notify_moved(from, &rename->from.last, to, &rename->to.last, rename->source,
                 exchange ? NULL : rename->target);
    if (exchange)
        notify_moved(to, &rename->to.last, from, &rename->from.last, rename->target, NULL);
}

/* All is checked: move. The directories are locked. */
static int move(struct rename *rename)
{
    struct vnode *source = rename->source, *target = rename->target;
    bool lock_source = rename->across && is_directory(source);

    if (lock_source)
        mutex_lock(&source->lock);
    if (target)
        mutex_lock(&target->lock);
    int error = move_names(rename);
    if (!error)
        notify_of_move(rename);
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
    if (mount_is_read_only(rename->from.mount))
        return -EROFS;
    int error = lock_directories(rename);
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

    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
        ((flags & RENAME_EXCHANGE) && flags != RENAME_EXCHANGE))
        return -EINVAL; /* rename(2) */
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
