/*
 * What is typed on a terminal: input processing, the line that is being typed, and the bytes that
 * cause signals (termios(3)).
 */
#include "abi/signal.h"
#include "dev/terminal_internal.h"

static uint32_t input_count(const struct terminal *terminal)
{
    return terminal->tail - terminal->head;
}

static void flush_input(struct terminal *terminal)
{
    terminal->head = terminal->committed = terminal->tail;
    terminal->literal = terminal->erasing = false;
    wake_all(&terminal->changed);
}

void terminal_flush_input(struct terminal *terminal)
{
    flush_input(terminal);
    terminal_notify(terminal, TIOCPKT_FLUSHREAD);
}

static void commit(struct terminal *terminal)
{
    __atomic_store_n(&terminal->committed, terminal->tail, __ATOMIC_RELEASE);
    wake_all(&terminal->changed);
}

/* Add an entry, for which there is room. */
static void store(struct terminal *terminal, uint16_t value)
{
    if (input_count(terminal) == INPUT_SIZE)
        return; /* the second half of a doubled byte (PARMRK) */
    *terminal_entry(terminal, terminal->tail) = value;
    terminal->tail++;
}

/*
 * Is there room for one more byte? The first line, when it is as long as can be, still takes bytes,
 * so that it can be edited and ended: each takes the place of the last (make_room).
 */
static bool has_room(const struct terminal *terminal)
{
    uint32_t free = INPUT_SIZE - input_count(terminal);

    if (terminal_input_setting(terminal, PARMRK))
        free = (free + 2) / 3;
    return free > 1 || (terminal_is_canonical(terminal) && terminal->committed == terminal->head);
}

static void make_room(struct terminal *terminal)
{
    if (input_count(terminal) == INPUT_SIZE)
        terminal->tail--;
}

/* Echo of what is stored */

static void note_line_start(struct terminal *terminal)
{
    if (terminal->tail == terminal->committed)
        terminal->line_column = terminal->column;
}

static void echo_typed(struct terminal *terminal, unsigned char byte)
{
    if (!terminal_setting(terminal, ECHO))
        return;
    terminal_finish_erasing(terminal);
    note_line_start(terminal);
    terminal_echo(terminal, byte);
}

/* A byte that means nothing special. */
static void take(struct terminal *terminal, unsigned char byte)
{
    if (byte == 0xff && terminal_input_setting(terminal, PARMRK))
        store(terminal, byte);
    store(terminal, byte);
    if (!terminal_is_canonical(terminal))
        commit(terminal);
}

/* Lines */

static void end_line(struct terminal *terminal, uint16_t value)
{
    store(terminal, value);
    commit(terminal);
}

static void reprint(struct terminal *terminal, unsigned char byte)
{
    terminal_finish_erasing(terminal);
    terminal_echo(terminal, byte);
    terminal_echo_raw(terminal, '\n');
    for (uint32_t i = terminal->committed; i != terminal->tail; i++)
        terminal_echo(terminal, *terminal_entry(terminal, i) & INPUT_BYTE);
}

static void take_literally_next(struct terminal *terminal)
{
    terminal->literal = true;
    if (!terminal_setting(terminal, ECHO))
        return;
    terminal_finish_erasing(terminal);
    if (terminal_setting(terminal, ECHOCTL)) {
        terminal_echo_raw(terminal, '^');
        terminal_echo_raw(terminal, '\b');
    }
}

/* Do what an editing character asks for; false: it is none. */
static bool edit(struct terminal *terminal, unsigned char byte)
{
    bool extended = terminal_setting(terminal, IEXTEN);

    if (terminal_is_control(terminal, VERASE, byte) || terminal_is_control(terminal, VKILL, byte) ||
        (extended && terminal_is_control(terminal, VWERASE, byte)))
        terminal_erase(terminal, byte);
    else if (extended && terminal_is_control(terminal, VLNEXT, byte))
        take_literally_next(terminal);
    else if (extended && terminal_setting(terminal, ECHO) &&
             terminal_is_control(terminal, VREPRINT, byte))
        reprint(terminal, byte);
    else
        return false;
    return true;
}

/* Take a byte that edits or ends a line; false: it is part of one. */
static bool take_of_line(struct terminal *terminal, unsigned char byte)
{
    bool extended = terminal_setting(terminal, IEXTEN);

    if (edit(terminal, byte))
        return true;
    if (byte == '\n') {
        if (terminal_setting(terminal, ECHO | ECHONL))
            terminal_echo_raw(terminal, '\n');
        end_line(terminal, '\n' | INPUT_LINE_END);
        return true;
    }
    if (terminal_is_control(terminal, VEOF, byte)) {
        end_line(terminal, INPUT_END_OF_FILE);
        return true;
    }
    if (terminal_is_control(terminal, VEOL, byte) ||
        (extended && terminal_is_control(terminal, VEOL2, byte))) {
        echo_typed(terminal, byte);
        end_line(terminal, byte | INPUT_LINE_END);
        return true;
    }
    return false;
}

/* Flow control and signals */

void terminal_stop(struct terminal *terminal)
{
    if (terminal->stopped)
        return;
    __atomic_store_n(&terminal->stopped, true, __ATOMIC_RELEASE);
    terminal_notify(terminal, TIOCPKT_STOP);
}

void terminal_start(struct terminal *terminal)
{
    if (!terminal->stopped || terminal->suspended)
        return;
    __atomic_store_n(&terminal->stopped, false, __ATOMIC_RELEASE);
    terminal_send_held(terminal);
    terminal_notify(terminal, TIOCPKT_START);
    wake_all(&terminal->changed);
}

