/*
 * Cutting the input into tokens.
 */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../lib.h"
#include "parser.h"

int next_character(struct parser *parser)
{
    for (;;) {
        int c = input_next(parser->input);
        if (c != '\\')
            return c;
        int following = input_next(parser->input);
        if (following != '\n') {
            input_unread(parser->input, following);
            return c;
        }
    }
}

/* Consume the next character if it is c. */
static bool follows(struct parser *parser, int c)
{
    int next = next_character(parser);

    if (next == c)
        return true;
    input_unread(parser->input, next);
    return false;
}

static enum token less_token(struct parser *parser)
{
    if (follows(parser, '<'))
        return follows(parser, '-') ? TOKEN_HERE_TABS : TOKEN_HERE;
    if (follows(parser, '&'))
        return TOKEN_LESS_AND;
    return follows(parser, '>') ? TOKEN_LESS_GREAT : TOKEN_LESS;
}

static enum token great_token(struct parser *parser)
{
    if (follows(parser, '>'))
        return TOKEN_GREAT_GREAT;
    if (follows(parser, '&'))
        return TOKEN_GREAT_AND;
    return follows(parser, '|') ? TOKEN_GREAT_PIPE : TOKEN_GREAT;
}

const char *word_literal(const struct word *word)
{
    const struct part *part = word->parts;

    if (part && !part->next && part->kind == PART_TEXT && !part->quoted)
        return part->text;
    return NULL;
}

/* Read a word, or the number of a descriptor in front of a redirection. */
static enum token word_token(struct parser *parser)
{
    struct word *word = arena_allocate(parser->arena, sizeof(*word));

    word->parts = read_parts(parser, CONTEXT_WORD);
    parser->word = word;
    const char *text = word_literal(word);
    if (!text || text[strspn(text, "0123456789")] != '\0')
        return TOKEN_WORD;
    int next = next_character(parser);
    input_unread(parser->input, next);
    if (next != '<' && next != '>')
        return TOKEN_WORD;
    uintmax_t number;
    parser->number = parse_number(text, INT_MAX, &number) ? (int)number : INT_MAX;
    return TOKEN_NUMBER;
}

/* Consume blanks and a comment; return the character behind them. */
static int skip_blanks(struct parser *parser)
{
    int c = next_character(parser);

    while (c == ' ' || c == '\t')
        c = next_character(parser);
    if (c == '#')
        while (c != '\n' && c != INPUT_END)
            c = input_next(parser->input);
    return c;
}

/* Read the token that begins with c. */
static enum token read_token(struct parser *parser, int c)
{
    switch (c) {
    case INPUT_END:
        read_here_documents(parser);
        return TOKEN_END;
    case '\n':
        read_here_documents(parser);
        return TOKEN_NEWLINE;
    case '&':
        return follows(parser, '&') ? TOKEN_AND_AND : TOKEN_AMPERSAND;
    case '|':
        return follows(parser, '|') ? TOKEN_OR_OR : TOKEN_PIPE;
    case ';':
        return follows(parser, ';') ? TOKEN_TWO_SEMICOLONS : TOKEN_SEMICOLON;
    case '(':
        return TOKEN_OPEN;
    case ')':
        return TOKEN_CLOSE;
    case '<':
        return less_token(parser);
    case '>':
        return great_token(parser);
    default:
        input_unread(parser->input, c);
        return word_token(parser);
    }
}

enum token token_peek(struct parser *parser)
{
    if (parser->failed)
        return TOKEN_END;
    if (!parser->has_token) {
        int c = skip_blanks(parser);
        size_t start = parser->input->source.length - (c != INPUT_END);
        enum token token = read_token(parser, c);
        parser->token = token;
        parser->token_start = start;
        parser->token_end = parser->input->source.length;
        parser->has_token = true;
    }
    return parser->failed ? TOKEN_END : parser->token;
}

void token_take(struct parser *parser)
{
    parser->has_token = false;
    parser->taken_end = parser->token_end;
}

void token_unexpected(struct parser *parser)
{
    enum token token = token_peek(parser);

    if (token == TOKEN_END) {
        parse_error(parser, "unexpected end of input");
    } else if (token == TOKEN_NEWLINE) {
        parse_error(parser, "unexpected end of line");
    } else {
        const char *source = buffer_text(&parser->input->source) + parser->token_start;
        parse_error(parser, "unexpected \"%.*s\"", (int)(parser->token_end - parser->token_start),
                    source);
    }
}
