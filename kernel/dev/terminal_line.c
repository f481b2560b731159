/*
 * What is typed on a terminal: input processing, editing of a line, and the bytes that cause
 * signals (termios(3)).
 */
#include "abi/signal.h"
#include "dev/terminal_internal.h"

#define BELL      '\a'
#define BACKSPACE '\b'
#define DELETE    0x7f

static uint16_t *entry(struct terminal *terminal, uint32_t position)
{
    return &terminal->input[position % INPUT_SIZE];
}

static uint32_t input_room(const struct terminal *terminal)
{
    return INPUT_SIZE - (terminal->tail - terminal->head);
}

/* One entry is kept for the end of a line. */
bool terminal_is_full(const struct terminal *terminal)
{
    return input_room(terminal) <= 1 && terminal->committed != terminal->head;
}

void terminal_flush_input(struct terminal *terminal)
{
    terminal->head = terminal->committed = terminal->tail;
    terminal->literal = false;
    terminal_made_room();
    wake_all(&terminal->changed);
}

static void commit(struct terminal *terminal)
{
    terminal->committed = terminal->tail;
    wake_all(&terminal->changed);
}

/* Where a line begins, erasing stops: remember the column when its first byte comes. */
static void note_line_start(struct terminal *terminal)
{
    if (terminal->tail == terminal->committed)
        terminal->line_column = terminal->column;
}

/* Add an entry; spare entries of room are left. false: there is no room. */
static bool store(struct terminal *terminal, uint16_t value, uint32_t spare)
{
    if (input_room(terminal) <= spare) {
        terminal_put(terminal, &(char){BELL}, 1);
        return false;
    }
    *entry(terminal, terminal->tail) = value;
    terminal->tail++;
    return true;
}

/* Editing */

/* Is the byte one that continues a UTF-8 character? */
static bool is_continuation(const struct terminal *terminal, uint16_t value)
{
    return (terminal->settings.input_flags & IUTF8) && (value & 0xc0) == 0x80;
}

/* The column of the cursor behind the line as it is now. */
static unsigned line_end_column(struct terminal *terminal)
{
    unsigned column = terminal->line_column;

    for (uint32_t i = terminal->committed; i != terminal->tail; i++)
        column += terminal_echo_width(terminal, *entry(terminal, i) & INPUT_BYTE, column);
    return column;
}

/* Take the last character off the line, and off the screen. false: the line is empty. */
static bool erase(struct terminal *terminal)
{
    unsigned before = line_end_column(terminal);
    bool continuation = true;

    if (terminal->tail == terminal->committed)
        return false;
    while (continuation && terminal->tail != terminal->committed) {
        terminal->tail--;
        continuation = is_continuation(terminal, *entry(terminal, terminal->tail));
    }
    unsigned columns = before - line_end_column(terminal);
    bool shown = terminal_setting(terminal, ECHO);
    if (shown && !terminal_setting(terminal, ECHOE))
        terminal_echo(terminal, terminal->settings.characters[VERASE]);
    for (unsigned i = 0; shown && terminal_setting(terminal, ECHOE) && i < columns; i++)
        terminal_put(terminal, "\b \b", 3);
    return true;
}

static bool ends_with_blank(struct terminal *terminal)
{
    uint16_t last = *entry(terminal, terminal->tail - 1);
    return last == ' ' || last == '\t';
}

static void erase_word(struct terminal *terminal)
{
    while (terminal->tail != terminal->committed && ends_with_blank(terminal))
        erase(terminal);
    while (terminal->tail != terminal->committed && !ends_with_blank(terminal))
        erase(terminal);
}

static void erase_line(struct terminal *terminal)
{
    if (terminal_setting(terminal, ECHOKE) && terminal_setting(terminal, ECHOE)) {
        while (erase(terminal))
            ;
        return;
    }
    terminal->tail = terminal->committed;
    if (terminal_setting(terminal, ECHO)) {
        terminal_echo(terminal, terminal->settings.characters[VKILL]);
        if (terminal_setting(terminal, ECHOK))
            terminal_put(terminal, "\n", 1);
    }
}

static void reprint(struct terminal *terminal)
{
    terminal_echo(terminal, terminal->settings.characters[VREPRINT]);
    terminal_put(terminal, "\n", 1);
    terminal->line_column = terminal->column;
    for (uint32_t i = terminal->committed; i != terminal->tail; i++)
        terminal_echo(terminal, *entry(terminal, i) & INPUT_BYTE);
}

static bool is_erase(const struct terminal *terminal, unsigned char byte)
{
    /* Keyboards differ in what the erase key sends. */
    return terminal_is_control(terminal, VERASE, byte) ||
           (byte == BACKSPACE && terminal_is_control(terminal, VERASE, DELETE));
}

