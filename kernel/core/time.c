/*
 * Clocks. A tick of the time register is not a whole number of nanoseconds, so both conversions
 * multiply by a fixed-point factor; they are exact to the nanosecond for centuries at the usual
 * frequencies, and cost no division.
 */
#include "core/time.h"
#include "arch/riscv/clock.h"
#include "arch/riscv/timer.h"
#include "dev/rtc.h"

#define SECOND 1000000000ul

/* Bits behind the point of the factors. */
#define TO_NANOSECONDS 32
#define TO_TICKS       60

static struct clock_data boot_clock; /* until there is a page that programs can map */
static struct clock_data *clock = &boot_clock;
static uint64_t ticks_per_nanosecond;

/* (a << bits) / b where the quotient fits; a < b << 4, bits <= 60. */
static uint64_t divide_shifted(uint64_t a, uint64_t b, unsigned bits)
{
    uint64_t quotient = a / b, rest = a % b;
    for (unsigned i = 0; i < bits; i++) {
        rest <<= 1;
        quotient = quotient << 1 | (rest >= b);
        rest = rest >= b ? rest - b : rest;
    }
    return quotient;
}

void time_init(uint64_t entry_ticks)
{
    clock->nanoseconds_per_tick = divide_shifted(SECOND, timer_frequency(), TO_NANOSECONDS);
    ticks_per_nanosecond = divide_shifted(timer_frequency(), SECOND, TO_TICKS);
    clock->resolution = (SECOND - 1) / timer_frequency() + 1;
    clock->start = entry_ticks;
    time_set_real(rtc_read());
}

void time_move_clock(struct clock_data *place)
{
    *place = *clock;
    clock = place;
}

uint64_t time_resolution(void)
{
    return clock->resolution;
}

uint64_t time_now(void)
{
    return clock_since_boot(clock, timer_ticks());
}

uint64_t time_to_ticks(uint64_t nanoseconds)
{
    unsigned __int128 ticks = (unsigned __int128)nanoseconds * ticks_per_nanosecond >> TO_TICKS;
    return clock->start + (uint64_t)ticks + 1;
}

uint64_t time_real(void)
{
    return time_now() + __atomic_load_n(&clock->real_offset, __ATOMIC_RELAXED);
}

void time_set_real(uint64_t nanoseconds)
{
    __atomic_store_n(&clock->real_offset, nanoseconds - time_now(), __ATOMIC_RELAXED);
}

struct timestamp time_stamp(void)
{
    uint64_t now = time_real();
    return (struct timestamp){(int64_t)(now / SECOND), (uint32_t)(now % SECOND)};
}
