/*
 * The memory arguments of system calls that move bytes: a buffer, or an array of struct iovec.
 */
#ifndef MAPIX_SYS_BUFFERS_H
#define MAPIX_SYS_BUFFERS_H

#include "core/user.h"

struct file;

#define BUFFERS_SHORT 8

/* What a call moves: one buffer or several, in user memory. */
struct buffers {
    struct transfer transfer;
    struct transfer_piece pieces[BUFFERS_SHORT];
    struct transfer_piece *memory; /* for more */
};

/* Take the arguments in; what is above the most that a call moves is cut off: -EINVAL, -EFAULT,
 * -ENOMEM. What several hold is given back with buffers_release, after success only. */
int buffers_one(struct buffers *buffers, uint64_t address, uint64_t size);
int buffers_several(struct buffers *buffers, uint64_t address, uint64_t count);
void buffers_release(struct buffers *buffers);

/* What the flags of preadv2(2) mean for the file: 0, or -EOPNOTSUPP. */
int buffers_set_flags(struct buffers *buffers, const struct file *file, unsigned flags, bool write);

#endif
