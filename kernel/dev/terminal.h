/*
 * The console terminal: line discipline over the UART.
 */
#ifndef MAPIX_DEV_TERMINAL_H
#define MAPIX_DEV_TERMINAL_H

#include "core/lock.h"
#include "fs/file.h"

struct terminal;

extern struct terminal console_terminal;
extern const struct file_operations terminal_operations;

/* Set up the terminal and the thread that handles what is typed. Boot only. */
void terminal_init(void);

/* A byte from the line. Interrupt context. */
void terminal_input(char byte);

/*
 * Make file an open file of the terminal. may_control: a session leader without a terminal gets
 * this one as its controlling terminal, unless the file is opened with O_NOCTTY.
 */
void terminal_open(struct terminal *terminal, struct file *file, bool may_control);

/* As open(2) of /dev/tty: the controlling terminal of the current process. -ENXIO: it has none. */
int terminal_open_controlling(struct file *file);

/* The leader of the session ends or gives its controlling terminal up: SIGHUP and SIGCONT to the
 * foreground group, and the terminal is no process's any more. process_tree_lock held. */
void terminal_session_ended(struct terminal *terminal, int session);

/* What /proc/PID/stat says of a process's terminal: its device number and foreground group, 0 and
 * -1 if the terminal is NULL. process_tree_lock held. */
uint64_t terminal_device_number(const struct terminal *terminal);
int terminal_foreground_group(const struct terminal *terminal);

#endif
