/*
 * Signals: sending, actions and masks (signal.h).
 *
 *   discard   what is ignored, and not blocked, is gone; stop signals and SIGCONT take pending ones
 *             of the other kind away; SIGCONT and SIGKILL end a stop
 *   queue     the entry goes to the process's queue, or the thread's
 *   wake      a thread that does not block it; if the signal ends the process, all of them
 *
 * What will end the process ends its killable waits at once; but SIGABRT, SIGSEGV and the others
 * that say something about the thread are left to it.
 */
#include "core/signal.h"
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/signal_internal.h"
#include "core/syscall.h"

#define IGNORED_SIGNALS                                                                            \
    (signal_bit(SIGCHLD) | signal_bit(SIGURG) | signal_bit(SIGWINCH) | signal_bit(SIGCONT))

/* The first process is not ended or stopped by a signal that it does not handle (kill(2)). */
static bool is_ignored(const struct process *process, int number)
{
    uint64_t handler = signal_handler(process, number);
    if (handler == SIG_DFL)
        return (IGNORED_SIGNALS & signal_bit(number)) || process == init_process;
    return handler == SIG_IGN;
}

bool signal_ends(const struct process *process, int number)
{
    return signal_handler(process, number) == SIG_DFL && !signal_stops_by_default(number) &&
           !is_ignored(process, number);
}

static struct thread *thread_of(struct list *link)
{
    return container_of(link, struct thread, process_link);
}

bool signal_charge(struct process *process)
{
    uint64_t before =
        __atomic_fetch_add(&process->credentials->account->signals, 1, __ATOMIC_RELAXED);
    process->charged_signals++;
    return before < process->limits[RLIMIT_SIGPENDING].soft;
}

void signal_discharge(struct process *process)
{
    __atomic_fetch_sub(&process->credentials->account->signals, 1, __ATOMIC_RELAXED);
    process->charged_signals--;
}

void signal_unlock(struct process *process, struct list *freed)
{
    list_for_each (link, freed) {
        signal_discharge(process);
    }
    spin_unlock(&process->signal_lock);
    signal_entries_free(freed);
}

/* Waking */

static void demand_attention(struct thread *thread, bool fatal)
{
    __atomic_store_n(&thread->attention, true, __ATOMIC_SEQ_CST);
    scheduler_interrupt(thread, fatal);
}

void process_kill_threads(struct process *process, const struct thread *but)
{
    list_for_each (link, &process->threads) {
        struct thread *thread = thread_of(link);
        if (thread == but || thread->exited)
            continue;
        __atomic_store_n(&thread->killed, true, __ATOMIC_SEQ_CST);
        demand_attention(thread, true);
    }
}

void process_begin_exit(struct process *process, int status, const struct thread *but)
{
    if (process->exiting)
        return;
    __atomic_store_n(&process->exiting, true, __ATOMIC_RELAXED);
    process->exit_code = status;
    process_kill_threads(process, but);
}

static bool is_blocked(const struct thread *thread, int number)
{
    return (thread->blocked | thread->real_blocked) & signal_bit(number);
}

/* Would it take the signal soon if it were asked to? One that looks anyway need not be; one that
 * its tracer has stopped looks when it goes on. */
static bool is_free_for(const struct thread *thread, uint64_t set)
{
    return !thread->exited && (set & ~thread->blocked) && !thread->attention &&
           !__atomic_load_n(&thread->trace.stopped, __ATOMIC_SEQ_CST);
}

/* A thread for a signal that was sent to the process: the leader if possible; NULL: none has to be
 * woken. */
static struct thread *choose_thread(struct process *process, int number)
{
    if (is_free_for(process->leader, signal_bit(number)))
        return process->leader;
    list_for_each (link, &process->threads) {
        if (is_free_for(thread_of(link), signal_bit(number)))
            return thread_of(link);
    }
    return NULL;
}

