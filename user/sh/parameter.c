/*
 * Parameter expansion: values and the operators of ${...}.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand.h"
#include "shell.h"
#include "variable.h"

/* The letters of the options that are on, for $-. */
static char *option_letters(void)
{
    return format_text("%s%s%s%s%s", shell.exit_on_error ? "e" : "", shell.no_patterns ? "f" : "",
                       shell.interactive ? "i" : "", shell.no_unset ? "u" : "",
                       shell.trace ? "x" : "");
}

/* $* as one string: joined by the first character of IFS, or by nothing if that is empty. */
static char *join_positional(void)
{
    const char *separators = variable_value("IFS");
    char separator = separators ? separators[0] : ' ';
    struct buffer text = {0};

    for (size_t i = 0; i < shell.positional_count; i++) {
        if (i > 0 && separator)
            buffer_add(&text, separator);
        buffer_add_text(&text, shell.positional[i]);
    }
    return buffer_take(&text);
}

static char *positional_value(const char *digits)
{
    uintmax_t number;

    if (!parse_number(digits, SIZE_MAX, &number) || number > shell.positional_count)
        return NULL;
    return duplicate(number == 0 ? shell.name : shell.positional[number - 1]);
}

char *parameter_value(const char *name)
{
    if (is_name_start((unsigned char)name[0])) {
        const char *value = variable_value(name);
        return value ? duplicate(value) : NULL;
    }
    switch (name[0]) {
    case '@':
    case '*':
        return shell.positional_count ? join_positional() : NULL;
    case '#':
        return format_text("%zu", shell.positional_count);
    case '?':
        return format_text("%d", shell.status);
    case '$':
        return format_text("%d", (int)shell.pid);
    case '!':
        return shell.last_background ? format_text("%d", (int)shell.last_background) : NULL;
    case '-':
        return option_letters();
    default:
        return positional_value(name);
    }
}

static bool is_list(const char *name)
{
    return name[0] == '@' || name[0] == '*';
}

/* Add the positional parameters as fields of their own. */
static void add_fields(bool quoted, struct expansion *out)
{
    for (size_t i = 0; i < shell.positional_count; i++) {
        if (i > 0)
            expansion_add(out, '\0', MARK_BREAK);
        expansion_add_result(out, shell.positional[i], quoted);
    }
}

/* Add the value of a parameter that is set, or nothing. */
static void add_value(const char *name, const char *value, bool quoted, struct expansion *out)
{
    if (name[0] == '@' || (name[0] == '*' && !quoted))
        add_fields(quoted, out);
    else
        expansion_add_result(out, value ? value : "", quoted);
}

/* ${name?word}: print the word and leave. */
static bool complain_unset(const struct part *part)
{
    char *text = expand_text(part->word);

    if (!text)
        return false;
    shell_complain("%s: %s", part->text, *text ? text : "parameter not set");
    free(text);
    shell_abort(SHELL_ERROR);
    return false;
}

/* ${name=word} of a variable that has no value: give it one. */
static bool assign_default(const struct part *part, bool quoted, struct expansion *out)
{
    if (!is_name(part->text)) {
        shell_complain("%s: cannot be assigned to", part->text);
        shell_abort(SHELL_ERROR);
        return false;
    }
    char *text = expand_text(part->word);
    if (!text)
        return false;
    bool valid = variable_set(part->text, text);
    if (valid)
        expansion_add_result(out, text, quoted);
    else
        shell_abort(SHELL_ERROR);
    free(text);
    return valid;
}

/* The part of value that is left when the pattern's match is taken from its start or end. */
static char *strip(char *value, const char *pattern, enum parameter_operator operation)
{
    bool suffix = operation == PARAMETER_SHORTEST_SUFFIX || operation == PARAMETER_LONGEST_SUFFIX;
    bool from_left =
        operation == PARAMETER_SHORTEST_PREFIX || operation == PARAMETER_LONGEST_SUFFIX;
    size_t length = strlen(value);

    for (size_t i = 0; i <= length; i++) {
        size_t cut = from_left ? i : length - i;
        char kept = value[cut];
        if (!suffix)
            value[cut] = '\0';
        bool matches = fnmatch(pattern, suffix ? value + cut : value, 0) == 0;
        value[cut] = kept;
        if (!matches)
            continue;
        if (suffix) {
            value[cut] = '\0';
            return duplicate(value);
        }
        return duplicate(value + cut);
    }
    return duplicate(value);
}

static bool expand_stripped(const struct part *part, char *value, bool quoted,
                            struct expansion *out)
{
    char *pattern = expand_pattern(part->word);

    if (!pattern)
        return false;
    char *rest = strip(value, pattern, part->operation);
    expansion_add_result(out, rest, quoted);
    free(rest);
    free(pattern);
    return true;
}

static void expand_length(const char *name, const char *value, bool quoted, struct expansion *out)
{
    char digits[32];

    snprintf(digits, sizeof(digits), "%zu",
             is_list(name) ? shell.positional_count : strlen(value ? value : ""));
    expansion_add_result(out, digits, quoted);
}

/* An unset parameter under -u: an error, unless the operator is there to handle it. */
static bool check_set(const struct part *part, const char *value)
{
    bool handled = part->operation >= PARAMETER_DEFAULT && part->operation <= PARAMETER_ALTERNATIVE;

    if (value || !shell.no_unset || handled || is_list(part->text))
        return true;
    shell_complain("%s: parameter not set", part->text);
    shell_abort(SHELL_ERROR);
    return false;
}

static bool expand_value_of(const struct part *part, char *value, bool quoted,
                            struct expansion *out)
{
    bool present = value && !(part->colon && !*value);

    switch (part->operation) {
    case PARAMETER_LENGTH:
        expand_length(part->text, value, quoted, out);
        return true;
    case PARAMETER_DEFAULT:
        if (!present)
            return expand_operand(part->word, quoted, out);
        break;
    case PARAMETER_ASSIGN:
        if (!present)
            return assign_default(part, quoted, out);
        break;
    case PARAMETER_ERROR:
        if (!present)
            return complain_unset(part);
        break;
    case PARAMETER_ALTERNATIVE:
        return !present || expand_operand(part->word, quoted, out);
    case PARAMETER_PLAIN:
        break;
    default:
        if (value)
            return expand_stripped(part, value, quoted, out);
        break;
    }
    add_value(part->text, value, quoted, out);
    return true;
}

bool expand_parameter(const struct part *part, bool quoted, struct expansion *out)
{
    char *value = parameter_value(part->text);
    bool valid = check_set(part, value);

    if (quoted && part->operation != PARAMETER_PLAIN)
        expansion_add(out, '\0', MARK_EMPTY);
    if (valid)
        valid = expand_value_of(part, value, quoted, out);
    free(value);
    return valid;
}
