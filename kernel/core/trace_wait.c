/* Tracing: what a tracer is told by wait4(2) and waitid(2) (trace.h). */
#include "abi/errno.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "core/process_internal.h"
#include "core/trace.h"

/* Tracees are told of whatever signal they end with. */
static bool is_meant(const struct thread *tracee, const struct wait_request *request)
{
    const struct process *process = tracee->process; /* NULL: a zombie that is no leader */
    switch (request->type) {
    case P_PID:
        return tracee->id == request->id;
    case P_PGID:
        return process && process->group == request->id;
    case P_PIDFD:
        return process == request->process && process->leader == tracee;
    default:
        return true;
    }
}

static void fill(const struct thread *tracee, int status, int code, struct wait_result *result)
{
    result->pid = tracee->id;
    result->uid = tracee->process ? tracee->process->credentials->uid : tracee->credentials->uid;
    result->status = status;
    result->code = code;
    if (tracee->process)
        process_usage(tracee->process, &result->usage);
    else
        thread_usage(tracee, &result->usage);
}

/* The tracee has ended; its parent, if it is another process, is told behind. */
static void collect_ended(struct thread *tracee, bool keep, struct wait_result *result)
{
    struct process *process = tracee->process;
    int status = process ? process->exit_status : tracee->trace.exit_status;
    fill(tracee, status, wait_status_ended(status), result);
    if (keep)
        return;
    if (process && process->parent == current_process()) {
        process_reap(process);
        return;
    }
    trace_detach(tracee, 0);
    if (process)
        process_hand_to_parent(process);
}

static bool collect(struct thread *tracee, const struct wait_request *request,
                    struct wait_result *result)
{
    struct trace *trace = &tracee->trace;
    const struct process *process = tracee->process;
    bool keep = request->options & WNOWAIT;
    bool ended = process ? process->state == PROCESS_ZOMBIE : trace->zombie;
    if (ended && request->options & WEXITED) {
        collect_ended(tracee, keep, result);
        return true;
    }
    if (ended || !trace->stopped || !trace->code || trace->listening)
        return false;
    fill(tracee, wait_status_stop(trace->code), CLD_TRAPPED, result);
    if (!keep)
        trace->code = trace->signal = 0;
    return true;
}

static int wait_for_tracees_of(struct thread *tracer, const struct wait_request *request,
                               struct wait_result *result)
{
    int found = -ECHILD;
    list_for_each_safe (link, &tracer->trace.tracees) {
        struct thread *tracee = container_of(link, struct thread, trace.link);
        if (!is_meant(tracee, request))
            continue;
        found = 0;
        if (collect(tracee, request, result))
            return 1;
    }
    return found;
}

int trace_wait(const struct wait_request *request, struct wait_result *result)
{
    int found = -ECHILD;
    if (request->options & WNOTHREAD)
        return wait_for_tracees_of(current_thread(), request, result);
    list_for_each (link, &current_process()->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        int one = wait_for_tracees_of(thread, request, result);
        if (one > found)
            found = one;
        if (found == 1)
            break;
    }
    return found;
}
