/*
 * The scheduler (scheduler.h).
 *
 * Each hart has a queue of runnable threads and runs them round-robin, in slices of SLICE, or
 * longer or shorter ones as they are nice: one of nice n has 4/5 of one of n-1. A woken thread
 * joins the queue of the hart that wakes it: a thread that wakes another and then sleeps, as the
 * two ends of a pipe do, hands over without leaving the hart. If the waker goes on instead, the
 * woken thread waits, and after PATIENCE the timer asks an idle hart to take it; what an interrupt
 * wakes is offered at once. An idle hart looks at all queues for a thread whose patience is over.
 * What an interrupt or the clock wakes is urgent, and goes before the others; but never more than
 * OVERTAKES_MAX times in a row, or many short sleepers would keep the others from running at all.
 *
 * The timer is set to the first of: the end of the slice, if somebody waits for it; the end of a
 * waiting thread's patience, if a hart idles; the first deadline of a sleeper, or of a timeout
 * (core/timeout.h). It is moved to
 * earlier times only, and to the next one when it has come, so most switches do not touch it. A
 * hart with one runnable thread has no slice, and an idle one sleeps until something happens.
 *
 * A switch holds the lock of the hart's queue: the old thread takes it, the new one releases it
 * (after_switch), on a stack that nobody else can be on. A thread that ends is freed there too,
 * when nobody uses its stack any more.
 *
 * An address space stays loaded while its hart idles or runs kernel threads, for loading costs a
 * flush and the same process often comes back. A hart that is interrupted in vain while it idles
 * lets go of it, so it is disturbed once at most; scheduler_vacate makes all let go.
 */
#include "core/scheduler.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/fp.h"
#include "core/load.h"
#include "core/lock_check.h"
#include "core/printk.h"
#include "core/process.h"
#include "core/thread.h"
#include "core/time.h"
#include "core/timeout.h"
#include "lib/string.h"
#include "vm/aspace.h"

#define SECOND      1000000000ul
#define MILLISECOND 1000000ul
#define SLICE       (10 * MILLISECOND)
#define SLICE_MIN   (MILLISECOND / 2)
#define SLICE_MAX   (100 * MILLISECOND)
#define PATIENCE    (MILLISECOND / 5)
#define INTERACTIVE MILLISECOND       /* what a thread may run on when an interrupt wakes another */
#define CPU_TICK    (4 * MILLISECOND) /* between looks at CPU time that has a limit */
#define NEVER       UINT64_MAX

#define OVERTAKES_MAX 16u /* urgent threads that may go before one that waits for its turn */

struct run_queue {
    struct spinlock lock;
    struct list threads;               /* runnable, the next one first */
    struct list urgent;                /* others, that go before those of the same priority */
    uint32_t count;                    /* of both; read by others as a hint */
    uint32_t overtakes;                /* urgent ones that have gone before one of threads */
    struct thread *current;            /* what the hart runs */
    struct thread *idle;               /* runs when there is nothing else */
    struct thread *ended;              /* has switched away for ever: to be freed */
    struct thread *moving;             /* has switched away to run on another hart */
    struct tree sleepers;              /* threads that sleep with a deadline, in order of it */
    uint64_t switched_at;              /* when current came */
    uint64_t timer_at;                 /* what the timer is set to, NEVER: nothing */
    uint64_t switches;                 /* so far */
    uint64_t user_ticks, system_ticks; /* of the threads that ran, idle not counted */
    uint64_t nice_ticks;               /* of the user's those of nice ones */
    uint64_t user_base, system_base;   /* what current had used when it came */
    uint32_t vacate;                   /* atomic: asked to load the kernel's address space */
} __attribute__((aligned(64)));

static struct run_queue run_queues[HART_MAX];
static uint64_t idle_harts; /* atomic: bit n, hart n looks for work or waits for an interrupt */

static struct run_queue *own_queue(void)
{
    return &run_queues[hart_index()];
}

/* Lock the queue that the thread is on, or was on last. */
static struct run_queue *lock_queue_of(struct thread *thread)
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
static struct run_queue *lock_own_queue(void)
{
    return lock_queue_of(current_thread());
}

/* Timer */

static void timer_not_after(struct run_queue *queue, uint64_t time)
{
    if (time < queue->timer_at) {
        queue->timer_at = time;
        timer_set(time);
    }
}

void scheduler_timer_before(uint64_t deadline)
{
    struct run_queue *queue = own_queue();
    spin_lock(&queue->lock);
    timer_not_after(queue, deadline);
    spin_unlock(&queue->lock);
}

