/*
 * path_context: where paths start, and the mask of modes of new files. A thread has one, and may
 * share it with others (CLONE_FS of clone(2)).
 */
#ifndef MAPIX_FS_PATH_CONTEXT_H
#define MAPIX_FS_PATH_CONTEXT_H

#include "core/lock.h"
#include "fs/place.h"
#include "lib/list.h"

struct mount_namespace;

struct path_context {
    uint64_t references;            /* atomic */
    uint64_t sharers;               /* atomic: threads whose paths start here */
    struct mutex lock;              /* of the following */
    struct place root, directory;   /* referenced */
    struct mount_namespace *mounts; /* referenced */
    uint32_t umask;
    struct list link; /* list of all contexts */
};

/* One with one reference, of a thread, in a namespace: takes over those of the places; or a copy.
 * NULL: no memory. */
struct path_context *path_context_create(struct place root, struct place directory,
                                         struct mount_namespace *mounts);
struct path_context *path_context_copy(struct path_context *context);
void path_context_reference(struct path_context *context);
void path_context_release(struct path_context *context); /* may sleep */

/* A thread more has it, with a reference; or one less. */
void path_context_share(struct path_context *context);
void path_context_leave(struct path_context *context); /* may sleep */

/* The root or the working directory, referenced. */
struct place path_context_root(struct path_context *context);
struct place path_context_directory(struct path_context *context);

/* Make a directory (takes over the reference) the root or the working directory. */
void path_context_set_root(struct path_context *context, struct place root);
void path_context_set_directory(struct path_context *context, struct place directory);

/* Its namespace, by the vnode, referenced. */
struct vnode *path_context_namespace(struct path_context *context);

/* Nobody else shares the context: enter another namespace, at its root. */
void path_context_set_namespace(struct path_context *context, struct mount_namespace *mounts);

/* Where the mounts of the root and the working directory have copies, go there. mount_lock held. */
void path_context_enter_copies(struct path_context *context);

/* In all contexts, what is the first place becomes the second. */
void path_contexts_replace(const struct place *old, const struct place *new);

/* Set up the list of contexts. Boot only. */
void path_contexts_init(void);

/* Replace the mask: the old one. */
uint32_t path_context_set_umask(struct path_context *context, uint32_t umask);

#endif
