/*
 * The timer of each hart: its own compare register if there is one (extension Sstc), else the
 * firmware's. What the device tree claims is tried out first, for the firmware may not let the
 * kernel use the register.
 */
#include "arch/riscv/timer.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/sbi.h"
#include "core/printk.h"
#include "core/time.h"
#include "dev/fdt.h"

#define COUNTERS 7 /* scounteren: cycle, time, instret */

bool timer_probe(void); /* probe.S */

static uint64_t frequency;
static bool has_compare;

void timer_init(void)
{
    struct fdt_node cpus;
    uint32_t value;

    if (!fdt_find("/cpus", &cpus) || !fdt_u32(&cpus, "timebase-frequency", &value) || value == 0)
        panic("the device tree tells no timebase-frequency");
    frequency = value;
    has_compare = isa_has(ISA_SSTC) && timer_probe();
    timer_init_hart();
}

void timer_init_hart(void)
{
    csr_write(scounteren, COUNTERS);
    timer_set(TIMER_NEVER);
}

uint64_t timer_frequency(void)
{
    return frequency;
}

void timer_set(uint64_t deadline)
{
    uint64_t ticks = deadline == TIMER_NEVER ? UINT64_MAX : time_to_ticks(deadline);

    if (has_compare)
        csr_write(CSR_STIMECMP, ticks);
    else
        sbi_set_timer(ticks);
    /* The trap handler has turned it off. */
    csr_set(sie, 1ul << INTERRUPT_TIMER);
}
