/*
 * Job control: whose controlling terminal a terminal is, and which process group is in its
 * foreground (credentials(7), setpgid(2), ioctl_tty(2)).
 */
#include "abi/errno.h"
#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "dev/terminal_internal.h"

/* Does the signal do nothing to the process? */
static bool is_without_effect(struct process *process, int signal)
{
    spin_lock(&process->signal_lock);
    bool ignored = process->actions[signal - 1].handler == SIG_IGN;
    bool blocked = current_thread()->blocked & signal_bit(signal);
    spin_unlock(&process->signal_lock);
    return ignored || blocked;
}

/* Send a signal to all processes of a group. process_tree_lock held. */
static void signal_group(int group, int signal)
{
    for (struct process *process = process_next(0); process; process = process_next(process->pid)) {
        if (process->group == group)
            signal_send(process, signal);
    }
}

int terminal_check_foreground(struct terminal *terminal, int signal)
{
    struct process *process = current_process();
    int error = 0;

    mutex_lock(&process_tree_lock);
    if (process->terminal == terminal && terminal->foreground &&
        process->group != terminal->foreground) {
        bool without_effect = is_without_effect(process, signal);
        if (without_effect)
            error = signal == SIGTTIN ? -EIO : 0;
        else if (process_group_is_orphaned(process->group, NULL))
            error = -EIO;
        else
            error = -EINTR;
        if (error == -EINTR)
            signal_group(process->group, signal);
    }
    mutex_unlock(&process_tree_lock);
    return error;
}

void terminal_signal_foreground(struct terminal *terminal, int signal)
{
    mutex_lock(&process_tree_lock);
    if (terminal->foreground)
        signal_group(terminal->foreground, signal);
    mutex_unlock(&process_tree_lock);
}

/* No process of the session has the terminal any more. process_tree_lock held. */
static void detach_session(struct terminal *terminal, int session)
{
    for (struct process *process = process_next(0); process; process = process_next(process->pid)) {
        if (process->session == session && process->terminal == terminal)
            process->terminal = NULL;
    }
    if (terminal->session == session)
        terminal->session = terminal->foreground = 0;
}

void terminal_session_ended(struct terminal *terminal, int session)
{
    if (terminal->session == session && terminal->foreground) {
        signal_group(terminal->foreground, SIGHUP);
        signal_group(terminal->foreground, SIGCONT);
    }
    detach_session(terminal, session);
}

int terminal_acquire(struct terminal *terminal, bool steal)
{
    struct process *process = current_process();
    int error = 0;

    mutex_lock(&process_tree_lock);
    if (process->terminal == terminal && terminal->session == process->session) {
        error = 0;
    } else if (process->session != process->pid || process->terminal) {
        error = -EPERM;
    } else if (terminal->session && !(steal && credentials_capable(CAP_SYS_ADMIN))) {
        error = -EPERM;
    } else {
        if (terminal->session)
            detach_session(terminal, terminal->session);
        terminal->session = process->session;
        terminal->foreground = process->group;
        process->terminal = terminal;
    }
    mutex_unlock(&process_tree_lock);
    return error;
}

int terminal_give_up(struct terminal *terminal)
{
    struct process *process = current_process();
    int error = 0;

    mutex_lock(&process_tree_lock);
    if (process->terminal != terminal)
        error = -ENOTTY;
    else if (process->session == process->pid)
        terminal_session_ended(terminal, process->session);
    else
        process->terminal = NULL;
    mutex_unlock(&process_tree_lock);
    return error;
}

int terminal_get_group(struct terminal *terminal, int *group)
{
    mutex_lock(&process_tree_lock);
    bool controlling = current_process()->terminal == terminal;
    *group = terminal->foreground;
    mutex_unlock(&process_tree_lock);
    return controlling ? 0 : -ENOTTY;
}

int terminal_set_group(struct terminal *terminal, int group)
{
    struct process *process = current_process();
    int error = terminal_check_foreground(terminal, SIGTTOU);

    if (error)
        return error;
    mutex_lock(&process_tree_lock);
    if (process->terminal != terminal || terminal->session != process->session)
        error = -ENOTTY;
    else if (group <= 0)
        error = -EINVAL;
    else if (!process_group_exists(group, process->session))
        error = -EPERM;
    else
        terminal->foreground = group;
    mutex_unlock(&process_tree_lock);
    return error;
}

int terminal_get_session(struct terminal *terminal, int *session)
{
    mutex_lock(&process_tree_lock);
    bool controlling = current_process()->terminal == terminal;
    *session = terminal->session;
    mutex_unlock(&process_tree_lock);
    return controlling ? 0 : -ENOTTY;
}

int terminal_foreground_group(const struct terminal *terminal)
{
    return terminal ? terminal->foreground : -1;
}
