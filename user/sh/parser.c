/*
 * The grammar, by recursive descent. Reserved words are words: each function that allows one looks
 * for it at its place.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"
#include "shell.h"
#include "variable.h"

static struct node *parse_and_or(struct parser *parser);
static struct node *parse_command(struct parser *parser);

void parser_begin(struct parser *parser, struct input *input, struct arena *arena)
{
    *parser = (struct parser){.input = input, .arena = arena};
    parser->here_last = &parser->here_first;
}

void parse_error(struct parser *parser, const char *format, ...)
{
    if (parser->failed)
        return;
    parser->failed = true;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: line %d: syntax error: ", shell.name, parser->input->line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static struct node *new_node(struct parser *parser, enum node_kind kind)
{
    struct node *node = arena_allocate(parser->arena, sizeof(*node));

    node->kind = kind;
    node->line = parser->input->line;
    return node;
}

/* A copy of the source from start to the end of the last token taken. */
static const char *source_since(struct parser *parser, size_t start)
{
    const char *source = buffer_text(&parser->input->source);

    if (start > parser->taken_end)
        return "";
    return arena_text(parser->arena, source + start, parser->taken_end - start);
}

/* The reserved word that the next token could be, else "". */
static const char *peek_literal(struct parser *parser)
{
    const char *text = token_peek(parser) == TOKEN_WORD ? word_literal(parser->word) : NULL;

    return text ? text : "";
}

/* Take the next token if it is this reserved word. */
static bool take_reserved(struct parser *parser, const char *reserved)
{
    if (strcmp(peek_literal(parser), reserved) != 0)
        return false;
    token_take(parser);
    return true;
}

static void expect_reserved(struct parser *parser, const char *reserved)
{
    if (!take_reserved(parser, reserved))
        token_unexpected(parser);
}

static void expect_token(struct parser *parser, enum token token)
{
    if (token_peek(parser) == token)
        token_take(parser);
    else
        token_unexpected(parser);
}

static void skip_newlines(struct parser *parser)
{
    while (token_peek(parser) == TOKEN_NEWLINE)
        token_take(parser);
}

static bool is_redirection(enum token token)
{
    return token == TOKEN_NUMBER || token >= TOKEN_LESS;
}

/* Whether the next token can begin a command. */
static bool begins_command(struct parser *parser)
{
    static const char *const closing[] = {"then", "elif", "else", "fi", "do", "done", "esac", "}"};
    enum token token = token_peek(parser);

    if (token != TOKEN_WORD)
        return token == TOKEN_OPEN || is_redirection(token);
    for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++)
        if (strcmp(peek_literal(parser), closing[i]) == 0)
            return false;
    return true;
}

/* Redirections. */

/* The delimiter of a here document: its word without the quotes. */
static void set_delimiter(struct parser *parser, struct redirection *here)
{
    struct buffer text = {0};

    for (const struct part *part = parser->word->parts; part; part = part->next) {
        if (part->kind != PART_TEXT)
            parse_error(parser, "a here document's delimiter cannot be an expansion");
        else
            buffer_add_text(&text, part->text);
        here->literal |= part->quoted;
    }
    here->delimiter = arena_text(parser->arena, buffer_text(&text), text.length);
    buffer_free(&text);
    *parser->here_last = here;
    parser->here_last = &here->next_here;
}

static enum redirection_kind redirection_kind(enum token token)
{
    switch (token) {
    case TOKEN_LESS:
        return REDIRECT_READ;
    case TOKEN_LESS_GREAT:
        return REDIRECT_READ_WRITE;
    case TOKEN_GREAT_GREAT:
        return REDIRECT_APPEND;
    case TOKEN_LESS_AND:
    case TOKEN_GREAT_AND:
        return REDIRECT_DUPLICATE;
    case TOKEN_HERE:
    case TOKEN_HERE_TABS:
        return REDIRECT_HERE;
    default:
        return REDIRECT_WRITE;
    }
}

static bool redirects_output(enum token token)
{
    return token == TOKEN_GREAT || token == TOKEN_GREAT_AND || token == TOKEN_GREAT_GREAT ||
           token == TOKEN_GREAT_PIPE;
}

