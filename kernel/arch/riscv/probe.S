/*
 * Writing stimecmp to see whether that is allowed: if not, the trap goes past the end of the write.
 * Interrupts are off.
 */
#include "arch/riscv/csr.h"

    .text
    .global timer_probe
timer_probe:
    la t0, 1f
    csrrw t1, stvec, t0
    li a0, 0
    li t2, -1
    csrw CSR_STIMECMP, t2
    li a0, 1
    .balign 4
1:  csrw stvec, t1
    ret
