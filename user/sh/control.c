/*
 * Builtins that run commands or leave them: eval, ".", exec, exit, return, break, continue.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib.h"
#include "builtin.h"
#include "execute.h"
#include "job.h"
#include "redirect.h"
#include "shell.h"
#include "terminal.h"

/* One more level of eval or "."; false, with a message, beyond what the stack can bear. */
static bool enter_call(const char *name)
{
    if (shell.call_depth >= DEEPEST_NESTING) {
        shell_complain("%s: nested too deeply", name);
        shell_abort(SHELL_ERROR);
        return false;
    }
    shell.call_depth++;
    return true;
}

int builtin_eval(int argc, char **argv)
{
    struct buffer text = {0};

    for (int i = 1; i < argc; i++) {
        if (i > 1)
            buffer_add(&text, ' ');
        buffer_add_text(&text, argv[i]);
    }
    shell.status = EXIT_SUCCESS;
    if (enter_call("eval")) {
        shell_run_text(buffer_text(&text), false);
        shell.call_depth--;
    }
    buffer_free(&text);
    return shell.status;
}

/* Open a script for ".", looked for in PATH: a private descriptor, or -1 with a message. */
static int open_script(const char *name)
{
    char *path = find_in_path(name, R_OK);
    int descriptor = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (!path)
        errno = ENOENT;
    if (descriptor < 0) {
        shell_report(".: %s", name);
    } else {
        int copy = private_copy(descriptor);
        if (copy < 0)
            shell_report(".: %s", name);
        close(descriptor);
        descriptor = copy;
    }
    free(path);
    return descriptor;
}

int builtin_dot(int argc, char **argv)
{
    int descriptor = argc == 2 ? open_script(argv[1]) : -1;

    if (argc != 2)
        shell_complain("usage: . FILE");
    if (descriptor < 0) {
        shell_abort(EXIT_FAILURE);
        return EXIT_FAILURE;
    }
    shell.status = EXIT_SUCCESS;
    if (enter_call(argv[1])) {
        shell.function_depth++;
        shell_run_descriptor(descriptor, false, false);
        shell.function_depth--;
        shell.call_depth--;
    }
    close(descriptor);
    if (shell.unwind == UNWIND_RETURN)
        shell.unwind = UNWIND_NONE;
    return shell.status;
}

int builtin_exec(int argc, char **argv)
{
    (void)argc;
    if (shell.job_control) {
        terminal_end();
        terminal_default_signals();
    }
    int status = execute_program(argv + 1);
    if (!shell.interactive)
        shell.unwind = UNWIND_EXIT;
    return status;
}

/* The status given to exit or return, else that of the last command. */
static int given_status(int argc, char **argv)
{
    uintmax_t status;

    if (argc == 1)
        return shell.status;
    if (argc == 2 && parse_number(argv[1], INT_MAX, &status))
        return (int)(status & 255);
    shell_complain("%s: a number expected", argv[0]);
    return SHELL_ERROR;
}

int builtin_exit(int argc, char **argv)
{
    int status = given_status(argc, argv);

    shell.unwind = UNWIND_EXIT;
    return status;
}

int builtin_return(int argc, char **argv)
{
    int status = given_status(argc, argv);

    if (shell.function_depth == 0) {
        shell_complain("return: not in a function");
        shell_abort(SHELL_ERROR);
        return SHELL_ERROR;
    }
    shell.unwind = UNWIND_RETURN;
    return status;
}

/* break and continue. Outside a loop they do nothing. */
int builtin_break(int argc, char **argv)
{
    uintmax_t levels = 1;

    if (argc > 2 || (argc == 2 && !parse_number(argv[1], INT_MAX, &levels)) || levels == 0) {
        shell_complain("%s: bad number of loops", argv[0]);
        shell_abort(SHELL_ERROR);
        return SHELL_ERROR;
    }
    if (shell.loop_depth > 0) {
        shell.unwind = strcmp(argv[0], "break") == 0 ? UNWIND_BREAK : UNWIND_CONTINUE;
        shell.unwind_levels = levels > (uintmax_t)shell.loop_depth ? shell.loop_depth : (int)levels;
    }
    return EXIT_SUCCESS;
}
