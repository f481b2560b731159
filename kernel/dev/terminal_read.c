/*
 * Reading from a terminal: lines, or bytes as they come with VMIN and VTIME (termios(3),
 * "Canonical and noncanonical mode").
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/signal.h"
#include "core/time.h"
#include "dev/terminal_internal.h"

#define CHUNK 256u
#define TENTH 100000000ull /* of a second, in nanoseconds: the unit of VTIME */

/*
 * Take up to size readable bytes. Of lines: not behind the end of one, *ended tells that it was
 * reached. Locked.
 */
static size_t take_input(struct terminal *terminal, char *buffer, size_t size, bool *ended)
{
    bool canonical = terminal_is_canonical(terminal);
    size_t count = 0;

    *ended = false;
    while (terminal->head != terminal->committed && !(canonical && *ended)) {
        uint16_t value = *terminal_entry(terminal, terminal->head);
        /* An end of file behind the last byte that fits belongs to the line that it ends. */
        if (count == size && !(canonical && count && (value & INPUT_END_OF_FILE)))
            break;
        terminal->head++;
        *ended = canonical && (value & (INPUT_LINE_END | INPUT_END_OF_FILE));
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

    do {
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        mutex_lock(&terminal->lock);
        count = take_input(terminal, chunk, size, ended);
        mutex_unlock(&terminal->lock);
        terminal_handle_received(terminal);
        size_t given = transfer_give(transfer, chunk, count);
        done += given;
        if (given < count)
            return done ? (long)done : -EFAULT;
    } while (count == CHUNK && transfer->remaining && !*ended);
    return (long)done;
}

/* What a read waits for, as it is when the read begins. */
struct waiting {
    size_t minimum;    /* bytes */
    uint64_t deadline; /* of the next byte */
    uint64_t interval; /* of later ones; 0: no limit */
};

static struct waiting waiting_of(struct terminal *terminal)
{
    struct waiting waiting = {.minimum = 1, .deadline = WAIT_FOREVER};

    mutex_lock(&terminal->lock);
    const uint8_t *characters = terminal->settings.base.characters;
    if (!terminal_is_canonical(terminal)) {
        uint64_t time = characters[VTIME] * TENTH;
        if (characters[VMIN]) {
            waiting.minimum = characters[VMIN];
            waiting.interval = time;
        } else {
            waiting.deadline = time ? time_now() + time : 0;
        }
    }
    mutex_unlock(&terminal->lock);
    return waiting;
}

static bool has_ended(const struct file *file)
{
    return __atomic_load_n(&terminal_of(file)->disconnected, __ATOMIC_ACQUIRE) ||
           terminal_is_hung_up(file);
}

/* Wait for more: 0, -ETIMEDOUT (also if there is nothing to wait for), or an error of the read. */
static int wait_for_input(struct file *file, uint64_t deadline)
{
    struct terminal *terminal = terminal_of(file);

    if (__atomic_load_n(&terminal->disconnected, __ATOMIC_ACQUIRE))
        return -EIO;
    if (terminal_is_hung_up(file) || deadline == 0)
        return -ETIMEDOUT;
    if (file->flags & O_NONBLOCK)
        return -EAGAIN;
    return wait_event_until(&terminal->changed, terminal_has_input(terminal) || has_ended(file),
                            WAIT_INTERRUPTIBLE, deadline);
}

/* The only read that is under way. */
static long read_claimed(struct file *file, struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    struct waiting waiting = waiting_of(terminal);
    size_t done = 0;
    int error = 0;

    while (!error && transfer->remaining) {
        bool ended;
        long moved = read_some(terminal, transfer, &ended);
        if (moved < 0)
            return done ? (long)done : moved;
        done += (size_t)moved;
        if (ended || done >= waiting.minimum)
            break;
        if (moved && waiting.interval)
            waiting.deadline = time_now() + waiting.interval;
        error = wait_for_input(file, waiting.deadline);
    }
    return done || error == -ETIMEDOUT ? (long)done : error;
}

long terminal_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);

    (void)offset;
    if (terminal_is_hung_up(file))
        return 0;
    int error = terminal_check_foreground(terminal, SIGTTIN);
    if (!error)
        error = terminal_begin(terminal, &terminal->reading, file);
    if (error)
        return error;
    long result = read_claimed(file, transfer);
    terminal_end(terminal, &terminal->reading);
    return result;
}
