/*
 * Load averages: exponentially decaying means of the number of runnable threads, sampled every five
 * seconds. Samples are taken when the timer comes or somebody asks; those missed meanwhile are made
 * up for with the number of then, which is right for a machine that was idle.
 */
#include "core/load.h"
#include "core/lock.h"
#include "core/scheduler.h"
#include "core/time.h"

#define PERIOD      5000000000ul
#define PERIODS_MAX 2160 /* after three hours nothing is left of the past */
#define ONE         65536ul

/* e to the power of -5/60, -5/300 and -5/900. */
static const uint64_t decay[3] = {60296, 64453, 65173};

static struct spinlock lock = {.name = "load", .rank = RANK_SIGNAL};
static uint64_t next_sample, averages[3];

void load_sample(uint64_t now)
{
    uint64_t active, periods;
    if (now < __atomic_load_n(&next_sample, __ATOMIC_RELAXED))
        return;
    active = scheduler_runnable() * ONE;
    spin_lock(&lock);
    if (now >= next_sample) {
        periods = (now - next_sample) / PERIOD + 1;
        __atomic_store_n(&next_sample, next_sample + periods * PERIOD, __ATOMIC_RELAXED);
        if (periods > PERIODS_MAX)
            periods = PERIODS_MAX;
        for (; periods > 0; periods--) {
            for (unsigned i = 0; i < 3; i++)
                averages[i] = (averages[i] * decay[i] + active * (ONE - decay[i])) / ONE;
        }
    }
    spin_unlock(&lock);
}

void load_average(uint64_t average[3])
{
    load_sample(time_now());
    spin_lock(&lock);
    for (unsigned i = 0; i < 3; i++)
        average[i] = averages[i];
    spin_unlock(&lock);
}
