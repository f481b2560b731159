/*
 * Pipes and named pipes (pipe(7), fifo(7)).
 *
 * A pipe is a ring of bytes in pages that are allocated when the writer comes to them and freed
 * when the reader has left them. head and tail count bytes; the byte at count n is in page n /
 * PAGE_SIZE % page_count, which is one more than the capacity has, because a full ring may begin
 * and end inside a page. A pipe that runs empty goes back to the start of its page, so that small
 * messages stay in one.
 *
 *   |xxxxxxxxxxxxxx|xxxx..........|PPPPPPP.......|PPP...........|      x bytes, P a packet, . a gap
 *        ^ head                                                 ^ tail
 *
 * A packet (O_DIRECT) has a page of its own, whose rest is a gap, and so has the page before it.
 * Gaps are passed over: bytes counts what is there, and head is never in one.
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
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "fs/vnode.h"
#include "lib/string.h"

void pipe_advance_head(struct pipe *pipe, uint64_t count)
{
    while (pipe->head < count) {
        struct pipe_page *slot = pipe_page_slot(pipe, pipe->head);
        uint64_t end = page_round_down(pipe->head) + PAGE_SIZE, bytes = end - slot->gap;
        bytes = (bytes < count ? bytes : count) - pipe->head;
        __atomic_store_n(&pipe->bytes, pipe->bytes - bytes, __ATOMIC_RELAXED);
        if (count < end)
            end = count;
        else
            pipe_page_clear(slot);
        pipe->head = end;
    }
    if (pipe->head == pipe->tail)
        pipe->head = pipe->tail = page_round_down(count);
}

/* Make sure that size bytes from start on have pages, at most two; *spare is used for one. false: a
 * page is missing. Locked. */
static bool reserve(struct pipe *pipe, uint64_t start, size_t size, struct page **spare)
{
    for (uint64_t count = page_round_down(start); count < start + size; count += PAGE_SIZE) {
        struct pipe_page *slot = pipe_page_slot(pipe, count);
        if (!slot->page) {
            slot->page = *spare ? *spare : page_allocate(0, PAGE_NOWAIT | PAGE_USER);
            *spare = NULL;
        }
        if (!slot->page)
            return false;
    }
    return true;
}

/* Copy size bytes from the transfer to start, where pages are: bytes copied. Locked. */
static size_t copy_in(struct pipe *pipe, uint64_t start, struct transfer *transfer, size_t size)
{
    size_t done = 0;

    while (done < size) {
        uint64_t count = start + done;
        size_t piece = pipe_rest_of_page(count, size - done);
        size_t copied = transfer_take_resident(transfer, pipe_byte_at(pipe, count), piece);
        done += copied;
        if (copied < piece)
            break;
    }
    return done;
}

/* Reading */

/* How far reading gets. */
struct reach {
    uint64_t count;
    bool of_packet; /* it is the end of one */
    bool missing;   /* user memory is, from there on */
};

/* Copy up to size bytes from the head, which does not move, to the end of a packet at the most:
 * bytes copied. Locked. */
