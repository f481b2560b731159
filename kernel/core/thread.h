/*
 * Threads: what the scheduler runs. Kernel threads have no process memory; a user thread belongs to
 * a process. The life cycle of processes is in core/process.h.
 */
#ifndef MAPIX_CORE_THREAD_H
#define MAPIX_CORE_THREAD_H

#include "arch/riscv/trap.h"
#include "core/inherit.h"
#include "core/seccomp.h"
#include "core/signal_queue.h"
#include "core/trace.h"
#include "core/traffic.h"
#include "core/wait.h"
#include "lib/list.h"
#include "lib/tree.h"

/* What becomes of an interrupted system call: core/syscall.h. */
enum restart { RESTART_NONE, RESTART_WITHOUT_HANDLER, RESTART_AFTER_HANDLER, RESTART_ALWAYS };

enum thread_state { THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SLEEPING, THREAD_STOPPED, THREAD_DEAD };

struct aspace;
struct credentials;
struct file_table;
struct path_context;
struct process;

#define THREAD_NAME_SIZE 16

/*
 * Who may touch a field: (s) the thread itself, (r) the lock of the run queue that it is or was
 * last on, (i) the thread itself with interrupts off, (l) signal_lock of its process, (t)
 * process_tree_lock. (sl): the thread itself changes it with (l), so it reads it without, and
 * others with it.
 */
struct thread {
    struct switch_context context; /* (r) callee-saved registers while not running; first member */
    void *stack;                   /* lowest usable address of the kernel stack */
    struct trap_frame *frame;      /* user registers, at the top of the kernel stack */
    struct hart *hart;             /* (r) where it runs, or ran last */
    uint64_t affinity;             /* atomic: bit n: it may run on hart n */
    unsigned priority;             /* (r) real-time priority, with what it inherits; 0: none */
    struct inheritance inherit;    /* of priority (core/inherit.h) */
    int policy;                    /* (t) SCHED_*, with SCHED_RESET_ON_FORK */
    uint16_t io_priority;          /* (t) ioprio_set(2); 0: none */
    struct process *process;       /* (t) NULL: kernel thread, or it has left its process */
    struct aspace *aspace;         /* (sl) that it runs in, referenced; NULL: none */
    struct credentials *credentials; /* (s) replaced with process_tree_lock; NULL: the kernel's */
    uint32_t spin_depth;             /* (i) spinlocks held */
    bool interrupts_were_on;         /* (i) before the outermost of them */
    int nice;                        /* (t) -20..19: sched(7); scheduler_set_nice */
    uint64_t slice;                  /* atomic: nanoseconds it may run while others wait */
    union {
        struct {
            bool reschedule; /* atomic: give the hart up at the next chance */
            bool rseq_due;   /* atomic: something that ends sequences has happened (core/rseq.h) */
            bool attention;  /* (l), atomic: there may be a signal to act on, or a stop */
        };
        uint32_t work_on_return; /* any of them */
    };
    uint32_t rseq_size, rseq_signature; /* (s) of the area of rseq(2) */
    uint64_t rseq_area;                 /* (s) user address; 0: none */

    enum thread_state state;     /* (r) */
    enum wait_kind wait_kind;    /* (r) while sleeping */
    bool woken;                  /* (r) wake came between wait_prepare and wait_sleep */
    uint32_t waits;              /* (s) queues that it is prepared on */
    bool timed_out;              /* (r) the deadline ended the sleep */
    bool timed;                  /* (r) in the timer tree */
    struct list run_link;        /* (r) run queue */
    struct tree_node timer_node; /* in the hart's timer tree, while sleeping with a deadline */
    uint64_t deadline;           /* nanoseconds of time_now() */
    uint64_t queued_since;       /* (r) while runnable: time_now() then, if harts were idle */
    uint64_t weight;             /* (r) in the load of the queue that it is on */
    uint64_t moved_at;           /* (r) when balance.c gave it to another hart last, or 0 */
    uint64_t user_ticks, system_ticks; /* (i) of the time register, up to tick_stamp */
    uint64_t ticks_at_sleep;           /* (i) their sum when it slept last */
    uint64_t tick_stamp;               /* (i) when time was counted last */
    enum restart restart;              /* (s) of a system call that was interrupted */
    uint64_t restart_argument;         /* (s) its a0 */
    uint64_t call_argument;            /* (s) a0 of a call that the tracer looks at */
    uint64_t restart_address;          /* (s) of its instruction, while signals are acted on */
    uint64_t sleep_deadline;           /* (s) of nanosleep, while it is restarted; else 0 */
    uint64_t voluntary_switches, involuntary_switches;
    bool allocation_failed;            /* (s) no frame could be had; cleared by who asks */
    bool frees_memory;                 /* (s) uses the reserve of frames, and does not reclaim */
    struct fp_state fp;                /* (s) floating-point registers while not in the hart */
    char name[THREAD_NAME_SIZE];       /* (s) of the kernel thread, or of the program */
    uint64_t references;               /* atomic: the scheduler, its process, and others */
    int id;                            /* (t) thread identifier */
    struct tree_node id_node;          /* (t) in the tree of threads, if it has an identifier */
    struct list process_link;          /* process->threads: changed with (t) and (l) */
    uint64_t start_time;               /* time_now() when it was made */
    struct file_table *files;          /* (sl) referenced; NULL once it exits */
    struct path_context *path_context; /* (sl) referenced; NULL once it exits */
    uint64_t clear_child_tid;          /* (s) user address, set_tid_address(2) */
    uint64_t robust_list;              /* (s) user address, set_robust_list(2) */
    struct wait_queue vfork_done;      /* its vfork child has let go of the address space */
    bool vfork_released;               /* atomic: it has */

    bool killed;                  /* (l), atomic: it has to end */
    bool exited;                  /* (l) it takes no signals any more */
    uint64_t blocked;             /* (sl) signals */
    uint64_t real_blocked;        /* (sl) blocked as it was before rt_sigtimedwait; else 0 */
    uint64_t saved_blocked;       /* (s) mask to restore when a signal has been acted on */
    bool restore_blocked;         /* (s) do so */
    struct signal_queue pending;  /* (l) sent to this thread */
    bool stop_joined;             /* (l), atomic: it has taken part in the stop of its process */
    struct stack alternate_stack; /* (s) sigaltstack(2) */
    struct trace trace;           /* whom it traces, and who traces it */
    struct seccomp seccomp;       /* which calls it may make */
    struct traffic traffic;       /* (s) */
#ifdef DEBUG
    uint64_t fail_nth;     /* (s) the allocation that fails, counted from the next; 0: none */
    uint64_t fail_every;   /* (s) ... and so many after it the next one; 0: no other */
    bool in_interrupt;     /* (i) */
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

/* Give back the stack and a reference of a thread that does not run: ended, or never started. */
void thread_free(struct thread *thread);

/* The structure stays while it is referenced. */
void thread_reference(struct thread *thread);
void thread_release(struct thread *thread);

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

/* A signal may be pending on which the current thread must act (interrupts interruptible waits). */
bool thread_signalled(void);

/* The current thread is being killed: killable waits end. */
bool thread_killed(void);

#endif