static struct thread *thread_of_timer(struct tree_node *node)
{
    return container_of(node, struct thread, timer_node);
}

static void add_sleeper(struct run_queue *queue, struct thread *thread, uint64_t deadline)
{
    struct tree_node *parent = NULL, *node = queue->sleepers.root;
    bool left = false;
    thread->deadline = deadline;
    while (node) {
        parent = node;
        left = deadline < thread_of_timer(node)->deadline;
        node = left ? node->left : node->right;
    }
    tree_insert(&queue->sleepers, parent, left, &thread->timer_node);
    thread->timed = true;
    timer_not_after(queue, deadline);
}

static void remove_sleeper(struct run_queue *queue, struct thread *thread)
{
    if (thread->timed) {
        tree_remove(&queue->sleepers, &thread->timer_node);
        thread->timed = false;
    }
}

/* Must somebody look at the CPU time that the thread uses? */
static bool wants_ticks(const struct thread *thread)
{
    const struct process *process = thread->process;
    return process && !thread->exited &&
           __atomic_load_n(&process->timers.wants_ticks, __ATOMIC_RELAXED);
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

/* Slices */

static uint64_t slice_of(const struct thread *thread)
{
    return __atomic_load_n(&thread->slice, __ATOMIC_RELAXED);
}

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
}

/* Switching */

/* Harts that idle and that the thread may run on. */
static uint64_t idle_harts_for(const struct thread *thread)
{
    return __atomic_load_n(&idle_harts, __ATOMIC_SEQ_CST) &
           __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
}

static bool may_run_on(const struct thread *thread, unsigned hart)
{
    return __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED) >> hart & 1;
}

/* Ask one idle hart to look for work, which this thread is. */
static void kick_idle_hart(const struct thread *thread)
{
    uint64_t idle = idle_harts_for(thread) & ~(1ul << hart_index());
    if (idle) {
        unsigned index = (unsigned)__builtin_ctzl(idle);
        __atomic_fetch_and(&idle_harts, ~(1ul << index), __ATOMIC_SEQ_CST);
        hart_kick(index);
    }
}

static struct thread *thread_of_run(struct list *link)
{
    return container_of(link, struct thread, run_link);
}

/* Put a thread on a list of runnable ones, ordered by priority: as the last of its own. Nearly all
 * have priority 0. */
static void insert(struct list *list, struct thread *thread)
{
    struct list *place = list->previous;
    while (place != list && thread_of_run(place)->priority < thread->priority)
        place = place->previous;
    list_insert_after(place, &thread->run_link);
}

/* Put a thread on a queue, whose hart it may run on. Lock held. */
static void enqueue(struct run_queue *queue, struct thread *thread, bool urgent)
{
    bool busy = queue->current != queue->idle;
    insert(urgent ? &queue->urgent : &queue->threads, thread);
    __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_SEQ_CST);
    thread->queued_since = 0;
    if (queue != own_queue()) {
        hart_kick((unsigned)(queue - run_queues));
        return;
    }
    if (!busy)
        return;
    if (thread->priority > queue->current->priority)
        queue->current->reschedule = true;
    timer_not_after(queue, queue->switched_at + slice_of(queue->current));
    if (idle_harts_for(thread)) {
        uint64_t now = time_now();
        thread->queued_since = now;
        timer_not_after(queue, now + PATIENCE);
    }
}

/* Take a thread off a queue. Lock held. */
static void remove(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->run_link);
    queue->count--;
}

/* The thread that is to run next; NULL: none. Many that wake up again and again must not keep the
 * others waiting for ever, so that these have a turn after some urgent ones. */
static struct thread *next_thread(const struct run_queue *queue)
{
    struct list *urgent = list_first(&queue->urgent), *waiting = list_first(&queue->threads);
    if (!urgent || !waiting)
        return urgent || waiting ? thread_of_run(urgent ? urgent : waiting) : NULL;
    unsigned first = thread_of_run(urgent)->priority, second = thread_of_run(waiting)->priority;
    if (first == second)
        return thread_of_run(queue->overtakes < OVERTAKES_MAX ? urgent : waiting);
    return thread_of_run(first > second ? urgent : waiting);
}

