/*
 * What the harts have spent their time with, for /proc and sysinfo(2).
 */
#include "core/run_queue.h"
#include "core/scheduler.h"

#define SECOND 1000000000ul

void run_queue_charge(struct run_queue *queue, const struct thread *self, const struct thread *next)
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

uint64_t scheduler_switches(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < hart_count(); i++)
        sum += run_queues[i].switches;
    return sum;
}

unsigned scheduler_runnable(void)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < hart_count(); i++)
        sum += run_queues[i].count + (run_queues[i].current != run_queues[i].idle);
    return sum;
}
