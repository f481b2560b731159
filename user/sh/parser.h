/*
 * The parser. token.c cuts the input into tokens, word.c cuts words into parts, here.c reads here
 * documents, and parser.c puts the tree together by recursive descent, one token ahead.
 *
 * An error is printed once and sticks: from then on every token is TOKEN_END, so that all callers
 * come to their end, and the tree is thrown away.
 */
#ifndef MAPIX_SH_PARSER_H
#define MAPIX_SH_PARSER_H

#include "input.h"
#include "syntax.h"

enum token {
    TOKEN_END,
    TOKEN_NEWLINE,
    TOKEN_WORD,
    TOKEN_NUMBER, /* digits directly before a redirection */
    TOKEN_AND_AND,
    TOKEN_OR_OR,
    TOKEN_AMPERSAND,
    TOKEN_PIPE,
    TOKEN_SEMICOLON,
    TOKEN_TWO_SEMICOLONS,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_LESS,        /* <   */
    TOKEN_LESS_AND,    /* <&  */
    TOKEN_LESS_GREAT,  /* <>  */
    TOKEN_HERE,        /* <<  */
    TOKEN_HERE_TABS,   /* <<- */
    TOKEN_GREAT,       /* >   */
    TOKEN_GREAT_AND,   /* >&  */
    TOKEN_GREAT_GREAT, /* >>  */
    TOKEN_GREAT_PIPE,  /* >|  */
};

struct parser {
    struct input *input;
    struct arena *arena;
    bool failed;
    int depth;      /* of nested commands and expansions */
    bool has_token; /* token has been read and not taken */
    enum token token;
    struct word *word;  /* WORD */
    int number;         /* NUMBER */
    size_t token_start; /* places in the input's source */
    size_t token_end;
    size_t taken_end;               /* where the last token taken ended */
    struct redirection *here_first; /* here documents whose text is still to come */
    struct redirection **here_last;
};

/* A parser that puts its tree into arena. */
void parser_begin(struct parser *parser, struct input *input, struct arena *arena);

/*
 * Parse one complete command, up to the end of its line; NULL for an empty line, at the end, and
 * after an error. At the end of the input *ended is set.
 */
struct node *parse_complete_command(struct parser *parser, bool *ended);

/* Parse commands up to a token that cannot begin one. NULL if there are none. */
struct node *parse_list(struct parser *parser);

/* Print a message about the input at hand and fail. */
void parse_error(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The next token; it stays until token_take. */
enum token token_peek(struct parser *parser);
void token_take(struct parser *parser);

/* Print that the next token is not what is allowed here. */
void token_unexpected(struct parser *parser);

/* The text of a word that is one piece without quotes, else NULL. */
const char *word_literal(const struct word *word);

/* What a run of parts is in, which says what ends it and what is special in it. */
enum context {
    CONTEXT_WORD,
    CONTEXT_QUOTES,        /* "..." */
    CONTEXT_BRACES,        /* ${name-...} */
    CONTEXT_QUOTED_BRACES, /* "${name-...}" */
    CONTEXT_ARITHMETIC,    /* $((...)) */
    CONTEXT_HERE,          /* the text of a here document */
};

/* Read parts up to the end of the context; what ends it is consumed, except the end of a word. */
struct part *read_parts(struct parser *parser, enum context context);

/* The next character, backslash-newline pairs left out. */
int next_character(struct parser *parser);

/* Read the texts of the here documents announced on the line that has just ended. */
void read_here_documents(struct parser *parser);

#endif
