/*
 * Timeouts: functions to be called at a time. One shot each; the function may start it again.
 *
 * Who owns a timeout calls timeout_start and timeout_stop one at a time (under a lock of its own,
 * as a rule). A stop does not wait: the function may just be about to run, so it takes the owner's
 * lock and looks whether its time has really come. timeout_cancel waits, before the memory goes.
 */
#ifndef MAPIX_CORE_TIMEOUT_H
#define MAPIX_CORE_TIMEOUT_H

#include "lib/tree.h"
#include <stdbool.h>
#include <stdint.h>

struct timeout;

/* Called with interrupts off and no lock held; it must be short. */
typedef void timeout_function(struct timeout *timeout);

enum timeout_clock {
    TIMEOUT_SINCE_BOOT, /* time_now() */
    TIMEOUT_REAL,       /* time_real(): setting that clock moves the moment */
};

struct timeout {
    struct tree_node node;
    struct timeout_queue *queue; /* that it is on, or NULL */
    uint64_t deadline;           /* of the queue's clock, nanoseconds */
    timeout_function *function;
};

/* Set up the queues. Boot only. */
void timeouts_init(void);

void timeout_init(struct timeout *timeout, timeout_function *function);

/* Call the function when the clock shows the deadline, or a little later; a start before is void.
 * Any context. */
void timeout_start(struct timeout *timeout, enum timeout_clock clock, uint64_t deadline);
void timeout_stop(struct timeout *timeout);

/* Stop it, and wait until the function does not run. No lock that it takes is held. */
void timeout_cancel(struct timeout *timeout);

/* Call the functions whose time has come on this hart: when to call again (time_now(), UINT64_MAX:
 * never). Interrupts off, for the scheduler's timer. */
uint64_t timeouts_run(void);

/* The real-time clock has been set. */
void timeouts_clock_set(void);

#endif
