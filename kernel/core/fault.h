/*
 * Exceptions of user programs.
 */
#ifndef MAPIX_CORE_FAULT_H
#define MAPIX_CORE_FAULT_H

#include "arch/riscv/layout.h"
#include "arch/riscv/trap.h"

/* The user has touched address for access (one of ACCESS_*) and the hardware refused: resolve it,
 * or send SIGSEGV or SIGBUS. */
void user_page_fault(struct trap_frame *frame, vaddr_t address, unsigned access);

/* Any other exception: send the signal that it stands for. */
void user_exception(struct trap_frame *frame);

#endif
