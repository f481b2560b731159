/*
 * The first instructions of every hart.
 *
 * The firmware enters at _start on one hart (and start_secondary on the others, which smp.c asks
 * it to), in supervisor mode, without translation, with a0 the number of the hart. The page tables
 * map the kernel only where it is linked, not where it runs now. So the jump is made by a trap:
 * stvec is set to where the virtual world begins, and the first fetch after the write of satp
 * faults to it. A write of satp with a mode that the hart does not have does nothing (privileged
 * specification, "satp"), and the next instruction tries the smaller mode.
 *
 * The boot tables are replaced by memory.c as soon as it knows what memory there is:
 *
 *   boot_table_3 (Sv48 only)  [511] -> boot_table_2
 *   boot_table_2              [256..447] 192 leaves of 1 GiB: the direct map   [510] -> boot_table_1
 *   boot_table_1              leaves of 2 MiB: the image
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/layout.h"
#include "arch/riscv/offsets.h"

#define ENTRY_TABLE   0x01 /* V */
#define ENTRY_DATA    0xe7 /* V R W G A D */
#define ENTRY_IMAGE   0xef /* V R W X G A D: until the sections are mapped one by one */
#define LEAF_1G       (1 << 28) /* what a step of 1 GiB adds to an entry: the address / 4 */
#define LEAF_2M       (1 << 19)
#define DIRECT_LEAVES 192

    .section .text.start, "ax"
    .global _start
_start:
    csrw sie, zero

    /* OpenSBI before 1.2 may let a hart that is being started (hart.c) run before it knows where:
     * then it comes here, where the first one began. */
    la t0, entered
    li t1, 1
    amoswap.w t1, t1, (t0)
    la t0, starting_thread
    ld t2, (t0)
    beqz t1, first
    mv a1, t2
    j start_secondary

first:
    mv s0, a0
    mv s1, a1

    la t0, bss_start
    la t1, bss_end
1:  sd zero, (t0)
    addi t0, t0, 8
    bltu t0, t1, 1b

    /* The image: entries 1 and following of the table for KERNEL_IMAGE. */
    la t0, boot_table_1
    la t1, _start
    la t2, image_end
    sub t2, t2, t1
    srli t1, t1, 2
    ori t1, t1, ENTRY_IMAGE
    li t3, LEAF_2M
    li t4, 2 << 20
2:  addi t0, t0, 8
    sd t1, (t0)
    add t1, t1, t3
    sub t2, t2, t4
    bgtz t2, 2b

    /* The direct map. */
    la t0, boot_table_2
    addi t1, t0, 2040
    addi t1, t1, 8
    li t2, ENTRY_DATA
    li t3, LEAF_1G
    li t4, DIRECT_LEAVES
3:  sd t2, (t1)
    addi t1, t1, 8
    add t2, t2, t3
    addi t4, t4, -1
    bnez t4, 3b

    /* Tables in tables: entry 510, and 511 of the table above. */
    li t4, 510 * 8
    add t4, t4, t0
    la t1, boot_table_1
    srli t1, t1, 2
    ori t1, t1, ENTRY_TABLE
    sd t1, (t4)
    la t1, boot_table_3
    li t4, 511 * 8
    add t4, t4, t1
    srli t2, t0, 2
    ori t2, t2, ENTRY_TABLE
    sd t2, (t4)

    /* Where the image lies: kept for the kernel, and to find virtual addresses here. */
    la t2, _start
    la t3, image_physical
    sd t2, (t3)
    li t3, KERNEL_IMAGE + 0x200000
    sub t3, t3, t2
    la t4, start_virtual
    add t4, t4, t3
    csrw stvec, t4

    srli t1, t1, 12
    li t2, SATP_SV48 << SATP_MODE_SHIFT
    or t1, t1, t2
    srli t0, t0, 12
    li t2, SATP_SV39 << SATP_MODE_SHIFT
    or t0, t0, t2
    sfence.vma
    csrw satp, t1
    csrw satp, t0
4:  wfi
    j 4b

    .balign 4
start_virtual:
    la t0, trap_entry
    csrw stvec, t0
    csrw sscratch, zero
    la tp, boot_thread
    la sp, boot_stack_end
    mv a0, s0
    mv a1, s1
    li s0, 0
    call kernel_main
5:  wfi
    j 5b

    /* A secondary hart: a1 is its idle thread. */
    .global start_secondary
    .balign 4
start_secondary:
    csrw sie, zero
    la t2, _start
    li t3, KERNEL_IMAGE + 0x200000
    sub t3, t3, t2
    la t4, secondary_virtual
    add t4, t4, t3
    csrw stvec, t4
    la t0, kernel_satp
    ld t0, (t0)
    sfence.vma
    csrw satp, t0
6:  wfi
    j 6b

    .balign 4
secondary_virtual:
    la t0, trap_entry
    csrw stvec, t0
    csrw sscratch, zero
    mv tp, a1
    ld sp, THREAD_CONTEXT_SP(tp)
    li s0, 0
    call hart_main
7:  wfi
    j 7b

    .section .bss
    .balign 4096
boot_table_1:
    .space 4096
boot_table_2:
    .space 4096
boot_table_3:
    .space 4096

    .section .data
    .balign 8
    .global image_physical, kernel_satp, starting_thread
image_physical:     /* physical address of _start */
    .dword 0
kernel_satp:        /* satp of the kernel's own tables, for harts that start */
    .dword 0
starting_thread:    /* idle thread of the hart that is being started */
    .dword 0
entered:            /* a hart has been at _start */
    .word 0