static void wake_for(struct process *process, struct thread *thread, int number)
{
    if (number == SIGKILL && process->exiting)
        process_kill_threads(process, NULL); /* ends what they do before their end */
    else if (number == SIGKILL)
        process_begin_exit(process, SIGKILL, NULL);
    if (number == SIGKILL)
        return;
    if (!thread)
        thread = choose_thread(process, number);
    else if (!is_free_for(thread, signal_bit(number)))
        thread = NULL;
    if (!thread)
        return;
    if (signal_ends(process, number) && !signal_dumps(number) && !is_blocked(thread, number) &&
        !thread->trace.tracer)
        process_begin_exit(process, number, NULL);
    else
        demand_attention(thread, false);
}

/* Sending */

static void remove_from_all(struct process *process, uint64_t mask, struct list *freed)
{
    signal_queue_remove(&process->pending, mask, freed);
    list_for_each (link, &process->threads) {
        signal_queue_remove(&thread_of(link)->pending, mask, freed);
    }
}

/* What stop signals, SIGCONT and SIGKILL do when they are sent, whatever the action. */
static void resume_or_stop(struct process *process, int number, struct list *freed)
{
    if (signal_stops_by_default(number))
        remove_from_all(process, signal_bit(SIGCONT), freed);
    if (number == SIGCONT) {
        remove_from_all(process, STOP_SIGNALS, freed);
        process->taken_stop = 0;
    }
    if ((number == SIGCONT || number == SIGKILL) && process->stop_signal)
        process_end_stop(process);
    if (number == SIGCONT)
        trace_continued(process);
}

/* Is the signal to be queued? A tracer sees ignored ones too. What it does anyway is done. */
static bool is_wanted(struct process *process, struct thread *thread, int number,
                      struct list *freed)
{
    if (process->state != PROCESS_ALIVE || (thread && thread->exited))
        return false;
    resume_or_stop(process, number, freed);
    if (!thread)
        thread = process->leader;
    return !is_ignored(process, number) || is_blocked(thread, number) ||
           (thread->trace.tracer && number != SIGKILL);
}

/* May one more entry be queued (RLIMIT_SIGPENDING)? For ordinary signals of the kernel, always. It
 * is charged then. */
static bool charge_entry(struct process *process, int number,
                         const struct signal_information *information)
{
    if (signal_charge(process) || (number < SIGRTMIN && information->code >= 0))
        return true;
    signal_discharge(process);
    return false;
}

/* Put a signal that is wanted into the queue; *entry becomes NULL if it is used. 0, -EAGAIN, or
 * (there is no entry) -EAGAIN_MEMORY. */
static int enqueue(struct process *process, struct thread *thread, int number,
                   const struct signal_information *information, struct signal_entry **entry)
{
    struct signal_queue *queue = thread ? &thread->pending : &process->pending;
    struct signal_entry *used;
    if (number < SIGRTMIN && (queue->set & signal_bit(number)))
        return 0;
    used = *entry && charge_entry(process, number, information) ? *entry : NULL;
    if (!used && number >= SIGRTMIN && information->code != SI_USER &&
        information->code != SI_KERNEL)
        return *entry ? -EAGAIN : -EAGAIN_MEMORY;
    if (used) {
        used->information = *information;
        used->information.number = number;
        *entry = NULL;
    }
    signal_queue_add(queue, number, used);
    return 0;
}

static int send(struct process *process, struct thread *thread, int number,
                const struct signal_information *information)
{
    static const struct signal_information from_kernel = {.code = SI_KERNEL};
    struct list freed = LIST_INITIALIZER(freed);
    struct signal_entry *entry = NULL;
    int result = 0;
    if (number != SIGKILL)
        entry = signal_entry_allocate();
    spin_lock(&process->signal_lock);
    if (is_wanted(process, thread, number, &freed)) {
        result = enqueue(process, thread, number, information ? information : &from_kernel, &entry);
        if (result == 0) {
            wake_for(process, thread, number);
            wake_all(&process->signal_arrived);
        }
    }
    signal_unlock(process, &freed);
    if (entry) {
        list_push_back(&freed, &entry->link);
        signal_entries_free(&freed);
    }
    return result;
}

int signal_send_information(struct process *process, int number,
                            const struct signal_information *information)
{
    return send(process, NULL, number, information);
}

void signal_send(struct process *process, int number)
{
    (void)send(process, NULL, number, NULL);
}

