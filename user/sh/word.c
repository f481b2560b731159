/*
 * Cutting words into parts: quotes, backslashes, and what a dollar sign or a backquote begins.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"
#include "shell.h"
#include "variable.h"

/* The parts read so far, and text that will become the next one. */
struct builder {
    struct parser *parser;
    struct part *first;
    struct part **last;
    struct buffer text;
    bool has_text;
    bool text_quoted;
};

static struct part *add_part(struct builder *builder, enum part_kind kind, bool quoted)
{
    struct part *part = arena_allocate(builder->parser->arena, sizeof(*part));

    part->kind = kind;
    part->quoted = quoted;
    *builder->last = part;
    builder->last = &part->next;
    return part;
}

/* Make a part of the text gathered. */
static void end_text(struct builder *builder)
{
    if (!builder->has_text)
        return;
    struct part *part = add_part(builder, PART_TEXT, builder->text_quoted);
    part->text =
        arena_text(builder->parser->arena, buffer_text(&builder->text), builder->text.length);
    buffer_free(&builder->text);
    builder->has_text = false;
}

/* Begin text of this kind; it makes a part even if nothing is added to it. */
static void begin_text(struct builder *builder, bool quoted)
{
    if (builder->has_text && builder->text_quoted != quoted)
        end_text(builder);
    builder->has_text = true;
    builder->text_quoted = quoted;
}

static void add_text(struct builder *builder, int c, bool quoted)
{
    begin_text(builder, quoted);
    buffer_add(&builder->text, (char)c);
}

static void append_parts(struct builder *builder, struct part *parts)
{
    end_text(builder);
    *builder->last = parts;
    while (*builder->last)
        builder->last = &(*builder->last)->next;
}

static bool is_quoted(enum context context)
{
    return context != CONTEXT_WORD && context != CONTEXT_BRACES;
}

static void read_single_quotes(struct builder *builder)
{
    begin_text(builder, true);
    for (;;) {
        int c = input_next(builder->parser->input);
        if (c == '\'')
            return;
        if (c == INPUT_END) {
            parse_error(builder->parser, "a single quote is not closed");
            return;
        }
        add_text(builder, c, true);
    }
}

static void read_double_quotes(struct builder *builder)
{
    struct part *parts = read_parts(builder->parser, CONTEXT_QUOTES);

    if (parts)
        append_parts(builder, parts);
    else
        begin_text(builder, true);
}

/* What a backslash takes the meaning from in each context; elsewhere it stands for itself. */
static bool is_escaped(enum context context, int c)
{
    if (!is_quoted(context))
        return true;
    if (c == '$' || c == '`' || c == '\\')
        return true;
    return (c == '"' && (context == CONTEXT_QUOTES || context == CONTEXT_QUOTED_BRACES)) ||
           (c == '}' && context == CONTEXT_QUOTED_BRACES);
}

static void read_backslash(struct builder *builder, enum context context)
{
    int c = input_next(builder->parser->input);

    if (c == INPUT_END || !is_escaped(context, c)) {
        add_text(builder, '\\', is_quoted(context));
        input_unread(builder->parser->input, c);
        return;
    }
    add_text(builder, c, true);
}

/* $(...): parse commands from the same input up to the parenthesis. */
static void read_command(struct builder *builder, bool quoted)
{
    struct parser *parser = builder->parser;
    struct part *part = add_part(builder, PART_COMMAND, quoted);

    part->node = parse_list(parser);
    if (token_peek(parser) != TOKEN_CLOSE)
        token_unexpected(parser);
    token_take(parser);
}

/* Gather the text up to the closing backquote, one level of backslashes taken away. */
static void gather_backquoted(struct parser *parser, bool quoted, struct buffer *text)
{
    for (;;) {
        int c = input_next(parser->input);
        if (c == '`')
            return;
        if (c == '\\') {
            int next = input_next(parser->input);
            if (next != '$' && next != '`' && next != '\\' && !(quoted && next == '"'))
                buffer_add(text, '\\');
            c = next;
        }
        if (c == INPUT_END) {
            parse_error(parser, "a backquote is not closed");
            return;
        }
        buffer_add(text, (char)c);
    }
}

