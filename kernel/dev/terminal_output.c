/*
 * What a terminal writes: output processing (termios(3), OPOST) and echo.
 */
#include "dev/terminal_internal.h"
#include "dev/uart.h"

#define TAB_STOP 8u
#define DELETE   0x7f

/* Bytes on their way to the line. */
struct output {
    char bytes[256];
    size_t count;
};

static void flush(struct output *output)
{
    uart_write(output->bytes, output->count);
    output->count = 0;
}

static void add(struct output *output, char byte)
{
    if (output->count == sizeof(output->bytes))
        flush(output);
    output->bytes[output->count++] = byte;
}

static void new_line(struct terminal *terminal, struct output *output)
{
    uint32_t flags = terminal->settings.output_flags;

    if (flags & ONLCR)
        add(output, '\r');
    if (flags & (ONLCR | ONLRET))
        terminal->column = 0;
    add(output, '\n');
}

static void carriage_return(struct terminal *terminal, struct output *output)
{
    uint32_t flags = terminal->settings.output_flags;

    if ((flags & ONOCR) && terminal->column == 0)
        return;
    if (flags & OCRNL) {
        new_line(terminal, output);
        return;
    }
    terminal->column = 0;
    add(output, '\r');
}

static void tab(struct terminal *terminal, struct output *output)
{
    unsigned next = (terminal->column / TAB_STOP + 1) * TAB_STOP;

    if ((terminal->settings.output_flags & TABDLY) != XTABS)
        add(output, '\t');
    while (terminal->column < next) {
        if ((terminal->settings.output_flags & TABDLY) == XTABS)
            add(output, ' ');
        terminal->column++;
    }
}

static void put_processed(struct terminal *terminal, struct output *output, char byte)
{
    switch (byte) {
    case '\n':
        new_line(terminal, output);
        break;
    case '\r':
        carriage_return(terminal, output);
        break;
    case '\t':
        tab(terminal, output);
        break;
    case '\b':
        if (terminal->column > 0)
            terminal->column--;
        add(output, byte);
        break;
    default:
        /* The bytes behind the first of a UTF-8 character take no column. */
        if ((unsigned char)byte >= ' ' && (byte & 0xc0) != 0x80)
            terminal->column++;
        add(output, byte);
    }
}

void terminal_put(struct terminal *terminal, const char *bytes, size_t count)
{
    struct output output = {.count = 0};

    if (!(terminal->settings.output_flags & OPOST)) {
        uart_write(bytes, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        put_processed(terminal, &output, bytes[i]);
    flush(&output);
}

static bool echoes_as_caret(const struct terminal *terminal, unsigned char byte)
{
    return (byte < ' ' || byte == DELETE) && byte != '\n' && byte != '\t' &&
           terminal_setting(terminal, ECHOCTL);
}

void terminal_echo(struct terminal *terminal, unsigned char byte)
{
    char text[2] = {(char)byte};
    size_t count = 1;

    if (echoes_as_caret(terminal, byte)) {
        text[0] = '^';
        text[1] = (char)(byte ^ 0x40);
        count = 2;
    }
    terminal_put(terminal, text, count);
}

unsigned terminal_echo_width(const struct terminal *terminal, unsigned char byte, unsigned column)
{
    if (byte == '\t')
        return TAB_STOP - column % TAB_STOP;
    if (echoes_as_caret(terminal, byte))
        return 2;
    if (byte < ' ' || byte == DELETE)
        return 0;
    return (terminal->settings.input_flags & IUTF8) && (byte & 0xc0) == 0x80 ? 0 : 1;
}
