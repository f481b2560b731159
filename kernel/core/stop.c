/*
 * Stopping a process (signal(7), waitpid(2)).
 *
 *   one thread takes a stop signal   stop_signal is set, all threads get attention
 *   each thread, on its way to user   parks: waits until stop_signal is 0
 *   the last one of them              tells the parent
 *   SIGCONT or SIGKILL is sent        stop_signal becomes 0, nobody takes part (signal.c)
 *   the first thread that goes on     tells the parent
 *
 * A thread that ends meanwhile may be the one that the others have waited for. One that is traced
 * takes part by stopping for its tracer (trace.h), which may let it run before the others.
 */
#include "arch/riscv/hart.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/signal_internal.h"

unsigned processes_stopped;

/* SIGTSTP, SIGTTIN and SIGTTOU do not stop a process whose group nobody could continue. */
static bool may_stop(struct process *process, int number)
{
    bool orphaned;
    if (number == SIGSTOP)
        return true;
    mutex_lock(&process_tree_lock);
    orphaned = process_group_is_orphaned(process->group, NULL);
    mutex_unlock(&process_tree_lock);
    return !orphaned;
}

void process_begin_stop(int number)
{
    struct process *process = current_process();
    if (!may_stop(process, number))
        return;
    spin_lock(&process->signal_lock);
    if (process->taken_stop == number && !process->exiting) {
        process->stop_signal = number;
        list_for_each (link, &process->threads) {
            struct thread *thread = container_of(link, struct thread, process_link);
            if (thread->exited)
                continue;
            thread->trace.let_go = false;
            __atomic_store_n(&thread->attention, true, __ATOMIC_SEQ_CST);
            scheduler_interrupt(thread, false);
        }
    }
    spin_unlock(&process->signal_lock);
}

int process_completes_stop(struct process *process)
{
    if (!process->stop_signal || process->stop_complete || process->active_count == 0 ||
        process->parked_count < process->active_count)
        return 0;
    process->stop_complete = true;
    return process->stop_signal;
}

void process_stop_completed(struct process *process, int number)
{
    mutex_lock(&process_tree_lock);
    if (!process->stopped)
        processes_stopped++;
    process->stopped = true;
    process->stop_reported = process->continued = false;
    process->exit_status = number;
    if (!process->parent || process_tracer(process) != process->parent)
        process_notify_parent(process, CLD_STOPPED, number);
    mutex_unlock(&process_tree_lock);
}

void process_tell_continued(void)
{
    struct process *process = current_process();
    mutex_lock(&process_tree_lock);
    if (process->stopped && !__atomic_load_n(&process->stop_signal, __ATOMIC_SEQ_CST)) {
        process->stopped = false;
        processes_stopped--;
        if (!thread_killed()) {
            process->continued = true;
            process_notify_parent(process, CLD_CONTINUED, SIGCONT);
        }
    }
    mutex_unlock(&process_tree_lock);
}

int process_join_stop(struct process *process)
{
    struct thread *thread = current_thread();
    if (!process->stop_signal || thread->stop_joined)
        return 0;
    __atomic_store_n(&thread->stop_joined, true, __ATOMIC_SEQ_CST);
    process->parked_count++;
    return process_completes_stop(process);
}

void process_end_stop(struct process *process)
{
    process->stop_signal = 0;
    process->stop_complete = false;
    process->parked_count = 0;
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        thread->trace.let_go = false;
        __atomic_store_n(&thread->stop_joined, false, __ATOMIC_SEQ_CST);
    }
    wake_all(&process->resumed);
}

void process_park(void)
{
    struct process *process = current_process();
    const struct thread *thread = current_thread();
    int number;
    spin_lock(&process->signal_lock);
    number = process_join_stop(process);
    spin_unlock(&process->signal_lock);
    if (number)
        process_stop_completed(process, number);
    wait_event_killable(&process->resumed,
                        !__atomic_load_n(&thread->stop_joined, __ATOMIC_SEQ_CST) ||
                            __atomic_load_n(&thread->trace.tracer, __ATOMIC_SEQ_CST));
}
