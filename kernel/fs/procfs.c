/*
 * The root of /proc, and the figures of the kernel in it (proc(5)). A line is left out where the
 * kernel does not know its value.
 */
#include "fs/procfs.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/stack.h"
#include "core/load.h"
#include "core/pid.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "dev/block.h"
#include "dev/fdt.h"
#include "lib/format.h"
#include "sys/system.h"
#include "vm/aspace.h"
#include "vm/reclaim.h"

#define SECOND     1000000000ul
#define TICK       (SECOND / 100)
#define KIB(pages) ((pages) * (PAGE_SIZE / 1024))

enum type_number {
    ROOT_TYPE = 1,
    SELF_TYPE,
    MOUNTS_TYPE,
    MEMORY_TYPE,
    PROCESSORS_TYPE,
    UPTIME_TYPE,
    VERSION_TYPE,
    STAT_TYPE,
    LOAD_TYPE,
    FILE_SYSTEMS_TYPE,
    PARTITIONS_TYPE,
    EVENTS_TYPE,
    COMMAND_LINE_TYPE
};

/* Memory */

/* Frames that are free, those that the architecture keeps ready for itself among them. */
static uint64_t free_pages(void)
{
    return page_count_free() + kernel_stacks_cached() + pmap_tables_cached();
}

/* Pages of disks as such: metadata of file systems, mostly. */
static uint64_t disk_pages(void)
{
    struct block_device *device = NULL;
    uint64_t pages = 0;

    while ((device = block_next(device)))
        pages += object_resident(&device->object);
    return pages;
}

static uint64_t table_pages(void)
{
    uint64_t pages = 0;

    mutex_lock(&process_tree_lock);
    for (struct process *process = process_next(0); process; process = process_next(process->pid)) {
        spin_lock(&process->signal_lock);
        if (process->aspace)
            pages += process->aspace->pmap.tables;
        spin_unlock(&process->signal_lock);
    }
    mutex_unlock(&process_tree_lock);
    return pages;
}

static void write_memory_line(struct text *text, const char *name, uint64_t pages)
{
    text_format(text, "%-15s %8lu kB\n", name, KIB(pages));
}

static int write_memory(uint64_t key, struct text *text)
{
    uint64_t free = free_pages(), stored = reclaim_queue_length(), disks = disk_pages();

    (void)key;
    write_memory_line(text, "MemTotal:", page_count_total());
    write_memory_line(text, "MemFree:", free);
    write_memory_line(text, "MemAvailable:", free + stored);
    write_memory_line(text, "Buffers:", disks);
    write_memory_line(text, "Cached:", stored > disks ? stored - disks : 0);
    write_memory_line(text, "SwapCached:", 0);
    write_memory_line(text, "SwapTotal:", 0);
    write_memory_line(text, "SwapFree:", 0);
    write_memory_line(text, "PageTables:", table_pages());
    return 0;
}

static int write_events(uint64_t key, struct text *text)
{
    static const char *const causes[FLUSH_CAUSES] = {
        [FLUSH_UNMAP] = "unmap",       [FLUSH_PROTECT] = "protect", [FLUSH_FORK] = "fork",
        [FLUSH_COPY] = "copy",         [FLUSH_CLEAN] = "clean",     [FLUSH_RECLAIM] = "reclaim",
        [FLUSH_TRUNCATE] = "truncate",
    };

    (void)key;
    text_format(text, "nr_free_pages %lu\nnr_file_pages %lu\nnr_page_table_pages %lu\n",
                free_pages(), reclaim_queue_length(), table_pages());
    for (unsigned i = 0; i < FLUSH_CAUSES; i++)
        text_format(text, "tlb_flush_%s %lu\n", causes[i],
                    __atomic_load_n(&tlb_flush_counts[i], __ATOMIC_RELAXED));
    text_format(text, "tlb_interrupts_sent %lu\n",
                __atomic_load_n(&tlb_interrupts_sent, __ATOMIC_RELAXED));
    return 0;
}

/* Processors and time */

