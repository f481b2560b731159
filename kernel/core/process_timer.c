/*
 * Timers of processes (process_timer.h).
 *
 *   running      a timeout waits for next, or the timer is on the list for CPU time
 *   expired      its signal is queued; nothing waits
 *   taken        the signal is acted on (or dropped): the intervals that have passed since are the
 *                overruns, and the timer runs towards the next
 *
 * So a timer whose signal is blocked costs nothing, however short its interval. One whose signal is
 * ignored has nothing that is taken: it runs on, but not faster than IGNORED_PACE.
 *
 * CPU time is looked at by the scheduler's timer while a thread of the process runs, each CPU_TICK
 * (scheduler.c), if there is a timer that waits for it or a limit.
 */
#include "core/process_timer.h"
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/signal_internal.h"
#include "core/time.h"
#include "vm/kmem.h"

#define SECOND       1000000000ul
#define IGNORED_PACE 4000000ul

static const int interval_signals[ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
static const enum timer_clock interval_clocks[ITIMERS] = {TIMER_SINCE_BOOT, TIMER_PROCESS_USER_TIME,
                                                          TIMER_PROCESS_TIME};

static struct process_timer *timer_of_timeout(struct timeout *timeout)
{
    return container_of(timeout, struct process_timer, timeout);
}

static struct process_timer *timer_of_entry(struct signal_entry *entry)
{
    return container_of(entry, struct process_timer, entry);
}

static bool is_cpu_clock(enum timer_clock clock)
{
    return clock >= TIMER_PROCESS_TIME;
}

/* CPU time */

static uint64_t time_of_thread(const struct thread *thread, bool user_only)
{
    struct resource_usage usage;
    thread_usage(thread, &usage);
    return usage.user_time + (user_only ? 0 : usage.system_time);
}

/* signal_lock held. */
static uint64_t time_of_process(const struct process *process, bool user_only)
{
    uint64_t time = process->usage.user_time;
    if (!user_only)
        time += process->usage.system_time;
    list_for_each (link, &process->threads) {
        const struct thread *thread = container_of(link, struct thread, process_link);
        if (!thread->exited)
            time += time_of_thread(thread, user_only);
    }
    return time;
}

static uint64_t clock_now(const struct process_timer *timer, enum timer_clock clock)
{
    switch (clock) {
    case TIMER_REAL:
        return time_real();
    case TIMER_PROCESS_TIME:
    case TIMER_PROCESS_USER_TIME:
        return time_of_process(timer->process, clock == TIMER_PROCESS_USER_TIME);
    case TIMER_THREAD_TIME:
        return time_of_thread(timer->clock_thread, false);
    default:
        return time_now();
    }
}

/* Running. signal_lock is held in all that follows, up to the calls of the header. */

static bool has_limit(const struct process *process)
{
    return process->limits[RLIMIT_CPU].soft != RLIM_INFINITY ||
           process->limits[RLIMIT_RTTIME].soft != RLIM_INFINITY;
}

static void update_ticks(struct process *process)
{
    bool wants = !list_empty(&process->timers.cpu) || has_limit(process);
    bool begins = wants && !process->timers.wants_ticks;
    __atomic_store_n(&process->timers.wants_ticks, wants, __ATOMIC_RELAXED);
    if (begins)
        scheduler_begin_ticks(process);
}

static void start(struct process_timer *timer, uint64_t next)
{
    timer->next = next;
    timer->running = true;
    if (timer->silent)
        return;
    if (is_cpu_clock(timer->clock)) {
        list_push_back(&timer->process->timers.cpu, &timer->cpu_link);
        update_ticks(timer->process);
    } else {
        timeout_start(&timer->timeout,
                      timer->clock == TIMER_REAL ? TIMEOUT_REAL : TIMEOUT_SINCE_BOOT, next);
    }
}

static void stop(struct process_timer *timer)
{
    timer->running = false;
    timeout_stop(&timer->timeout);
    list_remove(&timer->cpu_link);
}

/* Run on towards the first interval that ends after now: how many have passed. */
static uint64_t go_on(struct process_timer *timer, uint64_t now)
{
    uint64_t passed = 0;
    if (now >= timer->next)
        passed = (now - timer->next) / timer->interval + 1;
    start(timer, timer->next + passed * timer->interval);
    return passed;
}

/* The signal has been taken (signal_entry->taken), or dropped. */
static void signal_taken(struct signal_entry *entry, struct signal_information *information)
{
    struct process_timer *timer = timer_of_entry(entry);
    uint64_t passed = 1;
    if (timer->deleted || timer->running)
        return;
    if (timer->interval)
        passed = go_on(timer, clock_now(timer, timer->clock));
    if (!information || information->code != SI_TIMER)
        return;
    passed = passed ? passed - 1 : 0;
    information->overrun = passed < INT32_MAX ? (int32_t)passed : INT32_MAX;
    entry->taken_overrun = information->overrun;
}

/* The time has come. */
static void fire(struct process_timer *timer, struct list *freed)
{
    uint64_t now;
    stop(timer);
    (void)signal_send_entry_locked(timer->process, timer->target, &timer->entry, freed);
    if (timer->entry.queue || timer->running || !timer->interval)
        return;
    now = clock_now(timer, timer->clock);
    if (timer->interval < IGNORED_PACE)
        now += IGNORED_PACE;
    go_on(timer, now);
}

/* The timeout's function (timeout_function). */
static void timeout_came(struct timeout *timeout)
{
    struct process_timer *timer = timer_of_timeout(timeout);
    struct process *process = timer->process;
    struct list freed = LIST_INITIALIZER(freed);
    spin_lock(&process->signal_lock);
    if (timer->running && !timer->deleted && timer->next <= clock_now(timer, timer->clock))
        fire(timer, &freed);
    signal_unlock(process, &freed);
}

/* Setting and telling */

static void get(struct process_timer *timer, struct timer_times *left)
{
    uint64_t now = clock_now(timer, timer->clock), next = timer->next;
    left->interval = timer->interval;
    left->value = 0;
    if (!next)
        return;
    if (next <= now && timer->interval && (timer->silent || !timer->running))
        next += ((now - next) / timer->interval + 1) * timer->interval;
    if (next > now)
        left->value = next - now;
    else if (timer->running && !timer->silent)
        left->value = 1; /* it is just about to expire */
}

static void set(struct process_timer *timer, bool absolute, const struct timer_times *times)
{
    stop(timer);
    signal_queue_withdraw(&timer->entry);
    timer->entry.taken_overrun = 0;
    timer->interval = times->interval;
    timer->next = 0;
    timer->clock = timer->made_for;
    /* A duration does not follow the setting of the clock. */
    if (!absolute && timer->clock == TIMER_REAL)
        timer->clock = TIMER_SINCE_BOOT;
    if (times->value)
        start(timer, absolute ? times->value : clock_now(timer, timer->clock) + times->value);
    update_ticks(timer->process);
}

static void init(struct process_timer *timer, struct process *process, enum timer_clock clock,
                 const struct signal_information *information)
{
    timer->process = process;
    timer->made_for = timer->clock = clock;
    list_init(&timer->link);
    list_init(&timer->cpu_link);
    timeout_init(&timer->timeout, timeout_came);
    signal_entry_init(&timer->entry);
    timer->entry.information = *information;
    timer->entry.taken = signal_taken;
}

/* Processes */

void process_timers_init(struct process *process)
{
    struct process_timers *timers = &process->timers;
    list_init(&timers->created);
    list_init(&timers->cpu);
    for (unsigned i = 0; i < ITIMERS; i++) {
        struct signal_information information = {.number = interval_signals[i], .code = SI_KERNEL};
        init(&timers->interval[i], process, interval_clocks[i], &information);
    }
    timers->wants_ticks = has_limit(process);
}

/* Nothing of the timer happens any more. signal_lock not held; the timer is on no list. */
static void end(struct process_timer *timer)
{
    struct process *process = timer->process;
    spin_lock(&process->signal_lock);
    timer->deleted = true;
    stop(timer);
    signal_queue_withdraw(&timer->entry);
    update_ticks(process);
    spin_unlock(&process->signal_lock);
    timeout_cancel(&timer->timeout);
}

static void destroy(struct process_timer *timer)
{
    end(timer);
    if (timer->clock_thread)
        thread_release(timer->clock_thread);
    if (timer->target)
        thread_release(timer->target);
    kfree(timer);
}

static struct process_timer *timer_of(struct list *link)
{
    return container_of(link, struct process_timer, link);
}

void process_timers_exec(void)
{
    struct process *process = current_process();
    struct list *link;
    for (;;) {
        spin_lock(&process->signal_lock);
        link = list_pop_front(&process->timers.created);
        if (link)
            signal_discharge(process);
        spin_unlock(&process->signal_lock);
        if (!link)
            break;
        destroy(timer_of(link));
    }
    process->timers.next_id = 0;
}

void process_timers_exit(void)
{
    struct process *process = current_process();
    process_timers_exec();
    for (unsigned i = 0; i < ITIMERS; i++)
        end(&process->timers.interval[i]);
}

void process_timers_limit_changed(struct process *process)
{
    update_ticks(process);
}

/* What the system calls do */

int process_timer_create(const struct timer_request *request)
{
    struct process *process = current_process();
    struct process_timer *timer = kmalloc_zeroed(sizeof(*timer));
    bool fits;
    if (!timer)
        return -ENOMEM;
    init(timer, process, request->clock, &request->information);
    timer->silent = request->silent;
    timer->clock_thread = request->clock_thread;
    timer->target = request->target;
    if (timer->clock_thread)
        thread_reference(timer->clock_thread);
    if (timer->target)
        thread_reference(timer->target);
    spin_lock(&process->signal_lock);
    fits = signal_charge(process);
    if (fits) {
        timer->id = process->timers.next_id++ & INT32_MAX;
        timer->entry.information.timer = timer->id;
        if (request->value_is_id)
            timer->entry.information.timer_value = (uint64_t)timer->id;
        list_push_back(&process->timers.created, &timer->link);
    } else {
        signal_discharge(process);
    }
    spin_unlock(&process->signal_lock);
    if (!fits)
        destroy(timer);
    return fits ? timer->id : -EAGAIN;
}

/* signal_lock held; NULL: none. */
static struct process_timer *find(struct process *process, int id)
{
    list_for_each (link, &process->timers.created) {
        if (timer_of(link)->id == id)
            return timer_of(link);
    }
    return NULL;
}

int process_timer_delete(int id)
{
    struct process *process = current_process();
    struct process_timer *timer;
    spin_lock(&process->signal_lock);
    timer = find(process, id);
    if (timer) {
        list_remove(&timer->link);
        signal_discharge(process);
    }
    spin_unlock(&process->signal_lock);
    if (!timer)
        return -EINVAL;
    destroy(timer);
    return 0;
}

int process_timer_set(int id, bool absolute, const struct timer_times *times,
                      struct timer_times *old)
{
    struct process *process = current_process();
    struct process_timer *timer;
    spin_lock(&process->signal_lock);
    timer = find(process, id);
    if (timer) {
        get(timer, old);
        set(timer, absolute, times);
    }
    spin_unlock(&process->signal_lock);
    return timer ? 0 : -EINVAL;
}

int process_timer_get(int id, struct timer_times *left)
{
    struct process *process = current_process();
    struct process_timer *timer;
    spin_lock(&process->signal_lock);
    timer = find(process, id);
    if (timer)
        get(timer, left);
    spin_unlock(&process->signal_lock);
    return timer ? 0 : -EINVAL;
}

int process_timer_overrun(int id)
{
    struct process *process = current_process();
    struct process_timer *timer;
    int overrun = -EINVAL;
    spin_lock(&process->signal_lock);
    timer = find(process, id);
    if (timer)
        overrun = timer->entry.taken_overrun;
    spin_unlock(&process->signal_lock);
    return overrun;
}

void process_interval_timer(unsigned which, const struct timer_times *times,
                            struct timer_times *old)
{
    struct process *process = current_process();
    struct process_timer *timer = &process->timers.interval[which];
    spin_lock(&process->signal_lock);
    get(timer, old);
    if (times)
        set(timer, false, times);
    spin_unlock(&process->signal_lock);
}

/* SIGXCPU at the soft limit, which moves on by a second each time, and SIGKILL at the hard one
 * (getrlimit(2)). Which signal is to be sent now; 0: none. */
static int check_limit(struct rlimit *limit, uint64_t used, uint64_t second)
{
    if (limit->soft == RLIM_INFINITY)
        return 0;
    if (used >= limit->hard)
        return SIGKILL;
    if (used < limit->soft)
        return 0;
    limit->soft += second;
    return SIGXCPU;
}

/* RLIMIT_RTTIME: what a real-time thread has used since it slept last, in microseconds. */
static int check_real_time(struct process *process, const struct thread *thread)
{
    uint64_t used = time_of_thread(thread, false) - ticks_to_nanoseconds(thread->ticks_at_sleep);
    return thread->priority ? check_limit(&process->limits[RLIMIT_RTTIME], used / 1000, 1000000)
                            : 0;
}

void process_timers_tick(void)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct list freed = LIST_INITIALIZER(freed);
    int number;
    spin_lock(&process->signal_lock);
    list_for_each_safe (link, &process->timers.cpu) {
        struct process_timer *timer = container_of(link, struct process_timer, cpu_link);
        if (timer->next <= clock_now(timer, timer->clock))
            fire(timer, &freed);
    }
    number = check_limit(&process->limits[RLIMIT_CPU], time_of_process(process, false) / SECOND, 1);
    if (!number)
        number = check_real_time(process, thread);
    update_ticks(process);
    signal_unlock(process, &freed);
    if (number)
        signal_send(process, number);
}
