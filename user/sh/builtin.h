/*
 * The builtin commands. Each gets its arguments as a program does and returns its exit status.
 * After a failed special one a shell that is not interactive ends.
 */
#ifndef MAPIX_SH_BUILTIN_H
#define MAPIX_SH_BUILTIN_H

#include <stdbool.h>

struct builtin {
    const char *name;
    int (*run)(int argc, char **argv);
    bool special;
};

/* The builtin called name, or NULL. */
const struct builtin *builtin_find(const char *name);

/* Write text to standard output for the builtin called name; returns its exit status. */
int builtin_print(const char *name, const char *text);

/* Set options from an argument such as -ex or +e. False, with a message, if one is unknown. */
bool set_options(const char *argument);

int builtin_cd(int argc, char **argv);
int builtin_pwd(int argc, char **argv);
int builtin_echo(int argc, char **argv);
int builtin_export(int argc, char **argv);
int builtin_readonly(int argc, char **argv);
int builtin_unset(int argc, char **argv);
int builtin_set(int argc, char **argv);
int builtin_shift(int argc, char **argv);
int builtin_read(int argc, char **argv);
int builtin_test(int argc, char **argv);
int builtin_eval(int argc, char **argv);
int builtin_dot(int argc, char **argv);
int builtin_exec(int argc, char **argv);
int builtin_exit(int argc, char **argv);
int builtin_return(int argc, char **argv);
int builtin_break(int argc, char **argv);
int builtin_umask(int argc, char **argv);

#endif
