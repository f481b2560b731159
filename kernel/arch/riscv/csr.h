/*
 * Control and status registers, and the instructions that only privileged code uses (RISC-V
 * privileged specification 1.12, chapters 2 and 4).
 */
#ifndef MAPIX_ARCH_RISCV_CSR_H
#define MAPIX_ARCH_RISCV_CSR_H

/* Bits of sie and sip, and the codes of the interrupts in scause. */
#define INTERRUPT_SOFTWARE 1
#define INTERRUPT_TIMER    5
#define INTERRUPT_EXTERNAL 9

/* scause: this bit set, an interrupt; clear, an exception. */
#define CAUSE_INTERRUPT (1ul << 63)

#define CAUSE_FETCH_MISALIGNED 0
#define CAUSE_FETCH_ACCESS     1
#define CAUSE_ILLEGAL          2
#define CAUSE_BREAKPOINT       3
#define CAUSE_LOAD_MISALIGNED  4
#define CAUSE_LOAD_ACCESS      5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS     7
#define CAUSE_USER_CALL        8
#define CAUSE_FETCH_PAGE       12
#define CAUSE_LOAD_PAGE        13
#define CAUSE_STORE_PAGE       15

/* satp: mode in bits 63..60, address-space identifier in 59..44, frame number of the root. */
#define SATP_SV39       8ul
#define SATP_SV48       9ul
#define SATP_MODE_SHIFT 60
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK  0xfffful

/* stimecmp of the Sstc extension, by number because older assemblers do not know the name. */
#define CSR_STIMECMP 0x14d

#ifndef __ASSEMBLER__
#include <stdint.h>

#define csr_text_(name) #name
#define csr_text(name)  csr_text_(name)

#define csr_read(name)                                                                             \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("csrr %0, " csr_text(name) : "=r"(value_)::"memory");                     \
        value_;                                                                                    \
    })
#define csr_write(name, value)                                                                     \
    __asm__ volatile("csrw " csr_text(name) ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, bits)                                                                        \
    __asm__ volatile("csrs " csr_text(name) ", %0" ::"r"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits)                                                                      \
    __asm__ volatile("csrc " csr_text(name) ", %0" ::"r"((uint64_t)(bits)) : "memory")

/* Forget all translations, those of the kernel included. */
static inline void fence_all_translations(void)
{
    __asm__ volatile("sfence.vma zero, zero" ::: "memory");
}

/* Forget the translations of one address space. */
static inline void fence_address_space(uint64_t asid)
{
    __asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
}

/* Forget the leaf translation of one address in one address space. */
static inline void fence_address(uint64_t address, uint64_t asid)
{
    __asm__ volatile("sfence.vma %0, %1" ::"r"(address), "r"(asid) : "memory");
}

/* Make stores visible to this hart's instruction fetches. */
static inline void fence_instructions(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

/* In a loop that waits for another hart: the pause hint (Zihintpause), which harts without the
 * extension execute as a fence that orders nothing. */
static inline void hart_pause(void)
{
    __asm__ volatile(".word 0x0100000f" ::: "memory");
}
#endif

#endif
