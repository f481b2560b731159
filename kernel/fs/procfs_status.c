/*
 * What /proc/PID and /proc/PID/task/TID tell in stat, status, limits, io and comm (proc(5)).
 *
 * What is told is copied under process_tree_lock first and written afterwards, because writing
 * takes memory, and getting memory may need that lock.
 */
#include "abi/errno.h"
#include "abi/sched.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "dev/terminal.h"
#include "fs/file.h"
#include "fs/path_context.h"
#include "fs/procfs.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

#define TICK       10000000ul /* nanoseconds: times are told in hundredths of seconds */
#define SIZE_WIDTH 8u
#define KIB(pages) ((pages) * (PAGE_SIZE / 1024))

/* Snapshots */

struct snapshot {
    unsigned priority, policy; /* of the scheduler */
    unsigned own_priority;     /* without what it inherits */
    uint64_t affinity;
    int id, tracer, nice, pid, parent, group, session, foreground, exit_signal, exit_status, hart;
    unsigned threads, descriptors;
    uint64_t terminal_device, start_time;
    char name[THREAD_NAME_SIZE];
    char state;
    uint32_t umask;
    struct credentials *credentials; /* referenced */
    bool no_new_privileges;
    int seccomp_mode;
    unsigned filters;
    struct resource_usage usage, children_usage;
    struct rlimit limits[RLIMIT_COUNT];
    uint64_t pending, thread_pending, queued, blocked, ignored, caught;
    struct aspace *aspace; /* referenced, or NULL */
};

static char state_letter(const struct process *process, const struct thread *thread)
{
    /* Its files are the last that it gives back. */
    if (process->state == PROCESS_ZOMBIE ||
        (thread->exited && !__atomic_load_n(&thread->files, __ATOMIC_ACQUIRE)))
        return 'Z';
    if (thread->trace.stopped)
        return 't';
    if (process->stopped && !thread->trace.tracer)
        return 'T';
    if (thread->state != THREAD_SLEEPING)
        return 'R';
    return thread->wait_kind == WAIT_UNINTERRUPTIBLE ? 'D' : 'S';
}

static void copy_signals(struct snapshot *snapshot, struct process *process,
                         const struct thread *thread)
{
    spin_lock(&process->signal_lock);
    snapshot->pending = process->pending.set;
    snapshot->thread_pending = thread->pending.set;
    snapshot->queued = __atomic_load_n(&process->credentials->account->signals, __ATOMIC_RELAXED);
    snapshot->blocked = thread->blocked;
    snapshot->seccomp_mode = thread->seccomp.mode;
    snapshot->filters = thread->seccomp.filter ? thread->seccomp.filter->depth : 0;
    for (int number = 1; number <= SIGMAX; number++) {
        uint64_t handler = signal_handler(process, number);
        if (handler == SIG_IGN)
            snapshot->ignored |= signal_bit(number);
        else if (handler != SIG_DFL)
            snapshot->caught |= signal_bit(number);
    }
    memcpy(snapshot->limits, process->limits, sizeof(snapshot->limits));
    spin_unlock(&process->signal_lock);
}

/* What is behind references that process_tree_lock does not keep. */
static void copy_contexts(struct snapshot *snapshot, struct process *process)
{
    struct path_context *context = process_path_context(process);
    struct file_table *files = process_files(process);

    if (context) {
        snapshot->umask = __atomic_load_n(&context->umask, __ATOMIC_RELAXED);
        path_context_release(context);
    }
    if (files) {
        snapshot->descriptors = file_table_size(files);
        file_table_release(files);
    }
    snapshot->aspace = process_aspace(process);
}

static void copy_thread(struct snapshot *snapshot, const struct process *process,
                        const struct thread *thread)
{
    const struct credentials *own = thread->credentials;

    snapshot->id = thread->id;
    snapshot->tracer = thread->trace.tracer ? thread->trace.tracer->process->pid : 0;
    snapshot->nice = thread->nice;
    snapshot->priority = thread->priority;
    snapshot->own_priority = thread->inherit.own_priority;
    snapshot->policy = (unsigned)thread->policy & ~(unsigned)SCHED_RESET_ON_FORK;
    snapshot->affinity = __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED);
    snapshot->state = state_letter(process, thread);
    snapshot->start_time = thread->start_time;
    snapshot->hart = (int)thread->hart->index;
    memcpy(snapshot->name, thread->name, sizeof(snapshot->name));
    snapshot->name[THREAD_NAME_SIZE - 1] = 0;
    snapshot->credentials = credentials_reference(own ? own : process->credentials);
    snapshot->no_new_privileges = own && seccomp_forbids_privileges(thread);
}

