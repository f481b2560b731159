/*
 * Files without a name: those of epoll_create1(2), eventfd2(2) and the like. All files of a kind
 * share one vnode, which has no type; each keeps its own things in file->state.
 */
#ifndef MAPIX_FS_ANONYMOUS_H
#define MAPIX_FS_ANONYMOUS_H

#include "fs/file.h"

enum anonymous_kind {
    ANONYMOUS_EPOLL,
    ANONYMOUS_EVENT,
    ANONYMOUS_TIMER,
    ANONYMOUS_SIGNAL,
    ANONYMOUS_PROCESS,
    ANONYMOUS_NOTIFY,
    ANONYMOUS_QUEUE,
    ANONYMOUS_USERFAULT,
    ANONYMOUS_KINDS,
};

/* A file with one reference; flags are O_* with the open mode. NULL: no memory (state remains the
 * caller's). */
struct file *anonymous_file(enum anonymous_kind kind, const struct file_operations *operations,
                            void *state, uint32_t flags);

/* Set up the vnodes. Boot only. */
void anonymous_init(void);

#endif
