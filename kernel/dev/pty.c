/*
 * Pseudo-terminals (pty.h).
 *
 *   write of the master --> received --> line discipline --> read of the slave
 *   read of the master  <-- output   <-- line discipline <-- write of the slave
 *
 * Both rings are under the lock of the slave's terminal, and its wait queue tells of changes on
 * either side. What the master writes is handled at once, as far as the slave's input has room;
 * the rest waits in `received` for a reader of the slave to make some.
 *
 *   master closed   the slave's readers get an error, its files are hung up, and it has no name
 *   slave closed    the master reads what is left, then an error, until a slave is opened again
 *
 * The pair has a reference from its master and from each open slave. A process's pointer to its
 * controlling terminal holds none: the close of the master takes the terminal from all of them.
 */
#include "dev/pty.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/signal.h"
#include "core/process.h"
#include "core/user.h"
#include "dev/terminal_internal.h"
#include "fs/devpts.h"
#include "fs/vnode.h"
#include "vm/kmem.h"

#define SLAVE_MAJOR 136
#define RING_SIZE   16384u
#define CHUNK       512u
#define DELIVERED   4095u /* output that a flush leaves: the master has as good as read it */

struct pty {
    struct terminal terminal;     /* of the slave */
    uint64_t references;          /* (a) */
    unsigned number;              /* (c) */
    struct vnode *node;           /* (c) in devpts, referenced while the master is open */
    struct ring output, received; /* (l) of the terminal */
    bool locked;                  /* (l) TIOCSPTLCK */
    unsigned slaves;              /* (l) open files of it */
    bool slave_closed;            /* (l) the last of them has been closed */
    bool packet;                  /* (l) TIOCPKT */
    unsigned packet_status;       /* (l) events that the master has not read */
    uint32_t reading, writing;    /* (a) a read or write of the master is under way */
};

static struct pty *pty_of(const struct terminal *terminal)
{
    return container_of(terminal, struct pty, terminal);
}

/* The driver of the slave's terminal */

static size_t pty_send(struct terminal *terminal, const char *bytes, size_t count)
{
    return ring_put(&pty_of(terminal)->output, bytes, count);
}

static size_t pty_room(const struct terminal *terminal)
{
    return ring_room(&pty_of(terminal)->output);
}

static bool pty_receive(struct terminal *terminal, unsigned char *byte)
{
    return ring_take(&pty_of(terminal)->received, (char *)byte, 1) == 1;
}

static void pty_discard_output(struct terminal *terminal)
{
    ring_cut(&pty_of(terminal)->output, DELIVERED);
}

/* Events take back what they contradict. */
static void pty_notify(struct terminal *terminal, unsigned status)
{
    static const struct {
        unsigned status, opposite;
    } opposites[] = {{TIOCPKT_STOP, TIOCPKT_START},
                     {TIOCPKT_START, TIOCPKT_STOP},
                     {TIOCPKT_DOSTOP, TIOCPKT_NOSTOP},
                     {TIOCPKT_NOSTOP, TIOCPKT_DOSTOP}};
    struct pty *pty = pty_of(terminal);

    if (!pty->packet)
        return;
    for (size_t i = 0; i < sizeof(opposites) / sizeof(opposites[0]); i++) {
        if (status == opposites[i].status)
            pty->packet_status &= ~opposites[i].opposite;
    }
    pty->packet_status |= status;
    wake_all(&terminal->changed);
}

/* Is flow control by ^S and ^Q in force, which a remote terminal can do by itself? */
static bool flows_locally(const struct termios2 *settings)
{
    return (settings->base.input_flags & IXON) && settings->base.characters[VSTOP] == 0x13 &&
           settings->base.characters[VSTART] == 0x11;
}