static struct redirection *parse_redirection(struct parser *parser)
{
    struct redirection *redirection = arena_allocate(parser->arena, sizeof(*redirection));

    redirection->descriptor = -1;
    if (token_peek(parser) == TOKEN_NUMBER) {
        redirection->descriptor = parser->number;
        token_take(parser);
    }
    enum token token = token_peek(parser);
    token_take(parser);
    if (redirection->descriptor < 0)
        redirection->descriptor = redirects_output(token) ? 1 : 0;
    redirection->kind = redirection_kind(token);
    redirection->strip_tabs = token == TOKEN_HERE_TABS;
    if (token_peek(parser) != TOKEN_WORD) {
        token_unexpected(parser);
    } else {
        redirection->word = parser->word;
        if (redirection->kind == REDIRECT_HERE)
            set_delimiter(parser, redirection);
        token_take(parser);
    }
    return redirection;
}

/* Parse the redirections behind a compound command. */
static void parse_redirections(struct parser *parser, struct node *node)
{
    struct redirection **last = &node->redirections;

    while (*last)
        last = &(*last)->next;
    while (is_redirection(token_peek(parser))) {
        *last = parse_redirection(parser);
        last = &(*last)->next;
    }
}

/* Simple commands and functions. */

/* Turn a word of the form name=value into an assignment; NULL if it is none. */
static struct assignment *make_assignment(struct parser *parser, const struct word *word)
{
    const struct part *first = word->parts;

    if (!first || first->kind != PART_TEXT || first->quoted)
        return NULL;
    size_t length = name_length(first->text);
    if (length == 0 || first->text[length] != '=')
        return NULL;

    struct assignment *assignment = arena_allocate(parser->arena, sizeof(*assignment));
    struct word *value = arena_allocate(parser->arena, sizeof(*value));
    assignment->name = arena_text(parser->arena, first->text, length);
    assignment->value = value;
    value->parts = first->next;
    if (first->text[length + 1]) {
        struct part *rest = arena_allocate(parser->arena, sizeof(*rest));
        *rest = *first;
        rest->text = first->text + length + 1;
        value->parts = rest;
    }
    return assignment;
}

/* name ( ) body: the name has been taken. */
static struct node *parse_function(struct parser *parser, const struct word *name)
{
    struct node *node = new_node(parser, NODE_FUNCTION);

    node->name = word_literal(name);
    if (!node->name || !is_name(node->name))
        parse_error(parser, "bad function name");
    token_take(parser);
    expect_token(parser, TOKEN_CLOSE);
    skip_newlines(parser);
    node->first = parse_command(parser);
    if (node->first && (node->first->kind == NODE_SIMPLE || node->first->kind == NODE_FUNCTION))
        parse_error(parser, "a function's body must be a compound command");
    node->arena = parser->arena;
    return node;
}

static struct node *parse_simple(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_SIMPLE);
    struct assignment **last_assignment = &node->assignments;
    struct word **last_word = &node->words;

    for (;;) {
        enum token token = token_peek(parser);
        if (is_redirection(token)) {
            parse_redirections(parser, node);
        } else if (token == TOKEN_WORD) {
            struct word *word = parser->word;
            token_take(parser);
            struct assignment *assignment = node->words ? NULL : make_assignment(parser, word);
            if (assignment) {
                *last_assignment = assignment;
                last_assignment = &assignment->next;
            } else {
                *last_word = word;
                last_word = &word->next;
            }
        } else if (token == TOKEN_OPEN && node->words && last_word == &node->words->next &&
                   !node->assignments && !node->redirections) {
            return parse_function(parser, node->words);
        } else {
            return node;
        }
    }
}

/* Compound commands. The word or parenthesis that begins each has been taken. */

/* A list of at least one command. */
static struct node *parse_body(struct parser *parser)
{
    struct node *list = parse_list(parser);

    if (!list)
        token_unexpected(parser);
    return list;
}

