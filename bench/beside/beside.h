/*
 * Operations whose times two systems are compared by: what each file of them offers, and what they
 * share. main.c measures.
 */
#ifndef MAPIX_BENCH_BESIDE_H
#define MAPIX_BENCH_BESIDE_H

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE    4096ul
#define MIB     (1ul << 20)
#define THREADS 4

/* Each has a process of its own, which prepares what it needs, and whose end removes it. */
struct operation {
    const char *name;
    void (*prepare)(void), (*run)(void);
    const char *what;
};

/* Each ends with an operation without a name. */
extern const struct operation memory_operations[], files_operations[], moving_operations[],
    names_operations[], generated_operations[], processes_operations[], threads_operations[],
    messages_operations[], events_operations[];

/* The value of a call that must not fail. */
#define MUST(call)                                                                                 \
    ({                                                                                             \
        __typeof__(call) result_ = (call);                                                         \
        if ((long)result_ == -1)                                                                   \
            give_up(#call);                                                                        \
        result_;                                                                                   \
    })

_Noreturn void give_up(const char *call);

/* For what is read and written. */
extern char buffer[MIB];

/* Private memory, of zeros. */
void *map(size_t size);

/* A byte of each page. */
void store_each(volatile char *start, size_t size);
void load_each(const volatile char *start, size_t size);

/* A file without a name in a directory, of whole MIB, on the disk. */
int scratch(const char *directory, size_t size);

/* The name of the directory that a process may fill, in another one. */
void name_directory(char name[64], const char *parent, pid_t pid);

/* The next of the places of this size in the first 8 MiB of a file. */
off_t next_place(size_t size);

/* Two ends of a TCP connection over the loopback interface. */
void connect_pair(int pair[2]);

#endif