static void pty_settings_changed(struct terminal *terminal, const struct termios2 *before)
{
    struct termios2 *settings = &terminal->settings;
    bool flows = flows_locally(settings);

    if (flows != flows_locally(before))
        pty_notify(terminal, flows ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
    if ((settings->base.local_flags | before->base.local_flags) & EXTPROC)
        pty_notify(terminal, TIOCPKT_IOCTL);
    settings->base.control_flags &= ~(uint32_t)(CSIZE | PARENB);
    settings->base.control_flags |= CS8 | CREAD;
}

static void pty_opened(struct terminal *terminal)
{
    struct pty *pty = pty_of(terminal);

    pty_reference(pty);
    mutex_lock(&terminal->lock);
    pty->slaves++;
    pty->slave_closed = false;
    mutex_unlock(&terminal->lock);
}

static void pty_closed(struct terminal *terminal)
{
    struct pty *pty = pty_of(terminal);

    mutex_lock(&terminal->lock);
    if (--pty->slaves == 0)
        pty->slave_closed = true;
    mutex_unlock(&terminal->lock);
    wake_all(&terminal->changed);
    pty_release(pty);
}

static const struct terminal_driver pty_driver = {
    .send = pty_send,
    .room = pty_room,
    .receive = pty_receive,
    .discard_output = pty_discard_output,
    .notify = pty_notify,
    .settings_changed = pty_settings_changed,
    .opened = pty_opened,
    .closed = pty_closed,
};

/* Pairs */

static int ring_create(struct ring *ring)
{
    *ring = (struct ring){.bytes = kmalloc(RING_SIZE), .size = RING_SIZE};
    return ring->bytes ? 0 : -ENOMEM;
}

struct pty *pty_create(unsigned number)
{
    struct pty *pty = kmalloc_zeroed(sizeof(*pty));

    if (!pty)
        return NULL;
    if (terminal_init(&pty->terminal, &pty_driver, device_number(SLAVE_MAJOR, number))) {
        kfree(pty);
        return NULL;
    }
    pty->number = number;
    pty->locked = true;
    pty->references = 1;
    if (ring_create(&pty->output) || ring_create(&pty->received)) {
        pty_release(pty);
        return NULL;
    }
    return pty;
}

void pty_reference(struct pty *pty)
{
    __atomic_fetch_add(&pty->references, 1, __ATOMIC_RELAXED);
}

void pty_release(struct pty *pty)
{
    if (__atomic_fetch_sub(&pty->references, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    kfree(pty->output.bytes);
    kfree(pty->received.bytes);
    terminal_destroy(&pty->terminal);
    kfree(pty);
}

int pty_open_slave(struct pty *pty, struct file *file)
{
    struct terminal *terminal = &pty->terminal;

    mutex_lock(&terminal->lock);
    bool refused = pty->locked || terminal->disconnected;
    if (!refused) {
        pty_reference(pty);
        pty->slaves++;
        pty->slave_closed = false;
    }
    mutex_unlock(&terminal->lock);
    if (refused)
        return -EIO;
    int error = terminal_open(terminal, file, true);
    if (error)
        pty_closed(terminal);
    return error;
}

/* The master: reading */

/* Take what the slave has sent, behind the byte that packet mode puts in front: bytes. Locked. */
static size_t take_output(struct pty *pty, char *buffer, size_t size, bool first)
{
    size_t count = 0;

    if (pty->packet && first && pty->packet_status) {
        buffer[0] = (char)pty->packet_status;
        pty->packet_status = 0;
        return 1;
    }
    if (pty->packet && first && ring_count(&pty->output))
        buffer[count++] = TIOCPKT_DATA;
    return count + ring_take(&pty->output, buffer + count, size - count);
}

/* Read what is there: bytes, or -EFAULT. */
static long read_some(struct pty *pty, struct transfer *transfer)
{
    struct terminal *terminal = &pty->terminal;
    char chunk[CHUNK];
    size_t done = 0, count;

    do {
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        mutex_lock(&terminal->lock);
        count = take_output(pty, chunk, size, done == 0);
        terminal_send_held(terminal);
        mutex_unlock(&terminal->lock);
        if (count)
            wake_all(&terminal->changed);
        size_t given = transfer_give(transfer, chunk, count);
        done += given;
        if (given < count)
            return done ? (long)done : -EFAULT;
    } while (count == CHUNK && transfer->remaining);
    return (long)done;
}

/* Would a read of the master return at once? */
static bool may_read(struct pty *pty)
{
    mutex_lock(&pty->terminal.lock);
    bool may = ring_count(&pty->output) || pty->slave_closed || (pty->packet && pty->packet_status);
    mutex_unlock(&pty->terminal.lock);
    return may;
}

static long read_claimed(struct pty *pty, struct file *file, struct transfer *transfer)
{
    for (;;) {
        /* What was sent before the slave was closed comes before the error. */
        bool closed = __atomic_load_n(&pty->slave_closed, __ATOMIC_ACQUIRE);
        long done = read_some(pty, transfer);
        if (done || transfer->remaining == 0)
            return done;
        if (closed)
            return -EIO;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(&pty->terminal.changed, may_read(pty)))
            return -EINTR;
    }
}

static long master_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct pty *pty = file->state;

    (void)offset;
    int error = terminal_begin(&pty->terminal, &pty->reading, file);
    if (error)
        return error;
    long result = read_claimed(pty, file, transfer);
    terminal_end(&pty->terminal, &pty->reading);
    return result;
}

/* The master: writing */

/* Hand over a piece of what is written: bytes, or -EFAULT. */
static long write_some(struct pty *pty, struct transfer *transfer)
{
    struct terminal *terminal = &pty->terminal;
    char chunk[CHUNK];

    mutex_lock(&terminal->lock);
    size_t size = ring_room(&pty->received);
    mutex_unlock(&terminal->lock);
    if (size > CHUNK)
        size = CHUNK;
    if (size > transfer->remaining)
        size = transfer->remaining;
    size_t taken = transfer_take(transfer, chunk, size);
    if (taken == 0)
        return size ? -EFAULT : 0;
    mutex_lock(&terminal->lock);
    ring_put(&pty->received, chunk, taken); /* fits: nobody else puts anything there */
    mutex_unlock(&terminal->lock);
    terminal_handle_received(terminal);
    wake_all(&terminal->changed);
    return (long)taken;
}

static bool has_room(struct pty *pty)
{
    mutex_lock(&pty->terminal.lock);
    bool room = ring_room(&pty->received) > 0;
    mutex_unlock(&pty->terminal.lock);
    return room;
}

static long write_claimed(struct pty *pty, struct file *file, struct transfer *transfer)
{
    size_t done = 0;
    long error = 0;

    while (!error && transfer->remaining) {
        long written = thread_signalled() ? -EINTR : write_some(pty, transfer);
        if (written > 0)
            done += (size_t)written;
        else if (written < 0)
            error = written;
        else if (file->flags & O_NONBLOCK)
            error = -EAGAIN;
        else
            error = wait_event_interruptible(&pty->terminal.changed, has_room(pty));
    }
    return done ? (long)done : error;
}

static long master_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct pty *pty = file->state;

    (void)offset;
    int error = terminal_begin(&pty->terminal, &pty->writing, file);
    if (error)
        return error;
    long result = write_claimed(pty, file, transfer);
    terminal_end(&pty->terminal, &pty->writing);
    return result;
}

