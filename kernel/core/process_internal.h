/*
 * What the files of the process life cycle share: process.c, first_process.c, clone.c, exec.c,
 * exit.c, reap.c, only_thread.c, job.c, usage.c.
 */
#ifndef MAPIX_CORE_PROCESS_INTERNAL_H
#define MAPIX_CORE_PROCESS_INTERNAL_H

#include "core/process.h"

/* A process with a pid and no parent, aspace or threads yet; copied from model, or with defaults if
 * that is NULL; the reference to the actions becomes its. NULL: no memory or no pid (*error says
 * which). process_tree_lock held. */
struct process *process_create(struct process *model, struct signal_actions *actions, int *error);

/* Undo process_create, and free. process_tree_lock held. */
void process_destroy(struct process *process);

/* The current thread leaves its address space for another, or for none (NULL). */
void process_switch_aspace(struct aspace *aspace);

extern unsigned processes_stopped; /* (process_tree_lock) processes that are stopped now */
extern uint64_t processes_created; /* (process_tree_lock) since boot */

/* The current thread stops using its memory, by exec or exit: do what set_robust_list(2) and
 * set_tid_address(2) asked for, as far as others may see it, and let go of locks with priority
 * inheritance; ends: it takes no others. */
void process_end_memory_use(bool ends);

/* Let go of the parent that waits in vfork, if there is one. */
void process_release_vfork(void);

/* The thread, whose identifier is set, belongs to the process. If it is the first, it is the
 * leader, and the process can be found by its pid from now on. -EINTR: the process is ending.
 * process_tree_lock held. */
int process_add_thread(struct process *process, struct thread *thread);

/* execve(2): end all other threads, and become the leader. -EAGAIN: the process, or this thread, is
 * ending. No lock held. */
int process_become_only_thread(void);

/* Make all threads of the process, but for one (or NULL), end. signal_lock held. */
void process_kill_threads(struct process *process, const struct thread *but);

/* Make the process end with this status, unless it does so already. signal_lock held. */
void process_begin_exit(struct process *process, int status, const struct thread *but);

/* Enter a thread into the tree of threads by its identifier, or take it out. process_tree_lock
 * held. */
void process_insert_thread(struct thread *thread);
void process_forget_thread(struct thread *thread);

/* Send the parent the signal that a child of its has changed, and wake it if it waits. code is
 * CLD_*, status as siginfo has it. process_tree_lock held. */
void process_notify_parent(struct process *process, int code, int status);

/* The same for others than the parent: a tracee has stopped; a process, or a thread of it with this
 * identifier, has ended. process_tree_lock held. */
void process_notify_stop(struct process *to, const struct thread *tracee, int code, int status);
void process_notify_end(struct process *to, int number, int id, struct process *process,
                        int status);

/* Does the process not want to wait for its children (wait(2), Notes)? */
bool process_ignores_children(const struct process *process);

/* The parent of a zombie that nobody traces is told of it. If it ignores children the zombie
 * vanishes at once. process_tree_lock held. */
void process_hand_to_parent(struct process *process);

/* Is the member's parent one that could continue the member's group: in another group of the same
 * session? process_tree_lock held. */
bool process_has_keeper(const struct process *member);

/* A member of the group that had a keeper has none any more, or leaves (except). If the group is
 * orphaned by that, stopped members would never be continued: all get SIGHUP and SIGCONT.
 * process_tree_lock held. */
void process_group_lost_keeper(int group, const struct process *except);

#endif
