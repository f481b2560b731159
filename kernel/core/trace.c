/* Tracing: who traces whom, and what a tracer asks for (trace.h). */
#include "core/trace.h"
#include "abi/errno.h"
#include "abi/ptrace.h"
#include "abi/sched.h"
#include "arch/riscv/hart.h"
#include "core/pid.h"
#include "core/process_internal.h"
#include "core/scheduler.h"

unsigned calls_watched;

void trace_init_thread(struct thread *thread)
{
    list_init(&thread->trace.tracees);
    list_init(&thread->trace.link);
    wait_queue_init(&thread->trace.resumed, "traced");
}

struct process *process_tracer(const struct process *process)
{
    const struct thread *tracer = process->leader ? process->leader->trace.tracer : NULL;
    return tracer ? tracer->process : NULL;
}

static void demand_attention(struct thread *thread)
{
    __atomic_store_n(&thread->attention, true, __ATOMIC_SEQ_CST);
    scheduler_interrupt(thread, false);
}

static void link_tracee(struct thread *thread, struct thread *tracer, bool seized, unsigned options)
{
    struct process *process = thread->process;
    thread->trace.options = options;
    spin_lock(&process->signal_lock);
    thread->trace.seized = seized;
    thread->trace.let_go = false;
    __atomic_store_n(&thread->trace.tracer, tracer, __ATOMIC_SEQ_CST);
    if (process->stop_signal) {
        demand_attention(thread);
        wake_all(&process->resumed);
    }
    spin_unlock(&process->signal_lock);
    list_push_back(&tracer->trace.tracees, &thread->trace.link);
    __atomic_fetch_add(&calls_watched, 1, __ATOMIC_RELAXED);
}

int trace_attach(struct thread *thread, bool seize, unsigned options)
{
    static const struct signal_information from_kernel = {.code = SI_KERNEL};
    if (thread->process == current_process() || thread->exited || thread->trace.tracer ||
        !credentials_may_inspect(thread->process, true))
        return -EPERM;
    link_tracee(thread, current_thread(), seize, options);
    if (!seize)
        (void)signal_send_thread(thread, SIGSTOP, &from_kernel);
    return 0;
}

/* The thread of the parent that made the process, or another one if that has ended; NULL: none. */
static struct thread *find_maker(const struct process *process)
{
    struct process *parent = process->parent;
    struct thread *maker = process_find_thread(process->maker);
    if (!parent || parent->state != PROCESS_ALIVE)
        return NULL;
    if (maker && maker->process == parent && !maker->exited)
        return maker;
    list_for_each (link, &parent->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (!thread->exited)
            return thread;
    }
    return NULL;
}

int trace_me(void)
{
    struct thread *self = current_thread(), *maker;
    int error = 0;
    mutex_lock(&process_tree_lock);
    maker = find_maker(self->process);
    if (self->trace.tracer)
        error = -EPERM;
    else if (maker && !credentials_may_be_traced_by(maker->process))
        error = -EPERM;
    else if (maker)
        link_tracee(self, maker, false, 0);
    mutex_unlock(&process_tree_lock);
    return error;
}

/* A thread that has ended is needed no longer. */
static void forget_zombie(struct thread *thread)
{
    thread->trace.zombie = false;
    pid_release(thread->id);
    thread_release(thread);
}

/* With its process stopped, it stops as others do. */
static void set_free(struct thread *thread)
{
    struct process *process = thread->process;
    spin_lock(&process->signal_lock);
    __atomic_store_n(&thread->trace.tracer, NULL, __ATOMIC_SEQ_CST);
    thread->trace.trap_asked = thread->trace.trap_notify = thread->trace.let_go = false;
    if (process->stop_signal && !thread->exited)
        demand_attention(thread);
    spin_unlock(&process->signal_lock);
}

void trace_detach(struct thread *thread, int signal)
{
    list_remove(&thread->trace.link);
    __atomic_fetch_sub(&calls_watched, 1, __ATOMIC_RELAXED);
    thread->trace.options = 0;
    if (thread->trace.zombie) {
        thread->trace.tracer = NULL;
        forget_zombie(thread);
        return;
    }
    set_free(thread);
    trace_resume(thread, false, signal);
}

/* What the tracer was not told yet is not lost: the signal that a tracee has stopped with. */
static void abandon(struct thread *thread)
{
    struct process *process = thread->process;
    bool ended = process && process->state == PROCESS_ZOMBIE;
    bool foreign = process && process_tracer(process) != process->parent;
    if (process && thread->trace.options & PTRACE_O_EXITKILL)
        signal_send(process, SIGKILL);
    trace_detach(thread, thread->trace.signal);
    if (ended && foreign)
        process_hand_to_parent(process);
}

