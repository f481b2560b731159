/*
 * The end of the machine.
 */
#ifndef MAPIX_ARCH_RISCV_MACHINE_H
#define MAPIX_ARCH_RISCV_MACHINE_H

/* Find the device that ends the machine with a status, if there is one. */
void machine_init(void);

/* End the machine; status 0..255 goes to whoever started the emulator. Any context. */
_Noreturn void machine_power_off(int status);
_Noreturn void machine_restart(void);

#endif
