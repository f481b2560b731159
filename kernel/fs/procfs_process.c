/*
 * The directories of processes and their threads in /proc (proc(5)): what is in them, whose it is,
 * and the files that need few words.
 */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/core_dump.h"
#include "core/pid.h"
#include "core/process.h"
#include "fs/file.h"
#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "vm/page.h"

#define TIMER_SLACK_DEFAULT 50000u /* nanoseconds */

enum type_number {
    PROCESS_TYPE = PROCFS_PROCESS_TYPES,
    THREAD_TYPE,
    THREADS_TYPE,
    DESCRIPTORS_TYPE,
    DESCRIPTOR_TYPE,
    DESCRIPTOR_TEXTS_TYPE,
    DESCRIPTOR_TEXT_TYPE,
    NAMESPACES_TYPE,
    EXECUTABLE_TYPE,
    DIRECTORY_TYPE,
    ROOT_TYPE,
    TEXT_TYPE_FIRST
};

/* Who is meant */

bool procfs_find(uint64_t key, struct process **process, struct thread **thread)
{
    int id = procfs_id(key);

    *process = key & PROCFS_THREAD ? NULL : process_find(id);
    *thread = *process ? (*process)->leader : process_find_thread(id);
    if (*thread && !*process)
        *process = (*thread)->process;
    return *process && *thread;
}

struct process *procfs_find_process(uint64_t key)
{
    struct process *process;
    struct thread *thread;

    return procfs_find(key, &process, &thread) ? process : NULL;
}

int procfs_check_inspect(uint64_t key)
{
    int error = -ESRCH;

    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    if (process)
        error = credentials_may_inspect(process, false) ? 0 : -EACCES;
    mutex_unlock(&process_tree_lock);
    return error;
}

int procfs_aspace(uint64_t key, bool inspect, struct aspace **aspace)
{
    int error = -ESRCH;

    *aspace = NULL;
    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    if (process)
        error = !inspect || credentials_may_inspect(process, false) ? 0 : -EACCES;
    if (!error)
        *aspace = process_aspace(process);
    mutex_unlock(&process_tree_lock);
    return error;
}

/* What may be looked into only as the process itself may is root's if that is more than its user.
 */
int procfs_owner(uint64_t key, uint32_t *uid, uint32_t *gid)
{
    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    if (process) {
        *uid = process->dumpable ? process->credentials->euid : 0;
        *gid = process->dumpable ? process->credentials->egid : 0;
    }
    mutex_unlock(&process_tree_lock);
    return process ? 0 : -ENOENT;
}

/* Texts that are the same for all processes: the key's index says which */

static const char *const constants[] = {
    "0::/\n", "         0          0 4294967295\n", "4294967295", "allow\n", "0",
};
enum constant { CONTROL_GROUP, ID_MAP, NO_LOGIN, GROUPS_ALLOWED, NO_CHANNEL };

static int write_constant(uint64_t key, struct text *text)
{
    text_format(text, "%s", constants[procfs_index(key) & 0xff]);
    return 0;
}

/* Several files with the same text get keys that differ. */
#define CONSTANT(number, copy) ((number) | (copy) << 8)

/* Numbers of a process that can be set */

/* A decimal number with a sign, and white space around it: 0, -EINVAL. */
int procfs_parse_integer(const char *words, int64_t *number)
{
    uint64_t value;

    words = skip_white_space(words);
    bool negative = *words == '-';
    words += negative;
    if (!parse_decimal(&words, &value) || value > INT32_MAX)
        return -EINVAL;
    *number = negative ? -(int64_t)value : (int64_t)value;
    return *skip_white_space(words) ? -EINVAL : 0;
}

/* Run get or set with the process found: 0, -ESRCH, or what it returns. */
static int with_process(uint64_t key, int (*function)(struct process *, int64_t *), int64_t *number)
{
    int error = -ESRCH;

    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    if (process)
        error = function(process, number);
    mutex_unlock(&process_tree_lock);
    return error;
}

static int write_number(uint64_t key, struct text *text, int (*get)(struct process *, int64_t *),
                        const char *form)
{
    int64_t number;
    int error = with_process(key, get, &number);

    if (!error)
        text_format(text, form, number);
    return error;
}

