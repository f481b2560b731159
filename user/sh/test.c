/*
 * test and [: conditions on files, strings and numbers. The number of arguments decides how up to
 * four are read, as POSIX says; more are read as an expression with ! -a -o and parentheses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib.h"
#include "builtin.h"
#include "shell.h"

struct expression {
    char **next; /* ends with NULL */
    char **end;
    int depth;
    bool failed;
};

static bool evaluate_or(struct expression *expression);

static bool test_error(struct expression *expression, const char *message, const char *text)
{
    if (!expression->failed)
        shell_complain("test: %s%s%s", text ? text : "", text ? ": " : "", message);
    expression->failed = true;
    return false;
}

static long long test_number(struct expression *expression, const char *text)
{
    char *end;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || end[strspn(end, " \t\n")] || errno)
        test_error(expression, "a number expected", text);
    return value;
}

/* Conditions on one file. */

static bool test_file_type(char kind, const struct stat *status)
{
    switch (kind) {
    case 'b':
        return S_ISBLK(status->st_mode);
    case 'c':
        return S_ISCHR(status->st_mode);
    case 'd':
        return S_ISDIR(status->st_mode);
    case 'f':
        return S_ISREG(status->st_mode);
    case 'g':
        return status->st_mode & S_ISGID;
    case 'k':
        return status->st_mode & S_ISVTX;
    case 'p':
        return S_ISFIFO(status->st_mode);
    case 's':
        return status->st_size > 0;
    case 'S':
        return S_ISSOCK(status->st_mode);
    case 'u':
        return status->st_mode & S_ISUID;
    case 'O':
        return status->st_uid == geteuid();
    case 'G':
        return status->st_gid == getegid();
    default:
        return true;
    }
}

static bool test_file(char kind, const char *path)
{
    struct stat status;

    switch (kind) {
    case 'h':
    case 'L':
        return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    case 'r':
        return access(path, R_OK) == 0;
    case 'w':
        return access(path, W_OK) == 0;
    case 'x':
        return access(path, X_OK) == 0;
    default:
        return stat(path, &status) == 0 && test_file_type(kind, &status);
    }
}

static bool is_unary(const char *text)
{
    return text[0] == '-' && text[1] && !text[2] && strchr("bcdefghknprstuwxzLOGS", text[1]);
}

static bool evaluate_unary(struct expression *expression, char kind, const char *operand)
{
    switch (kind) {
    case 'n':
        return *operand;
    case 'z':
        return !*operand;
    case 't':
        return isatty((int)test_number(expression, operand));
    default:
        return test_file(kind, operand);
    }
}

/* Conditions on two operands. */

enum comparison {
    NO_COMPARISON,
    SAME_TEXT,
    OTHER_TEXT,
    TEXT_BEFORE,
    TEXT_AFTER,
    EQUAL,
    NOT_EQUAL,
    LESS,
    LESS_OR_EQUAL,
    GREATER,
    GREATER_OR_EQUAL,
    NEWER_FILE,
    OLDER_FILE,
    SAME_FILE,
};

