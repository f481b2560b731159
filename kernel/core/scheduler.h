/*
 * The scheduler: which thread each hart runs. What threads call themselves is in core/thread.h and
 * core/wait.h.
 */
#ifndef MAPIX_CORE_SCHEDULER_H
#define MAPIX_CORE_SCHEDULER_H

#include "arch/riscv/hart.h"
#include "arch/riscv/timer.h"
#include "core/thread.h"
#include "core/wait.h"
#include <stdbool.h>
#include <stdint.h>

struct pmap;
struct process;
struct thread;

/* Make the run queues, and a thread of the code that is running. Boot hart, once the kernel can
 * allocate memory. */
void scheduler_init(void);

/* Let this hart run threads: the boot hart at the end of its initialisation, a secondary one when
 * it has come up, on the stack of its idle thread (harts[].idle). */
_Noreturn void scheduler_start_hart(void);

/* The idle thread of a hart, made with its stack before the hart is started. NULL: no memory. */
struct thread *scheduler_create_idle(unsigned hart);

/* The timer has come: interrupts off. */
void scheduler_timer(void);

/* Let the timer of this hart come at this moment of time_now() at the latest. Interrupts off. */
void scheduler_timer_before(uint64_t deadline);

/* Threads of this process run, or will, whose CPU time has to be looked at: process_timers_tick is
 * called now and then while they do. signal_lock held. */
void scheduler_begin_ticks(struct process *process);

/* Give up the hart if something asked for it: on the way back from an interrupt, interrupts off. In
 * the kernel a thread need not do so at once. */
void scheduler_preempt(bool in_kernel);

/* Set how nice the thread is to others (-20..19): how long it runs while they wait. */
void scheduler_set_nice(struct thread *thread, int nice);

/* Make a new thread runnable. */
void scheduler_add(struct thread *thread);

/* Bind a thread to the harts of a set, of which one at least is there (sched_setaffinity(2)). */
void scheduler_set_affinity(struct thread *thread, uint64_t affinity);

/* Let a thread run with a real-time priority of 1 to 99, or 0 again: before all of lower priority
 * on its hart. For core/inherit.c, which knows what it inherits. */
void scheduler_set_priority(struct thread *thread, unsigned priority);

/* Sleep until scheduler_wake, a signal (as kind says) or the deadline: wait_sleep's result. */
int scheduler_sleep(enum wait_kind kind, uint64_t deadline);

/* End a sleep, or keep the next one from beginning. Any context. */
void scheduler_wake(struct thread *thread);

/* A signal has come for the thread: end a sleep that it interrupts (fatal: the killable ones too);
 * if it runs on another hart, make it come into the kernel. Any context. */
void scheduler_interrupt(struct thread *thread, bool fatal);

/* End the current thread. Its stack and structure are freed by the next one. */
_Noreturn void scheduler_exit(void);

/* Does it run on some hart now? A hint, good for any pointer that once was a thread. */
bool scheduler_is_running(const struct thread *thread);

/*
 * No thread will run in this address space again: make the harts that still have it loaded, because
 * they idle or run kernel threads, load the kernel's own, and wait for that. Thread context.
 */
void scheduler_vacate(struct pmap *pmap);

/* Count the time since the last call as the current thread's, in user mode or the kernel.
 * Interrupts off. */
static inline void scheduler_charge_user(void)
{
    struct thread *thread = current_thread();
    uint64_t now = timer_ticks();
    thread->user_ticks += now - thread->tick_stamp;
    thread->tick_stamp = now;
}

static inline void scheduler_charge_system(void)
{
    struct thread *thread = current_thread();
    uint64_t now = timer_ticks();
    thread->system_ticks += now - thread->tick_stamp;
    thread->tick_stamp = now;
}

/* The harts that run no program and call tlb_end_idle before they do: bit n, hart n. */
uint64_t scheduler_idle_harts(void);

/* Figures for /proc and sysinfo(2). */
uint64_t ticks_to_nanoseconds(uint64_t ticks);
uint64_t scheduler_switches(void);
uint64_t scheduler_idle_time(void); /* nanoseconds, all harts */

/* What a hart has spent its time with, in nanoseconds. */
struct hart_times {
    uint64_t user, nice, system, idle; /* nice: of the user time, that of threads with nice > 0 */
};
void scheduler_hart_times(unsigned hart, struct hart_times *times);
unsigned scheduler_runnable(void); /* threads running or ready, idle ones not counted */

#endif
