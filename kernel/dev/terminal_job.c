/*
 * Job control: whose controlling terminal a terminal is, and which process group is in its
 * foreground (credentials(7), setpgid(2), ioctl_tty(2)); and its end, a hang-up.
 */
#include "abi/errno.h"
#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "core/credentials.h"
#include "core/process.h"
#include "dev/terminal_internal.h"

/* Does the signal do nothing to the process? */
static bool is_without_effect(struct process *process, int signal)
{
    spin_lock(&process->signal_lock);
    bool ignored = signal_handler(process, signal) == SIG_IGN;
    bool blocked = current_thread()->blocked & signal_bit(signal);
    spin_unlock(&process->signal_lock);
    return ignored || blocked;
}

/* Send a signal to all processes of a group. process_tree_lock held. */
static void signal_group(int group, int signal)
{
    for (struct process *process = process_next(0); process; process = process_next(process->pid)) {
        if (group && process->group == group)
            signal_send(process, signal);
    }
}

/* To the foreground group: in the terminal's session, since a group's number may be used again. */
static void signal_foreground(struct terminal *terminal, int signal)
{
    if (terminal->foreground && process_group_exists(terminal->foreground, terminal->session))
        signal_group(terminal->foreground, signal);
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
    signal_foreground(terminal, signal);
    mutex_unlock(&process_tree_lock);
}

/* The end of a session's hold on its terminal */

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

/* All files that are open now are dead. */
static void kill_files(struct terminal *terminal)
{
    __atomic_fetch_add(&terminal->hang_ups, 1, __ATOMIC_ACQ_REL);
    wake_all(&terminal->changed);
}

/*
 * Hang up. The leader of the session hears of it, and remembers the foreground group, which hears
 * of it when the leader ends: so a shell has a chance to care for its jobs. process_tree_lock held.
 */
static void hang_up(struct terminal *terminal)
{
    int session = terminal->session;
    struct process *leader = session ? process_find(session) : NULL;

    kill_files(terminal);
    if (leader && leader->terminal == terminal) {
        leader->orphaned_foreground = terminal->foreground;
        signal_send(leader, SIGHUP);
        signal_send(leader, SIGCONT);
    }
    if (session)
        detach_session(terminal, session);
}

void terminal_hang_up(struct terminal *terminal)
{
    mutex_lock(&process_tree_lock);
    hang_up(terminal);
    mutex_unlock(&process_tree_lock);
}

void terminal_hang_up_controlling(void)
{
    mutex_lock(&process_tree_lock);
    struct terminal *terminal = current_process()->terminal;
    if (terminal)
        hang_up(terminal);
    mutex_unlock(&process_tree_lock);
}

/* The leader gives the terminal up, or ends with it. process_tree_lock held. */
static void give_up(struct terminal *terminal, struct process *leader, bool exits)
{
    if (terminal->session == leader->session) {
        signal_foreground(terminal, SIGHUP);
        if (!exits || terminal->driver->hangs_up_at_exit)
            signal_foreground(terminal, SIGCONT);
        if (exits && terminal->driver->hangs_up_at_exit)
            kill_files(terminal);
    }
    detach_session(terminal, leader->session);
}

void terminal_session_ended(struct process *leader, bool exits)
{
    int group = leader->orphaned_foreground;

    leader->orphaned_foreground = 0;
    if (leader->terminal) {
        give_up(leader->terminal, leader, exits);
    } else if (exits && group && process_group_exists(group, leader->session)) {
        signal_group(group, SIGHUP);
        signal_group(group, SIGCONT);
    }
}

/* Requests */

static bool is_disconnected(const struct terminal *terminal)
{
    return __atomic_load_n(&terminal->disconnected, __ATOMIC_ACQUIRE);
}

/* Only to a terminal that is connected: of one that is not, a later hang-up, which would take it
 * from the process before its memory goes, does not come. process_tree_lock held. */
static void attach(struct terminal *terminal, struct process *process)
{
    terminal->session = process->session;
    terminal->foreground = process->group;
    process->terminal = terminal;
    process->orphaned_foreground = 0;
}

int terminal_acquire(struct terminal *terminal, bool steal, bool readable)
{
    struct process *process = current_process();
    int error = 0;

    mutex_lock(&process_tree_lock);
    bool leader = process->session == process->pid, privileged = credentials_capable(CAP_SYS_ADMIN);
    if (is_disconnected(terminal))
        error = -EIO;
    else if (leader && terminal->session == process->session)
        error = 0;
    else if (!leader || process->terminal || (terminal->session && !(steal && privileged)) ||
             (!readable && !privileged))
        error = -EPERM;
    else {
        if (terminal->session)
            detach_session(terminal, terminal->session);
        attach(terminal, process);
    }
    mutex_unlock(&process_tree_lock);
    return error;
}

void terminal_acquire_on_open(struct terminal *terminal)
{
    struct process *process = current_process();

    mutex_lock(&process_tree_lock);
    if (process->session == process->pid && !process->terminal && !terminal->session &&
        !is_disconnected(terminal))
        attach(terminal, process);
    mutex_unlock(&process_tree_lock);
}

int terminal_give_up(struct terminal *terminal)
{
    struct process *process = current_process();
    int error = 0;

    mutex_lock(&process_tree_lock);
    if (process->terminal != terminal)
        error = -ENOTTY;
    else if (process->session == process->pid)
        give_up(terminal, process, false);
    else
        process->terminal = NULL;
    mutex_unlock(&process_tree_lock);
    return error;
}

int terminal_get_group(struct terminal *terminal, bool by_master, int *group)
{
    mutex_lock(&process_tree_lock);
    bool allowed = by_master || current_process()->terminal == terminal;
    *group = terminal->foreground;
    mutex_unlock(&process_tree_lock);
    return allowed ? 0 : -ENOTTY;
}

/* Is there a process in the group? */
static bool is_group(int group)
{
    for (struct process *process = process_next(0); process; process = process_next(process->pid)) {
        if (process->group == group)
            return true;
    }
    return false;
}

int terminal_set_group(struct terminal *terminal, int group)
{
    struct process *process = current_process();
    int error = terminal_check_foreground(terminal, SIGTTOU);

    if (error)
        return error == -EIO ? -ENOTTY : error;
    if (group < 0)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    if (process->terminal != terminal || terminal->session != process->session)
        error = -ENOTTY;
    else if (!is_group(group))
        error = -ESRCH;
    else if (!process_group_exists(group, process->session))
        error = -EPERM;
    else
        terminal->foreground = group;
    mutex_unlock(&process_tree_lock);
    return error;
}

int terminal_get_session(struct terminal *terminal, bool by_master, int *session)
{
    mutex_lock(&process_tree_lock);
    bool allowed = by_master || current_process()->terminal == terminal;
    *session = terminal->session;
    mutex_unlock(&process_tree_lock);
    return allowed && *session ? 0 : -ENOTTY;
}

int terminal_foreground_group(const struct terminal *terminal)
{
    return terminal ? terminal->foreground : -1;
}
