/*
 * The directories of processes in /proc (proc(5)).
 *
 * What is told of a process is copied under process_tree_lock first and written afterwards, because
 * writing takes memory, and getting memory may need that lock.
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "dev/terminal.h"
#include "fs/file.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

#define TICK       10000000ul /* nanoseconds: times are told in hundredths of seconds */
#define KIB(pages) ((pages) * (PAGE_SIZE / 1024))

enum type_number {
    PROCESS_TYPE = PROCFS_PROCESS_TYPES,
    DESCRIPTORS_TYPE,
    DESCRIPTOR_TYPE,
    STAT_TYPE,
    STATUS_TYPE,
    STATM_TYPE,
    MAPS_TYPE,
    SMAPS_TYPE,
    COMMAND_LINE_TYPE,
    ENVIRONMENT_TYPE,
    NAME_TYPE,
    MOUNTS_TYPE,
    MOUNT_INFORMATION_TYPE,
    MOUNT_STATISTICS_TYPE,
    LIMITS_TYPE,
    EXECUTABLE_TYPE,
    DIRECTORY_TYPE,
    ROOT_TYPE
};

int procfs_may_inspect(const struct process *process)
{
    return credentials_may_inspect(process, false) ? 0 : -EACCES;
}

int procfs_aspace(uint64_t key, bool inspect, struct aspace **aspace)
{
    int error = 0;

    *aspace = NULL;
    mutex_lock(&process_tree_lock);
    struct process *process = process_find(procfs_pid(key));
    if (!process)
        error = -ESRCH;
    else if (inspect)
        error = procfs_may_inspect(process);
    if (!error)
        *aspace = process_aspace(process);
    mutex_unlock(&process_tree_lock);
    return error;
}

static int owner(uint64_t key, uint32_t *uid, uint32_t *gid)
{
    mutex_lock(&process_tree_lock);
    struct process *process = process_find(procfs_pid(key));
    if (process) {
        *uid = process->dumpable ? process->credentials->euid : 0;
        *gid = process->dumpable ? process->credentials->egid : 0;
    }
    mutex_unlock(&process_tree_lock);
    return process ? 0 : -ENOENT;
}

/* Snapshots */

struct snapshot {
    int pid, parent, group, session, foreground, exit_signal, exit_status, hart;
    unsigned threads;
    uint64_t terminal_device, start_time;
    char name[THREAD_NAME_SIZE];
    char state;
    uint32_t umask;
    struct credentials *credentials; /* referenced */
    struct resource_usage usage, children_usage;
    struct rlimit limits[RLIMIT_COUNT];
    uint64_t pending, thread_pending, blocked, ignored, caught;
    struct aspace *aspace; /* referenced, or NULL */
};

static char state_letter(const struct process *process)
{
    const struct thread *thread = process->leader;

    if (process->state == PROCESS_ZOMBIE)
        return 'Z';
    if (process->stopped)
        return 'T';
    if (!thread)
        return 'X';
    if (thread->exited)
        return 'Z';
    if (thread->state != THREAD_SLEEPING)
        return 'R';
    return thread->wait_kind == WAIT_UNINTERRUPTIBLE ? 'D' : 'S';
}

static void copy_signals(struct snapshot *snapshot, struct process *process)
{
    spin_lock(&process->signal_lock);
    snapshot->pending = process->pending.set;
    if (process->leader) {
        snapshot->thread_pending = process->leader->pending.set;
        snapshot->blocked = process->leader->blocked;
    }
    for (int number = 1; number <= SIGMAX; number++) {
        uint64_t handler = process->actions[number - 1].handler;
        if (handler == SIG_IGN)
            snapshot->ignored |= signal_bit(number);
        else if (handler != SIG_DFL)
            snapshot->caught |= signal_bit(number);
    }
    memcpy(snapshot->limits, process->limits, sizeof(snapshot->limits));
    spin_unlock(&process->signal_lock);
}

