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
 *
 * The ends of a named pipe meet in a pipe that exists while somebody has it open or tries to; it is
 * found by its vnode.
 */
#include "fs/pipe.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "fs/special.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* Letters: (l) lock, also read without it where a stale value is harmless; (n) named_lock. */
struct pipe {
    struct mutex reading; /* bytes are being taken out; comes before lock */
    struct spinlock lock;
    uint64_t head, tail;                     /* (l) the bytes between them are there */
    struct page **pages;                     /* (l) */
    unsigned page_count;                     /* (l) */
    uint32_t readers, writers;               /* (l) open files */
    uint64_t readers_opened, writers_opened; /* (l) so far: for opens that wait for the other end */
    struct wait_queue changed;               /* bytes, room or ends have come or gone */
    struct vnode *vnode;                     /* (n) named pipe: whose; the users hold references */
    unsigned users;   /* (n) open files, opens under way, the vnode of an unnamed pipe */
    struct list link; /* (n) named_pipes */
};

/* What an unnamed pipe has for its files. */
struct pipe_vnode {
    struct vnode vnode;
    struct pipe *pipe;
};

static struct slab_cache pipe_cache;
static struct slab_cache vnode_cache;
static struct mutex named_lock;
static struct list named_pipes = LIST_INITIALIZER(named_pipes);
static uint64_t next_number; /* atomic: of the vnodes of unnamed pipes */

void pipe_init(void)
{
    slab_cache_init(&pipe_cache, "pipe", sizeof(struct pipe), 8);
    slab_cache_init(&vnode_cache, "pipe vnode", sizeof(struct pipe_vnode), 8);
    mutex_init(&named_lock, "named pipes", RANK_NONE);
}

static struct pipe *pipe_allocate(void)
{
    struct pipe *pipe = slab_allocate_zeroed(&pipe_cache);

    if (!pipe)
        return NULL;
    pipe->page_count = PIPE_CAPACITY / PAGE_SIZE + 1;
    pipe->pages = kmalloc_zeroed(pipe->page_count * sizeof(*pipe->pages));
    if (!pipe->pages) {
        slab_free(&pipe_cache, pipe);
        return NULL;
    }
    mutex_init(&pipe->reading, "pipe reading", RANK_NONE);
    spin_init(&pipe->lock, "pipe", RANK_PIPE);
    wait_queue_init(&pipe->changed, "pipe");
    list_init(&pipe->link);
    return pipe;
}

static void pipe_free(struct pipe *pipe)
{
    for (unsigned i = 0; i < pipe->page_count; i++) {
        if (pipe->pages[i])
            page_release(pipe->pages[i]);
    }
    kfree(pipe->pages);
    slab_free(&pipe_cache, pipe);
}

/* The ring */

static struct page **page_slot(struct pipe *pipe, uint64_t count)
{
    return &pipe->pages[count / PAGE_SIZE % pipe->page_count];
}

static size_t rest_of_page(uint64_t count, size_t size)
{
    size_t rest = PAGE_SIZE - (count & PAGE_MASK);
    return rest < size ? rest : size;
}

static char *byte_at(struct pipe *pipe, uint64_t count)
{
    return (char *)page_data(*page_slot(pipe, count)) + (count & PAGE_MASK);
}

static size_t bytes_in(const struct pipe *pipe)
{
    return __atomic_load_n(&pipe->tail, __ATOMIC_RELAXED) -
           __atomic_load_n(&pipe->head, __ATOMIC_RELAXED);
}

static size_t capacity_of(const struct pipe *pipe)
{
    return (__atomic_load_n(&pipe->page_count, __ATOMIC_RELAXED) - 1) * PAGE_SIZE;
}

/* Without the lock, the capacity may have shrunk since. */
static size_t room_in(const struct pipe *pipe)
{
    size_t capacity = capacity_of(pipe), bytes = bytes_in(pipe);
    return bytes < capacity ? capacity - bytes : 0;
}

/* The reader has come to count: give back the pages behind it, but keep the last one of a pipe that
 * is empty, and start it over. Locked. */