/* whole: the process's figures, not those of the one thread. */
static void copy_process(struct snapshot *snapshot, struct process *process,
                         const struct thread *thread, bool whole)
{
    copy_thread(snapshot, process, thread);
    snapshot->pid = process->pid;
    snapshot->parent = process->parent ? process->parent->pid : 0;
    snapshot->group = process->group;
    snapshot->session = process->session;
    snapshot->terminal_device = terminal_device_number(process->terminal);
    snapshot->foreground = terminal_foreground_group(process->terminal);
    snapshot->exit_signal = process->exit_signal;
    snapshot->exit_status = process->exit_status;
    snapshot->threads = process->thread_count;
    if (whole)
        process_usage(process, &snapshot->usage);
    else
        thread_usage(thread, &snapshot->usage);
    snapshot->children_usage = process->children_usage;
    copy_signals(snapshot, process, thread);
}

/* Copy what is to be told: 0, -ESRCH, -ENOMEM. Given back by free_snapshot. */
static int take_snapshot(uint64_t key, struct snapshot **result)
{
    struct snapshot *snapshot = kmalloc_zeroed(sizeof(*snapshot));
    struct process *process;
    struct thread *thread;

    if (!snapshot)
        return -ENOMEM;
    mutex_lock(&process_tree_lock);
    bool found = procfs_find(key, &process, &thread);
    if (found) {
        copy_process(snapshot, process, thread, !(key & PROCFS_THREAD));
        process_reference(process);
    }
    mutex_unlock(&process_tree_lock);
    if (!found) {
        kfree(snapshot);
        return -ESRCH;
    }
    copy_contexts(snapshot, process);
    process_release(process);
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

    text_format(text, "%d (%s) %c %d %d %d %lu %d 0 %lu %lu %lu %lu ", snapshot->id, snapshot->name,
                snapshot->state, snapshot->parent, snapshot->group, snapshot->session,
                snapshot->terminal_device, snapshot->foreground, usage->minor_faults,
                children->minor_faults, usage->major_faults, children->major_faults);
    text_format(text, "%lu %lu %lu %lu %d %d %u 0 %lu ", usage->user_time / TICK,
                usage->system_time / TICK, children->user_time / TICK, children->system_time / TICK,
                snapshot->priority ? -1 - (int)snapshot->priority : 20 + snapshot->nice,
                snapshot->nice, snapshot->threads, snapshot->start_time / TICK);
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

    text_format(text, "%lu %lu %lu %lu 0 0 0 %d %d %u %u 0 0 0 ", snapshot->pending,
                snapshot->blocked, snapshot->ignored, snapshot->caught, snapshot->exit_signal,
                snapshot->hart, snapshot->own_priority, snapshot->policy);
    if (aspace)
        text_format(text, "%lu %lu %lu %lu %lu %lu %lu ", aspace->data_start, aspace->data_end,
                    aspace->brk_start, aspace->argument_start, aspace->argument_end,
                    aspace->environment_start, aspace->environment_end);
    else
        text_format(text, "0 0 0 0 0 0 0 ");
    text_format(text, "%d\n", snapshot->state == 'Z' ? snapshot->exit_status : 0);
}

int procfs_write_process_stat(uint64_t key, struct text *text)
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
    case 't':
        return "t (tracing stop)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

/* Numbers, each with a blank behind it. */
static void write_groups(struct text *text, const struct credentials *who)
{
    text_format(text, "Groups:\t");
    for (uint32_t i = 0; i < who->group_count; i++)
        text_format(text, "%u ", who->groups[i]);
    text_format(text, who->group_count ? "\n" : " \n");
}

static void write_identity(const struct snapshot *snapshot, struct text *text)
{
    const struct credentials *who = snapshot->credentials;

    text_format(text, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n",
                snapshot->name, snapshot->umask, state_name(snapshot->state), snapshot->pid,
                snapshot->id);
    text_format(text, "PPid:\t%d\nTracerPid:\t%d\n", snapshot->parent, snapshot->tracer);
    text_format(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", who->uid, who->euid,
                who->suid, who->fsuid, who->gid, who->egid, who->sgid, who->fsgid);
    text_format(text, "FDSize:\t%u\n", snapshot->descriptors);
    write_groups(text, who);
    text_format(text, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n",
                snapshot->pid, snapshot->id, snapshot->group, snapshot->session);
}

static void write_size(struct text *text, const char *name, uint64_t pages)
{
    text_add_kib(text, name, (unsigned)strlen(name) + SIZE_WIDTH, KIB(pages));
}

