/*
 * Inside of a terminal: what its files share.
 *
 *   driver                        line discipline                         program
 *   received bytes --> terminal_receive (line, edit) --> input ring --> terminal_read
 *                          | echo
 *   send  <---------- held <+
 *   send  <---------- output processing (terminal_output.c) <---------- terminal_write
 *
 * Received bytes wait in the driver until the input ring has room (terminal_handle_received). Echo
 * that cannot be sent now, because output is stopped or nobody takes it, is held, and goes out
 * before anything that is written later.
 */
#ifndef MAPIX_DEV_TERMINAL_INTERNAL_H
#define MAPIX_DEV_TERMINAL_INTERNAL_H

#include "abi/termios.h"
#include "core/wait.h"
#include "dev/terminal.h"
#include "lib/ring.h"

#define INPUT_SIZE    4096u /* entries of input; a power of two. A line has 4095 bytes and its end */
#define HELD_SIZE     4096u
#define EXPANSION_MAX 8u /* bytes that one byte of output may become: a tab as blanks */

/* An entry of the input: a byte, and what it is. */
enum {
    INPUT_BYTE = 0xff,
    INPUT_LINE_END = 1 << 8,   /* the last byte of a line */
    INPUT_END_OF_FILE = 1 << 9 /* no byte: VEOF was typed here */
};

/* What a terminal is connected to. All are called with the terminal locked, but closed. */
struct terminal_driver {
    /* Send bytes on their way: how many are taken, fewer than count only if room says so. */
    size_t (*send)(struct terminal *terminal, const char *bytes, size_t count);
    size_t (*room)(const struct terminal *terminal);
    /* The next byte that has been received; false: none. */
    bool (*receive)(struct terminal *terminal, unsigned char *byte);
    /* Throw away what has been sent and not been taken by the other side. NULL: nothing waits. */
    void (*discard_output)(struct terminal *terminal);
    /* A TIOCPKT_* event. NULL: nobody wants to know. */
    void (*notify)(struct terminal *terminal, unsigned status);
    /* The settings change from before to what they are now: correct them. */
    void (*settings_changed)(struct terminal *terminal, const struct termios2 *before);
    /* An open file of it has been closed; the terminal may be gone then. NULL: it stays. */
    void (*closed)(struct terminal *terminal);
    /* Another user, for an open by way of /dev/tty. process_tree_lock held. NULL: it stays. */
    void (*opened)(struct terminal *terminal);
    bool hangs_up_at_exit; /* the end of the session's leader is the end of its open files */
};

/*
 * Letters: (l) lock, (t) process_tree_lock, (a) atomic, (c) constant.
 *
 * Input is the entries [head, tail); those before committed may be read, the others are the line
 * that is being edited.
 */
struct terminal {
    const struct terminal_driver *driver; /* (c) */
    uint64_t device_number;               /* (c) */
    struct mutex lock;
    struct termios2 settings;       /* (l) */
    struct termios locked;          /* (l) bits, and characters, that are not to be changed */
    struct winsize size;            /* (l) */
    uint32_t head, committed, tail; /* (l), read without it as a hint */
    uint16_t *input;                /* (l) INPUT_SIZE entries */
    struct ring held;               /* (l) echo that could not be sent yet */
    bool literal;                   /* (l) VLNEXT was typed: the next byte is taken as it is */
    bool erasing;                   /* (l) ECHOPRT: between the slashes of what is erased */
    bool stopped;                   /* (l)(a) output waits for VSTART, or for TCOON: */
    bool suspended;                 /* (l) */
    bool disconnected;              /* (l)(a) the other side has gone for ever */
    bool exclusive;                 /* (a) TIOCEXCL */
    uint32_t reading, writing;      /* (a) a read or write is under way; others wait for its end */
    unsigned column;                /* (l) of the cursor */
    unsigned line_column;           /* (l) where the line that is being edited begins */
    uint64_t hang_ups;              /* (a) so far: files opened before the last one are dead */
    struct wait_queue changed;      /* anything of the above has, or either side has data or room */
    int session, foreground; /* (t) whose controlling terminal it is, and which group reads */
};

/* What an open file of a terminal has for its state. */
struct terminal_file {
    struct terminal *terminal;
    uint64_t hang_ups; /* of the terminal, when it was opened */
    bool lasting;      /* /dev/console: outlives hang-ups */
};

/* Set up a terminal with the default settings: 0, -ENOMEM; and give its memory back. */
int terminal_init(struct terminal *terminal, const struct terminal_driver *driver,
                  uint64_t device_number);
void terminal_destroy(struct terminal *terminal);

/* The terminal of an open file, and has it been hung up since? */
static inline struct terminal *terminal_of(const struct file *file)
{
    return ((const struct terminal_file *)file->state)->terminal;
}

bool terminal_is_hung_up(const struct file *file);

static inline bool terminal_setting(const struct terminal *terminal, uint32_t local_flag)
{
    return __atomic_load_n(&terminal->settings.base.local_flags, __ATOMIC_RELAXED) & local_flag;
}

static inline bool terminal_input_setting(const struct terminal *terminal, uint32_t input_flag)
{
    return terminal->settings.base.input_flags & input_flag;
}

static inline bool terminal_is_canonical(const struct terminal *terminal)
{
    uint32_t flags = __atomic_load_n(&terminal->settings.base.local_flags, __ATOMIC_RELAXED);
    return (flags & (ICANON | EXTPROC)) == ICANON;
}

/* Is byte the control character of that index? Those that are 0 are off. */
static inline bool terminal_is_control(const struct terminal *terminal, unsigned index,
                                       unsigned char byte)
{
    unsigned char control = terminal->settings.base.characters[index];
    return control != 0 && control == byte;
}