static struct thread *dequeue(struct run_queue *queue)
{
    struct thread *thread = next_thread(queue);
    if (!thread)
        return NULL;
    bool overtakes = !list_empty(&queue->threads) && queue->threads.next != &thread->run_link;
    queue->overtakes = overtakes ? queue->overtakes + 1 : 0;
    remove(queue, thread);
    return thread;
}

/* A hart that the thread, which may not run on this one, may run on: one that idles, if possible.
 */
static __attribute__((noinline)) unsigned choose_other_hart(const struct thread *thread)
{
    uint64_t online = hart_count() == HART_MAX ? UINT64_MAX : (1ul << hart_count()) - 1;
    uint64_t idle = idle_harts_for(thread);
    uint64_t allowed = __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED) & online;
    return allowed ? (unsigned)__builtin_ctzl(idle ? idle : allowed) : hart_index();
}

/* A hart that the thread may run on: this one, if possible. Interrupts off. */
static unsigned choose_hart(const struct thread *thread)
{
    unsigned own = hart_index();
    return may_run_on(thread, own) ? own : choose_other_hart(thread);
}

/* Put a runnable thread that is on no queue on that of a hart it may run on. No lock held. */
static void place(struct thread *thread)
{
    uint64_t state = interrupts_disable();
    unsigned hart = choose_hart(thread);
    struct run_queue *queue = &run_queues[hart];
    spin_lock(&queue->lock);
    __atomic_store_n(&thread->hart, &harts[hart], __ATOMIC_RELEASE);
    enqueue(queue, thread, false);
    spin_unlock(&queue->lock);
    interrupts_restore(state);
}

/* The first thing that a thread does after a switch to it. Releases the lock of the queue. */
static void after_switch(void)
{
    struct run_queue *queue = own_queue();
    struct thread *ended = queue->ended, *moving = queue->moving;
    queue->ended = queue->moving = NULL;
    lock_check_taken(&queue->lock, queue->lock.name, queue->lock.rank);
    spin_unlock(&queue->lock);
    if (ended)
        thread_free(ended);
    if (moving)
        place(moving);
}

void thread_started(void)
{
    after_switch();
}

void thread_finished(void)
{
    scheduler_exit();
}

/* Count what self has used of the hart, and note from where next counts. */
static void charge_hart(struct run_queue *queue, const struct thread *self,
                        const struct thread *next)
{
    if (self != queue->idle) {
        queue->user_ticks += self->user_ticks - queue->user_base;
        if (self->nice > 0)
            queue->nice_ticks += self->user_ticks - queue->user_base;
        queue->system_ticks += self->system_ticks - queue->system_base;
    }
    queue->user_base = next->user_ticks;
    queue->system_base = next->system_ticks;
}

/* Switch to the next thread. The queue, the own one, is locked, and current's state is set; the
 * lock is released. */
