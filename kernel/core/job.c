/*
 * Process groups and sessions (credentials(7), setpgid(2), setsid(2)). All under
 * process_tree_lock.
 */
#include "abi/errno.h"
#include "core/pid.h"
#include "core/process_internal.h"

/* Is this member's parent one that could continue the group: in another group of the session? */
bool process_has_keeper(const struct process *member)
{
    const struct process *parent = member->parent;
    return parent && parent != init_process && parent->group != member->group &&
           parent->session == member->session;
}

bool process_group_is_orphaned(int group, const struct process *except)
{
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group && p != except && p->state == PROCESS_ALIVE && process_has_keeper(p))
            return false;
    }
    return true;
}

static bool group_has_stopped(int group)
{
    if (processes_stopped == 0)
        return false;
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group && p->state == PROCESS_ALIVE && p->stopped)
            return true;
    }
    return false;
}

static int send_to_group(int group, int number, const struct signal_information *information)
{
    int result = -ESRCH;
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group) {
            signal_send_information(p, number, information);
            result = 0;
        }
    }
    return result;
}

void process_group_lost_keeper(int group, const struct process *except)
{
    if (!group_has_stopped(group) || !process_group_is_orphaned(group, except))
        return;
    send_to_group(group, SIGHUP, NULL);
    send_to_group(group, SIGCONT, NULL);
}

static void change_group(struct process *process, int group)
{
    pid_use(group);
    pid_release(process->group);
    process->group = group;
}

/* The checks of setpgid(2). */
static int may_set_group(const struct process *process, int group)
{
    const struct process *self = current_process();
    if (!process || (process != self && process->parent != self))
        return -ESRCH;
    if (process != self && process->session != self->session)
        return -EPERM;
    if (process != self && process->exec_done)
        return -EACCES;
    if (process->session == process->pid)
        return -EPERM; /* a session leader */
    if (group != process->pid && !process_group_exists(group, self->session))
        return -EPERM;
    return 0;
}

int process_set_group(int pid, int group)
{
    struct process *process;
    int result;
    if (group < 0 || (group == 0 && pid < 0))
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    process = pid ? process_find(pid) : current_process();
    if (process && group == 0)
        group = process->pid;
    result = may_set_group(process, group);
    if (result == 0 && process->group != group)
        change_group(process, group);
    mutex_unlock(&process_tree_lock);
    return result;
}

bool process_is_group(int group)
{
    for (struct process *p = process_next(0); p; p = process_next(p->pid)) {
        if (p->group == group)
            return true;
    }
    return false;
}

long process_new_session(void)
{
    struct process *self = current_process();
    long result = -EPERM;
    mutex_lock(&process_tree_lock);
    if (!process_is_group(self->pid)) {
        change_group(self, self->pid);
        pid_use(self->pid);
        pid_release(self->session);
        self->session = self->pid;
        self->terminal = NULL;
        result = self->pid;
    }
    mutex_unlock(&process_tree_lock);
    return result;
}
