/*
 * Arithmetic expressions: C's operators on 64-bit numbers that wrap around, by recursive descent.
 * What && || ?: pass over is parsed with evaluator.skipped set, which assigns nothing and may
 * divide by zero.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand.h"
#include "shell.h"
#include "variable.h"

typedef long long number;
typedef unsigned long long bits;

struct evaluator {
    const char *text; /* the whole expression, for messages */
    const char *next;
    int skipped;
    int depth;
    bool failed;
};

/* Binary operators; a longer one stands before those it begins with. */
static const struct operation {
    const char *text;
    int precedence;
} operators[] = {
    {"||", 1}, {"&&", 2}, {"|", 3}, {"^", 4}, {"&", 5}, {"==", 6}, {"!=", 6}, {"<<", 8}, {">>", 8},
    {"<=", 7}, {">=", 7}, {"<", 7}, {">", 7}, {"+", 9}, {"-", 9},  {"*", 10}, {"/", 10}, {"%", 10},
};

enum { OPERATORS = sizeof(operators) / sizeof(operators[0]) };

static number evaluate_assignment(struct evaluator *evaluator);

static number evaluation_error(struct evaluator *evaluator, const char *message)
{
    if (!evaluator->failed)
        shell_complain("arithmetic: %s: \"%s\"", message, evaluator->text);
    evaluator->failed = true;
    return 0;
}

static void skip_blanks(struct evaluator *evaluator)
{
    while (isspace((unsigned char)*evaluator->next))
        evaluator->next++;
}

/* Consume text if it comes next. */
static bool take(struct evaluator *evaluator, const char *text)
{
    skip_blanks(evaluator);
    if (strncmp(evaluator->next, text, strlen(text)) != 0)
        return false;
    evaluator->next += strlen(text);
    return true;
}

/* Parse a constant at *text; false if it is malformed or too large. */
static bool parse_constant(const char **text, number *value)
{
    char *end;

    errno = 0;
    *value = (number)strtoull(*text, &end, 0);
    if (end == *text || errno || is_name_character((unsigned char)*end))
        return false;
    *text = end;
    return true;
}

static number variable_number(struct evaluator *evaluator, const char *name)
{
    char *text = parameter_value(name);
    number value = 0;

    if (!text && shell.no_unset && !evaluator->skipped)
        evaluation_error(evaluator, "variable not set");
    if (text) {
        const char *next = text + strspn(text, " \t\n");
        bool negative = *next == '-';
        if (*next == '-' || *next == '+')
            next++;
        if (*next && (!isdigit((unsigned char)*next) || !parse_constant(&next, &value) ||
                      next[strspn(next, " \t\n")]))
            evaluation_error(evaluator, "a variable is not a number");
        if (negative)
            value = (number)(0 - (bits)value);
    }
    free(text);
    return value;
}

/* Take a name; NULL if none comes next. Allocated. */
static char *take_name(struct evaluator *evaluator)
{
    skip_blanks(evaluator);
    size_t length = name_length(evaluator->next);
    if (length == 0)
        return NULL;
    char *name = format_text("%.*s", (int)length, evaluator->next);
    evaluator->next += length;
    return name;
}

static number evaluate_primary(struct evaluator *evaluator)
{
    number value = 0;

    if (take(evaluator, "(")) {
        value = evaluate_assignment(evaluator);
        if (!take(evaluator, ")"))
            evaluation_error(evaluator, "\")\" expected");
        return value;
    }
    char *name = take_name(evaluator);
    if (name) {
        value = variable_number(evaluator, name);
        free(name);
    } else if (!isdigit((unsigned char)*evaluator->next) ||
               !parse_constant(&evaluator->next, &value)) {
        evaluation_error(evaluator, "number expected");
    }
    return value;
}

static number evaluate_unary(struct evaluator *evaluator)
{
    number value;

    if (++evaluator->depth > DEEPEST_NESTING)
        return evaluation_error(evaluator, "nested too deeply");
    if (take(evaluator, "-"))
        value = (number)(0 - (bits)evaluate_unary(evaluator));
    else if (take(evaluator, "+"))
        value = evaluate_unary(evaluator);
    else if (take(evaluator, "~"))
        value = ~evaluate_unary(evaluator);
    else if (take(evaluator, "!"))
        value = !evaluate_unary(evaluator);
    else
        value = evaluate_primary(evaluator);
    evaluator->depth--;
    return value;
}

static number divide(struct evaluator *evaluator, char operation, number left, number right)
{
    if (right == 0)
        return evaluator->skipped ? 0 : evaluation_error(evaluator, "division by zero");
    if (right == -1)
        return operation == '/' ? (number)(0 - (bits)left) : 0;
    return operation == '/' ? left / right : left % right;
}

