/*
 * The end of a thread, and with the last one, of the process: exit(2), exit_group(2), and death by
 * a signal.
 *
 *   resign      it takes no signals any more; others take what was sent to the process
 *   give back   memory, files, directories: the thread's; the last one's: the program
 *   leave       the thread is out of the process's list, but for the leader, which stays there
 *
 * and if it was the last one:
 *
 *   hand over   children to the first process, the group and the session to their fates
 *   zombie      the parent is told, and collects the status (reap.c)
 *
 * Then it leaves its hart for ever, and the next thread frees it. From the moment that the process
 * is a zombie and process_tree_lock is released, the process's structure may be gone: the thread
 * does not use its pointer any more.
 */
#include "abi/errno.h"
#include "abi/futex.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/machine.h"
#include "core/core_dump.h"
#include "core/futex.h"
#include "core/lock_check.h"
#include "core/pid.h"
#include "core/printk.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/strace.h"
#include "core/signal_internal.h"
#include "core/user.h"
#include "dev/terminal.h"
#include "fs/file.h"
#include "fs/io_context.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "ipc/sem.h"
#include "vm/aspace.h"

#define MILLISECOND      1000000ul
#define SHUT_DOWN_ROUNDS 200 /* of 10 ms, for the others to die */

void process_end_memory_use(bool ends)
{
    struct thread *thread = current_thread();
    uint32_t zero = 0;
    if (thread->robust_list && thread->aspace)
        futex_end_robust_list(thread->robust_list);
    inherit_give_up(thread, ends);
    if (thread->clear_child_tid && thread->aspace &&
        __atomic_load_n(&thread->aspace->sharers, __ATOMIC_ACQUIRE) > 0 &&
        copy_to_user(thread->clear_child_tid, &zero, sizeof(zero)) == 0)
        (void)futex_wake(thread->clear_child_tid, true, 1, FUTEX_BITSET_MATCH_ANY);
    thread->clear_child_tid = 0;
    thread->robust_list = 0;
}

void process_release_vfork(void)
{
    struct process *process = current_process();
    mutex_lock(&process_tree_lock);
    if (process->vfork_parent) {
        __atomic_store_n(&process->vfork_parent->vfork_released, true, __ATOMIC_SEQ_CST);
        wake_all(&process->vfork_parent->vfork_done);
        process->vfork_parent = NULL;
    }
    mutex_unlock(&process_tree_lock);
}

/* Is nobody left to act for the process? Its status is settled then. */
static bool resign(struct process *process, int status)
{
    struct thread *thread = current_thread();
    struct list freed = LIST_INITIALIZER(freed);
    struct resource_usage usage;
    int stopped_by;
    bool last;
    spin_lock(&process->signal_lock);
    thread->exited = true;
    signal_queue_remove(&thread->pending, UINT64_MAX, &freed);
    signal_retarget(~thread->blocked);
    thread_usage(thread, &usage);
    resource_usage_add(&process->usage, &usage);
    last = --process->active_count == 0;
    if (thread->stop_joined)
        process->parked_count--;
    if (last)
        process_begin_exit(process, status, thread);
    if (process->dumper)
        wake_all(&process->threads_changed);
    stopped_by = process_completes_stop(process);
    signal_unlock(process, &freed);
    if (stopped_by)
        process_stop_completed(process, stopped_by);
    return last;
}

static void give_back_files(struct process *process)
{
    struct thread *thread = current_thread();
    struct file_table *files = thread->files;
    struct path_context *context = thread->path_context;
    spin_lock(&process->signal_lock);
    thread->files = NULL;
    thread->path_context = NULL;
    spin_unlock(&process->signal_lock);
    file_table_release(files);
    path_context_leave(context);
}

static void give_back_executable(struct process *process)
{
    struct place executable;
    mutex_lock(&process->executable_lock);
    executable = process->executable;
    process->executable = (struct place){0};
    mutex_unlock(&process->executable_lock);
    if (executable.vnode) {
        vnode_execute_end(executable.vnode);
        place_release(&executable);
    }
}

/* Keep the figures of the address space, which is about to go. */
static void keep_memory_usage(struct process *process)
{
    struct resource_usage usage;
    process_usage(process, &usage);
    spin_lock(&process->signal_lock);
    process->usage.minor_faults = usage.minor_faults;
    process->usage.major_faults = usage.major_faults;
    process->usage.max_resident = usage.max_resident;
    process->aspace = NULL;
    spin_unlock(&process->signal_lock);
}

static void give_back(struct process *process, bool last)
{
    process_end_memory_use(true);
    if (last) {
        process_timers_exit();
        sem_exit(process);
        io_context_end_all(process);
    }
    if (last) {
        out_of_memory_relief(true);
        keep_memory_usage(process);
    }
    process_switch_aspace(NULL);
    if (last) {
        out_of_memory_relief(false);
        process_release_vfork();
    }
    give_back_files(process);
    if (last)
        give_back_executable(process);
}

