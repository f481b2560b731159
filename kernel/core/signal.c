/*
 * Signals: sending and default actions (signal(7)).
 *
 * A signal is set in process->pending, and the process's threads are interrupted. It is acted on by
 * the process itself, on its way back to user mode (process_signals_deliver). One that is ignored
 * is not even set, unless it is blocked: it may be handled when it is unblocked.
 *
 * A stop signal sets stop_signal, and the thread waits in stop() until SIGCONT or SIGKILL clears
 * it. Either kind takes pending signals of the other away. What would end the process sets killed
 * at once, so that waits end that nothing else interrupts.
 */
#include "core/signal.h"
#include "abi/errno.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "core/lock_check.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "sys/table.h"

#define STOP_SIGNALS                                                                               \
    (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define IGNORED_SIGNALS                                                                            \
    (signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) | signal_bit(SIGCONT))
#define UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

static bool stops_by_default(int number)
{
    return STOP_SIGNALS & signal_bit(number);
}

/* The first process is not ended or stopped by a signal that it does not handle (kill(2)). */
static bool is_ignored(const struct process *process, int number)
{
    uint64_t handler = process->actions[number - 1].handler;
    if (handler == SIG_DFL)
        return (IGNORED_SIGNALS & signal_bit(number)) || process == init_process;
    return handler == SIG_IGN;
}

static bool ends_by_default(const struct process *process, int number)
{
    return process->actions[number - 1].handler == SIG_DFL && !stops_by_default(number) &&
           !is_ignored(process, number);
}

/* What stop signals, SIGCONT and SIGKILL do when they are sent, whatever the action. (s) held. */
static void resume_or_stop(struct process *process, int number)
{
    if (stops_by_default(number))
        process->pending &= ~signal_bit(SIGCONT);
    if (number == SIGCONT) {
        process->pending &= ~STOP_SIGNALS;
        process->taken_stop = 0;
    }
    if ((number == SIGCONT || number == SIGKILL) && process->stop_signal) {
        process->stop_signal = 0;
        wake_all(&process->resumed);
    }
}

static void interrupt_threads(struct process *process, bool fatal)
{
    list_for_each (link, &process->threads) {
        scheduler_interrupt(container_of(link, struct thread, process_link), fatal);
    }
}

/* Make the signal pending. (s) held. */
static void post(struct process *process, int number, const struct signal_information *information)
{
    uint64_t bit = signal_bit(number);
    if (!(process->pending & bit))
        process->information[number - 1] = *information;
    __atomic_store_n(&process->pending, process->pending | bit, __ATOMIC_SEQ_CST);
    if (process->blocked & bit)
        return;
    if (process->stop_signal && number != SIGKILL)
        return;
    if (!process->killed && ends_by_default(process, number)) {
        process->kill_signal = number;
        __atomic_store_n(&process->killed, true, __ATOMIC_SEQ_CST);
    }
    interrupt_threads(process, process->killed);
}

void signal_send_information(struct process *process, int number,
                             const struct signal_information *information)
{
    static const struct signal_information from_kernel = {.code = SI_KERNEL};
    spin_lock(&process->signal_lock);
    if (process->state == PROCESS_ALIVE) {
        resume_or_stop(process, number);
        if ((process->blocked & signal_bit(number)) || !is_ignored(process, number))
            post(process, number, information ? information : &from_kernel);
    }
    spin_unlock(&process->signal_lock);
}

void signal_send(struct process *process, int number)
{
    signal_send_information(process, number, NULL);
}

void signal_force(int number, int code, vaddr_t address)
{
    struct process *process = current_process();
    struct signal_information information = {.code = code, .address = address};
    uint64_t *handler = &process->actions[number - 1].handler;
    spin_lock(&process->signal_lock);
    if (*handler == SIG_IGN || (process->blocked & signal_bit(number)))
        *handler = SIG_DFL;
    if (process == init_process && *handler == SIG_DFL) {
        process->kill_signal = number;
        __atomic_store_n(&process->killed, true, __ATOMIC_SEQ_CST);
    }
    process->blocked &= ~signal_bit(number);
    process->pending &= ~signal_bit(number);
    post(process, number, &information);
    spin_unlock(&process->signal_lock);
}

int signal_action(int number, const struct sigaction *action, struct sigaction *old)
{
    struct process *process = current_process();
    if (number < 1 || number > SIGMAX)
        return -EINVAL;
    if (action && (signal_bit(number) & UNBLOCKABLE))
        return -EINVAL;
    spin_lock(&process->signal_lock);
    if (old)
        *old = process->actions[number - 1];
    if (action) {
        process->actions[number - 1] = *action;
        process->actions[number - 1].mask &= ~UNBLOCKABLE;
        if (is_ignored(process, number))
            process->pending &= ~signal_bit(number);
    }
    spin_unlock(&process->signal_lock);
    return 0;
}

void signal_block(uint64_t mask)
{
    struct process *process = current_process();
    spin_lock(&process->signal_lock);
    process->blocked = mask & ~UNBLOCKABLE;
    spin_unlock(&process->signal_lock);
}