int signal_send_thread(struct thread *thread, int number,
                       const struct signal_information *information)
{
    return send(thread->process, thread, number, information);
}

bool signal_send_entry_locked(struct process *process, struct thread *thread,
                              struct signal_entry *entry, struct list *freed)
{
    int number = entry->information.number;
    if (entry->queue)
        return false;
    if (is_wanted(process, thread, number, freed)) {
        signal_queue_add(thread ? &thread->pending : &process->pending, number, entry);
        wake_for(process, thread, number);
        wake_all(&process->signal_arrived);
    }
    return true;
}

/* The exact information of an exception wins over a signal of the number that was sent. The first
 * process is ended as well, if it has no handler. */
void signal_force_information(const struct signal_information *information, bool fatal)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    int number = information->number;
    struct signal_entry *entry = signal_entry_allocate();
    struct list freed = LIST_INITIALIZER(freed);
    spin_lock(&process->signal_lock);
    if (fatal || signal_handler(process, number) == SIG_IGN ||
        (thread->blocked & signal_bit(number)))
        signal_set_default(process, number);
    if (process == init_process && signal_handler(process, number) == SIG_DFL &&
        !thread->trace.tracer)
        process_begin_exit(process, number, NULL);
    thread->blocked &= ~signal_bit(number);
    signal_queue_remove(&thread->pending, signal_bit(number), &freed);
    (void)enqueue(process, thread, number, information, &entry);
    signal_update_attention();
    signal_unlock(process, &freed);
    if (entry) {
        list_push_back(&freed, &entry->link);
        signal_entries_free(&freed);
    }
}

void signal_force(int number, int code, vaddr_t address)
{
    struct signal_information information = {.number = number, .code = code, .address = address};
    signal_force_information(&information, false);
}

/* Actions and masks */

int signal_action(int number, const struct sigaction *action, struct sigaction *old)
{
    struct process *process = current_process();
    struct list freed = LIST_INITIALIZER(freed);
    if (number < 1 || number > SIGMAX)
        return -EINVAL;
    if (action && (signal_bit(number) & UNBLOCKABLE))
        return -EINVAL;
    spin_lock(&process->signal_lock);
    if (old)
        signal_get_action(process, number, old);
    if (action) {
        signal_set_action(process, number, action);
        if (is_ignored(process, number))
            remove_from_all(process, signal_bit(number), &freed);
    }
    signal_unlock(process, &freed);
    return 0;
}

void signal_update_attention(void)
{
    struct thread *thread = current_thread();
    const struct process *process = thread->process;
    bool attention = thread->killed || trace_must_trap(thread) ||
                     (process->stop_signal && !thread->trace.tracer) ||
                     ((thread->pending.set | process->pending.set) & ~thread->blocked);
    __atomic_store_n(&thread->attention, attention, __ATOMIC_SEQ_CST);
}

void signal_retarget(uint64_t set)
{
    struct process *process = current_process();
    set &= process->pending.set;
    list_for_each (link, &process->threads) {
        struct thread *thread = thread_of(link);
        if (!set)
            return;
        if (thread == current_thread() || !is_free_for(thread, set))
            continue;
        demand_attention(thread, false);
        set &= thread->blocked;
    }
}

void signal_set_blocked(uint64_t mask)
{
    struct thread *thread = current_thread();
    uint64_t added = mask & ~thread->blocked;
    thread->blocked = mask & ~UNBLOCKABLE;
    signal_retarget(added);
    signal_update_attention();
}

void signal_block(uint64_t mask)
{
    struct process *process = current_process();
    spin_lock(&process->signal_lock);
    signal_set_blocked(mask);
    spin_unlock(&process->signal_lock);
}

void signal_mask_begin(uint64_t mask)
{
    struct thread *thread = current_thread();
    thread->saved_blocked = thread->blocked;
    thread->restore_blocked = true;
    signal_block(mask);
}

void signal_mask_end(bool interrupted)
{
    struct thread *thread = current_thread();
    if (interrupted || !thread->restore_blocked)
        return;
    thread->restore_blocked = false;
    signal_block(thread->saved_blocked);
}
