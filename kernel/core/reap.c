/*
 * Children that change, and waiting for them: wait4(2) and waitid(2).
 *
 * Each look goes through the children with process_tree_lock held; a child that changes wakes the
 * parent under the same lock, so nothing is missed between two looks.
 */
#include "abi/errno.h"
#include "abi/time.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "core/pid.h"
#include "core/process_internal.h"
#include "core/scheduler.h"

#define TICK (1000000000ul / CLOCK_TICKS_PER_SECOND) /* nanoseconds */

/* Send the signal, unless the receiver does not want it, and wake its waits. */
static void notify(struct process *to, int number, struct signal_information *information,
                   struct process *about)
{
    bool ended = information->code <= CLD_DUMPED;
    struct resource_usage usage;
    process_usage(about, &usage);
    information->uid = about->credentials->uid;
    information->user_time = (int64_t)(usage.user_time / TICK);
    information->system_time = (int64_t)(usage.system_time / TICK);
    struct sigaction action;
    signal_get_action(to, SIGCHLD, &action);
    if (number && number <= SIGMAX && (ended || !(action.flags & SA_NOCLDSTOP)))
        signal_send_information(to, number, information);
    wake_all(&to->child_changed);
}

void process_notify_parent(struct process *process, int code, int status)
{
    struct signal_information information = {.code = code, .pid = process->pid, .status = status};
    if (process->parent)
        notify(process->parent, SIGCHLD, &information, process);
}

void process_notify_stop(struct process *to, const struct thread *tracee, int code, int status)
{
    struct signal_information information = {.code = code, .pid = tracee->id, .status = status};
    notify(to, SIGCHLD, &information, tracee->process);
}

void process_notify_end(struct process *to, int number, int id, struct process *process, int status)
{
    struct signal_information information = {.code = wait_status_ended(status), .pid = id};
    information.status =
        information.code == CLD_EXITED ? wait_status_code(status) : wait_status_signal(status);
    notify(to, number, &information, process);
}

bool process_ignores_children(const struct process *process)
{
    struct sigaction action;
    signal_get_action(process, SIGCHLD, &action);
    return action.handler == SIG_IGN || action.flags & SA_NOCLDWAIT;
}

void process_hand_to_parent(struct process *process)
{
    struct process *parent = process->parent;
    process_notify_end(parent, process->exit_signal, process->pid, process, process->exit_status);
    if (process->exit_signal == SIGCHLD && process_ignores_children(parent)) {
        process_reap(process);
        wake_all(&parent->child_changed);
    }
}

void process_reap(struct process *process)
{
    struct process *parent = process->parent;
    if (parent) {
        resource_usage_add(&parent->children_usage, &process->usage);
        resource_usage_add(&parent->children_usage, &process->children_usage);
        list_remove(&process->sibling);
    }
    process_destroy(process);
}

static bool is_meant(const struct process *child, const struct wait_request *request)
{
    bool is_clone = child->exit_signal != SIGCHLD;
    if (request->type == P_PID && child->pid != request->id)
        return false;
    if (request->type == P_PIDFD && child != request->process)
        return false;
    if (request->type == P_PGID && child->group != request->id)
        return false;
    /* wait4(2): children that send another signal than SIGCHLD are "clone" children. */
    return request->options & WALL || is_clone == !!(request->options & WCLONE);
}

static void report(struct process *child, int status, int code, struct wait_result *result)
{
    result->pid = child->pid;
    result->uid = child->credentials->uid;
    result->status = status;
    result->code = code;
    process_usage(child, &result->usage);
    resource_usage_add(&result->usage, &child->children_usage);
}

/* Has this child something to report? It is taken, unless the caller only wants to look. What a
 * tracer is told, the parent is not, or later; if it is both, trace_wait tells it. */
static bool collect(struct process *child, const struct wait_request *request,
                    struct wait_result *result)
{
    unsigned options = request->options;
    bool keep = options & WNOWAIT;
    const struct process *tracer = process_tracer(child);
    if (child->state == PROCESS_ZOMBIE) {
        if (!(options & WEXITED) || tracer)
            return false;
        report(child, child->exit_status, wait_status_ended(child->exit_status), result);
        if (!keep)
            process_reap(child);
        return true;
    }
    if (child->stopped && !child->stop_reported && (options & WSTOPPED) &&
        tracer != child->parent) {
        report(child, wait_status_stop(child->exit_status), CLD_STOPPED, result);
        child->stop_reported = !keep;
        return true;
    }
    if (child->continued && (options & WCONTINUED)) {
        report(child, WAIT_STATUS_CONTINUED, CLD_CONTINUED, result);
        child->continued = keep;
        return true;
    }
    return false;
}

/* One look at all children: 1: collected, 0: none has changed, -ECHILD: there are none. */
static int look_at_children(const struct wait_request *request, struct wait_result *result)
{
    int found = -ECHILD;
    list_for_each_safe (link, &current_process()->children) {
        struct process *child = container_of(link, struct process, sibling);
        if (!is_meant(child, request))
            continue;
        found = 0;
        if (collect(child, request, result))
            return 1;
    }
    return found;
}

/* The same for children and tracees. */
static int look(const struct wait_request *request, struct wait_result *result)
{
    int found, tracees;
    mutex_lock(&process_tree_lock);
    tracees = trace_wait(request, result);
    found = tracees == 1 ? 1 : look_at_children(request, result);
    mutex_unlock(&process_tree_lock);
    return found > tracees ? found : tracees;
}

int process_wait(const struct wait_request *request, struct wait_result *result)
{
    struct process *self = current_process();
    result->pid = 0;
    for (;;) {
        struct waiter waiter;
        int found, error = 0;
        wait_prepare(&self->child_changed, &waiter, WAIT_INTERRUPTIBLE);
        found = look(request, result);
        if (found == 0 && !(request->options & WNOHANG))
            error = wait_sleep(&waiter, WAIT_INTERRUPTIBLE, WAIT_FOREVER);
        wait_done(&self->child_changed, &waiter);
        if (found || error || request->options & WNOHANG)
            return found < 0 ? found : error;
    }
}
