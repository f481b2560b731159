/*
 * Sleeping and waking (scheduler.h). A thread that sleeps with a deadline is in the tree of the
 * hart it ran on last, whose timer ends its sleep.
 */
#include "core/run_queue.h"
#include "core/rseq.h"
#include "core/scheduler.h"
#include "core/time.h"

#define INTERACTIVE MILLISECOND /* what a thread may run on when an interrupt wakes another */

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
    run_queue_timer_before(queue, deadline);
}

static void remove_sleeper(struct run_queue *queue, struct thread *thread)
{
    if (thread->timed) {
        tree_remove(&queue->sleepers, &thread->timer_node);
        thread->timed = false;
    }
}

static bool is_interrupted(enum wait_kind kind)
{
    return (kind == WAIT_INTERRUPTIBLE && thread_signalled()) ||
           (kind == WAIT_KILLABLE && thread_killed());
}

int scheduler_sleep(enum wait_kind kind, uint64_t deadline)
{
    struct thread *self = current_thread();
    struct run_queue *queue = run_queue_lock_own();
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
        scheduler_switch(queue);
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
    unsigned hart = run_queue_choose_hart(thread);
    struct run_queue *target = &run_queues[hart];
    remove_sleeper(queue, thread);
    thread->state = THREAD_RUNNABLE;
    if (queue != target) {
        rseq_note(thread);
        __atomic_store_n(&thread->hart, &harts[hart], __ATOMIC_RELEASE);
        spin_unlock(&queue->lock);
        if (!run_queue_lock_for(thread, hart)) {
            run_queue_place(thread);
            return;
        }
    }
    run_queue_insert(target, thread, from_interrupt);
    if (from_interrupt && target == run_queue_own() && target->current != target->idle) {
        thread->queued_since = 0;
        if (thread_idle_harts(thread))
            run_queue_kick_idle(thread);
        else if (time_now() - target->switched_at > INTERACTIVE)
            target->current->reschedule = true;
    }
    spin_unlock(&target->lock);
}

void scheduler_wake(struct thread *thread)
{
    struct run_queue *queue = run_queue_lock_of(thread);
    thread->woken = true;
    if (thread->state == THREAD_SLEEPING)
        make_runnable(queue, thread);
    else
        spin_unlock(&queue->lock);
}

/* What ends gives back memory and locks, so it goes before all that is not more important. */
static void hurry(struct thread *thread)
{
    struct run_queue *queue = run_queue_lock_of(thread);
    if (!list_empty(&thread->run_link) && !thread->priority)
        run_queue_put_first(queue, thread);
    spin_unlock(&queue->lock);
}

void scheduler_interrupt(struct thread *thread, bool fatal)
{
    struct run_queue *queue = run_queue_lock_of(thread);
    bool running = thread->state == THREAD_RUNNING;
    unsigned index = thread->hart->index;
    if (thread->state == THREAD_SLEEPING && (thread->wait_kind == WAIT_INTERRUPTIBLE ||
                                             (fatal && thread->wait_kind == WAIT_KILLABLE))) {
        make_runnable(queue, thread);
    } else {
        if (running && index != hart_index())
            hart_kick(index);
        spin_unlock(&queue->lock);
    }
    if (fatal)
        hurry(thread);
}

uint64_t sleep_wake_expired(struct run_queue *queue, uint64_t now, struct thread **away)
{
    struct tree_node *node;
    *away = NULL;
    while ((node = tree_first(&queue->sleepers)) && thread_of_timer(node)->deadline <= now &&
           !*away) {
        struct thread *thread = thread_of_timer(node);
        remove_sleeper(queue, thread);
        thread->timed_out = true;
        thread->state = THREAD_RUNNABLE;
        if (thread_may_run_on(thread, hart_index())) {
            run_queue_insert(queue, thread, true);
            thread->queued_since = 0;
        } else {
            *away = thread;
        }
    }
    return node ? thread_of_timer(node)->deadline : NEVER;
}
