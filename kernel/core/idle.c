/*
 * What a hart does that has nothing to run: it looks at the queues of all others for a thread whose
 * patience is over (run_queue.c), and sleeps until something happens.
 *
 * An address space stays loaded while its hart idles or runs kernel threads, for loading costs a
 * flush and the same process often comes back. A hart that is interrupted in vain while it idles
 * lets go of it, so it is disturbed once at most; scheduler_vacate makes all let go.
 */
#include "arch/riscv/pmap.h"
#include "arch/riscv/tlb.h"
#include "core/run_queue.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "vm/aspace.h"

/* The first thread of a list that may run here, or NULL. */
static struct thread *find_for_here(struct list *list)
{
    list_for_each (link, list) {
        if (thread_may_run_on(run_queue_thread(link), hart_index()))
            return run_queue_thread(link);
    }
    return NULL;
}

/* Take a thread from the queue of another hart, if one has waited long enough. */
static bool steal_from(struct run_queue *victim, uint64_t now, bool *waiting)
{
    struct run_queue *own = run_queue_own();
    spin_lock(&victim->lock);
    struct thread *thread = find_for_here(&victim->urgent);
    if (!thread)
        thread = find_for_here(&victim->threads);
    if (thread && thread->queued_since + PATIENCE > now) {
        *waiting = true;
        thread = NULL;
    }
    if (thread)
        run_queue_remove(victim, thread);
    spin_unlock(&victim->lock);
    if (!thread)
        return false;
    if (!run_queue_lock_for(thread, hart_index())) {
        run_queue_place(thread);
        return false;
    }
    run_queue_insert(own, thread, false);
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
        run_queue_timer_before(own, time_now() + PATIENCE);
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

void scheduler_idle(void *argument)
{
    bool rested = false;
    (void)argument;
    for (;;) {
        struct run_queue *queue;
        interrupts_disable();
        queue = run_queue_own();
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
