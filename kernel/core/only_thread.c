/*
 * execve(2) in a process with several threads: the caller survives, the others end. It takes over
 * the identifier of the leader, which is the process's; its own is free again.
 */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/pid.h"
#include "core/process_internal.h"

/* Become the survivor, and tell the others to end: 0, or -EAGAIN if the process is ending, or
 * another thread was first. */
static int begin(struct process *process)
{
    struct thread *self = current_thread();
    int result = 0;
    spin_lock(&process->signal_lock);
    if (process->exiting || process->survivor || self->killed) {
        result = -EAGAIN;
    } else {
        process->survivor = self;
        process_kill_threads(process, self);
    }
    spin_unlock(&process->signal_lock);
    return result;
}

/* The old leader has exited. process_tree_lock held. */
static void become_leader(struct process *process)
{
    struct thread *self = current_thread(), *old = process->leader;
    if (old->trace.tracer)
        trace_detach(old, 0);
    process_forget_thread(old);
    process_forget_thread(self);
    pid_release(self->id);
    spin_lock(&process->signal_lock);
    list_remove(&old->process_link);
    self->id = process->pid;
    process->leader = self;
    spin_unlock(&process->signal_lock);
    process_insert_thread(self);
    thread_reference(self);
    old->process = NULL;
    thread_release(old);
}

int process_become_only_thread(void)
{
    struct process *process = current_process();
    int result;
    if (process->leader == current_thread() && process->active_count == 1)
        return 0;
    result = begin(process);
    if (result)
        return result;
    result = wait_event_killable(&process->threads_changed,
                                 __atomic_load_n(&process->thread_count, __ATOMIC_SEQ_CST) == 1);
    mutex_lock(&process_tree_lock);
    if (result == 0 && process->leader != current_thread())
        become_leader(process);
    spin_lock(&process->signal_lock);
    process->survivor = NULL;
    spin_unlock(&process->signal_lock);
    mutex_unlock(&process_tree_lock);
    return result ? -EAGAIN : 0;
}
