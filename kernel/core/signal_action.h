/*
 * What a process does about each signal (sigaction(2)). Processes made with CLONE_SIGHAND have the
 * actions in common, until one of them calls execve(2); what is pending and blocked each has for
 * itself.
 *
 * A process's pointer to its actions is good with its signal_lock or process_tree_lock held, and in
 * its own threads. The handler may be read alone; a whole action is read and set under a lock.
 */
#ifndef MAPIX_CORE_SIGNAL_ACTION_H
#define MAPIX_CORE_SIGNAL_ACTION_H

#include "abi/signal.h"
#include <stdbool.h>

struct process;
struct signal_actions;

/* All signals have the default action. Both are referenced once; NULL: no memory. */
struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(struct signal_actions *model);

void signal_actions_reference(struct signal_actions *actions);
void signal_actions_release(struct signal_actions *actions);
bool signal_actions_are_shared(const struct signal_actions *actions);

/* Handlers are gone; what is ignored stays ignored (execve(2), CLONE_CLEAR_SIGHAND). */
void signal_actions_clear(struct signal_actions *actions);

/* The handler of a signal, SIG_DFL or SIG_IGN. */
uint64_t signal_handler(const struct process *process, int number);

void signal_get_action(const struct process *process, int number, struct sigaction *action);
void signal_set_action(struct process *process, int number, const struct sigaction *action);

/* Without its handler; flags and mask stay. */
void signal_set_default(struct process *process, int number);

#endif
