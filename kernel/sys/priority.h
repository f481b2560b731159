/*
 * What the calls of priorities and of scheduling policies share.
 */
#ifndef MAPIX_SYS_PRIORITY_H
#define MAPIX_SYS_PRIORITY_H

#include <stdbool.h>

struct thread;

/* What is done with each thread that is meant; *result is what was found so far, at first -ESRCH. A
 * true result ends it. process_tree_lock held. */
typedef bool thread_visitor(struct thread *thread, int value, int *result);

/* Do it with those that which (PRIO_*) and who mean, and tell the result. who 0: the calling thread
 * or its group, but the user is root. */
int priority_visit(int which, int who, thread_visitor *visit, int value);

/* May the current thread make that one so nice: not less than it is, or as RLIMIT_NICE allows?
 * process_tree_lock held. */
bool priority_may_set_nice(const struct thread *thread, int nice);

/* May the current thread use it for its requests of disks (ioprio_set(2)): 0, -EINVAL, -EPERM. */
int io_priority_check(int value);

#endif
