/*
 * Trap entry and return.
 *
 * sscratch is the current thread while the hart runs in user mode and 0 in the kernel, so one
 * exchange with tp tells where the trap came from. From user mode, all registers go to the frame at
 * the top of the thread's kernel stack; satp stays, for the kernel is mapped in every address
 * space. From the kernel, a frame is pushed on the stack in use, with a record of the interrupted
 * place behind it, so that a backtrace by frame pointers runs on through the trap.
 *
 * A kernel stack is 16 KiB at an address with bit 14 set, with 16 KiB of nothing below. A stack
 * pointer with bit 14 clear has left its stack: the trap goes on with the emergency stack, to panic.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/offsets.h"

#define RECORD_SIZE 16 /* frame pointer and return address, as a function saves them */

    /* All but x0, sp and tp. The loops of the assembler number the registers. */
.macro save_registers
    sd ra, 8(sp)
    sd gp, 24(sp)
    .irp n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8 * \n(sp)
    .endr
.endm

.macro restore_registers
    ld ra, 8(sp)
    ld gp, 24(sp)
    .irp n, 5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8 * \n(sp)
    .endr
.endm

    .text
    .balign 4
    .global trap_entry
trap_entry:
    csrrw tp, sscratch, tp
    beqz tp, from_kernel

    sd sp, THREAD_SCRATCH(tp)
    ld sp, THREAD_FRAME(tp)
    save_registers
    ld t0, THREAD_SCRATCH(tp)
    csrrw t1, sscratch, zero
    csrr t2, sepc
    csrr t3, sstatus
    csrr a1, scause
    sd t0, 16(sp)
    sd t1, 32(sp)
    sd t2, FRAME_EPC(sp)
    sd t3, FRAME_STATUS(sp)
    mv a0, sp
    li s0, 0
    call trap_user
    mv a0, sp

    /* a0 is the frame. */
    .global return_to_user
return_to_user:
    mv sp, a0
    call trap_user_return

    /* Interrupts are off, sp is the frame. */
    ld t0, FRAME_STATUS(sp)
    ld t1, FRAME_EPC(sp)
    csrw sstatus, t0
    csrw sepc, t1
    csrw sscratch, tp
    restore_registers
    ld tp, 32(sp)
    ld sp, 16(sp)
    sret

from_kernel:
    csrrw tp, sscratch, tp
    addi sp, sp, -(FRAME_SIZE + RECORD_SIZE)
    csrw sscratch, t0
    slli t0, sp, 63 - STACK_SIZE_SHIFT
    bgez t0, stack_overflow
    csrrw t0, sscratch, zero
    save_registers
    addi t0, sp, FRAME_SIZE + RECORD_SIZE
    csrr t2, sepc
    csrr t3, sstatus
    csrr t4, scause
    csrr t5, stval
    sd t0, 16(sp)
    sd tp, 32(sp)
    sd t2, FRAME_EPC(sp)
    sd t3, FRAME_STATUS(sp)
    sd t4, FRAME_CAUSE(sp)
    sd t5, FRAME_VALUE(sp)
    sd s0, FRAME_SIZE(sp)
    sd t2, FRAME_SIZE + 8(sp)
    mv s0, t0
    mv a0, sp
    call trap_kernel

    ld t0, FRAME_STATUS(sp)
    ld t1, FRAME_EPC(sp)
    csrw sstatus, t0
    csrw sepc, t1
    restore_registers
    addi sp, sp, FRAME_SIZE + RECORD_SIZE
    sret

    /* One hart may use the emergency stack; should another overflow as well, it only stops. */
stack_overflow:
    la t0, emergency_taken
    amoswap.w t0, sp, (t0)
    bnez t0, 1f
    la t0, emergency_stack
    ld t0, (t0)
    addi t0, t0, -FRAME_SIZE
    addi sp, sp, FRAME_SIZE + RECORD_SIZE
    sd sp, 16(t0)
    mv sp, t0
    csrrw t0, sscratch, zero
    save_registers
    sd tp, 32(sp)
    csrr t2, sepc
    csrr t3, sstatus
    csrr t4, scause
    csrr t5, stval
    sd t2, FRAME_EPC(sp)
    sd t3, FRAME_STATUS(sp)
    sd t4, FRAME_CAUSE(sp)
    sd t5, FRAME_VALUE(sp)
    mv a0, sp
    call trap_stack_overflow
1:  wfi
    j 1b

    .section .data
    .balign 8
    .global emergency_stack
emergency_stack:    /* the end of a stack; the boot stack until trap_init has another */
    .dword boot_stack_end
emergency_taken:
    .word 0
