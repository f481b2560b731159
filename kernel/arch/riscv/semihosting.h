/*
 * Output through the debugger or emulator that runs the machine (RISC-V semihosting specification,
 * operations as Arm's).
 */
#ifndef MAPIX_ARCH_RISCV_SEMIHOSTING_H
#define MAPIX_ARCH_RISCV_SEMIHOSTING_H

/* Print a string. Where nobody serves the call, nothing happens. Any context. */
void semihosting_write(const char *string);

/* Its trap instruction, which the trap handler skips when it does trap. */
extern const char semihosting_trap[];

#endif
