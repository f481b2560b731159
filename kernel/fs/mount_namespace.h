/*
 * Mount namespaces: which mounts there are for a process (mount_namespaces(7)). A namespace is a
 * tree of mounts; each mount is in one at the most. Whoever shares where paths start (a path
 * context) shares the namespace too.
 *
 * A namespace is a file without a name, /proc/PID/ns/mnt, whose references are the namespace's.
 * With the last one its mounts are detached.
 */
#ifndef MAPIX_FS_MOUNT_NAMESPACE_H
#define MAPIX_FS_MOUNT_NAMESPACE_H

#include "fs/vnode.h"

struct mount;
struct path_context;
struct place;

struct mount_namespace {
    struct vnode vnode;
    struct mount *root; /* (v) of the vnode cache; never NULL while somebody uses it */
};

/* That of the first process. */
extern struct mount_namespace mount_namespace_first;

/* The namespace of the current thread. */
struct mount_namespace *mount_namespace_current(void);

/* The namespace that a vnode stands for; NULL: it is another file. */
struct mount_namespace *mount_namespace_of(struct vnode *vnode);

/* Give a path context, which nobody else uses yet, a namespace of its own, with copies of all
 * mounts of the old one: 0, -ENOMEM, -EIO. */
int mount_namespace_unshare(struct path_context *context);

/* The root of all in the namespace, referenced. */
struct place mount_namespace_root(struct mount_namespace *space);

/* Set up the first one. Boot only. */
void mount_namespaces_init(void);

#endif
