/*
 * System calls of signals: sending, masks, actions.
 */
#include "sys/signal.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/user.h"
#include "sys/convert.h"
#include "sys/table.h"

#define SET_SIZE sizeof(uint64_t) /* sigsetsize that the calls must be given */

/* kill(2): privileged, the same user, or SIGCONT within the session. process_tree_lock held. */
static bool may_signal(const struct process *target, int number)
{
    return credentials_may_signal(target) ||
           (number == SIGCONT && current_process()->session == target->session);
}

/* To a process, or to one thread of it; number 0 only asks. process_tree_lock held. */
static int send(struct process *target, struct thread *thread, int number,
                const struct signal_information *information)
{
    if (!may_signal(target, number))
        return -EPERM;
    if (number == 0)
        return 0;
    return thread ? signal_send_thread(thread, number, information)
                  : signal_send_information(target, number, information);
}

static struct signal_information from_self(int code)
{
    const struct process *self = current_process();
    return (struct signal_information){
        .code = code, .pid = self->pid, .uid = credentials_current()->uid};
}

/* To each process of a group, or to all but the first and the caller: success if one got it, or, of
 * all, if there are some. process_tree_lock held. */
static int send_to_many(bool all, int group, int number,
                        const struct signal_information *information)
{
    int result = -ESRCH;
    for (struct process *p = process_next(all ? 1 : 0); p; p = process_next(p->pid)) {
        int one;
        if (all ? p == current_process() : p->group != group)
            continue;
        one = send(p, NULL, number, information);
        if (all && one == -EPERM)
            one = 0;
        if (result != 0)
            result = one;
    }
    return result;
}

int signal_send_from_user(struct process *target, enum signal_scope scope, int number,
                          const struct signal_information *information)
{
    struct signal_information own = from_self(scope == SIGNAL_FIRST_THREAD ? SI_TKILL : SI_USER);
    if (!information)
        information = &own;
    if (scope == SIGNAL_GROUP)
        return send_to_many(false, target->pid, number, information);
    return send(target, scope == SIGNAL_FIRST_THREAD ? target->leader : NULL, number, information);
}

/* pid may be that of any thread of the process. process_tree_lock held. */
static int send_to_one(int pid, int number, const struct signal_information *information)
{
    struct thread *thread = process_find_thread(pid);
    return thread ? send(thread->process, NULL, number, information) : -ESRCH;
}

long sys_kill(const uint64_t argument[6])
{
    struct signal_information information = from_self(SI_USER);
    int pid = (int)argument[0], number = (int)argument[1], result;
    if (number < 0 || number > SIGMAX)
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    mutex_lock(&process_tree_lock);
    if (pid > 0)
        result = send_to_one(pid, number, &information);
    else if (pid == -1)
        result = send_to_many(true, 0, number, &information);
    else
        result = send_to_many(false, pid ? -pid : current_process()->group, number, &information);
    mutex_unlock(&process_tree_lock);
    return result;
}

/* To the thread, if it belongs to the process group (0: whichever). */
static long send_to_thread(int process, int id, int number,
                           const struct signal_information *information)
{
    struct thread *thread;
    int result = -ESRCH;
    if (number < 0 || number > SIGMAX)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    thread = process_find_thread(id);
    if (thread && (process == 0 || thread->process->pid == process))
        result = send(thread->process, thread, number, information);
    mutex_unlock(&process_tree_lock);
    return result;
}

long sys_tkill(const uint64_t argument[6])
{
    struct signal_information information = from_self(SI_TKILL);
    if ((int)argument[0] <= 0)
        return -EINVAL;
    return send_to_thread(0, (int)argument[0], (int)argument[1], &information);
}

long sys_tgkill(const uint64_t argument[6])
{
    struct signal_information information = from_self(SI_TKILL);
    if ((int)argument[0] <= 0 || (int)argument[1] <= 0)
        return -EINVAL;
    return send_to_thread((int)argument[0], (int)argument[1], (int)argument[2], &information);
}