static void write_status_memory(struct aspace *aspace, struct text *text)
{
    uint64_t peak = pmap_resident_peak(&aspace->pmap);
    struct procfs_memory memory;

    procfs_count_memory(aspace, &memory);
    write_size(text, "VmPeak:\t", aspace->mapped_peak);
    write_size(text, "VmSize:\t", aspace->mapped_pages);
    write_size(text, "VmLck:\t", aspace->locked_pages);
    write_size(text, "VmPin:\t", 0);
    write_size(text, "VmHWM:\t", peak > memory.resident ? peak : memory.resident);
    write_size(text, "VmRSS:\t", memory.resident);
    write_size(text, "RssAnon:\t", memory.anonymous);
    write_size(text, "RssFile:\t", memory.resident - memory.anonymous - memory.shmem);
    write_size(text, "RssShmem:\t", memory.shmem);
    write_size(text, "VmData:\t", aspace->data_pages);
    write_size(text, "VmStk:\t", memory.stack);
    write_size(text, "VmExe:\t", memory.code);
    write_size(text, "VmLib:\t",
               memory.executable > memory.code ? memory.executable - memory.code : 0);
    write_size(text, "VmPTE:\t", __atomic_load_n(&aspace->pmap.tables, __ATOMIC_RELAXED));
    write_size(text, "VmSwap:\t", memory.swapped);
    text_format(text, "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t0\n");
}

static void write_signals(const struct snapshot *snapshot, struct text *text)
{
    text_format(text, "Threads:\t%u\nSigQ:\t%lu/%lu\n", snapshot->threads, snapshot->queued,
                snapshot->limits[RLIMIT_SIGPENDING].soft);
    text_format(text,
                "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
                "SigCgt:\t%016lx\n",
                snapshot->thread_pending, snapshot->pending, snapshot->blocked, snapshot->ignored,
                snapshot->caught);
}

static void write_capabilities(const struct snapshot *snapshot, struct text *text)
{
    const struct credentials *who = snapshot->credentials;

    text_format(text,
                "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n"
                "CapAmb:\t%016lx\nNoNewPrivs:\t%u\nSeccomp:\t%u\nSeccomp_filters:\t%u\n",
                who->inheritable, who->permitted, who->effective, who->bounding, who->ambient,
                snapshot->no_new_privileges, snapshot->seccomp_mode, snapshot->filters);
}

/* The harts that a thread may run on: all. */
static void write_harts(const struct snapshot *snapshot, struct text *text)
{
    unsigned count = hart_count();
    uint64_t mask = snapshot->affinity & (count == 64 ? UINT64_MAX : (1ul << count) - 1);
    const char *separator = "Cpus_allowed_list:\t";

    if (count > 32)
        text_format(text, "Cpus_allowed:\t%x,%08x\n", (uint32_t)(mask >> 32), (uint32_t)mask);
    else
        text_format(text, "Cpus_allowed:\t%x\n", (uint32_t)mask);
    for (unsigned first = 0, last; first < count; first = last + 1) {
        last = first;
        if (!(mask >> first & 1))
            continue;
        while (last + 1 < count && mask >> (last + 1) & 1)
            last++;
        text_format(text, last > first ? "%s%u-%u" : "%s%u", separator, first, last);
        separator = ",";
    }
    text_format(text, "\n");
    text_format(text, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
}

int procfs_write_status(uint64_t key, struct text *text)
{
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    write_identity(snapshot, text);
    if (snapshot->aspace)
        write_status_memory(snapshot->aspace, text);
    write_signals(snapshot, text);
    write_capabilities(snapshot, text);
    write_harts(snapshot, text);
    text_format(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
                snapshot->usage.voluntary_switches, snapshot->usage.involuntary_switches);
    free_snapshot(snapshot);
    return 0;
}

/* io */

/* That of a process has what its dead children did. */
int procfs_write_traffic(uint64_t key, struct text *text)
{
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    struct traffic sum = snapshot->usage.traffic;
    if (!(key & PROCFS_THREAD))
        traffic_add(&sum, &snapshot->children_usage.traffic);
    text_format(text,
                "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n"
                "read_bytes: %lu\nwrite_bytes: %lu\ncancelled_write_bytes: %lu\n",
                sum.read_bytes, sum.written_bytes, sum.reads, sum.writes, sum.fetched, sum.dirtied,
                sum.cancelled);
    free_snapshot(snapshot);
    return 0;
}

/* comm */

int procfs_write_name(uint64_t key, struct text *text)
{
    struct snapshot *snapshot;
    int error = take_snapshot(key, &snapshot);

    if (error)
        return error;
    text_format(text, "%s\n", snapshot->name);
    free_snapshot(snapshot);
    return 0;
}

/* Only a thread of the same process may give a thread its name. */
int procfs_take_name(uint64_t key, char *words, size_t length)
{
    struct process *process;
    struct thread *thread;
    int error = -ESRCH;

    if (length >= THREAD_NAME_SIZE)
        words[THREAD_NAME_SIZE - 1] = '\0';
    mutex_lock(&process_tree_lock);
    if (procfs_find(key, &process, &thread))
        error = process == current_process() ? 0 : -EINVAL;
    if (!error)
        string_copy(thread->name, words, sizeof(thread->name));
    mutex_unlock(&process_tree_lock);
    return error;
}

/* limits */

static void write_limit(struct text *text, uint64_t value)
{
    if (value == RLIM_INFINITY)
        text_format(text, "%-20s ", "unlimited");
    else
        text_format(text, "%-20lu ", value);
}

int procfs_write_limits(uint64_t key, struct text *text)
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
