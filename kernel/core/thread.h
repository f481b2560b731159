/*
 * Threads: what the scheduler runs. Kernel threads have no process memory; a user thread belongs to
 * a process. The life cycle of processes is in core/process.h.
 */
#ifndef MAPIX_CORE_THREAD_H
#define MAPIX_CORE_THREAD_H

#include "arch/riscv/trap.h"
#include "core/wait.h"
#include "lib/list.h"
#include "lib/tree.h"

enum thread_state { THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SLEEPING, THREAD_STOPPED, THREAD_DEAD };

struct credentials;
struct process;

/*
 * Who may touch a field: (s) the thread itself, (r) the lock of the run queue that it is or was
 * last on, (i) the thread itself with interrupts off.
 */
struct thread {
    struct switch_context context; /* (r) callee-saved registers while not running; first member */
    void *stack;                   /* lowest usable address of the kernel stack */
    struct trap_frame *frame;      /* user registers, at the top of the kernel stack */
    struct hart *hart;             /* (r) where it runs, or ran last */
    struct process *process;       /* NULL: kernel thread */
    struct credentials *credentials; /* (s) replaced with process_tree_lock; NULL: the kernel's */
    uint32_t spin_depth;             /* (i) spinlocks held */
    bool interrupts_were_on;         /* (i) before the outermost of them */
    bool reschedule;                 /* atomic: give the hart up at the next chance */
    enum thread_state state;         /* (r) */
    enum wait_kind wait_kind;        /* (r) while sleeping */
    bool woken;                      /* (r) wake came between wait_prepare and wait_sleep */
    uint32_t waits;                  /* (s) queues that it is prepared on */
    bool timed_out;                  /* (r) the deadline ended the sleep */
    bool timed;                      /* (r) in the timer tree */
    struct list run_link;            /* (r) run queue */
    struct tree_node timer_node;     /* in the hart's timer tree, while sleeping with a deadline */
    uint64_t deadline;               /* nanoseconds of time_now() */
    uint64_t queued_since;           /* (r) while runnable: time_now() then, if harts were idle */
    uint64_t user_ticks, system_ticks; /* (i) of the time register, up to tick_stamp */
    uint64_t tick_stamp;               /* (i) when time was counted last */
    bool restart;                      /* (s) a system call ended with -EINTR */
    uint64_t restart_argument;         /* (s) its a0 */
    uint64_t sleep_deadline;           /* (s) of nanosleep, while it is restarted; else 0 */
    uint64_t voluntary_switches, involuntary_switches;
    struct list process_link; /* process->threads */
    int id;                   /* thread id */
    uint64_t clear_child_tid; /* user address, set_tid_address(2) */
    struct fp_state fp;       /* (s) floating-point registers while not in the hart */
    const char *name;         /* kernel threads */
#ifdef DEBUG
    uint32_t lock_count;   /* (s) */
    const void *locks[16]; /* (s) held, for the order check */
    uint16_t lock_ranks[16];
#endif
};

/* Start a kernel thread that runs entry(argument). -ENOMEM. */
int kernel_thread_start(const char *name, void (*entry)(void *), void *argument);

/*
 * A thread that is not running yet (scheduler_add starts it): of the kernel, running
 * entry(argument), or of a user, going to user mode with the registers that the caller puts into
 * thread->frame. NULL: no memory.
 */
struct thread *thread_create(const char *name, void (*entry)(void *), void *argument);
struct thread *thread_create_user(void);

/* Give back a thread that does not run: ended, or never started. */
void thread_free(struct thread *thread);

/* Has the thread used its stack to the last kilobyte? Asked at each switch of the DEBUG kernel. */
bool thread_stack_is_deep(const struct thread *thread);

/* Called by the assembler: a new thread has come onto a hart, its entry function has returned. */
void thread_started(void);
void thread_finished(void);

/* Set up the memory for threads. */
void thread_init(void);

/* Give the hart to another runnable thread, if there is one. */
void thread_yield(void);

/* Sleep for at least this many nanoseconds; -EINTR when interrupted. */
int thread_sleep(uint64_t nanoseconds, enum wait_kind kind);

/* A signal is pending on which the current thread must act (interrupts interruptible waits). */
bool thread_signalled(void);

/* The current process is being killed: killable waits end. */
bool thread_killed(void);

#endif
