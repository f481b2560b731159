/*
 * A thread's registers as debuggers see them: PTRACE_GETREGSET of ptrace(2), and the notes of a
 * core dump.
 */
#ifndef MAPIX_ARCH_RISCV_REGISTERS_H
#define MAPIX_ARCH_RISCV_REGISTERS_H

#include <stdint.h>

struct thread;

struct general_registers {
    uint64_t pc, x[31]; /* x1 to x31 */
};

struct float_registers {
    uint64_t f[32];
    uint32_t fcsr, padding;
};

/* Of the current thread, or of one that waits and has called fp_sync before. */
void registers_get(const struct thread *thread, struct general_registers *registers);
void float_registers_get(const struct thread *thread, struct float_registers *registers);

/* Of one that waits, and calls fp_reload afterwards. */
void registers_set(struct thread *thread, const struct general_registers *registers);
void float_registers_set(struct thread *thread, const struct float_registers *registers);

#endif
