/*
 * Timers that are read (timerfd_create(2)).
 *
 * A timer that has expired is counted once and stays so until somebody reads or looks: only then
 * are the intervals that have passed since counted, and the timeout is started for the next. So a
 * timer that nobody reads costs nothing, and there is one edge for epoll between two reads, as in
 * Linux.
 */
#include "fs/timer_file.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "core/time.h"
#include "fs/anonymous.h"
#include "fs/text.h"
#include "sys/convert.h"
#include "vm/kmem.h"

/* Letters: (l) lock, (t) timers_lock. */
struct timer_file {
    struct spinlock lock;
    struct wait_queue expired;   /* ticks is not 0 */
    struct timeout timeout;      /* (l) */
    enum timeout_clock made_for; /* clock of absolute times, */
    int number;                  /* and its number for programs */
    unsigned flags;              /* (l) that it was set with */
    enum timeout_clock clock;    /* (l) of next */
    uint64_t next, interval;     /* (l) when it expires, or has expired; 0: never */
    uint64_t ticks;              /* (l) expirations not read yet */
    bool running;                /* (l) next is still to come */
    bool cancel_on_set;          /* (l) */
    bool cancelled;              /* (l) the clock was set, and no read has told */
    struct list link;            /* (t) all_timers */
};

static struct slab_cache timer_cache;
static struct spinlock timers_lock;
static struct list all_timers = LIST_INITIALIZER(all_timers);

void timer_files_init(void)
{
    slab_cache_init(&timer_cache, "timer file", sizeof(struct timer_file), 8);
    spin_init(&timers_lock, "timer files", RANK_TABLE);
}

static uint64_t clock_now(const struct timer_file *timer)
{
    return timer->clock == TIMEOUT_REAL ? time_real() : time_now();
}

static struct timer_file *timer_of(struct timeout *timeout)
{
    return container_of(timeout, struct timer_file, timeout);
}

/* The timeout's function: it may come late, when the timer is set otherwise already. */
static void expire(struct timeout *timeout)
{
    struct timer_file *timer = timer_of(timeout);

    spin_lock(&timer->lock);
    bool due = timer->running && timer->next <= clock_now(timer);
    if (due) {
        timer->running = false;
        timer->ticks++;
    }
    spin_unlock(&timer->lock);
    if (due)
        wake_events(&timer->expired, POLLIN);
}

static void start(struct timer_file *timer, uint64_t next)
{
    timer->next = next;
    timer->running = true;
    timeout_start(&timer->timeout, timer->clock, next);
}

/* Count the intervals since the timer has expired, and go on with the next. Locked. */
static void catch_up(struct timer_file *timer)
{
    if (timer->running || !timer->next || !timer->interval)
        return;
    uint64_t now = clock_now(timer), passed = 0;
    if (now > timer->next)
        passed = (now - timer->next) / timer->interval;
    timer->ticks += passed;
    start(timer, timer->next + (passed + 1) * timer->interval);
}

/* Take the expirations: 0 if there is none, or -ECANCELED. */
static int take(struct timer_file *timer, uint64_t *ticks)
{
    int error = 0;

    spin_lock(&timer->lock);
    if (timer->cancelled) {
        timer->cancelled = false;
        error = -ECANCELED;
    } else if (timer->ticks) {
        catch_up(timer);
    }
    *ticks = timer->ticks;
    timer->ticks = 0;
    spin_unlock(&timer->lock);
    return error;
}

static bool has_expired(const struct timer_file *timer)
{
    return __atomic_load_n(&timer->ticks, __ATOMIC_RELAXED);
}

static long timer_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct timer_file *timer = file->state;
    uint64_t ticks = 0;
    int error = 0;

    (void)offset;
    if (transfer->remaining < sizeof(ticks))
        return -EINVAL;
    while (!error && !ticks) {
        error = take(timer, &ticks);
        if (error || ticks)
            break;
        if (file_flags(file, transfer) & O_NONBLOCK)
            return -EAGAIN;
        error = wait_event_interruptible(&timer->expired, has_expired(timer));
    }
    if (error)
        return error;
    return transfer_give(transfer, &ticks, sizeof(ticks)) == sizeof(ticks) ? (long)sizeof(ticks)
                                                                           : -EFAULT;
}

