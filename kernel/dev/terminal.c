/*
 * A terminal as a file: opening, writing, waiting for events; and the structure itself.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "core/credentials.h"
#include "core/process.h"
#include "dev/terminal_internal.h"
#include "vm/kmem.h"

#define CHUNK 512u
#define SPEED 38400u

static const struct termios2 default_settings = {
    .base = {.input_flags = ICRNL | IXON,
             .output_flags = OPOST | ONLCR,
             .control_flags = B38400 | CS8 | CREAD,
             .local_flags = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
             .characters = {[VINTR] = 0x03,
                            [VQUIT] = 0x1c,
                            [VERASE] = 0x7f,
                            [VKILL] = 0x15,
                            [VEOF] = 0x04,
                            [VMIN] = 1,
                            [VSTART] = 0x11,
                            [VSTOP] = 0x13,
                            [VSUSP] = 0x1a,
                            [VREPRINT] = 0x12,
                            [VDISCARD] = 0x0f,
                            [VWERASE] = 0x17,
                            [VLNEXT] = 0x16}},
    .input_speed = SPEED,
    .output_speed = SPEED,
};

int terminal_init(struct terminal *terminal, const struct terminal_driver *driver,
                  uint64_t device_number)
{
    *terminal = (struct terminal){
        .driver = driver, .device_number = device_number, .settings = default_settings};
    terminal->input = kmalloc(INPUT_SIZE * sizeof(*terminal->input));
    terminal->held = (struct ring){.bytes = kmalloc(HELD_SIZE), .size = HELD_SIZE};
    mutex_init(&terminal->lock, "terminal", RANK_NONE);
    wait_queue_init(&terminal->changed, "terminal");
    if (terminal->input && terminal->held.bytes)
        return 0;
    terminal_destroy(terminal);
    return -ENOMEM;
}

void terminal_destroy(struct terminal *terminal)
{
    kfree(terminal->input);
    kfree(terminal->held.bytes);
}

/* One read or write at a time */

int terminal_begin(struct terminal *terminal, uint32_t *flag, const struct file *file)
{
    int error = 0;

    while (!error && __atomic_exchange_n(flag, 1, __ATOMIC_ACQUIRE)) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        error =
            wait_event_interruptible(&terminal->changed, !__atomic_load_n(flag, __ATOMIC_RELAXED));
    }
    return error;
}

void terminal_end(struct terminal *terminal, uint32_t *flag)
{
    __atomic_store_n(flag, 0, __ATOMIC_RELEASE);
    wake_all(&terminal->changed);
}

/* Writing */

/* Written bytes, from a chunk that has been copied from the program. */
struct writing {
    char chunk[CHUNK];
    size_t next, end; /* what is left of the chunk */
    size_t done;      /* bytes written */
};

/* Write what there is room for, until a signal comes: is there no more to do? */
static bool write_some(struct terminal *terminal, struct writing *writing,
                       struct transfer *transfer)
{
    bool room = true;

    while (room) {
        if (writing->next == writing->end) {
            size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
            writing->next = 0;
            writing->end = transfer_take(transfer, writing->chunk, size);
            if (writing->end == 0)
                return true;
        }
        size_t size = writing->end - writing->next;
        mutex_lock(&terminal->lock);
        size_t put = terminal_put(terminal, writing->chunk + writing->next, size);
        mutex_unlock(&terminal->lock);
        wake_all(&terminal->changed);
        writing->next += put;
        writing->done += put;
        room = put == size && !thread_signalled();
    }
    return false;
}

static bool may_write(struct terminal *terminal, const struct file *file)
{
    mutex_lock(&terminal->lock);
    bool may = terminal_can_put(terminal) || terminal->disconnected || terminal_is_hung_up(file);
    mutex_unlock(&terminal->lock);
    return may;
}

