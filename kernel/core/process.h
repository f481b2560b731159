/*
 * Processes: what owns an address space, open files, credentials and children.
 *
 * Letters: (t) process_tree_lock, (s) signal_lock, (a) atomic, (f) lock of the file table,
 * (c) constant, (o) only the process's own threads.
 */
#ifndef MAPIX_CORE_PROCESS_H
#define MAPIX_CORE_PROCESS_H

#include "abi/signal.h"
#include "arch/riscv/hart.h"
#include "core/credentials.h"
#include "core/lock.h"
#include "core/thread.h"

struct aspace;
struct file_table;
struct vnode;
struct terminal;

#define PROCESS_NAME_SIZE 16
#define RLIMIT_COUNT      16

struct rlimit {
    uint64_t soft, hard;
};

/* Where a pending signal comes from, for siginfo. */
struct signal_information {
    int32_t code, pid, status;
    uint32_t uid;
    uint64_t address;
};

/* What resources a process, or its dead children, have used: times in nanoseconds. */
struct resource_usage {
    uint64_t user_time, system_time;
    uint64_t minor_faults, major_faults;
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t max_resident; /* pages */
};

struct process {
    int pid;                                      /* (c) */
    char name[PROCESS_NAME_SIZE];                 /* (o) of the program, for messages and /proc */
    struct process *parent;                       /* (t) */
    struct list children, sibling;                /* (t) */
    struct tree_node pid_node;                    /* (t) */
    struct list threads;                          /* (t)(s): changed with both held */
    unsigned thread_count;                        /* (t) */
    int group, session;                           /* (t) process group and session identifiers */
    struct terminal *terminal;                    /* (t) controlling terminal */
    enum { PROCESS_ALIVE, PROCESS_ZOMBIE } state; /* (t) */
    int exit_status;                              /* (t) as wait4(2) gives it */
    int exit_signal;                              /* (c) sent to the parent at the end; 0: none */
    bool exec_done; /* (t) has called execve since fork: setpgid(2) refuses */
    bool stopped, stop_reported, continued; /* (t) for wait4: stop_reported is cleared by a stop */
    struct wait_queue child_changed;        /* a child exited, stopped or continued */
    struct wait_queue vfork_done;           /* the vfork child gave up the shared address space */
    bool vfork_released;                    /* (a) of the child */
    struct process *vfork_parent;           /* (o) waits for this process */

    struct aspace *aspace;     /* (s) replaced by exec; readers from outside use process_aspace */
    struct file_table *files;  /* (t) NULL once it exits */
    struct mutex context_lock; /* of the following four */
    struct vnode *root, *directory;
    struct vnode *executable;
    uint32_t umask;
    struct credentials *credentials;    /* (t) of the first thread */
    bool dumpable;                      /* (t) others of the user may look into it: prctl(2) */
    bool child_subreaper;               /* (t) orphans among its descendants become its children */
    bool huge_pages_disabled;           /* (o) prctl(2) PR_SET_THP_DISABLE: told, there are none */
    uint64_t timer_slack;               /* (o) nanoseconds; 0: the default */
    int parent_death_signal;            /* (t) sent to it when its parent dies; 0: none */
    struct rlimit limits[RLIMIT_COUNT]; /* (s) */

    uint64_t start_time;                  /* (c) time_now() at fork */
    struct resource_usage usage;          /* (t) of threads that have ended */
    struct resource_usage children_usage; /* (t) of children waited for, and theirs */
    unsigned kill_rounds;                 /* (t) how often out_of_memory_kill waited for it */
    uint32_t personality;                 /* (o) */
    uint64_t robust_list, robust_length;  /* (o) set_robust_list(2) */
    struct stack alternate_stack;         /* (o) sigaltstack(2) */
    uint64_t saved_blocked;               /* (o) mask to restore after rt_sigsuspend */
    bool restore_blocked;                 /* (o) */

    struct spinlock signal_lock;
    struct wait_queue resumed;        /* stop_signal became 0 */
    int stop_signal;                  /* (s) stopped by this signal; 0: not stopped */
    int taken_stop;                   /* (s) stop signal being acted on; SIGCONT makes it 0 */
    bool killed;                      /* (a) SIGKILL, or a fatal signal, is being acted on */
    int kill_signal;                  /* (s) which one */
    uint64_t pending;                 /* (s) bit n-1: signal n; also tested without the lock */
    uint64_t blocked;                 /* (s) */
    struct sigaction actions[SIGMAX]; /* (s) */
    struct signal_information information[SIGMAX]; /* (s) of the pending ones */
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

/* A reference to its address space, or NULL (kernel thread, zombie); released with aspace_release.
 */
struct aspace *process_aspace(struct process *process);

/* Is there a living or dead process, or a process group, or a session, with this number?
 * process_tree_lock held. */
bool process_group_exists(int group, int session);

/* Send a signal to a process (any context but no spinlock above RANK_SIGNAL held). information may
 * be NULL: from the kernel. */
void signal_send(struct process *process, int number);
void signal_send_information(struct process *process, int number,
                             const struct signal_information *information);

/* As signal_send to every process of a process group; -ESRCH if it is empty. Takes
 * process_tree_lock. */
int signal_send_group(int group, int number);

/* End the calling process with this wait status; the other threads too. Does not return. */
_Noreturn void process_exit(int status);

/*
 * fork(2), vfork(2) and clone(2) without threads: flags are CLONE_* of abi/sched.h with the exit
 * signal; stack 0: the parent's. The child's pid, -EAGAIN, -ENOMEM, -EINVAL, -ENOSYS.
 */
struct clone_request {
    uint64_t flags, stack, parent_tid, child_tid, tls;
};
long process_clone(const struct clone_request *request);

/* wait4(2) and waitid(2): what to wait for, and what was found. */
struct wait_request {
    int type, id; /* P_ALL, P_PID, P_PGID */
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

/* Resources used so far by a process: the current one, or process_tree_lock is held. */
void process_usage(struct process *process, struct resource_usage *usage);
void resource_usage_add(struct resource_usage *sum, const struct resource_usage *usage);

/* The number of processes, zombies included; and how many threads there may be, by memory
 * (/proc/sys/kernel/threads-max). */
unsigned process_count(void);
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

#endif
