/*
 * The time register, which all harts share, and the timer interrupt of each.
 */
#ifndef MAPIX_ARCH_RISCV_TIMER_H
#define MAPIX_ARCH_RISCV_TIMER_H

#include "arch/riscv/csr.h"
#include <stdint.h>

#define TIMER_NEVER UINT64_MAX

/* Ticks of timer_frequency since some moment before boot. */
static inline uint64_t timer_ticks(void)
{
    return csr_read(time);
}

/* Find the frequency and how to set the timer. Boot only; the device tree is in use. */
void timer_init(void);

/* Let this hart take timer interrupts, and user programs read the counters. */
void timer_init_hart(void);

/* Ticks per second. */
uint64_t timer_frequency(void);

/* Interrupt this hart at time_now() == deadline or a little later, instead of when it was set to
 * before; TIMER_NEVER: not at all. Interrupts off. */
void timer_set(uint64_t deadline);

#endif
