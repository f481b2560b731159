/*
 * The queues of runnable threads (run_queue.h), one per hart, in order of priority.
 *
 * A woken thread joins the queue of the hart that wakes it: a thread that wakes another and then
 * sleeps, as the two ends of a pipe do, hands over without leaving the hart. If the waker goes on
 * instead, the woken thread waits, and after PATIENCE the timer asks an idle hart to take it
 * (idle.c); what an interrupt wakes is offered at once. What an interrupt or the clock wakes is
 * urgent, and goes before the others; but never for longer than OVERTAKING, or many short sleepers
 * would keep the others from running at all. One that waits for its turn may be the next for a lock
 * that hundreds wait for: so the limit is a time, not a number of turns.
 */
#include "core/run_queue.h"
#include "core/rseq.h"
#include "core/time.h"

#define OVERTAKING (5 * MILLISECOND) /* urgent threads go before one that waits for its turn */

struct run_queue run_queues[HART_MAX];
uint64_t idle_harts;

void run_queue_kick_idle(const struct thread *thread)
{
    uint64_t idle = thread_idle_harts(thread) & ~(1ul << hart_index());
    if (idle) {
        unsigned index = (unsigned)__builtin_ctzl(idle);
        __atomic_fetch_and(&idle_harts, ~(1ul << index), __ATOMIC_SEQ_CST);
        hart_kick(index);
    }
}

/* Put a thread on a list of runnable ones, ordered by priority: as the last of its own. Nearly all
 * have priority 0. */
static void insert(struct list *list, struct thread *thread)
{
    struct list *place = list->previous;
    while (place != list && run_queue_thread(place)->priority < thread->priority)
        place = place->previous;
    list_insert_after(place, &thread->run_link);
}

static void count_in(struct run_queue *queue, struct thread *thread)
{
    thread->weight = thread_slice(thread);
    __atomic_store_n(&queue->waiting_load, queue->waiting_load + thread->weight, __ATOMIC_RELAXED);
    __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_SEQ_CST);
}

void run_queue_insert(struct run_queue *queue, struct thread *thread, bool urgent)
{
    bool busy = queue->current != queue->idle;
    insert(urgent && !thread->priority ? &queue->urgent : &queue->threads, thread);
    count_in(queue, thread);
    thread->queued_since = 0;
    if (queue != run_queue_own()) {
        hart_kick((unsigned)(queue - run_queues));
        return;
    }
    if (!busy)
        return;
    if (thread->priority > queue->current->priority)
        queue->current->reschedule = true;
    run_queue_timer_before(queue, queue->switched_at + thread_slice(queue->current));
    if (thread_idle_harts(thread)) {
        uint64_t now = time_now();
        thread->queued_since = now;
        run_queue_timer_before(queue, now + PATIENCE);
    }
}

void run_queue_return(struct run_queue *queue, struct thread *thread)
{
    struct list *place = queue->threads.previous;
    while (place != &queue->threads && run_queue_thread(place)->priority <= thread->priority)
        place = place->previous;
    list_insert_after(place, &thread->run_link);
    count_in(queue, thread);
    thread->queued_since = 0;
}

void run_queue_put_first(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->run_link);
    list_push_front(&queue->urgent, &thread->run_link);
}

void run_queue_move(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->run_link);
    insert(&queue->threads, thread);
}

static bool overtaken_for_long(const struct run_queue *queue)
{
    return queue->overtaken_since && time_now() >= queue->overtaken_since + OVERTAKING;
}

/* Many that wake up again and again must not keep the others waiting for ever, so that these have a
 * turn after some urgent ones. */
struct thread *run_queue_next(const struct run_queue *queue)
{
    struct list *urgent = list_first(&queue->urgent), *waiting = list_first(&queue->threads);
    if (!urgent || !waiting)
        return urgent || waiting ? run_queue_thread(urgent ? urgent : waiting) : NULL;
    unsigned first = run_queue_thread(urgent)->priority,
             second = run_queue_thread(waiting)->priority;
    if (first == second)
        return run_queue_thread(overtaken_for_long(queue) ? waiting : urgent);
    return run_queue_thread(first > second ? urgent : waiting);
}

struct thread *run_queue_take(struct run_queue *queue, uint64_t now)
{
    struct thread *thread = run_queue_next(queue);
    if (!thread)
        return NULL;
    bool overtakes = !list_empty(&queue->threads) && queue->threads.next != &thread->run_link;
    if (!overtakes)
        queue->overtaken_since = 0;
    else if (!queue->overtaken_since)
        queue->overtaken_since = now;
    run_queue_remove(queue, thread);
    return thread;
}

/* A hart that the thread, which may not run on this one, may run on: one that idles, if possible.
 */
static __attribute__((noinline)) unsigned choose_other_hart(const struct thread *thread)
{
    uint64_t online = hart_count() == HART_MAX ? UINT64_MAX : (1ul << hart_count()) - 1;
    uint64_t idle = thread_idle_harts(thread);
    uint64_t allowed = __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED) & online;
    return allowed ? (unsigned)__builtin_ctzl(idle ? idle : allowed) : hart_index();
}

/* The hart for a real-time thread: this one if it runs at once here, or nowhere. */
static __attribute__((noinline)) unsigned choose_least_hart(const struct thread *thread)
{
    unsigned own = hart_index(), best = own;
    if (!thread_may_run_on(thread, own))
        best = choose_other_hart(thread);
    else if (run_queue_rank(own) <= thread->priority)
        return own;
    for (unsigned i = 0; i < hart_count(); i++) {
        if (thread_may_run_on(thread, i) && run_queue_rank(i) < run_queue_rank(best) &&
            run_queue_rank(i) <= thread->priority)
            best = i;
    }
    return best;
}

unsigned run_queue_choose_hart(const struct thread *thread)
{
    unsigned own = hart_index();
    if (thread->priority)
        return choose_least_hart(thread);
    return thread_may_run_on(thread, own) ? own : choose_other_hart(thread);
}

bool run_queue_lock_for(struct thread *thread, unsigned hart)
{
    struct run_queue *queue = &run_queues[hart];
    spin_lock(&queue->lock);
    rseq_note(thread);
    __atomic_store_n(&thread->hart, &harts[hart], __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (thread_may_run_on(thread, hart))
        return true;
    spin_unlock(&queue->lock);
    return false;
}

void run_queue_place(struct thread *thread)
{
    uint64_t state = interrupts_disable();
    unsigned hart;
    do {
        hart = run_queue_choose_hart(thread);
    } while (!run_queue_lock_for(thread, hart));
    run_queue_insert(&run_queues[hart], thread, false);
    spin_unlock(&run_queues[hart].lock);
    interrupts_restore(state);
}