static void advance_head(struct pipe *pipe, uint64_t count)
{
    uint64_t first = pipe->head / PAGE_SIZE, last = count / PAGE_SIZE;

    for (uint64_t number = first; number < last; number++) {
        struct page **slot = page_slot(pipe, number * PAGE_SIZE);
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
        struct page **slot = page_slot(pipe, count);
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
        size_t piece = rest_of_page(count, size - done);
        size_t copied = transfer_take_resident(transfer, byte_at(pipe, count), piece);
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
        size_t piece = rest_of_page(count, size - done);
        size_t copied = transfer_give_resident(transfer, byte_at(pipe, count), piece);
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
            *freed |= room_in(pipe) < PIPE_BUF;
            advance_head(pipe, pipe->head + wanted);
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

static bool may_read(struct pipe *pipe)
{
    return bytes_in(pipe) || !__atomic_load_n(&pipe->writers, __ATOMIC_ACQUIRE);
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
        if (wait_event_interruptible(&pipe->changed, may_read(pipe)))
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
    size_t room = capacity_of(pipe) - (pipe->tail - pipe->head);
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

static bool may_write(struct pipe *pipe, size_t size)
{
    return room_in(pipe) >= size || !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE);
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
        return wait_event_interruptible(&pipe->changed, may_write(pipe, size));
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
    int count = (int)bytes_in(file->state);

    if (request != FIONREAD)
        return -ENOTTY;
    return copy_to_user(argument, &count, sizeof(count));
}

/* A reader of a named pipe that came before any writer has not been hung up on: file->offset, which
 * a pipe has no other use for, tells how many writers had been there. */
static unsigned poll_reading(const struct pipe *pipe, const struct file *file)
{
    unsigned events = bytes_in(pipe) ? POLLIN | POLLRDNORM : 0;

    if (!pipe->writers && pipe->writers_opened != file->offset)
        events |= POLLHUP;
    return events;
}

static unsigned poll_writing(struct pipe *pipe)
{
    unsigned events = room_in(pipe) >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0;

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

static void count_ends(struct pipe *pipe, uint32_t flags, int change)
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

/* One user less; the last frees the pipe. */
static void pipe_put(struct pipe *pipe)
{
    mutex_lock(&named_lock);
    bool last = --pipe->users == 0;
    if (last)
        list_remove(&pipe->link);
    mutex_unlock(&named_lock);
    if (last)
        pipe_free(pipe);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->state;

    count_ends(pipe, file->flags, -1);
    pipe_put(pipe);
}

static const struct file_operations read_operations = {.read = pipe_read,
                                                       .nowait = true,
                                                       .control = pipe_control,
                                                       .poll = pipe_poll,
                                                       .release = pipe_release};
static const struct file_operations write_operations = {.write = pipe_write,
                                                        .nowait = true,
                                                        .control = pipe_control,
                                                        .poll = pipe_poll,
                                                        .release = pipe_release};
static const struct file_operations both_operations = {.read = pipe_read,
                                                       .nowait = true,
                                                       .write = pipe_write,
                                                       .control = pipe_control,
                                                       .poll = pipe_poll,
                                                       .release = pipe_release};

/* Make file an end of the pipe, with one user more of the caller's. */
static void attach(struct pipe *pipe, struct file *file)
{
    unsigned mode = file->flags & O_ACCMODE;

    file->state = pipe;
    file->operations = mode == O_RDONLY   ? &read_operations
                       : mode == O_WRONLY ? &write_operations
                                          : &both_operations;
}

/* Capacity */

static struct pipe *pipe_of(const struct file *file)
{
    const struct file_operations *operations = file->operations;
    bool is_pipe = operations == &read_operations || operations == &write_operations ||
                   operations == &both_operations;
    return is_pipe ? file->state : NULL;
}

long pipe_capacity(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    return pipe ? (long)capacity_of(pipe) : -EBADF;
}

/* Put the pages into their places of another array, which becomes the pipe's; the old one is
 * returned. NULL: there is too much in the pipe. */
static struct page **exchange_pages(struct pipe *pipe, struct page **pages, unsigned count)
{
    struct page **old = NULL;

    spin_lock(&pipe->lock);
    if (pipe->tail - pipe->head <= (count - 1) * PAGE_SIZE) {
        for (uint64_t place = page_round_down(pipe->head); place < pipe->tail; place += PAGE_SIZE) {
            struct page **slot = page_slot(pipe, place);
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

long pipe_resize(struct file *file, uint64_t size)
{
    struct pipe *pipe = pipe_of(file);
    uint64_t capacity = PAGE_SIZE;

    if (!pipe)
        return -EBADF;
    if (size > INT32_MAX)
        return -EINVAL;
    while (capacity < size)
        capacity *= 2;
    if (capacity > PIPE_MAX && capacity > capacity_of(pipe) &&
        !credentials_capable(CAP_SYS_RESOURCE))
        return -EPERM;
    unsigned count = (unsigned)(capacity / PAGE_SIZE) + 1;
    struct page **pages = kmalloc_zeroed(count * sizeof(*pages));
    if (!pages)
        return -ENOMEM;
    struct page **old = exchange_pages(pipe, pages, count);
    kfree(old ? old : pages);
    wake_all(&pipe->changed);
    return old ? (long)capacity : -EBUSY;
}

/* Moving bytes to and from other files: splice(2) */

bool file_is_pipe(const struct file *file)
{
    return pipe_of(file) != NULL;
}

bool pipe_is_same(const struct file *a, const struct file *b)
{
    return pipe_of(a) == pipe_of(b);
}

int pipe_await_data(struct file *file, bool nonblocking)
{
    struct pipe *pipe = file->state;

    if (nonblocking && !may_read(pipe))
        return -EAGAIN;
    int error = wait_event_interruptible(&pipe->changed, may_read(pipe));
    return error ? error : bytes_in(pipe) > 0;
}

int pipe_await_room(struct file *file, bool nonblocking)
{
    struct pipe *pipe = file->state;
    int error = 0;

    if (nonblocking && !may_write(pipe, 1))
        error = -EAGAIN;
    else
        error = wait_event_interruptible(&pipe->changed, may_write(pipe, 1));
    if (!error && !__atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE)) {
        signal_send(current_process(), SIGPIPE);
        error = -EPIPE;
    }
    return error;
}

size_t pipe_room(const struct file *file)
{
    return room_in(file->state);
}

void pipe_hold(struct file *file)
{
    struct pipe *pipe = file->state;
    mutex_lock(&pipe->reading);
}

void pipe_let_go(struct file *file)
{
    struct pipe *pipe = file->state;
    mutex_unlock(&pipe->reading);
}

size_t pipe_peek(struct file *file, size_t skip, char *buffer, size_t size)
{
    struct pipe *pipe = file->state;
    size_t done = 0;

    while (done < size) {
        spin_lock(&pipe->lock);
        uint64_t count = pipe->head + skip + done;
        size_t piece = count < pipe->tail ? rest_of_page(count, size - done) : 0;
        if (piece > pipe->tail - count)
            piece = pipe->tail - count;
        if (piece)
            memcpy(buffer + done, byte_at(pipe, count), piece);
        spin_unlock(&pipe->lock);
        if (!piece)
            break;
        done += piece;
    }
    return done;
}

void pipe_consume(struct file *file, size_t size)
{
    struct pipe *pipe = file->state;

    spin_lock(&pipe->lock);
    bool freed = room_in(pipe) < PIPE_BUF;
    advance_head(pipe, pipe->head + size);
    spin_unlock(&pipe->lock);
    if (freed)
        wake_events(&pipe->changed, POLLOUT | POLLWRNORM);
}

/* Unnamed pipes */

static struct pipe_vnode *pipe_vnode_of(struct vnode *vnode)
{
    return container_of(vnode, struct pipe_vnode, vnode);
}

static void free_vnode(struct vnode *vnode)
{
    pipe_put(pipe_vnode_of(vnode)->pipe);
    slab_free(&vnode_cache, pipe_vnode_of(vnode));
}

/* Another end, by way of /proc/PID/fd: there is nothing to wait for. */
static int open_vnode(struct vnode *vnode, struct file *file)
{
    struct pipe *pipe = pipe_vnode_of(vnode)->pipe;

    mutex_lock(&named_lock);
    pipe->users++;
    mutex_unlock(&named_lock);
    count_ends(pipe, file->flags, 1);
    attach(pipe, file);
    return 0;
}

static const struct vnode_operations pipe_vnode_operations = {
    .label = "pipe:[%lu]", .open = open_vnode, .free = free_vnode};

/* A vnode, which is the first user of a new pipe; NULL: no memory. */
static struct vnode *create_vnode(void)
{
    struct pipe_vnode *result = slab_allocate(&vnode_cache);
    struct pipe *pipe = result ? pipe_allocate() : NULL;

    if (!pipe) {
        if (result)
            slab_free(&vnode_cache, result);
        return NULL;
    }
    pipe->users = 1;
    result->pipe = pipe;
    vnode_init(&result->vnode, NULL, &pipe_vnode_operations,
               __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED), S_IFIFO | 0600);
    result->vnode.uid = credentials_current()->fsuid;
    result->vnode.gid = credentials_current()->fsgid;
    return &result->vnode;
}

/* A file that is an end of the vnode's pipe; NULL: no memory. */
static struct file *create_end(struct vnode *vnode, uint32_t flags)
{
    struct file *file = file_create(vnode, &read_operations, flags);

    if (!file)
        return NULL;
    vnode_reference(vnode);
    open_vnode(vnode, file);
    return file;
}

int pipe_create(uint32_t flags, struct file **read_end, struct file **write_end)
{
    struct vnode *vnode = create_vnode();

    if (!vnode)
        return -ENOMEM;
    *read_end = create_end(vnode, O_RDONLY | flags);
    *write_end = create_end(vnode, O_WRONLY | flags);
    bool complete = *read_end && *write_end;
    if (!complete && *read_end)
        file_release(*read_end);
    if (!complete && *write_end)
        file_release(*write_end);
    vnode_release(vnode);
    return complete ? 0 : -ENOMEM;
}

/* Named pipes */

/* The pipe of a vnode, with one user more; NULL: no memory. */
static struct pipe *named_pipe(struct vnode *vnode)
{
    struct pipe *found = NULL;

    mutex_lock(&named_lock);
    list_for_each (link, &named_pipes) {
        struct pipe *pipe = container_of(link, struct pipe, link);
        if (pipe->vnode == vnode)
            found = pipe;
    }
    if (!found && (found = pipe_allocate())) {
        found->vnode = vnode;
        list_push_back(&named_pipes, &found->link);
    }
    if (found)
        found->users++;
    mutex_unlock(&named_lock);
    return found;
}

/* Wait for the other end, as fifo(7) says; an end that came and went counts: 0 or -EINTR. */
static int wait_for_other_end(struct pipe *pipe, unsigned mode, uint64_t readers_before,
                              uint64_t writers_before)
{
    if (mode == O_RDONLY)
        return wait_event_interruptible(
            &pipe->changed,
            __atomic_load_n(&pipe->writers, __ATOMIC_ACQUIRE) ||
                __atomic_load_n(&pipe->writers_opened, __ATOMIC_ACQUIRE) != writers_before);
    return wait_event_interruptible(&pipe->changed,
                                    __atomic_load_n(&pipe->readers, __ATOMIC_ACQUIRE) ||
                                        __atomic_load_n(&pipe->readers_opened, __ATOMIC_ACQUIRE) !=
                                            readers_before);
}

int fifo_open(struct vnode *vnode, struct file *file)
{
    unsigned mode = file->flags & O_ACCMODE;
    struct pipe *pipe = named_pipe(vnode);
    int error = 0;

    if (!pipe)
        return -ENOMEM;
    uint64_t readers_before = __atomic_load_n(&pipe->readers_opened, __ATOMIC_ACQUIRE);
    uint64_t writers_before = __atomic_load_n(&pipe->writers_opened, __ATOMIC_ACQUIRE);
    if (mode == O_WRONLY && (file->flags & O_NONBLOCK) && !pipe->readers) {
        pipe_put(pipe);
        return -ENXIO; /* fifo(7) */
    }
    if (mode == O_RDONLY && (file->flags & O_NONBLOCK) && !pipe->writers)
        file->offset = writers_before;
    count_ends(pipe, file->flags, 1);
    if (mode != O_RDWR && !(file->flags & O_NONBLOCK))
        error = wait_for_other_end(pipe, mode, readers_before, writers_before);
    if (error) {
        count_ends(pipe, file->flags, -1);
        pipe_put(pipe);
        return error;
    }
    attach(pipe, file);
    return 0;
}
