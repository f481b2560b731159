/*
 * The terminal of an interactive shell: which process group its keys reach, its modes, and the
 * signals it sends.
 */
#ifndef MAPIX_SH_TERMINAL_H
#define MAPIX_SH_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/* Ignore the terminal's signals and take it over. True if it allows job control. */
bool terminal_begin(void);

/* Give the terminal back to whoever had it before. */
void terminal_end(void);

/* Make group the one that the terminal's keys reach. */
void terminal_give(pid_t group);

/* Take it back for the shell; in the modes it had, if a job may have left others. */
void terminal_retake(bool restore_modes);

/* In a child: set the terminal's signals to their defaults, unless a trap ignores them. */
void terminal_default_signals(void);

/* Whether a signal is one that the interactive shell ignores for itself. */
bool terminal_sends(int signal);

/* From here on, before the prompt, an interrupt from the terminal is noted; and as read(2) after
 * the prompt, which the interrupt breaks off: *interrupt, errno is EINTR. */
void terminal_listen(void);
ssize_t terminal_read_line(int descriptor, char *line, size_t size, bool *interrupt);

#endif
