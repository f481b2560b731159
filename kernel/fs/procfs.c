/*
 * The root of /proc (proc(5)).
 */
#include "fs/procfs.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/pid.h"
#include "core/process.h"
#include "dev/fdt.h"
#include "lib/format.h"
#include "sys/system.h"

enum type_number {
    ROOT_TYPE = 1,
    SELF_TYPE,
    THREAD_SELF_TYPE,
    MOUNTS_TYPE,
    TERMINALS_TYPE,
    IPC_TYPE,
    FEATURES_TYPE,
    NET_TYPE,
    TEXT_TYPE_FIRST
};

/* Texts that need few words */

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

static int write_command_line(uint64_t key, struct text *text)
{
    const char *arguments = boot_arguments();

    (void)key;
    for (; arguments && *arguments; arguments++)
        text_add(text, arguments, 1);
    text_add(text, "\n", 1);
    return 0;
}

/* What the kernel has (kernel/features), compressed with gzip. */
static long read_features(uint64_t key, uint64_t offset, struct transfer *transfer)
{
    extern const char features_image[], features_image_end[];
    size_t size = (size_t)(features_image_end - features_image);

    (void)key;
    if (offset >= size)
        return 0;
    size -= offset;
    if (size > transfer->remaining)
        size = transfer->remaining;
    size_t given = transfer_give(transfer, features_image + offset, size);
    return given || !size ? (long)given : -EFAULT;
}

static int write_modules(uint64_t key, struct text *text)
{
    (void)key;
    (void)text; /* all of the kernel is in one piece */
    return 0;
}

static int write_control_groups(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
    return 0;
}

static int write_consoles(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "ttyS0                -W- (EC  p  )    4:64\n");
    return 0;
}

static int write_devices(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n"
                      "  5 /dev/ptmx\n 10 misc\n136 pts\n"
                      "\nBlock devices:\n  7 loop\n254 virtblk\n");
    return 0;
}

static int write_terminal_drivers(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                      "/dev/console         /dev/console    5       1 system:console\n"
                      "/dev/ptmx            /dev/ptmx       5       2 system\n"
                      "serial               /dev/ttyS       4      64 serial\n"
                      "pty_slave            /dev/pts      136 0-1048575 pty:slave\n");
    return 0;
}

static long read_self(uint64_t key, char *buffer, size_t size)
{
    char text[PSEUDO_NAME_MAX + 1];

    (void)key;
    format(text, sizeof(text), "%d", current_process()->pid);
    return pseudo_copy_link(text, buffer, size);
}

static long read_thread_self(uint64_t key, char *buffer, size_t size)
{
    char text[2 * PSEUDO_NAME_MAX];

    (void)key;
    format(text, sizeof(text), "%d/task/%d", current_process()->pid, current_thread()->id);
    return pseudo_copy_link(text, buffer, size);
}

static long read_mounts(uint64_t key, char *buffer, size_t size)
{
    (void)key;
    return pseudo_copy_link("self/mounts", buffer, size);
}

static long read_net(uint64_t key, char *buffer, size_t size)
{
    (void)key;
    return pseudo_copy_link("self/net", buffer, size);
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
    bool found = process_find((int)number) || process_find_thread((int)number);
    mutex_unlock(&process_tree_lock);
    *process_key = procfs_key((int)number, 0);
    return found ? 0 : -ENOENT;
}

/* Types */

#define TEXT_TYPE(name, offset, function)                                                          \
    static const struct pseudo_type name = {                                                       \
        .number = TEXT_TYPE_FIRST + (offset), .mode = S_IFREG | 0444, .write_text = function}

