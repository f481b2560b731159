/*
 * Process identifiers. A number stays in use as long as a process, a process group or a session has
 * it. process_tree_lock held in all calls.
 */
#ifndef MAPIX_CORE_PID_H
#define MAPIX_CORE_PID_H

#define PID_MAX     32768 /* numbers are below */
#define PID_MAX_MIN 301   /* pid_limit is not set lower */

extern int pid_limit; /* new numbers are below: /proc/sys/kernel/pid_max */

/* A number that nothing uses, used once now: 1 first, then rising, and round. -EAGAIN: none. */
int pid_allocate(void);

/* The number that was given out last; 0: none yet. */
int pid_last(void);

/* One use more or less: as a process, its group, or its session. Number 0 is not counted. */
void pid_use(int number);
void pid_release(int number);

#endif