static int take_number(uint64_t key, const char *words, int (*set)(struct process *, int64_t *))
{
    int64_t number;
    int error = procfs_parse_integer(words, &number);

    return error ? error : with_process(key, set, &number);
}

#define NUMBER_FILE(name, form)                                                                    \
    static int write_##name(uint64_t key, struct text *text)                                       \
    {                                                                                              \
        return write_number(key, text, get_##name, form);                                          \
    }
#define SETTABLE_NUMBER_FILE(name, form)                                                           \
    NUMBER_FILE(name, form)                                                                        \
    static int take_##name(uint64_t key, char *words, size_t length)                               \
    {                                                                                              \
        (void)length;                                                                              \
        return take_number(key, words, set_##name);                                                \
    }

/* How likely it is to be ended when memory is short: proc(5), oom_score_adj and its forerunner. */

static int get_badness(struct process *process, int64_t *number)
{
    *number = out_of_memory_score(process);
    return 0;
}
NUMBER_FILE(badness, "%ld\n")

static int get_adjustment(struct process *process, int64_t *number)
{
    *number = process->badness_adjustment;
    return 0;
}

static int set_adjustment(struct process *process, int64_t *number)
{
    if (*number < -BADNESS_SCALE || *number > BADNESS_SCALE)
        return -EINVAL;
    if (*number < process->badness_adjustment && !credentials_capable(CAP_SYS_RESOURCE))
        return -EACCES;
    process->badness_adjustment = (int)*number;
    return 0;
}
SETTABLE_NUMBER_FILE(adjustment, "%ld\n")

#define OLD_SCALE 17 /* -17: never; 15: as 1000 */
#define OLD_MOST  15

static int get_old_adjustment(struct process *process, int64_t *number)
{
    int adjustment = process->badness_adjustment;
    *number = adjustment == BADNESS_SCALE ? OLD_MOST : adjustment * OLD_SCALE / BADNESS_SCALE;
    return 0;
}

static int set_old_adjustment(struct process *process, int64_t *number)
{
    if (*number < -OLD_SCALE || *number > OLD_MOST)
        return -EINVAL;
    *number = *number == OLD_MOST ? BADNESS_SCALE : *number * BADNESS_SCALE / OLD_SCALE;
    return set_adjustment(process, number);
}
SETTABLE_NUMBER_FILE(old_adjustment, "%ld\n")

static int get_timer_slack(struct process *process, int64_t *number)
{
    if (process != current_process() && !credentials_capable(CAP_SYS_NICE))
        return -EPERM;
    *number = process->timer_slack ? (int64_t)process->timer_slack : TIMER_SLACK_DEFAULT;
    return 0;
}

static int set_timer_slack(struct process *process, int64_t *number)
{
    if (process != current_process() && !credentials_capable(CAP_SYS_NICE))
        return -EPERM;
    if (*number < 0)
        return -EINVAL;
    process->timer_slack = (uint64_t)*number;
    return 0;
}
SETTABLE_NUMBER_FILE(timer_slack, "%ld\n")

/* Which mappings a core dump has; also in hexadecimal. */
static int get_filter(struct process *process, int64_t *number)
{
    *number = process->core_filter;
    return 0;
}
NUMBER_FILE(filter, "%08lx\n")

static int set_filter(struct process *process, int64_t *number)
{
    process->core_filter = (unsigned)*number & CORE_FILTER_ALL;
    return 0;
}

static int take_filter(uint64_t key, char *words, size_t length)
{
    const char *text = words;
    uint64_t value;

    (void)length;
    if (!parse_number(&text, &value) || value > UINT32_MAX)
        return -EINVAL;
    int64_t number = (int64_t)value;
    return *text && *text != '\n' ? -EINVAL : with_process(key, set_filter, &number);
}

static int get_personality(struct process *process, int64_t *number)
{
    *number = process->personality;
    return credentials_may_inspect(process, false) ? 0 : -EPERM;
}
NUMBER_FILE(personality, "%08lx\n")

/* proc(5), task/TID/children; all children belong to the first thread here. */
static int write_children(uint64_t key, struct text *text)
{
    int last = 0, next;

    do {
        next = 0;
        mutex_lock(&process_tree_lock);
        struct process *process = procfs_find_process(key);
        for (struct process *p = process_next(last); p && !next; p = process_next(p->pid)) {
            if (p->parent == process && process && process->pid == procfs_id(key))
                next = p->pid;
        }
        mutex_unlock(&process_tree_lock);
        if (next)
            text_format(text, "%d ", next);
        last = next;
    } while (next);
    return 0;
}

/* Threads in /proc/PID/task */

static bool next_thread(uint64_t key, uint64_t *number, uint64_t *other_key, char *name)
{
    if (*number > PID_MAX)
        return false;
    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    struct thread *thread = process ? process_next_thread(process, (int)*number - 1) : NULL;
    if (thread) {
        *number = (uint64_t)thread->id;
        *other_key = procfs_key(thread->id, PROCFS_THREAD);
        format(name, PSEUDO_NAME_MAX + 1, "%d", thread->id);
    }
    mutex_unlock(&process_tree_lock);
    return thread;
}

static int find_thread(uint64_t key, const struct name *name, uint64_t *other_key)
{
    uint64_t number;

    if (!pseudo_parse_name(name, "", &number) || number > PID_MAX)
        return -ENOENT;
    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    struct thread *thread = process_find_thread((int)number);
    bool found = process && thread && thread->process == process;
    mutex_unlock(&process_tree_lock);
    *other_key = procfs_key((int)number, PROCFS_THREAD);
    return found ? 0 : -ENOENT;
}

/* The directory task of a thread's process. */
static uint64_t key_of_threads(uint64_t key)
{
    mutex_lock(&process_tree_lock);
    struct process *process = procfs_find_process(key);
    int pid = process ? process->pid : procfs_id(key);
    mutex_unlock(&process_tree_lock);
    return procfs_key(pid, 0);
}

/* Types */

#define TEXT_TYPE(type_name, offset, permissions_, function)                                       \
    static const struct pseudo_type type_name = {.number = TEXT_TYPE_FIRST + (offset),             \
                                                 .mode = S_IFREG | (permissions_),                 \
                                                 .keyed = true,                                    \
                                                 .owner = procfs_owner,                            \
                                                 .write_text = function}
/* Told only to those who may look into the process. */
#define INSPECTED_TYPE(type_name, offset, permissions_, ...)                                       \
    static const struct pseudo_type type_name = {.number = TEXT_TYPE_FIRST + (offset),             \
                                                 .mode = S_IFREG | (permissions_),                 \
                                                 .keyed = true,                                    \
                                                 .owner = procfs_owner,                            \
                                                 .check_open = procfs_check_inspect,               \
                                                 __VA_ARGS__}
#define SECRET_TYPE(type_name, offset, permissions_, function)                                     \
    INSPECTED_TYPE(type_name, offset, permissions_, .write_text = function)
#define SETTABLE_TYPE(type_name, offset, permissions_, write, take)                                \
    static const struct pseudo_type type_name = {.number = TEXT_TYPE_FIRST + (offset),             \
                                                 .mode = S_IFREG | (permissions_),                 \
                                                 .keyed = true,                                    \
                                                 .owner = procfs_owner,                            \
                                                 .write_text = write,                              \
                                                 .take_text = take}
#define LINK_TYPE(type_name, type_number, what)                                                    \
    static const struct pseudo_type type_name = {.number = type_number,                            \
                                                 .mode = S_IFLNK | 0777,                           \
                                                 .keyed = true,                                    \
                                                 .owner = procfs_owner,                            \
                                                 .read_link = procfs_read_##what,                  \
                                                 .follow = procfs_follow_##what}

TEXT_TYPE(stat_type, 0, 0444, procfs_write_process_stat);
TEXT_TYPE(status_type, 1, 0444, procfs_write_status);
TEXT_TYPE(statm_type, 2, 0444, procfs_write_statm);
INSPECTED_TYPE(maps_type, 3, 0444, .write_piece = procfs_write_maps);
INSPECTED_TYPE(smaps_type, 4, 0444, .write_piece = procfs_write_smaps);
TEXT_TYPE(command_line_type, 5, 0444, procfs_write_command_line);
SECRET_TYPE(environment_type, 6, 0400, procfs_write_environment);
SETTABLE_TYPE(name_type, 7, 0644, procfs_write_name, procfs_take_name);
TEXT_TYPE(mounts_type, 8, 0444, procfs_write_mounts);
TEXT_TYPE(mount_information_type, 9, 0444, procfs_write_mount_information);
TEXT_TYPE(mount_statistics_type, 10, 0400, procfs_write_mount_statistics);
TEXT_TYPE(limits_type, 11, 0444, procfs_write_limits);
TEXT_TYPE(constant_type, 12, 0444, write_constant);
TEXT_TYPE(badness_type, 13, 0444, write_badness);
SETTABLE_TYPE(adjustment_type, 14, 0644, write_adjustment, take_adjustment);
SETTABLE_TYPE(old_adjustment_type, 15, 0644, write_old_adjustment, take_old_adjustment);
SETTABLE_TYPE(timer_slack_type, 16, 0666, write_timer_slack, take_timer_slack);
TEXT_TYPE(personality_type, 17, 0400, write_personality);
SECRET_TYPE(auxiliary_type, 18, 0400, procfs_write_auxiliary);
TEXT_TYPE(children_type, 19, 0444, write_children);
SETTABLE_TYPE(filter_type, 23, 0644, write_filter, take_filter);
SECRET_TYPE(smaps_sum_type, 22, 0444, procfs_write_smaps_sum);
SECRET_TYPE(traffic_type, 26, 0400, procfs_write_traffic);
static const struct pseudo_type clear_references_type = {.number = TEXT_TYPE_FIRST + 24,
                                                         .mode = S_IFREG | 0200,
                                                         .keyed = true,
                                                         .owner = procfs_owner,
                                                         .take_text = procfs_take_clear_references};
#ifdef DEBUG
SETTABLE_TYPE(failure_type, 25, 0644, procfs_write_failure, procfs_take_failure);
#define DEBUG_ENTRIES {"fail-nth", &failure_type, 0},
#else
#define DEBUG_ENTRIES
#endif
LINK_TYPE(executable_type, EXECUTABLE_TYPE, executable);
LINK_TYPE(directory_type, DIRECTORY_TYPE, directory);
LINK_TYPE(root_type, ROOT_TYPE, root);

static const struct pseudo_type memory_type = {.number = TEXT_TYPE_FIRST + 20,
                                               .mode = S_IFREG | 0600,
                                               .keyed = true,
                                               .owner = procfs_owner,
                                               .check_open = procfs_check_inspect,
                                               .read = procfs_read_memory,
                                               .write = procfs_change_memory};

static const struct pseudo_type pagemap_type = {.number = TEXT_TYPE_FIRST + 21,
                                                .mode = S_IFREG | 0400,
                                                .keyed = true,
                                                .owner = procfs_owner,
                                                .check_open = procfs_check_inspect,
                                                .read = procfs_read_pagemap,
                                                .control = procfs_control_pagemap};

static const struct pseudo_type descriptor_type = {.number = DESCRIPTOR_TYPE,
                                                   .mode = S_IFLNK | 0700,
                                                   .keyed = true,
                                                   .owner = procfs_owner,
                                                   .permissions = procfs_descriptor_mode,
                                                   .read_link = procfs_read_descriptor,
                                                   .follow = procfs_follow_descriptor};
static const struct pseudo_type descriptor_text_type = {.number = DESCRIPTOR_TEXT_TYPE,
                                                        .mode = S_IFREG | 0444,
                                                        .keyed = true,
                                                        .owner = procfs_owner,
                                                        .write_text = procfs_write_descriptor};

static const struct pseudo_type descriptors_directory = {.number = DESCRIPTORS_TYPE,
                                                         .mode = S_IFDIR | 0500,
                                                         .parent = &procfs_process_directory,
                                                         .keyed = true,
                                                         .owner = procfs_owner,
                                                         .other = &descriptor_type,
                                                         .find = procfs_find_descriptor,
                                                         .next = procfs_next_descriptor};
static const struct pseudo_type descriptor_texts_directory = {.number = DESCRIPTOR_TEXTS_TYPE,
                                                              .mode = S_IFDIR | 0555,
                                                              .parent = &procfs_process_directory,
                                                              .keyed = true,
                                                              .owner = procfs_owner,
                                                              .other = &descriptor_text_type,
                                                              .find = procfs_find_descriptor,
                                                              .next = procfs_next_descriptor};
static const struct pseudo_type namespaces_directory = {.number = NAMESPACES_TYPE,
                                                        .mode = S_IFDIR | 0511,
                                                        .parent = &procfs_process_directory,
                                                        .keyed = true,
                                                        .owner = procfs_owner,
                                                        .entries = procfs_namespaces};

#define COMMON_ENTRIES                                                                             \
    {"auxv", &auxiliary_type, 0}, {"cgroup", &constant_type, CONSTANT(CONTROL_GROUP, 0)},          \
        {"clear_refs", &clear_references_type, 0}, {"cmdline", &command_line_type, 0},             \
        {"comm", &name_type, 0}, {"cwd", &directory_type, 0}, {"environ", &environment_type, 0},   \
        {"exe", &executable_type, 0}, {"fd", &descriptors_directory, 0},                           \
        {"fdinfo", &descriptor_texts_directory, 0},                                                \
        {"gid_map", &constant_type, CONSTANT(ID_MAP, 0)}, {"io", &traffic_type, 0},                \
        {"limits", &limits_type, 0}, {"loginuid", &constant_type, CONSTANT(NO_LOGIN, 0)},          \
        {"maps", &maps_type, 0}, {"mem", &memory_type, 0},                                         \
        {"mountinfo", &mount_information_type, 0}, {"mounts", &mounts_type, 0},                    \
        {"net", &procfs_net, 0}, {"ns", &namespaces_directory, 0},                                 \
        {"oom_adj", &old_adjustment_type, 0}, {"oom_score", &badness_type, 0},                     \
        {"oom_score_adj", &adjustment_type, 0}, {"pagemap", &pagemap_type, 0},                     \
        {"personality", &personality_type, 0},                                                     \
        {"projid_map", &constant_type, CONSTANT(ID_MAP, 1)}, {"root", &root_type, 0},              \
        {"sessionid", &constant_type, CONSTANT(NO_LOGIN, 1)},                                      \
        {"setgroups", &constant_type, CONSTANT(GROUPS_ALLOWED, 0)}, {"smaps", &smaps_type, 0},     \
        {"smaps_rollup", &smaps_sum_type, 0}, {"stat", &stat_type, 0}, {"statm", &statm_type, 0},  \
        {"status", &status_type, 0}, {"uid_map", &constant_type, CONSTANT(ID_MAP, 2)},             \
    {                                                                                              \
        "wchan", &constant_type, CONSTANT(NO_CHANNEL, 0)                                           \
    }

static const struct pseudo_type threads_directory;

static const struct pseudo_entry thread_entries[] = {
    {"children", &children_type, 0}, DEBUG_ENTRIES COMMON_ENTRIES, {NULL, NULL, 0}};

static const struct pseudo_type thread_directory = {.number = THREAD_TYPE,
                                                    .mode = S_IFDIR | 0555,
                                                    .parent = &threads_directory,
                                                    .keyed = true,
                                                    .parent_key = key_of_threads,
                                                    .owner = procfs_owner,
                                                    .entries = thread_entries};

static const struct pseudo_type threads_directory = {.number = THREADS_TYPE,
                                                     .mode = S_IFDIR | 0555,
                                                     .parent = &procfs_process_directory,
                                                     .keyed = true,
                                                     .owner = procfs_owner,
                                                     .other = &thread_directory,
                                                     .find = find_thread,
                                                     .next = next_thread};

static const struct pseudo_entry process_entries[] = {
    {"coredump_filter", &filter_type, 0}, {"mountstats", &mount_statistics_type, 0},
    {"task", &threads_directory, 0},      {"timerslack_ns", &timer_slack_type, 0},
    DEBUG_ENTRIES COMMON_ENTRIES,         {NULL, NULL, 0},
};

const struct pseudo_type procfs_process_directory = {
    .number = PROCESS_TYPE,
    .mode = S_IFDIR | 0555,
    .parent = &procfs_root,
    .keyed = true,
    .owner = procfs_owner,
    .entries = process_entries,
};