void process_notify_parent(struct process *process, int code, int status)
{
    struct process *parent = process->parent;
    struct signal_information information = {
        .code = code,
        .pid = process->pid,
        .uid = process->credentials->uid,
        .status = status,
    };
    bool stop = code == CLD_STOPPED || code == CLD_CONTINUED;
    int number = stop ? SIGCHLD : process->exit_signal;
    if (!parent)
        return;
    if (number && !(stop && (parent->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP)))
        signal_send_information(parent, number, &information);
    wake_all(&parent->child_changed);
}

/* Delivery */

/* The process is stopped: tell the parent, wait until it is continued or killed, tell again. */
static void stop(struct process *process, int number)
{
    mutex_lock(&process_tree_lock);
    process->stopped = true;
    process->stop_reported = process->continued = false;
    process->exit_status = number;
    processes_stopped++;
    process_notify_parent(process, CLD_STOPPED, number);
    mutex_unlock(&process_tree_lock);
    wait_event_killable(&process->resumed,
                        !__atomic_load_n(&process->stop_signal, __ATOMIC_SEQ_CST));
    mutex_lock(&process_tree_lock);
    process->stopped = false;
    processes_stopped--;
    if (!thread_killed()) {
        process->continued = true;
        process_notify_parent(process, CLD_CONTINUED, SIGCONT);
    }
    mutex_unlock(&process_tree_lock);
}

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

/* A stop signal was taken: stop, unless a SIGCONT came since. (s) not held. */
static void act_stop(struct process *process, int number)
{
    bool stopping;
    if (!may_stop(process, number))
        return;
    spin_lock(&process->signal_lock);
    stopping = process->taken_stop == number && !process->killed;
    if (stopping)
        process->stop_signal = number;
    spin_unlock(&process->signal_lock);
    if (stopping)
        stop(process, number);
}

/* Take the next signal to act on; 0: none. SIGKILL, and what an exception caused, come first. */
static int take(struct process *process, struct sigaction *action,
                struct signal_information *information)
{
    uint64_t ready, first = signal_bit(SIGKILL) | signal_bit(SIGSEGV) | signal_bit(SIGBUS) |
                            signal_bit(SIGILL) | signal_bit(SIGFPE) | signal_bit(SIGTRAP);
    int number = 0;
    spin_lock(&process->signal_lock);
    ready = process->pending & ~process->blocked;
    if (process->killed)
        number = process->kill_signal;
    else if (ready)
        number = __builtin_ctzl(ready & first ? ready & first : ready) + 1;
    if (number) {
        process->pending &= ~signal_bit(number);
        *action = process->actions[number - 1];
        *information = process->information[number - 1];
        process->taken_stop = stops_by_default(number) ? number : 0;
        if (action->handler > SIG_IGN && (action->flags & SA_RESETHAND))
            process->actions[number - 1].handler = SIG_DFL;
    }
    spin_unlock(&process->signal_lock);
    return number;
}

/* Which of an interrupted call's ends is right: signal(7), "Interruption of system calls". */
static bool is_repeated_after_handler(const struct trap_frame *frame,
                                      const struct sigaction *action)
{
    if (!(action->flags & SA_RESTART))
        return false;
    switch (frame->x[REGISTER_A7]) {
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_ppoll:
    case SYS_pselect6:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_rt_sigsuspend:
        return false;
    default:
        return true;
    }
}

static void repeat_call(struct trap_frame *frame, struct thread *thread)
{
    frame->x[REGISTER_A0] = thread->restart_argument;
    frame->epc -= 4; /* of the ecall instruction */
}

/* Enter a handler. Its signal and mask are blocked meanwhile; if the frame cannot be written, the
 * process ends. */
static void handle(struct trap_frame *frame, int number, const struct sigaction *action,
                   const struct signal_information *information)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    uint64_t old = process->restore_blocked ? process->saved_blocked : process->blocked;
    if (thread->restart && is_repeated_after_handler(frame, action))
        repeat_call(frame, thread);
    thread->restart = false;
    thread->sleep_deadline = 0;
    process->restore_blocked = false;
    if (signal_frame_push(frame, number, action, information, old)) {
        process_exit(SIGSEGV);
    }
    signal_block(process->blocked | action->mask |
                 (action->flags & SA_NODEFER ? 0 : signal_bit(number)));
}

void process_signals_deliver(struct trap_frame *frame)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct signal_information information;
    struct sigaction action;
    int number;
    lock_check_none();
    while ((number = take(process, &action, &information))) {
        if (process->killed)
            process_exit(number);
        if (action.handler > SIG_IGN)
            handle(frame, number, &action, &information);
        else if (action.handler == SIG_DFL && stops_by_default(number) && process != init_process)
            act_stop(process, number);
        else if (ends_by_default(process, number))
            process_exit(number);
    }
    if (thread->restart)
        repeat_call(frame, thread);
    thread->restart = false;
    if (process->restore_blocked) {
        process->restore_blocked = false;
        signal_block(process->saved_blocked);
    }
}
