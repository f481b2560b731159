/*
 * What an operation costs, in instructions and in nanoseconds.
 *
 * Instructions are those of the instret counter, which counts in every privilege level, so the
 * kernel's are in it. It is believed only if it is exact: QEMU without -icount shows the host's
 * clock there. With -icount shift=0 it also advances, as the clock does, while the hart is idle.
 */
#ifndef MAPIX_BENCH_MEASURE_H
#define MAPIX_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cost {
    uint64_t operations;
    uint64_t instructions; /* of all operations; 0 when they cannot be counted */
    uint64_t nanoseconds;  /* of all operations */
};

/* Set by measure_open: whether instructions can be counted here. */
static bool counts_instructions;

#ifdef __riscv
static inline uint64_t read_instret(void)
{
    uint64_t value;

    __asm__ volatile("rdinstret %0" : "=r"(value) : : "memory");
    return value;
}

/* Whether a loop of 2,000 instructions takes that many, but for one time that was interrupted. */
static inline bool instret_is_exact(void)
{
    int exact = 0;

    for (int i = 0; i < 10; i++) {
        uint64_t count = 1000, before = read_instret();

        __asm__ volatile("1: addi %0, %0, -1\n\tbnez %0, 1b" : "+r"(count) : : "memory");
        uint64_t taken = read_instret() - before;
        exact += taken >= 2000 && taken <= 2010;
    }
    return exact >= 9;
}
#else
static inline uint64_t read_instret(void)
{
    return 0;
}

static inline bool instret_is_exact(void)
{
    return false;
}
#endif

/*
 * Finds out whether instructions can be counted. In a child, since reading a counter that user mode
 * may not see is an illegal instruction. False if there can be no child.
 */
static inline bool measure_open(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(instret_is_exact() ? 0 : 1);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    counts_instructions = status == 0;
    return true;
}

static inline uint64_t read_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What happens between begin and end is added to the cost; reading the clock is outside. */
static inline void measure_begin(struct cost *cost)
{
    cost->nanoseconds -= read_nanoseconds();
    if (counts_instructions)
        cost->instructions -= read_instret();
}

static inline void measure_end(struct cost *cost)
{
    if (counts_instructions)
        cost->instructions += read_instret();
    cost->nanoseconds += read_nanoseconds();
}

/*
 * The cost of count operations, after a tenth as many to warm up. False, with errno as the
 * operation left it, as soon as one fails.
 */
static inline bool measure(struct cost *cost, unsigned count, bool (*operation)(void))
{
    bool fine = true;

    for (unsigned i = 0; fine && i < count / 10; i++)
        fine = operation();
    measure_begin(cost);
    for (unsigned i = 0; fine && i < count; i++)
        fine = operation();
    measure_end(cost);
    cost->operations = count;
    return fine;
}

#endif
