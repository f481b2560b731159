/*
 * The serial line of the console: an ns16550 and its relatives.
 */
#ifndef MAPIX_DEV_UART_H
#define MAPIX_DEV_UART_H

#include <stddef.h>

/* Find the line: the one that /chosen names, else the first. Boot only. Without one, output goes to
 * the firmware's console. */
void uart_init(void);

/* Begin to hand bytes that arrive to console_input. */
void uart_start_input(void);

/* Send count bytes, as they are. Any context; waits while the line is busy. */
void uart_write(const char *bytes, size_t count);

/* Send one byte, whatever the state of the kernel: takes no lock. For panics. */
void uart_put(char byte);

#endif