/* Do what an editing character asks for; false: it is none. */
static bool edit(struct terminal *terminal, unsigned char byte)
{
    bool extended = terminal_setting(terminal, IEXTEN);

    if (is_erase(terminal, byte))
        erase(terminal);
    else if (terminal_is_control(terminal, VKILL, byte))
        erase_line(terminal);
    else if (extended && terminal_is_control(terminal, VWERASE, byte))
        erase_word(terminal);
    else if (extended && terminal_is_control(terminal, VREPRINT, byte))
        reprint(terminal);
    else
        return false;
    return true;
}

/* Storing */

static bool ends_line(const struct terminal *terminal, unsigned char byte)
{
    return byte == '\n' || terminal_is_control(terminal, VEOL, byte) ||
           (terminal_setting(terminal, IEXTEN) && terminal_is_control(terminal, VEOL2, byte));
}

static void echo_stored(struct terminal *terminal, unsigned char byte)
{
    bool new_line = byte == '\n' && terminal_setting(terminal, ICANON);

    if (terminal_setting(terminal, ECHO) || (new_line && terminal_setting(terminal, ECHONL)))
        terminal_echo(terminal, byte);
}

static void receive_canonical(struct terminal *terminal, unsigned char byte)
{
    if (edit(terminal, byte))
        return;
    if (terminal_is_control(terminal, VEOF, byte)) {
        if (store(terminal, INPUT_END_OF_FILE, 0))
            commit(terminal);
        return;
    }
    note_line_start(terminal);
    if (ends_line(terminal, byte)) {
        if (store(terminal, byte | INPUT_LINE_END, 0)) {
            echo_stored(terminal, byte);
            commit(terminal);
        }
    } else if (store(terminal, byte, 1)) {
        echo_stored(terminal, byte);
    }
}

static void receive_as_is(struct terminal *terminal, unsigned char byte)
{
    bool canonical = terminal_setting(terminal, ICANON);

    note_line_start(terminal);
    if (!store(terminal, byte, 1))
        return;
    echo_stored(terminal, byte);
    if (!canonical)
        commit(terminal);
}

/* Map between carriage return and new line; false: the byte is ignored. */
static bool map_line_ends(const struct terminal *terminal, unsigned char *byte)
{
    uint32_t flags = terminal->settings.input_flags;

    if (*byte == '\r') {
        if (flags & IGNCR)
            return false;
        if (flags & ICRNL)
            *byte = '\n';
    } else if (*byte == '\n' && (flags & INLCR)) {
        *byte = '\r';
    }
    return true;
}

static void set_stopped(struct terminal *terminal, bool stopped)
{
    __atomic_store_n(&terminal->stopped, stopped, __ATOMIC_RELEASE);
    wake_all(&terminal->changed);
}

/* Flow control of the output: true if the byte was for that. */
static bool control_flow(struct terminal *terminal, unsigned char byte)
{
    uint32_t flags = terminal->settings.input_flags;

    if (!(flags & IXON))
        return false;
    if (terminal_is_control(terminal, VSTART, byte)) {
        set_stopped(terminal, false);
        return true;
    }
    if (terminal_is_control(terminal, VSTOP, byte)) {
        set_stopped(terminal, true);
        return true;
    }
    if (terminal->stopped && (flags & IXANY))
        set_stopped(terminal, false);
    return false;
}

int terminal_signal_of(const struct terminal *terminal, unsigned char byte)
{
    if (!terminal_setting(terminal, ISIG))
        return 0;
    if (terminal_is_control(terminal, VINTR, byte))
        return SIGINT;
    if (terminal_is_control(terminal, VQUIT, byte))
        return SIGQUIT;
    return terminal_is_control(terminal, VSUSP, byte) ? SIGTSTP : 0;
}

int terminal_receive(struct terminal *terminal, unsigned char byte)
{
    if (terminal->settings.input_flags & ISTRIP)
        byte &= 0x7f;
    if (terminal->literal) {
        terminal->literal = false;
        receive_as_is(terminal, byte);
        return 0;
    }
    int signal = terminal_signal_of(terminal, byte);
    if (signal) {
        if (!terminal_setting(terminal, NOFLSH))
            terminal_flush_input(terminal);
        set_stopped(terminal, false);
        if (terminal_setting(terminal, ECHO))
            terminal_echo(terminal, byte);
        return signal;
    }
    if (!map_line_ends(terminal, &byte) || control_flow(terminal, byte))
        return 0;
    if (!terminal_setting(terminal, ICANON))
        receive_as_is(terminal, byte);
    else if (terminal_setting(terminal, IEXTEN) && terminal_is_control(terminal, VLNEXT, byte))
        terminal->literal = true;
    else
        receive_canonical(terminal, byte);
    return 0;
}

void terminal_set(struct terminal *terminal, const struct termios *settings)
{
    bool was_canonical = terminal_setting(terminal, ICANON);

    terminal->settings = *settings;
    if (was_canonical != terminal_setting(terminal, ICANON) &&
        terminal->tail != terminal->committed)
        terminal->committed = terminal->tail;
    if (!(settings->input_flags & IXON))
        set_stopped(terminal, false);
    wake_all(&terminal->changed);
}
