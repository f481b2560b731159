/*
 * Inside of a terminal: what its files (terminal.c, terminal_line.c, terminal_output.c,
 * terminal_control.c, terminal_job.c) share.
 */
#ifndef MAPIX_DEV_TERMINAL_INTERNAL_H
#define MAPIX_DEV_TERMINAL_INTERNAL_H

#include "abi/termios.h"
#include "core/wait.h"
#include "dev/terminal.h"

#define INPUT_SIZE 4096u /* entries of input; a power of two. A line has less (MAX_CANON) */

/* An entry of the input: a byte, and what it is. */
enum {
    INPUT_BYTE = 0xff,
    INPUT_LINE_END = 1 << 8,   /* the last byte of a line */
    INPUT_END_OF_FILE = 1 << 9 /* no byte: VEOF was typed here */
};

/*
 * Letters: (l) lock, (t) process_tree_lock.
 *
 * Input is the entries [head, tail); those before committed may be read, the others are the line
 * that is being edited.
 */
struct terminal {
    struct mutex lock;
    struct termios settings;        /* (l) */
    struct winsize size;            /* (l) */
    uint32_t head, committed, tail; /* (l), read without it as a hint */
    uint16_t input[INPUT_SIZE];     /* (l) */
    bool literal;                   /* (l) VLNEXT was typed: the next byte is taken as it is */
    bool stopped;                   /* (l), atomic: output waits for VSTART */
    unsigned column;                /* (l) of the cursor */
    unsigned line_column;           /* (l) where the line that is being edited begins */
    struct wait_queue changed;      /* input has come or gone, settings or stopped have changed */
    int session, foreground; /* (t) whose controlling terminal it is, and which group reads */
};

static inline bool terminal_setting(const struct terminal *terminal, uint32_t local_flag)
{
    return terminal->settings.local_flags & local_flag;
}

/* Is byte the control character of that index? Those that are 0 are off. */
static inline bool terminal_is_control(const struct terminal *terminal, unsigned index,
                                       unsigned char byte)
{
    unsigned char control = terminal->settings.characters[index];
    return control != 0 && control == byte;
}

/* Take in a byte as the settings say: 0 or the signal that it causes. Locked. */
int terminal_receive(struct terminal *terminal, unsigned char byte) REQUIRES(terminal->lock);

/* Is it a byte that causes a signal? Locked. */
int terminal_signal_of(const struct terminal *terminal, unsigned char byte);

/* Can the input take no more until something is read? Complete lines fill it. Locked. */
bool terminal_is_full(const struct terminal *terminal);

/* The input has become shorter: bytes that wait to be handled may be handled now. Any context. */
void terminal_made_room(void);

/* Throw all input away. Locked. */
void terminal_flush_input(struct terminal *terminal) REQUIRES(terminal->lock);

/* The settings change: input that was typed as part of a line becomes readable as it is, or the
 * other way round. Locked. */
void terminal_set(struct terminal *terminal, const struct termios *settings)
    REQUIRES(terminal->lock);

/* Write bytes as the output settings say, or echo a byte that was typed. Locked. */
void terminal_put(struct terminal *terminal, const char *bytes, size_t count)
    REQUIRES(terminal->lock);
void terminal_echo(struct terminal *terminal, unsigned char byte) REQUIRES(terminal->lock);

/* How many columns the echo of a byte takes when the cursor is in this column. */
unsigned terminal_echo_width(const struct terminal *terminal, unsigned char byte, unsigned column);

/*
 * May the current process read from the terminal (SIGTTIN), or change or write to it (SIGTTOU)? If
 * it is in the background its group gets the signal: -EINTR, or -EIO if that has no effect on a
 * read.
 */
int terminal_check_foreground(struct terminal *terminal, int signal);

/* Send a signal to the foreground group. */
void terminal_signal_foreground(struct terminal *terminal, int signal);

/* TIOCSCTTY, TIOCNOTTY, TIOCGPGRP, TIOCSPGRP, TIOCGSID: ioctl_tty(2). */
int terminal_acquire(struct terminal *terminal, bool steal);
int terminal_give_up(struct terminal *terminal);
int terminal_get_group(struct terminal *terminal, int *group);
int terminal_set_group(struct terminal *terminal, int group);
int terminal_get_session(struct terminal *terminal, int *session);

/* ioctl(2) of a terminal. */
long terminal_control(struct file *file, unsigned request, uint64_t argument);

#endif
