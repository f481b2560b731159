/*
 * External interrupts: the platform-level interrupt controller.
 */
#ifndef MAPIX_DEV_INTERRUPT_H
#define MAPIX_DEV_INTERRUPT_H

#include <stdint.h>

/* Call handler(argument) with interrupts off, on any hart, whenever the source number is raised;
 * name: the device's, constant, for /proc/interrupts. -EINVAL, -EBUSY. */
int interrupt_register(uint32_t number, const char *name, void (*handler)(void *), void *argument);

/* The name of the device of the first source >= *number with a handler, which *number is set to;
 * *count: how often the booting hart, to which all go, has handled it. NULL: there is none. */
const char *interrupt_next(uint32_t *number, uint64_t *count);

/* The controller's own part of the trap path. */
void interrupt_controller_init(void);
void interrupt_controller_init_hart(void);
void interrupt_controller_handle(void);

/* Device registers [address, address + size) in the direct map, uncached as the machine has it.
 * Boot only. NULL: no memory for tables. */
void *map_device(uint64_t address, uint64_t size);

#endif
