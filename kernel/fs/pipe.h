/*
 * Pipes and named pipes.
 */
#ifndef MAPIX_FS_PIPE_H
#define MAPIX_FS_PIPE_H

#include "fs/file.h"

#define PIPE_CAPACITY 65536u   /* of a new pipe */
#define PIPE_MAX      1048576u /* what a process without privileges may raise it to */
#define PIPE_BUF      4096u    /* a write up to this size is not mixed with others */

/* Make a pipe: its read end and its write end, each with one reference; flags may hold O_NONBLOCK.
 * -ENOMEM. */
int pipe_create(uint32_t flags, struct file **read_end, struct file **write_end);

/* F_GETPIPE_SZ and F_SETPIPE_SZ: the capacity in bytes, -EBADF: not a pipe; -EBUSY: there is more
 * in it, -EPERM, -EINVAL, -ENOMEM. */
long pipe_capacity(struct file *file);
long pipe_resize(struct file *file, uint64_t size);

/* Set up pipes. Boot only. */
void pipe_init(void);

#endif
