/*
 * What the system calls that send signals share.
 */
#ifndef MAPIX_SYS_SIGNAL_H
#define MAPIX_SYS_SIGNAL_H

#include "arch/riscv/layout.h"
#include "core/signal.h"

/* Whom a signal for a process goes to. */
enum signal_scope { SIGNAL_PROCESS, SIGNAL_FIRST_THREAD, SIGNAL_GROUP /* of its number */ };

/* As kill(2), if the caller may; number 0 only asks. information NULL: the caller's.
 * process_tree_lock held. -EPERM, -EAGAIN, -ESRCH: there is no such group. */
int signal_send_from_user(struct process *target, enum signal_scope scope, int number,
                          const struct signal_information *information);

/* Information that a program makes up for a signal to a process or thread of this identifier: only
 * to itself may it look as if it came from the kernel, or from kill(2). -EFAULT, -EPERM. */
int signal_information_from_user(vaddr_t address, int number, int target,
                                 struct signal_information *information);

#endif
