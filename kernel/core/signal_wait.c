/* Signals: what is pending, taking it, and waiting for it (signal.h). */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/scheduler.h"
#include "core/signal_internal.h"

/* What exceptions cause. */
#define SYNCHRONOUS                                                                                \
    (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) |         \
     signal_bit(SIGFPE) | signal_bit(SIGSYS))

uint64_t signal_pending(void)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    uint64_t pending;
    spin_lock(&process->signal_lock);
    pending = thread->pending.set | process->pending.set;
    spin_unlock(&process->signal_lock);
    return pending;
}

/* The signal of a queue that comes first; 0: none of the set. */
static int first_of(const struct signal_queue *queue, uint64_t set)
{
    uint64_t ready = queue->set & set;
    if (ready & SYNCHRONOUS)
        ready &= SYNCHRONOUS;
    return ready ? __builtin_ctzl(ready) + 1 : 0;
}

int signal_take_locked(uint64_t set, struct signal_information *information, struct list *freed)
{
    struct thread *thread = current_thread();
    struct signal_queue *queue = &thread->pending;
    int number = first_of(queue, set);
    if (!number) {
        queue = &thread->process->pending;
        number = first_of(queue, set);
    }
    if (number)
        signal_queue_take(queue, number, information, freed);
    return number;
}

int signal_take(uint64_t set, struct signal_information *information)
{
    struct process *process = current_process();
    struct list freed = LIST_INITIALIZER(freed);
    int number;
    spin_lock(&process->signal_lock);
    number = signal_take_locked(set & ~UNBLOCKABLE, information, &freed);
    signal_update_attention();
    signal_unlock(process, &freed);
    return number;
}

/* Sleep until a signal of the set, or another one that is not blocked, comes: so the set is
 * unblocked meanwhile. */
static int sleep_unblocked(uint64_t set, uint64_t deadline)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    int result;
    spin_lock(&process->signal_lock);
    thread->real_blocked = thread->blocked;
    thread->blocked &= ~set;
    signal_update_attention();
    spin_unlock(&process->signal_lock);
    do {
        result = scheduler_sleep(WAIT_INTERRUPTIBLE, deadline);
    } while (result == 0);
    return result;
}

int signal_wait(uint64_t set, struct signal_information *information, uint64_t deadline)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct list freed = LIST_INITIALIZER(freed);
    int number, result;
    set &= ~UNBLOCKABLE;
    number = signal_take(set, information);
    if (number)
        return number;
    result = sleep_unblocked(set, deadline);
    spin_lock(&process->signal_lock);
    number = signal_take_locked(set, information, &freed);
    signal_set_blocked(thread->real_blocked);
    thread->real_blocked = 0;
    signal_unlock(process, &freed);
    return number ? number : result == -ETIMEDOUT ? -EAGAIN : -EINTR;
}