static size_t copy_out(struct pipe *pipe, struct transfer *transfer, size_t size, struct reach *end)
{
    size_t done = 0;

    *end = (struct reach){.count = pipe->head};
    while (done < size && end->count < pipe->tail && !end->of_packet) {
        size_t piece = pipe_run(pipe, end->count, size - done);
        size_t copied = transfer_give_resident(transfer, pipe_byte_at(pipe, end->count), piece);
        done += copied;
        if (copied < piece) {
            end->missing = true;
            break;
        }
        end->of_packet = pipe_page_slot(pipe, end->count)->packet;
        end->count = pipe_behind_run(pipe, end->count, piece, true);
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
    struct reach end;

    do {
        *fault = *transfer;
        wanted = transfer->remaining < PIPE_BUF ? transfer->remaining : PIPE_BUF;
        spin_lock(&pipe->lock);
        copied = copy_out(pipe, fault, wanted, &end);
        if (!end.missing && copied) {
            *freed |= pipe_is_short(pipe);
            pipe_advance_head(pipe, end.count);
        }
        spin_unlock(&pipe->lock);
        if (end.missing)
            return done;
        *transfer = *fault;
        done += copied;
    } while (copied == PIPE_BUF && transfer->remaining && !end.of_packet);
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

enum write_kind { BYTES, ATOMIC, PACKETS };

/* A packet begins in a page of its own, unless it fits behind bytes that are no packet, and becomes
 * one with them, as on Linux. Where to begin. Locked. */
static uint64_t packet_start(const struct pipe *pipe, size_t size)
{
    bool fits = (pipe->tail & PAGE_MASK) && (pipe->tail & PAGE_MASK) + size <= PAGE_SIZE;
    return fits ? pipe->tail : page_round_up(pipe->tail);
}

/* Bytes have been written from start on. Locked. */
static void wrote(struct pipe *pipe, uint64_t start, size_t size, bool packet)
{
    if (start > pipe->tail)
        pipe_page_slot(pipe, pipe->tail)->gap = (uint16_t)(start - pipe->tail);
    pipe->tail = start + size;
    if (packet && !(start & PAGE_MASK)) {
        struct pipe_page *slot = pipe_page_slot(pipe, start);
        slot->packet = true;
        slot->gap = (uint16_t)(PAGE_SIZE - size);
        pipe->tail = start + PAGE_SIZE;
    }
    __atomic_store_n(&pipe->bytes, pipe->bytes + size, __ATOMIC_RELAXED);
}

/* Where the next piece goes, and how long it is: *size is what is wanted. false: there is no room.
 * Locked. */
static bool find_room(struct pipe *pipe, enum write_kind kind, uint64_t *start, size_t *size)
{
    size_t room = pipe_room_in(pipe);

    *start = pipe->tail;
    if (kind == PACKETS) {
        pipe->packets = true;
        *start = packet_start(pipe, *size);
        return *start == pipe->tail && (*start & PAGE_MASK) ? *size <= room
                                                            : pipe_packet_fits(pipe);
    }
    if (kind == BYTES && *size > room)
        *size = room;
    return *size <= room && room;
}

/*
 * Write the next piece: all of an atomic write, a packet, or up to PIPE_BUF bytes of a longer
 * write. WROTE: the transfer has advanced. NOT_RESIDENT: *fault is the transfer where user memory
 * is missing.
 */
static enum write_step write_piece(struct pipe *pipe, struct transfer *transfer,
                                   enum write_kind kind, struct page **spare,
                                   struct transfer *fault)
{
    size_t wanted = transfer->remaining < PIPE_BUF ? transfer->remaining : PIPE_BUF;
    enum write_step step = WROTE;
    uint64_t start;

    spin_lock(&pipe->lock);
    if (!pipe->readers) {
        step = NO_READERS;
    } else if (!find_room(pipe, kind, &start, &wanted)) {
        step = NO_ROOM;
    } else if (!reserve(pipe, start, wanted, spare)) {
        step = NO_PAGE;
    } else {
        *fault = *transfer;
        size_t copied = copy_in(pipe, start, fault, wanted);
        if (copied < wanted && (kind != BYTES || copied == 0)) {
            step = NOT_RESIDENT;
        } else {
            wrote(pipe, start, copied, kind == PACKETS);
            *transfer = *fault;
        }
    }
    spin_unlock(&pipe->lock);
    return step;
}

/* Do what a step asks for before it can be tried again: 0 or the error that ends the write. */
static long prepare_retry(struct file *file, enum write_step step, enum write_kind kind,
                          size_t size, bool nonblocking, struct page **spare,
                          struct transfer *fault)
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
        if (kind == PACKETS)
            return wait_event_interruptible(&pipe->changed, pipe_may_write_packet(pipe));
        return wait_event_interruptible(&pipe->changed,
                                        pipe_may_write(pipe, kind == ATOMIC ? size : 1));
    case WROTE:
        break;
    }
    return 0;
}

static long pipe_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct pipe *pipe = file->state;
    size_t total = transfer->remaining;
    uint32_t flags = file_flags(file, transfer);
    enum write_kind kind = flags & O_DIRECT ? PACKETS : total <= PIPE_BUF ? ATOMIC : BYTES;
    struct page *spare = NULL;
    struct transfer fault;
    long error = 0;

    (void)offset;
    while (transfer->remaining && !error) {
        enum write_step step = write_piece(pipe, transfer, kind, &spare, &fault);
        if (step == WROTE)
            wake_events(&pipe->changed, POLLIN | POLLRDNORM);
        else
            error = prepare_retry(file, step, kind, total, flags & O_NONBLOCK, &spare, &fault);
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

static unsigned poll_writing(const struct pipe *pipe)
{
    unsigned events = pipe_is_short(pipe) ? 0 : POLLOUT | POLLWRNORM;

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
