/*
 * The console terminal as a file, and the way of its input:
 *
 *   UART interrupt --> received (bytes as they come) --> terminal thread --> line discipline
 *   (terminal_line.c), echo, signals --> input of the terminal --> read(2)
 *
 * The thread is there because signals to a group and echo take locks that an interrupt must not
 * wait for. When the terminal's input is full of lines that nobody reads, bytes stay where they
 * were received, but a byte that causes a signal is still found, and what is before it thrown away.
 */
#include "dev/terminal.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/random.h"
#include "core/time.h"
#include "dev/terminal_internal.h"

#define RECEIVED_SIZE 65536u
#define CHUNK         256u
#define TENTH         100000000ull /* of a second, in nanoseconds: the unit of VTIME */
#define SERIAL_MAJOR  4
#define SERIAL_MINOR  64

struct terminal console_terminal = {
    .settings =
        {
            .input_flags = ICRNL | IXON,
            .output_flags = OPOST | ONLCR,
            .control_flags = B115200 | CS8 | CREAD | HUPCL,
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
                           [VLNEXT] = 0x16},
        },
};

/* Bytes as they come from the line. */
static struct {
    struct spinlock lock;
    uint32_t head, tail; /* (lock) */
    struct wait_queue arrived;
    char bytes[RECEIVED_SIZE];
} received;

/* Input */

void terminal_input(char byte)
{
    spin_lock(&received.lock);
    if (received.tail - received.head < RECEIVED_SIZE)
        received.bytes[received.tail++ % RECEIVED_SIZE] = byte;
    spin_unlock(&received.lock);
    random_stir(time_now());
    wake_all(&received.arrived);
}

void terminal_made_room(void)
{
    wake_all(&received.arrived);
}

static bool take_received(unsigned char *byte)
{
    spin_lock(&received.lock);
    bool taken = received.head != received.tail;
    if (taken)
        *byte = (unsigned char)received.bytes[received.head++ % RECEIVED_SIZE];
    spin_unlock(&received.lock);
    return taken;
}

/* Look for a byte that causes a signal, and take all up to it. Terminal locked. */
static bool take_received_signal(struct terminal *terminal, unsigned char *byte)
{
    bool found = false;

    spin_lock(&received.lock);
    for (uint32_t i = received.head; i != received.tail && !found; i++) {
        *byte = (unsigned char)received.bytes[i % RECEIVED_SIZE];
        found = terminal_signal_of(terminal, *byte);
        if (found)
            received.head = i + 1;
    }
    spin_unlock(&received.lock);
    return found;
}

/* Handle one byte, if there is one that can be handled now. */
static bool handle_received(struct terminal *terminal)
{
    unsigned char byte;
    int signal = 0;

    mutex_lock(&terminal->lock);
    bool taken =
        terminal_is_full(terminal) ? take_received_signal(terminal, &byte) : take_received(&byte);
    if (taken)
        signal = terminal_receive(terminal, byte);
    mutex_unlock(&terminal->lock);
    if (signal)
        terminal_signal_foreground(terminal, signal);
    return taken;
}

/* Woken by bytes that come, and by readers that make room. */
static void terminal_thread(void *argument)
{
    struct terminal *terminal = argument;

    for (;;)
        wait_event(&received.arrived, handle_received(terminal));
}

void terminal_init(void)
{
    mutex_init(&console_terminal.lock, "terminal", RANK_NONE);
    wait_queue_init(&console_terminal.changed, "terminal");
    spin_init(&received.lock, "terminal input", RANK_DEVICE);
    wait_queue_init(&received.arrived, "terminal input");
    if (kernel_thread_start("terminal", terminal_thread, &console_terminal))
        panic("no memory for the terminal thread");
}

/* Reading */

static bool is_canonical(const struct terminal *terminal)
{
    return __atomic_load_n(&terminal->settings.local_flags, __ATOMIC_RELAXED) & ICANON;
}

static bool has_input(const struct terminal *terminal)
{
    return __atomic_load_n(&terminal->committed, __ATOMIC_ACQUIRE) !=
           __atomic_load_n(&terminal->head, __ATOMIC_ACQUIRE);
}

/*
 * Take up to size readable bytes. Of lines: not behind the end of one, *ended tells that it was
 * reached. Locked.
 */
static size_t take_input(struct terminal *terminal, char *buffer, size_t size, bool *ended)
{
    bool canonical = is_canonical(terminal);
    size_t count = 0;

    *ended = false;
    while (terminal->head != terminal->committed && !(canonical && *ended)) {
        uint16_t value = terminal->input[terminal->head % INPUT_SIZE];
        /* An end of file behind the last byte that fits belongs to the line that it ends. */
        if (count == size && !(canonical && count && (value & INPUT_END_OF_FILE)))
            break;
        terminal->head++;
        *ended = value & (INPUT_LINE_END | INPUT_END_OF_FILE);
        if (!(value & INPUT_END_OF_FILE))
            buffer[count++] = (char)(value & INPUT_BYTE);
    }
    return count;
}

/* Move what is there, up to the end of a line, to the transfer: bytes moved, or -EFAULT. */
static long read_some(struct terminal *terminal, struct transfer *transfer, bool *ended)
{
    char chunk[CHUNK];
    size_t done = 0, count;

    *ended = false;
    do {
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        mutex_lock(&terminal->lock);
        count = take_input(terminal, chunk, size, ended);
        mutex_unlock(&terminal->lock);
        terminal_made_room();
        size_t given = transfer_give(transfer, chunk, count);
        done += given;
        if (given < count)
            return done ? (long)done : -EFAULT;
    } while (count == CHUNK && transfer->remaining && !*ended);
    return (long)done;
}