/* Apply a binary operator other than && and ||. */
static number apply(struct evaluator *evaluator, const char *operation, number left, number right)
{
    bool equal = operation[1] == '=';

    switch (operation[0]) {
    case '|':
        return left | right;
    case '^':
        return left ^ right;
    case '&':
        return left & right;
    case '=':
        return left == right;
    case '!':
        return left != right;
    case '<':
        if (operation[1] == '<')
            return (number)((bits)left << (right & 63));
        return equal ? left <= right : left < right;
    case '>':
        if (operation[1] == '>')
            return left >> (right & 63);
        return equal ? left >= right : left > right;
    case '+':
        return (number)((bits)left + (bits)right);
    case '-':
        return (number)((bits)left - (bits)right);
    case '*':
        return (number)((bits)left * (bits)right);
    default:
        return divide(evaluator, operation[0], left, right);
    }
}

/* The binary operator that comes next, not followed by "=" where that makes an assignment. */
static const struct operation *peek_operator(struct evaluator *evaluator)
{
    skip_blanks(evaluator);
    for (size_t i = 0; i < OPERATORS; i++) {
        size_t length = strlen(operators[i].text);
        if (strncmp(evaluator->next, operators[i].text, length) == 0)
            return &operators[i];
    }
    return NULL;
}

/* Evaluate operators of at least this precedence, those of the same one from left to right. */
static number evaluate_binary(struct evaluator *evaluator, int precedence)
{
    number left = evaluate_unary(evaluator);
    const struct operation *operation;

    while (!evaluator->failed && (operation = peek_operator(evaluator)) &&
           operation->precedence >= precedence) {
        bool is_and = operation->precedence == 2;
        bool is_or = operation->precedence == 1;
        bool decided = (is_and && !left) || (is_or && left);
        evaluator->next += strlen(operation->text);
        evaluator->skipped += decided;
        number right = evaluate_binary(evaluator, operation->precedence + 1);
        evaluator->skipped -= decided;
        if (is_and)
            left = left && right;
        else if (is_or)
            left = left || right;
        else
            left = apply(evaluator, operation->text, left, right);
    }
    return left;
}

static number evaluate_conditional(struct evaluator *evaluator)
{
    number condition = evaluate_binary(evaluator, 1);

    if (!take(evaluator, "?"))
        return condition;
    evaluator->skipped += !condition;
    number first = evaluate_assignment(evaluator);
    evaluator->skipped -= !condition;
    if (!take(evaluator, ":"))
        return evaluation_error(evaluator, "\":\" expected");
    evaluator->skipped += !!condition;
    number second = evaluate_assignment(evaluator);
    evaluator->skipped -= !!condition;
    return condition ? first : second;
}

/* Take an assignment operator: its binary operator, "" for "=" alone, NULL if there is none. */
static const char *take_assignment(struct evaluator *evaluator)
{
    static const char *const compound[] = {"*", "/", "%", "+", "-", "<<", ">>", "&", "^", "|"};

    skip_blanks(evaluator);
    const char *next = evaluator->next;
    if (next[0] == '=' && next[1] != '=') {
        evaluator->next++;
        return "";
    }
    for (size_t i = 0; i < sizeof(compound) / sizeof(compound[0]); i++) {
        size_t length = strlen(compound[i]);
        if (strncmp(next, compound[i], length) == 0 && next[length] == '=') {
            evaluator->next += length + 1;
            return compound[i];
        }
    }
    return NULL;
}

static void assign(struct evaluator *evaluator, const char *name, number value)
{
    char digits[32];

    if (evaluator->skipped || evaluator->failed)
        return;
    snprintf(digits, sizeof(digits), "%lld", value);
    if (!variable_set(name, digits))
        evaluator->failed = true;
}

static number evaluate_assignment(struct evaluator *evaluator)
{
    const char *start = evaluator->next;
    char *name = take_name(evaluator);
    const char *operation = name ? take_assignment(evaluator) : NULL;
    number value;

    if (++evaluator->depth > DEEPEST_NESTING) {
        value = evaluation_error(evaluator, "nested too deeply");
    } else if (operation) {
        number right = evaluate_assignment(evaluator);
        value = right;
        if (*operation)
            value = apply(evaluator, operation, variable_number(evaluator, name), right);
        assign(evaluator, name, value);
    } else {
        evaluator->next = start;
        value = evaluate_conditional(evaluator);
    }
    evaluator->depth--;
    free(name);
    return value;
}

bool evaluate_arithmetic(const char *text, long long *result)
{
    struct evaluator evaluator = {.text = text, .next = text};

    skip_blanks(&evaluator);
    if (!*evaluator.next) {
        *result = 0;
        return true;
    }
    *result = evaluate_assignment(&evaluator);
    skip_blanks(&evaluator);
    if (!evaluator.failed && *evaluator.next)
        evaluation_error(&evaluator, "operator expected");
    return !evaluator.failed;
}
