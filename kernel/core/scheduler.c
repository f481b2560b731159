/*
 * The scheduler (scheduler.h): what a hart runs, and for how long.
 *
 * Each hart has a queue of runnable threads (run_queue.c) and runs them round-robin, in slices of
 * SLICE, or longer or shorter ones as they are nice: one of nice n has 4/5 of one of n-1. A thread
 * that has to wait sleeps (sleep.c), and a hart that has nothing to run idles (idle.c).
 *
 * The timer is set to the first of: the end of the slice, if somebody waits for it; the end of a
 * waiting thread's patience, if a hart idles; the first deadline of a sleeper, or of a timeout
 * (core/timeout.h). It is moved to earlier times only, and to the next one when it has come, so
 * most switches do not touch it. A hart with one runnable thread has no slice. When it comes to a
 * busy hart, this one may give a thread to another (balance.c).
 *
 * A slice that ends in the kernel goes on until the thread returns to user mode, for GRACE at most:
 * while a thread that holds a lock waits for its turn, all stand still who want the lock.
 *
 * A real-time thread (sched(7)) runs before those of lower priorities: where it is woken, or where
 * less important ones run. One that waits behind a higher one goes to another hart when one idles
 * or runs something less important.
 *
 * A switch holds the lock of the hart's queue: the old thread takes it, the new one releases it
 * (after_switch), on a stack that nobody else can be on. A thread that ends is freed there too,
 * when nobody uses its stack any more.
 */
#include "core/scheduler.h"
#include "abi/sched.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/load.h"
#include "core/lock_check.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/rseq.h"
#include "core/run_queue.h"
#include "core/time.h"
#include "core/timeout.h"
#include "lib/string.h"
#include "vm/aspace.h"

#define SLICE     (10 * MILLISECOND)
#define SLICE_MIN (MILLISECOND / 2)
#define SLICE_MAX (100 * MILLISECOND)
#define CPU_TICK  (4 * MILLISECOND) /* between looks at CPU time that has a limit */
#define GRACE     SLICE             /* to leave the kernel when the slice is over */

/* Switching */

/* The first thing that a thread does after a switch to it. Releases the lock of the queue. */
static void after_switch(void)
{
    struct run_queue *queue = run_queue_own();
    struct thread *ended = queue->ended, *moving = queue->moving;
    queue->ended = queue->moving = NULL;
    lock_check_taken(&queue->lock, queue->lock.name, queue->lock.rank);
    spin_unlock(&queue->lock);
    if (ended)
        thread_free(ended);
    if (moving)
        run_queue_place(moving);
}

void thread_started(void)
{
    after_switch();
}

void thread_finished(void)
{
    scheduler_exit();
}

/* Must somebody look at the CPU time that the thread uses? */
static bool wants_ticks(const struct thread *thread)
{
    const struct process *process = thread->process;
    return process && !thread->exited &&
           __atomic_load_n(&process->timers.wants_ticks, __ATOMIC_RELAXED);
}

void scheduler_switch(struct run_queue *queue)
{
    uint64_t now = time_now();
    struct thread *self = queue->current, *next = run_queue_take(queue, now);
    if (!next)
        next = queue->idle;
    debug_assert(!thread_stack_is_deep(self) && self->spin_depth == 1);
    next->state = THREAD_RUNNING;
    self->reschedule = false;
    scheduler_charge_system();
    queue->switched_at = now;
    queue->grace_end = 0;
    __atomic_store_n(&queue->rank, next == queue->idle ? 0 : next->priority + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&queue->running_load, next == queue->idle ? 0 : thread_slice(next),
                     __ATOMIC_RELAXED);
    if (queue->count)
        run_queue_timer_before(queue, now + thread_slice(next));
    if (wants_ticks(next))
        run_queue_timer_before(queue, now + CPU_TICK);
    if (next == self) {
        spin_unlock(&queue->lock);
        return;
    }
    next->tick_stamp = self->tick_stamp;
    run_queue_charge(queue, self, next);
    queue->current = next;
    queue->switches++;
    if (next->aspace)
        pmap_activate(&next->aspace->pmap);
    fp_switch(self, next);
    /* The next thread has the lock from here on. */
    lock_check_released(&queue->lock, queue->lock.name, queue->lock.rank);
    context_switch(&self->context, &next->context);
    after_switch();
}

/* Does the slice of a thread end? sched(7): not with SCHED_FIFO. */
static bool has_slices(const struct thread *thread)
{
    return (__atomic_load_n(&thread->policy, __ATOMIC_RELAXED) & ~SCHED_RESET_ON_FORK) !=
           SCHED_FIFO;
}

/* A real-time thread whose slice is not over makes way for higher priorities only, and is the first
 * of its own again (sched(7)). */
static bool keeps_turn(const struct run_queue *queue, const struct thread *thread)
{
    return thread->priority &&
           (!has_slices(thread) || time_now() < queue->switched_at + thread_slice(thread));
}

