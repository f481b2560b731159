/*
 * Timers that are read: the files of timerfd_create(2).
 */
#ifndef MAPIX_FS_TIMER_FILE_H
#define MAPIX_FS_TIMER_FILE_H

#include "core/timeout.h"
#include "fs/file.h"

/* What timerfd_settime(2) sets and timerfd_gettime(2) tells, in nanoseconds; next is a moment of
 * clock to set, the time left to tell; 0: stopped. */
struct timer_setting {
    enum timeout_clock clock;
    uint64_t next, interval;
    bool cancel_on_set;
    unsigned flags; /* that it was set with: only shown */
};

/* A stopped timer of a clock, which programs know by number. flags: O_NONBLOCK or 0. NULL: no
 * memory. */
struct file *timer_file_create(enum timeout_clock clock, int number, uint32_t flags);
bool file_is_timer(const struct file *file);
enum timeout_clock timer_file_clock(const struct file *file); /* what it was made with */

/* Set it. -ECANCELED: the clock was set before (cancel_on_set), and it is running now. */
int timer_file_set(struct file *file, const struct timer_setting *setting);
void timer_file_get(struct file *file, struct timer_setting *left);

/* The real-time clock was set: end the waits that shall end then. */
void timer_files_clock_set(void);

/* Set up memory and locks. Boot only. */
void timer_files_init(void);

#endif
