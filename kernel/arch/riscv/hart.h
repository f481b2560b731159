/*
 * Harts (hardware threads) and the interrupt state of the current one. The tp register holds the
 * current thread in the kernel; sscratch holds it while the hart runs in user mode, and 0 in the
 * kernel.
 */
#ifndef MAPIX_ARCH_RISCV_HART_H
#define MAPIX_ARCH_RISCV_HART_H

#include "arch/riscv/offsets.h"
#include <stdbool.h>
#include <stdint.h>

#define HART_MAX 64 /* harts are numbered densely from 0 in the order they are found */

#define SSTATUS_SIE        (1ul << 1)
#define SSTATUS_SPIE       (1ul << 5)
#define SSTATUS_SPP        (1ul << 8)
#define SSTATUS_FS         (3ul << 13)
#define SSTATUS_FS_INITIAL (1ul << 13)
#define SSTATUS_FS_CLEAN   (2ul << 13)
#define SSTATUS_SUM        (1ul << 18)

struct thread;
struct pmap;
struct fp_state;

/* What an inter-processor interrupt asks for: bits of fence_requests. */
enum hart_request {
    REQUEST_RESCHEDULE = 1 << 0, /* look at the run queue */
    REQUEST_FENCE = 1 << 1,      /* answer the harts in fence_senders (tlb.c) */
    REQUEST_STOP = 1 << 2        /* another hart panics: report and stop */
};

struct hart {
    unsigned index;               /* 0 .. hart_count()-1 */
    uint64_t sbi_id;              /* the firmware's number */
    const char *instruction_sets; /* as the device tree has them; NULL: it does not say */
    struct thread *idle;          /* runs when nothing else can */
    struct pmap *pmap;            /* in satp now; the kernel's when no process ran yet */
    uint64_t asid_generation;     /* identifiers of this generation are in its TLB (asid.c) */
    uint32_t fence_requests;   /* atomic: bits of work asked for by an inter-processor interrupt */
    uint64_t fence_senders;    /* atomic: harts whose fence request is not answered yet */
    struct fp_state *fp_owner; /* whose floating-point registers are in the hart (fp.c) */
    bool online;
    uint64_t timer_interrupts, request_interrupts; /* (the hart itself) how many it took */
};

extern struct hart harts[HART_MAX]; /* [0] is the one that booted */
unsigned hart_count(void);          /* harts that came up */

/* A bit for each of them. */
static inline uint64_t all_harts(void)
{
    return hart_count() == HART_MAX ? UINT64_MAX : (1ul << hart_count()) - 1;
}

static inline struct thread *current_thread(void)
{
    struct thread *thread;
    __asm__ volatile("mv %0, tp" : "=r"(thread));
    return thread;
}

/* The current hart; meaningful while interrupts are off. */
static inline struct hart *current_hart(void)
{
    struct hart *hart;
    __asm__ volatile("ld %0, %1(tp)" : "=r"(hart) : "i"(THREAD_HART));
    return hart;
}

static inline unsigned hart_index(void)
{
    return current_hart()->index;
}

static inline bool interrupts_enabled(void)
{
    uint64_t status;
    __asm__ volatile("csrr %0, sstatus" : "=r"(status));
    return status & SSTATUS_SIE;
}

/* Turn interrupts off; returns what interrupts_restore needs. */
static inline uint64_t interrupts_disable(void)
{
    uint64_t status;
    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status)::"memory");
    return status & SSTATUS_SIE;
}

static inline void interrupts_restore(uint64_t state)
{
    __asm__ volatile("csrs sstatus, %0" ::"r"(state) : "memory");
}

static inline void interrupts_enable(void)
{
    __asm__ volatile("csrsi sstatus, 2" ::: "memory");
}

/* Sleep until an interrupt is pending; called with interrupts off. */
static inline void hart_wait_for_interrupt(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

/* Make hart leave its wfi and look at its run queue. Any context. */
void hart_kick(unsigned index);

/* Ask the harts of the mask for work (enum hart_request bits); returns how many interrupts it took:
 * none for a hart that has one on its way. Any context. */
unsigned hart_request(uint64_t mask, uint32_t requests);

/* Do what others have asked this hart for. Interrupts off. */
void hart_serve_requests(void);

/* Give the booting hart its structures; before anything that takes a lock. */
void hart_init_boot(uint64_t sbi_id);

/* Start all other harts of the device tree; each goes to its idle thread. Returns when those that
 * could be started are up. */
void harts_start(void);

#endif
