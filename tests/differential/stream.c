/*
 * Usage: stream [-v] LENGTH FIRST [LAST]           streams of these seeds
 *        stream [-v] LENGTH SEED -o NUMBER...      these operations of one stream only
 *
 * Prints a line for each seed: the seed and a sum of its log; with -v, the log.
 */
#include "stream.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_LIMIT 60

struct shared *shared;
unsigned self;
int files[FILES];

static uint64_t seed;
static unsigned length;
static const unsigned char *chosen; /* which operations to perform; NULL: all */

static void give_turn(unsigned process)
{
    char byte = 0;

    if (write(shared->turns[process][1], &byte, 1) != 1)
        _exit(1);
}

static void await_turn(void)
{
    char byte;

    if (read(shared->turns[self][0], &byte, 1) != 1)
        _exit(1);
}

/* Whose turn an operation is. */
static unsigned player(unsigned number)
{
    unsigned process = operation_make(seed, number).who % (PROCESSES + 2);

    return process < PROCESSES && shared->alive[process] ? process : 0;
}

/* Perform operations as long as it is this process's turn; return at the end of the stream. */
static void play(void)
{
    while (!shared->done) {
        unsigned number = shared->current++;
        if (number >= length)
            return;
        struct operation operation = operation_make(seed, number);
        if (!chosen || chosen[number])
            operation_perform(&operation);
        unsigned next = player(number + 1);
        if (number + 1 >= length)
            next = 0;
        if (next != self) {
            give_turn(next);
            await_turn();
        }
    }
}

void process_fork(const struct operation *operation)
{
    unsigned place = 0;

    while (place < PROCESSES && shared->alive[place])
        place++;
    if (place == PROCESSES)
        return;
    log_line("%u.%u fork %u\n", operation->number, self, place);
    shared->alive[place] = true;
    pid_t child = fork();
    if (child < 0)
        _exit(1);
    if (child)
        return;
    self = place;
    await_turn();
    play();
    give_turn(0);
    _exit(0);
}

void process_end(void)
{
    if (self == 0)
        return;
    log_line("%u ends\n", self);
    shared->alive[self] = false;
    unsigned next = shared->current < length ? player(shared->current) : 0;
    munmap(BASE, WINDOW * PAGE); /* before the next turn, not some time after */
    give_turn(next);
    _exit(0);
}

/* The two files, with bytes in them. */
static void make_files(void)
{
    static const size_t sizes[FILES] = {5 * PAGE + 1234, 11 * PAGE};
    unsigned char byte;

    for (unsigned i = 0; i < FILES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "file%u", i);
        files[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (files[i] < 0 || ftruncate(files[i], (off_t)sizes[i]) < 0)
            _exit(2);
        for (size_t at = 0; at < sizes[i]; at += 97) {
            byte = (unsigned char)(at * 7 + i * 3 + 1);
            if (pwrite(files[i], &byte, 1, (off_t)at) != 1)
                _exit(2);
        }
    }
}

/* The first process of a stream. */
static void lead(void)
{
    self = 0;
    signal(SIGCHLD, SIG_IGN);
    setpgid(0, 0);
    alarm(TIME_LIMIT);
    make_files();
    stream_prepare();
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (pipe(shared->turns[i]) < 0)
            _exit(2);
    }
    shared->alive[0] = true;
    play();
    shared->done = true;
    for (unsigned i = 1; i < PROCESSES; i++) {
        if (shared->alive[i]) {
            give_turn(i);
            await_turn();
        }
    }
    for (unsigned i = 0; i < FILES; i++) {
        struct operation last = {.number = length, .c = i};
        log_line("at the end: ");
        operation_check_file(&last);
    }
    _exit(0);
}

static uint64_t log_sum(void)
{
    uint64_t sum = 14695981039346656037ull;

    for (size_t i = 0; i < shared->log_length; i++)
        sum = (sum ^ (unsigned char)shared->log[i]) * 1099511628211ull;
    return sum;
}

/* Run one stream; how its first process ended is part of the log. */
static void run(uint64_t this_seed, bool verbose)
{
    int status;

    seed = this_seed;
    shared->current = 0;
    shared->done = false;
    shared->log_length = 0;
    memset(shared->alive, 0, sizeof(shared->alive));
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        lead();
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        exit(2);
    if (status) {
        kill(-pid, SIGKILL);
        log_line("wait status %#x\n", status);
    }
    printf("%lu %016lx\n", (unsigned long)seed, (unsigned long)log_sum());
    if (verbose)
        fwrite(shared->log, 1, shared->log_length, stdout);
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    int at = verbose ? 2 : 1;
    unsigned char *wanted;

    if (argc < at + 2) {
        fprintf(stderr, "usage: stream [-v] LENGTH FIRST [LAST | -o NUMBER...]\n");
        return 2;
    }
    length = (unsigned)strtoul(argv[at++], NULL, 10);
    uint64_t first = strtoul(argv[at++], NULL, 10), last = first;
    shared = mmap((void *)0x2000000000, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    wanted = calloc(length + 1, 1);
    if (shared == MAP_FAILED || !wanted)
        return 2;
    if (at < argc && strcmp(argv[at], "-o") == 0) {
        chosen = wanted;
        while (++at < argc) {
            unsigned long number = strtoul(argv[at], NULL, 10);
            if (number < length)
                wanted[number] = 1;
        }
    } else if (at < argc) {
        last = strtoul(argv[at], NULL, 10);
    }
    for (uint64_t i = first; i <= last; i++)
        run(i, verbose);
    return 0;
}
