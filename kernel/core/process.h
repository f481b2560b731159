/*
 * Processes: threads with one address space, credentials, signal handlers and children in common.
 * What each thread has for itself is in core/thread.h.
 *
 * Life: a thread that ends leaves the process, but the first one (the leader), whose structure and
 * identifier stay with the process. With the last thread the process becomes a zombie, and is freed
 * when it has been waited for. A thread that calls execve(2) becomes the leader.
 *
 * Letters: (t) process_tree_lock, (s) signal_lock, (a) atomic, (c) constant, (o) only the process's
 * own threads.
 */
#ifndef MAPIX_CORE_PROCESS_H
#define MAPIX_CORE_PROCESS_H

#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "core/credentials.h"
#include "core/lock.h"
#include "core/process_timer.h"
#include "core/signal.h"
#include "core/signal_action.h"
#include "core/thread.h"
#include "fs/place.h"

struct aspace;
struct file_table;
struct vnode;
struct terminal;

#define RLIMIT_COUNT 16

struct rlimit {
    uint64_t soft, hard;
};

/* What resources a process, or its dead children, have used: times in nanoseconds. */
struct resource_usage {
    uint64_t user_time, system_time;
    uint64_t minor_faults, major_faults;
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t max_resident; /* pages */
    struct traffic traffic;
};

struct process {
    int pid;                       /* (c) */
    uint64_t references;           /* (a) the tree of pids, and others */
    struct process *parent;        /* (t) */
    int maker;                     /* (t) the parent's thread that made it */
    struct list children, sibling; /* (t) */
    struct tree_node pid_node;     /* (t) */
    struct thread *leader;         /* (t) referenced; its id is pid */
    struct list threads;           /* (t)(s): changed with both held; the leader
                                      stays when it has exited */
    unsigned thread_count;         /* (t)(s) that have not left the process */
    int group, session;            /* (t) process group and session identifiers */
    struct terminal *terminal;     /* (t) controlling terminal */
    int orphaned_foreground; /* (t) session leader: that of a terminal that was hung up, or 0 */
    enum { PROCESS_ALIVE, PROCESS_ZOMBIE } state; /* (t) */
    int exit_status;                              /* (t) as wait4(2) gives it */
    int exit_signal;                              /* (c) sent to the parent at the end; 0: none */
    bool exec_done; /* (t) has called execve since fork: setpgid(2) refuses */
    bool stopped, stop_reported, continued; /* (t) for wait4: stop_reported is cleared by a stop */
    struct wait_queue child_changed;        /* a child exited, stopped or continued */
    struct wait_queue ended;                /* it has become a zombie */
    struct thread *vfork_parent;            /* (t) waits for this process */

    struct aspace *aspace; /* (s) that of its threads; others use process_aspace */
    struct mutex executable_lock;
    struct place executable;            /* (executable_lock) referenced; of NULLs once it exits */
    struct credentials *credentials;    /* of the first thread: changed with (t) and (s) held */
    bool dumpable;                      /* (t) others of the user may look into it: prctl(2) */
    unsigned core_filter;               /* (t) /proc/PID/coredump_filter */
    bool child_subreaper;               /* (t) orphans among its descendants become its children */
    bool huge_pages_disabled;           /* (o) prctl(2) PR_SET_THP_DISABLE: told, there are none */
    uint64_t timer_slack;               /* (o) nanoseconds; 0: the default */
    int parent_death_signal;            /* (t) sent to it when its parent dies; 0: none */
    struct rlimit limits[RLIMIT_COUNT]; /* (s) */
    struct list semaphore_undos;        /* of ipc/sem.c, under its lock */
    struct list io_contexts;            /* of fs/io_context.c, under its lock */

    uint64_t start_time;                  /* (c) time_now() at fork */
    struct resource_usage usage;          /* (s) of threads that have exited */
    struct resource_usage children_usage; /* (t) of children waited for, and theirs */
    int badness_adjustment;               /* (t) /proc/PID/oom_score_adj: up to BADNESS_SCALE */
    unsigned kill_rounds;                 /* (t) how often out_of_memory_kill waited for it */
    uint32_t personality;                 /* (o) */
    uint32_t barriers_registered;         /* (a) commands of membarrier(2) */

    struct spinlock signal_lock;
    unsigned active_count;             /* (s) threads that have not begun to exit */
    bool exiting;                      /* (s), (a) all threads have to end */
    int exit_code;                     /* (s) the wait status then */
    struct thread *survivor;           /* (s) calls execve: the others have to end; or NULL */
    struct thread *dumper;             /* (s), atomic: writes a core dump; or NULL */
    unsigned standing_by;              /* (s) threads that wait for the dumper */
    struct wait_queue threads_changed; /* a thread has left, or stands by; or the dumper has done */
    struct wait_queue resumed;         /* stop_signal became 0 */
    int stop_signal;                   /* (s) stopped by this signal; 0: not stopped */
    int taken_stop;                    /* (s) stop signal being acted on; SIGCONT makes it 0 */
    unsigned parked_count;             /* (s) threads that have taken part in the stop */
    bool stop_complete;                /* (s) all did: the parent has been, or is being told */
    uint64_t charged_signals;          /* (s) to its user, for RLIMIT_SIGPENDING */
    struct signal_queue pending;       /* (s) sent to the process: any thread may take them */
    struct process_timers timers;      /* (s) */
    struct wait_queue signal_arrived;  /* something was queued, here or for a thread */
    struct signal_actions *actions;    /* changed with (t) and (s) held */
};

