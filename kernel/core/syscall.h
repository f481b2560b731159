/*
 * System calls. Each is a function in kernel/sys that gets the six argument registers and returns
 * the result or a negated error number.
 */
#ifndef MAPIX_CORE_SYSCALL_H
#define MAPIX_CORE_SYSCALL_H

#include "arch/riscv/trap.h"
#include <stdint.h>

typedef long system_call(const uint64_t argument[6]);

/* Perform the call whose number is in a7; a0 gets the result. */
void syscall_dispatch(struct trap_frame *frame);

#endif
