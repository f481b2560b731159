/*
 * What the files of the process life cycle share: process.c, fork.c, exec.c, exit.c, reap.c, job.c.
 */
#ifndef MAPIX_CORE_PROCESS_INTERNAL_H
#define MAPIX_CORE_PROCESS_INTERNAL_H

#include "core/process.h"

/* A process with a pid and no parent, aspace, files or threads yet, in the tree of pids; copied
 * from model, or with defaults if that is NULL. NULL: no memory or no pid (*error says which).
 * process_tree_lock held. */
struct process *process_create(const struct process *model, int *error);

/* Undo process_create, and free. process_tree_lock held. */
void process_destroy(struct process *process);

/* The current process leaves its address space for another, or for none (NULL). */
void process_switch_aspace(struct aspace *aspace);

extern unsigned processes_stopped; /* (process_tree_lock) processes that are stopped now */

/* The current thread stops using its memory, by exec or exit: do what set_tid_address(2) asked for,
 * as far as others may see it. */
void process_end_memory_use(void);

/* Let go of the parent that waits in vfork, if there is one. */
void process_release_vfork(void);

/* The thread belongs to the process. process_tree_lock held. */
void process_add_thread(struct process *process, struct thread *thread);

/* Send the parent the signal that a child of its has changed, and wake it if it waits. code is
 * CLD_*, status as siginfo has it. process_tree_lock held. */
void process_notify_parent(struct process *process, int code, int status);

/* Is the member's parent one that could continue the member's group: in another group of the same
 * session? process_tree_lock held. */
bool process_has_keeper(const struct process *member);

/* A member of the group that had a keeper has none any more, or leaves (except). If the group is
 * orphaned by that, stopped members would never be continued: all get SIGHUP and SIGCONT.
 * process_tree_lock held. */
void process_group_lost_keeper(int group, const struct process *except);

#endif
