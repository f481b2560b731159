/*
 * Thread switch: the callee-saved registers, the rest being dead across a call. A context is the
 * first member of its thread, so the new context is also the new thread pointer.
 */
#include "arch/riscv/offsets.h"

    .text
    .global context_switch
context_switch:
    sd ra, 0(a0)
    sd sp, 8(a0)
    sd s0, 16(a0)
    sd s1, 24(a0)
    sd s2, 32(a0)
    sd s3, 40(a0)
    sd s4, 48(a0)
    sd s5, 56(a0)
    sd s6, 64(a0)
    sd s7, 72(a0)
    sd s8, 80(a0)
    sd s9, 88(a0)
    sd s10, 96(a0)
    sd s11, 104(a0)

    mv tp, a1
    ld ra, 0(a1)
    ld sp, 8(a1)
    ld s0, 16(a1)
    ld s1, 24(a1)
    ld s2, 32(a1)
    ld s3, 40(a1)
    ld s4, 48(a1)
    ld s5, 56(a1)
    ld s6, 64(a1)
    ld s7, 72(a1)
    ld s8, 80(a1)
    ld s9, 88(a1)
    ld s10, 96(a1)
    ld s11, 104(a1)
    ret

    .global thread_entry
thread_entry:
    mv s2, s0       /* s0 is the frame pointer from here on: no caller */
    li s0, 0
    call thread_started
    beqz s1, 1f
    mv a0, s2
    jalr s1
    call thread_finished
1:  ld a0, THREAD_FRAME(tp)
    call return_to_user
