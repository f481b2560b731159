/*
 * Terminals: a line discipline over something that sends and receives bytes, the console's line
 * (dev/console.h) or the master of a pseudo-terminal (dev/pty.h).
 */
#ifndef MAPIX_DEV_TERMINAL_H
#define MAPIX_DEV_TERMINAL_H

#include "fs/file.h"

struct process;
struct terminal;

/*
 * Make file an open file of the terminal. may_control: a session leader without a terminal gets
 * this one as its controlling terminal, unless the file is opened with O_NOCTTY or only for
 * writing. -EBUSY: it is held exclusively, -ENOMEM.
 */
int terminal_open(struct terminal *terminal, struct file *file, bool may_control);

/* As open(2) of /dev/tty: the controlling terminal of the current process. -ENXIO: it has none. */
int terminal_open_controlling(struct file *file);

/* The leader of a session ends, or gives its controlling terminal up: the foreground group is told
 * by a signal, and the terminal is no process's any more. process_tree_lock held. */
void terminal_session_ended(struct process *leader, bool exits);

/* vhangup(2): hang up the controlling terminal of the current process, if it has one. */
void terminal_hang_up_controlling(void);

/* What /proc/PID/stat says of a process's terminal: its device number and foreground group, 0 and
 * -1 if the terminal is NULL. process_tree_lock held. */
uint64_t terminal_device_number(const struct terminal *terminal);
int terminal_foreground_group(const struct terminal *terminal);

#endif
