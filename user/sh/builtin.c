/*
 * The table of builtins, and those that change the shell's variables, directory and options.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib.h"
#include "builtin.h"
#include "execute.h"
#include "job.h"
#include "shell.h"
#include "trap.h"
#include "variable.h"

static int builtin_true(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return EXIT_SUCCESS;
}

static int builtin_false(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return EXIT_FAILURE;
}

static const struct builtin builtins[] = {
    {".", builtin_dot, true},
    {":", builtin_true, true},
    {"[", builtin_test, false},
    {"bg", builtin_bg, false},
    {"break", builtin_break, true},
    {"cd", builtin_cd, false},
    {"continue", builtin_break, true},
    {"echo", builtin_echo, false},
    {"eval", builtin_eval, true},
    {"exec", builtin_exec, true},
    {"exit", builtin_exit, true},
    {"export", builtin_export, true},
    {"false", builtin_false, false},
    {"fg", builtin_fg, false},
    {"jobs", builtin_jobs, false},
    {"kill", builtin_kill, false},
    {"pwd", builtin_pwd, false},
    {"read", builtin_read, false},
    {"readonly", builtin_readonly, true},
    {"return", builtin_return, true},
    {"set", builtin_set, true},
    {"shift", builtin_shift, true},
    {"test", builtin_test, false},
    {"trap", builtin_trap, true},
    {"true", builtin_true, false},
    {"umask", builtin_umask, false},
    {"unset", builtin_unset, true},
    {"wait", builtin_wait, false},
};

const struct builtin *builtin_find(const char *name)
{
    for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
        if (strcmp(builtins[i].name, name) == 0)
            return &builtins[i];
    return NULL;
}

int builtin_print(const char *name, const char *text)
{
    if (write_all(STDOUT_FILENO, text, strlen(text)) == 0)
        return EXIT_SUCCESS;
    shell_report("%s: standard output", name);
    return EXIT_FAILURE;
}

int builtin_echo(int argc, char **argv)
{
    bool newline = !(argc > 1 && strcmp(argv[1], "-n") == 0);
    struct buffer text = {0};
    int first = newline ? 1 : 2;

    for (int i = first; i < argc; i++) {
        if (i > first)
            buffer_add(&text, ' ');
        buffer_add_text(&text, argv[i]);
    }
    if (newline)
        buffer_add(&text, '\n');
    int status = builtin_print("echo", buffer_text(&text));
    buffer_free(&text);
    return status;
}

/* The directory that cd is to go to; NULL with a message if there is none. */
static const char *cd_target(int argc, char **argv)
{
    const char *name = argc == 1 ? "HOME" : strcmp(argv[1], "-") == 0 ? "OLDPWD" : NULL;
    const char *target = name ? variable_value(name) : argv[1];

    if (argc > 2) {
        shell_complain("usage: cd [DIRECTORY]");
        return NULL;
    }
    if (!target)
        shell_complain("cd: %s is not set", name);
    return target;
}

int builtin_cd(int argc, char **argv)
{
    const char *target = cd_target(argc, argv);
    int status = EXIT_SUCCESS;

    if (!target)
        return EXIT_FAILURE;
    char *old = getcwd(NULL, 0);
    if (chdir(target) < 0) {
        shell_report("cd: %s", target);
        free(old);
        return EXIT_FAILURE;
    }
    char *new = getcwd(NULL, 0);
    if (argc > 1 && strcmp(argv[1], "-") == 0) {
        char *line = format_text("%s\n", new ? new : target);
        status = builtin_print("cd", line);
        free(line);
    }
    if (old && !variable_set("OLDPWD", old))
        status = EXIT_FAILURE;
    if (new && !variable_set("PWD", new))
        status = EXIT_FAILURE;
    free(old);
    free(new);
    return status;
}

int builtin_pwd(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        shell_complain("usage: pwd");
        return SHELL_ERROR;
    }
    char *directory = getcwd(NULL, 0);
    if (!directory) {
        shell_report("pwd");
        return EXIT_FAILURE;
    }
    char *line = format_text("%s\n", directory);
    int status = builtin_print("pwd", line);
    free(line);
    free(directory);
    return status;
}

/* Set a variable from an operand of the form name or name=value and mark it. */
static bool mark_variable(const char *command, const char *operand, void (*mark)(const char *))
{
    size_t length = name_length(operand);
    bool valid = length > 0 && (operand[length] == '=' || operand[length] == '\0');

    if (!valid) {
        shell_complain("%s: %s: bad variable name", command, operand);
        return false;
    }
    char *name = format_text("%.*s", (int)length, operand);
    if (operand[length] == '=')
        valid = variable_set(name, operand + length + 1);
    if (valid)
        mark(name);
    free(name);
    return valid;
}