static struct node *parse_do(struct parser *parser)
{
    expect_reserved(parser, "do");
    struct node *body = parse_body(parser);
    expect_reserved(parser, "done");
    return body;
}

/* Also behind "elif": each further condition is an if of its own in the else branch. */
static struct node *parse_if(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_IF);

    if (++parser->depth > DEEPEST_NESTING)
        parse_error(parser, "nested too deeply");
    node->first = parse_body(parser);
    expect_reserved(parser, "then");
    node->second = parse_body(parser);
    if (take_reserved(parser, "elif")) {
        node->third = parse_if(parser);
    } else {
        if (take_reserved(parser, "else"))
            node->third = parse_body(parser);
        expect_reserved(parser, "fi");
    }
    parser->depth--;
    return node;
}

static struct node *parse_while(struct parser *parser, enum node_kind kind)
{
    struct node *node = new_node(parser, kind);

    node->first = parse_body(parser);
    node->second = parse_do(parser);
    return node;
}

static struct node *parse_for(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_FOR);
    struct word **last = &node->words;

    node->name = peek_literal(parser);
    if (!is_name(node->name))
        token_unexpected(parser);
    token_take(parser);
    skip_newlines(parser);
    node->positional = !take_reserved(parser, "in");
    if (!node->positional)
        for (; token_peek(parser) == TOKEN_WORD; token_take(parser)) {
            *last = parser->word;
            last = &parser->word->next;
        }
    if (token_peek(parser) == TOKEN_SEMICOLON)
        token_take(parser);
    skip_newlines(parser);
    node->first = parse_do(parser);
    return node;
}

static struct case_item *parse_case_item(struct parser *parser)
{
    struct case_item *item = arena_allocate(parser->arena, sizeof(*item));
    struct word **last = &item->patterns;

    if (token_peek(parser) == TOKEN_OPEN)
        token_take(parser);
    for (;;) {
        if (token_peek(parser) != TOKEN_WORD) {
            token_unexpected(parser);
            return item;
        }
        *last = parser->word;
        last = &parser->word->next;
        token_take(parser);
        if (token_peek(parser) != TOKEN_PIPE)
            break;
        token_take(parser);
    }
    expect_token(parser, TOKEN_CLOSE);
    item->body = parse_list(parser);
    return item;
}

static struct node *parse_case(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_CASE);
    struct case_item **last = &node->items;

    if (token_peek(parser) != TOKEN_WORD)
        token_unexpected(parser);
    node->words = parser->word;
    token_take(parser);
    skip_newlines(parser);
    expect_reserved(parser, "in");
    skip_newlines(parser);
    while (!parser->failed && !take_reserved(parser, "esac")) {
        *last = parse_case_item(parser);
        last = &(*last)->next;
        if (token_peek(parser) == TOKEN_TWO_SEMICOLONS)
            token_take(parser);
        else if (strcmp(peek_literal(parser), "esac") != 0)
            token_unexpected(parser);
        skip_newlines(parser);
    }
    return node;
}

static struct node *parse_subshell(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_SUBSHELL);

    node->first = parse_body(parser);
    expect_token(parser, TOKEN_CLOSE);
    return node;
}

static struct node *parse_group(struct parser *parser)
{
    struct node *node = new_node(parser, NODE_GROUP);

    node->first = parse_body(parser);
    expect_reserved(parser, "}");
    return node;
}

/* Parse a compound command; NULL if the next token begins none. */
static struct node *parse_compound(struct parser *parser)
{
    if (token_peek(parser) == TOKEN_OPEN) {
        token_take(parser);
        return parse_subshell(parser);
    }
    if (take_reserved(parser, "{"))
        return parse_group(parser);
    if (take_reserved(parser, "if"))
        return parse_if(parser);
    if (take_reserved(parser, "while"))
        return parse_while(parser, NODE_WHILE);
    if (take_reserved(parser, "until"))
        return parse_while(parser, NODE_UNTIL);
    if (take_reserved(parser, "for"))
        return parse_for(parser);
    if (take_reserved(parser, "case"))
        return parse_case(parser);
    return NULL;
}