static void switch_thread(struct run_queue *queue)
{
    struct thread *self = queue->current, *next = dequeue(queue);
    uint64_t now = time_now();
    if (!next)
        next = queue->idle;
    debug_assert(!thread_stack_is_deep(self) && self->spin_depth == 1);
    next->state = THREAD_RUNNING;
    self->reschedule = false;
    scheduler_charge_system();
    queue->switched_at = now;
    if (queue->count)
        timer_not_after(queue, now + slice_of(next));
    if (wants_ticks(next))
        timer_not_after(queue, now + CPU_TICK);
    if (next == self) {
        spin_unlock(&queue->lock);
        return;
    }
    next->tick_stamp = self->tick_stamp;
    charge_hart(queue, self, next);
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

/* Go to the end of the queue, if there is somebody on it; or to another hart, if this one is not
 * one to run on any more. */
void thread_yield(void)
{
    struct thread *self = current_thread();
    struct run_queue *queue = lock_own_queue();
    bool moves = self != queue->idle && !may_run_on(self, hart_index());
    self->reschedule = false;
    if (queue->count == 0 && !moves) {
        if (wants_ticks(self))
            timer_not_after(queue, time_now() + CPU_TICK);
        spin_unlock(&queue->lock);
        return;
    }
    self->involuntary_switches++;
    if (self != queue->idle) {
        self->state = THREAD_RUNNABLE;
        if (moves)
            queue->moving = self;
        else
            enqueue(queue, self, false);
    }
    switch_thread(queue);
}

/* A thread that waits in a queue goes to another one; one that runs comes to thread_yield. */
void scheduler_set_affinity(struct thread *thread, uint64_t affinity)
{
    struct run_queue *queue;
    unsigned hart;
    bool moves, runs;
    __atomic_store_n(&thread->affinity, affinity, __ATOMIC_SEQ_CST);
    queue = lock_queue_of(thread);
    hart = thread->hart->index;
    moves = !may_run_on(thread, hart) && !list_empty(&thread->run_link);
    runs = !may_run_on(thread, hart) && thread->state == THREAD_RUNNING;
    if (moves)
        remove(queue, thread);
    spin_unlock(&queue->lock);
    if (moves)
        place(thread);
    if (runs && thread != current_thread())
        hart_kick(hart);
    if (runs && thread == current_thread())
        thread_yield();
}

void scheduler_set_priority(struct thread *thread, unsigned priority)
{
    struct run_queue *queue = lock_queue_of(thread);
    bool waits = !list_empty(&thread->run_link);
    unsigned hart = thread->hart->index;
    thread->priority = priority;
    if (waits) {
        list_remove(&thread->run_link);
        insert(&queue->threads, thread);
    }
    spin_unlock(&queue->lock);
    hart_kick(hart);
}

void scheduler_preempt(void)
{
    struct thread *self = current_thread();
    if (self->reschedule && self->spin_depth == 0)
        thread_yield();
}

/* Sleeping and waking */

static bool is_interrupted(enum wait_kind kind)
{
    return (kind == WAIT_INTERRUPTIBLE && thread_signalled()) ||
           (kind == WAIT_KILLABLE && thread_killed());
}

int scheduler_sleep(enum wait_kind kind, uint64_t deadline)
{
    struct thread *self = current_thread();
    struct run_queue *queue = lock_own_queue();
    bool interrupted = is_interrupted(kind);
    bool woken = self->woken;
    self->timed_out = deadline != WAIT_FOREVER && deadline <= time_now();
    if (woken || interrupted || self->timed_out) {
        spin_unlock(&queue->lock);
    } else {
        self->state = THREAD_SLEEPING;
        self->wait_kind = kind;
        self->voluntary_switches++;
        self->ticks_at_sleep = self->user_ticks + self->system_ticks;
        if (deadline != WAIT_FOREVER)
            add_sleeper(queue, self, deadline);
        switch_thread(queue);
        woken = self->woken;
        interrupted = is_interrupted(kind);
    }
    self->woken = false;
    if (woken)
        return 0;
    return interrupted ? -EINTR : self->timed_out ? -ETIMEDOUT : 0;
}

/*
 * Make a sleeping thread of the locked queue run on this hart; the lock is released. An interrupt
 * handler is known by the outermost spinlock, which found interrupts off: what it wakes goes first,
 * to an idle hart or instead of a thread that has had its share.
 */
static void make_runnable(struct run_queue *queue, struct thread *thread)
{
    bool from_interrupt = !current_thread()->interrupts_were_on;
    unsigned hart = choose_hart(thread);
    struct run_queue *target = &run_queues[hart];
    remove_sleeper(queue, thread);
    thread->state = THREAD_RUNNABLE;
    if (queue != target) {
        __atomic_store_n(&thread->hart, &harts[hart], __ATOMIC_RELEASE);
        spin_unlock(&queue->lock);
        spin_lock(&target->lock);
    }
    enqueue(target, thread, from_interrupt);
    if (from_interrupt && target == own_queue() && target->current != target->idle) {
        thread->queued_since = 0;
        if (idle_harts_for(thread))
            kick_idle_hart(thread);
        else if (time_now() - target->switched_at > INTERACTIVE)
            target->current->reschedule = true;
    }
    spin_unlock(&target->lock);
}

void scheduler_wake(struct thread *thread)
{
    struct run_queue *queue = lock_queue_of(thread);
    thread->woken = true;
    if (thread->state == THREAD_SLEEPING)
        make_runnable(queue, thread);
    else
        spin_unlock(&queue->lock);
}

void scheduler_interrupt(struct thread *thread, bool fatal)
{
    struct run_queue *queue = lock_queue_of(thread);
    bool running = thread->state == THREAD_RUNNING;
    unsigned index = thread->hart->index;
    if (thread->state == THREAD_SLEEPING && (thread->wait_kind == WAIT_INTERRUPTIBLE ||
                                             (fatal && thread->wait_kind == WAIT_KILLABLE))) {
        make_runnable(queue, thread);
        return;
    }
    if (running && index != hart_index())
        hart_kick(index);
    spin_unlock(&queue->lock);
}

void scheduler_add(struct thread *thread)
{
    thread->state = THREAD_RUNNABLE;
    place(thread);
}

_Noreturn void scheduler_exit(void)
{
    struct run_queue *queue;
    lock_check_none();
    queue = lock_own_queue();
    queue->current->state = THREAD_DEAD;
    queue->ended = queue->current;
    switch_thread(queue);
    panic("a thread that has ended runs");
}

bool scheduler_is_running(const struct thread *thread)
{
    return __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == THREAD_RUNNING;
}

/* Wake the sleepers whose time has come; those that may not run here any more are put on the list
 * away. Lock held. */
static void wake_expired(struct run_queue *queue, uint64_t now, struct list *away)
{
    struct tree_node *node;
    while ((node = tree_first(&queue->sleepers)) && thread_of_timer(node)->deadline <= now) {
        struct thread *thread = thread_of_timer(node);
        remove_sleeper(queue, thread);
        thread->timed_out = true;
        thread->state = THREAD_RUNNABLE;
        if (may_run_on(thread, hart_index())) {
            enqueue(queue, thread, true);
            thread->queued_since = 0;
        } else {
            list_push_back(away, &thread->run_link);
        }
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Somebody waits for the running thread's hart: end its slice if it is over, and ask an idle hart
 * if patience is. When to look again. Lock held. */
static uint64_t mind_waiting(struct run_queue *queue, uint64_t now)
{
    const struct thread *waiting = next_thread(queue);
    uint64_t slice_end = queue->switched_at + slice_of(queue->current);
    if (waiting->priority < queue->current->priority) {
        slice_end = NEVER;
    } else if (slice_end <= now) {
        queue->current->reschedule = true;
        slice_end = NEVER;
    }
    if (!idle_harts_for(waiting))
        return slice_end;
    if (waiting->queued_since + PATIENCE <= now)
        kick_idle_hart(waiting);
    return earlier(slice_end, now + PATIENCE);
}

void scheduler_timer(void)
{
    uint64_t next = timeouts_run(), now = time_now();
    bool ticks = wants_ticks(current_thread());
    struct list away = LIST_INITIALIZER(away), *link;
    struct run_queue *queue;
    struct tree_node *first;
    if (ticks) {
        process_timers_tick();
        next = earlier(next, now + CPU_TICK);
    }
    queue = lock_own_queue();
    queue->timer_at = 0; /* nothing below sets the timer before its end */
    wake_expired(queue, now, &away);
    first = tree_first(&queue->sleepers);
    if (first)
        next = earlier(next, thread_of_timer(first)->deadline);
    if (queue->count && queue->current != queue->idle)
        next = earlier(next, mind_waiting(queue, now));
    queue->timer_at = next;
    timer_set(next);
    spin_unlock(&queue->lock);
    while ((link = list_pop_front(&away)))
        place(thread_of_run(link));
    load_sample(now);
}

/* Idling */

/* The first thread of a list that may run here, or NULL. */
static struct thread *find_for_here(struct list *list)
{
    list_for_each (link, list) {
        if (may_run_on(thread_of_run(link), hart_index()))
            return thread_of_run(link);
    }
    return NULL;
}

/* Take a thread from the queue of another hart, if one has waited long enough. */
static bool steal_from(struct run_queue *victim, uint64_t now, bool *waiting)
{
    struct run_queue *own = own_queue();
    spin_lock(&victim->lock);
    struct thread *thread = find_for_here(&victim->urgent);
    if (!thread)
        thread = find_for_here(&victim->threads);
    if (thread && thread->queued_since + PATIENCE > now) {
        *waiting = true;
        thread = NULL;
    }
    if (thread) {
        remove(victim, thread);
        __atomic_store_n(&thread->hart, &harts[hart_index()], __ATOMIC_RELEASE);
    }
    spin_unlock(&victim->lock);
    if (!thread)
        return false;
    spin_lock(&own->lock);
    enqueue(own, thread, false);
    spin_unlock(&own->lock);
    return true;
}

/* Look at the queues of the others, beginning behind this hart's. */
static bool steal(struct run_queue *own)
{
    unsigned self = hart_index(), count = hart_count();
    bool waiting = false;
    for (unsigned i = 1; i < count; i++) {
        struct run_queue *victim = &run_queues[(self + i) % count];
        if (__atomic_load_n(&victim->count, __ATOMIC_SEQ_CST) &&
            steal_from(victim, time_now(), &waiting))
            return true;
    }
    if (waiting) {
        spin_lock(&own->lock);
        timer_not_after(own, time_now() + PATIENCE);
        spin_unlock(&own->lock);
    }
    return false;
}

/*
 * Wait for an interrupt unless there is work. Interrupts are off, so one that brings work after the
 * look at the queues ends the wait. The idle bit is set before the look: who queues a thread later
 * sees the bit.
 */
static void rest(struct run_queue *queue, bool *rested)
{
    uint64_t bit = 1ul << hart_index();
    __atomic_fetch_or(&idle_harts, bit, __ATOMIC_SEQ_CST);
    if (queue->count == 0 && !steal(queue)) {
        if (*rested || __atomic_exchange_n(&queue->vacate, false, __ATOMIC_SEQ_CST))
            pmap_activate(NULL);
        *rested = true;
        hart_wait_for_interrupt();
    }
    __atomic_fetch_and(&idle_harts, ~bit, __ATOMIC_SEQ_CST);
    tlb_end_idle();
}

uint64_t scheduler_idle_harts(void)
{
    return __atomic_load_n(&idle_harts, __ATOMIC_SEQ_CST);
}

static void idle_loop(void *argument)
{
    bool rested = false;
    (void)argument;
    for (;;) {
        struct run_queue *queue;
        interrupts_disable();
        queue = own_queue();
        rest(queue, &rested);
        interrupts_enable();
        if (queue->count) {
            rested = false;
            thread_yield();
        }
    }
}

/* Let this hart have nothing loaded but what the current thread runs in. */
static void load_own_aspace(void)
{
    uint64_t state = interrupts_disable();
    struct aspace *aspace = current_thread()->aspace;
    pmap_activate(aspace ? &aspace->pmap : NULL);
    interrupts_restore(state);
}

/* The thread may move to another hart at each turn: that may be one to be vacated, and does not
 * idle while the thread is here. Two threads that wait for each other's hart both make way. */
void scheduler_vacate(struct pmap *pmap)
{
    for (;;) {
        load_own_aspace();
        uint64_t active = __atomic_load_n(&pmap->active_harts, __ATOMIC_SEQ_CST);
        if (!active)
            break;
        for (unsigned i = 0; i < hart_count(); i++) {
            if (active >> i & 1) {
                __atomic_store_n(&run_queues[i].vacate, true, __ATOMIC_SEQ_CST);
                hart_kick(i);
            }
        }
        thread_yield();
    }
}

/* Start */

struct thread *scheduler_create_idle(unsigned hart)
{
    struct thread *thread = thread_create("idle", idle_loop, NULL);
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
    queue = own_queue();
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
    idle_loop(NULL);
    __builtin_unreachable();
}

/* Figures */

uint64_t scheduler_switches(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < hart_count(); i++)
        sum += run_queues[i].switches;
    return sum;
}

uint64_t ticks_to_nanoseconds(uint64_t ticks)
{
    uint64_t frequency = timer_frequency();
    return ticks / frequency * SECOND + ticks % frequency * SECOND / frequency;
}

/* The time since the running thread was charged last counts as its program's. */
void scheduler_hart_times(unsigned hart, struct hart_times *times)
{
    struct run_queue *queue = &run_queues[hart];
    spin_lock(&queue->lock);
    const struct thread *current = queue->current;
    uint64_t stamp = __atomic_load_n(&current->tick_stamp, __ATOMIC_RELAXED), now = timer_ticks();
    uint64_t running = now > stamp ? now - stamp : 0;
    uint64_t user = queue->user_ticks, system = queue->system_ticks, nice = queue->nice_ticks;
    uint64_t idle = queue->idle->system_ticks;
    if (current == queue->idle) {
        idle += running;
    } else {
        user += current->user_ticks - queue->user_base + running;
        system += current->system_ticks - queue->system_base;
    }
    if (current->nice > 0)
        nice += current->user_ticks - queue->user_base + running;
    spin_unlock(&queue->lock);
    times->user = ticks_to_nanoseconds(user);
    times->nice = ticks_to_nanoseconds(nice);
    times->system = ticks_to_nanoseconds(system);
    times->idle = ticks_to_nanoseconds(idle);
}

uint64_t scheduler_idle_time(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < hart_count(); i++) {
        struct hart_times times;
        scheduler_hart_times(i, &times);
        sum += times.idle;
    }
    return sum;
}

unsigned scheduler_runnable(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < hart_count(); i++)
        sum += run_queues[i].count + (run_queues[i].current != run_queues[i].idle);
    return sum;
}
