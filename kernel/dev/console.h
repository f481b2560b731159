/*
 * The console: the terminal on the serial line.
 */
#ifndef MAPIX_DEV_CONSOLE_H
#define MAPIX_DEV_CONSOLE_H

#include "dev/terminal.h"

/* Set up the terminal and the thread that handles what is typed. Boot only. */
void console_init(void);

/* A byte from the line. Interrupt context. */
void console_input(char byte);

/* Make file an open file of the console; may_control as terminal_open has it. -EBUSY, -ENOMEM. */
int console_open(struct file *file, bool may_control);

#endif
