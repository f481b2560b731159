/*
 * Inside of pipes: what their files share.
 *
 *   pipe.c           the ring, reading and writing
 *   pipe_capacity.c  how large it is, and how a pipe begins and ends
 *   pipe_open.c      unnamed and named pipes, and how they are opened
 *   pipe_splice.c    moving bytes to and from other files
 */
#ifndef MAPIX_FS_PIPE_INTERNAL_H
#define MAPIX_FS_PIPE_INTERNAL_H

#include "core/wait.h"
#include "fs/pipe.h"
#include "lib/list.h"
#include "vm/page.h"

/* A place for a page in the ring. */
struct pipe_page {
    struct page *page;
    uint16_t gap; /* bytes at its end that are not there */
    bool packet;  /* what is in it is one */
};

/* Letters: (l) lock, also read without it where a stale value is harmless; (n) lock of pipe_open.c.
 */
struct pipe {
    struct mutex reading; /* bytes are being taken out; comes before lock */
    struct spinlock lock;
    uint64_t head, tail;                     /* (l) between them is what is there, and gaps */
    uint64_t bytes;                          /* (l) what is there */
    bool packets;                            /* (l) some have been written */
    struct pipe_page *pages;                 /* (l) */
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

/* The reader has come to count, which is in no gap: give back the pages behind it, but keep the
 * last one of a pipe that is empty, and start it over. Locked. */
void pipe_advance_head(struct pipe *pipe, uint64_t count);

/* Set up what pipe_open.c has. Boot only. */
void pipe_open_init(void);

/* The ring: count is that of a byte since the beginning. */

static inline struct pipe_page *pipe_page_slot(struct pipe *pipe, uint64_t count)
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
    return (char *)page_data(pipe_page_slot(pipe, count)->page) + (count & PAGE_MASK);
}

static inline void pipe_page_clear(struct pipe_page *slot)
{
    page_release(slot->page);
    *slot = (struct pipe_page){.page = NULL};
}

/* How many of size bytes follow one another from count on, in its page. Locked. */
static inline size_t pipe_run(struct pipe *pipe, uint64_t count, size_t size)
{
    uint64_t end = page_round_down(count) + PAGE_SIZE - pipe_page_slot(pipe, count)->gap;

    if (end > pipe->tail)
        end = pipe->tail;
    return size < end - count ? size : end - count;
}

/* Where the next byte is when so many of a run are gone; and with drop, the rest of a packet. */
static inline uint64_t pipe_behind_run(struct pipe *pipe, uint64_t count, size_t size, bool drop)
{
    const struct pipe_page *slot = pipe_page_slot(pipe, count);
    uint64_t page_end = page_round_down(count) + PAGE_SIZE;
    bool at_end = slot->gap && count + size == page_end - slot->gap;

    return at_end || (drop && slot->packet) ? page_end : count + size;
}

static inline size_t pipe_bytes(const struct pipe *pipe)
{
    return __atomic_load_n(&pipe->bytes, __ATOMIC_RELAXED);
}

static inline size_t pipe_capacity_of(const struct pipe *pipe)
{
    return (__atomic_load_n(&pipe->page_count, __ATOMIC_RELAXED) - 1) * PAGE_SIZE;
}

/* Without the lock, the capacity may have shrunk since. */
static inline size_t pipe_room_in(const struct pipe *pipe)
{
    size_t capacity = pipe_capacity_of(pipe);
    size_t used = __atomic_load_n(&pipe->tail, __ATOMIC_RELAXED) -
                  __atomic_load_n(&pipe->head, __ATOMIC_RELAXED);
    return used < capacity ? capacity - used : 0;
}

/* Is there room for a packet, which has a page of its own? */
static inline bool pipe_packet_fits(const struct pipe *pipe)
{
    uint64_t start = page_round_up(__atomic_load_n(&pipe->tail, __ATOMIC_RELAXED));
    uint64_t head = page_round_down(__atomic_load_n(&pipe->head, __ATOMIC_RELAXED));
    return start + PAGE_SIZE - head <= pipe_capacity_of(pipe);
}

/* May a writer of PIPE_BUF bytes, or of a packet, have to wait? */
static inline bool pipe_is_short(const struct pipe *pipe)
{
    return pipe_room_in(pipe) < PIPE_BUF ||
           (__atomic_load_n(&pipe->packets, __ATOMIC_RELAXED) && !pipe_packet_fits(pipe));
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

static inline bool pipe_may_write_packet(struct pipe *pipe)
{
    return pipe_packet_fits(pipe) || !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE);
}

#endif
