/*
 * trap: a command to run when the shell exits, and signals to ignore. Signals cannot run commands.
 */
#ifndef MAPIX_SH_TRAP_H
#define MAPIX_SH_TRAP_H

#include <stdbool.h>

int builtin_trap(int argc, char **argv);

/* Whether the user has asked for this signal to be ignored. */
bool trap_ignores(int signal);

/* Whether there is a command to run at exit; take it out (allocated, NULL if none); forget it. */
bool trap_at_exit(void);
char *trap_take_exit(void);
void trap_forget(void);

#endif
