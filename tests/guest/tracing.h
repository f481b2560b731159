/*
 * What the tests of ptrace(2) share: registers by their role, on riscv64 as on x86-64, and the
 * stops of a tracee.
 */
#ifndef MAPIX_TESTS_TRACING_H
#define MAPIX_TESTS_TRACING_H

#include "tap.h"

#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__riscv)
typedef struct {
    unsigned long pc, x[31];
} registers;
#define REGISTER_PC(r)     ((r).pc)
#define REGISTER_RESULT(r) ((r).x[9])
#define REGISTER_NUMBER(r) ((r).x[16])
#define BREAKPOINT         0x9002u /* c.ebreak */
#define BREAKPOINT_SIZE    2
#define BREAKPOINT_PASSED  0 /* how far behind its begin the program counter is */
#else
typedef struct user_regs_struct registers;
#define REGISTER_PC(r)     ((r).rip)
#define REGISTER_RESULT(r) ((r).rax)
#define REGISTER_NUMBER(r) ((r).orig_rax)
#define BREAKPOINT         0xccu
#define BREAKPOINT_SIZE    1
#define BREAKPOINT_PASSED  1
#endif

#define STOP_OF_EVENT(event) (SIGTRAP | (event) << 8)
#define CALL_STOP            (SIGTRAP | 0x80)

static inline registers get_registers(pid_t pid)
{
    registers all;
    struct iovec vector = {&all, sizeof(all)};

    expect_ok(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector));
    CHECK_EQ(vector.iov_len, sizeof(all));
    return all;
}

static inline void set_registers(pid_t pid, registers all)
{
    struct iovec vector = {&all, sizeof(all)};

    expect_ok(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &vector));
}

/* Wait for the tracee: bits 8 and above of its status, which is that of a stop. */
static inline int stop_of(pid_t pid)
{
    int status;

    CHECK_EQ(expect_ok(waitpid(pid, &status, __WALL)), pid);
    if (!WIFSTOPPED(status))
        FAIL_HERE("%d did not stop: status %#x", (int)pid, status);
    return status >> 8;
}

#define expect_stop(pid, code) CHECK_EQ(stop_of(pid), code)

static inline void go_on(pid_t pid, int signal)
{
    expect_ok(ptrace(PTRACE_CONT, pid, NULL, (void *)(long)signal));
}

static inline unsigned long event_message(pid_t pid)
{
    unsigned long message;

    expect_ok(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message));
    return message;
}

/* Called first by a child: its parent traces it, and it stops. */
static inline void be_traced(void)
{
    expect_ok(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    raise(SIGSTOP);
}

/* A tracee that runs function, stopped at its beginning, with these options. */
static inline pid_t start_traced(void (*function)(void *), void *argument, long options)
{
    pid_t pid = spawn(function, argument);

    expect_stop(pid, SIGSTOP);
    expect_ok(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options));
    return pid;
}

/* The value behind a name in /proc/PID/status. */
static inline void status_field(pid_t pid, const char *name, char value[256])
{
    char path[64], line[256];

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    CHECK(file);
    *value = 0;
    while (fgets(line, sizeof(line), file)) {
        size_t length = strlen(name);
        if (!strncmp(line, name, length) && line[length] == ':') {
            strcpy(value, line + length + 2);
            value[strcspn(value, "\n")] = 0;
        }
    }
    fclose(file);
}

#endif
