/*
 * ioctl(2) of a terminal (ioctl_tty(2)). Output is never on its way when a call returns, so what
 * waits for it (TCSETSW, TCSBRK) or throws it away (TCOFLUSH) has nothing to do.
 */
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "abi/signal.h"
#include "core/user.h"
#include "dev/terminal_internal.h"
#include "lib/string.h"

#define SPEED 115200u

/* Flags that have an effect elsewhere, and none here: they do not stay set. */
#define INPUT_UNSUPPORTED  IUCLC
#define OUTPUT_UNSUPPORTED OLCUC

static long get_settings(struct terminal *terminal, uint64_t address, bool with_speed)
{
    struct termios2 settings = {.input_speed = SPEED, .output_speed = SPEED};

    mutex_lock(&terminal->lock);
    settings.base = terminal->settings;
    mutex_unlock(&terminal->lock);
    return copy_to_user(address, &settings, with_speed ? sizeof(settings) : sizeof(settings.base));
}

static long set_settings(struct terminal *terminal, uint64_t address, bool flush)
{
    struct termios settings;
    int error = terminal_check_foreground(terminal, SIGTTOU);

    if (error)
        return error;
    if (copy_from_user(&settings, address, sizeof(settings)))
        return -EFAULT;
    settings.input_flags &= ~INPUT_UNSUPPORTED;
    settings.output_flags &= ~OUTPUT_UNSUPPORTED;
    /* The line is what it is: its speed and size of bytes do not change. */
    settings.control_flags = (settings.control_flags & HUPCL) | B115200 | CS8 | CREAD;
    settings.line = 0;
    mutex_lock(&terminal->lock);
    if (flush)
        terminal_flush_input(terminal);
    terminal_set(terminal, &settings);
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

/* FIONREAD: the bytes that a read would get; of lines, those that are complete. */
static long count_input(struct terminal *terminal, uint64_t address)
{
    int count = 0;

    mutex_lock(&terminal->lock);
    for (uint32_t i = terminal->head; i != terminal->committed; i++)
        count += !(terminal->input[i % INPUT_SIZE] & INPUT_END_OF_FILE);
    mutex_unlock(&terminal->lock);
    return copy_to_user(address, &count, sizeof(count));
}

static long flush(struct terminal *terminal, uint64_t queues)
{
    int error;

    if (queues > TCIOFLUSH)
        return -EINVAL;
    error = terminal_check_foreground(terminal, SIGTTOU);
    if (error || queues == TCOFLUSH)
        return error;
    mutex_lock(&terminal->lock);
    terminal_flush_input(terminal);
    mutex_unlock(&terminal->lock);
    return 0;
}

/* TCXONC: stop and restart output; there is no flow control of the input. */
static long suspend(struct terminal *terminal, uint64_t action)
{
    int error;

    if (action > TCION)
        return -EINVAL;
    error = terminal_check_foreground(terminal, SIGTTOU);
    if (error || action == TCIOFF || action == TCION)
        return error;
    __atomic_store_n(&terminal->stopped, action == TCOOFF, __ATOMIC_RELEASE);
    wake_all(&terminal->changed);
    return 0;
}

/* Copy a number out if there is no error. */
static long give_number(int error, int number, uint64_t address)
{
    return error ? error : copy_to_user(address, &number, sizeof(number));
}

static long control_job(struct terminal *terminal, unsigned request, uint64_t argument)
{
    int number = 0, error;

    switch (request) {
    case TIOCSCTTY:
        return terminal_acquire(terminal, argument == 1);
    case TIOCNOTTY:
        return terminal_give_up(terminal);
    case TIOCGPGRP:
        error = terminal_get_group(terminal, &number);
        return give_number(error, number, argument);
    case TIOCSPGRP:
        if (copy_from_user(&number, argument, sizeof(number)))
            return -EFAULT;
        return terminal_set_group(terminal, number);
    case TIOCGSID:
        error = terminal_get_session(terminal, &number);
        return give_number(error, number, argument);
    default:
        return -ENOTTY;
    }
}

long terminal_control(struct file *file, unsigned request, uint64_t argument)
{
    struct terminal *terminal = file->state;

    switch (request) {
    case TCGETS:
    case TCGETS2:
        return get_settings(terminal, argument, request == TCGETS2);
    case TCSETS:
    case TCSETSW:
    case TCSETS2:
    case TCSETSW2:
        return set_settings(terminal, argument, false);
    case TCSETSF:
    case TCSETSF2:
        return set_settings(terminal, argument, true);
    case TIOCGWINSZ:
        return get_size(terminal, argument);
    case TIOCSWINSZ:
        return set_size(terminal, argument);
    case FIONREAD:
        return count_input(terminal, argument);
    case TIOCOUTQ:
        return give_number(0, 0, argument);
    case TCFLSH:
        return flush(terminal, argument);
    case TCXONC:
        return suspend(terminal, argument);
    case TCSBRK:
    case TCSBRKP:
        return terminal_check_foreground(terminal, SIGTTOU);
    default:
        return control_job(terminal, request, argument);
    }
}
