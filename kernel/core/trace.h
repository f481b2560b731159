/*
 * Tracing: one thread, the tracer, controls another, the tracee (ptrace(2), waitpid(2)).
 *
 * Who stops whom. A tracee stops itself, at a place where it holds nothing: trace_stop.
 *
 *   signal    a signal was taken from a queue       signal_deliver.c
 *   call      before and after a system call        syscall.c
 *   event     fork, exec, exit, a filter, ...       clone.c, exec.c, exit.c, seccomp.c
 *   trap      the tracer asked for it (SEIZE), or   signal_deliver.c
 *             the process is stopped by a signal
 *
 *   tracee                                      tracer
 *   trace_stop: stopped, what is told in code
 *     the tracer is sent SIGCHLD and woken      wait4: tells code, which becomes 0
 *     sleeps, killable                          requests, as long as it is stopped
 *                                               resumes it: stopped is false, wakes it
 *   goes on with the signal that it was given
 *
 * What the tracer asks a running tracee for is a trap: the flag is set and the thread interrupted
 * as by a signal. A thread that is stopped with its process (stop.c) leaves that sleep when it gets
 * a tracer, and traps instead; with the tracer gone it goes back to it. Resumed by the tracer it
 * runs though the process is stopped (let_go), until the stop ends or another one begins.
 *
 * process_tree_lock guards all of it: links, options and stops, from the first look of a request to
 * its end, so a tracee that is killed meanwhile waits for that lock before it goes on to die, and
 * its registers, which are on its kernel stack, can be read and written under the lock. The
 * signal_lock of the tracee's process guards, beside, what decides which signals it may take:
 * tracer, seized, the traps and let_go change with both held, or with signal_lock alone.
 *
 * A thread that is not traced pays a test of trace.tracer where it takes a signal, and of
 * calls_watched at each system call.
 *
 * A traced thread that ends, and is not its process's leader, stays as a zombie (trace.zombie) with
 * its identifier until the tracer has waited for it. The leader is the process's zombie, which is
 * told to the tracer first, and to the parent when the tracer has waited for it or is gone.
 */
#ifndef MAPIX_CORE_TRACE_H
#define MAPIX_CORE_TRACE_H

#include "abi/signal.h"
#include "core/wait.h"
#include "lib/list.h"
#include <stdbool.h>
#include <stdint.h>

struct process;
struct thread;
struct wait_request;
struct wait_result;

/* Letters as above: (t) process_tree_lock, (l) signal_lock, (tl) changed with both; (s) the thread
 * itself. */
struct trace {
    struct list tracees;   /* (t) of this thread */
    struct thread *tracer; /* (tl), atomic: NULL: not traced */
    struct list link;      /* (t) in the tracer's list */
    unsigned options;      /* (t) PTRACE_O_* */
    bool seized;           /* (tl) by PTRACE_SEIZE */
    bool trap_asked;       /* (l), atomic: trap, for PTRACE_INTERRUPT or as a new tracee */
    bool trap_notify;      /* (l), atomic: trap, because a SIGCONT came */
    bool let_go;           /* (l) runs though its process is stopped */
    bool calls;            /* (t) stop at system calls; set while it is stopped */
    bool stopped;          /* (t), atomic: waits for its tracer */
    bool listening;        /* (t), atomic: PTRACE_LISTEN: as if it was not stopped */
    int code;              /* (t) bits 8 and above of the wait status to be told; 0: has been */
    int signal;            /* (t) what the tracee goes on with */
    uint64_t message;      /* (t) PTRACE_GETEVENTMSG */
    struct signal_information *information; /* (t) of the stop; NULL: has none, or not stopped */
    struct wait_queue resumed;
    bool zombie;     /* (t) has ended; referenced by the list it is in */
    int exit_status; /* (t) of a zombie */
};

/* Threads that are traced, those that are confined (core/seccomp.h), and one if calls are printed
 * (core/strace.h): system calls look whether something is to be done. Atomic. */
extern unsigned calls_watched;

void trace_init_thread(struct thread *thread);

/* Links (trace.c). process_tree_lock held */

/* The current thread begins to trace another, with options, seized or not: 0, -EPERM. */
int trace_attach(struct thread *thread, bool seize, unsigned options);

/* The parent traces the current thread: 0, -EPERM. Takes process_tree_lock. */
int trace_me(void);

/* The tracee is free again; if it is stopped, it goes on with this signal. */
void trace_detach(struct thread *thread, int signal);

/* The thread ends: its tracees are free, or killed, if it wished so. */
void trace_end_tracer(struct thread *thread);

/* A traced thread, not a leader, has ended with this wait status, and left its process: it is a
 * zombie now. The tracer may not care for it: it is gone at once. */
void trace_become_zombie(struct thread *thread, struct process *process, int status);

/* Clone made a child of the current thread; is it to be traced as well? It does not run yet.
 * Returns the event to stop with (PTRACE_EVENT_*), or 0. */
int trace_clone(struct thread *child, uint64_t flags, int exit_signal);

/* The process that traces the leader of this one; NULL: none. */
struct process *process_tracer(const struct process *process);

/* Must the current thread not gain privileges by execve(2), as its tracer would gain them too?
 * Takes process_tree_lock. */
bool trace_forbids_privileges(void);

/* Stops of the current thread (trace_stop.c); no lock held */

/* The signal that was taken, and its information, are shown to the tracer: the number of the one to
 * act upon instead, with its information; 0: none. */
int trace_signal(struct signal_information *information);

/* Something was asked for, or the process is stopped. */
void trace_trap(void);

/* An event that the tracer wishes to see. Was there one that does? */
bool trace_event(int event, uint64_t message);

/* execve(2) has been successful; the thread's identifier was this before. */
void trace_exec(int old_id);

/* The thread is about to end with this wait status. */
void trace_exit(int status);

/* Does the tracer want the current thread to stop at calls; then do so, before or after one. */
bool trace_wants_calls(void);
void trace_call(bool entry);

/* Must the thread call trace_trap? signal_lock held. */
bool trace_must_trap(const struct thread *thread);

/* SIGCONT was sent: those that were seized are told. signal_lock held. */
void trace_continued(struct process *process);

/* Requests to a tracee (trace.c), process_tree_lock held */

/* The tracee of the current thread with this identifier: -ESRCH. stopped: it has to be. */
int trace_find(int id, bool stopped, struct thread **thread);

/* Go on; calls: until the next system call. */
void trace_resume(struct thread *thread, bool calls, int signal);

/* PTRACE_INTERRUPT, PTRACE_LISTEN: 0 or -EIO. */
int trace_interrupt(struct thread *thread);
int trace_listen(struct thread *thread);

/* The memory of a tracee may be looked into? */
bool trace_may_access(const struct thread *thread);

/* wait4(2) (trace_wait.c) */

/* One look at the tracees of the current process: 1: collected, 0: none has changed, -ECHILD: there
 * are none. process_tree_lock held. */
int trace_wait(const struct wait_request *request, struct wait_result *result);

#endif