/* One read of a line: bytes, 0 at an end of file, or an error. *again: the mode has changed. */
static long read_line(struct file *file, struct transfer *transfer, bool *again)
{
    struct terminal *terminal = file->state;
    bool ended;

    *again = false;
    for (;;) {
        long done = read_some(terminal, transfer, &ended);
        if (done || ended)
            return done;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(&terminal->changed,
                                     has_input(terminal) || !is_canonical(terminal)))
            return -EINTR;
        *again = !is_canonical(terminal);
        if (*again)
            return 0;
    }
}

/* Until when to wait for the next byte: termios(3), "Canonical and noncanonical mode". */
static uint64_t read_deadline(const struct terminal *terminal, size_t done)
{
    unsigned minimum = terminal->settings.characters[VMIN];
    uint64_t tenths = terminal->settings.characters[VTIME];

    if (minimum ? tenths && done : tenths != 0)
        return time_now() + tenths * TENTH;
    return minimum ? WAIT_FOREVER : 0;
}

/* One read of bytes as they come, with VMIN and VTIME. */
static long read_bytes(struct file *file, struct transfer *transfer, bool *again)
{
    struct terminal *terminal = file->state;
    size_t minimum = terminal->settings.characters[VMIN], done = 0;
    bool ended;
    int error = 0;

    *again = false;
    if (minimum > transfer->remaining)
        minimum = transfer->remaining;
    while (!error && !*again) {
        long moved = read_some(terminal, transfer, &ended);
        if (moved < 0)
            return done ? (long)done : moved;
        done += (size_t)moved;
        uint64_t deadline = read_deadline(terminal, done);
        if (done >= (minimum ? minimum : 1) || !transfer->remaining || deadline == 0)
            break;
        if (file->flags & O_NONBLOCK)
            return done ? (long)done : -EAGAIN;
        error = wait_event_until(&terminal->changed, has_input(terminal) || is_canonical(terminal),
                                 WAIT_INTERRUPTIBLE, deadline);
        *again = is_canonical(terminal) && !done;
    }
    return !done && error == -EINTR ? -EINTR : (long)done;
}

static long terminal_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct terminal *terminal = file->state;
    bool again = true;
    long result = 0;

    (void)offset;
    while (again && transfer->remaining) {
        result = terminal_check_foreground(terminal, SIGTTIN);
        if (result)
            return result;
        result = is_canonical(terminal) ? read_line(file, transfer, &again)
                                        : read_bytes(file, transfer, &again);
    }
    return result;
}

/* Writing */

static int wait_until_started(struct file *file)
{
    struct terminal *terminal = file->state;

    if (!__atomic_load_n(&terminal->stopped, __ATOMIC_ACQUIRE))
        return 0;
    if (file->flags & O_NONBLOCK)
        return -EAGAIN;
    return wait_event_interruptible(&terminal->changed,
                                    !__atomic_load_n(&terminal->stopped, __ATOMIC_ACQUIRE));
}

static long terminal_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct terminal *terminal = file->state;
    char chunk[CHUNK];
    size_t done = 0;
    int error = 0;

    (void)offset;
    if (terminal_setting(terminal, TOSTOP))
        error = terminal_check_foreground(terminal, SIGTTOU);
    while (transfer->remaining && !error) {
        error = thread_signalled() && done ? -EINTR : wait_until_started(file);
        if (error)
            break;
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        size_t taken = transfer_take(transfer, chunk, size);
        mutex_lock(&terminal->lock);
        terminal_put(terminal, chunk, taken);
        mutex_unlock(&terminal->lock);
        done += taken;
        error = taken < size ? -EFAULT : 0;
    }
    return done ? (long)done : error;
}

/* The other operations */

static unsigned terminal_poll(struct file *file, struct wait_queue **queue)
{
    struct terminal *terminal = file->state;
    unsigned events = 0;
    size_t needed = 1;

    *queue = &terminal->changed;
    mutex_lock(&terminal->lock);
    if (!is_canonical(terminal) && !terminal->settings.characters[VTIME] &&
        terminal->settings.characters[VMIN])
        needed = terminal->settings.characters[VMIN];
    if (terminal->committed - terminal->head >= needed)
        events |= POLLIN | POLLRDNORM;
    if (!terminal->stopped)
        events |= POLLOUT | POLLWRNORM;
    mutex_unlock(&terminal->lock);
    return events;
}

const struct file_operations terminal_operations = {
    .read = terminal_read,
    .write = terminal_write,
    .control = terminal_control,
    .poll = terminal_poll,
};

void terminal_open(struct terminal *terminal, struct file *file, bool may_control)
{
    struct process *process = current_process();

    file->operations = &terminal_operations;
    file->state = terminal;
    if (may_control && !(file->flags & O_NOCTTY) && process)
        terminal_acquire(terminal, false); /* one that fails is no error of open(2) */
}

int terminal_open_controlling(struct file *file)
{
    mutex_lock(&process_tree_lock);
    struct terminal *terminal = current_process()->terminal;
    mutex_unlock(&process_tree_lock);
    if (!terminal)
        return -ENXIO;
    terminal_open(terminal, file, false);
    return 0;
}

uint64_t terminal_device_number(const struct terminal *terminal)
{
    return terminal ? device_number(SERIAL_MAJOR, SERIAL_MINOR) : 0;
}
