/*
 * ioctl(2) of a terminal (ioctl_tty(2)). What is sent is on its way at once, so what waits for that
 * (TCSETSW, TCSBRK) has nothing to do.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/signal.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/user.h"
#include "dev/terminal_internal.h"
#include "dev/terminal_speed.h"
#include "lib/string.h"

/* Settings */

static long get_settings(struct terminal *terminal, uint64_t address, bool with_speed)
{
    mutex_lock(&terminal->lock);
    struct termios2 settings = terminal->settings;
    mutex_unlock(&terminal->lock);
    return copy_to_user(address, &settings, with_speed ? sizeof(settings) : sizeof(settings.base));
}

/* TCGETA */
static long get_old_settings(struct terminal *terminal, uint64_t address)
{
    mutex_lock(&terminal->lock);
    struct termios settings = terminal->settings.base;
    mutex_unlock(&terminal->lock);
    struct termio old = {.input_flags = (uint16_t)settings.input_flags,
                         .output_flags = (uint16_t)settings.output_flags,
                         .control_flags = (uint16_t)settings.control_flags,
                         .local_flags = (uint16_t)settings.local_flags,
                         .line = settings.line};
    memcpy(old.characters, settings.characters, sizeof(old.characters));
    return copy_to_user(address, &old, sizeof(old));
}

static bool flushes(unsigned request)
{
    return request == TCSETSF || request == TCSETSF2 || request == TCSETAF;
}

static uint32_t with_lower_half(uint32_t flags, uint16_t lower)
{
    return (flags & 0xffff0000u) | lower;
}

/* TCSETA, TCSETAW, TCSETAF: change the part of the settings that a termio has. */
static int read_old_settings(struct termios *settings, uint64_t address)
{
    struct termio old;

    if (copy_from_user(&old, address, sizeof(old)))
        return -EFAULT;
    settings->input_flags = with_lower_half(settings->input_flags, old.input_flags);
    settings->output_flags = with_lower_half(settings->output_flags, old.output_flags);
    settings->control_flags = with_lower_half(settings->control_flags, old.control_flags);
    settings->local_flags = with_lower_half(settings->local_flags, old.local_flags);
    memcpy(settings->characters, old.characters, sizeof(old.characters));
    return 0;
}

/* Change the settings by what the request's structure has at the address. */
static int read_settings(struct termios2 *settings, unsigned request, uint64_t address)
{
    switch (request) {
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return read_old_settings(&settings->base, address);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return copy_from_user(settings, address, sizeof(*settings)) ? -EFAULT : 0;
    default:
        return copy_from_user(&settings->base, address, sizeof(settings->base)) ? -EFAULT : 0;
    }
}

static uint32_t keep_locked(uint32_t new, uint32_t old, uint32_t locked)
{
    return (new & ~locked) | (old & locked);
}

/* What is locked stays as it is. Locked. */
static void undo_locked(const struct terminal *terminal, struct termios *new)
{
    const struct termios *old = &terminal->settings.base, *locked = &terminal->locked;

    new->input_flags = keep_locked(new->input_flags, old->input_flags, locked->input_flags);
    new->output_flags = keep_locked(new->output_flags, old->output_flags, locked->output_flags);
    new->control_flags = keep_locked(new->control_flags, old->control_flags, locked->control_flags);
    new->local_flags = keep_locked(new->local_flags, old->local_flags, locked->local_flags);
    for (unsigned i = 0; i < NCCS; i++) {
        if (locked->characters[i])
            new->characters[i] = old->characters[i];
    }
}

static long set_settings(struct terminal *terminal, unsigned request, uint64_t address)
{
    int error = terminal_check_foreground(terminal, SIGTTOU);

    if (error)
        return error;
    mutex_lock(&terminal->lock);
    struct termios2 settings = terminal->settings;
    mutex_unlock(&terminal->lock);
    error = read_settings(&settings, request, address);
    if (error)
        return error;
    terminal_speeds_of_codes(&settings);
    settings.base.line = 0;
    mutex_lock(&terminal->lock);
    if (flushes(request))
        terminal_flush_input(terminal);
    undo_locked(terminal, &settings.base);
    terminal_set(terminal, &settings);
    mutex_unlock(&terminal->lock);
    terminal_handle_received(terminal);
    return 0;
}

