/*
 * System calls. Each is a function in kernel/sys that gets the six argument registers and returns
 * the result or a negated error number.
 */
#ifndef MAPIX_CORE_SYSCALL_H
#define MAPIX_CORE_SYSCALL_H

#include "arch/riscv/trap.h"
#include <stdint.h>

/*
 * A call that was interrupted by a signal returns one of these, and the user sees EINTR, or the
 * call is repeated with the same arguments (signal(7), "Interruption of system calls"):
 *
 *   -EINTR           repeated, unless a handler without SA_RESTART runs
 *   -EINTR_HANDLER   repeated, unless a handler runs
 *   -EINTR_ALWAYS    never repeated
 *   -EINTR_REPEAT    always repeated
 *
 * And one of those whose error is EAGAIN when there is no memory, -EAGAIN_MEMORY: it is made again
 * when some has been made, as with -ENOMEM.
 */
#define EINTR_HANDLER 514
#define EINTR_ALWAYS  515
#define EINTR_REPEAT  516
#define EAGAIN_MEMORY 517

typedef long system_call(const uint64_t argument[6]);

/* Perform the call whose number is in a7; a0 gets the result. */
void syscall_dispatch(struct trap_frame *frame);

#endif