static struct node *parse_command(struct parser *parser)
{
    struct node *node = NULL;

    if (!begins_command(parser)) {
        token_unexpected(parser);
        return NULL;
    }
    size_t start = parser->token_start;
    if (++parser->depth > DEEPEST_NESTING) {
        parse_error(parser, "nested too deeply");
    } else {
        node = parse_compound(parser);
        if (node)
            parse_redirections(parser, node);
        else
            node = parse_simple(parser);
        node->text = source_since(parser, start);
    }
    parser->depth--;
    return node;
}

/* Lists. */

/* Parse commands joined by "|"; one alone is its own node. */
static struct node *parse_pipe(struct parser *parser)
{
    token_peek(parser);
    size_t start = parser->token_start;
    struct node *first = parse_command(parser);

    if (token_peek(parser) != TOKEN_PIPE || !first)
        return first;
    struct node *pipeline = new_node(parser, NODE_PIPELINE);
    struct node *last = pipeline->first = first;
    while (last && token_peek(parser) == TOKEN_PIPE) {
        token_take(parser);
        skip_newlines(parser);
        last = last->next = parse_command(parser);
    }
    pipeline->text = source_since(parser, start);
    return pipeline;
}

static struct node *parse_pipeline(struct parser *parser)
{
    bool negated = false;

    while (take_reserved(parser, "!"))
        negated = !negated;
    struct node *pipeline = parse_pipe(parser);
    if (!negated)
        return pipeline;
    struct node *node = new_node(parser, NODE_NOT);
    node->first = pipeline;
    return node;
}

static struct node *parse_and_or(struct parser *parser)
{
    struct node *left = parse_pipeline(parser);

    for (;;) {
        enum token token = token_peek(parser);
        if (token != TOKEN_AND_AND && token != TOKEN_OR_OR)
            return left;
        token_take(parser);
        skip_newlines(parser);
        struct node *node = new_node(parser, token == TOKEN_AND_AND ? NODE_AND : NODE_OR);
        node->first = left;
        node->second = parse_pipeline(parser);
        left = node;
    }
}

/* Parse one member of a list with the "&" or ";" behind it; *separated tells if one was there. */
static struct node *parse_member(struct parser *parser, bool *separated)
{
    token_peek(parser);
    size_t start = parser->token_start;
    struct node *node = parse_and_or(parser);
    enum token token = token_peek(parser);

    *separated = token == TOKEN_AMPERSAND || token == TOKEN_SEMICOLON;
    if (token == TOKEN_AMPERSAND) {
        struct node *background = new_node(parser, NODE_BACKGROUND);
        background->first = node;
        background->text = source_since(parser, start);
        node = background;
    }
    if (*separated)
        token_take(parser);
    return node;
}

/* A list of its own if there is more than one member. */
static struct node *make_list(struct parser *parser, struct node *first)
{
    if (!first || !first->next)
        return first;
    struct node *list = new_node(parser, NODE_LIST);
    list->first = first;
    return list;
}

struct node *parse_list(struct parser *parser)
{
    struct node *first = NULL;
    struct node **last = &first;
    bool separated = true;

    skip_newlines(parser);
    while (separated && begins_command(parser)) {
        *last = parse_member(parser, &separated);
        if (parser->failed)
            return NULL;
        last = &(*last)->next;
        separated |= token_peek(parser) == TOKEN_NEWLINE;
        skip_newlines(parser);
    }
    return make_list(parser, first);
}

struct node *parse_complete_command(struct parser *parser, bool *ended)
{
    struct node *first = NULL;
    struct node **last = &first;
    bool separated = true;

    while (separated && begins_command(parser)) {
        *last = parse_member(parser, &separated);
        if (parser->failed)
            return NULL;
        last = &(*last)->next;
    }
    if (token_peek(parser) == TOKEN_NEWLINE)
        token_take(parser);
    else if (token_peek(parser) == TOKEN_END)
        *ended = !parser->failed;
    else
        token_unexpected(parser);
    return parser->failed ? NULL : make_list(parser, first);
}