/* Does the byte continue a UTF-8 character, which takes no column of its own? */
static inline bool terminal_is_continuation(const struct terminal *terminal, unsigned char byte)
{
    return terminal_input_setting(terminal, IUTF8) && (byte & 0xc0) == 0x80;
}

static inline bool is_control_byte(unsigned char byte)
{
    return byte < ' ' || byte == 0x7f;
}

static inline uint16_t *terminal_entry(struct terminal *terminal, uint32_t position)
{
    return &terminal->input[position % INPUT_SIZE];
}

/* Is there something that a read gets? A hint without the lock. */
static inline bool terminal_has_input(const struct terminal *terminal)
{
    return __atomic_load_n(&terminal->committed, __ATOMIC_ACQUIRE) !=
           __atomic_load_n(&terminal->head, __ATOMIC_ACQUIRE);
}

/* Take in what the driver has received, as far as there is room; send the signals that it causes.
 * Not locked; takes process_tree_lock. Called when bytes have come, and when room has. */
void terminal_handle_received(struct terminal *terminal);

/* Take in a byte as the settings say: 0 or the signal that it causes. Locked. */
int terminal_receive(struct terminal *terminal, unsigned char byte) REQUIRES(terminal->lock);

/* Do what an editing character asks for (VERASE, VWERASE, VKILL). Locked. */
void terminal_erase(struct terminal *terminal, unsigned char byte) REQUIRES(terminal->lock);

/* End of what ECHOPRT shows of an erased text. Locked. */
void terminal_finish_erasing(struct terminal *terminal) REQUIRES(terminal->lock);

/* Throw all input away. Locked. */
void terminal_flush_input(struct terminal *terminal) REQUIRES(terminal->lock);
void terminal_flush_output(struct terminal *terminal) REQUIRES(terminal->lock);

/* The settings change: input that was typed as part of a line becomes readable as it is, or the
 * other way round. Locked. */
void terminal_set(struct terminal *terminal, const struct termios2 *settings)
    REQUIRES(terminal->lock);

/* Stop the output, or let it go on unless TCXONC has stopped it. Locked. */
void terminal_stop(struct terminal *terminal) REQUIRES(terminal->lock);
void terminal_start(struct terminal *terminal) REQUIRES(terminal->lock);

/* Write bytes as the output settings say: how many were taken; fewer when there is no room, or
 * output is stopped. Locked. */
size_t terminal_put(struct terminal *terminal, const char *bytes, size_t count)
    REQUIRES(terminal->lock);

/* Can terminal_put take a byte? Locked. */
bool terminal_can_put(const struct terminal *terminal) REQUIRES(terminal->lock);

/* The other side has made room: send what is held. Locked. */
void terminal_send_held(struct terminal *terminal) REQUIRES(terminal->lock);

/*
 * Echo. terminal_echo: a byte that was typed, control characters visibly; terminal_echo_raw: a byte
 * as a program would write it; terminal_echo_back: move the cursor back by columns, showing
 * nothing. Locked.
 */
void terminal_echo(struct terminal *terminal, unsigned char byte) REQUIRES(terminal->lock);
void terminal_echo_raw(struct terminal *terminal, char byte) REQUIRES(terminal->lock);
void terminal_echo_back(struct terminal *terminal, unsigned columns) REQUIRES(terminal->lock);

/* Tell the other side of a TIOCPKT_* event. Locked. */
void terminal_notify(struct terminal *terminal, unsigned status) REQUIRES(terminal->lock);

/* read(2), write(2), ioctl(2) and poll(2) of a terminal. */
long terminal_read(struct file *file, uint64_t offset, struct transfer *transfer);
long terminal_write(struct file *file, uint64_t offset, struct transfer *transfer);
long terminal_control(struct file *file, unsigned request, uint64_t argument);

/* Requests of ioctl(2) that are the same for both sides of a pseudo-terminal, whose slave is
 * given; by_master: the file is its master's. -ENOTTY: none of those. */
long terminal_control_common(struct terminal *terminal, struct file *file, unsigned request,
                             uint64_t argument, bool by_master);

/* Begin a read or write, of which there is one at a time: 0, -EAGAIN, -EINTR; and end it. flag is
 * terminal->reading or writing, or the like of a master. */
int terminal_begin(struct terminal *terminal, uint32_t *flag, const struct file *file);
void terminal_end(struct terminal *terminal, uint32_t *flag);

/*
 * May the current process read from the terminal (SIGTTIN), or change or write to it (SIGTTOU)? If
 * it is in the background its group gets the signal: -EINTR, or -EIO if that has no effect on a
 * read.
 */
int terminal_check_foreground(struct terminal *terminal, int signal);

/* Send a signal to the foreground group. */
void terminal_signal_foreground(struct terminal *terminal, int signal);

/* All open files of it are dead from now on, and its session's leader is told (SIGHUP, SIGCONT).
 * Takes process_tree_lock. */
void terminal_hang_up(struct terminal *terminal);

/* TIOCSCTTY, TIOCNOTTY, TIOCGPGRP, TIOCSPGRP, TIOCGSID: ioctl_tty(2); by_master: asked by way of
 * the master, which any process may. */
int terminal_acquire(struct terminal *terminal, bool steal, bool readable);
void terminal_acquire_on_open(struct terminal *terminal);
int terminal_give_up(struct terminal *terminal);
int terminal_get_group(struct terminal *terminal, bool by_master, int *group);
int terminal_set_group(struct terminal *terminal, int group);
int terminal_get_session(struct terminal *terminal, bool by_master, int *session);

#endif
