/*
 * path_context: where paths start, and the mask of modes of new files. A thread has one, and may
 * share it with others (CLONE_FS of clone(2)).
 */
#ifndef MAPIX_FS_PATH_CONTEXT_H
#define MAPIX_FS_PATH_CONTEXT_H

#include "core/lock.h"
#include "fs/place.h"

struct path_context {
    uint64_t references;          /* atomic */
    struct mutex lock;            /* of the following */
    struct place root, directory; /* referenced */
    uint32_t umask;
};

/* One with one reference: takes over those of the places; or a copy. NULL: no memory. */
struct path_context *path_context_create(struct place root, struct place directory);
struct path_context *path_context_copy(struct path_context *context);
void path_context_reference(struct path_context *context);
void path_context_release(struct path_context *context); /* may sleep */

/* The root or the working directory, referenced. */
struct place path_context_root(struct path_context *context);
struct place path_context_directory(struct path_context *context);

/* Make a directory (takes over the reference) the root or the working directory. */
void path_context_set_root(struct path_context *context, struct place root);
void path_context_set_directory(struct path_context *context, struct place directory);

/* Replace the mask: the old one. */
uint32_t path_context_set_umask(struct path_context *context, uint32_t umask);

#endif