static void copy_process(struct snapshot *snapshot, struct process *process)
{
    const struct thread *leader = process->leader;
    struct path_context *context = process_path_context(process);

    snapshot->pid = process->pid;
    snapshot->parent = process->parent ? process->parent->pid : 0;
    snapshot->group = process->group;
    snapshot->session = process->session;
    snapshot->terminal_device = terminal_device_number(process->terminal);
    snapshot->foreground = terminal_foreground_group(process->terminal);
    snapshot->exit_signal = process->exit_signal;
    snapshot->exit_status = process->exit_status;
    snapshot->threads = process->thread_count;
    snapshot->start_time = process->start_time;
    if (context) {
        snapshot->umask = context->umask;
        path_context_release(context);
    }
    snapshot->state = state_letter(process);
    if (leader)
        memcpy(snapshot->name, leader->name, sizeof(snapshot->name));
    snapshot->name[THREAD_NAME_SIZE - 1] = 0;
    snapshot->credentials = credentials_reference(process->credentials);
    process_usage(process, &snapshot->usage);
    snapshot->children_usage = process->children_usage;
    if (leader)
        snapshot->hart = (int)leader->hart->index;
    copy_signals(snapshot, process);
    snapshot->aspace = process_aspace(process);
}

/* Copy what is to be told of a process: 0, -ESRCH, -ENOMEM. Given back by free_snapshot. */
static int take_snapshot(uint64_t key, struct snapshot **result)
{
    struct snapshot *snapshot = kmalloc_zeroed(sizeof(*snapshot));

    if (!snapshot)
        return -ENOMEM;
    mutex_lock(&process_tree_lock);
    struct process *process = process_find(procfs_pid(key));
    if (process)
        copy_process(snapshot, process);
    mutex_unlock(&process_tree_lock);
    if (!process) {
        kfree(snapshot);
        return -ESRCH;
    }
    *result = snapshot;
    return 0;
}

static void free_snapshot(struct snapshot *snapshot)
{
    if (snapshot->aspace)
        aspace_release(snapshot->aspace);
    credentials_release(snapshot->credentials);
    kfree(snapshot);
}

static uint64_t resident_pages(const struct aspace *aspace)
{
    return __atomic_load_n(&aspace->pmap.resident, __ATOMIC_RELAXED);
}

/* stat */

/* Fields 1 to 22. */
static void write_stat_process(const struct snapshot *snapshot, struct text *text)
{
    const struct resource_usage *usage = &snapshot->usage, *children = &snapshot->children_usage;

    text_format(text, "%d (%s) %c %d %d %d %lu %d 0 %lu %lu %lu %lu ", snapshot->pid,
                snapshot->name, snapshot->state, snapshot->parent, snapshot->group,
                snapshot->session, snapshot->terminal_device, snapshot->foreground,
                usage->minor_faults, children->minor_faults, usage->major_faults,
                children->major_faults);
    text_format(text, "%lu %lu %lu %lu 20 0 %u 0 %lu ", usage->user_time / TICK,
                usage->system_time / TICK, children->user_time / TICK, children->system_time / TICK,
                snapshot->threads, snapshot->start_time / TICK);
}

/* Fields 23 to 30: memory; the stack pointer and the program counter are not told. */
static void write_stat_memory(const struct snapshot *snapshot, struct text *text)
{
    const struct aspace *aspace = snapshot->aspace;
    uint64_t limit = snapshot->limits[RLIMIT_RSS].soft;

    if (aspace)
        text_format(text, "%lu %lu %lu %lu %lu %lu 0 0 ", aspace->mapped_pages * PAGE_SIZE,
                    resident_pages(aspace), limit, aspace->code_start, aspace->code_end,
                    aspace->stack_top);
    else
        text_format(text, "0 0 %lu 0 0 0 0 0 ", limit);
}

