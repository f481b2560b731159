/*
 * Replaces kernel/arch/riscv/hart.h on the development machine: one thread that may pretend to run
 * on any of the harts (shim_hart), with an interrupt flag that is only checked.
 */
#ifndef MAPIX_ARCH_RISCV_HART_H
#define MAPIX_ARCH_RISCV_HART_H

#include <stdbool.h>
#include <stdint.h>

#define HART_MAX 64

struct thread;
struct pmap;

struct hart {
    unsigned index;
    uint64_t sbi_id;
    struct thread *idle;
    struct pmap *pmap;
    uint64_t asid_generation;
    uint32_t fence_requests;
    bool online;
};

extern struct hart harts[HART_MAX];
extern unsigned shim_hart;       /* the current hart */
extern unsigned shim_hart_count; /* what hart_count says */
extern bool shim_interrupts_off;
extern struct thread *shim_thread; /* what current_thread returns */

static inline unsigned hart_count(void)
{
    return shim_hart_count;
}

static inline unsigned hart_index(void)
{
    return shim_hart;
}

static inline struct hart *current_hart(void)
{
    return &harts[shim_hart];
}

static inline struct thread *current_thread(void)
{
    return shim_thread;
}

static inline bool interrupts_enabled(void)
{
    return !shim_interrupts_off;
}

static inline uint64_t interrupts_disable(void)
{
    uint64_t state = shim_interrupts_off ? 0 : 2;
    shim_interrupts_off = true;
    return state;
}

static inline void interrupts_restore(uint64_t state)
{
    if (state)
        shim_interrupts_off = false;
}

static inline void interrupts_enable(void)
{
    shim_interrupts_off = false;
}

static inline void hart_wait_for_interrupt(void)
{
}

static inline void hart_kick(unsigned index)
{
    (void)index;
}

#endif
