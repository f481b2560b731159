/*
 * Running simple commands: expand the words, then, by what the first one names, a special builtin,
 * a function, another builtin, or a program.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin.h"
#include "execute.h"
#include "expand.h"
#include "job.h"
#include "redirect.h"
#include "shell.h"
#include "trap.h"
#include "variable.h"

static void trace(const struct strings *fields)
{
    const char *prefix = variable_value("PS4");
    struct buffer line = {0};

    buffer_add_text(&line, prefix ? prefix : "+ ");
    for (size_t i = 0; i < fields->count; i++) {
        if (i > 0)
            buffer_add(&line, ' ');
        buffer_add_text(&line, fields->items[i]);
    }
    fprintf(stderr, "%s\n", buffer_text(&line));
    buffer_free(&line);
}

/* Carry out the assignments in front of a command. */
static bool assign(const struct assignment *assignment, bool export)
{
    for (; assignment; assignment = assignment->next) {
        char *value = expand_value(assignment->value);
        if (!value)
            return false;
        if (shell.trace)
            fprintf(stderr, "+ %s=%s\n", assignment->name, value);
        bool set = variable_set(assignment->name, value);
        free(value);
        if (!set) {
            shell_abort(SHELL_ERROR);
            return false;
        }
        if (export)
            variable_export(assignment->name);
    }
    return true;
}

/* Programs. */

/* The path of name in the directory that path begins with, up to a colon; empty means here. */
static char *path_candidate(const char *path, size_t length, const char *name)
{
    char *directory = length ? format_text("%.*s", (int)length, path) : duplicate(".");
    char *candidate = join_path(directory, name);

    free(directory);
    return candidate;
}

char *find_in_path(const char *name, int mode)
{
    const char *path = variable_value("PATH");
    char *refused = NULL;

    if (!path || strchr(name, '/'))
        return duplicate(name);
    for (;; path++) {
        struct stat status;
        size_t length = strcspn(path, ":");
        char *candidate = path_candidate(path, length, name);
        bool exists = stat(candidate, &status) == 0 && S_ISREG(status.st_mode);
        if (exists && access(candidate, mode) == 0) {
            free(refused);
            return candidate;
        }
        if (exists && !refused)
            refused = candidate;
        else
            free(candidate);
        path += length;
        if (!*path)
            return refused;
    }
}

/* A file that the kernel does not know how to run is a script. */
static void execute_script(char *path, char **argv)
{
    struct strings arguments = {0};
    char **environment = variable_environment();

    strings_add(&arguments, duplicate("sh"));
    strings_add(&arguments, duplicate(path));
    for (argv++; *argv; argv++)
        strings_add(&arguments, duplicate(*argv));
    execve("/bin/sh", arguments.items, environment);
}

int execute_program(char **argv)
{
    char *path = *argv[0] ? find_in_path(argv[0], X_OK) : NULL;

    if (!path) {
        shell_complain("%s: not found", argv[0]);
        return EXIT_NOT_FOUND;
    }
    char **environment = variable_environment();
    execve(path, argv, environment);
    if (errno == ENOEXEC)
        execute_script(path, argv);
    int error = errno;
    shell_report("%s", argv[0]);
    free(path);
    for (char **entry = environment; *entry; entry++)
        free(*entry);
    free(environment);
    return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* In the process that becomes the program. */
static void become_program(const struct node *node, char **argv)
{
    if (!redirect(node->redirections, NULL))
        shell.status = EXIT_FAILURE;
    else if (assign(node->assignments, true))
        shell.status = execute_program(argv);
    shell.unwind = UNWIND_EXIT;
}

static void run_program(const struct node *node, const struct strings *fields, bool last)
{
    if (last && !trap_at_exit()) {
        become_program(node, fields->items);
        return;
    }
    struct job *job = job_new(node->text, false);
    if (job_fork(job) == 0) {
        become_program(node, fields->items);
        shell_exit();
    }
    shell.status = job_wait(job);
}

/* Commands within the shell. */

/* No command: the assignments stay, redirections are only tried. */
static void run_nothing(const struct node *node)
{
    struct saved_descriptor *saved = NULL;
    bool done = redirect(node->redirections, &saved);

    if (done && assign(node->assignments, false))
        shell.status = shell.substitution_status;
    else if (!shell.unwind)
        shell.status = EXIT_FAILURE;
    redirect_restore(saved);
}

/* exec without a command: the redirections are for good. */
static void run_exec_redirections(const struct node *node)
{
    bool done = redirect(node->redirections, NULL);

    shell.status = done ? EXIT_SUCCESS : EXIT_FAILURE;
    if (!done || !assign(node->assignments, false))
        shell_abort(SHELL_ERROR);
}

/* A special builtin: its assignments stay, and its failing to be set up ends a script. */
static void run_special(const struct node *node, const struct strings *fields,
                        const struct builtin *builtin)
{
    struct saved_descriptor *saved = NULL;
    bool is_exec = builtin->run == builtin_exec;

    if (is_exec && fields->count == 1) {
        run_exec_redirections(node);
        return;
    }
    if (!redirect(node->redirections, &saved))
        shell_abort(EXIT_FAILURE);
    else if (assign(node->assignments, is_exec))
        shell.status = builtin->run((int)fields->count, fields->items);
    redirect_restore(saved);
}

/* A function or another builtin: its assignments last while it runs. */
static void run_inside(const struct node *node, const struct strings *fields,
                       const struct builtin *builtin, const struct node *function)
{
    struct saved_descriptor *saved = NULL;
    struct saved_variable *variables = NULL;
    int argc = (int)fields->count;

    for (const struct assignment *entry = node->assignments; entry; entry = entry->next)
        variable_save(&variables, entry->name);
    if (!redirect(node->redirections, &saved))
        shell.status = shell.unwind ? shell.status : EXIT_FAILURE;
    else if (assign(node->assignments, true))
        shell.status = function ? function_call(function, argc, fields->items)
                                : builtin->run(argc, fields->items);
    redirect_restore(saved);
    variable_restore(variables);
}

static void run_fields(const struct node *node, const struct strings *fields, bool last)
{
    const struct builtin *builtin = builtin_find(fields->items[0]);
    const struct node *function = function_find(fields->items[0]);

    if (builtin && builtin->special)
        run_special(node, fields, builtin);
    else if (builtin || function)
        run_inside(node, fields, builtin, function);
    else
        run_program(node, fields, last);
}

void execute_simple(const struct node *node, bool last)
{
    struct strings fields = {0};

    shell.substitution_status = EXIT_SUCCESS;
    if (expand_words(node->words, &fields)) {
        if (shell.trace && fields.count > 0)
            trace(&fields);
        if (fields.count == 0)
            run_nothing(node);
        else
            run_fields(node, &fields, last);
        check_exit_on_error();
    }
    strings_free(&fields);
}
