/*
 * Balance among harts that are busy (run_queue.h); one that idles takes its work itself (idle.c).
 *
 * The load of a hart is the sum of the slices of its threads, of the running one and of those that
 * wait: each has its slice's part of the hart. When a slice ends while others wait, the hart looks
 * at the loads of the others, without their locks, and gives the last of those that wait away:
 *
 *     20  10        10  20      as it weighs less than the difference,
 *     ab  c      -> a   cb      or, every ROTATION, as much: then the harts have changed roles, and
 *                               one that has come after that which runs is not sent on
 *
 * So three threads on two harts have two thirds of one each. The last one loses no turn: it becomes
 * the last where no more are before it. All that wait are the last one at some time, so those that
 * may go are found. A hart that has nobody waiting, as with one thread or on a machine of one hart,
 * looks at nothing.
 *
 * What waits behind a real-time thread, whose slices may have no end, is looked after by the timer:
 * ordinary threads, one at a time, go where none runs; real-time ones where less important ones do.
 */
#include "core/run_queue.h"
#include "core/time.h"

#define ROTATION        (50 * MILLISECOND)
#define REAL_TIME_CHECK MILLISECOND        /* while real-time threads wait */
#define ORDINARY_CHECK  (10 * MILLISECOND) /* while others wait behind a real-time one */
#define LOOKS_MAX       8                  /* real-time threads that are looked at */

static uint64_t load_of(unsigned hart)
{
    return __atomic_load_n(&run_queues[hart].waiting_load, __ATOMIC_RELAXED) +
           __atomic_load_n(&run_queues[hart].running_load, __ATOMIC_RELAXED);
}

/* The other hart with the least load that runs nothing of real time; this one if there is none. */
static unsigned lightest_hart(const struct thread *thread)
{
    unsigned self = hart_index(), count = hart_count(), lightest = self;
    for (unsigned i = 1; i < count; i++) {
        unsigned hart = (self + i) % count;
        if (thread_may_run_on(thread, hart) && run_queue_rank(hart) <= 1 &&
            (lightest == self || load_of(hart) < load_of(lightest)))
            lightest = hart;
    }
    return lightest;
}

/* Does the thread, the last that waits here, go there? */
static bool is_better_off(const struct run_queue *queue, const struct thread *thread, unsigned hart,
                          uint64_t now)
{
    uint64_t load = load_of(hart_index()), there = load_of(hart);
    if (queue->current->priority)
        return true;
    if (load <= there)
        return false;
    if (thread->weight < load - there)
        return true;
    return thread->weight <= (load - there) * 5 / 4 && now >= queue->rotated_at + ROTATION &&
           thread->moved_at <= queue->current->moved_at;
}

/* An ordinary thread that another hart is to have, or NULL. */
static struct thread *find_ordinary(const struct run_queue *queue, uint64_t now, unsigned *hart)
{
    const struct thread *current = queue->current;
    if (list_empty(&queue->threads) ||
        (!current->priority && now < queue->switched_at + thread_slice(current)))
        return NULL;
    struct thread *last = run_queue_thread(queue->threads.previous);
    if (last->priority)
        return NULL;
    *hart = lightest_hart(last);
    return *hart != hart_index() && is_better_off(queue, last, *hart, now) ? last : NULL;
}

/* A real-time thread that would run on another hart, or NULL. */
static struct thread *find_real_time(const struct run_queue *queue, unsigned *hart)
{
    unsigned looks = LOOKS_MAX;
    list_for_each (link, &queue->threads) {
        struct thread *thread = run_queue_thread(link);
        if (!thread->priority || looks-- == 0)
            return NULL;
        *hart = run_queue_choose_hart(thread);
        if (*hart != hart_index())
            return thread;
    }
    return NULL;
}

struct thread *balance_take(struct run_queue *queue, uint64_t now, unsigned *hart)
{
    struct thread *thread;
    if (hart_count() == 1 || queue->count == 0 || queue->current == queue->idle)
        return NULL;
    thread = find_real_time(queue, hart);
    if (!thread)
        thread = find_ordinary(queue, now, hart);
    if (!thread)
        return NULL;
    run_queue_remove(queue, thread);
    thread->moved_at = now;
    queue->rotated_at = now;
    return thread;
}

void balance_give(struct thread *thread, unsigned hart)
{
    struct run_queue *queue = &run_queues[hart];
    if (!run_queue_lock_for(thread, hart)) {
        run_queue_place(thread);
        return;
    }
    queue->rotated_at = thread->moved_at;
    run_queue_insert(queue, thread, false);
    spin_unlock(&queue->lock);
}

uint64_t balance_due(const struct run_queue *queue, uint64_t now)
{
    const struct thread *waiting = run_queue_next(queue);
    if (hart_count() == 1 || !waiting)
        return NEVER;
    if (waiting->priority)
        return now + REAL_TIME_CHECK;
    return queue->current->priority ? now + ORDINARY_CHECK : NEVER;
}