/* The instruction sets of a hart, as the device tree has them. */
static const char *instruction_sets(uint64_t sbi_id)
{
    struct fdt_node processors, processor = {0};
    uint64_t number, size;

    if (!fdt_find("/cpus", &processors))
        return NULL;
    while (fdt_next_child(&processors, &processor)) {
        if (fdt_reg(&processor, 0, &number, &size) && number == sbi_id)
            return fdt_string(&processor, "riscv,isa");
    }
    return NULL;
}

static int write_processors(uint64_t key, struct text *text)
{
    (void)key;
    for (unsigned i = 0; i < hart_count(); i++) {
        const char *sets = instruction_sets(harts[i].sbi_id);
        text_format(text, "processor\t: %u\nhart\t\t: %lu\n", i, harts[i].sbi_id);
        if (sets)
            text_format(text, "isa\t\t: %s\n", sets);
        text_format(text, "mmu\t\t: sv%u\n\n", 9 * pmap_levels + 12);
    }
    return 0;
}

static int write_uptime(uint64_t key, struct text *text)
{
    uint64_t now = time_now() / TICK, idle = scheduler_idle_time() / TICK;

    (void)key;
    text_format(text, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
    return 0;
}

/* Time that processes have spent in user mode: those there are, and those they waited for. */
static uint64_t user_time(void)
{
    uint64_t sum = 0;

    mutex_lock(&process_tree_lock);
    for (struct process *process = process_next(0); process; process = process_next(process->pid)) {
        struct resource_usage usage;
        process_usage(process, &usage);
        sum += usage.user_time + process->children_usage.user_time;
    }
    mutex_unlock(&process_tree_lock);
    return sum;
}

static int write_stat(uint64_t key, struct text *text)
{
    uint64_t now = time_now(), idle = scheduler_idle_time(), user = user_time();
    uint64_t total = now * hart_count();
    uint64_t kernel = total > idle + user ? total - idle - user : 0;

    (void)key;
    text_format(text, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user / TICK, kernel / TICK, idle / TICK);
    text_format(text, "ctxt %lu\nbtime %lu\nprocs_running %u\n", scheduler_switches(),
                (time_real() - now) / SECOND, scheduler_runnable());
    return 0;
}

static int write_load(uint64_t key, struct text *text)
{
    uint64_t average[3];

    (void)key;
    load_average(average);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t hundredths = (average[i] * 100 + 32768) >> 16;
        text_format(text, "%lu.%02lu ", hundredths / 100, hundredths % 100);
    }
    mutex_lock(&process_tree_lock);
    int last = pid_last();
    mutex_unlock(&process_tree_lock);
    text_format(text, "%u/%u %d\n", scheduler_runnable(), process_count(), last);
    return 0;
}

/* The rest */

static int write_version(uint64_t key, struct text *text)
{
    struct utsname names;

    (void)key;
    system_names(&names);
    text_format(text, "%s version %s %s\n", names.system, names.release, names.version);
    return 0;
}

