/*
 * System calls of signals: sending, masks, actions.
 */
#include "core/signal.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/user.h"
#include "sys/table.h"

#define SET_SIZE sizeof(uint64_t) /* sigsetsize that the calls must be given */

/* kill(2): privileged, the same user, or SIGCONT within the session. process_tree_lock held. */
static bool may_signal(const struct process *target, int number)
{
    return credentials_may_signal(target) ||
           (number == SIGCONT && current_process()->session == target->session);
}

static int send(struct process *target, int number, int code)
{
    const struct process *self = current_process();
    struct signal_information information = {
        .code = code, .pid = self->pid, .uid = credentials_current()->uid};
    if (!may_signal(target, number))
        return -EPERM;
    if (number)
        signal_send_information(target, number, &information);
    return 0;
}

/* To each process of a group, or to all but the first and the caller: success if one got it.
 * process_tree_lock held. */
static int send_to_many(bool all, int group, int number)
{
    int result = -ESRCH;
    for (struct process *p = process_next(all ? 1 : 0); p; p = process_next(p->pid)) {
        int one;
        if (all ? p == current_process() : p->group != group)
            continue;
        one = send(p, number, SI_USER);
        if (result != 0)
            result = one;
    }
    return result;
}

static int send_to_one(int pid, int number, int code)
{
    struct process *target = process_find(pid);
    return target ? send(target, number, code) : -ESRCH;
}

long sys_kill(const uint64_t argument[6])
{
    int pid = (int)argument[0], number = (int)argument[1], result;
    if (number < 0 || number > SIGMAX)
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    mutex_lock(&process_tree_lock);
    if (pid > 0)
        result = send_to_one(pid, number, SI_USER);
    else if (pid == -1)
        result = send_to_many(true, 0, number);
    else
        result = send_to_many(false, pid ? -pid : current_process()->group, number);
    mutex_unlock(&process_tree_lock);
    return result;
}

/* Each process has one thread, whose identifier is its own. */
static long send_to_thread(int group, int id, int number)
{
    int result;
    if (id <= 0 || group <= 0 || number < 0 || number > SIGMAX)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    result = group == id ? send_to_one(id, number, SI_TKILL) : -ESRCH;
    mutex_unlock(&process_tree_lock);
    return result;
}

long sys_tkill(const uint64_t argument[6])
{
    return send_to_thread((int)argument[0], (int)argument[0], (int)argument[1]);
}

long sys_tgkill(const uint64_t argument[6])
{
    return send_to_thread((int)argument[0], (int)argument[1], (int)argument[2]);
}

long sys_rt_sigaction(const uint64_t argument[6])
{
    struct sigaction action, old;
    int result;
    if (argument[3] != SET_SIZE)
        return -EINVAL;
    if (argument[1] && copy_from_user(&action, argument[1], sizeof(action)))
        return -EFAULT;
    result = signal_action((int)argument[0], argument[1] ? &action : NULL, &old);
    if (result == 0 && argument[2] && copy_to_user(argument[2], &old, sizeof(old)))
        return -EFAULT;
    return result;
}

long sys_rt_sigprocmask(const uint64_t argument[6])
{
    uint64_t old = current_process()->blocked, mask;
    if (argument[3] != SET_SIZE)
        return -EINVAL;
    if (argument[1]) {
        if (copy_from_user(&mask, argument[1], sizeof(mask)))
            return -EFAULT;
        switch ((int)argument[0]) {
        case SIG_BLOCK:
            signal_block(old | mask);
            break;
        case SIG_UNBLOCK:
            signal_block(old & ~mask);
            break;
        case SIG_SETMASK:
            signal_block(mask);
            break;
        default:
            return -EINVAL;
        }
    }
    if (argument[2] && copy_to_user(argument[2], &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

long sys_rt_sigpending(const uint64_t argument[6])
{
    uint64_t pending = current_process()->pending & current_process()->blocked;
    if (argument[1] > SET_SIZE)
        return -EINVAL;
    return copy_to_user(argument[0], &pending, argument[1]);
}

/* The mask is put back when the signal is delivered (process_signals_deliver). */
long sys_rt_sigsuspend(const uint64_t argument[6])
{
    struct process *process = current_process();
    uint64_t mask;
    if (argument[1] != SET_SIZE)
        return -EINVAL;
    if (copy_from_user(&mask, argument[0], sizeof(mask)))
        return -EFAULT;
    process->saved_blocked = process->blocked;
    process->restore_blocked = true;
    signal_block(mask);
    while (scheduler_sleep(WAIT_INTERRUPTIBLE, WAIT_FOREVER) != -EINTR)
        ;
    return -EINTR;
}

long sys_rt_sigreturn(const uint64_t argument[6])
{
    struct trap_frame *frame = current_thread()->frame;
    (void)argument;
    if (signal_frame_pop(frame))
        signal_force(SIGSEGV, SI_KERNEL, 0);
    return (long)frame->x[REGISTER_A0];
}

/* sigaltstack(2). */
static int check_stack(const struct stack *stack)
{
    if (signal_on_alternate_stack(current_thread()->frame->x[REGISTER_SP]))
        return -EPERM;
    if (stack->flags & ~(int32_t)(SS_DISABLE | SS_ONSTACK | SS_AUTODISARM))
        return -EINVAL;
    if (!(stack->flags & SS_DISABLE) && stack->size < MINSIGSTKSZ)
        return -ENOMEM;
    return 0;
}

long sys_sigaltstack(const uint64_t argument[6])
{
    struct process *process = current_process();
    struct stack old = process->alternate_stack, new;
    if (signal_on_alternate_stack(current_thread()->frame->x[REGISTER_SP]))
        old.flags |= SS_ONSTACK;
    if (argument[0]) {
        int result = copy_from_user(&new, argument[0], sizeof(new));
        if (result == 0)
            result = check_stack(&new);
        if (result)
            return result;
        new.flags &= (int32_t)(SS_DISABLE | SS_AUTODISARM);
        process->alternate_stack = new;
    }
    if (argument[1] && copy_to_user(argument[1], &old, sizeof(old)))
        return -EFAULT;
    return 0;
}