static long get_locked(struct terminal *terminal, uint64_t address)
{
    mutex_lock(&terminal->lock);
    struct termios locked = terminal->locked;
    mutex_unlock(&terminal->lock);
    return copy_to_user(address, &locked, sizeof(locked));
}

static long set_locked(struct terminal *terminal, uint64_t address)
{
    struct termios locked;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (copy_from_user(&locked, address, sizeof(locked)))
        return -EFAULT;
    mutex_lock(&terminal->lock);
    terminal->locked = locked;
    mutex_unlock(&terminal->lock);
    return 0;
}

static long get_size(struct terminal *terminal, uint64_t address)
{
    mutex_lock(&terminal->lock);
    struct winsize size = terminal->size;
    mutex_unlock(&terminal->lock);
    return copy_to_user(address, &size, sizeof(size));
}

static long set_size(struct terminal *terminal, uint64_t address)
{
    struct winsize size;

    if (copy_from_user(&size, address, sizeof(size)))
        return -EFAULT;
    mutex_lock(&terminal->lock);
    bool changed = memcmp(&terminal->size, &size, sizeof(size)) != 0;
    terminal->size = size;
    mutex_unlock(&terminal->lock);
    if (changed)
        terminal_signal_foreground(terminal, SIGWINCH);
    return 0;
}

/* Copy a number out if there is no error. */
static long give_number(int error, int number, uint64_t address)
{
    return error ? error : copy_to_user(address, &number, sizeof(number));
}

/* Queues */

/* FIONREAD: the bytes that a read would get; of lines, those that are complete. */
static long count_input(struct terminal *terminal, uint64_t address)
{
    int count = 0;

    mutex_lock(&terminal->lock);
    for (uint32_t i = terminal->head; i != terminal->committed; i++)
        count += !(*terminal_entry(terminal, i) & INPUT_END_OF_FILE);
    mutex_unlock(&terminal->lock);
    return copy_to_user(address, &count, sizeof(count));
}

void terminal_flush_output(struct terminal *terminal)
{
    terminal->held.head = terminal->held.tail;
    if (terminal->driver->discard_output)
        terminal->driver->discard_output(terminal);
    terminal_notify(terminal, TIOCPKT_FLUSHWRITE);
    wake_all(&terminal->changed);
}

void terminal_notify(struct terminal *terminal, unsigned status)
{
    if (terminal->driver->notify)
        terminal->driver->notify(terminal, status);
}

static long flush(struct terminal *terminal, uint64_t queues)
{
    int error = terminal_check_foreground(terminal, SIGTTOU);

    if (error)
        return error;
    if (queues > TCIOFLUSH)
        return -EINVAL;
    mutex_lock(&terminal->lock);
    if (queues != TCOFLUSH)
        terminal_flush_input(terminal);
    if (queues != TCIFLUSH)
        terminal_flush_output(terminal);
    mutex_unlock(&terminal->lock);
    terminal_handle_received(terminal);
    return 0;
}

/* Send VSTOP or VSTART to the other side. Locked. */
static void send_control(struct terminal *terminal, unsigned index)
{
    char byte = (char)terminal->settings.base.characters[index];

    if (byte && terminal->driver->room(terminal))
        terminal->driver->send(terminal, &byte, 1);
    wake_all(&terminal->changed);
}

/* TCXONC */
static long suspend(struct terminal *terminal, uint64_t action)
{
    int error = terminal_check_foreground(terminal, SIGTTOU);

    if (error)
        return error;
    if (action > TCION)
        return -EINVAL;
    mutex_lock(&terminal->lock);
    if (action == TCOOFF) {
        terminal->suspended = true;
        terminal_stop(terminal);
    } else if (action == TCOON && terminal->suspended) {
        terminal->suspended = false;
        terminal_start(terminal);
    } else if (action == TCIOFF || action == TCION) {
        send_control(terminal, action == TCIOFF ? VSTOP : VSTART);
    }
    mutex_unlock(&terminal->lock);
    return 0;
}

