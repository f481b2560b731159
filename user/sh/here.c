/*
 * Here documents: their texts stand behind the line that announces them.
 */
#include <stdlib.h>
#include <string.h>

#include "parser.h"

/*
 * Read one line with its newline into line. With continuations, a line that ends in a backslash
 * goes on in the next. Returns false if the input has ended before the line began.
 */
static bool read_line(struct input *input, bool strip_tabs, bool continuations, struct buffer *line)
{
    bool escaped = false;
    int c = input_next(input);

    if (c == INPUT_END)
        return false;
    while (strip_tabs && c == '\t')
        c = input_next(input);
    while (c != INPUT_END) {
        buffer_add(line, (char)c);
        if (c == '\n' && !escaped)
            break;
        escaped = continuations && c == '\\' && !escaped;
        c = input_next(input);
    }
    return true;
}

/* Whether the line is the delimiter. */
static bool is_delimiter(const struct buffer *line, const char *delimiter)
{
    size_t length = strlen(delimiter);
    const char *text = buffer_text(line);

    return strncmp(text, delimiter, length) == 0 &&
           (text[length] == '\0' || strcmp(text + length, "\n") == 0);
}

static void read_text(struct parser *parser, const struct redirection *here, struct buffer *text)
{
    struct buffer line = {0};

    while (read_line(parser->input, here->strip_tabs, !here->literal, &line)) {
        if (is_delimiter(&line, here->delimiter))
            break;
        buffer_add_text(text, buffer_text(&line));
        buffer_free(&line);
    }
    buffer_free(&line);
}

/* Cut the text of a here document into parts, as if it stood in double quotes. */
static struct part *parse_text(struct parser *parser, const char *text, int line)
{
    struct input *input = arena_allocate(parser->arena, sizeof(*input));
    struct parser inner;

    input_from_text(input, text);
    input->line = line;
    parser_begin(&inner, input, parser->arena);
    inner.depth = parser->depth;
    struct part *parts = read_parts(&inner, CONTEXT_HERE);
    parser->failed |= inner.failed;
    input_free(input);
    return parts;
}

static void read_here_document(struct parser *parser, struct redirection *here)
{
    struct buffer text = {0};
    int line = parser->input->line;

    read_text(parser, here, &text);
    here->word = arena_allocate(parser->arena, sizeof(*here->word));
    if (here->literal) {
        struct part *part = arena_allocate(parser->arena, sizeof(*part));
        part->kind = PART_TEXT;
        part->quoted = true;
        part->text = arena_text(parser->arena, buffer_text(&text), text.length);
        here->word->parts = part;
    } else {
        here->word->parts = parse_text(parser, buffer_text(&text), line);
    }
    buffer_free(&text);
}

void read_here_documents(struct parser *parser)
{
    while (parser->here_first && !parser->failed) {
        struct redirection *here = parser->here_first;
        parser->here_first = here->next_here;
        if (!parser->here_first)
            parser->here_last = &parser->here_first;
        read_here_document(parser, here);
    }
}
