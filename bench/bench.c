/*
 * What the basic operations cost: guest instructions where they can be counted, and nanoseconds.
 * A budget that is not met is reported and changes nothing in the exit status, which is 0 unless an
 * operation failed. The figures are meant for one hart: with more, two processes that take turns
 * run side by side.
 *
 * fork and exec are measured by bench/small.c, in a small address space of its own.
 */
#define _GNU_SOURCE
#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE           4096
#define ANON_PAGES     512 /* of a mapping whose pages are touched one after the other */
#define FILE_PAGES     256
#define WARM_UP_ROUNDS 2
#define ROUNDS         20

static int file = -1;           /* FILE_PAGES pages, all of them resident */
static unsigned char *one_page; /* of whatever the running benchmark maps */
static int request[2], answer[2];
static char programs[4096]; /* the directory of small and true */

static bool null_call(void)
{
    return syscall(SYS_getppid) >= 0;
}

static bool bench_null(struct cost *cost)
{
    return measure(cost, 10000, null_call);
}

static void *map(size_t pages, int protection, int flags, int fd)
{
    void *address = mmap(NULL, pages * PAGE, protection, flags, fd, 0);

    return address == MAP_FAILED ? NULL : address;
}

static void *map_anonymous(size_t pages)
{
    return map(pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static bool map_and_unmap(void)
{
    void *address = map_anonymous(1);

    return address != NULL && munmap(address, PAGE) == 0;
}

static bool bench_map(struct cost *cost)
{
    return measure(cost, 5000, map_and_unmap);
}

static bool map_store_unmap(void)
{
    volatile unsigned char *address = map_anonymous(1);

    if (address == NULL)
        return false;
    *address = 1;
    return munmap((void *)address, PAGE) == 0;
}

static bool bench_map_store(struct cost *cost)
{
    return measure(cost, 5000, map_store_unmap);
}

static void load_each(const volatile unsigned char *pages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)pages[i * PAGE];
}

static void store_each(volatile unsigned char *pages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pages[i * PAGE] = 1;
}

/* The cost of the first access to each page of a mapping; a new mapping each round. */
static bool touch(struct cost *cost, size_t pages, int flags, int fd, bool store)
{
    struct cost warm_up = {0};
    int protection = store ? PROT_READ | PROT_WRITE : PROT_READ;

    for (int round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
        struct cost *here = round < WARM_UP_ROUNDS ? &warm_up : cost;
        void *address = map(pages, protection, flags, fd);

        if (address == NULL)
            return false;
        measure_begin(here);
        if (store)
            store_each(address, pages);
        else
            load_each(address, pages);
        measure_end(here);
        if (munmap(address, pages * PAGE) != 0)
            return false;
    }
    cost->operations = ROUNDS * pages;
    return true;
}

static bool bench_anon_store(struct cost *cost)
{
    return touch(cost, ANON_PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1, true);
}

static bool bench_shared_load(struct cost *cost)
{
    return touch(cost, FILE_PAGES, MAP_SHARED, file, false);
}

static bool bench_shared_store(struct cost *cost)
{
    return touch(cost, FILE_PAGES, MAP_SHARED, file, true);
}

static bool bench_private_load(struct cost *cost)
{
    return touch(cost, FILE_PAGES, MAP_PRIVATE, file, false);
}

static bool bench_private_store(struct cost *cost)
{
    return touch(cost, FILE_PAGES, MAP_PRIVATE, file, true);
}

static bool protect_back_and_forth(void)
{
    return mprotect(one_page, PAGE, PROT_READ) == 0 &&
           mprotect(one_page, PAGE, PROT_READ | PROT_WRITE) == 0;
}

static bool bench_protect(struct cost *cost)
{
    one_page = map_anonymous(1);
    if (one_page == NULL)
        return false;
    *(volatile unsigned char *)one_page = 1;
    bool fine = measure(cost, 5000, protect_back_and_forth);
    return munmap(one_page, PAGE) == 0 && fine;
}

static bool read_next_page(void)
{
    static unsigned char buffer[PAGE] __attribute__((aligned(PAGE)));
    static unsigned next;

    return pread(file, buffer, PAGE, (off_t)(next++ % FILE_PAGES) * PAGE) == PAGE;
}

static bool bench_read(struct cost *cost)
{
    return measure(cost, 10000, read_next_page);
}

static bool round_trip(void)
{
    char byte = 1;

    return write(request[1], &byte, 1) == 1 && read(answer[0], &byte, 1) == 1;
}

static void echo_until_end(void)
{
    char byte;

    close(request[1]);
    close(answer[0]);
    while (read(request[0], &byte, 1) == 1 && write(answer[1], &byte, 1) == 1)
        ;
    _exit(0);
}

static bool bench_pipe(struct cost *cost)
{
    bool fine = false;

    if (pipe(request) != 0)
        return false;
    if (pipe(answer) != 0) {
        close(request[0]);
        close(request[1]);
        return false;
    }
    pid_t pid = fork();
    if (pid == 0)
        echo_until_end();
    close(request[0]);
    close(answer[1]);
    if (pid > 0)
        fine = measure(cost, 5000, round_trip);
    close(request[1]);
    close(answer[0]);
    return pid > 0 && waitpid(pid, NULL, 0) == pid && fine;
}

static bool yield(void)
{
    return sched_yield() == 0;
}

/* Each yield of this process gives the hart to the child, whose yield gives it back. */
static bool bench_switch(struct cost *cost)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            sched_yield();
    }
    if (pid < 0)
        return false;
    bool fine = measure(cost, 5000, yield);
    cost->operations *= 2;
    return kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid && fine;
}

