/*
 * Pipes and named pipes (pipe(7), fifo(7)).
 *
 * A pipe is a ring of bytes in pages that are allocated when the writer comes to them and freed
 * when the reader has left them. head and tail count bytes; the byte at count n is in page n /
 * PAGE_SIZE % page_count, which is one more than the capacity has, because a full ring may begin
 * and end inside a page. A pipe that runs empty goes back to the start of its page, so that small
 * messages stay in one.
 *
 * Bytes are copied under the pipe's spinlock, at most PIPE_BUF at once, without faulting. When user
 * memory is not there, the lock is dropped, the memory faulted in, and the copy tried again: an
 * atomic write (up to PIPE_BUF) starts over, since nothing of it was made visible.
 */
#include "fs/pipe_internal.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "fs/vnode.h"
#include "lib/string.h"
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
    pipe->page_count = (unsigned)(capacity / PAGE_SIZE) + 1;
    pipe->pages = kmalloc_zeroed(pipe->page_count * sizeof(*pipe->pages));
    if (!pipe->pages) {
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
    for (unsigned i = 0; i < pipe->page_count; i++) {
        if (pipe->pages[i])
            page_release(pipe->pages[i]);
    }
    count_pages(pipe->maker, -(uint64_t)(pipe->page_count - 1));
    credentials_release(pipe->maker);
    kfree(pipe->pages);
    slab_free(&pipe_cache, pipe);
}

void pipe_advance_head(struct pipe *pipe, uint64_t count)
{
    uint64_t first = pipe->head / PAGE_SIZE, last = count / PAGE_SIZE;

    for (uint64_t number = first; number < last; number++) {
        struct page **slot = pipe_page_slot(pipe, number * PAGE_SIZE);
        page_release(*slot);
        *slot = NULL;
    }
    pipe->head = count;
    if (pipe->head == pipe->tail)
        pipe->head = pipe->tail = page_round_down(count);
}

/* Make sure that size bytes at the tail have pages, at most two; *spare is used for one. false: a
 * page is missing. Locked. */
static bool reserve(struct pipe *pipe, size_t size, struct page **spare)
{
    for (uint64_t count = page_round_down(pipe->tail); count < pipe->tail + size;
         count += PAGE_SIZE) {
        struct page **slot = pipe_page_slot(pipe, count);
        if (!*slot) {
            *slot = *spare ? *spare : page_allocate(0, PAGE_NOWAIT | PAGE_USER);
            *spare = NULL;
        }
        if (!*slot)
            return false;
    }
    return true;
}

/* Copy size bytes from the transfer behind the tail, which does not move: bytes copied. Locked. */
static size_t copy_in(struct pipe *pipe, struct transfer *transfer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        uint64_t count = pipe->tail + done;
        size_t piece = pipe_rest_of_page(count, size - done);
        size_t copied = transfer_take_resident(transfer, pipe_byte_at(pipe, count), piece);
        done += copied;
        if (copied < piece)
            break;
    }
    return done;
}

/* Reading */

/* Copy size bytes, which are there, from the head, which does not move: bytes copied. Locked. */
static size_t copy_out(struct pipe *pipe, struct transfer *transfer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        uint64_t count = pipe->head + done;
        size_t piece = pipe_rest_of_page(count, size - done);
        size_t copied = transfer_give_resident(transfer, pipe_byte_at(pipe, count), piece);
        done += copied;
        if (copied < piece)
            break;
    }
    return done;
}

/*
 * Read what is there: bytes read. If user memory is not there, what it concerns stays in the pipe,
 * and *fault is the transfer at the byte to be faulted in; else nothing remains of it. *freed
 * becomes true if a writer may have waited for the room.
 */
static size_t read_resident(struct pipe *pipe, struct transfer *transfer, struct transfer *fault,
                            bool *freed)
{
    size_t done = 0, wanted, copied;

    do {
        *fault = *transfer;
        wanted = transfer->remaining < PIPE_BUF ? transfer->remaining : PIPE_BUF;
        spin_lock(&pipe->lock);
        if (wanted > pipe->tail - pipe->head)
            wanted = pipe->tail - pipe->head;
        copied = copy_out(pipe, fault, wanted);
        if (copied == wanted && wanted) {
            *freed |= pipe_room_in(pipe) < PIPE_BUF;
            pipe_advance_head(pipe, pipe->head + wanted);
        }
        spin_unlock(&pipe->lock);
        if (copied < wanted)
            return done;
        *transfer = *fault;
        done += copied;
    } while (copied == PIPE_BUF && transfer->remaining);
    fault->remaining = 0;
    return done;
}

/* Read what is there: bytes read, or -EFAULT if that keeps all of it from being read. *freed as
 * above. */
