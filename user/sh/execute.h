/*
 * Running the syntax tree. execute.c has the compound commands, command.c the simple ones,
 * function.c functions, substitute.c command substitution.
 */
#ifndef MAPIX_SH_EXECUTE_H
#define MAPIX_SH_EXECUTE_H

#include <stdbool.h>

#include "syntax.h"

/*
 * Run a tree and leave its status in shell.status. With last, nothing comes after it in this
 * process, which may therefore become the command instead of waiting for it.
 */
void execute(const struct node *node, bool last);

/* Run the tree in a process forked for it, and leave the process. */
void execute_in_child(const struct node *node) __attribute__((noreturn));

/* Run a simple command. */
void execute_simple(const struct node *node, bool last);

/* Apply -e to the status of a command that has just ended. */
void check_exit_on_error(void);

/*
 * Become the program argv[0], looked for in PATH. Returns only after an error, printed, with the
 * exit status it calls for.
 */
int execute_program(char **argv);

/*
 * The allocated path of the first file called name along PATH that access(2) allows mode for, else
 * of the first one at all; NULL if there is none. A name with a slash is its own path.
 */
char *find_in_path(const char *name, int mode);

/* The function called name, if there is one; define and remove one. */
const struct node *function_find(const char *name);
void function_define(const struct node *node);
void function_remove(const char *name);

/* Call a function with its arguments; returns its status. */
int function_call(const struct node *function, int argc, char **argv);

/* Make count allocated copies of values the positional parameters. */
void set_positional(size_t count, char *const *values);

#endif