/* Becomes small, with its standard output going to the descriptor. */
static void become_small(int output, const char *mode, const char *count, const char *program)
{
    char small[sizeof(programs) + 8], target[sizeof(programs) + 8];

    snprintf(small, sizeof(small), "%s/small", programs);
    snprintf(target, sizeof(target), "%s/%s", programs, program);
    if (dup2(output, STDOUT_FILENO) == STDOUT_FILENO) {
        bool exec = strcmp(mode, "exec") == 0;

        close(output);
        execl(small, "small", mode, count, exec ? target : (char *)NULL, (char *)NULL);
    }
    fprintf(stderr, "bench: %s: %s\n", small, strerror(errno));
    _exit(127);
}

static bool run_small(struct cost *cost, const char *mode, const char *count, const char *program)
{
    int ends[2], status, fields = 0;

    if (pipe(ends) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become_small(ends[1], mode, count, program);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    if (from != NULL) {
        fields = fscanf(from, "%" SCNu64 " %" SCNu64 " %" SCNu64, &cost->operations,
                        &cost->instructions, &cost->nanoseconds);
        fclose(from);
    } else {
        close(ends[0]);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    errno = ECANCELED; /* small said why */
    return status == 0 && fields == 3;
}

static bool bench_fork(struct cost *cost)
{
    return run_small(cost, "fork", "500", "");
}

static bool bench_exec(struct cost *cost)
{
    return run_small(cost, "exec", "200", "true");
}

static bool bench_exec_dynamic(struct cost *cost)
{
    return run_small(cost, "exec", "200", "hello");
}

struct benchmark {
    const char *name;
    uint64_t budget; /* instructions per operation; 0: none, for information */
    bool (*run)(struct cost *cost);
    const char *operation;
};

/* What dirties the file is last of those that use it. */
static const struct benchmark benchmarks[] = {
    {"null", 250, bench_null, "a system call that does nothing (getppid)"},
    {"map", 3000, bench_map, "mmap and munmap of one page, not touched"},
    {"map-store", 5500, bench_map_store, "mmap of one page, a store to it, munmap"},
    {"anon-store", 1800, bench_anon_store, "first store to a page of anonymous memory"},
    {"shared-load", 500, bench_shared_load, "first load from a cached file page mapped shared"},
    {"private-load", 0, bench_private_load, "first load from a cached file page mapped private"},
    {"private-store", 0, bench_private_store, "first store to a cached file page mapped private"},
    {"protect", 0, bench_protect, "mprotect of one page to read-only, and back"},
    {"read", 1600, bench_read, "pread of 4 KiB of a cached file"},
    {"pipe", 6000, bench_pipe, "one byte to another process and one back, by pipes"},
    {"switch", 0, bench_switch, "sched_yield to another process"},
    {"fork", 70000, bench_fork, "fork of a small static program, exit, wait"},
    {"exec", 200000, bench_exec, "the same with execve of a small static program"},
    {"exec-dynamic", 700000, bench_exec_dynamic, "the same with a dynamic one that prints a line"},
    {"shared-store", 0, bench_shared_store, "first store to a cached file page mapped shared"},
};

#define BOOT_BUDGET 300000000

#define BENCHMARKS (sizeof(benchmarks) / sizeof(benchmarks[0]))

/* A file without a name, written to disk so that no write-back disturbs what is measured. */
static bool open_file(void)
{
    char path[] = "/var/tmp/bench.XXXXXX"; /* on the disk, also where /tmp is in memory */
    static char page[PAGE];

    file = mkstemp(path);
    if (file < 0 || unlink(path) != 0)
        return false;
    memset(page, 'm', sizeof(page));
    for (int i = 0; i < FILE_PAGES; i++)
        if (write(file, page, PAGE) != PAGE)
            return false;
    return fsync(file) == 0;
}

static void print_row(bool tsv, const char *name, const struct cost *cost, uint64_t budget)
{
    char instructions[24] = "-", allowed[24] = "-";
    const char *met = "-";
    uint64_t each = (cost->instructions + cost->operations - 1) / cost->operations;
    uint64_t time = (cost->nanoseconds + cost->operations / 2) / cost->operations;

    if (counts_instructions)
        snprintf(instructions, sizeof(instructions), "%" PRIu64, each);
    if (budget != 0)
        snprintf(allowed, sizeof(allowed), "%" PRIu64, budget);
    if (counts_instructions && budget != 0)
        met = each <= budget ? "yes" : "no";
    printf(tsv ? "%s\t%s\t%" PRIu64 "\t%s\t%s\n" : "%-14s %15s %12" PRIu64 " %8s  %s\n", name,
           instructions, time, allowed, met);
    fflush(stdout);
}

/*
 * From the kernel's entry to here: the uptime, which begins there and advances by a nanosecond for
 * an instruction, without the time that the hart was idle, when the clock leaps to the next timer.
 * Both come from one look at the clock, in steps of 10 ms.
 */
static void measure_boot(struct cost *boot)
{
    double up, idle;
    FILE *uptime = counts_instructions ? fopen("/proc/uptime", "r") : NULL;

    if (uptime == NULL)
        return;
    if (fscanf(uptime, "%lf %lf", &up, &idle) == 2) {
        boot->instructions = boot->nanoseconds = (uint64_t)((up - idle) * 100 + 1.5) * 10000000;
        boot->operations = 1;
    }
    fclose(uptime);
}

static bool run_one(const struct benchmark *benchmark, bool tsv)
{
    struct cost cost = {0};

    if (!benchmark->run(&cost)) {
        fprintf(stderr, "bench: %s failed: %s\n", benchmark->name, strerror(errno));
        return false;
    }
    print_row(tsv, benchmark->name, &cost, benchmark->budget);
    return true;
}

static const struct benchmark *find(const char *name)
{
    for (size_t i = 0; i < BENCHMARKS; i++)
        if (strcmp(benchmarks[i].name, name) == 0)
            return &benchmarks[i];
    return NULL;
}

static int list(void)
{
    for (size_t i = 0; i < BENCHMARKS; i++)
        printf("%-14s %s\n", benchmarks[i].name, benchmarks[i].operation);
    return 0;
}

static int run(bool tsv, const struct cost *boot, int count, char **names)
{
    bool fine = true;

    if (!tsv) {
        if (!counts_instructions)
            puts("Instructions cannot be counted here (in QEMU they can with -icount shift=0).");
        printf("%-14s %15s %12s %8s  %s\n", "operation", "instructions/op", "ns/op", "budget",
               "met");
    }
    if (boot->operations == 1)
        print_row(tsv, "boot", boot, BOOT_BUDGET);
    if (count == 0)
        for (size_t i = 0; i < BENCHMARKS; i++)
            fine &= run_one(&benchmarks[i], tsv);
    for (int i = 0; i < count; i++)
        fine &= run_one(find(names[i]), tsv);
    return fine ? 0 : 1;
}

/* small and true are where bench is; when its own name does not say where, in /bench. */
static void find_programs(const char *own_name)
{
    const char *slash = strrchr(own_name, '/');

    if (slash == NULL)
        strcpy(programs, "/bench");
    else
        snprintf(programs, sizeof(programs), "%.*s", (int)(slash - own_name), own_name);
}

int main(int argc, char **argv)
{
    struct cost boot = {0};
    int first = 1;
    bool tsv = argc > first && strcmp(argv[first], "--tsv") == 0;

    if (tsv)
        first++;
    else if (argc == 2 && strcmp(argv[1], "-l") == 0)
        return list();
    for (int i = first; i < argc; i++) {
        if (find(argv[i]) == NULL) {
            fprintf(stderr, "usage: bench -l | bench [--tsv] [NAME...]; there is no %s\n", argv[i]);
            return 2;
        }
    }
    find_programs(argv[0]);
    bool fine = measure_open();
    measure_boot(&boot);
    if (!fine || !open_file()) {
        perror("bench");
        return 1;
    }
    return run(tsv, &boot, argc - first, argv + first);
}
