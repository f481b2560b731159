/*
 * Trap frames and the context of a thread switch. The assembler files know these layouts.
 */
#ifndef MAPIX_ARCH_RISCV_TRAP_H
#define MAPIX_ARCH_RISCV_TRAP_H

#include <stdbool.h>
#include <stdint.h>

/* User (or interrupted kernel) registers; x[0] is unused. */
struct trap_frame {
    uint64_t x[32];
    uint64_t epc, status, cause, value; /* sepc, sstatus, scause, stval */
};

/* Names for registers by their role in the calling convention. */
enum {
    REGISTER_RA = 1,
    REGISTER_SP = 2,
    REGISTER_GP = 3,
    REGISTER_TP = 4,
    REGISTER_A0 = 10,
    REGISTER_A1 = 11,
    REGISTER_A7 = 17
};

struct switch_context {
    uint64_t ra, sp, s[12];
};

struct fp_state {
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t hart; /* 1 + index of the hart that it was last saved from or restored to; 0: none */
};

/* Save the caller's context in *from and continue in *to, which are the first members of their
 * threads: the current thread becomes the one of *to (switch.S). Interrupts off. */
void context_switch(struct switch_context *from, struct switch_context *to);

/* Where a new thread starts (context.ra): calls thread_started() with interrupts off, then for
 * kernel threads the function s1(s0) and thread_finished(), for user threads (s1 0)
 * return_to_user(thread->frame) (switch.S). */
void thread_entry(void);

/* Act on pending signals, then load the user's registers. Any interrupt state, no lock. */
void return_to_user(struct trap_frame *frame) __attribute__((noreturn));

/* All registers zero, to start a program at pc with this stack pointer. */
void trap_frame_init_user(struct trap_frame *frame, uint64_t pc, uint64_t sp);

/* Set up this hart's trap handling; trap_init, once, gives stack overflows a stack to panic on. */
void trap_init_hart(void);
void trap_init(void);

#endif