/* The master: requests and events */

static long set_flag(struct pty *pty, bool *flag, uint64_t address)
{
    int value;

    if (copy_from_user(&value, address, sizeof(value)))
        return -EFAULT;
    mutex_lock(&pty->terminal.lock);
    if (flag == &pty->packet && value && !pty->packet)
        pty->packet_status = 0;
    *flag = value != 0;
    mutex_unlock(&pty->terminal.lock);
    return 0;
}

static long give_number(int number, uint64_t address)
{
    return copy_to_user(address, &number, sizeof(number));
}

static long count_output(struct pty *pty, uint64_t address)
{
    mutex_lock(&pty->terminal.lock);
    int count = (int)ring_count(&pty->output);
    mutex_unlock(&pty->terminal.lock);
    return give_number(count, address);
}

/* TIOCSIG: as if the slave's user had typed it. */
static long send_signal(struct pty *pty, uint64_t number)
{
    if (number != SIGINT && number != SIGQUIT && number != SIGTSTP)
        return -EINVAL;
    terminal_signal_foreground(&pty->terminal, (int)number);
    return 0;
}

/* TCFLSH: what the master has not read, and what the slave has not taken in. */
static long flush(struct pty *pty, uint64_t queues)
{
    if (queues > TCIOFLUSH)
        return -EINVAL;
    mutex_lock(&pty->terminal.lock);
    if (queues != TCOFLUSH)
        ring_cut(&pty->output, 0);
    if (queues != TCIFLUSH)
        ring_cut(&pty->received, 0);
    terminal_send_held(&pty->terminal);
    mutex_unlock(&pty->terminal.lock);
    wake_all(&pty->terminal.changed);
    return 0;
}

static long master_control(struct file *file, unsigned request, uint64_t argument)
{
    struct pty *pty = file->state;

    switch (request) {
    case TIOCSPTLCK:
        return set_flag(pty, &pty->locked, argument);
    case TIOCGPTLCK:
        return give_number(pty->locked, argument);
    case TIOCPKT:
        return set_flag(pty, &pty->packet, argument);
    case TIOCGPKT:
        return give_number(pty->packet, argument);
    case TIOCGPTN:
        return give_number((int)pty->number, argument);
    case TIOCGPTPEER:
        return devpts_open_peer(pty->node, (uint32_t)argument);
    case TIOCSIG:
        return send_signal(pty, argument);
    case FIONREAD:
        return count_output(pty, argument);
    case TCFLSH:
        return flush(pty, argument);
    case TIOCGDEV:
        return give_number((int)file->vnode->device, argument);
    default:
        return terminal_control_common(&pty->terminal, file, request, argument, true);
    }
}

static unsigned master_poll(struct file *file, struct wait_queue **queue)
{
    struct pty *pty = file->state;
    unsigned events = 0;

    *queue = &pty->terminal.changed;
    mutex_lock(&pty->terminal.lock);
    if (ring_count(&pty->output))
        events |= POLLIN | POLLRDNORM;
    if (pty->packet && pty->packet_status)
        events |= POLLPRI | POLLIN | POLLRDNORM;
    if (pty->slave_closed)
        events |= POLLHUP;
    if (ring_room(&pty->received))
        events |= POLLOUT | POLLWRNORM;
    mutex_unlock(&pty->terminal.lock);
    return events;
}

static void master_release(struct file *file)
{
    struct pty *pty = file->state;

    devpts_remove(pty->node);
    mutex_lock(&pty->terminal.lock);
    __atomic_store_n(&pty->terminal.disconnected, true, __ATOMIC_RELEASE);
    mutex_unlock(&pty->terminal.lock);
    terminal_hang_up(&pty->terminal);
    pty_release(pty);
}

static const struct file_operations master_operations = {
    .read = master_read,
    .write = master_write,
    .control = master_control,
    .poll = master_poll,
    .tells = true,
    .release = master_release,
};

void pty_open_master(struct pty *pty, struct vnode *node, struct file *file)
{
    pty->node = node;
    file->operations = &master_operations;
    file->state = pty;
}