/* Flow control of the output: true if the byte was for that. */
static bool control_flow(struct terminal *terminal, unsigned char byte)
{
    if (!terminal_input_setting(terminal, IXON))
        return false;
    if (terminal_is_control(terminal, VSTART, byte))
        terminal_start(terminal);
    else if (terminal_is_control(terminal, VSTOP, byte))
        terminal_stop(terminal);
    else
        return false;
    return true;
}

static int signal_of(const struct terminal *terminal, unsigned char byte)
{
    if (!terminal_setting(terminal, ISIG))
        return 0;
    if (terminal_is_control(terminal, VINTR, byte))
        return SIGINT;
    if (terminal_is_control(terminal, VQUIT, byte))
        return SIGQUIT;
    return terminal_is_control(terminal, VSUSP, byte) ? SIGTSTP : 0;
}

static void take_signal(struct terminal *terminal, unsigned char byte)
{
    if (!terminal_setting(terminal, NOFLSH)) {
        terminal_flush_output(terminal);
        terminal_flush_input(terminal);
    }
    if (terminal_input_setting(terminal, IXON))
        terminal_start(terminal);
    if (terminal_setting(terminal, ECHO))
        terminal_echo(terminal, byte);
}

/* Receiving */

/* ISTRIP and IUCLC. */
static unsigned char reduce(const struct terminal *terminal, unsigned char byte)
{
    if (terminal_input_setting(terminal, ISTRIP))
        byte &= 0x7f;
    if (terminal_input_setting(terminal, IUCLC) && terminal_setting(terminal, IEXTEN) &&
        byte >= 'A' && byte <= 'Z')
        byte = (unsigned char)(byte - 'A' + 'a');
    return byte;
}

/* Map between carriage return and new line; false: the byte is ignored. */
static bool map_line_ends(const struct terminal *terminal, unsigned char *byte)
{
    if (*byte == '\r') {
        if (terminal_input_setting(terminal, IGNCR))
            return false;
        if (terminal_input_setting(terminal, ICRNL))
            *byte = '\n';
    } else if (*byte == '\n' && terminal_input_setting(terminal, INLCR)) {
        *byte = '\r';
    }
    return true;
}

/* A carriage return that has become a new line is echoed as one, where others show as ^J. */
static void echo_mapped(struct terminal *terminal, unsigned char byte, unsigned char typed)
{
    if (byte == '\n' && typed == '\r' && terminal_setting(terminal, ECHO)) {
        terminal_finish_erasing(terminal);
        terminal_echo_raw(terminal, '\n');
    } else {
        echo_typed(terminal, byte);
    }
}

static void receive_literal(struct terminal *terminal, unsigned char byte)
{
    terminal->literal = false;
    echo_typed(terminal, byte);
    take(terminal, byte);
}

int terminal_receive(struct terminal *terminal, unsigned char typed)
{
    unsigned char byte = typed = reduce(terminal, typed);

    if (terminal->literal) {
        receive_literal(terminal, byte);
        return 0;
    }
    if (terminal_setting(terminal, EXTPROC)) {
        take(terminal, byte);
        return 0;
    }
    if (control_flow(terminal, byte))
        return 0;
    int signal = signal_of(terminal, byte);
    if (signal) {
        take_signal(terminal, byte);
        return signal;
    }
    if (terminal_input_setting(terminal, IXON) && terminal_input_setting(terminal, IXANY))
        terminal_start(terminal);
    if (!map_line_ends(terminal, &byte))
        return 0;
    if (terminal_is_canonical(terminal) && take_of_line(terminal, byte))
        return 0;
    echo_mapped(terminal, byte, typed);
    take(terminal, byte);
    return 0;
}

/* Take bytes in until one causes a signal, which is returned; 0: no more can be taken now. */
static int handle_until_signal(struct terminal *terminal)
{
    unsigned char byte;
    int signal = 0;

    mutex_lock(&terminal->lock);
    while (!signal && has_room(terminal) && terminal->driver->receive(terminal, &byte)) {
        make_room(terminal);
        signal = terminal_receive(terminal, byte);
    }
    mutex_unlock(&terminal->lock);
    return signal;
}

void terminal_handle_received(struct terminal *terminal)
{
    int signal;

    while ((signal = handle_until_signal(terminal)))
        terminal_signal_foreground(terminal, signal);
}

/* Settings */

/* Between lines and bytes as they come: all that there is may be read, and what it meant as part of
 * lines is forgotten. */
static void change_mode(struct terminal *terminal)
{
    for (uint32_t i = terminal->head; i != terminal->tail; i++)
        *terminal_entry(terminal, i) &= INPUT_BYTE;
    if (terminal_is_canonical(terminal) && input_count(terminal))
        *terminal_entry(terminal, terminal->tail - 1) |= INPUT_LINE_END;
    terminal->erasing = terminal->literal = false;
    commit(terminal);
}

void terminal_set(struct terminal *terminal, const struct termios2 *settings)
{
    struct termios2 before = terminal->settings;

    terminal->settings = *settings;
    if (terminal->driver->settings_changed)
        terminal->driver->settings_changed(terminal, &before);
    if ((before.base.local_flags ^ settings->base.local_flags) & (ICANON | EXTPROC))
        change_mode(terminal);
    if ((before.base.input_flags & ~settings->base.input_flags) & IXON)
        terminal_start(terminal);
    wake_all(&terminal->changed);
}
