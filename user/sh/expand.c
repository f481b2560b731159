/*
 * The steps of expansion in their order, for each of the uses of a word.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand.h"
#include "shell.h"
#include "variable.h"

/* How the text of a word is marked, and where tildes are looked for. */
struct manner {
    enum mark unquoted; /* the mark of text outside quotes */
    bool quoted;        /* everything is quoted */
    bool value;         /* an assignment's value */
};

void expansion_add(struct expansion *out, char c, enum mark mark)
{
    buffer_add(&out->text, c);
    buffer_add(&out->marks, (char)mark);
}

void expansion_add_result(struct expansion *out, const char *text, bool quoted)
{
    if (quoted)
        expansion_add(out, '\0', MARK_EMPTY);
    while (*text)
        expansion_add(out, *text++, quoted ? MARK_QUOTED : MARK_RESULT);
}

void expansion_free(struct expansion *expansion)
{
    buffer_free(&expansion->text);
    buffer_free(&expansion->marks);
}

/* Whether a tilde stands alone up to a slash, the end of the word, or (in a value) a colon. */
static bool is_tilde_prefix(const struct part *part, const char *text, bool value)
{
    if (text[0] != '~')
        return false;
    return text[1] == '/' || (text[1] == ':' && value) || (text[1] == '\0' && !part->next);
}

static void expand_text_part(const struct part *part, bool first, struct manner manner,
                             struct expansion *out)
{
    bool quoted = part->quoted || manner.quoted;
    bool tilde_allowed = first;

    if (quoted)
        expansion_add(out, '\0', MARK_EMPTY);
    for (const char *text = part->text; *text; text++) {
        const char *home = NULL;
        if (!quoted && tilde_allowed && is_tilde_prefix(part, text, manner.value))
            home = variable_value("HOME");
        if (home)
            expansion_add_result(out, home, true);
        else
            expansion_add(out, *text, quoted ? MARK_QUOTED : manner.unquoted);
        tilde_allowed = manner.value && *text == ':';
    }
}

static bool expand_arithmetic(const struct part *part, bool quoted, struct expansion *out)
{
    char *text = expand_text(part->word);
    long long value;
    char digits[32];

    if (!text)
        return false;
    bool valid = evaluate_arithmetic(text, &value);
    free(text);
    if (!valid) {
        shell_abort(SHELL_ERROR);
        return false;
    }
    snprintf(digits, sizeof(digits), "%lld", value);
    expansion_add_result(out, digits, quoted);
    return true;
}

static bool expand_parts(const struct part *parts, struct manner manner, struct expansion *out)
{
    for (const struct part *part = parts; part; part = part->next) {
        bool quoted = part->quoted || manner.quoted;
        bool valid = true;
        switch (part->kind) {
        case PART_TEXT:
            expand_text_part(part, part == parts, manner, out);
            break;
        case PART_PARAMETER:
            valid = expand_parameter(part, quoted, out);
            break;
        case PART_COMMAND:
            valid = expand_command(part, quoted, out);
            break;
        case PART_ARITHMETIC:
            valid = expand_arithmetic(part, quoted, out);
            break;
        }
        if (!valid)
            return false;
    }
    return true;
}

bool expand_operand(const struct word *word, bool quoted, struct expansion *out)
{
    return expand_parts(word->parts, (struct manner){.unquoted = MARK_RESULT, .quoted = quoted},
                        out);
}

bool expand_words(const struct word *words, struct strings *fields)
{
    for (const struct word *word = words; word; word = word->next) {
        struct expansion expansion = {0};
        bool valid =
            expand_parts(word->parts, (struct manner){.unquoted = MARK_LITERAL}, &expansion);
        if (valid)
            split_fields(&expansion, fields);
        expansion_free(&expansion);
        if (!valid)
            return false;
    }
    return true;
}

/* The characters alone; what would be separate fields is joined by spaces. */
static char *join_text(const struct expansion *expansion)
{
    struct buffer text = {0};

    for (size_t i = 0; i < expansion->text.length; i++) {
        if (expansion->marks.text[i] == MARK_BREAK)
            buffer_add(&text, ' ');
        else if (expansion->marks.text[i] != MARK_EMPTY)
            buffer_add(&text, expansion->text.text[i]);
    }
    return buffer_take(&text);
}

static char *expand_joined(const struct word *word, bool value)
{
    struct expansion expansion = {0};
    struct manner manner = {.unquoted = MARK_LITERAL, .value = value};
    char *text = NULL;

    if (expand_parts(word->parts, manner, &expansion))
        text = join_text(&expansion);
    expansion_free(&expansion);
    return text;
}

char *expand_text(const struct word *word)
{
    return expand_joined(word, false);
}

char *expand_value(const struct word *word)
{
    return expand_joined(word, true);
}

char *expand_pattern(const struct word *word)
{
    struct expansion expansion = {0};
    char *pattern = NULL;

    if (expand_parts(word->parts, (struct manner){.unquoted = MARK_LITERAL}, &expansion))
        pattern = make_pattern(buffer_text(&expansion.text), buffer_text(&expansion.marks),
                               expansion.text.length);
    expansion_free(&expansion);
    return pattern;
}