/* A zombie is told to its parent; but to its tracer first, if another process is that. */
static void hand_over(struct process *process)
{
    struct process *tracer = process_tracer(process);
    if (tracer && tracer != process->parent) {
        process_notify_end(tracer, SIGCHLD, process->pid, process, process->exit_status);
        if (!process_ignores_children(tracer))
            return;
        trace_detach(process->leader, 0);
    }
    process_hand_to_parent(process);
}

/* Who inherits the children: the next ancestor that wants to (prctl(2), PR_SET_CHILD_SUBREAPER), or
 * the first process. */
static struct process *find_reaper(struct process *process)
{
    struct process *ancestor = process->parent;
    while (ancestor && ancestor != init_process &&
           !(ancestor->child_subreaper && ancestor->state == PROCESS_ALIVE))
        ancestor = ancestor->parent;
    return ancestor ? ancestor : init_process;
}

/* The children get another parent, which is told of those that are dead already. */
static void hand_over_children(struct process *process)
{
    struct process *reaper = find_reaper(process);
    struct list *link;
    while ((link = list_pop_front(&process->children))) {
        struct process *child = container_of(link, struct process, sibling);
        bool kept = process_has_keeper(child);
        child->parent = reaper;
        child->maker = 0;
        child->exit_signal = SIGCHLD;
        list_push_back(&reaper->children, &child->sibling);
        if (child->parent_death_signal && child->state == PROCESS_ALIVE)
            signal_send(child, child->parent_death_signal);
        if (kept)
            process_group_lost_keeper(child->group, NULL);
        if (child->state == PROCESS_ZOMBIE)
            hand_over(child);
    }
}

/* The process becomes a zombie, or vanishes at once. process_tree_lock held. */
static void become_zombie(struct process *process)
{
    hand_over_children(process);
    if (process_has_keeper(process))
        process_group_lost_keeper(process->group, process);
    if (process->session == process->pid)
        terminal_session_ended(process, true);
    process->terminal = NULL;
    if (process->stopped)
        processes_stopped--;
    spin_lock(&process->signal_lock);
    process->exit_status = process->exit_code;
    process->state = PROCESS_ZOMBIE;
    process->stopped = false;
    spin_unlock(&process->signal_lock);
    wake_all(&process->ended);
    hand_over(process);
}

/* The thread is no member of the process any more; the last one is followed by the process. */
static void leave(struct process *process, int status)
{
    struct thread *thread = current_thread();
    bool last;
    mutex_lock(&process_tree_lock);
    trace_end_tracer(thread);
    spin_lock(&process->signal_lock);
    last = --process->thread_count == 0;
    if (thread != process->leader)
        list_remove(&thread->process_link);
    wake_all(&process->threads_changed);
    spin_unlock(&process->signal_lock);
    if (thread != process->leader) {
        process_forget_thread(thread);
        thread->process = NULL;
        if (thread->trace.tracer)
            trace_become_zombie(thread, process, process->exiting ? process->exit_code : status);
        else
            pid_release(thread->id);
    }
    if (last)
        become_zombie(process);
    mutex_unlock(&process_tree_lock);
}

/* The first process ends, and the machine with it: its status is the machine's. */
static _Noreturn void end_machine(int status)
{
    int number = wait_status_signal(status);
    processes_shut_down();
    machine_power_off(number ? 128 + number : wait_status_code(status));
}

_Noreturn void process_exit_thread(int status)
{
    struct process *process = current_process();
    bool last;
    lock_check_none();
    core_dump_stand_by();
    trace_exit(status);
    last = resign(process, status);
    if (last && process == init_process)
        end_machine(process->exit_code);
    give_back(process, last);
    leave(process, status);
    scheduler_exit();
}

/* While another thread is in execve, this one is told to end already, and only it does. */
_Noreturn void process_exit(int status)
{
    struct process *process = current_process();
    lock_check_none();
    spin_lock(&process->signal_lock);
    if (!process->survivor)
        process_begin_exit(process, status, current_thread());
    spin_unlock(&process->signal_lock);
    process_exit_thread(status);
}

/* Kill all processes but the caller; is one left? */
static bool kill_others(void)
{
    bool left = false;
    mutex_lock(&process_tree_lock);
    for (struct process *p = process_next(1); p; p = process_next(p->pid)) {
        if (p != current_process() && p->state == PROCESS_ALIVE) {
            signal_send(p, SIGKILL);
            left = true;
        }
    }
    mutex_unlock(&process_tree_lock);
    return left;
}

void processes_shut_down(void)
{
    for (unsigned i = 0; i < SHUT_DOWN_ROUNDS && kill_others(); i++)
        thread_sleep(10 * MILLISECOND, WAIT_UNINTERRUPTIBLE);
    file_systems_shut_down();
    strace_report_unknown();
}
