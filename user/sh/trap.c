/*
 * trap.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib.h"
#include "shell.h"
#include "terminal.h"
#include "trap.h"

enum { SIGNALS = 65 };

static char *exit_command;
static bool ignored[SIGNALS];

bool trap_ignores(int signal)
{
    return signal > 0 && signal < SIGNALS && ignored[signal];
}

bool trap_at_exit(void)
{
    return exit_command;
}

char *trap_take_exit(void)
{
    char *command = exit_command;

    exit_command = NULL;
    return command;
}

void trap_forget(void)
{
    free(trap_take_exit());
}

static int list_traps(void)
{
    int printed = 0;

    if (exit_command)
        printed = dprintf(STDOUT_FILENO, "trap -- '%s' EXIT\n", exit_command);
    for (int number = 1; number < SIGNALS && printed >= 0; number++)
        if (ignored[number])
            printed = dprintf(STDOUT_FILENO, "trap -- '' %s\n", signal_name(number));
    if (printed >= 0)
        return EXIT_SUCCESS;
    shell_report("trap");
    return EXIT_FAILURE;
}

static void set_exit_command(const char *command)
{
    trap_forget();
    if (command)
        exit_command = duplicate(command);
}

/* Ignore a signal, or set it back to its default; command is NULL or "". */
static bool set_signal(const char *name, const char *command)
{
    int number = signal_number(name);

    if (number < 1 || number >= SIGNALS || !signal_name(number)) {
        shell_complain("trap: %s: no such signal", name);
        return false;
    }
    if (command && *command) {
        shell_complain("trap: %s: a signal can only be ignored or set to its default", name);
        return false;
    }
    bool keeps = shell.interactive && terminal_sends(number);
    if (signal(number, command || keeps ? SIG_IGN : SIG_DFL) == SIG_ERR) {
        shell_report("trap: %s", name);
        return false;
    }
    ignored[number] = command;
    return true;
}

int builtin_trap(int argc, char **argv)
{
    int first = 1;
    int status = EXIT_SUCCESS;
    uintmax_t number;
    const char *command = NULL;

    if (first < argc && strcmp(argv[first], "--") == 0)
        first++;
    if (first == argc)
        return list_traps();
    bool reset = strcmp(argv[first], "-") == 0 || parse_number(argv[first], SIGNALS, &number);
    if (!reset)
        command = argv[first];
    if (strcmp(argv[first], "-") == 0 || !reset)
        first++;
    for (int i = first; i < argc; i++) {
        if (strcmp(argv[i], "EXIT") == 0 || strcmp(argv[i], "0") == 0)
            set_exit_command(command);
        else if (!set_signal(argv[i], command))
            status = EXIT_FAILURE;
    }
    return status;
}
