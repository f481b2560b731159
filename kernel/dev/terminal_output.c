/*
 * What a terminal sends: output processing (termios(3), OPOST) and echo.
 */
#include "dev/terminal_internal.h"

#define TAB_STOP 8u
#define CHUNK    256u

static bool is_processed(const struct terminal *terminal)
{
    return terminal->settings.base.output_flags & OPOST;
}

static char upper_case(char byte)
{
    return byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
}

/* What a tab becomes. */
static size_t expand_tab(struct terminal *terminal, char *out)
{
    unsigned blanks = TAB_STOP - terminal->column % TAB_STOP;

    terminal->column += blanks;
    if ((terminal->settings.base.output_flags & TABDLY) != XTABS) {
        out[0] = '\t';
        return 1;
    }
    for (unsigned i = 0; i < blanks; i++)
        out[i] = ' ';
    return blanks;
}

static size_t expand_new_line(struct terminal *terminal, char *out)
{
    uint32_t flags = terminal->settings.base.output_flags;
    size_t count = 0;

    if (flags & (ONLCR | ONLRET))
        terminal->column = 0;
    if (flags & ONLCR)
        out[count++] = '\r';
    terminal->line_column = terminal->column;
    out[count++] = '\n';
    return count;
}

static size_t expand_return(struct terminal *terminal, char *out)
{
    uint32_t flags = terminal->settings.base.output_flags;

    if ((flags & ONOCR) && terminal->column == 0)
        return 0;
    if (!(flags & OCRNL) || (flags & ONLRET))
        terminal->column = terminal->line_column = 0;
    out[0] = flags & OCRNL ? '\n' : '\r';
    return 1;
}

/* The bytes (EXPANSION_MAX at the most) that a byte becomes; moves the column. */
static size_t expand(struct terminal *terminal, char byte, char *out)
{
    out[0] = byte;
    switch (byte) {
    case '\n':
        return expand_new_line(terminal, out);
    case '\r':
        return expand_return(terminal, out);
    case '\t':
        return expand_tab(terminal, out);
    case '\b':
        if (terminal->column > 0)
            terminal->column--;
        return 1;
    default:
        if (is_control_byte((unsigned char)byte))
            return 1;
        if (terminal->settings.base.output_flags & OLCUC)
            out[0] = upper_case(byte);
        if (!terminal_is_continuation(terminal, (unsigned char)byte))
            terminal->column++;
        return 1;
    }
}

/* Room for what is written: none before held echo is out. */
static size_t room_for_output(const struct terminal *terminal)
{
    if (terminal->stopped || ring_count(&terminal->held))
        return 0;
    return terminal->driver->room(terminal);
}

bool terminal_can_put(const struct terminal *terminal)
{
    return room_for_output(terminal) >= EXPANSION_MAX;
}

static size_t put_processed(struct terminal *terminal, const char *bytes, size_t count)
{
    size_t room = room_for_output(terminal), length = 0, done = 0;
    char out[CHUNK + EXPANSION_MAX];

    while (done < count && room >= length + EXPANSION_MAX) {
        length += expand(terminal, bytes[done++], out + length);
        if (length >= CHUNK) {
            terminal->driver->send(terminal, out, length);
            room -= length;
            length = 0;
        }
    }
    terminal->driver->send(terminal, out, length);
    return done;
}

size_t terminal_put(struct terminal *terminal, const char *bytes, size_t count)
{
    if (!terminal_can_put(terminal))
        return 0;
    if (is_processed(terminal))
        return put_processed(terminal, bytes, count);
    return terminal->driver->send(terminal, bytes, count);
}

/* Echo */

void terminal_send_held(struct terminal *terminal)
{
    char chunk[CHUNK];

    while (ring_count(&terminal->held) && !terminal->stopped) {
        size_t room = terminal->driver->room(terminal);
        size_t count = ring_take(&terminal->held, chunk, room < CHUNK ? room : CHUNK);
        if (count == 0)
            return;
        terminal->driver->send(terminal, chunk, count);
    }
}

/* Send echo, or hold it. When there is no end of it, the rest is lost, as typing ahead of a
 * stopped screen has always been. */
static void send_echo(struct terminal *terminal, const char *bytes, size_t count)
{
    if (!terminal->stopped && !ring_count(&terminal->held) &&
        terminal->driver->room(terminal) >= count)
        terminal->driver->send(terminal, bytes, count);
    else if (ring_room(&terminal->held) >= count)
        ring_put(&terminal->held, bytes, count);
}

void terminal_echo_raw(struct terminal *terminal, char byte)
{
    char out[EXPANSION_MAX] = {byte};
    size_t count = is_processed(terminal) ? expand(terminal, byte, out) : 1;

    send_echo(terminal, out, count);
}

void terminal_echo(struct terminal *terminal, unsigned char byte)
{
    char text[2] = {'^', (char)(byte ^ 0x40)};

    if (!is_control_byte(byte) || byte == '\t' || !terminal_setting(terminal, ECHOCTL)) {
        terminal_echo_raw(terminal, (char)byte);
        return;
    }
    terminal->column += 2;
    send_echo(terminal, text, sizeof(text));
}

void terminal_echo_back(struct terminal *terminal, unsigned columns)
{
    while (columns--) {
        if (terminal->column > 0)
            terminal->column--;
        send_echo(terminal, "\b", 1);
    }
}