static void read_backquotes(struct builder *builder, bool quoted)
{
    struct parser *parser = builder->parser;
    struct buffer text = {0};
    struct input *input = arena_allocate(parser->arena, sizeof(*input));
    struct parser inner;
    int line = parser->input->line;

    gather_backquoted(parser, quoted, &text);
    input_from_text(input, buffer_text(&text));
    input->line = line;
    parser_begin(&inner, input, parser->arena);
    inner.failed = parser->failed;
    inner.depth = parser->depth;
    struct part *part = add_part(builder, PART_COMMAND, quoted);
    part->node = parse_list(&inner);
    if (token_peek(&inner) != TOKEN_END)
        token_unexpected(&inner);
    parser->failed |= inner.failed;
    input_free(input);
    buffer_free(&text);
}

/* $((...)): the expression is expanded like quoted text before it is evaluated. */
static void read_arithmetic(struct builder *builder, bool quoted)
{
    struct part *part = add_part(builder, PART_ARITHMETIC, quoted);

    part->word = arena_allocate(builder->parser->arena, sizeof(*part->word));
    part->word->parts = read_parts(builder->parser, CONTEXT_ARITHMETIC);
}

/* Read the name of a parameter that begins with c; NULL if c begins none. */
static const char *read_name(struct parser *parser, int c, bool in_braces)
{
    struct buffer name = {0};

    if (c == INPUT_END || !(isalnum(c) || strchr("_@*#?-$!", c)))
        return NULL;
    buffer_add(&name, (char)c);
    if (is_name_start(c) || (in_braces && isdigit(c))) {
        bool digits = isdigit(c);
        for (;;) {
            c = next_character(parser);
            if (c == INPUT_END || !(digits ? isdigit(c) : is_name_character(c)))
                break;
            buffer_add(&name, (char)c);
        }
        input_unread(parser->input, c);
    }
    const char *text = arena_text(parser->arena, name.text, name.length);
    buffer_free(&name);
    return text;
}

/* Read the operator of ${name...}, up to its word or the closing brace. */
static enum parameter_operator read_operator(struct parser *parser, bool *colon)
{
    int c = next_character(parser);
    int next;

    *colon = c == ':';
    if (*colon)
        c = next_character(parser);
    switch (c) {
    case '-':
        return PARAMETER_DEFAULT;
    case '=':
        return PARAMETER_ASSIGN;
    case '?':
        return PARAMETER_ERROR;
    case '+':
        return PARAMETER_ALTERNATIVE;
    case '#':
    case '%':
        if (*colon)
            break;
        next = next_character(parser);
        if (next != c)
            input_unread(parser->input, next);
        if (c == '#')
            return next == c ? PARAMETER_LONGEST_PREFIX : PARAMETER_SHORTEST_PREFIX;
        return next == c ? PARAMETER_LONGEST_SUFFIX : PARAMETER_SHORTEST_SUFFIX;
    case '}':
        if (!*colon)
            return PARAMETER_PLAIN;
        break;
    default:
        break;
    }
    parse_error(parser, "bad substitution");
    return PARAMETER_PLAIN;
}

/* Whether "${#" begins the length of a parameter, rather than something about $# itself. */
static bool begins_length(struct parser *parser)
{
    int c = next_character(parser);

    input_unread(parser->input, c);
    return c != INPUT_END && (isalnum(c) || strchr("_@*?$!", c));
}

