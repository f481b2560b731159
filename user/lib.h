/*
 * What the programs of the default image share: messages, exit statuses, memory, numbers, modes and
 * signal names.
 */
#ifndef MAPIX_USER_LIB_H
#define MAPIX_USER_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    EXIT_USAGE = 2,            /* a program called in a wrong way */
    EXIT_NOT_EXECUTABLE = 126, /* the command is there and cannot be run */
    EXIT_NOT_FOUND = 127,      /* the command is not there */
    EXIT_SIGNAL_BASE = 128,    /* plus the number of the signal that ended the command */
};

/*
 * Remember the program's name (the last part of path) and its usage line, for messages, and have
 * each line of messages written at once.
 */
void program_begin(const char *path, const char *usage);

/* The name messages begin with. */
extern const char *program_name;

/* Print "name: message: reason" to standard error, the reason being that of errno. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print "name: message" to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* report(), then exit with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Print the usage line to standard error and exit with EXIT_USAGE. */
void usage_error(void) __attribute__((noreturn));

/* Check that a program has been given no options; return the index of its first operand. */
int no_options(int argc, char **argv);

/* Flush standard output. Returns status, or 1 with a message if any output could not be written. */
int finish(int status);

/* As malloc, realloc and strdup; out of memory, print a message and exit with status 1. */
void *allocate(size_t size);
void *reallocate(void *old, size_t size);
char *duplicate(const char *text);

/* Return an allocated string that printf would have printed. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Return the allocated path of name in directory. */
char *join_path(const char *directory, const char *name);

/* The part of path behind its last slash; trailing slashes are not counted. Allocated. */
char *last_part(const char *path);

/* A growing list of allocated strings, with a NULL behind the last once one has been added. */
struct strings {
    char **items;
    size_t count;
    size_t capacity;
};

/* Add item, which then belongs to the list. */
void strings_add(struct strings *list, char *item);

/* Order the list by byte values. */
void strings_sort(struct strings *list);

/* Free the list and what it holds. */
void strings_free(struct strings *list);

/*
 * Read the names in directory, without "." and "..", in order of their bytes. Returns 0, or -1 with
 * errno; names is then empty.
 */
int read_names(int directory, struct strings *names);

/*
 * Read a whole file, such as one of /proc. Returns an allocated string, NUL added, or NULL with
 * errno. The length goes to *length unless that is NULL.
 */
char *read_whole_file(const char *path, size_t *length);

/* Write all bytes. Returns 0, or -1 with errno. */
int write_all(int descriptor, const void *bytes, size_t count);

/* Parse text, all of it, as a decimal number up to maximum. */
bool parse_number(const char *text, uintmax_t maximum, uintmax_t *number);

/*
 * Parse an octal or symbolic file mode as chmod(1) describes; the symbolic kind changes old. mask
 * is the creation mask that clauses without a "who" respect; directory makes X apply.
 */
bool parse_mode(const char *text, mode_t old, mode_t mask, bool directory, mode_t *mode);

/* The ten letters that ls shows for a mode, and a NUL. */
void format_mode(mode_t mode, char letters[11]);

/* bytes in a short form, as 1.5K; out has room for 32 bytes. */
void format_size(uintmax_t bytes, char *out);

/* The number of a signal given by name, with or without SIG, or by number; -1 if there is none. */
int signal_number(const char *text);

/* The name of a signal, without SIG; NULL if there is none. */
const char *signal_name(int number);

/*
 * The kill command, for /bin/kill and the shell. find_target turns what is not a number into the
 * target that kill(2) takes, or returns false; it may be NULL. Returns the exit status.
 */
int kill_command(int argc, char **argv, bool (*find_target)(const char *text, pid_t *target));

/* The exit status that tells of a wait status: the command's own, or 128 + the signal's number. */
int exit_status(int wait_status);

#endif
