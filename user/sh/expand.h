/*
 * Expansion of words: tilde, parameters, command substitution, arithmetic, field splitting, path
 * names, removal of quotes.
 *
 * A word is expanded into characters that each carry a mark, which says what may still happen to
 * them; splitting and path names then work on marked characters:
 *
 *     word    a*"b c"$x        with x='d *'
 *     text    a * b   c d   *
 *     mark    l l q q q r r r      l literal, q quoted, r result of an expansion
 *
 * A field break between the parameters of $@ and the trace of empty quotes are characters 0 with
 * marks of their own.
 *
 * After an error in an expansion a message has been printed and shell.unwind is set.
 */
#ifndef MAPIX_SH_EXPAND_H
#define MAPIX_SH_EXPAND_H

#include <stdbool.h>

#include "../lib.h"
#include "memory.h"
#include "syntax.h"

enum mark {
    MARK_LITERAL = 'l', /* may be a pattern */
    MARK_RESULT = 'r',  /* may be a pattern, may separate fields */
    MARK_QUOTED = 'q',
    MARK_EMPTY = 'e', /* empty quotes: there is a field, though nothing is in it */
    MARK_BREAK = 'b', /* the field ends here */
};

struct expansion {
    struct buffer text;
    struct buffer marks;
};

/* Expand words to fields, added to the list. False after an error. */
bool expand_words(const struct word *words, struct strings *fields);

/* Expand to one allocated string, with no splitting and no path names. NULL after an error. */
char *expand_text(const struct word *word);

/* As expand_text, for the value of an assignment: a tilde is also expanded behind a colon. */
char *expand_value(const struct word *word);

/* As expand_text, to a pattern for fnmatch(3) in which what was quoted stands for itself. */
char *expand_pattern(const struct word *word);

/* Expand one parameter (parameter.c) or command substitution (substitute.c) into out. */
bool expand_parameter(const struct part *part, bool quoted, struct expansion *out);
bool expand_command(const struct part *part, bool quoted, struct expansion *out);

/* Expand the word of ${name-word}: its unquoted text is the result of an expansion. */
bool expand_operand(const struct word *word, bool quoted, struct expansion *out);

/* Add one character, or the result of an expansion. */
void expansion_add(struct expansion *out, char c, enum mark mark);
void expansion_add_result(struct expansion *out, const char *text, bool quoted);
void expansion_free(struct expansion *expansion);

/* Cut an expansion at the separators in IFS into fields and expand path names in them. */
void split_fields(const struct expansion *expansion, struct strings *fields);

/* A pattern for fnmatch(3) from count marked characters. */
char *make_pattern(const char *text, const char *marks, size_t count);

/* Whether a pattern has "*", "?" or a "[" with its "]", not behind a backslash. */
bool has_pattern(const char *pattern);

/* Add the paths that match pattern in their order; false if there are none. */
bool match_paths(const char *pattern, struct strings *paths);

/* Evaluate an arithmetic expression. False after an error, with a message. */
bool evaluate_arithmetic(const char *text, long long *result);

/* Whether a parameter is set, and its value as one allocated string; NULL if not set. */
char *parameter_value(const char *name);

#endif