/* ${...} */
static void read_braces(struct builder *builder, bool quoted)
{
    struct parser *parser = builder->parser;
    struct part *part = add_part(builder, PART_PARAMETER, quoted);
    int c = next_character(parser);
    bool length = c == '#' && begins_length(parser);

    if (length)
        c = next_character(parser);
    part->text = read_name(parser, c, true);
    if (!part->text) {
        parse_error(parser, "bad substitution");
        return;
    }
    part->operation = read_operator(parser, &part->colon);
    if (length) {
        if (part->operation != PARAMETER_PLAIN)
            parse_error(parser, "bad substitution");
        part->operation = PARAMETER_LENGTH;
    } else if (part->operation != PARAMETER_PLAIN && !parser->failed) {
        bool pattern = part->operation >= PARAMETER_SHORTEST_PREFIX;
        part->word = arena_allocate(parser->arena, sizeof(*part->word));
        part->word->parts =
            read_parts(parser, quoted && !pattern ? CONTEXT_QUOTED_BRACES : CONTEXT_BRACES);
    }
}

/* What follows a dollar sign. */
static void read_dollar(struct builder *builder, bool quoted)
{
    struct parser *parser = builder->parser;
    int c = next_character(parser);

    if (c == '(' || c == '{')
        end_text(builder);
    if (c == '{') {
        read_braces(builder, quoted);
    } else if (c == '(') {
        c = next_character(parser);
        if (c == '(') {
            read_arithmetic(builder, quoted);
        } else {
            input_unread(parser->input, c);
            read_command(builder, quoted);
        }
    } else {
        const char *name = read_name(parser, c, false);
        if (name) {
            end_text(builder);
            add_part(builder, PART_PARAMETER, quoted)->text = name;
        } else {
            add_text(builder, '$', quoted);
            input_unread(parser->input, c);
        }
    }
}

/* Read an expansion; nesting is limited, because it is nesting on the stack as well. */
static void read_expansion(struct builder *builder, int c, bool quoted)
{
    struct parser *parser = builder->parser;

    if (++parser->depth > DEEPEST_NESTING) {
        parse_error(parser, "nested too deeply");
    } else if (c == '$') {
        read_dollar(builder, quoted);
    } else {
        end_text(builder);
        read_backquotes(builder, quoted);
    }
    parser->depth--;
}

/* Whether c ends the context. *parentheses counts those open in an arithmetic expression. */
static bool ends_context(struct parser *parser, enum context context, int c, int *parentheses)
{
    switch (context) {
    case CONTEXT_WORD:
        if (c != INPUT_END && !strchr(" \t\n;&|<>()", c))
            return false;
        input_unread(parser->input, c);
        return true;
    case CONTEXT_QUOTES:
        return c == '"';
    case CONTEXT_BRACES:
    case CONTEXT_QUOTED_BRACES:
        return c == '}';
    case CONTEXT_ARITHMETIC:
        if (c == '(')
            ++*parentheses;
        if (c != ')' || --*parentheses >= 0)
            return false;
        if (next_character(parser) != ')')
            parse_error(parser, "\"))\" expected");
        return true;
    case CONTEXT_HERE:
        return c == INPUT_END;
    }
    return true;
}

/* Take one character, with what it begins, into the parts. */
static void read_part(struct builder *builder, enum context context, int c)
{
    bool quoted = is_quoted(context);

    if (c == '\\')
        read_backslash(builder, context);
    else if (c == '$' || c == '`')
        read_expansion(builder, c, quoted);
    else if (c == '\'' && !quoted)
        read_single_quotes(builder);
    else if (c == '"' && context != CONTEXT_HERE && context != CONTEXT_ARITHMETIC)
        read_double_quotes(builder);
    else
        add_text(builder, c, quoted);
}

struct part *read_parts(struct parser *parser, enum context context)
{
    struct builder builder = {.parser = parser};
    int parentheses = 0;

    builder.last = &builder.first;
    for (;;) {
        int c = next_character(parser);
        if (ends_context(parser, context, c, &parentheses))
            break;
        if (c == INPUT_END) {
            parse_error(parser, context == CONTEXT_QUOTES ? "a double quote is not closed"
                                                          : "an expansion is not closed");
            break;
        }
        read_part(&builder, context, c);
        if (parser->failed)
            break;
    }
    end_text(&builder);
    buffer_free(&builder.text);
    return builder.first;
}
