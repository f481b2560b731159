/*
 * small fork COUNT | small exec COUNT PROGRAM: forks COUNT times, each child exiting at once or
 * becoming PROGRAM, and waits for each. Prints the operations, instructions and nanoseconds. bench
 * starts it to have these measured in a small address space.
 */
#include "measure.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *program_argv[2];

static bool wait_for(pid_t pid)
{
    int status;

    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool fork_exit(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return wait_for(pid);
}

static bool fork_exec(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        execv(program_argv[0], program_argv);
        _exit(127);
    }
    return wait_for(pid);
}

/* What PROGRAM prints goes nowhere; the descriptor for the results, or -1. */
static int hide_output(void)
{
    int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    return output >= 0 && dup2(nowhere, STDOUT_FILENO) == STDOUT_FILENO ? output : -1;
}

int main(int argc, char **argv)
{
    struct cost cost = {0};
    bool exec = argc == 4 && strcmp(argv[1], "exec") == 0;

    if (!exec && !(argc == 3 && strcmp(argv[1], "fork") == 0)) {
        fputs("usage: small fork COUNT | small exec COUNT PROGRAM\n", stderr);
        return 2;
    }
    if (exec)
        program_argv[0] = argv[3];
    int output = exec ? hide_output() : STDOUT_FILENO;
    if (output < 0 || !measure_open() ||
        !measure(&cost, (unsigned)strtoul(argv[2], NULL, 10), exec ? fork_exec : fork_exit)) {
        fputs("small: a child could not be started, or failed\n", stderr);
        return 1;
    }
    return dprintf(output, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", cost.operations,
                   cost.instructions, cost.nanoseconds) > 0
               ? 0
               : 1;
}
