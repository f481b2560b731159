/*
 * Pipes and named pipes.
 */
#ifndef MAPIX_FS_PIPE_H
#define MAPIX_FS_PIPE_H

#include "fs/file.h"
#include "vm/page.h"

#define PIPE_CAPACITY 65536u /* of a new pipe */
#define PIPE_LEAST    8192u  /* of a new one, where its user has many */
#define PIPE_BUF      4096u  /* a write up to this size is not mixed with others */

/* /proc/sys/fs; atomic: what a process without privileges may raise the capacity to, bytes; the
 * pages that the pipes of a user without privileges may have together: beyond the soft limit new
 * ones are small, beyond the hard one there are no more; 0: no limit. */
extern uint64_t pipe_size_limit, pipe_pages_soft, pipe_pages_hard;

/* The size that a pipe can have which is at least this; 0: too large. */
uint64_t pipe_round_size(uint64_t size);

/* Make a pipe: its read end and its write end, each with one reference; flags may hold O_NONBLOCK,
 * and O_DIRECT for the write end. -ENFILE (the user has too many), -ENOMEM. */
int pipe_create(uint32_t flags, struct file **read_end, struct file **write_end);

/* F_GETPIPE_SZ and F_SETPIPE_SZ: the capacity in bytes, -EBADF: not a pipe; -EBUSY: there is more
 * in it, -EPERM, -EINVAL, -ENOMEM. */
long pipe_capacity(struct file *file);
long pipe_resize(struct file *file, uint64_t size);

/* Is the file an end of a pipe? Are both ends of one? */
bool file_is_pipe(const struct file *file);
bool pipe_is_same(const struct file *a, const struct file *b);

/*
 * For splice(2), of ends of pipes. Wait until there are bytes (1) or no writers any more (0), or
 * until there is room (0; -EPIPE, with SIGPIPE: no readers). -EAGAIN, -EINTR.
 */
int pipe_await_data(struct file *file, bool nonblocking);
int pipe_await_room(struct file *file, bool nonblocking);

/* How many pieces of pages it has room for. */
unsigned pipe_room(const struct file *file);

/* Put pieces into the pipe as they are, count of them at the most, each with a reference more to
 * its page: how many; fewer if there is no more room, or no reader. Bit n of packets: the n-th is a
 * packet, whatever the pipe makes of what is written to it. */
unsigned pipe_put_pieces(struct file *file, const struct page_piece *pieces, unsigned count,
                         uint32_t packets);

/* Keep others from reading, so that what is seen by pipe_peek can be taken out by pipe_consume when
 * it has gone where it should. */
void pipe_hold(struct file *file);
void pipe_let_go(struct file *file);

/* Up to size bytes from the skip-th on, in count pieces at the most, with references to their
 * pages: how many pieces. What is left of a packet remains one. */
unsigned pipe_peek(struct file *file, size_t skip, size_t size, struct page_piece *pieces,
                   unsigned count, uint32_t *packets);
void pipe_consume(struct file *file, size_t size);

/* Set up pipes. Boot only. */
void pipe_init(void);

#endif
