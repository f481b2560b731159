/*
 * What threads and processes have used: times, faults, switches, bytes (getrusage(2), /proc).
 *
 * A thread counts for itself. When it ends, its figures go to process->usage; those of a process
 * that has been waited for go to its parent's children_usage.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/timer.h"
#include "core/process_internal.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "vm/aspace.h"

void resource_usage_add(struct resource_usage *sum, const struct resource_usage *usage)
{
    sum->user_time += usage->user_time;
    sum->system_time += usage->system_time;
    sum->minor_faults += usage->minor_faults;
    sum->major_faults += usage->major_faults;
    sum->voluntary_switches += usage->voluntary_switches;
    sum->involuntary_switches += usage->involuntary_switches;
    if (usage->max_resident > sum->max_resident)
        sum->max_resident = usage->max_resident;
    traffic_add(&sum->traffic, &usage->traffic);
}

/* The time since a thread came into user mode or the kernel is not counted yet: in another one that
 * runs, it is taken for user time. */
void thread_usage(const struct thread *thread, struct resource_usage *usage)
{
    bool self = thread == current_thread();
    uint64_t stamp = __atomic_load_n(&thread->tick_stamp, __ATOMIC_RELAXED), now = timer_ticks();
    uint64_t running = now > stamp && scheduler_is_running(thread) ? now - stamp : 0;
    *usage = (struct resource_usage){
        .user_time = ticks_to_nanoseconds(thread->user_ticks + (self ? 0 : running)),
        .system_time = ticks_to_nanoseconds(thread->system_ticks + (self ? running : 0)),
        .voluntary_switches = thread->voluntary_switches,
        .involuntary_switches = thread->involuntary_switches,
        .traffic = thread->traffic,
    };
}

void process_usage(struct process *process, struct resource_usage *usage)
{
    spin_lock(&process->signal_lock);
    *usage = process->usage;
    list_for_each (link, &process->threads) {
        struct thread *thread = container_of(link, struct thread, process_link);
        struct resource_usage own;
        if (thread->exited)
            continue; /* it is in process->usage already */
        thread_usage(thread, &own);
        resource_usage_add(usage, &own);
    }
    if (process->aspace) {
        struct resource_usage memory = {
            .minor_faults = process->aspace->minor_faults,
            .major_faults = process->aspace->major_faults,
            .max_resident = pmap_resident_peak(&process->aspace->pmap),
        };
        resource_usage_add(usage, &memory);
    }
    spin_unlock(&process->signal_lock);
}

static void add_to_totals(struct process *process, struct process_totals *totals)
{
    struct resource_usage usage;
    process_usage(process, &usage);
    resource_usage_add(&totals->usage, &usage);
    resource_usage_add(&totals->usage, &process->children_usage);
    totals->threads += process->thread_count;
    list_for_each (link, &process->threads) {
        const struct thread *thread = container_of(link, struct thread, process_link);
        if (thread->state == THREAD_SLEEPING && thread->wait_kind == WAIT_UNINTERRUPTIBLE)
            totals->blocked++;
    }
    spin_lock(&process->signal_lock);
    if (process->aspace)
        totals->table_pages += process->aspace->pmap.tables;
    spin_unlock(&process->signal_lock);
}

void process_get_totals(struct process_totals *totals)
{
    *totals = (struct process_totals){0};
    mutex_lock(&process_tree_lock);
    for (struct process *process = process_next(0); process; process = process_next(process->pid))
        add_to_totals(process, totals);
    totals->created = processes_created;
    mutex_unlock(&process_tree_lock);
}