static enum comparison find_comparison(const char *text)
{
    static const struct {
        const char *text;
        enum comparison comparison;
    } comparisons[] = {
        {"=", SAME_TEXT},       {"==", SAME_TEXT},  {"!=", OTHER_TEXT},        {"<", TEXT_BEFORE},
        {">", TEXT_AFTER},      {"-eq", EQUAL},     {"-ne", NOT_EQUAL},        {"-lt", LESS},
        {"-le", LESS_OR_EQUAL}, {"-gt", GREATER},   {"-ge", GREATER_OR_EQUAL}, {"-nt", NEWER_FILE},
        {"-ot", OLDER_FILE},    {"-ef", SAME_FILE},
    };

    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
        if (strcmp(comparisons[i].text, text) == 0)
            return comparisons[i].comparison;
    return NO_COMPARISON;
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec > b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* A file that does not exist is older than any that does. */
static bool compare_files(enum comparison comparison, const char *left, const char *right)
{
    struct stat a, b;
    bool has_a = stat(left, &a) == 0;
    bool has_b = stat(right, &b) == 0;

    if (comparison == SAME_FILE)
        return has_a && has_b && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    if (comparison == NEWER_FILE)
        return has_a && (!has_b || is_newer(&a, &b));
    return has_b && (!has_a || is_newer(&b, &a));
}

static bool compare_numbers(enum comparison comparison, long long left, long long right)
{
    switch (comparison) {
    case EQUAL:
        return left == right;
    case NOT_EQUAL:
        return left != right;
    case LESS:
        return left < right;
    case LESS_OR_EQUAL:
        return left <= right;
    case GREATER:
        return left > right;
    default:
        return left >= right;
    }
}

static bool evaluate_binary(struct expression *expression, const char *left,
                            enum comparison comparison, const char *right)
{
    switch (comparison) {
    case SAME_TEXT:
        return strcmp(left, right) == 0;
    case OTHER_TEXT:
        return strcmp(left, right) != 0;
    case TEXT_BEFORE:
        return strcmp(left, right) < 0;
    case TEXT_AFTER:
        return strcmp(left, right) > 0;
    case NEWER_FILE:
    case OLDER_FILE:
    case SAME_FILE:
        return compare_files(comparison, left, right);
    default:
        break;
    }
    long long a = test_number(expression, left);
    long long b = test_number(expression, right);
    return !expression->failed && compare_numbers(comparison, a, b);
}

/* Expressions. */

static size_t arguments_left(const struct expression *expression)
{
    return (size_t)(expression->end - expression->next);
}

static bool take(struct expression *expression, const char *text)
{
    if (arguments_left(expression) == 0 || strcmp(*expression->next, text) != 0)
        return false;
    expression->next++;
    return true;
}

/* ( expression ), the parenthesis taken; or a condition. */
static bool evaluate_primary(struct expression *expression)
{
    size_t left = arguments_left(expression);
    char **next = expression->next;

    if (left == 0)
        return test_error(expression, "an argument expected", NULL);
    if (left >= 3 && find_comparison(next[1])) {
        expression->next += 3;
        return evaluate_binary(expression, next[0], find_comparison(next[1]), next[2]);
    }
    if (left >= 2 && take(expression, "(")) {
        bool value = evaluate_or(expression);
        return take(expression, ")") ? value : test_error(expression, "\")\" expected", NULL);
    }
    if (left >= 2 && is_unary(next[0])) {
        expression->next += 2;
        return evaluate_unary(expression, next[0][1], next[1]);
    }
    expression->next++;
    return *next[0];
}

static bool evaluate_not(struct expression *expression)
{
    bool value;

    if (++expression->depth > DEEPEST_NESTING)
        return test_error(expression, "nested too deeply", NULL);
    bool is_operand = arguments_left(expression) >= 3 && find_comparison(expression->next[1]);
    if (arguments_left(expression) >= 2 && !is_operand && take(expression, "!"))
        value = !evaluate_not(expression);
    else
        value = evaluate_primary(expression);
    expression->depth--;
    return value;
}

static bool evaluate_and(struct expression *expression)
{
    bool value = evaluate_not(expression);

    while (!expression->failed && take(expression, "-a"))
        value &= evaluate_not(expression);
    return value;
}

static bool evaluate_or(struct expression *expression)
{
    bool value = evaluate_and(expression);

    while (!expression->failed && take(expression, "-o"))
        value |= evaluate_and(expression);
    return value;
}

/* Two and three arguments whose form is fixed, whatever the operands look like. */
static bool evaluate(struct expression *expression)
{
    char **argument = expression->next;
    size_t count = arguments_left(expression);

    if (count == 0)
        return false;
    if (count == 3 && !find_comparison(argument[1]) && strcmp(argument[0], "(") == 0 &&
        strcmp(argument[2], ")") == 0) {
        expression->next += 3;
        return *argument[1];
    }
    return evaluate_or(expression);
}

int builtin_test(int argc, char **argv)
{
    struct expression expression = {.next = argv + 1, .end = argv + argc};

    if (strcmp(argv[0], "[") == 0) {
        if (argc < 2 || strcmp(argv[argc - 1], "]") != 0) {
            shell_complain("[: \"]\" expected");
            return SHELL_ERROR;
        }
        expression.end--;
    }
    bool value = evaluate(&expression);
    if (!expression.failed && expression.next < expression.end)
        test_error(&expression, "unexpected argument", *expression.next);
    return expression.failed ? SHELL_ERROR : !value;
}