static long read_available(struct pipe *pipe, struct transfer *transfer, bool *freed)
{
    struct transfer fault;
    size_t done = 0;

    do {
        done += read_resident(pipe, transfer, &fault, freed);
        if (fault.remaining && transfer_fault_in(&fault, ACCESS_WRITE))
            return done ? (long)done : -EFAULT;
    } while (fault.remaining);
    return (long)done;
}

static long pipe_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct pipe *pipe = file->state;

    (void)offset;
    while (transfer->remaining) {
        bool ended = !__atomic_load_n(&pipe->writers, __ATOMIC_ACQUIRE);
        bool freed = false;
        mutex_lock(&pipe->reading);
        long done = read_available(pipe, transfer, &freed);
        mutex_unlock(&pipe->reading);
        if (freed)
            wake_events(&pipe->changed, POLLOUT | POLLWRNORM);
        if (done || ended)
            return done; /* pipe(7): 0 is the end of file */
        if (file_flags(file, transfer) & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(&pipe->changed, pipe_may_read(pipe)))
            return -EINTR;
    }
    return 0;
}

/* Writing */

enum write_step { WROTE, NO_ROOM, NO_PAGE, NOT_RESIDENT, NO_READERS };

/*
 * Write the next piece: all of an atomic write, or up to PIPE_BUF bytes of a longer one. WROTE: the
 * transfer has advanced. NOT_RESIDENT: *fault is the transfer where user memory is missing.
 */
static enum write_step write_piece(struct pipe *pipe, struct transfer *transfer, bool atomic,
                                   struct page **spare, struct transfer *fault)
{
    size_t wanted = transfer->remaining < PIPE_BUF ? transfer->remaining : PIPE_BUF;
    enum write_step step = WROTE;

    spin_lock(&pipe->lock);
    size_t room = pipe_capacity_of(pipe) - (pipe->tail - pipe->head);
    if (!atomic && wanted > room)
        wanted = room;
    if (!pipe->readers) {
        step = NO_READERS;
    } else if (wanted > room || room == 0) {
        step = NO_ROOM;
    } else if (!reserve(pipe, wanted, spare)) {
        step = NO_PAGE;
    } else {
        *fault = *transfer;
        size_t copied = copy_in(pipe, fault, wanted);
        if (copied < wanted && (atomic || copied == 0)) {
            step = NOT_RESIDENT;
        } else {
            pipe->tail += copied;
            *transfer = *fault;
        }
    }
    spin_unlock(&pipe->lock);
    return step;
}

/* Do what a step asks for before it can be tried again: 0 or the error that ends the write. */
static long prepare_retry(struct file *file, enum write_step step, size_t size, bool nonblocking,
                          struct page **spare, struct transfer *fault)
{
    struct pipe *pipe = file->state;

    switch (step) {
    case NO_READERS:
        signal_send(current_process(), SIGPIPE);
        return -EPIPE;
    case NO_PAGE:
        *spare = page_allocate(0, 0);
        return *spare ? 0 : -ENOMEM;
    case NOT_RESIDENT:
        return transfer_fault_in(fault, ACCESS_READ);
    case NO_ROOM:
        if (nonblocking)
            return -EAGAIN;
        return wait_event_interruptible(&pipe->changed, pipe_may_write(pipe, size));
    case WROTE:
        break;
    }
    return 0;
}

static long pipe_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct pipe *pipe = file->state;
    size_t total = transfer->remaining;
    bool atomic = total <= PIPE_BUF, nonblocking = file_flags(file, transfer) & O_NONBLOCK;
    struct page *spare = NULL;
    struct transfer fault;
    long error = 0;

    (void)offset;
    while (transfer->remaining && !error) {
        enum write_step step = write_piece(pipe, transfer, atomic, &spare, &fault);
        if (step == WROTE)
            wake_events(&pipe->changed, POLLIN | POLLRDNORM);
        else
            error = prepare_retry(file, step, atomic ? total : 1, nonblocking, &spare, &fault);
    }
    if (spare)
        page_release(spare);
    size_t done = total - transfer->remaining;
    return done ? (long)done : error;
}

/* The other operations */

static long pipe_control(struct file *file, unsigned request, uint64_t argument)
{
    int count = (int)pipe_bytes(file->state);

    if (request != FIONREAD)
        return -ENOTTY;
    return copy_to_user(argument, &count, sizeof(count));
}

/* A reader of a named pipe that came before any writer has not been hung up on: file->offset, which
 * a pipe has no other use for, tells how many writers had been there. */
static unsigned poll_reading(const struct pipe *pipe, const struct file *file)
{
    unsigned events = pipe_bytes(pipe) ? POLLIN | POLLRDNORM : 0;

    if (!pipe->writers && pipe->writers_opened != file->offset)
        events |= POLLHUP;
    return events;
}

