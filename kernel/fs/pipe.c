/*
 * Pipes and named pipes (pipe(7), fifo(7)).
 *
 * A pipe is a ring of pieces of pages (pipe_ring.c). A write fills pages of the pipe's own; what is
 * left over of a page takes a later write that is small enough. So a write up to PIPE_BUF is in one
 * piece always, and is there as a whole or not at all. A full pipe is one that has no piece free,
 * as on Linux: programs can count on how many writes a pipe takes. A packet (O_DIRECT) is a piece
 * that takes nothing behind it.
 *
 * Bytes are copied under the pipe's spinlock, a page at once at the most, without faulting. When
 * user memory is not there, the lock is dropped, the memory faulted in, and the piece copied anew:
 * nothing of it was made visible, or taken.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "fs/pipe_internal.h"

/* Reading */

enum read_step { READ, READ_PACKET, NOTHING, UNREADABLE };

/* Copy what is wanted of the first piece, and drop that, or the packet. Locked. */
static enum read_step read_first(struct pipe *pipe, struct transfer *transfer, bool *freed)
{
    const struct pipe_piece *piece = pipe_first(pipe);
    const char *data = page_data(piece->bytes.page);
    size_t size = piece->bytes.size < transfer->remaining ? piece->bytes.size : transfer->remaining;
    bool packet = piece->packet;

    if (transfer_give_resident(transfer, data + piece->bytes.start, size) < size)
        return UNREADABLE;
    *freed |= pipe_drop(pipe, packet ? piece->bytes.size : size);
    return packet ? READ_PACKET : READ;
}

/* Read the next piece, or what is wanted of it. UNREADABLE: user memory is missing at *fault.
 * *freed becomes true if a writer may have waited for the room. */
static enum read_step read_piece(struct pipe *pipe, struct transfer *transfer,
                                 struct transfer *fault, bool *freed)
{
    *fault = *transfer;
    spin_lock(&pipe->lock);
    enum read_step step = pipe_used(pipe) ? read_first(pipe, fault, freed) : NOTHING;
    spin_unlock(&pipe->lock);
    if (step != UNREADABLE)
        *transfer = *fault;
    return step;
}

/* Read what is there: bytes read, or -EFAULT if that keeps all of it from being read. *freed as
 * above. */
