/*
 * The floating-point registers of user threads. The kernel does not use them, so they stay in the
 * hart until another thread that has its own is switched to. thread->fp is current only after
 * fp_sync.
 */
#ifndef MAPIX_ARCH_RISCV_FP_H
#define MAPIX_ARCH_RISCV_FP_H

#include "arch/riscv/trap.h"

struct thread;

/* The bare registers (fp.S); sstatus.FS is not Off. */
void fp_save(struct fp_state *state);
void fp_restore(const struct fp_state *state);

/* Let this hart execute floating-point instructions. */
void fp_init_hart(void);

/* On a switch: put away the registers of from if it has changed them, load those of to unless the
 * hart has them still. Interrupts off. */
void fp_switch(struct thread *from, struct thread *to);

/* Bring the current thread's fp up to date, for a signal frame. */
void fp_sync(void);

/* The current thread's fp was changed (by sigreturn): load it. */
void fp_reload(void);

/* Zero registers, as a program starts with them. */
void fp_reset(void);

/* Give a new thread a copy of the current thread's registers. */
void fp_copy_to(struct thread *child);

#endif