int signal_information_from_user(vaddr_t address, int number, int target,
                                 struct signal_information *information)
{
    if (copy_from_user(information, address, sizeof(*information)))
        return -EFAULT;
    information->number = number;
    if ((information->code >= 0 || information->code == SI_TKILL) &&
        target != current_process()->pid && target != current_thread()->id)
        return -EPERM;
    return 0;
}

long sys_rt_sigqueueinfo(const uint64_t argument[6])
{
    struct signal_information information;
    int pid = (int)argument[0], number = (int)argument[1];
    int result = signal_information_from_user(argument[2], number, pid, &information);
    if (result)
        return result;
    if (number < 0 || number > SIGMAX)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    result = send_to_one(pid, number, &information);
    mutex_unlock(&process_tree_lock);
    return result;
}

long sys_rt_tgsigqueueinfo(const uint64_t argument[6])
{
    struct signal_information information;
    int process = (int)argument[0], id = (int)argument[1], number = (int)argument[2];
    int result;
    if (process <= 0 || id <= 0)
        return -EINVAL;
    result = signal_information_from_user(argument[3], number, id, &information);
    if (result)
        return result;
    return send_to_thread(process, id, number, &information);
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
    uint64_t old = current_thread()->blocked, mask;
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
    uint64_t pending = signal_pending() & current_thread()->blocked;
    if (argument[1] > SET_SIZE)
        return -EINVAL;
    return copy_to_user(argument[0], &pending, argument[1]);
}

long sys_rt_sigsuspend(const uint64_t argument[6])
{
    uint64_t mask;
    if (argument[1] != SET_SIZE)
        return -EINVAL;
    if (copy_from_user(&mask, argument[0], sizeof(mask)))
        return -EFAULT;
    signal_mask_begin(mask);
    while (scheduler_sleep(WAIT_INTERRUPTIBLE, WAIT_FOREVER) != -EINTR)
        ;
    signal_mask_end(true);
    return -EINTR_HANDLER;
}

long sys_rt_sigtimedwait(const uint64_t argument[6])
{
    struct siginfo siginfo = {0};
    uint64_t set, duration, now = time_now(), deadline = WAIT_FOREVER;
    int result;
    if (argument[3] != SET_SIZE)
        return -EINVAL;
    if (copy_from_user(&set, argument[0], sizeof(set)))
        return -EFAULT;
    if (argument[2]) {
        result = timespec_from_user(argument[2], &duration);
        if (result)
            return result;
        deadline = duration < WAIT_FOREVER - now ? now + duration : WAIT_FOREVER;
    }
    result = signal_wait(set, &siginfo.information, deadline);
    if (result == -EINTR)
        return -EINTR_ALWAYS;
    if (result > 0 && argument[1] && copy_to_user(argument[1], &siginfo, sizeof(siginfo)))
        return -EFAULT;
    return result;
}

long sys_rt_sigreturn(const uint64_t argument[6])
{
    struct trap_frame *frame = current_thread()->frame;
    (void)argument;
    if (signal_frame_pop(frame))
        signal_force(SIGSEGV, SI_KERNEL, 0);
    return (long)frame->x[REGISTER_A0];
}

long sys_sigaltstack(const uint64_t argument[6])
{
    struct stack old = current_thread()->alternate_stack, new;
    vaddr_t sp = current_thread()->frame->x[REGISTER_SP];
    if (signal_on_alternate_stack(sp))
        old.flags |= SS_ONSTACK;
    if (argument[0]) {
        int result = copy_from_user(&new, argument[0], sizeof(new));
        if (result == 0)
            result = signal_set_alternate_stack(&new, sp);
        if (result)
            return result;
    }
    if (argument[1] && copy_to_user(argument[1], &old, sizeof(old)))
        return -EFAULT;
    return 0;
}

/* restart_syscall(2): calls are repeated by their own numbers, so there never is one to go on. */
long sys_restart_syscall(const uint64_t argument[6])
{
    (void)argument;
    return -EINTR_ALWAYS;
}