static long read_available(struct pipe *pipe, struct transfer *transfer, bool *freed)
{
    size_t wanted = transfer->remaining;
    struct transfer fault;
    enum read_step step;
    long error = 0;

    do {
        step = read_piece(pipe, transfer, &fault, freed);
        if (step == UNREADABLE)
            error = transfer_fault_in(&fault, ACCESS_WRITE);
    } while ((step == READ || step == UNREADABLE) && transfer->remaining && !error);
    size_t done = wanted - transfer->remaining;
    return done ? (long)done : error;
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

enum write_step { WROTE, NO_ROOM, NO_PAGE, UNWRITABLE, NO_READERS };

struct writing {
    struct pipe *pipe;
    bool packets, nonblocking;
    struct transfer *transfer, fault; /* what is left; UNWRITABLE: where user memory is missing */
    struct page *spare;               /* for the next piece, or NULL */
};

/* A page for a new piece. Locked. */
static struct page *take_page(struct writing *writing)
{
    struct page **kept = writing->spare ? &writing->spare : &writing->pipe->spare, *page = *kept;

    *kept = NULL;
    return page ? page : page_allocate(0, PAGE_NOWAIT | PAGE_USER);
}

/* Copy size bytes behind the last piece: bytes copied. Locked. */
static size_t extend(struct writing *writing, size_t size)
{
    const struct page_piece *last = &pipe_last(writing->pipe)->bytes;
    char *data = (char *)page_data(last->page) + last->start + last->size;
    size_t copied = transfer_take_resident(&writing->fault, data, size);

    if (copied == size)
        pipe_extend(writing->pipe, size);
    return copied;
}

/* Copy size bytes to a page of their own: bytes copied. Locked. */
static size_t append(struct writing *writing, struct page *page, size_t size)
{
    struct pipe_piece piece = {{page, 0, (uint32_t)size}, true, writing->packets};
    size_t copied = transfer_take_resident(&writing->fault, page_data(page), size);

    if (copied == size)
        pipe_append(writing->pipe, &piece);
    else
        writing->spare = page;
    return copied;
}

/* Write the next piece. As on Linux, what is more than whole pages goes first, if it goes behind
 * what was written last, and is no packet of its own then. */
static enum write_step write_locked(struct writing *writing)
{
    struct pipe *pipe = writing->pipe;
    size_t left = writing->transfer->remaining, rest = left & PAGE_MASK, copied;
    size_t size = left < PAGE_SIZE ? left : PAGE_SIZE;
    struct page *page;

    if (!pipe->readers)
        return NO_READERS;
    writing->fault = *writing->transfer;
    if (rest && pipe_takes_behind(pipe, rest)) {
        size = rest;
        copied = extend(writing, size);
    } else if (!pipe_room_left(pipe)) {
        return NO_ROOM;
    } else if (!(page = take_page(writing))) {
        return NO_PAGE;
    } else {
        copied = append(writing, page, size);
    }
    if (copied < size)
        return UNWRITABLE;
    *writing->transfer = writing->fault;
    return WROTE;
}

static enum write_step write_piece(struct writing *writing)
{
    spin_lock(&writing->pipe->lock);
    enum write_step step = write_locked(writing);
    spin_unlock(&writing->pipe->lock);
    return step;
}

/* Do what a step asks for before it can be tried again: 0 or the error that ends the write. */
static long prepare_retry(struct writing *writing, enum write_step step)
{
    struct pipe *pipe = writing->pipe;

    switch (step) {
    case NO_READERS:
        signal_send(current_process(), SIGPIPE);
        return -EPIPE;
    case NO_PAGE:
        writing->spare = page_allocate(0, 0);
        return writing->spare ? 0 : -ENOMEM;
    case UNWRITABLE:
        return transfer_fault_in(&writing->fault, ACCESS_READ);
    case NO_ROOM:
        if (writing->nonblocking)
            return -EAGAIN;
        return wait_event_interruptible(&pipe->changed, pipe_may_write(pipe));
    case WROTE:
        break;
    }
    return 0;
}

static long pipe_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    size_t total = transfer->remaining;
    uint32_t flags = file_flags(file, transfer);
    struct writing writing = {.pipe = file->state,
                              .packets = flags & O_DIRECT,
                              .nonblocking = flags & O_NONBLOCK,
                              .transfer = transfer};
    long error = 0;

    (void)offset;
    while (transfer->remaining && !error) {
        enum write_step step = write_piece(&writing);
        if (step == WROTE)
            wake_events(&writing.pipe->changed, POLLIN | POLLRDNORM);
        else
            error = prepare_retry(&writing, step);
    }
    if (writing.spare)
        page_release(writing.spare);
    size_t done = total - transfer->remaining;
    return done ? (long)done : error;
}

/* The other operations */

static long pipe_control(struct file *file, unsigned request, uint64_t argument)
{
    const struct pipe *pipe = file->state;
    int count = (int)__atomic_load_n(&pipe->bytes, __ATOMIC_RELAXED);

    if (request != FIONREAD)
        return -ENOTTY;
    return copy_to_user(argument, &count, sizeof(count));
}

/* A reader of a named pipe that came before any writer has not been hung up on: file->offset, which
 * a pipe has no other use for, tells how many writers had been there. */
static unsigned poll_reading(const struct pipe *pipe, const struct file *file)
{
    unsigned events = pipe_look_used(pipe) ? POLLIN | POLLRDNORM : 0;

    if (!pipe->writers && pipe->writers_opened != file->offset)
        events |= POLLHUP;
    return events;
}

static unsigned poll_writing(struct pipe *pipe)
{
    unsigned events = pipe_look_room(pipe) ? POLLOUT | POLLWRNORM : 0;

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
                                                       .read_nowait = true,
                                                       .control = pipe_control,
                                                       .poll = pipe_poll,
                                                       .tells = true,
                                                       .release = pipe_release};
static const struct file_operations write_operations = {.write = pipe_write,
                                                        .write_nowait = true,
                                                        .control = pipe_control,
                                                        .poll = pipe_poll,
                                                        .tells = true,
                                                        .release = pipe_release};
static const struct file_operations both_operations = {.read = pipe_read,
                                                       .write = pipe_write,
                                                       .read_nowait = true,
                                                       .write_nowait = true,
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

struct pipe *pipe_of(const struct file *file)
{
    const struct file_operations *operations = file->operations;
    bool is_pipe = operations == &read_operations || operations == &write_operations ||
                   operations == &both_operations;
    return is_pipe ? file->state : NULL;
}