static unsigned poll_writing(struct pipe *pipe)
{
    unsigned events = pipe_room_in(pipe) >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0;

    if (!pipe->readers)
        events |= POLLERR;
    return events;
}

static unsigned pipe_poll(struct file *file, struct wait_queue **queue)
{
    struct pipe *pipe = file->state;
    unsigned mode = file->flags & O_ACCMODE;

    *queue = &pipe->changed;
    if (mode == O_RDONLY)
        return poll_reading(pipe, file);
    if (mode == O_WRONLY)
        return poll_writing(pipe);
    return poll_reading(pipe, file) | poll_writing(pipe);
}

/* Ends */

void pipe_count_ends(struct pipe *pipe, uint32_t flags, int change)
{
    unsigned mode = flags & O_ACCMODE;

    spin_lock(&pipe->lock);
    if (mode != O_WRONLY)
        __atomic_fetch_add(&pipe->readers, change, __ATOMIC_RELEASE);
    if (mode != O_RDONLY)
        __atomic_fetch_add(&pipe->writers, change, __ATOMIC_RELEASE);
    if (change > 0) {
        pipe->readers_opened += mode != O_WRONLY;
        pipe->writers_opened += mode != O_RDONLY;
    }
    spin_unlock(&pipe->lock);
    wake_all(&pipe->changed);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->state;

    pipe_count_ends(pipe, file->flags, -1);
    pipe_put(pipe);
}

static const struct file_operations read_operations = {.read = pipe_read,
                                                       .nowait = true,
                                                       .control = pipe_control,
                                                       .poll = pipe_poll,
                                                       .tells = true,
                                                       .release = pipe_release};
static const struct file_operations write_operations = {.write = pipe_write,
                                                        .nowait = true,
                                                        .control = pipe_control,
                                                        .poll = pipe_poll,
                                                        .tells = true,
                                                        .release = pipe_release};
static const struct file_operations both_operations = {.read = pipe_read,
                                                       .nowait = true,
                                                       .write = pipe_write,
                                                       .control = pipe_control,
                                                       .poll = pipe_poll,
                                                       .tells = true,
                                                       .release = pipe_release};

void pipe_attach(struct pipe *pipe, struct file *file)
{
    unsigned mode = file->flags & O_ACCMODE;

    file->state = pipe;
    file->operations = mode == O_RDONLY   ? &read_operations
                       : mode == O_WRONLY ? &write_operations
                                          : &both_operations;
}

/* Capacity */

struct pipe *pipe_of(const struct file *file)
{
    const struct file_operations *operations = file->operations;
    bool is_pipe = operations == &read_operations || operations == &write_operations ||
                   operations == &both_operations;
    return is_pipe ? file->state : NULL;
}

long pipe_capacity(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    return pipe ? (long)pipe_capacity_of(pipe) : -EBADF;
}

/* Put the pages into their places of another array, which becomes the pipe's; the old one is
 * returned. NULL: there is too much in the pipe. */
static struct page **exchange_pages(struct pipe *pipe, struct page **pages, unsigned count)
{
    struct page **old = NULL;

    spin_lock(&pipe->lock);
    if (pipe->tail - pipe->head <= (count - 1) * PAGE_SIZE) {
        for (uint64_t place = page_round_down(pipe->head); place < pipe->tail; place += PAGE_SIZE) {
            struct page **slot = pipe_page_slot(pipe, place);
            pages[place / PAGE_SIZE % count] = *slot;
            *slot = NULL;
        }
        old = pipe->pages;
        for (unsigned i = 0; i < pipe->page_count; i++) {
            if (old[i])
                page_release(old[i]); /* it was kept for the next write */
        }
        pipe->pages = pages;
        __atomic_store_n(&pipe->page_count, count, __ATOMIC_RELAXED);
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

    if (capacity <= pipe_capacity_of(pipe))
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
    unsigned count = (unsigned)(capacity / PAGE_SIZE) + 1;

    if (!may_grow(pipe, capacity))
        return -EPERM;
    struct page **pages = kmalloc_zeroed(count * sizeof(*pages));
    if (!pages)
        return -ENOMEM;
    struct page **old = exchange_pages(pipe, pages, count);
    kfree(old ? old : pages);
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
    uint64_t change = capacity / PAGE_SIZE - pipe_capacity_of(pipe) / PAGE_SIZE;
    count_pages(pipe->maker, change);
    long result = resize(pipe, capacity);
    if (result < 0)
        count_pages(pipe->maker, -change);
    mutex_unlock(&pipe->reading);
    return result;
}
