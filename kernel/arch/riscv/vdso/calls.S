/*
 * The functions of the vDSO that are system calls after all (a program cannot read the number of
 * its hart, and fence.i reaches one hart only), and the return from signal handlers.
 */
#include "abi/syscall.h"

    .text

    .macro system_call_function name, number
    .global \name
    .type \name, @function
\name:
    .cfi_startproc
    li a7, \number
    ecall
    ret
    .cfi_endproc
    .size \name, . - \name
    .endm

    system_call_function __vdso_getcpu, SYS_getcpu
    system_call_function __vdso_flush_icache, SYS_riscv_flush_icache
    system_call_function __vdso_riscv_hwprobe, SYS_riscv_hwprobe

/*
 * A handler returns here, with sp at its struct signal_frame (abi/signal.h): siginfo, and in the
 * ucontext the registers (pc, x1 to x31), then f0 to f31. Unwinders find them there by the rules
 * below; they look for those of the instruction before the one that is returned to, hence the nop.
 * The two instructions are the ones that unwinders without such rules look for.
 */
#define REGISTERS 304 /* in the frame: checked in core/signal_frame.c */
#define PC        64  /* the column that stands for the interrupted pc (RISC-V DWARF specification) */

    .global __vdso_rt_sigreturn
    .type __vdso_rt_sigreturn, @function
    .cfi_startproc
    .cfi_signal_frame
    .cfi_return_column PC
    .cfi_def_cfa sp, 0
    .cfi_offset PC, REGISTERS
    .altmacro
    .macro saved_register column
    .cfi_offset \column, REGISTERS + 8 * \column
    .endm
    .set number, 0
    .rept 63 /* x1 to x31 are columns 1 to 31, f0 to f31 32 to 63 */
    .set number, number + 1
    saved_register %number
    .endr
    .noaltmacro
    nop
__vdso_rt_sigreturn:
    .option push
    .option norvc
    li a7, SYS_rt_sigreturn
    ecall
    .option pop
    .cfi_endproc
    .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn
