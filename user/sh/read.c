/*
 * read: one line into variables, cut at the separators in IFS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib.h"
#include "builtin.h"
#include "memory.h"
#include "shell.h"
#include "variable.h"

/* A line; each character is marked 'q' if a backslash stood before it, else 'r'. */
struct line {
    struct buffer text;
    struct buffer marks;
};

/* Read one byte, so that what follows the line is left to others. 0 at the end, -1 after an error.
 */
static int read_byte(char *byte)
{
    ssize_t count;

    do
        count = read(STDIN_FILENO, byte, 1);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        shell_report("read");
    return (int)count;
}

/* Read a line without its newline. True if the newline was there. */
static bool read_line(struct line *line, bool raw)
{
    char byte;
    bool escaped = false;

    while (read_byte(&byte) > 0) {
        if (escaped && byte == '\n') {
            escaped = false;
        } else if (!escaped && byte == '\n') {
            return true;
        } else if (!escaped && byte == '\\' && !raw) {
            escaped = true;
        } else if (byte) {
            buffer_add(&line->text, byte);
            buffer_add(&line->marks, escaped ? 'q' : 'r');
            escaped = false;
        }
    }
    return false;
}

static bool is_separator(const struct line *line, size_t i, const char *separators)
{
    return line->marks.text[i] == 'r' && strchr(separators, line->text.text[i]);
}

static bool is_blank(const struct line *line, size_t i, const char *separators)
{
    return is_separator(line, i, separators) && strchr(" \t\n", line->text.text[i]);
}

static size_t skip_blanks(const struct line *line, size_t i, const char *separators)
{
    while (i < line->text.length && is_blank(line, i, separators))
        i++;
    return i;
}

/* The end of the field that begins at start. */
static size_t field_end(const struct line *line, size_t start, const char *separators)
{
    while (start < line->text.length && !is_separator(line, start, separators))
        start++;
    return start;
}

/* Pass over the separation behind a field. */
static size_t skip_separation(const struct line *line, size_t i, const char *separators)
{
    i = skip_blanks(line, i, separators);
    if (i < line->text.length && is_separator(line, i, separators))
        i = skip_blanks(line, i + 1, separators);
    return i;
}

/* The end of what goes to the last variable: the rest, without a separation at its very end. */
static size_t rest_end(const struct line *line, size_t start, const char *separators)
{
    size_t end = field_end(line, start, separators);

    if (skip_separation(line, end, separators) == line->text.length)
        return end;
    end = line->text.length;
    while (end > start && is_blank(line, end - 1, separators))
        end--;
    return end;
}

static bool assign_fields(const struct line *line, char **names)
{
    const char *value = variable_value("IFS");
    char *separators = duplicate(value ? value : " \t\n");
    size_t start = skip_blanks(line, 0, separators);
    bool valid = true;

    for (; *names && valid; names++) {
        size_t end =
            names[1] ? field_end(line, start, separators) : rest_end(line, start, separators);
        char *field = format_text("%.*s", (int)(end - start), buffer_text(&line->text) + start);
        valid = variable_set(*names, field);
        free(field);
        start = skip_separation(line, end, separators);
    }
    free(separators);
    return valid;
}

int builtin_read(int argc, char **argv)
{
    bool raw = argc > 1 && strcmp(argv[1], "-r") == 0;
    char **names = argv + (raw ? 2 : 1);
    struct line line = {0};

    if (!*names) {
        shell_complain("usage: read [-r] NAME...");
        return SHELL_ERROR;
    }
    for (char **name = names; *name; name++)
        if (!is_name(*name)) {
            shell_complain("read: %s: bad variable name", *name);
            return SHELL_ERROR;
        }
    int status = read_line(&line, raw) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (!assign_fields(&line, names))
        status = SHELL_ERROR;
    buffer_free(&line.text);
    buffer_free(&line.marks);
    return status;
}
