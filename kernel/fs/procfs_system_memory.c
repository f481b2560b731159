/*
 * What /proc tells of the system's memory: meminfo, vmstat, slabinfo (proc(5)). A line is left out
 * where the kernel does not know its value.
 */
#include "arch/riscv/pmap.h"
#include "arch/riscv/stack.h"
#include "core/process.h"
#include "dev/block.h"
#include "fs/procfs.h"
#include "vm/commit.h"
#include "vm/failure.h"
#include "vm/kmem.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/page_queue.h"
#include "vm/swap.h"

#define KIB(pages)      ((pages) * (PAGE_SIZE / 1024))
#define VALUE_END       24u /* the column in which numbers end */
#define HUGE_PAGE_PAGES 512u
#define STACK_PAGES     (KERNEL_STACK_SIZE / PAGE_SIZE)

/* Frames that slabs are made of. */
static uint64_t slab_pages(void)
{
    struct slab_cache *cache = NULL;
    uint64_t count = 0;

    while ((cache = slab_cache_next(cache)))
        count += (uint64_t)__atomic_load_n(&cache->slabs, __ATOMIC_RELAXED) << cache->order;
    return count;
}

/* Frames that are free, those that the architecture keeps ready for itself among them. */
static uint64_t free_pages(void)
{
    return page_count_free() + kernel_stacks_cached() + pmap_tables_cached();
}

static void write_line(struct text *text, const char *name, uint64_t pages)
{
    text_add_kib(text, name, VALUE_END, KIB(pages));
}

int procfs_write_memory(uint64_t key, struct text *text)
{
    uint64_t free = free_pages(), stored = page_queue_files(), disks = block_cached_pages();
    uint64_t slabs = slab_pages();
    struct process_totals totals;
    struct swap_counts swap;

    (void)key;
    swap_count(&swap);
    process_get_totals(&totals);
    write_line(text, "MemTotal:", page_count_total());
    write_line(text, "MemFree:", free);
    write_line(text, "MemAvailable:", free + stored);
    write_line(text, "Buffers:", disks);
    write_line(text, "Cached:",
               (stored > disks ? stored - disks : 0) + page_queue_length(QUEUE_ANONYMOUS));
    write_line(text, "SwapCached:", swap.cached);
    write_line(text, "Active(file):", page_queue_length(QUEUE_ACTIVE));
    write_line(text, "Inactive(file):", page_queue_length(QUEUE_INACTIVE));
    write_line(text, "SwapTotal:", swap.total);
    write_line(text, "SwapFree:", swap.free);
    write_line(text, "Dirty:", write_back_dirty());
    write_line(text, "Writeback:", write_back_writing());
    write_line(text, "AnonPages:", page_count_anonymous());
    write_line(text, "Shmem:", page_queue_length(QUEUE_ANONYMOUS));
    write_line(text, "Slab:", slabs);
    write_line(text, "SReclaimable:", 0);
    write_line(text, "SUnreclaim:", slabs);
    write_line(text, "KernelStack:", totals.threads * STACK_PAGES);
    write_line(text, "PageTables:", totals.table_pages);
    write_line(text, "CommitLimit:", commit_limit());
    write_line(text, "Committed_AS:", commit_total());
    text_format(text,
                "HugePages_Total: %7u\nHugePages_Free:  %7u\nHugePages_Rsvd:  %7u\n"
                "HugePages_Surp:  %7u\n",
                0, 0, 0, 0);
    write_line(text, "Hugepagesize:", HUGE_PAGE_PAGES);
    write_line(text, "Hugetlb:", 0);
    return 0;
}

/* Sectors that all disks have read and written. */
static void count_sectors(uint64_t *read, uint64_t *written)
{
    struct block_device *device = NULL;

    *read = *written = 0;
    while ((device = block_next(device))) {
        struct block_counts counts;
        block_get_counts(device, &counts);
        *read += counts.sectors[BLOCK_READ];
        *written += counts.sectors[BLOCK_WRITE];
    }
}

static void write_flushes(struct text *text)
{
    static const char *const causes[FLUSH_CAUSES] = {
        [FLUSH_UNMAP] = "unmap",       [FLUSH_PROTECT] = "protect", [FLUSH_FORK] = "fork",
        [FLUSH_COPY] = "copy",         [FLUSH_CLEAN] = "clean",     [FLUSH_RECLAIM] = "reclaim",
        [FLUSH_TRUNCATE] = "truncate",
    };

    for (unsigned i = 0; i < FLUSH_CAUSES; i++)
        text_format(text, "tlb_flush_%s %lu\n", causes[i],
                    __atomic_load_n(&tlb_flush_counts[i], __ATOMIC_RELAXED));
    text_format(text, "tlb_interrupts_sent %lu\n",
                __atomic_load_n(&tlb_interrupts_sent, __ATOMIC_RELAXED));
}

int procfs_write_events(uint64_t key, struct text *text)
{
    struct process_totals totals;
    struct swap_counts swap;
    uint64_t read, written;

    (void)key;
    swap_count(&swap);
    process_get_totals(&totals);
    count_sectors(&read, &written);
    text_format(text, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\n", free_pages(),
                page_count_anonymous(), page_queue_files() + page_queue_length(QUEUE_ANONYMOUS));
    text_format(text, "nr_dirty %lu\nnr_writeback %lu\nnr_shmem %lu\n", write_back_dirty(),
                write_back_writing(), page_queue_length(QUEUE_ANONYMOUS));
    text_format(text, "nr_slab_reclaimable 0\nnr_slab_unreclaimable %lu\n", slab_pages());
    text_format(text, "nr_kernel_stack %lu\nnr_page_table_pages %lu\n",
                totals.threads * (KERNEL_STACK_SIZE / 1024), totals.table_pages);
    text_format(text, "pgpgin %lu\npgpgout %lu\npswpin %lu\npswpout %lu\n", read / 2, written / 2,
                swap.in, swap.out);
    text_format(text, "pgfault %lu\npgmajfault %lu\n",
                totals.usage.minor_faults + totals.usage.major_faults, totals.usage.major_faults);
    write_flushes(text);
    text_format(text, "failures_injected %lu\n", failures_injected());
    return 0;
}

/* Names are one word there. */
static void write_cache_name(struct text *text, const char *name)
{
    char word[18] = "";

    for (unsigned i = 0; name[i] && i < sizeof(word) - 1; i++)
        word[i] = name[i] == ' ' ? '_' : name[i];
    text_format(text, "%-17s", word);
}

int procfs_write_slabs(uint64_t key, struct text *text)
{
    struct slab_cache *cache = NULL;

    (void)key;
    text_format(text, "slabinfo - version: 2.1\n"
                      "# name            <active_objs> <num_objs> <objsize> <objperslab> "
                      "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> "
                      ": slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    while ((cache = slab_cache_next(cache))) {
        uint32_t slabs = __atomic_load_n(&cache->slabs, __ATOMIC_RELAXED);
        uint32_t empty = __atomic_load_n(&cache->empty, __ATOMIC_RELAXED);
        write_cache_name(text, cache->name);
        text_format(text, " %6lu %6lu %6lu %4u %4u : tunables %4u %4u    0 : slabdata %6u %6u 0\n",
                    slab_objects(cache), (uint64_t)slabs * cache->per_slab, cache->size,
                    cache->per_slab, 1u << cache->order, 2 * cache->batch, cache->batch,
                    slabs > empty ? slabs - empty : 0, slabs);
    }
    return 0;
}
