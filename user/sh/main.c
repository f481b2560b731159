/*
 * sh: a POSIX shell. Here are its options, and the loop that reads, parses and runs commands.
 *
 * syntax.h shows the tree that parser.h makes, expand.h what happens to words, execute.h who runs
 * the tree, and shell.h how it is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib.h"
#include "builtin.h"
#include "execute.h"
#include "job.h"
#include "parser.h"
#include "redirect.h"
#include "shell.h"
#include "terminal.h"
#include "trap.h"
#include "variable.h"

extern char **environ;

struct shell shell;

static void print_message(const char *format, va_list arguments, int error)
{
    if (shell.interactive)
        fprintf(stderr, "%s: ", shell.name);
    else
        fprintf(stderr, "%s: line %d: ", shell.name, shell.line);
    vfprintf(stderr, format, arguments);
    if (error)
        fprintf(stderr, ": %s", strerror(error));
    fputc('\n', stderr);
}

void shell_complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments, 0);
    va_end(arguments);
}

void shell_report(const char *format, ...)
{
    int error = errno;
    va_list arguments;

    va_start(arguments, format);
    print_message(format, arguments, error);
    va_end(arguments);
}

void shell_abort(int status)
{
    shell.status = status;
    shell.unwind = shell.interactive ? UNWIND_ABORT : UNWIND_EXIT;
}

void shell_exit(void)
{
    char *command = trap_take_exit();

    if (command) {
        int status = shell.status;
        shell.unwind = UNWIND_NONE;
        shell_run_text(command, false);
        if (shell.unwind != UNWIND_EXIT)
            shell.status = status;
        free(command);
    }
    if (shell.job_control)
        terminal_end();
    exit(shell.status);
}

/* Parse and run one command. False when the input has ended or the shell is to be left. */
static bool run_command(struct input *input, bool last_may_replace)
{
    struct arena *arena = arena_new();
    struct parser parser;
    bool ended = false;

    if (input->prompts)
        jobs_notify();
    input_begin_command(input);
    parser_begin(&parser, input, arena);
    const struct node *node = parse_complete_command(&parser, &ended);
    if (parser.failed)
        shell_abort(SHELL_ERROR);
    else if (node && !shell.no_execution)
        execute(node, last_may_replace && input_exhausted(input));
    arena_unreference(arena);
    if (shell.unwind == UNWIND_ABORT && input->prompts) {
        shell.unwind = UNWIND_NONE;
        input_discard(input);
        return true;
    }
    return !ended && shell.unwind == UNWIND_NONE;
}

void shell_run_text(const char *text, bool last_may_replace)
{
    struct input input;

    input_from_text(&input, text);
    while (run_command(&input, last_may_replace))
        continue;
    input_free(&input);
}

void shell_run_descriptor(int descriptor, bool prompts, bool byte_wise)
{
    struct input input;

    input_from_descriptor(&input, descriptor, prompts, byte_wise);
    while (run_command(&input, false))
        continue;
    input_free(&input);
}

/* How the shell was called. */
struct invocation {
    const char *command; /* -c */
    const char *script;
    bool interactive; /* -i */
    bool from_input;  /* -s */
};

static void usage(void)
{
    fprintf(stderr,
            "usage: sh [-efnuxis] [-c COMMAND [NAME [ARGUMENT...]] | SCRIPT [ARGUMENT...]]\n");
    exit(SHELL_ERROR);
}

/* Take the letters of one argument; *wants_command is set by c. */
static void parse_letters(const char *argument, struct invocation *invocation, bool *wants_command)
{
    char one[3] = {argument[0]};

    for (const char *letter = argument + 1; *letter; letter++) {
        one[1] = *letter;
        if (*letter == 'c' && *argument == '-')
            *wants_command = true;
        else if (*letter == 'i' && *argument == '-')
            invocation->interactive = true;
        else if (*letter == 's' && *argument == '-')
            invocation->from_input = true;
        else if (!set_options(one))
            usage();
    }
}

static void parse_arguments(int argc, char **argv, struct invocation *invocation)
{
    int next = 1;
    bool wants_command = false;

    while (next < argc && (argv[next][0] == '-' || argv[next][0] == '+') && argv[next][1]) {
        const char *argument = argv[next++];
        if (strcmp(argument, "--") == 0)
            break;
        parse_letters(argument, invocation, &wants_command);
    }
    if (wants_command) {
        if (next == argc)
            usage();
        invocation->command = argv[next++];
        if (next < argc)
            shell.name = argv[next++];
    } else if (next < argc && !invocation->from_input) {
        invocation->script = shell.name = argv[next++];
    }
    set_positional((size_t)(argc - next), argv + next);
}

static void begin_interactive(void)
{
    if (!variable_value("PS1"))
        variable_set("PS1", geteuid() == 0 ? "# " : "$ ");
    if (!variable_value("PS2"))
        variable_set("PS2", "> ");
    shell.interactive = true;
    shell.job_control = terminal_begin();
}

static void run_script(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    int copy = descriptor < 0 ? -1 : private_copy(descriptor);

    if (copy < 0) {
        int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
        fprintf(stderr, "sh: %s: %s\n", path, strerror(errno));
        exit(status);
    }
    close(descriptor);
    shell_run_descriptor(copy, false, false);
}

int main(int argc, char **argv)
{
    struct invocation invocation = {0};

    program_begin("sh", "");
    shell.name = argc > 0 && argv[0] ? argv[0] : "sh";
    shell.pid = getpid();
    signal(SIGCHLD, SIG_DFL);
    variable_import(environ);
    variable_set("IFS", " \t\n");
    parse_arguments(argc, argv, &invocation);
    bool reads_input = !invocation.command && !invocation.script;
    if (invocation.interactive || (reads_input && isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
        begin_interactive();
    if (invocation.command)
        shell_run_text(invocation.command, true);
    else if (invocation.script)
        run_script(invocation.script);
    else
        shell_run_descriptor(STDIN_FILENO, shell.interactive, !shell.interactive);
    shell_exit();
}