static unsigned timer_poll(struct file *file, struct wait_queue **queue)
{
    struct timer_file *timer = file->state;

    *queue = &timer->expired;
    return has_expired(timer) ? POLLIN : 0;
}

/* The time left, 0 if it has expired and nobody has looked since. Locked. */
static uint64_t time_left(const struct timer_file *timer)
{
    uint64_t now = clock_now(timer);

    return timer->running && timer->next > now ? timer->next - now : 0;
}

static void timer_describe(struct file *file, struct text *text)
{
    struct timer_file *timer = file->state;

    spin_lock(&timer->lock);
    uint64_t ticks = timer->ticks, left = time_left(timer), interval = timer->interval;
    unsigned flags = timer->flags;
    spin_unlock(&timer->lock);
    text_format(text, "clockid: %d\nticks: %lu\nsettime flags: 0%o\n", timer->number, ticks, flags);
    text_format(text, "it_value: (%lu, %lu)\nit_interval: (%lu, %lu)\n",
                left / NANOSECONDS_PER_SECOND, left % NANOSECONDS_PER_SECOND,
                interval / NANOSECONDS_PER_SECOND, interval % NANOSECONDS_PER_SECOND);
}

static void timer_release(struct file *file)
{
    struct timer_file *timer = file->state;

    spin_lock(&timers_lock);
    list_remove(&timer->link);
    spin_unlock(&timers_lock);
    timeout_cancel(&timer->timeout);
    slab_free(&timer_cache, timer);
}

static const struct file_operations timer_operations = {.read = timer_read,
                                                        .stays = true,
                                                        .read_nowait = true,
                                                        .poll = timer_poll,
                                                        .describe = timer_describe,
                                                        .release = timer_release};

bool file_is_timer(const struct file *file)
{
    return file->operations == &timer_operations;
}

enum timeout_clock timer_file_clock(const struct file *file)
{
    const struct timer_file *timer = file->state;
    return timer->made_for;
}

struct file *timer_file_create(enum timeout_clock clock, int number, uint32_t flags)
{
    struct timer_file *timer = slab_allocate_zeroed(&timer_cache);

    if (!timer)
        return NULL;
    spin_init(&timer->lock, "timer file", RANK_DEVICE);
    wait_queue_init(&timer->expired, "timer file");
    timeout_init(&timer->timeout, expire);
    timer->clock = timer->made_for = clock;
    timer->number = number;
    struct file *file = anonymous_file(ANONYMOUS_TIMER, &timer_operations, timer, O_RDWR | flags);
    if (!file) {
        slab_free(&timer_cache, timer);
        return NULL;
    }
    spin_lock(&timers_lock);
    list_push_back(&all_timers, &timer->link);
    spin_unlock(&timers_lock);
    return file;
}

int timer_file_set(struct file *file, const struct timer_setting *setting)
{
    struct timer_file *timer = file->state;
    int error = 0;

    spin_lock(&timer->lock);
    timeout_stop(&timer->timeout);
    timer->running = false;
    timer->clock = setting->clock;
    timer->flags = setting->flags;
    timer->next = setting->next;
    timer->interval = setting->interval;
    timer->ticks = 0;
    timer->cancel_on_set = setting->cancel_on_set;
    if (setting->next)
        start(timer, setting->next);
    if (setting->next && timer->cancelled) {
        timer->cancelled = false;
        error = -ECANCELED;
    }
    spin_unlock(&timer->lock);
    return error;
}

void timer_file_get(struct file *file, struct timer_setting *left)
{
    struct timer_file *timer = file->state;

    spin_lock(&timer->lock);
    catch_up(timer);
    left->clock = timer->clock;
    left->next = time_left(timer);
    left->interval = timer->interval;
    left->cancel_on_set = timer->cancel_on_set;
    spin_unlock(&timer->lock);
}

void timer_files_clock_set(void)
{
    spin_lock(&timers_lock);
    list_for_each (link, &all_timers) {
        struct timer_file *timer = container_of(link, struct timer_file, link);
        spin_lock(&timer->lock);
        bool ends = timer->cancel_on_set && !timer->cancelled;
        if (ends) {
            timer->cancelled = true;
            timer->ticks++;
        }
        spin_unlock(&timer->lock);
        if (ends)
            wake_events(&timer->expired, POLLIN);
    }
    spin_unlock(&timers_lock);
}
