/*
 * What the system calls that send signals share.
 */
#ifndef MAPIX_SYS_SIGNAL_H
#define MAPIX_SYS_SIGNAL_H

#include "arch/riscv/layout.h"
#include "core/signal.h"

/* As kill(2): to a process, if the caller may; number 0 only asks. information NULL: SI_USER of the
 * caller. process_tree_lock held. -EPERM, -EAGAIN. */
int signal_send_from_user(struct process *target, int number,
                          const struct signal_information *information);

/* Information that a program makes up for a signal to a process or thread of this identifier: only
 * to itself may it look as if it came from the kernel, or from kill(2). -EFAULT, -EPERM. */
int signal_information_from_user(vaddr_t address, int number, int target,
                                 struct signal_information *information);

#endif
