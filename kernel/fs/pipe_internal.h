/*
 * Inside of pipes: what their files share.
 *
 *   pipe.c           reading and writing, what else a file does
 *   pipe_ring.c      the ring
 *   pipe_capacity.c  how much is in pipes, how they begin and end
 *   pipe_open.c      unnamed and named pipes, and how they are opened
 *   pipe_splice.c    moving pages to and from other files
 */
#ifndef MAPIX_FS_PIPE_INTERNAL_H
#define MAPIX_FS_PIPE_INTERNAL_H

#include "core/wait.h"
#include "fs/pipe.h"
#include "lib/list.h"
#include "vm/page.h"

/* Bytes that wait to be read. own: in a page that only the pipe puts bytes into, behind them; else
 * it may be that of a file or of another pipe. packet: a read takes what it wants of these bytes
 * only, and the others are gone (O_DIRECT). */
struct pipe_piece {
    struct page_piece bytes; /* never none; the page is referenced */
    bool own, packet;
};

/* Letters: (l) lock, also read without it where a stale value is harmless; (n) lock of pipe_open.c.
 */
struct pipe {
    struct mutex reading; /* bytes are being taken out; comes before lock */
    struct spinlock lock;
    struct pipe_piece *pieces;               /* (l) a ring */
    uint32_t piece_count;                    /* (l) a power of two */
    uint32_t head, tail;                     /* (l) counts of pieces: those between are there */
    size_t bytes;                            /* (l) in them */
    struct page *spare;                      /* (l) for the next write, or NULL */
    struct credentials *maker;               /* (c) whose account the capacity is counted for */
    uint32_t readers, writers;               /* (l) open files */
    uint64_t readers_opened, writers_opened; /* (l) so far: for opens that wait for the other end */
    struct wait_queue changed;               /* bytes, room or ends have come or gone */
    struct vnode *vnode;                     /* (n) named pipe: whose; the users hold references */
    unsigned users;   /* (n) open files, opens under way, the vnode of an unnamed pipe */
    struct list link; /* (n) named_pipes */
};

/* A pipe without ends and users: -ENOMEM, -ENFILE. */
int pipe_allocate(struct pipe **result);
void pipe_free(struct pipe *pipe);

/* One user less; the last frees the pipe. */
void pipe_put(struct pipe *pipe);

/* An open file of these flags more (change 1) or less (-1). */
void pipe_count_ends(struct pipe *pipe, uint32_t flags, int change);

/* Make file an end of the pipe, with one user more of the caller's. */
void pipe_attach(struct pipe *pipe, struct file *file);

/* The pipe that the file is an end of, or NULL. */
struct pipe *pipe_of(const struct file *file);

/* Set up what pipe_open.c has. Boot only. */
void pipe_open_init(void);

/* The ring; all locked */

/* size bytes have been put behind those of the last piece. */
void pipe_extend(struct pipe *pipe, size_t size);

/* One piece more, for which there is room; the reference to its page is the pipe's then. */
void pipe_append(struct pipe *pipe, const struct pipe_piece *piece);

/* The first size bytes have been read: true if the ring was full, and is no longer. */
bool pipe_drop(struct pipe *pipe, size_t size);

/* How many pieces there are, and how many more there is room for. Locked. */

static inline uint32_t pipe_used(const struct pipe *pipe)
{
    return pipe->tail - pipe->head;
}

static inline uint32_t pipe_room_left(const struct pipe *pipe)
{
    return pipe->piece_count - pipe_used(pipe);
}

/* The same without the lock. What is seen was so at one moment, lest somebody sleeps beside a pipe
 * that was never full, and of which he is not told; but the capacity may have shrunk since. */

static inline uint32_t pipe_look_used(const struct pipe *pipe)
{
    uint32_t head, tail;

    do {
        head = __atomic_load_n(&pipe->head, __ATOMIC_ACQUIRE);
        tail = __atomic_load_n(&pipe->tail, __ATOMIC_ACQUIRE);
    } while (head != __atomic_load_n(&pipe->head, __ATOMIC_RELAXED));
    return tail - head;
}

static inline uint32_t pipe_look_room(const struct pipe *pipe)
{
    uint32_t used = pipe_look_used(pipe),
             all = __atomic_load_n(&pipe->piece_count, __ATOMIC_RELAXED);
    return used < all ? all - used : 0;
}

static inline struct pipe_piece *pipe_piece_at(struct pipe *pipe, uint32_t count)
{
    return &pipe->pieces[count & (pipe->piece_count - 1)];
}

static inline struct pipe_piece *pipe_first(struct pipe *pipe)
{
    return pipe_piece_at(pipe, pipe->head);
}

static inline struct pipe_piece *pipe_last(struct pipe *pipe)
{
    return pipe_piece_at(pipe, pipe->tail - 1);
}

/* Is there room for size bytes in the page of the last piece, which is no packet? Locked. */
static inline bool pipe_takes_behind(struct pipe *pipe, size_t size)
{
    const struct pipe_piece *last = pipe_last(pipe);
    return pipe_used(pipe) && last->own && !last->packet &&
           last->bytes.start + last->bytes.size + size <= PAGE_SIZE;
}

/* Need a reader, or a writer, not wait? */

static inline bool pipe_may_read(struct pipe *pipe)
{
    return pipe_look_used(pipe) || !__atomic_load_n(&pipe->writers, __ATOMIC_ACQUIRE);
}

static inline bool pipe_may_write(struct pipe *pipe)
{
    return pipe_look_room(pipe) || !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE);
}

#endif