/* export and readonly. */
static int mark_variables(int argc, char **argv, void (*mark)(const char *),
                          enum variable_selection selection)
{
    int status = EXIT_SUCCESS;

    if (argc == 1 || (argc == 2 && strcmp(argv[1], "-p") == 0)) {
        struct buffer text = {0};
        char *prefix = format_text("%s ", argv[0]);
        variable_list(&text, prefix, selection);
        status = builtin_print(argv[0], buffer_text(&text));
        free(prefix);
        buffer_free(&text);
        return status;
    }
    for (int i = 1; i < argc; i++)
        if (!mark_variable(argv[0], argv[i], mark))
            status = EXIT_FAILURE;
    if (status)
        shell_abort(status);
    return status;
}

int builtin_export(int argc, char **argv)
{
    return mark_variables(argc, argv, variable_export, VARIABLE_EXPORTED);
}

int builtin_readonly(int argc, char **argv)
{
    return mark_variables(argc, argv, variable_protect, VARIABLE_PROTECTED);
}

int builtin_unset(int argc, char **argv)
{
    bool functions = argc > 1 && strcmp(argv[1], "-f") == 0;
    int first = functions || (argc > 1 && strcmp(argv[1], "-v") == 0) ? 2 : 1;
    int status = EXIT_SUCCESS;

    for (int i = first; i < argc; i++) {
        if (functions)
            function_remove(argv[i]);
        else if (!variable_unset(argv[i]))
            status = EXIT_FAILURE;
    }
    if (status)
        shell_abort(status);
    return status;
}

/* The option that a letter stands for, or NULL. */
static bool *option_place(char letter)
{
    switch (letter) {
    case 'e':
        return &shell.exit_on_error;
    case 'f':
        return &shell.no_patterns;
    case 'n':
        return &shell.no_execution;
    case 'u':
        return &shell.no_unset;
    case 'x':
        return &shell.trace;
    default:
        return NULL;
    }
}

bool set_options(const char *argument)
{
    bool on = *argument == '-';

    for (const char *letter = argument + 1; *letter; letter++) {
        bool *option = option_place(*letter);
        if (!option) {
            shell_complain("%c%c: no such option", *argument, *letter);
            return false;
        }
        *option = on;
    }
    return true;
}

int builtin_set(int argc, char **argv)
{
    int first = 1;

    if (argc == 1) {
        struct buffer text = {0};
        variable_list(&text, "", VARIABLE_ALL);
        int status = builtin_print("set", buffer_text(&text));
        buffer_free(&text);
        return status;
    }
    while (first < argc && (argv[first][0] == '-' || argv[first][0] == '+') && argv[first][1] &&
           strcmp(argv[first], "--") != 0) {
        if (!set_options(argv[first++])) {
            shell_abort(SHELL_ERROR);
            return SHELL_ERROR;
        }
    }
    bool separator = first < argc && strcmp(argv[first], "--") == 0;
    first += separator;
    if (separator || first < argc)
        set_positional((size_t)(argc - first), argv + first);
    return EXIT_SUCCESS;
}

int builtin_shift(int argc, char **argv)
{
    uintmax_t count = 1;

    if (argc > 2 || (argc == 2 && !parse_number(argv[1], SIZE_MAX, &count)) ||
        count > shell.positional_count) {
        shell_complain("shift: cannot shift by that much");
        shell_abort(EXIT_FAILURE);
        return EXIT_FAILURE;
    }
    char **rest = shell.positional + count;
    size_t left = shell.positional_count - count;
    for (size_t i = 0; i < count; i++)
        free(shell.positional[i]);
    if (count > 0 && left > 0)
        memmove(shell.positional, rest, left * sizeof(*rest));
    shell.positional_count = left;
    return EXIT_SUCCESS;
}

int builtin_umask(int argc, char **argv)
{
    mode_t mask = umask(0);
    mode_t permissions;
    char line[16];

    umask(mask);
    if (argc == 1) {
        snprintf(line, sizeof(line), "%04o\n", (unsigned)mask);
        return builtin_print("umask", line);
    }
    bool octal = argv[1][0] >= '0' && argv[1][0] <= '7';
    if (argc > 2 || !parse_mode(argv[1], ~mask & 0777, 0, false, &permissions)) {
        shell_complain("umask: %s: bad mask", argv[1]);
        return EXIT_FAILURE;
    }
    umask(octal ? permissions & 0777 : ~permissions & 0777);
    return EXIT_SUCCESS;
}
