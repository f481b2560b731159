/*
 * A walk along a path. It stands on a vnode and has the rest of the path before it; symbolic links
 * on the way are put in front of the rest.
 *
 *   walk_start(&walk, directory, "a/b/c")      stands on directory
 *   walk_to_last(&walk)                        stands on a/b, walk.last is "c"
 *   walk_step(&walk, follow)                   stands on c, or on the directory of a link c, with
 *                                              the link's target as the rest: walk_to_last again
 *   walk_end(&walk)
 */
#ifndef MAPIX_FS_WALK_H
#define MAPIX_FS_WALK_H

#include "fs/place.h"
#include "fs/vnode.h"

enum walk_last { LAST_NONE, LAST_DOT, LAST_DOT_DOT, LAST_NAME }; /* LAST_NONE: "/" */

struct walk {
    struct mount *mount;     /* held: by which directory is seen */
    struct vnode *directory; /* referenced */
    const char *rest;
    char *buffer; /* holds the rest once a link has been followed */
    unsigned links;
    enum walk_last kind;
    struct name last;
    unsigned resolve;  /* RESOLVE_* of openat2(2) */
    struct place base; /* referenced: what RESOLVE_BENEATH and RESOLVE_IN_ROOT keep to */
    uint64_t changes;  /* that had been made when it began: walk_change_begin */
    bool slash;        /* slashes followed the last name: it must be a directory */
    bool linked;       /* walk_step has followed a link */
};

/* Begin at directory (NULL: the current one) or at the root. -ENOENT: the path is empty. */
int walk_start(struct walk *walk, const struct place *directory, const char *path);

/* As walk_start, for openat2(2): the walk, all of it, keeps to what resolve says. -EXDEV, -ELOOP,
 * -ENOTDIR; -EAGAIN: directories are being moved, and ".." may lead out of where it must stay. */
int walk_start_resolving(struct walk *walk, const struct place *directory, const char *path,
                         unsigned resolve);

/* Go on until one name is left, in a directory that may be searched for it: -ENOENT, -ENOTDIR,
 * -EACCES, -ELOOP, -ENAMETOOLONG, -ENOMEM, -EIO. */
int walk_to_last(struct walk *walk);

/* Take the last step; a symbolic link is followed if asked for, or if a slash demands it. The same
 * errors. */
int walk_step(struct walk *walk, bool follow);

/* Step to a vnode (whose reference is taken over) of the same mount, or to what is mounted there.
 * -EXDEV. */
int walk_enter(struct walk *walk, struct vnode *vnode);

/* The vnode of the last name, which is a link, has been looked up already (takes over the
 * reference): follow it. */
int walk_follow(struct walk *walk, struct vnode *link);

/* Give back what the walk holds, but *place, if not NULL, gets the place it stands on. */
void walk_end(struct walk *walk, struct place *place);

/* Find a name (not "." or "..") in a locked directory: *result referenced, NULL if it is not
 * there. -ENOENT: the directory has been removed. -ENAMETOOLONG, -ENOMEM, -EIO. */
int walk_find(struct vnode *directory, const struct name *name, struct vnode **result);

/* The parent of a directory inside its volume, referenced; the root's is itself. Of another file,
 * by one of its names: -ENOENT: none is known. */
int walk_parent(struct vnode *directory, struct vnode **parent);

/* Is descendant below ancestor, a directory of the same file system, and by which child, by number?
 * Right while no directory is moved. -ENOMEM, -EIO, -EUCLEAN. */
int walk_find_branch(struct vnode *ancestor, struct vnode *descendant, bool *below,
                     uint64_t *branch);

/* A directory gets another parent, or a mount covers or uncovers one, between these two. */
void walk_change_begin(void);
void walk_change_end(void);

/* The root and working directory of the current process, referenced. */
struct place walk_root(void);
struct place walk_working_directory(void);

#endif
