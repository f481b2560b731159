/*
 * The timer of each hart: its own compare register if there is one (extension Sstc), else the
 * firmware's. What the device tree claims is tried out first, for the firmware may not let the
 * kernel use the register.
 */
#include "arch/riscv/timer.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/sbi.h"
#include "core/printk.h"
#include "core/time.h"
#include "dev/fdt.h"
#include "lib/string.h"

#define COUNTERS 7 /* scounteren: cycle, time, instret */

bool timer_probe(void); /* probe.S */

static uint64_t frequency;
static bool has_compare;

/* Does a list of extensions such as "rv64imafdc_sstc_zicsr" name this one? */
static bool names_extension(const char *list, const char *extension)
{
    size_t length = strlen(extension);
    for (list = strchr(list, '_'); list; list = strchr(list, '_')) {
        list++;
        if (!strncmp(list, extension, length) && (list[length] == '_' || list[length] == 0))
            return true;
    }
    return false;
}

static bool cpu_has(const struct fdt_node *cpu, const char *extension)
{
    const char *list = fdt_string(cpu, "riscv,isa");
    size_t length, used = 0;

    if (list && names_extension(list, extension))
        return true;
    /* The newer property is a list of strings. */
    list = fdt_property(cpu, "riscv,isa-extensions", &length);
    while (list && used < length) {
        size_t size = strnlen(list + used, length - used);
        if (size == strlen(extension) && !memcmp(list + used, extension, size))
            return true;
        used += size + 1;
    }
    return false;
}

static bool all_harts_have(const char *extension)
{
    struct fdt_node cpus, cpu = {0};
    bool found = false;

    if (!fdt_find("/cpus", &cpus))
        return false;
    while (fdt_next_child(&cpus, &cpu)) {
        const char *type = fdt_string(&cpu, "device_type");
        if (!type || strcmp(type, "cpu") || !fdt_is_enabled(&cpu))
            continue;
        if (!cpu_has(&cpu, extension))
            return false;
        found = true;
    }
    return found;
}

void timer_init(void)
{
    struct fdt_node cpus;
    uint32_t value;

    if (!fdt_find("/cpus", &cpus) || !fdt_u32(&cpus, "timebase-frequency", &value) || value == 0)
        panic("the device tree tells no timebase-frequency");
    frequency = value;
    has_compare = all_harts_have("sstc") && timer_probe();
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