/* Write all, waiting for room: bytes, or an error if there are none. */
static long write_all(struct file *file, struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    struct writing writing = {.done = 0};
    int error = 0;

    while (!error) {
        bool complete = false;
        if (terminal->disconnected || terminal_is_hung_up(file))
            error = -EIO;
        else if (thread_signalled())
            error = -EINTR;
        else
            complete = write_some(terminal, &writing, transfer);
        if (complete && transfer->remaining)
            error = -EFAULT;
        if (complete)
            break;
        if (!error && !may_write(terminal, file) && (file->flags & O_NONBLOCK))
            error = -EAGAIN;
        if (!error)
            error = wait_event_interruptible(&terminal->changed, may_write(terminal, file));
    }
    return writing.done ? (long)writing.done : error;
}

long terminal_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    int error = 0;

    (void)offset;
    if (terminal_is_hung_up(file))
        return -EIO;
    if (transfer->remaining == 0)
        return 0;
    if (terminal_setting(terminal, TOSTOP))
        error = terminal_check_foreground(terminal, SIGTTOU);
    if (!error)
        error = terminal_begin(terminal, &terminal->writing, file);
    if (error)
        return error;
    long result = write_all(file, transfer);
    terminal_end(terminal, &terminal->writing);
    return result;
}

/* Events */

/* Is there what a read waits for? Locked. */
static bool is_readable(const struct terminal *terminal)
{
    const uint8_t *characters = terminal->settings.base.characters;
    uint32_t needed = 1;

    if (!terminal_is_canonical(terminal) && !characters[VTIME] && characters[VMIN])
        needed = characters[VMIN];
    return terminal->committed - terminal->head >= needed;
}

static unsigned terminal_poll(struct file *file, struct wait_queue **queue)
{
    struct terminal *terminal = terminal_of(file);
    unsigned events = 0;

    *queue = &terminal->changed;
    if (terminal_is_hung_up(file))
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    mutex_lock(&terminal->lock);
    if (is_readable(terminal))
        events |= POLLIN | POLLRDNORM;
    if (terminal_can_put(terminal) && !__atomic_load_n(&terminal->writing, __ATOMIC_RELAXED))
        events |= POLLOUT | POLLWRNORM;
    if (terminal->disconnected)
        events |= POLLHUP;
    mutex_unlock(&terminal->lock);
    return events;
}

/* Open files */

bool terminal_is_hung_up(const struct file *file)
{
    const struct terminal_file *state = file->state;

    return !state->lasting &&
           __atomic_load_n(&state->terminal->hang_ups, __ATOMIC_ACQUIRE) != state->hang_ups;
}

static void terminal_release(struct file *file)
{
    struct terminal *terminal = terminal_of(file);

    kfree(file->state);
    if (terminal->driver->closed)
        terminal->driver->closed(terminal);
}

static const struct file_operations terminal_operations = {
    .read = terminal_read,
    .write = terminal_write,
    .control = terminal_control,
    .poll = terminal_poll,
    .tells = true,
    .release = terminal_release,
};

int terminal_open(struct terminal *terminal, struct file *file, bool may_control)
{
    struct terminal_file *state = kmalloc(sizeof(*state));

    if (!state)
        return -ENOMEM;
    if (__atomic_load_n(&terminal->exclusive, __ATOMIC_RELAXED) &&
        !credentials_capable(CAP_SYS_ADMIN)) {
        kfree(state);
        return -EBUSY;
    }
    *state = (struct terminal_file){
        .terminal = terminal,
        .hang_ups = __atomic_load_n(&terminal->hang_ups, __ATOMIC_ACQUIRE),
    };
    file->operations = &terminal_operations;
    file->state = state;
    if (may_control && !(file->flags & O_NOCTTY) && (file->flags & O_ACCMODE) != O_WRONLY &&
        current_process())
        terminal_acquire_on_open(terminal);
    return 0;
}

int terminal_open_controlling(struct file *file)
{
    mutex_lock(&process_tree_lock);
    struct terminal *terminal = current_process()->terminal;
    if (terminal && terminal->driver->opened)
        terminal->driver->opened(terminal);
    mutex_unlock(&process_tree_lock);
    if (!terminal)
        return -ENXIO;
    int error = terminal_open(terminal, file, false);
    if (error && terminal->driver->closed)
        terminal->driver->closed(terminal);
    return error;
}

uint64_t terminal_device_number(const struct terminal *terminal)
{
    return terminal ? terminal->device_number : 0;
}
