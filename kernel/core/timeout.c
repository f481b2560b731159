/*
 * Timeouts (timeout.h). Each hart has a queue by time since boot, on which its timeouts are put
 * when they are started there, and looks at it when its timer comes. The timeouts that follow the
 * real-time clock are on one queue for all harts. Its first one is watched by a timeout since boot,
 * the driver, which is all that has to move when the clock is set.
 *
 * A queue runs one function at a time, without its lock: queue->running tells which, so that
 * timeout_cancel can wait for it.
 */
#include "core/timeout.h"
#include "arch/riscv/hart.h"
#include "core/lock.h"
#include "core/scheduler.h"
#include "core/time.h"

#define NEVER UINT64_MAX

struct timeout_queue {
    struct spinlock lock;
    struct tree timeouts;    /* (lock) in order of deadline */
    struct timeout *running; /* atomic: set under the lock */
} __attribute__((aligned(64)));

static struct timeout_queue hart_queues[HART_MAX], real_queue;
static struct timeout driver; /* (real_queue.lock) */

static struct timeout *timeout_of(struct tree_node *node)
{
    return container_of(node, struct timeout, node);
}

/* The first deadline of a locked queue. */
static uint64_t first_deadline(const struct timeout_queue *queue)
{
    struct tree_node *first = tree_first(&queue->timeouts);
    return first ? timeout_of(first)->deadline : NEVER;
}

/* Queue locked. */
static void insert(struct timeout_queue *queue, struct timeout *timeout, uint64_t deadline)
{
    struct tree_node *parent = NULL, *node = queue->timeouts.root;
    bool left = false;
    timeout->deadline = deadline;
    while (node) {
        parent = node;
        left = deadline < timeout_of(node)->deadline;
        node = left ? node->left : node->right;
    }
    tree_insert(&queue->timeouts, parent, left, &timeout->node);
    __atomic_store_n(&timeout->queue, queue, __ATOMIC_RELEASE);
}

/* Queue locked. */
static void take_out(struct timeout_queue *queue, struct timeout *timeout)
{
    tree_remove(&queue->timeouts, &timeout->node);
    __atomic_store_n(&timeout->queue, NULL, __ATOMIC_RELEASE);
}

void timeout_init(struct timeout *timeout, timeout_function *function)
{
    *timeout = (struct timeout){.function = function};
}

void timeout_stop(struct timeout *timeout)
{
    struct timeout_queue *queue = __atomic_load_n(&timeout->queue, __ATOMIC_ACQUIRE);
    if (!queue)
        return;
    spin_lock(&queue->lock);
    if (timeout->queue == queue) /* else its time has come meanwhile */
        take_out(queue, timeout);
    spin_unlock(&queue->lock);
}

static void start_on_hart(struct timeout *timeout, uint64_t deadline)
{
    uint64_t state = interrupts_disable();
    struct timeout_queue *queue = &hart_queues[hart_index()];
    spin_lock(&queue->lock);
    insert(queue, timeout, deadline);
    spin_unlock(&queue->lock);
    scheduler_timer_before(deadline);
    interrupts_restore(state);
}

/* Let the driver come at the first deadline. real_queue locked. */
static void set_driver(void)
{
    uint64_t first = first_deadline(&real_queue), offset = time_real() - time_now();
    timeout_stop(&driver);
    if (first != NEVER)
        start_on_hart(&driver, first > offset ? first - offset : 0);
}

static void start_real(struct timeout *timeout, uint64_t deadline)
{
    spin_lock(&real_queue.lock);
    insert(&real_queue, timeout, deadline);
    if (first_deadline(&real_queue) == deadline)
        set_driver();
    spin_unlock(&real_queue.lock);
}

void timeout_start(struct timeout *timeout, enum timeout_clock clock, uint64_t deadline)
{
    timeout_stop(timeout);
    if (clock == TIMEOUT_REAL)
        start_real(timeout, deadline);
    else
        start_on_hart(timeout, deadline);
}

static bool runs_somewhere(const struct timeout *timeout)
{
    bool runs = __atomic_load_n(&real_queue.running, __ATOMIC_ACQUIRE) == timeout;
    for (unsigned i = 0; i < hart_count(); i++)
        runs |= __atomic_load_n(&hart_queues[i].running, __ATOMIC_ACQUIRE) == timeout;
    return runs;
}

/* The function may start its own timeout again: then it is stopped once more. */
void timeout_cancel(struct timeout *timeout)
{
    do {
        timeout_stop(timeout);
        while (runs_somewhere(timeout))
            ;
    } while (__atomic_load_n(&timeout->queue, __ATOMIC_ACQUIRE));
}

/* Call the functions that are due, unless somebody is at it: he goes on until none is. */
static void run_due(struct timeout_queue *queue, uint64_t (*clock)(void))
{
    spin_lock(&queue->lock);
    while (!queue->running && first_deadline(queue) <= clock()) {
        struct timeout *timeout = timeout_of(tree_first(&queue->timeouts));
        __atomic_store_n(&queue->running, timeout, __ATOMIC_RELEASE);
        take_out(queue, timeout);
        spin_unlock(&queue->lock);
        timeout->function(timeout);
        spin_lock(&queue->lock);
        __atomic_store_n(&queue->running, NULL, __ATOMIC_RELEASE);
    }
    spin_unlock(&queue->lock);
}

uint64_t timeouts_run(void)
{
    struct timeout_queue *queue = &hart_queues[hart_index()];
    run_due(queue, time_now);
    spin_lock(&queue->lock);
    uint64_t next = first_deadline(queue);
    spin_unlock(&queue->lock);
    return next;
}

void timeouts_clock_set(void)
{
    spin_lock(&real_queue.lock);
    set_driver();
    spin_unlock(&real_queue.lock);
}

/* The driver's function. */
static void run_real(struct timeout *timeout)
{
    (void)timeout;
    run_due(&real_queue, time_real);
    timeouts_clock_set();
}

static void queue_init(struct timeout_queue *queue, enum lock_rank rank)
{
    spin_init(&queue->lock, "timeouts", rank);
    tree_init(&queue->timeouts, NULL);
}

void timeouts_init(void)
{
    for (unsigned i = 0; i < HART_MAX; i++)
        queue_init(&hart_queues[i], RANK_TIMEOUT);
    queue_init(&real_queue, RANK_REAL_TIMEOUT);
    timeout_init(&driver, run_real);
}
