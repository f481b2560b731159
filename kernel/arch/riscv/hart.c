/*
 * Harts: finding and starting them, and asking one another for work. They are numbered densely from
 * 0, the one that booted, in the order of the device tree, whatever the firmware calls them.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/sbi.h"
#include "arch/riscv/timer.h"
#include "arch/riscv/tlb.h"
#include "core/panic.h"
#include "core/printk.h"
#include "core/scheduler.h"
#include "core/thread.h"
#include "core/time.h"
#include "dev/fdt.h"
#include "dev/interrupt.h"
#include "lib/string.h"

#define START_PATIENCE 1000000000ul /* nanoseconds until a hart that was started counts as lost */

struct hart harts[HART_MAX];
struct thread boot_thread; /* what runs from boot.S to the end of kernel_main */
static unsigned count;     /* atomic */

extern char start_secondary[], image_start[]; /* boot.S, kernel.ld */
extern paddr_t image_physical;
extern struct thread *starting_thread;

void hart_main(void);

unsigned hart_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

static void hart_init(struct hart *hart, uint64_t sbi_id)
{
    hart->index = (unsigned)(hart - harts);
    hart->sbi_id = sbi_id;
    hart->pmap = &kernel_pmap;
    __atomic_fetch_or(&kernel_pmap.active_harts, 1ul << hart->index, __ATOMIC_RELAXED);
}

void hart_init_boot(uint64_t sbi_id)
{
    boot_thread.hart = &harts[0];
    boot_thread.affinity = UINT64_MAX;
    hart_init(&harts[0], sbi_id);
    harts[0].online = true;
    count = 1;
}

/* The first thing that a secondary hart calls, on the stack of its idle thread. */
void hart_main(void)
{
    trap_init_hart();
    fp_init_hart();
    timer_init_hart();
    interrupt_controller_init_hart();
    fence_instructions();
    __atomic_store_n(&current_hart()->online, true, __ATOMIC_RELEASE);
    scheduler_start_hart();
}

/* Start one hart, and wait until it is up. */
static void start(uint64_t sbi_id, const char *instruction_sets)
{
    struct hart *hart = &harts[hart_count()];
    uint64_t deadline = time_now() + START_PATIENCE;
    paddr_t entry = image_physical + (uint64_t)(start_secondary - image_start);
    struct thread *idle;

    hart_init(hart, sbi_id);
    hart->instruction_sets = instruction_sets;
    idle = scheduler_create_idle(hart->index);
    if (!idle) {
        printk("hart %lu is not started: no memory\n", sbi_id);
        return;
    }
    __atomic_store_n(&starting_thread, idle, __ATOMIC_SEQ_CST);
    long error = sbi_hart_start(sbi_id, entry, (uint64_t)idle);
    if (error) {
        printk("hart %lu does not start: error %ld\n", sbi_id, error);
        return;
    }
    while (!__atomic_load_n(&hart->online, __ATOMIC_ACQUIRE) && time_now() < deadline)
        hart_pause();
    if (!__atomic_load_n(&hart->online, __ATOMIC_ACQUIRE))
        printk("hart %lu was started, but does not come up\n", sbi_id);
    __atomic_store_n(&count, count + 1, __ATOMIC_RELEASE);
}

void harts_start(void)
{
    struct fdt_node cpus, cpu = {0};
    uint64_t sbi_id, size;

    if (!fdt_find("/cpus", &cpus))
        return;
    while (fdt_next_child(&cpus, &cpu) && hart_count() < HART_MAX) {
        const char *type = fdt_string(&cpu, "device_type");
        if (!type || strcmp(type, "cpu") || !fdt_is_enabled(&cpu) ||
            !fdt_reg(&cpu, 0, &sbi_id, &size))
            continue;
        const char *instruction_sets = fdt_string(&cpu, "riscv,isa");
        if (sbi_id == harts[0].sbi_id)
            harts[0].instruction_sets = instruction_sets;
        else
            start(sbi_id, instruction_sets);
    }
}

/* The firmware takes masks of 64 harts from a base on: one call for those near each other. */
static void interrupt(uint64_t mask)
{
    while (mask) {
        uint64_t base = harts[__builtin_ctzl(mask)].sbi_id, bits = 0;
        for (uint64_t left = mask; left; left &= left - 1) {
            unsigned index = (unsigned)__builtin_ctzl(left);
            if (harts[index].sbi_id - base < 64) {
                bits |= 1ul << (harts[index].sbi_id - base);
                mask &= ~(1ul << index);
            }
        }
        sbi_interrupt(bits, base);
    }
}

unsigned hart_request(uint64_t mask, uint32_t requests)
{
    uint64_t quiet = 0;

    for (uint64_t left = mask; left; left &= left - 1) {
        unsigned index = (unsigned)__builtin_ctzl(left);
        /* Bits that were set before stand for an interrupt that has not been served yet. */
        if (!__atomic_fetch_or(&harts[index].fence_requests, requests, __ATOMIC_SEQ_CST))
            quiet |= 1ul << index;
    }
    interrupt(quiet);
    return (unsigned)__builtin_popcountl(quiet);
}

void hart_kick(unsigned index)
{
    hart_request(1ul << index, REQUEST_RESCHEDULE);
}

void hart_serve_requests(void)
{
    struct hart *hart = current_hart();
    uint32_t requests = __atomic_exchange_n(&hart->fence_requests, 0, __ATOMIC_SEQ_CST);

    if (requests & REQUEST_FENCE)
        tlb_serve_requests();
    if (requests & REQUEST_RESCHEDULE)
        __atomic_store_n(&current_thread()->reschedule, true, __ATOMIC_RELAXED);
    if (requests & REQUEST_STOP)
        panic_stop();
}