/* TIOCSTI: as if the byte had been typed. */
static long insert(struct terminal *terminal, uint64_t address)
{
    unsigned char byte;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EIO;
    if (copy_from_user(&byte, address, sizeof(byte)))
        return -EFAULT;
    mutex_lock(&terminal->lock);
    int signal =
        terminal->tail - terminal->head < INPUT_SIZE - 1 ? terminal_receive(terminal, byte) : 0;
    mutex_unlock(&terminal->lock);
    if (signal)
        terminal_signal_foreground(terminal, signal);
    return 0;
}

/* The rest */

static long set_discipline(uint64_t address)
{
    int number;

    if (copy_from_user(&number, address, sizeof(number)))
        return -EFAULT;
    return number == 0 ? 0 : -EINVAL; /* there is one, Linux's N_TTY */
}

static long hang_up(struct terminal *terminal)
{
    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    terminal_hang_up(terminal);
    return 0;
}

static long control_job(struct terminal *terminal, struct file *file, unsigned request,
                        uint64_t argument, bool by_master)
{
    bool readable = (file->flags & O_ACCMODE) != O_WRONLY;
    int number = 0, error;

    switch (request) {
    case TIOCSCTTY:
        return terminal_acquire(terminal, argument == 1, readable);
    case TIOCGPGRP:
        error = terminal_get_group(terminal, by_master, &number);
        return give_number(error, number, argument);
    case TIOCSPGRP:
        if (copy_from_user(&number, argument, sizeof(number)))
            return -EFAULT;
        return terminal_set_group(terminal, number);
    case TIOCGSID:
        error = terminal_get_session(terminal, by_master, &number);
        return give_number(error, number, argument);
    default:
        return -ENOTTY;
    }
}

long terminal_control_common(struct terminal *terminal, struct file *file, unsigned request,
                             uint64_t argument, bool by_master)
{
    switch (request) {
    case TCGETS:
    case TCGETS2:
        return get_settings(terminal, argument, request == TCGETS2);
    case TCGETA:
        return get_old_settings(terminal, argument);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_settings(terminal, request, argument);
    case TIOCGLCKTRMIOS:
        return get_locked(terminal, argument);
    case TIOCSLCKTRMIOS:
        return set_locked(terminal, argument);
    case TIOCGWINSZ:
        return get_size(terminal, argument);
    case TIOCSWINSZ:
        return set_size(terminal, argument);
    case TIOCOUTQ:
        return give_number(0, 0, argument);
    case TCSBRK:
    case TCSBRKP:
        return terminal_check_foreground(terminal, SIGTTOU);
    case TIOCGETD:
        return give_number(0, 0, argument);
    case TIOCSETD:
        return set_discipline(argument);
    case TIOCVHANGUP:
        return hang_up(terminal);
    default:
        return control_job(terminal, file, request, argument, by_master);
    }
}

long terminal_control(struct file *file, unsigned request, uint64_t argument)
{
    struct terminal *terminal = terminal_of(file);

    if (terminal_is_hung_up(file))
        return request == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (request) {
    case FIONREAD:
        return count_input(terminal, argument);
    case TCFLSH:
        return flush(terminal, argument);
    case TCXONC:
        return suspend(terminal, argument);
    case TIOCSTI:
        return insert(terminal, argument);
    case TIOCEXCL:
    case TIOCNXCL:
        __atomic_store_n(&terminal->exclusive, request == TIOCEXCL, __ATOMIC_RELAXED);
        return 0;
    case TIOCGEXCL:
        return give_number(0, __atomic_load_n(&terminal->exclusive, __ATOMIC_RELAXED), argument);
    case TIOCGDEV:
        return give_number(0, (int)terminal->device_number, argument);
    case TIOCNOTTY:
        return terminal_give_up(terminal);
    default:
        return terminal_control_common(terminal, file, request, argument, false);
    }
}
