/*
 * The queues of runnable threads, one per hart: what the files of the scheduler share
 * (run_queue.c, scheduler.c, sleep.c, idle.c, balance.c, hart_time.c).
 */
#ifndef MAPIX_CORE_RUN_QUEUE_H
#define MAPIX_CORE_RUN_QUEUE_H

#include "arch/riscv/hart.h"
#include "arch/riscv/timer.h"
#include "core/lock.h"
#include "core/thread.h"
#include "lib/list.h"
#include "lib/tree.h"

#define MILLISECOND 1000000ul
#define PATIENCE    (MILLISECOND / 5) /* how long a woken thread waits for its waker's hart */
#define NEVER       UINT64_MAX

struct run_queue {
    struct spinlock lock;
    struct list threads;               /* runnable, the next one first */
    struct list urgent;                /* others, that go before those of the same priority */
    uint32_t count;                    /* of both; read by others as a hint */
    uint64_t waiting_load;             /* slices of those on it; read by others as a hint */
    uint64_t running_load;             /* current's slice, 0: the hart idles; a hint too */
    uint64_t rotated_at;               /* when a thread went or came for balance */
    uint64_t overtaken_since;          /* when urgent ones began to go before threads, or 0 */
    struct thread *current;            /* what the hart runs */
    struct thread *idle;               /* runs when there is nothing else */
    struct thread *ended;              /* has switched away for ever: to be freed */
    struct thread *moving;             /* has switched away to run on another hart */
    struct tree sleepers;              /* threads that sleep with a deadline, in order of it */
    uint32_t rank;                     /* hint: current's priority and one, 0: the hart idles */
    uint64_t switched_at;              /* when current came */
    uint64_t grace_end;                /* until when current may stay in the kernel, or 0 */
    uint64_t timer_at;                 /* what the timer is set to, NEVER: nothing */
    uint64_t switches;                 /* so far */
    uint64_t user_ticks, system_ticks; /* of the threads that ran, idle not counted */
    uint64_t nice_ticks;               /* of the user's those of nice ones */
    uint64_t user_base, system_base;   /* what current had used when it came */
    uint32_t vacate;                   /* atomic: asked to load the kernel's address space */
} __attribute__((aligned(64)));

extern struct run_queue run_queues[HART_MAX];
extern uint64_t idle_harts; /* atomic: bit n, hart n looks for work or waits for an interrupt */

static inline struct run_queue *run_queue_own(void)
{
    return &run_queues[hart_index()];
}

/* Lock the queue that the thread is on, or was on last. */
static inline struct run_queue *run_queue_lock_of(struct thread *thread)
{
    for (;;) {
        struct hart *hart = __atomic_load_n(&thread->hart, __ATOMIC_ACQUIRE);
        struct run_queue *queue = &run_queues[hart->index];
        spin_lock(&queue->lock);
        if (__atomic_load_n(&thread->hart, __ATOMIC_RELAXED) == hart)
            return queue;
        spin_unlock(&queue->lock);
    }
}

/* Lock the queue of the hart that the caller runs on. */
static inline struct run_queue *run_queue_lock_own(void)
{
    return run_queue_lock_of(current_thread());
}

/* Let the timer come at this moment at the latest. Lock of the queue, the own one, held. */
static inline void run_queue_timer_before(struct run_queue *queue, uint64_t time)
{
    if (time < queue->timer_at) {
        queue->timer_at = time;
        timer_set(time);
    }
}

static inline uint64_t thread_slice(const struct thread *thread)
{
    return __atomic_load_n(&thread->slice, __ATOMIC_RELAXED);
}

/* Harts that idle and that the thread may run on. */
static inline uint64_t thread_idle_harts(const struct thread *thread)
{
    return __atomic_load_n(&idle_harts, __ATOMIC_SEQ_CST) &
           __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
}

/* The priority of what a hart runs, and one; 0: it idles. A hint. */
static inline uint32_t run_queue_rank(unsigned hart)
{
    return __atomic_load_n(&run_queues[hart].rank, __ATOMIC_RELAXED);
}

static inline bool thread_may_run_on(const struct thread *thread, unsigned hart)
{
    return __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED) >> hart & 1;
}

static inline struct thread *run_queue_thread(struct list *link)
{
    return container_of(link, struct thread, run_link);
}

/* Ask one idle hart to look for work, which this thread is. */
void run_queue_kick_idle(const struct thread *thread);

/* Put a thread on a queue, whose hart it may run on; urgent: before others of its priority. Lock
 * held. */
void run_queue_insert(struct run_queue *queue, struct thread *thread, bool urgent);

/* Put a preempted thread back on the queue, as the first of its priority. Lock held. */
void run_queue_return(struct run_queue *queue, struct thread *thread);

/* Take a thread off a queue. Lock held. */
static inline void run_queue_remove(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->run_link);
    queue->count--;
    __atomic_store_n(&queue->waiting_load, queue->waiting_load - thread->weight, __ATOMIC_RELAXED);
}

/* The thread that is to run next; NULL: none. Lock held. */
struct thread *run_queue_next(const struct run_queue *queue);

/* Take the thread off that is to run next; NULL: none. Lock held. */
struct thread *run_queue_take(struct run_queue *queue, uint64_t now);

/* Let a thread on the queue, which is none of real time, go before the others. Lock held. */
void run_queue_put_first(struct run_queue *queue, struct thread *thread);

/* Give a thread on the queue, whose priority has changed, its place. Lock held. */
void run_queue_move(struct run_queue *queue, struct thread *thread);

/* A hart that the thread may run on: this one, if possible. A real-time thread that would have to
 * wait here gets the hart that runs what is least important. Interrupts off. */
unsigned run_queue_choose_hart(const struct thread *thread);

/* Lock the queue of a hart that was chosen for a thread on no queue, and let thread->hart be that;
 * false, and no lock: the affinity has changed since. After a change, scheduler_set_affinity looks
 * at thread->hart; so either it finds the thread where it is put, or the change is found here. */
bool run_queue_lock_for(struct thread *thread, unsigned hart);

/* Put a runnable thread that is on no queue on that of a hart it may run on. No lock held. */
void run_queue_place(struct thread *thread);

/* Switch to the next thread. The queue, the own one, is locked, and current's state is set; the
 * lock is released. */
void scheduler_switch(struct run_queue *queue);

/* Wake the sleepers whose time has come, up to one that may not run here any more: *away, runnable
 * and on no queue (else NULL). The deadline of the next one, or NEVER. Lock held. */
uint64_t sleep_wake_expired(struct run_queue *queue, uint64_t now, struct thread **away);

/* Count what self has used of the hart, and note from where next counts. Lock held. */
void run_queue_charge(struct run_queue *queue, const struct thread *self,
                      const struct thread *next);

/* Take a thread off the queue of this hart, which is busy, that is better off on another one,
 * *hart. NULL: none. Lock held. */
struct thread *balance_take(struct run_queue *queue, uint64_t now, unsigned *hart);

/* Let that hart have it. Interrupts off, no lock held. */
void balance_give(struct thread *thread, unsigned hart);

/* When to look at those that wait though no slice ends, or NEVER. Lock held. */
uint64_t balance_due(const struct run_queue *queue, uint64_t now);

/* The life of a hart's idle thread (idle.c). */
void scheduler_idle(void *argument);

#endif
