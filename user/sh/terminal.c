/*
 * The terminal of an interactive shell.
 */
#include <errno.h>
#include <signal.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

#include "redirect.h"
#include "shell.h"
#include "terminal.h"
#include "trap.h"

static int terminal = -1;
static pid_t shell_group, original_group;
static struct termios shell_modes;

static const int terminal_signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

enum { TERMINAL_SIGNALS = sizeof(terminal_signals) / sizeof(terminal_signals[0]) };

bool terminal_sends(int signal)
{
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        if (terminal_signals[i] == signal)
            return true;
    return false;
}

void terminal_default_signals(void)
{
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        if (!trap_ignores(terminal_signals[i]))
            signal(terminal_signals[i], SIG_DFL);
}

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
    (void)signal;
    interrupted = true;
}

static struct sigaction action_before;
static sigset_t mask_before;

void terminal_listen(void)
{
    struct sigaction action = {.sa_handler = note_interrupt};
    sigset_t interrupt;

    interrupted = false;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &mask_before);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &action_before);
}

ssize_t terminal_read_line(int descriptor, char *line, size_t size, bool *interrupt)
{
    fd_set input;

    FD_ZERO(&input);
    FD_SET(descriptor, &input);
    ssize_t count = pselect(descriptor + 1, &input, NULL, NULL, NULL, &mask_before);
    int error = errno;
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
    if (count > 0 && !interrupted) {
        count = read(descriptor, line, size);
        error = errno;
    }
    *interrupt = interrupted;
    sigaction(SIGINT, &action_before, NULL);
    errno = interrupted ? EINTR : error;
    return interrupted ? -1 : count;
}

/* Stop, as a background job does that reads the terminal, until the shell is in the foreground. */
static void wait_for_foreground(void)
{
    original_group = tcgetpgrp(terminal);
    while (original_group > 0 && original_group != getpgrp()) {
        signal(SIGTTIN, SIG_DFL);
        kill(0, SIGTTIN);
        signal(SIGTTIN, SIG_IGN);
        original_group = tcgetpgrp(terminal);
    }
}

bool terminal_begin(void)
{
    for (size_t i = 0; i < TERMINAL_SIGNALS; i++)
        signal(terminal_signals[i], SIG_IGN);
    terminal = private_copy(STDERR_FILENO);
    if (terminal < 0 || tcgetattr(terminal, &shell_modes) < 0)
        return false;
    wait_for_foreground();
    if (original_group < 0)
        return false;
    if (getpgrp() != getpid() && setpgid(0, 0) < 0)
        return false;
    shell_group = getpgrp();
    return tcsetpgrp(terminal, shell_group) == 0;
}

void terminal_end(void)
{
    if (original_group > 0 && original_group != shell_group)
        terminal_give(original_group);
}

void terminal_give(pid_t group)
{
    if (tcsetpgrp(terminal, group) < 0 && errno != ESRCH && errno != EPERM)
        shell_report("terminal");
}

void terminal_retake(bool restore_modes)
{
    terminal_give(shell_group);
    if (restore_modes)
        tcsetattr(terminal, TCSADRAIN, &shell_modes);
    else
        tcgetattr(terminal, &shell_modes);
}
