/* Tracing: the stops of a tracee (trace.h). */
#include "abi/ptrace.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "core/lock_check.h"
#include "core/process_internal.h"
#include "core/signal_internal.h"

#define CALL_STOP 0x80 /* PTRACE_O_TRACESYSGOOD */

/* What a stop is: bits 8 and above of the wait status; the signal that goes on if the tracer is
 * gone before it was told; CLD_*; and what requests tell of it. */
struct stop {
    int code, signal, why;
    struct signal_information *information;
    uint64_t message;
};

/* May it go on? If it only listens, also to tell that something has been asked for. */
static bool goes_on(const struct trace *trace)
{
    return !__atomic_load_n(&trace->stopped, __ATOMIC_SEQ_CST) ||
           (__atomic_load_n(&trace->listening, __ATOMIC_SEQ_CST) &&
            (__atomic_load_n(&trace->trap_asked, __ATOMIC_SEQ_CST) ||
             __atomic_load_n(&trace->trap_notify, __ATOMIC_SEQ_CST)));
}

/* The tracer learns of the stop. process_tree_lock held. */
static void begin(struct thread *thread, const struct stop *stop)
{
    struct trace *trace = &thread->trace;
    trace->code = stop->code;
    trace->signal = stop->signal;
    trace->information = stop->information;
    trace->message = stop->message;
    __atomic_store_n(&trace->stopped, true, __ATOMIC_SEQ_CST);
    spin_lock(&thread->process->signal_lock);
    trace->trap_asked = false;
    spin_unlock(&thread->process->signal_lock);
    process_notify_stop(trace->tracer->process, thread, stop->why, stop->code & 0x7f);
}

/* Signals that came meanwhile were not announced to a thread that is stopped. */
static void end(struct thread *thread)
{
    struct trace *trace = &thread->trace;
    trace->code = 0;
    trace->information = NULL;
    trace->listening = false;
    __atomic_store_n(&trace->stopped, false, __ATOMIC_SEQ_CST);
    spin_lock(&thread->process->signal_lock);
    signal_update_attention();
    spin_unlock(&thread->process->signal_lock);
}

/* Wait for the tracer; the signal to go on with. */
static int trace_stop(const struct stop *stop)
{
    struct thread *thread = current_thread();
    struct trace *trace = &thread->trace;
    int signal = stop->signal;
    lock_check_none();
    fp_sync();
    mutex_lock(&process_tree_lock);
    if (trace->tracer && !thread_killed()) {
        begin(thread, stop);
        mutex_unlock(&process_tree_lock);
        (void)wait_event_killable(&trace->resumed, goes_on(trace));
        mutex_lock(&process_tree_lock);
        end(thread);
        signal = trace->signal;
    }
    mutex_unlock(&process_tree_lock);
    fp_reload();
    return signal;
}

/* What a stop that has no signal tells. */
static struct signal_information information_of(int number, int code)
{
    const struct thread *thread = current_thread();
    return (struct signal_information){
        .number = number, .code = code, .pid = thread->id, .uid = thread->credentials->uid};
}

/* A signal that the tracer put in the place of another one comes from it. */
static struct signal_information information_from_tracer(int number)
{
    struct signal_information information = {.number = number, .code = SI_USER};
    mutex_lock(&process_tree_lock);
    const struct thread *tracer = current_thread()->trace.tracer;
    if (tracer) {
        information.pid = tracer->process->pid;
        information.uid = tracer->credentials->uid;
    }
    mutex_unlock(&process_tree_lock);
    return information;
}

int trace_signal(struct signal_information *information)
{
    int number = information->number;
    struct stop stop = {
        .code = number, .signal = number, .why = CLD_TRAPPED, .information = information};
    int result = trace_stop(&stop);
    if (result && result != number)
        *information = information_from_tracer(result);
    return result;
}

bool trace_must_trap(const struct thread *thread)
{
    const struct trace *trace = &thread->trace;
    return trace->tracer && (trace->trap_asked || trace->trap_notify ||
                             (thread->process->stop_signal && !trace->let_go));
}

void trace_trap(void)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct stop stop = {.why = CLD_STOPPED};
    struct signal_information information;
    int completed;
    spin_lock(&process->signal_lock);
    int number = process->stop_signal;
    bool seized = thread->trace.seized;
    completed = process_join_stop(process);
    thread->trace.let_go = number;
    thread->trace.trap_asked = thread->trace.trap_notify = false;
    spin_unlock(&process->signal_lock);
    if (completed)
        process_stop_completed(process, completed);
    if (seized) {
        int shown = number ? number : SIGTRAP;
        stop.code = shown | PTRACE_EVENT_STOP << 8;
        information = information_of(shown, stop.code);
        stop.information = &information;
    } else {
        stop.code = number;
    }
    if (stop.code)
        (void)trace_stop(&stop);
}

bool trace_event(int event, uint64_t message)
{
    const struct trace *trace = &current_thread()->trace;
    int code = SIGTRAP | event << 8;
    struct signal_information information = information_of(SIGTRAP, code);
    struct stop stop = {
        .code = code, .why = CLD_TRAPPED, .information = &information, .message = message};
    if (!trace->tracer || !(trace->options & 1u << event))
        return false;
    (void)trace_stop(&stop);
    return true;
}

/* A tracer that did not seize, and does not know the event, gets a signal instead. */
void trace_exec(int old_id)
{
    struct thread *thread = current_thread();
    if (!__atomic_load_n(&thread->trace.tracer, __ATOMIC_RELAXED))
        return;
    if (!trace_event(PTRACE_EVENT_EXEC, (uint64_t)old_id) && !thread->trace.seized) {
        struct signal_information information = information_of(SIGTRAP, SI_USER);
        (void)signal_send_thread(thread, SIGTRAP, &information);
    }
}

/* One that is being killed stops as well; being killed again ends the stop (signal.c). */
void trace_exit(int status)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    if (!thread->trace.tracer || !(thread->trace.options & 1u << PTRACE_EVENT_EXIT))
        return;
    spin_lock(&process->signal_lock);
    bool killed = thread->killed;
    __atomic_store_n(&thread->killed, false, __ATOMIC_SEQ_CST);
    if (process->exiting)
        status = process->exit_code;
    spin_unlock(&process->signal_lock);
    trace_event(PTRACE_EVENT_EXIT, (uint64_t)status);
    if (killed)
        __atomic_store_n(&thread->killed, true, __ATOMIC_SEQ_CST);
}

bool trace_wants_calls(void)
{
    const struct trace *trace = &current_thread()->trace;
    return __atomic_load_n(&trace->tracer, __ATOMIC_RELAXED) && trace->calls;
}

void trace_call(bool entry)
{
    struct thread *thread = current_thread();
    int code = SIGTRAP | (thread->trace.options & PTRACE_O_TRACESYSGOOD ? CALL_STOP : 0);
    struct signal_information information = information_of(SIGTRAP, code);
    struct stop stop = {.code = code,
                        .why = CLD_TRAPPED,
                        .information = &information,
                        .message =
                            entry ? PTRACE_EVENTMSG_SYSCALL_ENTRY : PTRACE_EVENTMSG_SYSCALL_EXIT};
    int signal = trace_stop(&stop);
    if (signal)
        (void)signal_send_thread(thread, signal, NULL);
}
