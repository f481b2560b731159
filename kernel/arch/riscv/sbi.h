/*
 * Calls to the firmware (RISC-V Supervisor Binary Interface specification 1.0).
 */
#ifndef MAPIX_ARCH_RISCV_SBI_H
#define MAPIX_ARCH_RISCV_SBI_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stdint.h>

#define SBI_SUCCESS 0

enum sbi_reset { SBI_SHUTDOWN = 0, SBI_COLD_REBOOT = 1 };

/* Does the firmware implement the extension? */
bool sbi_probe(uint64_t extension);

/* Who made the harts, which kind, which version: mvendorid, marchid, mimpid. */
uint64_t sbi_vendor(void);
uint64_t sbi_architecture(void);
uint64_t sbi_implementation(void);

/* Interrupt this hart at so many ticks of the time register; ~0: never (chapter 6, TIME). */
void sbi_set_timer(uint64_t ticks);

/* Raise a software interrupt on the harts base + n, for each bit n of mask (chapter 7, IPI). */
void sbi_interrupt(uint64_t mask, uint64_t base);

/* Start a stopped hart at a physical address, with a0 its number and a1 the argument (chapter 9,
 * HSM). The SBI error, 0 for none. */
long sbi_hart_start(uint64_t hart, paddr_t entry, uint64_t argument);

/* Power off or reboot (chapter 10, SRST); returns if the firmware cannot. reason 1: failure. */
void sbi_system_reset(enum sbi_reset kind, uint32_t reason);

/* Print a character on the firmware's console (chapter 5, legacy), while there is no other. */
void sbi_console_put(char byte);

#endif
