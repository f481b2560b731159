/*
 * Signals: acting on them, on the way back to user mode (signal.h).
 *
 * Each turn of process_signals_deliver takes one thing to do: end, because the thread was told to;
 * trap for the tracer, or park, because the process is stopped; or act on a signal that is pending
 * and not blocked, by its action. Several handlers may be entered at once: the last one runs first.
 *
 * A system call that was interrupted is made ready to be repeated first, as debuggers expect who
 * make the thread call a function meanwhile; a handler that it is not repeated after undoes that.
 */
#include "abi/errno.h"
#include "abi/syscall.h"
#include "abi/wait.h"
#include "arch/riscv/hart.h"
#include "core/core_dump.h"
#include "core/lock_check.h"
#include "core/process_internal.h"
#include "core/signal_internal.h"
#include "core/syscall.h"

/* What take finds besides a signal. */
enum { NOTHING = 0, END = -1, PARK = -2, TRAP = -3, AGAIN = -4 };

/* What is to be done about a signal that was taken. signal_lock held. */
static void take_action(struct process *process, int number, struct sigaction *action)
{
    signal_get_action(process, number, action);
    if (action->handler > SIG_IGN && (action->flags & SA_RESETHAND))
        signal_set_default(process, number);
    if (action->handler == SIG_DFL && signal_stops_by_default(number))
        process->taken_stop = number;
}

/* Show a signal that was taken to the tracer, and take the action of the one it wants instead: the
 * number, or AGAIN. A SIGCONT that comes meanwhile keeps it from stopping the process. */
static int filter(struct process *process, struct signal_information *information,
                  struct sigaction *action)
{
    struct thread *thread = current_thread();
    int number = trace_signal(information);
    if (number && thread->blocked & signal_bit(number)) {
        (void)signal_send_thread(thread, number, information);
        return AGAIN;
    }
    if (number == 0)
        return AGAIN;
    spin_lock(&process->signal_lock);
    bool continued = !process->taken_stop;
    take_action(process, number, action);
    if (continued)
        process->taken_stop = 0;
    spin_unlock(&process->signal_lock);
    return number;
}

/* Take the next signal to act on, with its action; or one of the above. */
static int take(struct sigaction *action, struct signal_information *information)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct list freed = LIST_INITIALIZER(freed);
    bool traced;
    int number;
    spin_lock(&process->signal_lock);
    traced = thread->trace.tracer;
    number = thread->killed            ? END
             : trace_must_trap(thread) ? TRAP
             : process->stop_signal && !traced
                 ? PARK
                 : signal_take_locked(~thread->blocked, information, &freed);
    if (number == NOTHING)
        signal_update_attention();
    if (number > 0 && traced)
        process->taken_stop = number;
    else if (number > 0)
        take_action(process, number, action);
    signal_unlock(process, &freed);
    return number > 0 && traced ? filter(process, information, action) : number;
}

/* Is an interrupted call repeated though a handler ran? signal(7), "Interruption of system calls".
 */
static bool is_repeated_after_handler(const struct trap_frame *frame,
                                      const struct sigaction *action)
{
    enum restart restart = current_thread()->restart;
    if (restart == RESTART_ALWAYS)
        return true;
    if (!(action->flags & SA_RESTART) || restart != RESTART_AFTER_HANDLER)
        return false;
    switch (frame->x[REGISTER_A7]) {
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_ppoll:
    case SYS_pselect6:
        return false;
    default:
        return true;
    }
}

static void repeat_call(struct trap_frame *frame, struct thread *thread)
{
    frame->x[REGISTER_A0] = thread->restart_argument;
    frame->epc -= 4; /* of the ecall instruction */
    thread->restart_address = frame->epc;
}

/* The call has ended after all, unless a debugger has sent the thread elsewhere. */
static void end_call(struct trap_frame *frame, const struct thread *thread)
{
    if (frame->epc != thread->restart_address)
        return;
    frame->x[REGISTER_A0] = (uint64_t)-EINTR;
    frame->epc += 4;
}

/* No room for the handler's frame: SIGSEGV, which ends the process if it was that already. */
static void fail(int number)
{
    struct process *process = current_process();
    if (number == SIGSEGV) {
        spin_lock(&process->signal_lock);
        signal_set_default(process, SIGSEGV);
        spin_unlock(&process->signal_lock);
    }
    signal_force(SIGSEGV, SI_KERNEL, 0);
}

/* Enter a handler. Its signal and mask are blocked meanwhile. */
static void handle(struct trap_frame *frame, const struct sigaction *action,
                   const struct signal_information *information)
{
    struct thread *thread = current_thread();
    int number = information->number;
    uint64_t old = thread->restore_blocked ? thread->saved_blocked : thread->blocked;
    if (thread->restart && !is_repeated_after_handler(frame, action))
        end_call(frame, thread);
    thread->restart = RESTART_NONE;
    thread->sleep_deadline = 0;
    thread->restore_blocked = false;
    if (signal_frame_push(frame, action, information, old)) {
        signal_block(old);
        fail(number);
        return;
    }
    signal_block(thread->blocked | action->mask |
                 (action->flags & SA_NODEFER ? 0 : signal_bit(number)));
}

static void act(struct trap_frame *frame, const struct sigaction *action,
                const struct signal_information *information)
{
    struct process *process = current_process();
    int number = information->number;
    if (action->handler > SIG_IGN)
        handle(frame, action, information);
    else if (signal_ends(process, number))
        process_exit(signal_dumps(number) && core_dump(information) ? number | WAIT_STATUS_CORE
                                                                    : number);
    else if (action->handler == SIG_DFL && signal_stops_by_default(number) &&
             process != init_process)
        process_begin_stop(number);
}

void process_signals_deliver(struct trap_frame *frame)
{
    struct thread *thread = current_thread();
    struct signal_information information;
    struct sigaction action;
    int number;
    lock_check_none();
    if (thread->restart)
        repeat_call(frame, thread);
    while ((number = take(&action, &information)) != NOTHING) {
        if (number == END)
            process_exit_thread(0);
        else if (number == TRAP)
            trace_trap();
        else if (number == PARK)
            process_park();
        else if (number > 0)
            act(frame, &action, &information);
        if (thread->process->stopped)
            process_tell_continued();
    }
    thread->restart = RESTART_NONE;
    signal_mask_end(false);
}
