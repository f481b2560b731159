/*
 * How much is in pipes: their capacity, and what the pipes of a user have together; so also how a
 * pipe begins and ends.
 */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "fs/pipe_internal.h"
#include "vm/kmem.h"

static struct slab_cache pipe_cache;
uint64_t pipe_size_limit = 1048576, pipe_pages_soft = 16384, pipe_pages_hard;

void pipe_init(void)
{
    slab_cache_init(&pipe_cache, "pipe", sizeof(struct pipe), 8);
    pipe_open_init();
}

/* What a user's pipes have */

static bool is_limited(void)
{
    return !credentials_capable(CAP_SYS_RESOURCE) && !credentials_capable(CAP_SYS_ADMIN);
}

/* So many pages more (or less): what the user has now. */
static uint64_t count_pages(const struct credentials *maker, uint64_t change)
{
    return __atomic_add_fetch(&maker->account->pipe_pages, change, __ATOMIC_RELAXED);
}

static bool exceeds(uint64_t pages, const uint64_t *limit)
{
    uint64_t most = __atomic_load_n(limit, __ATOMIC_RELAXED);
    return most && pages > most;
}

/* The capacity of a new pipe, which is counted; 0: there is to be none. */
static uint64_t choose_capacity(const struct credentials *maker)
{
    uint64_t capacity = PIPE_CAPACITY, limit = __atomic_load_n(&pipe_size_limit, __ATOMIC_RELAXED);

    if (capacity > limit && !credentials_capable(CAP_SYS_RESOURCE))
        capacity = limit;
    uint64_t pages = count_pages(maker, capacity / PAGE_SIZE);
    if (exceeds(pages, &pipe_pages_soft) && is_limited() && capacity > PIPE_LEAST) {
        pages = count_pages(maker, (PIPE_LEAST - capacity) / PAGE_SIZE);
        capacity = PIPE_LEAST;
    }
    if (!exceeds(pages, &pipe_pages_hard) || !is_limited())
        return capacity;
    count_pages(maker, -(capacity / PAGE_SIZE));
    return 0;
}

int pipe_allocate(struct pipe **result)
{
    struct pipe *pipe = slab_allocate_zeroed(&pipe_cache);

    if (!pipe)
        return -ENOMEM;
    uint64_t capacity = choose_capacity(credentials_current());
    if (!capacity) {
        slab_free(&pipe_cache, pipe);
        return -ENFILE;
    }
    pipe->piece_count = (uint32_t)(capacity / PAGE_SIZE);
    pipe->pieces = kmalloc(pipe->piece_count * sizeof(*pipe->pieces));
    if (!pipe->pieces) {
        count_pages(credentials_current(), -(capacity / PAGE_SIZE));
        slab_free(&pipe_cache, pipe);
        return -ENOMEM;
    }
    pipe->maker = credentials_reference(credentials_current());
    mutex_init(&pipe->reading, "pipe reading", RANK_NONE);
    spin_init(&pipe->lock, "pipe", RANK_PIPE);
    wait_queue_init(&pipe->changed, "pipe");
    list_init(&pipe->link);
    *result = pipe;
    return 0;
}

void pipe_free(struct pipe *pipe)
{
    for (uint32_t i = pipe->head; i != pipe->tail; i++)
        page_release(pipe_piece_at(pipe, i)->bytes.page);
    if (pipe->spare)
        page_release(pipe->spare);
    count_pages(pipe->maker, -(uint64_t)pipe->piece_count);
    credentials_release(pipe->maker);
    kfree(pipe->pieces);
    slab_free(&pipe_cache, pipe);
}

/* Capacity */

static uint64_t capacity_of(const struct pipe *pipe)
{
    return (uint64_t)__atomic_load_n(&pipe->piece_count, __ATOMIC_RELAXED) * PAGE_SIZE;
}

long pipe_capacity(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    return pipe ? (long)capacity_of(pipe) : -EBADF;
}

/* Put the pieces into another array, which becomes the pipe's; the old one is returned. NULL: there
 * are too many. */
static struct pipe_piece *exchange_pieces(struct pipe *pipe, struct pipe_piece *pieces,
                                          uint32_t count)
{
    struct pipe_piece *old = NULL;

    spin_lock(&pipe->lock);
    if (pipe_used(pipe) <= count) {
        for (uint32_t i = pipe->head; i != pipe->tail; i++)
            pieces[i % count] = *pipe_piece_at(pipe, i);
        old = pipe->pieces;
        pipe->pieces = pieces;
        __atomic_store_n(&pipe->piece_count, count, __ATOMIC_RELAXED);
    }
    spin_unlock(&pipe->lock);
    return old;
}

uint64_t pipe_round_size(uint64_t size)
{
    uint64_t capacity = PAGE_SIZE;

    if (size > INT32_MAX)
        return 0;
    while (capacity < size)
        capacity *= 2;
    return capacity;
}

/* May the capacity grow so? The change of pages is counted already. */
static bool may_grow(const struct pipe *pipe, uint64_t capacity)
{
    uint64_t pages = __atomic_load_n(&pipe->maker->account->pipe_pages, __ATOMIC_RELAXED);

    if (capacity <= capacity_of(pipe))
        return true;
    if (capacity > __atomic_load_n(&pipe_size_limit, __ATOMIC_RELAXED) &&
        !credentials_capable(CAP_SYS_RESOURCE))
        return false;
    return !is_limited() ||
           (!exceeds(pages, &pipe_pages_soft) && !exceeds(pages, &pipe_pages_hard));
}

/* The change of pages is counted already. */
static long resize(struct pipe *pipe, uint64_t capacity)
{
    uint32_t count = (uint32_t)(capacity / PAGE_SIZE);

    if (!may_grow(pipe, capacity))
        return -EPERM;
    struct pipe_piece *pieces = kmalloc(count * sizeof(*pieces));
    if (!pieces)
        return -ENOMEM;
    struct pipe_piece *old = exchange_pieces(pipe, pieces, count);
    kfree(old ? old : pieces);
    wake_all(&pipe->changed);
    return old ? (long)capacity : -EBUSY;
}

long pipe_resize(struct file *file, uint64_t size)
{
    struct pipe *pipe = pipe_of(file);
    uint64_t capacity = pipe_round_size(size);

    if (!pipe)
        return -EBADF;
    if (!capacity)
        return -EINVAL;
    mutex_lock(&pipe->reading); /* one at a time, so that the count of pages is right */
    uint64_t change = capacity / PAGE_SIZE - capacity_of(pipe) / PAGE_SIZE;
    count_pages(pipe->maker, change);
    long result = resize(pipe, capacity);
    if (result < 0)
        count_pages(pipe->maker, -change);
    mutex_unlock(&pipe->reading);
    return result;
}
