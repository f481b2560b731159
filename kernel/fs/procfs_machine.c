/*
 * What /proc tells of harts, time and devices (proc(5)).
 */
#include "abi/device.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/pmap.h"
#include "core/load.h"
#include "core/pid.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "dev/block.h"
#include "dev/interrupt.h"
#include "fs/procfs.h"
#include "fs/sysfs_disk.h"
#include "sys/system.h"

#define SECOND      1000000000ul
#define MILLISECOND 1000000ul
#define TICK        (SECOND / 100)

/* Processors and time */

int procfs_write_processors(uint64_t key, struct text *text)
{
    (void)key;
    for (unsigned i = 0; i < hart_count(); i++) {
        text_format(text, "processor\t: %u\nhart\t\t: %lu\n", i, harts[i].sbi_id);
        if (harts[i].instruction_sets)
            text_format(text, "isa\t\t: %s\n", harts[i].instruction_sets);
        text_format(text, "mmu\t\t: sv%u\n", 9 * pmap_levels + 12);
        text_format(text, "mvendorid\t: 0x%lx\nmarchid\t\t: 0x%lx\nmimpid\t\t: 0x%lx\n\n",
                    isa_maker.vendor, isa_maker.architecture, isa_maker.implementation);
    }
    return 0;
}

int procfs_write_uptime(uint64_t key, struct text *text)
{
    uint64_t now = time_now() / TICK, idle = scheduler_idle_time() / TICK;

    (void)key;
    text_format(text, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
    return 0;
}

int procfs_write_load(uint64_t key, struct text *text)
{
    struct process_totals totals;
    uint64_t average[3];

    (void)key;
    load_average(average);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t hundredths = (average[i] * 100 + 32768) >> 16;
        text_format(text, "%lu.%02lu ", hundredths / 100, hundredths % 100);
    }
    process_get_totals(&totals);
    mutex_lock(&process_tree_lock);
    int last = pid_last();
    mutex_unlock(&process_tree_lock);
    text_format(text, "%u/%lu %d\n", scheduler_runnable(), totals.threads, last);
    return 0;
}

/* Times in hundredths of seconds: user, nice, system, idle, waiting for disks, interrupts, soft
 * interrupts, stolen, guests; what is not told apart here is in system, and idle. */
static void write_times(struct text *text, const struct hart_times *times)
{
    text_format(text, " %lu %lu %lu %lu 0 0 0 0 0 0\n", (times->user - times->nice) / TICK,
                times->nice / TICK, times->system / TICK, times->idle / TICK);
}

static void write_all_times(struct text *text)
{
    struct hart_times sum = {0}, times;

    for (unsigned i = 0; i < hart_count(); i++) {
        scheduler_hart_times(i, &times);
        sum.user += times.user;
        sum.nice += times.nice;
        sum.system += times.system;
        sum.idle += times.idle;
    }
    text_format(text, "cpu ");
    write_times(text, &sum);
    for (unsigned i = 0; i < hart_count(); i++) {
        scheduler_hart_times(i, &times);
        text_format(text, "cpu%u", i);
        write_times(text, &times);
    }
}

static uint64_t all_interrupts(void)
{
    uint64_t sum = 0, count;

    for (uint32_t number = 0; interrupt_next(&number, &count); number++)
        sum += count;
    for (unsigned i = 0; i < hart_count(); i++)
        sum += harts[i].timer_interrupts + harts[i].request_interrupts;
    return sum;
}

int procfs_write_stat(uint64_t key, struct text *text)
{
    struct process_totals totals;

    (void)key;
    process_get_totals(&totals);
    write_all_times(text);
    text_format(text, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %lu\n", all_interrupts(),
                scheduler_switches(), (time_real() - time_now()) / SECOND, totals.created);
    text_format(text, "procs_running %u\nprocs_blocked %lu\n", scheduler_runnable(),
                totals.blocked);
    return 0;
}

/* A line of interrupts: a count for each hart, and what it is. */
static void write_hart_counts(struct text *text, const char *label, size_t offset,
                              const char *description)
{
    text_format(text, "%4s:", label);
    for (unsigned i = 0; i < hart_count(); i++)
        text_format(text, " %10lu", *(const uint64_t *)((const char *)&harts[i] + offset));
    text_format(text, "  %s\n", description);
}

int procfs_write_interrupts(uint64_t key, struct text *text)
{
    const char *name;
    uint64_t count;

    (void)key;
    text_format(text, "     ");
    for (unsigned i = 0; i < hart_count(); i++)
        text_format(text, "       CPU%-3u", i);
    text_format(text, "\n");
    for (uint32_t number = 0; (name = interrupt_next(&number, &count)); number++) {
        text_format(text, "%4u: %10lu", number, count);
        for (unsigned i = 1; i < hart_count(); i++)
            text_format(text, " %10u", 0);
        text_format(text, "  PLIC  %s\n", name);
    }
    write_hart_counts(text, "TMR", offsetof(struct hart, timer_interrupts), "Timer interrupts");
    write_hart_counts(text, "IPI", offsetof(struct hart, request_interrupts),
                      "Interrupts from other harts");
    return 0;
}

/* Devices */

int procfs_write_partitions(uint64_t key, struct text *text)
{
    struct block_device *device = NULL;

    (void)key;
    text_format(text, "major minor  #blocks  name\n\n");
    while ((device = block_next(device))) {
        if (device->sectors == 0)
            continue; /* a loop device without a file */
        text_format(text, "%4u  %7u %10lu %s\n", device_major(device->number),
                    device_minor(device->number), device->sectors / 2, device->name);
    }
    return 0;
}

/* Requests are neither merged nor discarded here. */
void disk_write_counts(struct text *text, struct block_device *device)
{
    struct block_counts c;

    block_get_counts(device, &c);
    uint64_t waited = c.time[BLOCK_READ] + c.time[BLOCK_WRITE] + c.time[BLOCK_FLUSH];
    text_format(text, " %lu 0 %lu %lu %lu 0 %lu %lu", c.requests[BLOCK_READ], c.sectors[BLOCK_READ],
                c.time[BLOCK_READ] / MILLISECOND, c.requests[BLOCK_WRITE], c.sectors[BLOCK_WRITE],
                c.time[BLOCK_WRITE] / MILLISECOND);
    text_format(text, " %lu %lu %lu 0 0 0 0 %lu %lu\n", c.in_flight, c.busy_time / MILLISECOND,
                waited / MILLISECOND, c.requests[BLOCK_FLUSH], c.time[BLOCK_FLUSH] / MILLISECOND);
}

int procfs_write_disks(uint64_t key, struct text *text)
{
    struct block_device *device = NULL;

    (void)key;
    while ((device = block_next(device))) {
        text_format(text, "%4u %7u %s", device_major(device->number), device_minor(device->number),
                    device->name);
        disk_write_counts(text, device);
    }
    return 0;
}
