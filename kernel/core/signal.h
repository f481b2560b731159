/*
 * Signals: sending, waiting for them, and acting on them (signal(7)).
 *
 * A signal is sent to a process or to one thread: it is put into the queue of that
 * (core/signal_queue.h), and a thread that does not block it gets its attention set and its
 * interruptible wait ended. The thread takes it on its way back to user mode
 * (process_signals_deliver). An ignored one is not even queued, unless it is blocked: it may be
 * handled by the time it is unblocked.
 *
 * Sending needs no lock, only that the process or thread cannot go away meanwhile: it is the
 * current one, or referenced, or process_tree_lock is held. It works in any context, interrupt
 * handlers included, while no spinlock of RANK_SLAB or above is held.
 *
 * To wait for signals from poll, join process->signal_arrived and ask signal_pending(); for the end
 * of a process, join process->ended and look at process->state. Both queues live as long as the
 * process is referenced.
 *
 * An interruptible wait that ends with -EINTR is repeated by the dispatcher of system calls, or
 * not, as core/syscall.h says.
 */
#ifndef MAPIX_CORE_SIGNAL_H
#define MAPIX_CORE_SIGNAL_H

#include "abi/signal.h"
#include "arch/riscv/layout.h"
#include "arch/riscv/trap.h"
#include "core/signal_queue.h"
#include <stdbool.h>
#include <stdint.h>

struct aspace;
struct process;
struct thread;

/* Send a signal to a process; information may be NULL: from the kernel (SI_KERNEL). -EAGAIN: a
 * real-time signal with information may not be queued (RLIMIT_SIGPENDING); -EAGAIN_MEMORY
 * (core/syscall.h): it cannot be. */
int signal_send_information(struct process *process, int number,
                            const struct signal_information *information);
void signal_send(struct process *process, int number);

/* The same to one thread: the current one, or process_tree_lock is held. */
int signal_send_thread(struct thread *thread, int number,
                       const struct signal_information *information);

/* A signal that an exception of the current thread causes: it cannot be blocked or ignored. */
void signal_force(int number, int code, vaddr_t address);

/* The same with all that is told of it; fatal: no handler is run. */
void signal_force_information(const struct signal_information *information, bool fatal);

/* Signals that are pending for the current thread, blocked ones included. */
uint64_t signal_pending(void);

/* Take one signal of the set that is pending for the current thread: its number, 0: none. */
int signal_take(uint64_t set, struct signal_information *information);

/* rt_sigtimedwait(2): the same, and wait for one until the deadline. -EAGAIN: it is over,
 * -EINTR. */
int signal_wait(uint64_t set, struct signal_information *information, uint64_t deadline);

/* The action that sigaction(2) sets and returns; either may be NULL. -EINVAL. */
int signal_action(int number, const struct sigaction *action, struct sigaction *old);

/* Replace the current thread's set of blocked signals; SIGKILL and SIGSTOP never are in it. */
void signal_block(uint64_t mask);

/*
 * Calls that wait with another mask, as rt_sigsuspend(2) and ppoll(2): signal_mask_begin puts it in
 * force. signal_mask_end puts the old one back, at once, or, if the wait was interrupted by a
 * signal, after that signal has been acted on with the mask of the wait.
 */
void signal_mask_begin(uint64_t mask);
void signal_mask_end(bool interrupted);

/*
 * Act on what is pending for the current thread: ignore, stop, end the process, or set up the frame
 * so that it goes on in a handler. On the way back to user mode; may not return.
 */
void process_signals_deliver(struct trap_frame *frame);

/* Make the frame that of a handler's start, the old one being saved on the user's stack. -EFAULT.
 */
int signal_frame_push(struct trap_frame *frame, const struct sigaction *action,
                      const struct signal_information *information, uint64_t mask);

/* rt_sigreturn(2): make the frame what was interrupted. -EFAULT, -EINVAL. */
int signal_frame_pop(struct trap_frame *frame);

/* Is the user's stack pointer on the alternate signal stack? */
bool signal_on_alternate_stack(vaddr_t sp);

/* sigaltstack(2): set the stack of a thread whose stack pointer is sp. -EPERM, -EINVAL, -ENOMEM. */
int signal_set_alternate_stack(const struct stack *stack, vaddr_t sp);

#endif
