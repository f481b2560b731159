/*
 * The end of a process: exit(2), and death by a signal.
 *
 *   give back   files, directories, program, memory: everything but the structure
 *   hand over   children to the first process, the group and the session to their fates
 *   zombie      the parent is told, and collects the status (reap.c)
 *   thread      leaves its hart for ever; the next thread frees it
 *
 * From the moment that the process is a zombie and process_tree_lock is released, its structure may
 * be gone: the thread gives up its pointer before.
 */
#include "abi/errno.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/machine.h"
#include "core/lock_check.h"
#include "core/printk.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/user.h"
#include "dev/terminal.h"
#include "fs/file.h"
#include "fs/path.h"
#include "vm/aspace.h"

#define MILLISECOND      1000000ul
#define SHUT_DOWN_ROUNDS 200 /* of 10 ms, for the others to die */

void process_end_memory_use(void)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    uint32_t zero = 0;
    if (thread->clear_child_tid && process->aspace &&
        __atomic_load_n(&process->aspace->sharers, __ATOMIC_ACQUIRE) > 0)
        (void)copy_to_user(thread->clear_child_tid, &zero, sizeof(zero));
    thread->clear_child_tid = 0;
    process->robust_list = 0;
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

static void give_back_files(struct process *process)
{
    struct file_table *files;
    mutex_lock(&process_tree_lock);
    files = process->files;
    process->files = NULL;
    mutex_unlock(&process_tree_lock);
    file_table_release(files);
}

static void give_back_context(struct process *process)
{
    struct vnode *root, *directory, *executable;
    mutex_lock(&process->context_lock);
    root = process->root;
    directory = process->directory;
    executable = process->executable;
    process->root = process->directory = process->executable = NULL;
    mutex_unlock(&process->context_lock);
    vnode_release(root);
    vnode_release(directory);
    if (executable) {
        vnode_execute_end(executable);
        vnode_release(executable);
    }
}

static void give_back_memory(struct process *process)
{
    struct resource_usage usage;
    process_end_memory_use();
    process_usage(process, &usage);
    process->usage.minor_faults = usage.minor_faults;
    process->usage.major_faults = usage.major_faults;
    process->usage.max_resident = usage.max_resident;
    process_switch_aspace(NULL);
    process_release_vfork();
}

static bool parent_ignores_children(struct process *process)
{
    struct process *parent = process->parent;
    const struct sigaction *action = &parent->actions[SIGCHLD - 1];
    return process->exit_signal == SIGCHLD &&
           (action->handler == SIG_IGN || (action->flags & SA_NOCLDWAIT));
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

/* The new parent of a dead process is told, or does not want to know. */
static void hand_over_zombie(struct process *child)
{
    if (parent_ignores_children(child))
        process_reap(child);
    else
        process_notify_parent(child, CLD_EXITED, wait_status_code(child->exit_status));
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
        child->exit_signal = SIGCHLD;
        list_push_back(&reaper->children, &child->sibling);
        if (child->parent_death_signal && child->state == PROCESS_ALIVE)
            signal_send(child, child->parent_death_signal);
        if (kept)
            process_group_lost_keeper(child->group, NULL);
        if (child->state == PROCESS_ZOMBIE)
            hand_over_zombie(child);
    }
}

/* A vfork parent that dies before its child must not be looked for. */
static void forget_vfork_children(struct process *process)
{
    list_for_each (link, &process->children) {
        struct process *child = container_of(link, struct process, sibling);
        if (child->vfork_parent == process)
            child->vfork_parent = NULL;
    }
}

static void tell_parent(struct process *process, int status)
{
    int number = wait_status_signal(status);
    if (number)
        process_notify_parent(process, CLD_KILLED, number);
    else
        process_notify_parent(process, CLD_EXITED, wait_status_code(status));
}

/* The thread leaves the process, which becomes a zombie or vanishes at once. */
static void become_zombie(struct process *process, int status)
{
    struct thread *thread = current_thread();
    mutex_lock(&process_tree_lock);
    forget_vfork_children(process);
    hand_over_children(process);
    if (process_has_keeper(process))
        process_group_lost_keeper(process->group, process);
    if (process->session == process->pid && process->terminal)
        terminal_session_ended(process->terminal, process->session);
    process->terminal = NULL;
    process_usage(process, &process->usage);
    spin_lock(&process->signal_lock);
    list_remove(&thread->process_link);
    process->thread_count--;
    process->exit_status = status;
    process->state = PROCESS_ZOMBIE;
    process->stopped = false;
    spin_unlock(&process->signal_lock);
    thread->process = NULL;
    if (parent_ignores_children(process)) {
        struct process *parent = process->parent;
        process_reap(process);
        wake_all(&parent->child_changed);
    } else {
        tell_parent(process, status);
    }
    mutex_unlock(&process_tree_lock);
}

/* The first process ends, and the machine with it: its status is the machine's. */
static _Noreturn void end_machine(int status)
{
    int number = wait_status_signal(status);
    processes_shut_down();
    machine_power_off(number ? 128 + number : wait_status_code(status));
}

_Noreturn void process_exit(int status)
{
    struct process *process = current_process();
    lock_check_none();
    if (process == init_process)
        end_machine(status);
    give_back_files(process);
    give_back_context(process);
    give_back_memory(process);
    become_zombie(process, status);
    scheduler_exit();
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
}
