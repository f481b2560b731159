/*
 * What the files of signals share: signal.c (sending and masks), signal_wait.c (taking),
 * signal_deliver.c (acting), stop.c (stopping).
 */
#ifndef MAPIX_CORE_SIGNAL_INTERNAL_H
#define MAPIX_CORE_SIGNAL_INTERNAL_H

#include "core/process.h"

#define STOP_SIGNALS                                                                               \
    (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

static inline bool signal_stops_by_default(int number)
{
    return STOP_SIGNALS & signal_bit(number);
}

/* Signals whose default action is to end the process with a core dump. */
#define CORE_SIGNALS                                                                               \
    (signal_bit(SIGQUIT) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | signal_bit(SIGABRT) |        \
     signal_bit(SIGFPE) | signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGSYS) |          \
     signal_bit(SIGXCPU) | signal_bit(SIGXFSZ))

static inline bool signal_dumps(int number)
{
    return CORE_SIGNALS & signal_bit(number);
}

/* Does the process's action end it? */
bool signal_ends(const struct process *process, int number);

/* Replace the mask of the current thread; other threads are asked to take what it leaves. */
void signal_set_blocked(uint64_t mask);

/* Set or clear the current thread's attention as its queues, its mask and a stop demand. */
void signal_update_attention(void);

/* Have other threads of the current process look at signals of the set that are pending for all:
 * the current thread will not take them. */
void signal_retarget(uint64_t set);

/* Take a pending signal of the set; 0: there is none. Those that exceptions cause come first. */
int signal_take_locked(uint64_t set, struct signal_information *information, struct list *freed);

/*
 * Send a signal with an entry that the caller owns (signal_entry_init; entry->information is filled
 * in), to the process, or to the thread of it if that is not NULL. false: it is still in a queue
 * from the last time. Before the entry's memory goes away: signal_queue_withdraw. signal_lock held.
 */
bool signal_send_entry_locked(struct process *process, struct thread *thread,
                              struct signal_entry *entry, struct list *freed);

/* One entry more, or a timer, is counted for the process's user; false: beyond RLIMIT_SIGPENDING,
 * but counted all the same. And one less. */
bool signal_charge(struct process *process);
void signal_discharge(struct process *process);

/* Release signal_lock and free the entries that were taken out of queues under it. All of the above
 * need it held. */
void signal_unlock(struct process *process, struct list *freed);

/* stop.c */

/* A stop signal was taken, whose action is the default: begin to stop all threads, unless nobody
 * could continue the process, or a SIGCONT came since. */
void process_begin_stop(int number);

/* The process is stopping or stopped: wait until it is continued, or killed, or the thread has a
 * tracer. */
void process_park(void);

/* The current thread takes part in the stop, if there is one, and it does not yet: result as
 * process_completes_stop. signal_lock held. */
int process_join_stop(struct process *process);

/* SIGCONT or SIGKILL has come for a process that is stopping or stopped. signal_lock held. */
void process_end_stop(struct process *process);

/* If the process was stopped and goes on, the parent is told. Takes process_tree_lock. */
void process_tell_continued(void);

/* Have all threads that are left stopped? By which signal; then this thread has to call
 * process_stop_completed, without signal_lock, which is held now. 0: no, or the parent knows. */
int process_completes_stop(struct process *process);

/* Tell the parent that the process has stopped. Takes process_tree_lock. */
void process_stop_completed(struct process *process, int number);

#endif
