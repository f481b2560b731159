/*
 * Processes.
 */
#include "beside.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

static char *memory;

static void prepare_memory(void)
{
    memory = map(MIB);
    store_each(memory, MIB);
}

static void fork_exit(void)
{
    pid_t pid = MUST(fork());
    if (pid == 0)
        _exit(0);
    MUST(waitpid(pid, NULL, 0));
}

static void fork_store(void)
{
    pid_t pid = MUST(fork());
    if (pid == 0) {
        store_each(memory, MIB);
        _exit(0);
    }
    MUST(waitpid(pid, NULL, 0));
}

static void execute(const char *path, const char *option, const char *command)
{
    pid_t pid = MUST(vfork());
    if (pid == 0) {
        execl(path, path, option, command, NULL);
        _exit(1);
    }
    MUST(waitpid(pid, NULL, 0));
}

static void exec_true(void)
{
    execute("/bench/true", NULL, NULL);
}

static void exec_shell(void)
{
    execute("/bin/sh", "-c", "exit 0");
}

static void exec_dynamic(void)
{
    execute("/bin/true", NULL, NULL);
}

/* As a shell or a compiler is, with much memory in use. */
static void prepare_large(void)
{
    memory = map(64 * MIB);
    store_each(memory, 64 * MIB);
}

static void prepare_other(void)
{
    if (MUST(fork()) == 0) {
        for (;;)
            sched_yield();
    }
}

static void yield(void)
{
    sched_yield();
}

static void tell_usage(void)
{
    struct rusage usage;
    MUST(getrusage(RUSAGE_SELF, &usage));
}

static void tell_time(void)
{
    struct timespec now;
    MUST(clock_gettime(CLOCK_MONOTONIC, &now));
}

static void tell_cpu_time(void)
{
    struct timespec now;
    MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now));
}

const struct operation processes_operations[] = {
    {"fork", NULL, fork_exit, "fork, exit, wait"},
    {"fork-store", prepare_memory, fork_store, "the same, the child stores to 256 pages"},
    {"exec", NULL, exec_true, "start a static program that ends, wait"},
    {"exec-shell", NULL, exec_shell, "the same with sh -c"},
    {"exec-dynamic", NULL, exec_dynamic, "start a program that is linked to libc.so, wait"},
    {"fork-large", prepare_large, fork_exit, "fork with 64 MiB in use, exit, wait"},
    {"yield", prepare_other, yield, "sched_yield, with another process that does the same"},
    {"getrusage", NULL, tell_usage, "getrusage"},
    {"clock", NULL, tell_time, "clock_gettime of CLOCK_MONOTONIC"},
    {"clock-cpu", NULL, tell_cpu_time, "clock_gettime of CLOCK_PROCESS_CPUTIME_ID"},
    {0},
};