TEXT_TYPE(memory_type, 0, procfs_write_memory);
TEXT_TYPE(processors_type, 1, procfs_write_processors);
TEXT_TYPE(uptime_type, 2, procfs_write_uptime);
TEXT_TYPE(version_type, 3, write_version);
TEXT_TYPE(stat_type, 4, procfs_write_stat);
TEXT_TYPE(load_type, 5, procfs_write_load);
TEXT_TYPE(file_systems_type, 6, write_file_systems);
TEXT_TYPE(partitions_type, 7, procfs_write_partitions);
TEXT_TYPE(events_type, 8, procfs_write_events);
TEXT_TYPE(command_line_type, 9, write_command_line);
TEXT_TYPE(interrupts_type, 10, procfs_write_interrupts);
TEXT_TYPE(disks_type, 11, procfs_write_disks);
TEXT_TYPE(swaps_type, 12, procfs_write_swaps);
TEXT_TYPE(modules_type, 13, write_modules);
TEXT_TYPE(control_groups_type, 14, write_control_groups);
TEXT_TYPE(consoles_type, 15, write_consoles);
TEXT_TYPE(devices_type, 16, write_devices);
TEXT_TYPE(terminal_drivers_type, 17, write_terminal_drivers);
TEXT_TYPE(shm_type, 18, procfs_write_shm);
TEXT_TYPE(sem_type, 19, procfs_write_sem);
TEXT_TYPE(msg_type, 20, procfs_write_msg);
TEXT_TYPE(locks_type, 21, procfs_write_locks);
static const struct pseudo_type slabs_type = {
    .number = TEXT_TYPE_FIRST + 22, .mode = S_IFREG | 0400, .write_text = procfs_write_slabs};

static const struct pseudo_entry terminal_entries[] = {{"drivers", &terminal_drivers_type, 0},
                                                       {NULL, NULL, 0}};
static const struct pseudo_type terminals_directory = {.number = TERMINALS_TYPE,
                                                       .mode = S_IFDIR | 0555,
                                                       .parent = &procfs_root,
                                                       .entries = terminal_entries};

static const struct pseudo_entry ipc_entries[] = {
    {"msg", &msg_type, 0}, {"sem", &sem_type, 0}, {"shm", &shm_type, 0}, {NULL, NULL, 0}};
static const struct pseudo_type ipc_directory = {
    .number = IPC_TYPE, .mode = S_IFDIR | 0555, .parent = &procfs_root, .entries = ipc_entries};

static const struct pseudo_type features_type = {
    .number = FEATURES_TYPE, .mode = S_IFREG | 0444, .read = read_features};

static const struct pseudo_type self_type = {
    .number = SELF_TYPE, .mode = S_IFLNK | 0777, .read_link = read_self};
static const struct pseudo_type thread_self_type = {
    .number = THREAD_SELF_TYPE, .mode = S_IFLNK | 0777, .read_link = read_thread_self};
static const struct pseudo_type mounts_type = {
    .number = MOUNTS_TYPE, .mode = S_IFLNK | 0777, .read_link = read_mounts};
static const struct pseudo_type net_type = {
    .number = NET_TYPE, .mode = S_IFLNK | 0777, .read_link = read_net};

static const struct pseudo_entry root_entries[] = {
    {"cgroups", &control_groups_type, 0},
    {"cmdline", &command_line_type, 0},
    {"config.gz", &features_type, 0},
    {"consoles", &consoles_type, 0},
    {"cpuinfo", &processors_type, 0},
    {"devices", &devices_type, 0},
    {"diskstats", &disks_type, 0},
    {"filesystems", &file_systems_type, 0},
    {"interrupts", &interrupts_type, 0},
    {"loadavg", &load_type, 0},
    {"locks", &locks_type, 0},
    {"meminfo", &memory_type, 0},
    {"modules", &modules_type, 0},
    {"mounts", &mounts_type, 0},
    {"net", &net_type, 0},
    {"partitions", &partitions_type, 0},
    {"self", &self_type, 0},
    {"slabinfo", &slabs_type, 0},
    {"stat", &stat_type, 0},
    {"swaps", &swaps_type, 0},
    {"sys", &procfs_settings, 0},
    {"sysvipc", &ipc_directory, 0},
    {"thread-self", &thread_self_type, 0},
    {"tty", &terminals_directory, 0},
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

static void status(struct volume *volume, struct statfs *status)
{
    (void)volume;
    status->type = PROC_SUPER_MAGIC;
}

static int mount_procfs(struct volume *volume, const char *options)
{
    if (*options)
        return -EINVAL;
    static const struct volume_operations operations = {.status = status};
    return pseudo_mount(volume, &procfs_root, &operations);
}

void procfs_init(void)
{
    static struct file_system type = {.name = "proc", .single = true, .mount = mount_procfs};
    procfs_namespaces_init();
    file_system_register(&type);
}
