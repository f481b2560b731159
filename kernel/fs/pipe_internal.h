/*
 * Inside of pipes: what their files share.
 *
 *   pipe.c         the ring, reading and writing, capacity
 *   pipe_open.c    unnamed and named pipes, and how they are opened
 *   pipe_splice.c  moving bytes to and from other files
 */
#ifndef MAPIX_FS_PIPE_INTERNAL_H
#define MAPIX_FS_PIPE_INTERNAL_H

#include "core/wait.h"
#include "fs/pipe.h"
#include "lib/list.h"
#include "vm/page.h"

/* Letters: (l) lock, also read without it where a stale value is harmless; (n) lock of pipe_open.c.
 */
struct pipe {
    struct mutex reading; /* bytes are being taken out; comes before lock */
    struct spinlock lock;
    uint64_t head, tail;                     /* (l) the bytes between them are there */
    struct page **pages;                     /* (l) */
    unsigned page_count;                     /* (l) */
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

/* The reader has come to count: give back the pages behind it, but keep the last one of a pipe that
 * is empty, and start it over. Locked. */
void pipe_advance_head(struct pipe *pipe, uint64_t count);

/* Set up what pipe_open.c has. Boot only. */
void pipe_open_init(void);

/* The ring: count is that of a byte since the beginning. */

static inline struct page **pipe_page_slot(struct pipe *pipe, uint64_t count)
{
    return &pipe->pages[count / PAGE_SIZE % pipe->page_count];
}

static inline size_t pipe_rest_of_page(uint64_t count, size_t size)
{
    size_t rest = PAGE_SIZE - (count & PAGE_MASK);
    return rest < size ? rest : size;
}

static inline char *pipe_byte_at(struct pipe *pipe, uint64_t count)
{
    return (char *)page_data(*pipe_page_slot(pipe, count)) + (count & PAGE_MASK);
}

static inline size_t pipe_bytes(const struct pipe *pipe)
{
    return __atomic_load_n(&pipe->tail, __ATOMIC_RELAXED) -
           __atomic_load_n(&pipe->head, __ATOMIC_RELAXED);
}

static inline size_t pipe_capacity_of(const struct pipe *pipe)
{
    return (__atomic_load_n(&pipe->page_count, __ATOMIC_RELAXED) - 1) * PAGE_SIZE;
}

/* Without the lock, the capacity may have shrunk since. */
static inline size_t pipe_room_in(const struct pipe *pipe)
{
    size_t capacity = pipe_capacity_of(pipe), bytes = pipe_bytes(pipe);
    return bytes < capacity ? capacity - bytes : 0;
}

/* Need a reader, or a writer of so many bytes, not wait? */

static inline bool pipe_may_read(struct pipe *pipe)
{
    return pipe_bytes(pipe) || !__atomic_load_n(&pipe->writers, __ATOMIC_ACQUIRE);
}

static inline bool pipe_may_write(struct pipe *pipe, size_t size)
{
    return pipe_room_in(pipe) >= size || !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE);
}

#endif
