/*
 * What the calls of priorities and of scheduling policies share.
 */
#ifndef MAPIX_SYS_PRIORITY_H
#define MAPIX_SYS_PRIORITY_H

#include <stdbool.h>

struct thread;

/* May the current thread make that one so nice: not less than it is, or as RLIMIT_NICE allows?
 * process_tree_lock held. */
bool priority_may_set_nice(const struct thread *thread, int nice);

#endif
