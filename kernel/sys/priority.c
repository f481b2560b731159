/*
 * getpriority(2), setpriority(2): how nice threads are. The calls mean one thread, or all threads
 * of the processes of a group or of a user.
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "sys/priority.h"
#include "sys/table.h"

#define NICE_LEAST (-20)
#define NICE_MOST  19
#define NICE_BASE  20 /* getpriority(2) returns 20 - nice, and RLIMIT_NICE is the most of that */

static bool is_meant(const struct process *process, int which, int who)
{
    if (which == PRIO_PGRP)
        return process->group == (who ? who : current_process()->group);
    return process->credentials->uid == (uint32_t)who;
}

/* process_tree_lock held. */
static bool visit_process(struct process *process, thread_visitor *visit, int value, int *result)
{
    struct thread *thread = process_next_thread(process, 0);
    while (thread && !visit(thread, value, result))
        thread = process_next_thread(process, thread->id);
    return thread;
}

int priority_visit(int which, int who, thread_visitor *visit, int value)
{
    int result = -ESRCH;
    mutex_lock(&process_tree_lock);
    if (which == PRIO_PROCESS) {
        struct thread *thread = who ? process_find_thread(who) : current_thread();
        if (thread && thread->process)
            visit(thread, value, &result);
    } else {
        struct process *process = process_next(0);
        while (process &&
               !(is_meant(process, which, who) && visit_process(process, visit, value, &result)))
            process = process_next(process->pid);
    }
    mutex_unlock(&process_tree_lock);
    return result;
}

/* The best priority of all. */
static bool look_at(struct thread *thread, int nice, int *result)
{
    (void)nice;
    if (NICE_BASE - thread->nice > *result)
        *result = NICE_BASE - thread->nice;
    return false;
}

/* May the caller change the thread at all? */
static bool may_change(const struct thread *thread)
{
    const struct credentials *self = credentials_current();
    const struct credentials *other = thread->credentials;
    return thread == current_thread() || credentials_have(self, CAP_SYS_NICE) ||
           (other && (self->euid == other->uid || self->euid == other->euid));
}

bool priority_may_set_nice(const struct thread *thread, int nice)
{
    return nice >= thread->nice || credentials_capable(CAP_SYS_NICE) ||
           (uint64_t)(NICE_BASE - nice) <= thread->process->limits[RLIMIT_NICE].soft;
}

static bool change(struct thread *thread, int nice, int *result)
{
    if (!may_change(thread)) {
        *result = -EPERM;
        return true;
    }
    if (!priority_may_set_nice(thread, nice)) {
        *result = -EACCES;
        return false;
    }
    scheduler_set_nice(thread, nice);
    if (*result == -ESRCH)
        *result = 0;
    return false;
}

/* Who is meant by a call that has 0 for the caller's own user. */
static int target(int which, uint64_t who)
{
    return which == PRIO_USER && !(int)who ? (int)credentials_current()->uid : (int)who;
}

long sys_getpriority(const uint64_t argument[6])
{
    int which = (int)argument[0];
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    return priority_visit(which, target(which, argument[1]), look_at, 0);
}

long sys_setpriority(const uint64_t argument[6])
{
    int which = (int)argument[0], nice = (int)argument[2];
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    if (nice < NICE_LEAST)
        nice = NICE_LEAST;
    if (nice > NICE_MOST)
        nice = NICE_MOST;
    return priority_visit(which, target(which, argument[1]), change, nice);
}
