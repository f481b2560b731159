/*
 * A stream: a sequence of operations on memory and files, each made from the seed and its number
 * alone, so that any of them can be left out without changing the others. Every result goes into a
 * log, which must be the same on every kernel.
 *
 * Up to four processes take turns: the number of an operation says whose turn it is, and a byte in
 * a pipe hands over. All of them use the same window of memory, at a fixed address that no kernel
 * chooses by itself, and the same two files.
 */
#ifndef MAPIX_TESTS_STREAM_H
#define MAPIX_TESTS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE      4096ul
#define WINDOW    48u /* pages that operations use */
#define BASE      ((char *)0x1000000000)
#define PROCESSES 4
#define FILES     2
#define LOG_SIZE  (4ul << 20)

/* One operation: random numbers that it takes its arguments from. */
struct operation {
    unsigned number;
    uint32_t kind, who, a, b, c, d;
};

/* What the processes share; itself in shared memory outside of the window. */
struct shared {
    unsigned current; /* number of the operation whose turn it is */
    bool alive[PROCESSES], done;
    int turns[PROCESSES][2]; /* pipes */
    size_t log_length;
    char log[LOG_SIZE];
};

extern struct shared *shared;
extern unsigned self; /* which process this is */
extern int files[FILES];

/* Make operation number of a stream. */
struct operation operation_make(uint64_t seed, unsigned number);

/* Perform it, and log what came of it. */
void operation_perform(const struct operation *operation);

/* Log a file's bytes, as read(2) sees them: which one is in c. */
void operation_check_file(const struct operation *operation);

/* Add a line to the log; printf format. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Log the whole window: what each page contains or how it refuses, and the mappings. */
void log_window(void);

/*
 * Look where the window has pages with the end of a file; then, how many bytes of the page of an
 * address are the file's (all, if it does not hold an end). Streams keep away from the others.
 */
void window_scan(void);
unsigned window_limit(const char *address);

/* Catch faults from now on; set up the window; the files, new. */
void stream_prepare(void);

/* A touch of memory: 0 and *value (how 'r') or the value stored (how 'w'), or the signal, with its
 * code and address logged in text. */
int touch(char *address, char how, unsigned char *value, char *text, size_t size);

/* This process starts another, in a free place; or ends, if it is not the first. (stream.c) */
void process_fork(const struct operation *operation);
void process_end(void);

#endif