extern struct mutex process_tree_lock;
extern struct process *init_process;

static inline struct process *current_process(void)
{
    return current_thread()->process;
}

/* Start PID 1. Boot only. */
void process_start_init(void);

/* The process with this pid, alive or zombie, or NULL. process_tree_lock held; the result is good
 * under it. */
struct process *process_find(int pid);

/* The process after this pid in order, for /proc; same conditions. */
struct process *process_next(int pid);

/* The thread with this identifier, leaders included that have exited, or NULL; and the thread of a
 * process after this identifier, in order of them. Same conditions. */
struct thread *process_find_thread(int id);
struct thread *process_next_thread(struct process *process, int id);

/* The structure stays while it is referenced, of a dead process too (the pid does not find it). */
void process_reference(struct process *process);
void process_release(struct process *process);

/* A reference to what its threads have, of the leader or the first one that still has it; NULL: a
 * zombie. Any context with no spinlock above RANK_SIGNAL; given back with aspace_release,
 * file_table_release, path_context_release. */
struct aspace *process_aspace(struct process *process);
struct file_table *process_files(struct process *process);
struct path_context *process_path_context(struct process *process);

/* Is there a living or dead process, or a process group, or a session, with this number?
 * process_tree_lock held. */
bool process_group_exists(int group, int session);
bool process_is_group(int group); /* of any session */

/* End the calling process with this wait status; the other threads too. Does not return. */
_Noreturn void process_exit(int status);

/* End the calling thread. The last one gives the process this wait status, unless process_exit has
 * given it one. */
_Noreturn void process_exit_thread(int status);

/*
 * fork(2), vfork(2), clone(2), clone3(2): flags are CLONE_* of abi/sched.h; stack (the pointer's
 * value) 0: the parent's. The identifier of the new process or thread, -EAGAIN, -ENOMEM, -EINVAL,
 * -EINTR.
 */
struct clone_request {
    uint64_t flags, stack, parent_tid, child_tid, tls;
    uint64_t pidfd; /* where its descriptor is to be stored (CLONE_PIDFD) */
    int exit_signal;
};
long process_clone(const struct clone_request *request);

/* wait4(2) and waitid(2): what to wait for, and what was found. */
struct wait_request {
    int type, id;            /* P_ALL, P_PID, P_PGID, P_PIDFD: */
    struct process *process; /* this one */
    unsigned options;
};
struct wait_result {
    int pid; /* 0: nothing yet, with WNOHANG */
    uint32_t uid;
    int status, code; /* wait status; CLD_* */
    struct resource_usage usage;
};
/* 0, -ECHILD, -EINTR. */
int process_wait(const struct wait_request *request, struct wait_result *result);

/* Give the process back: it is a zombie. process_tree_lock held. */
void process_reap(struct process *process);

/* setpgid(2), setsid(2): process 0 is the caller. */
int process_set_group(int pid, int group);
long process_new_session(void);

/* Would this process's group have nobody left in the session to care for it, but for except (or
 * NULL)? process_tree_lock held. */
bool process_group_is_orphaned(int group, const struct process *except);

/* Resources used so far by a process, or by one thread (memory: of its process). */
void process_usage(struct process *process, struct resource_usage *usage);
void thread_usage(const struct thread *thread, struct resource_usage *usage);
void resource_usage_add(struct resource_usage *sum, const struct resource_usage *usage);

/* How many threads processes have, zombies' first ones included; and how many there may be, by
 * memory (/proc/sys/kernel/threads-max). */
unsigned process_count_threads(void);
extern uint64_t threads_max; /* atomic */

/* Figures over all processes, for /proc: what they and those before them have used, the threads
 * there are, those that sleep uninterruptibly, frames of page tables; processes made since boot. */
struct process_totals {
    struct resource_usage usage;
    uint64_t threads, blocked, table_pages, created;
};
void process_get_totals(struct process_totals *totals);

/* End all other processes, and make the file systems clean: before the machine is switched off. */
void processes_shut_down(void);

/* Set up the memory for processes. */
void process_init(void);

/* The current process's soft limit (RLIMIT_* of abi/resource.h). */
uint64_t process_limit(unsigned resource);

/* Choose one process by badness and kill it because no frame can be had; returns after it has begun
 * to die, or false if there is none to kill but the caller. */
bool out_of_memory_kill(void);

/* A process begins to give its memory back, which takes a while, and is done: meanwhile no other is
 * ended for want of memory. */
void out_of_memory_relief(bool begins);

/* How bad it is, of 2000, for /proc/PID/oom_score. process_tree_lock held. An adjustment of
 * -BADNESS_SCALE keeps a process from being chosen. */
#define BADNESS_SCALE 1000
unsigned out_of_memory_score(struct process *process);

#endif
