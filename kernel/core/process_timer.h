/*
 * Timers that belong to a process and send signals: those of timer_create(2) and of setitimer(2),
 * and the limits RLIMIT_CPU and RLIMIT_RTTIME. They run on a clock, or on CPU time.
 *
 * All of a timer is under signal_lock of its process, unless marked: (c) constant. Only the
 * process's own threads make, set and delete its timers.
 */
#ifndef MAPIX_CORE_PROCESS_TIMER_H
#define MAPIX_CORE_PROCESS_TIMER_H

#include "core/signal_queue.h"
#include "core/timeout.h"
#include "lib/list.h"
#include <stdbool.h>
#include <stdint.h>

struct process;
struct thread;

enum timer_clock {
    TIMER_SINCE_BOOT,
    TIMER_REAL,
    TIMER_PROCESS_TIME,      /* CPU time of all threads */
    TIMER_PROCESS_USER_TIME, /* in user mode only */
    TIMER_THREAD_TIME,       /* of one thread */
};

struct process_timer {
    struct process *process;     /* (c) */
    int id;                      /* (c) of timer_create(2) */
    bool silent;                 /* (c) it sends nothing (SIGEV_NONE) */
    enum timer_clock made_for;   /* (c) */
    struct thread *clock_thread; /* (c) of TIMER_THREAD_TIME, referenced; or NULL */
    struct thread *target;       /* (c) gets the signal, referenced; NULL: the process */
    struct list link;            /* process_timers.created */
    enum timer_clock clock;      /* of next */
    uint64_t next, interval;     /* when it expires, or has expired, nanoseconds; 0: never */
    bool running;                /* next is still to come, and something will look then: */
    struct timeout timeout;      /* for clocks */
    struct list cpu_link;        /* process_timers.cpu, for CPU time */
    bool deleted;
    struct signal_entry entry;
};

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, ITIMERS };

struct process_timers {
    struct list created; /* by timer_create */
    struct list cpu;     /* those that run on CPU time */
    int next_id;
    bool wants_ticks; /* atomic: CPU time must be looked at while its threads run */
    struct process_timer interval[ITIMERS];
};

/* What is set, and told: times in nanoseconds, value 0: stopped. */
struct timer_times {
    uint64_t value, interval;
};

/* The timers of a new process, whose limits are set: none. */
void process_timers_init(struct process *process);

/* The end of the program: delete what timer_create made; of the process: stop all. */
void process_timers_exec(void);
void process_timers_exit(void);

/* RLIMIT_CPU or RLIMIT_RTTIME has changed. signal_lock held. */
void process_timers_limit_changed(struct process *process);

/* What timer_create(2) asks for. The information's timer_value is told with the signal. */
struct timer_request {
    enum timer_clock clock;
    struct thread *clock_thread, *target; /* or NULL; the timer takes references of its own */
    bool silent;
    bool value_is_id;
    struct signal_information information;
};

/* Make a stopped timer: its identifier, -EAGAIN, -ENOMEM. */
int process_timer_create(const struct timer_request *request);

/* What timer_delete(2), timer_settime(2) and timer_gettime(2) do with one of the current process;
 * overruns at the last delivery of its signal. -EINVAL: there is none. */
int process_timer_delete(int id);
int process_timer_set(int id, bool absolute, const struct timer_times *times,
                      struct timer_times *old);
int process_timer_get(int id, struct timer_times *left);
int process_timer_overrun(int id);

/* setitimer(2): times may be NULL: only tell. */
void process_interval_timer(unsigned which, const struct timer_times *times,
                            struct timer_times *old);

/* Look at the timers of the current process that run on CPU time. Interrupts off, no lock held. */
void process_timers_tick(void);

#endif
