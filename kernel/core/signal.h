/*
 * Signals: delivery to the current process. Sending is in core/process.h.
 */
#ifndef MAPIX_CORE_SIGNAL_H
#define MAPIX_CORE_SIGNAL_H

#include "abi/signal.h"
#include "arch/riscv/layout.h"
#include "arch/riscv/trap.h"
#include <stdint.h>

struct process;
struct signal_information;

/*
 * Act on the pending signals of the current process: ignore, stop, end it, or set up the frame so
 * that it goes on in a handler. An interrupted system call is repeated, or ends with EINTR, as
 * signal(7) says. On the way back to user mode; may not return.
 */
void process_signals_deliver(struct trap_frame *frame);

/* A signal that an exception of the current thread causes: it cannot be blocked or ignored. */
void signal_force(int number, int code, vaddr_t address);

/* The action that sigaction(2) sets and returns; either may be NULL. -EINVAL. */
int signal_action(int number, const struct sigaction *action, struct sigaction *old);

/* Replace the set of blocked signals; SIGKILL and SIGSTOP never are in it. */
void signal_block(uint64_t mask);

/* Make the frame that of a handler's start, the old one being saved on the user's stack. -EFAULT.
 */
int signal_frame_push(struct trap_frame *frame, int number, const struct sigaction *action,
                      const struct signal_information *information, uint64_t mask);

/* rt_sigreturn(2): make the frame what was interrupted. -EFAULT, -ENOMEM. */
int signal_frame_pop(struct trap_frame *frame);

/* Is the user's stack pointer on the alternate signal stack? */
bool signal_on_alternate_stack(vaddr_t sp);

#endif