/* The current thread goes on. Releases the lock. */
static void stay(struct run_queue *queue, const struct thread *self)
{
    if (wants_ticks(self))
        run_queue_timer_before(queue, time_now() + CPU_TICK);
    if (queue->count)
        run_queue_timer_before(queue, balance_due(queue, time_now()));
    spin_unlock(&queue->lock);
}

/* Let others run: those on the queue, or all if this hart is not one to run on any more. kept: none
 * of the same priority. */
static void make_way(struct thread *self, struct run_queue *queue, bool kept)
{
    bool idles = self == queue->idle, moves = !idles && !thread_may_run_on(self, hart_index());
    if (!moves &&
        (queue->count == 0 || (kept && run_queue_next(queue)->priority <= self->priority))) {
        stay(queue, self);
        return;
    }
    self->involuntary_switches++;
    if (!idles)
        self->state = THREAD_RUNNABLE;
    if (moves || (kept && run_queue_choose_hart(self) != hart_index()))
        queue->moving = self;
    else if (kept)
        run_queue_return(queue, self);
    else if (!idles)
        run_queue_insert(queue, self, false);
    scheduler_switch(queue);
}

/* Go to the end of the queue, if there is somebody on it; or to another hart, if this one is not
 * one to run on any more. */
void thread_yield(void)
{
    struct thread *self = current_thread();
    struct run_queue *queue = run_queue_lock_own();
    self->reschedule = false;
    rseq_note(self);
    make_way(self, queue, false);
}

/*
 * Does the thread, which is to make way, run on until it leaves the kernel? It may hold a lock, for
 * which many come to wait while it waits for its turn itself. But not for ever, and not while
 * something more important waits. Lock held.
 */
static bool has_grace(struct run_queue *queue, const struct thread *self)
{
    const struct thread *next = run_queue_next(queue);
    uint64_t now = time_now();
    if (!next || self == queue->idle || next->priority > self->priority)
        return false;
    if (!queue->grace_end)
        queue->grace_end = now + GRACE;
    if (now >= queue->grace_end)
        return false;
    run_queue_timer_before(queue, queue->grace_end);
    return true;
}

static __attribute__((noinline)) void preempt(struct thread *self, bool in_kernel)
{
    struct run_queue *queue = run_queue_lock_own();
    if (in_kernel && has_grace(queue, self)) {
        spin_unlock(&queue->lock);
        return;
    }
    self->reschedule = false;
    rseq_note(self);
    make_way(self, queue, keeps_turn(queue, self));
}

void scheduler_preempt(bool in_kernel)
{
    struct thread *self = current_thread();
    if (self->reschedule && self->spin_depth == 0)
        preempt(self, in_kernel);
}

void scheduler_add(struct thread *thread)
{
    thread->state = THREAD_RUNNABLE;
    run_queue_place(thread);
}

_Noreturn void scheduler_exit(void)
{
    struct run_queue *queue;
    lock_check_none();
    queue = run_queue_lock_own();
    queue->current->state = THREAD_DEAD;
    queue->ended = queue->current;
    scheduler_switch(queue);
    panic("a thread that has ended runs");
}

bool scheduler_is_running(const struct thread *thread)
{
    return __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == THREAD_RUNNING;
}

/* The timer */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Somebody waits for the running thread's hart: end its slice if it is over, and ask an idle hart
 * if patience is. When to look again. Lock held. */
static uint64_t mind_waiting(struct run_queue *queue, uint64_t now)
{
    const struct thread *waiting = run_queue_next(queue);
    uint64_t slice_end = queue->switched_at + thread_slice(queue->current);
    if (waiting->priority < queue->current->priority || !has_slices(queue->current)) {
        slice_end = NEVER;
    } else if (slice_end <= now) {
        queue->current->reschedule = true;
        slice_end = NEVER;
    }
    slice_end = earlier(slice_end, balance_due(queue, now));
    if (!thread_idle_harts(waiting))
        return slice_end;
    if (waiting->queued_since + PATIENCE <= now)
        run_queue_kick_idle(waiting);
    return earlier(slice_end, now + PATIENCE);
}

void scheduler_timer(void)
{
    bool ticks = wants_ticks(current_thread());
    struct run_queue *queue;
    struct thread *given, *away;
    unsigned hart;
    if (ticks)
        process_timers_tick(); /* first, for it may start timeouts */
    uint64_t next = timeouts_run(), now = time_now();
    if (ticks)
        next = earlier(next, now + CPU_TICK);
    queue = run_queue_lock_own();
    queue->timer_at = 0; /* nothing below sets the timer before its end */
    next = earlier(next, sleep_wake_expired(queue, now, &away));
    if (queue->count && queue->current != queue->idle)
        next = earlier(next, mind_waiting(queue, now));
    given = balance_take(queue, now, &hart);
    queue->timer_at = next;
    timer_set(next);
    spin_unlock(&queue->lock);
    if (given)
        balance_give(given, hart);
    if (away)
        run_queue_place(away);
    load_sample(now);
}