static int write_file_systems(uint64_t key, struct text *text)
{
    const struct file_system *type = NULL;

    (void)key;
    while ((type = file_system_next(type)))
        text_format(text, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
    return 0;
}

static int write_partitions(uint64_t key, struct text *text)
{
    struct block_device *device = NULL;

    (void)key;
    text_format(text, "major minor  #blocks  name\n\n");
    while ((device = block_next(device)))
        text_format(text, "%4u  %7u %10lu %s\n", device_major(device->number),
                    device_minor(device->number), device->sectors / 2, device->name);
    return 0;
}

static int write_command_line(uint64_t key, struct text *text)
{
    const char *arguments = boot_arguments();

    (void)key;
    for (; arguments && *arguments; arguments++)
        text_add(text, arguments, 1);
    text_add(text, "\n", 1);
    return 0;
}

static long read_self(uint64_t key, char *buffer, size_t size)
{
    char text[PSEUDO_NAME_MAX + 1];

    (void)key;
    format(text, sizeof(text), "%d", current_process()->pid);
    return pseudo_copy_link(text, buffer, size);
}

static long read_mounts(uint64_t key, char *buffer, size_t size)
{
    (void)key;
    return pseudo_copy_link("self/mounts", buffer, size);
}

/* Processes in the root directory */

static bool next_process(uint64_t key, uint64_t *number, uint64_t *process_key,
                         char name[PSEUDO_NAME_MAX + 1])
{
    (void)key;
    if (*number > PID_MAX)
        return false;
    mutex_lock(&process_tree_lock);
    struct process *process = process_next((int)*number - 1);
    if (process) {
        *number = (uint64_t)process->pid;
        *process_key = procfs_key(process->pid, 0);
        format(name, PSEUDO_NAME_MAX + 1, "%d", process->pid);
    }
    mutex_unlock(&process_tree_lock);
    return process;
}

static int find_process(uint64_t key, const struct name *name, uint64_t *process_key)
{
    uint64_t number;

    (void)key;
    if (!pseudo_parse_name(name, "", &number) || number > PID_MAX)
        return -ENOENT;
    mutex_lock(&process_tree_lock);
    bool found = process_find((int)number);
    mutex_unlock(&process_tree_lock);
    *process_key = procfs_key((int)number, 0);
    return found ? 0 : -ENOENT;
}

/* Types */

#define TEXT_TYPE(type_name, type_number, function)                                                \
    static const struct pseudo_type type_name = {                                                  \
        .number = type_number, .mode = S_IFREG | 0444, .write_text = function}

TEXT_TYPE(memory_type, MEMORY_TYPE, write_memory);
TEXT_TYPE(processors_type, PROCESSORS_TYPE, write_processors);
TEXT_TYPE(uptime_type, UPTIME_TYPE, write_uptime);
TEXT_TYPE(version_type, VERSION_TYPE, write_version);
TEXT_TYPE(stat_type, STAT_TYPE, write_stat);
TEXT_TYPE(load_type, LOAD_TYPE, write_load);
TEXT_TYPE(file_systems_type, FILE_SYSTEMS_TYPE, write_file_systems);
TEXT_TYPE(partitions_type, PARTITIONS_TYPE, write_partitions);
TEXT_TYPE(events_type, EVENTS_TYPE, write_events);
TEXT_TYPE(command_line_type, COMMAND_LINE_TYPE, write_command_line);

static const struct pseudo_type self_type = {
    .number = SELF_TYPE, .mode = S_IFLNK | 0777, .read_link = read_self};
static const struct pseudo_type mounts_type = {
    .number = MOUNTS_TYPE, .mode = S_IFLNK | 0777, .read_link = read_mounts};

static const struct pseudo_entry root_entries[] = {
    {"cmdline", &command_line_type, 0},
    {"cpuinfo", &processors_type, 0},
    {"filesystems", &file_systems_type, 0},
    {"loadavg", &load_type, 0},
    {"meminfo", &memory_type, 0},
    {"mounts", &mounts_type, 0},
    {"partitions", &partitions_type, 0},
    {"self", &self_type, 0},
    {"stat", &stat_type, 0},
    {"sys", &procfs_settings, 0},
    {"uptime", &uptime_type, 0},
    {"version", &version_type, 0},
    {"vmstat", &events_type, 0},
    {NULL, NULL, 0},
};

const struct pseudo_type procfs_root = {
    .number = ROOT_TYPE,
    .mode = S_IFDIR | 0555,
    .entries = root_entries,
    .other = &procfs_process_directory,
    .find = find_process,
    .next = next_process,
};

/* Mounting */

static void status(struct mount *mount, struct statfs *status)
{
    (void)mount;
    status->type = PROC_SUPER_MAGIC;
}

static int mount_procfs(struct mount *mount, const char *options)
{
    if (*options)
        return -EINVAL;
    static const struct mount_operations operations = {.status = status};
    return pseudo_mount(mount, &procfs_root, &operations);
}

void procfs_init(void)
{
    static struct file_system type = {.name = "proc", .mount = mount_procfs};
    file_system_register(&type);
}