/* Fields 31 to 52. */
static void write_stat_rest(const struct snapshot *snapshot, struct text *text)
{
    const struct aspace *aspace = snapshot->aspace;

    text_format(text, "%lu %lu %lu %lu 0 0 0 %d %d 0 0 0 0 0 ", snapshot->pending,
                snapshot->blocked, snapshot->ignored, snapshot->caught, snapshot->exit_signal,
                snapshot->hart);
    if (aspace)
        text_format(text, "%lu %lu %lu %lu %lu %lu %lu ", aspace->data_start, aspace->data_end,
                    aspace->brk_start, aspace->argument_start, aspace->argument_end,
                    aspace->environment_start, aspace->environment_end);
    else
        text_format(text, "0 0 0 0 0 0 0 ");
    text_format(text, "%d\n", snapshot->state == 'Z' ? snapshot->exit_status : 0);
}

static int write_stat(uint64_t key, struct text *text)
{
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    write_stat_process(snapshot, text);
    write_stat_memory(snapshot, text);
    write_stat_rest(snapshot, text);
    free_snapshot(snapshot);
    return 0;
}

/* status */

static const char *state_name(char letter)
{
    switch (letter) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

static void write_status_process(const struct snapshot *snapshot, struct text *text)
{
    const struct credentials *who = snapshot->credentials;

    text_format(text, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n",
                snapshot->name, snapshot->umask, state_name(snapshot->state), snapshot->pid,
                snapshot->pid, snapshot->parent);
    text_format(text, "TracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nGroups:\t",
                who->uid, who->euid, who->suid, who->fsuid, who->gid, who->egid, who->sgid,
                who->fsgid);
    for (uint32_t i = 0; i < who->group_count; i++)
        text_format(text, "%u ", who->groups[i]);
    text_format(text, "\n");
}

static void write_status_memory(const struct aspace *aspace, struct text *text)
{
    uint64_t code = page_round_up(aspace->code_end) - page_round_down(aspace->code_start);

    text_format(text,
                "VmSize:\t%8lu kB\nVmRSS:\t%8lu kB\nVmData:\t%8lu kB\nVmExe:\t%8lu kB\n"
                "VmPTE:\t%8lu kB\nVmSwap:\t%8u kB\n",
                KIB(aspace->mapped_pages), KIB(resident_pages(aspace)), KIB(aspace->data_pages),
                code / 1024, KIB(aspace->pmap.tables), 0);
}

static int write_status(uint64_t key, struct text *text)
{
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    write_status_process(snapshot, text);
    if (snapshot->aspace)
        write_status_memory(snapshot->aspace, text);
    text_format(text,
                "Threads:\t%u\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n"
                "SigIgn:\t%016lx\nSigCgt:\t%016lx\n",
                snapshot->threads, snapshot->thread_pending, snapshot->pending, snapshot->blocked,
                snapshot->ignored, snapshot->caught);
    text_format(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
                snapshot->usage.voluntary_switches, snapshot->usage.involuntary_switches);
    free_snapshot(snapshot);
    return 0;
}

static int write_name(uint64_t key, struct text *text)
{
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    text_format(text, "%s\n", snapshot->name);
    free_snapshot(snapshot);
    return 0;
}

static void write_limit(struct text *text, uint64_t value)
{
    if (value == RLIM_INFINITY)
        text_format(text, "%-20s ", "unlimited");
    else
        text_format(text, "%-20lu ", value);
}

static int write_limits(uint64_t key, struct text *text)
{
    static const struct {
        const char *name, *unit;
    } rows[RLIMIT_COUNT] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    text_format(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < RLIMIT_COUNT; i++) {
        text_format(text, "%-25s ", rows[i].name);
        write_limit(text, snapshot->limits[i].soft);
        write_limit(text, snapshot->limits[i].hard);
        text_format(text, "%-10s\n", rows[i].unit);
    }
    free_snapshot(snapshot);
    return 0;
}

/* Links */

/* A file of the process's that a link leads to: its vnode, referenced; -ENOENT, -EACCES. */
typedef struct vnode *get_target(struct process *process, uint64_t key);

static int find_target(uint64_t key, get_target *get, struct vnode **target)
{
    int error = -ENOENT;

    mutex_lock(&process_tree_lock);
    struct process *process = process_find(procfs_pid(key));
    if (process)
        error = procfs_may_inspect(process);
    if (!error)
        process_reference(process);
    mutex_unlock(&process_tree_lock);
    if (error)
        return error;
    *target = get(process, key);
    process_release(process);
    return *target ? 0 : -ENOENT;
}

static struct vnode *get_executable(struct process *process, uint64_t key)
{
    (void)key;
    mutex_lock(&process->executable_lock);
    struct vnode *vnode = process->executable;
    if (vnode)
        vnode_reference(vnode);
    mutex_unlock(&process->executable_lock);
    return vnode;
}

static struct vnode *get_directory(struct process *process, uint64_t key)
{
    (void)key;
    struct path_context *context = process_path_context(process);
    struct vnode *directory = context ? path_context_directory(context) : NULL;
    if (context)
        path_context_release(context);
    return directory;
}

static struct vnode *get_root(struct process *process, uint64_t key)
{
    (void)key;
    struct path_context *context = process_path_context(process);
    struct vnode *root = context ? path_context_root(context) : NULL;
    if (context)
        path_context_release(context);
    return root;
}

static struct vnode *get_descriptor(struct process *process, uint64_t key)
{
    struct file_table *files = process_files(process);
    struct file *file = files ? file_table_get(files, (int)(uint32_t)key) : NULL;
    struct vnode *vnode = NULL;

    if (file) {
        vnode = file->vnode;
        vnode_reference(vnode);
        file_release(file);
    }
    if (files)
        file_table_release(files);
    return vnode;
}

/* The text of a link to a vnode, whose reference is taken over. */
static long write_target(struct vnode *vnode, char *buffer, size_t size)
{
    char *path = kmalloc(PATH_MAX);
    long length = -ENOMEM;

    if (path && vnode->mount)
        length = vnode_path(vnode, path, PATH_MAX);
    else if (path)
        length = (long)format(path, PATH_MAX, vnode->operations->label, vnode->number);
    if (length > (long)size)
        length = (long)size;
    if (length > 0)
        memcpy(buffer, path, (size_t)length);
    kfree(path);
    vnode_release(vnode);
    return length;
}

static long read_target(uint64_t key, get_target *get, char *buffer, size_t size)
{
    struct vnode *vnode;
    int error = find_target(key, get, &vnode);

    return error ? error : write_target(vnode, buffer, size);
}

#define LINK_OPERATIONS(what)                                                                      \
    static int follow_##what(uint64_t key, struct vnode **target)                                  \
    {                                                                                              \
        return find_target(key, get_##what, target);                                               \
    }                                                                                              \
    static long read_##what(uint64_t key, char *buffer, size_t size)                               \
    {                                                                                              \
        return read_target(key, get_##what, buffer, size);                                         \
    }
LINK_OPERATIONS(executable)
LINK_OPERATIONS(directory)
LINK_OPERATIONS(root)
LINK_OPERATIONS(descriptor)

/* Descriptors */

/* The first open descriptor of the process that is >= *number. */
static bool next_descriptor(uint64_t key, uint64_t *number, uint64_t *descriptor_key,
                            char name[PSEUDO_NAME_MAX + 1])
{
    int descriptor = -1;

    if (*number > INT32_MAX)
        return false;
    mutex_lock(&process_tree_lock);
    struct process *process = process_find(procfs_pid(key));
    struct file_table *files =
        process && !procfs_may_inspect(process) ? process_files(process) : NULL;
    mutex_unlock(&process_tree_lock);
    if (files) {
        descriptor = file_table_next(files, (int)*number);
        file_table_release(files);
    }
    *number = (uint64_t)descriptor;
    *descriptor_key = procfs_key(procfs_pid(key), (uint32_t)descriptor);
    format(name, PSEUDO_NAME_MAX + 1, "%d", descriptor);
    return descriptor >= 0;
}

static int find_descriptor(uint64_t key, const struct name *name, uint64_t *descriptor_key)
{
    char text[PSEUDO_NAME_MAX + 1];
    uint64_t number, found;

    if (!pseudo_parse_name(name, "", &number))
        return -ENOENT;
    found = number;
    return next_descriptor(key, &found, descriptor_key, text) && found == number ? 0 : -ENOENT;
}

/* Types */

#define TEXT_TYPE(type_name, type_number, permissions, function)                                   \
    static const struct pseudo_type type_name = {.number = type_number,                            \
                                                 .mode = S_IFREG | (permissions),                  \
                                                 .keyed = true,                                    \
                                                 .owner = owner,                                   \
                                                 .write_text = function}
#define LINK_TYPE(type_name, type_number, what)                                                    \
    static const struct pseudo_type type_name = {.number = type_number,                            \
                                                 .mode = S_IFLNK | 0777,                           \
                                                 .keyed = true,                                    \
                                                 .owner = owner,                                   \
                                                 .read_link = read_##what,                         \
                                                 .follow = follow_##what}

TEXT_TYPE(stat_type, STAT_TYPE, 0444, write_stat);
TEXT_TYPE(status_type, STATUS_TYPE, 0444, write_status);
TEXT_TYPE(statm_type, STATM_TYPE, 0444, procfs_write_statm);
TEXT_TYPE(maps_type, MAPS_TYPE, 0444, procfs_write_maps);
TEXT_TYPE(smaps_type, SMAPS_TYPE, 0444, procfs_write_smaps);
TEXT_TYPE(command_line_type, COMMAND_LINE_TYPE, 0444, procfs_write_command_line);
TEXT_TYPE(environment_type, ENVIRONMENT_TYPE, 0400, procfs_write_environment);
TEXT_TYPE(name_type, NAME_TYPE, 0444, write_name);
TEXT_TYPE(mounts_type, MOUNTS_TYPE, 0444, procfs_write_mounts);
TEXT_TYPE(mount_information_type, MOUNT_INFORMATION_TYPE, 0444, procfs_write_mount_information);
TEXT_TYPE(mount_statistics_type, MOUNT_STATISTICS_TYPE, 0400, procfs_write_mount_statistics);
TEXT_TYPE(limits_type, LIMITS_TYPE, 0444, write_limits);
LINK_TYPE(executable_type, EXECUTABLE_TYPE, executable);
LINK_TYPE(directory_type, DIRECTORY_TYPE, directory);
LINK_TYPE(root_type, ROOT_TYPE, root);
LINK_TYPE(descriptor_type, DESCRIPTOR_TYPE, descriptor);

static const struct pseudo_type descriptors_type = {
    .number = DESCRIPTORS_TYPE,
    .mode = S_IFDIR | 0500,
    .parent = &procfs_process_directory,
    .keyed = true,
    .owner = owner,
    .other = &descriptor_type,
    .find = find_descriptor,
    .next = next_descriptor,
};

static const struct pseudo_entry entries[] = {
    {"cmdline", &command_line_type, 0},
    {"comm", &name_type, 0},
    {"cwd", &directory_type, 0},
    {"environ", &environment_type, 0},
    {"exe", &executable_type, 0},
    {"fd", &descriptors_type, 0},
    {"limits", &limits_type, 0},
    {"maps", &maps_type, 0},
    {"mountinfo", &mount_information_type, 0},
    {"mounts", &mounts_type, 0},
    {"mountstats", &mount_statistics_type, 0},
    {"root", &root_type, 0},
    {"smaps", &smaps_type, 0},
    {"stat", &stat_type, 0},
    {"statm", &statm_type, 0},
    {"status", &status_type, 0},
    {NULL, NULL, 0},
};

const struct pseudo_type procfs_process_directory = {
    .number = PROCESS_TYPE,
    .mode = S_IFDIR | 0555,
    .parent = &procfs_root,
    .keyed = true,
    .owner = owner,
    .entries = entries,
};