void scheduler_timer_before(uint64_t deadline)
{
    struct run_queue *queue = run_queue_own();
    spin_lock(&queue->lock);
    run_queue_timer_before(queue, deadline);
    spin_unlock(&queue->lock);
}

void scheduler_begin_ticks(struct process *process)
{
    for (unsigned i = 0; i < hart_count(); i++) {
        const struct thread *current = __atomic_load_n(&run_queues[i].current, __ATOMIC_RELAXED);
        bool runs = false;
        list_for_each (link, &process->threads) {
            runs |= container_of(link, struct thread, process_link) == current;
        }
        if (runs)
            hart_kick(i); /* it comes to thread_yield */
    }
}

/* What a thread is given */

void scheduler_set_nice(struct thread *thread, int nice)
{
    uint64_t slice = SLICE;
    for (int n = nice; n > 0; n--)
        slice = slice * 4 / 5;
    for (int n = nice; n < 0; n++)
        slice = slice * 5 / 4;
    if (slice < SLICE_MIN)
        slice = SLICE_MIN;
    if (slice > SLICE_MAX)
        slice = SLICE_MAX;
    thread->nice = nice;
    __atomic_store_n(&thread->slice, slice, __ATOMIC_RELAXED);
    if (scheduler_is_running(thread)) {
        struct run_queue *queue = run_queue_lock_of(thread);
        if (queue->current == thread)
            __atomic_store_n(&queue->running_load, slice, __ATOMIC_RELAXED);
        spin_unlock(&queue->lock);
    }
}

/* A thread that waits in a queue goes to another one; one that runs comes to thread_yield. */
void scheduler_set_affinity(struct thread *thread, uint64_t affinity)
{
    struct run_queue *queue;
    unsigned hart;
    bool moves, runs;
    __atomic_store_n(&thread->affinity, affinity, __ATOMIC_SEQ_CST);
    queue = run_queue_lock_of(thread);
    hart = thread->hart->index;
    moves = !thread_may_run_on(thread, hart) && !list_empty(&thread->run_link);
    runs = !thread_may_run_on(thread, hart) && thread->state == THREAD_RUNNING;
    if (moves)
        run_queue_remove(queue, thread);
    spin_unlock(&queue->lock);
    if (moves)
        run_queue_place(thread);
    if (runs && thread != current_thread())
        hart_kick(hart);
    if (runs && thread == current_thread())
        thread_yield();
}

void scheduler_set_priority(struct thread *thread, unsigned priority)
{
    struct run_queue *queue = run_queue_lock_of(thread);
    bool waits = !list_empty(&thread->run_link);
    unsigned hart = thread->hart->index;
    thread->priority = priority;
    if (waits)
        run_queue_move(queue, thread);
    else if (queue->current == thread)
        __atomic_store_n(&queue->rank, priority + 1, __ATOMIC_RELAXED);
    spin_unlock(&queue->lock);
    hart_kick(hart);
}

/* Start */

struct thread *scheduler_create_idle(unsigned hart)
{
    struct thread *thread = thread_create("idle", scheduler_idle, NULL);
    struct run_queue *queue = &run_queues[hart];
    if (!thread)
        return NULL;
    spin_init(&queue->lock, "run queue", RANK_RUN_QUEUE);
    list_init(&queue->threads);
    list_init(&queue->urgent);
    tree_init(&queue->sleepers, NULL);
    queue->timer_at = NEVER;
    queue->idle = queue->current = thread;
    thread->hart = &harts[hart];
    thread->state = THREAD_RUNNING;
    harts[hart].idle = thread;
    return thread;
}

void scheduler_init(void)
{
    struct thread *boot = current_thread();
    struct run_queue *queue;
    if (!scheduler_create_idle(hart_index()))
        panic("no memory for the idle thread");
    queue = run_queue_own();
    queue->idle->state = THREAD_RUNNABLE;
    queue->current = boot;
    queue->switched_at = time_now();
    boot->tick_stamp = timer_ticks();
    scheduler_set_nice(boot, 0);
    boot->hart = current_hart();
    boot->affinity = UINT64_MAX;
    boot->state = THREAD_RUNNING;
    string_copy(boot->name, "boot", sizeof(boot->name));
    list_init(&boot->run_link);
    list_init(&boot->process_link);
}

_Noreturn void scheduler_start_hart(void)
{
    struct thread *self = current_thread();
    if (self != current_hart()->idle)
        scheduler_exit();
    self->spin_depth = 0;
    self->tick_stamp = timer_ticks();
    interrupts_enable();
    scheduler_idle(NULL);
    __builtin_unreachable();
}