void trace_end_tracer(struct thread *thread)
{
    struct list *link;
    while ((link = list_first(&thread->trace.tracees)))
        abandon(container_of(link, struct thread, trace.link));
}

void trace_become_zombie(struct thread *thread, struct process *process, int status)
{
    struct process *tracer = thread->trace.tracer->process;
    thread_reference(thread);
    thread->trace.zombie = true;
    thread->trace.exit_status = status;
    process_notify_end(tracer, SIGCHLD, thread->id, process, status);
    if (process_ignores_children(tracer))
        trace_detach(thread, 0);
}

static int event_of_clone(uint64_t flags, int exit_signal)
{
    if (flags & CLONE_UNTRACED)
        return 0;
    if (flags & CLONE_VFORK)
        return PTRACE_EVENT_VFORK;
    return exit_signal == SIGCHLD ? PTRACE_EVENT_FORK : PTRACE_EVENT_CLONE;
}

int trace_clone(struct thread *child, uint64_t flags, int exit_signal)
{
    const struct trace *own = &current_thread()->trace;
    int event = event_of_clone(flags, exit_signal);
    if (!own->tracer)
        return 0;
    if (!(own->options & 1u << event))
        event = 0;
    if (!event && !(flags & CLONE_PTRACE))
        return 0;
    link_tracee(child, own->tracer, own->seized, own->options);
    spin_lock(&child->process->signal_lock);
    if (own->seized)
        child->trace.trap_asked = true;
    else
        signal_queue_add(&child->pending, SIGSTOP, NULL);
    __atomic_store_n(&child->attention, true, __ATOMIC_SEQ_CST);
    spin_unlock(&child->process->signal_lock);
    return event;
}

bool trace_may_access(const struct thread *thread)
{
    return thread->process->dumpable || credentials_capable(CAP_SYS_PTRACE);
}

bool trace_forbids_privileges(void)
{
    const struct thread *tracer;
    bool forbids;
    if (!__atomic_load_n(&current_thread()->trace.tracer, __ATOMIC_SEQ_CST))
        return false;
    mutex_lock(&process_tree_lock);
    tracer = current_thread()->trace.tracer;
    forbids = tracer && !credentials_have(tracer->credentials, CAP_SYS_PTRACE);
    mutex_unlock(&process_tree_lock);
    return forbids;
}

/* Requests */

int trace_find(int id, bool stopped, struct thread **thread)
{
    struct thread *found = process_find_thread(id);
    if (!found || found->trace.tracer != current_thread())
        return -ESRCH;
    if (stopped && (!found->trace.stopped || found->trace.listening ||
                    __atomic_load_n(&found->killed, __ATOMIC_SEQ_CST)))
        return -ESRCH;
    *thread = found;
    return 0;
}

void trace_resume(struct thread *thread, bool calls, int signal)
{
    thread->trace.calls = calls;
    thread->trace.signal = signal;
    __atomic_store_n(&thread->trace.listening, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->trace.stopped, false, __ATOMIC_SEQ_CST);
    wake_all(&thread->trace.resumed);
}

int trace_interrupt(struct thread *thread)
{
    struct process *process = thread->process;
    if (!thread->trace.seized)
        return -EIO;
    spin_lock(&process->signal_lock);
    __atomic_store_n(&thread->trace.trap_asked, true, __ATOMIC_SEQ_CST);
    if (!thread->exited)
        demand_attention(thread);
    spin_unlock(&process->signal_lock);
    wake_all(&thread->trace.resumed); /* it may listen */
    return 0;
}

int trace_listen(struct thread *thread)
{
    const struct signal_information *information = thread->trace.information;
    if (!thread->trace.seized || !information || information->code >> 8 != PTRACE_EVENT_STOP)
        return -EIO;
    __atomic_store_n(&thread->trace.listening, true, __ATOMIC_SEQ_CST);
    wake_all(&thread->trace.resumed); /* a SIGCONT may have come already */
    return 0;
}

void trace_continued(struct process *process)
{
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        if (!thread->trace.tracer || !thread->trace.seized || thread->exited)
            continue;
        __atomic_store_n(&thread->trace.trap_notify, true, __ATOMIC_SEQ_CST);
        demand_attention(thread);
        wake_all(&thread->trace.resumed);
    }
}
