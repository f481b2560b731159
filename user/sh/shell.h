/*
 * The state of the shell, and how a running command is left early.
 *
 * There are no long jumps. What must leave nested commands (break, return, exit, an error) sets
 * shell.unwind; everything that runs commands in turn looks at it after each and returns.
 */
#ifndef MAPIX_SH_SHELL_H
#define MAPIX_SH_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum unwind {
    UNWIND_NONE,
    UNWIND_BREAK,    /* out of shell.unwind_levels loops */
    UNWIND_CONTINUE, /* to the next turn of the shell.unwind_levels-th loop */
    UNWIND_RETURN,   /* out of a function or a file read by "." */
    UNWIND_ABORT,    /* to the prompt */
    UNWIND_EXIT,     /* out of the shell */
};

enum { SHELL_ERROR = 2, DEEPEST_NESTING = 400 };

struct shell {
    const char *name;  /* $0 */
    char **positional; /* $1 and on */
    size_t positional_count;
    int status;              /* $? */
    int substitution_status; /* of the last command substitution in the command at hand */
    pid_t pid;               /* $$: of the first shell, also in its subshells */
    pid_t last_background;   /* $!, 0 if none */
    int line;                /* of the command at hand */
    bool interactive;
    bool job_control; /* each job has its own process group */
    bool exit_on_error, trace, no_unset, no_patterns, no_execution; /* -e -x -u -f -n */
    enum unwind unwind;
    int unwind_levels;
    int condition_depth; /* inside commands whose failure is looked at: -e does not apply */
    int loop_depth;      /* loops around the command at hand, within its function */
    int call_depth;      /* functions, files and evals around it */
    int function_depth;  /* functions and files around it: where return is allowed */
};

extern struct shell shell;

/* Print "name: line N: message" to standard error; the second adds the reason in errno. */
void shell_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void shell_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leave what runs after an error: to the prompt if interactive, else out of the shell. */
void shell_abort(int status);

/*
 * Run commands until the input ends or the shell is to be left: from text (the -c kind, whose last
 * command may replace the process if last_may_replace), or from a descriptor.
 */
void shell_run_text(const char *text, bool last_may_replace);
void shell_run_descriptor(int descriptor, bool prompts, bool byte_wise);

/* Run the EXIT trap and leave the process with shell.status. */
void shell_exit(void) __attribute__((noreturn));

#endif
