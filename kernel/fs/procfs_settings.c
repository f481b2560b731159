/*
 * /proc/sys: settings of the kernel, one a file (proc(5)).
 *
 * A setting is a number in memory, a number that is constant, or a text with functions of its own.
 * One that can be written takes effect; what Linux lets root change and this kernel does not is
 * read-only here. The keys of the files are the indexes of their settings.
 */
#include "abi/capability.h"
#include "abi/errno.h"
#include "core/core_dump.h"
#include "core/credentials.h"
#include "core/pid.h"
#include "core/process.h"
#include "core/placement.h"
#include "core/random.h"
#include "fs/epoll.h"
#include "fs/file.h"
#include "fs/io_context.h"
#include "fs/lease.h"
#include "fs/notify.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/procfs_settings.h"
#include "fs/untrusted.h"
#include "fs/userfault_file.h"
#include "fs/vnode.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "sys/system.h"
#include "vm/aspace.h"
#include "vm/commit.h"
#include "vm/reclaim.h"

#define OVERFLOW_ID 65534u
#define RESEED      60u /* seconds */
#define ADDRESS_MIN 65536u

/* Texts */

#define NAME_SETTING(field)                                                                        \
    static void write_##field(struct text *text)                                                   \
    {                                                                                              \
        struct utsname names;                                                                      \
        system_names(&names);                                                                      \
        text_format(text, "%s\n", names.field);                                                    \
    }
NAME_SETTING(system)
NAME_SETTING(release)
NAME_SETTING(version)
NAME_SETTING(node)
NAME_SETTING(domain)
NAME_SETTING(machine)

/* Messages have one level: all go to the console. */
static void write_message_levels(struct text *text)
{
    text_format(text, "7\t4\t1\t7\n");
}

static void write_uuid(struct text *text, const uint8_t bytes[16])
{
    for (unsigned i = 0; i < 16; i++)
        text_format(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    text_format(text, "\n");
}

/* A random identifier: version 4 of RFC 9562. */
static void make_uuid(uint8_t bytes[16])
{
    random_bytes(bytes, 16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
}

static void write_new_uuid(struct text *text)
{
    uint8_t bytes[16];

    make_uuid(bytes);
    write_uuid(text, bytes);
}

/* The identifier of this boot is made when it is asked for first. */
static void write_boot_id(struct text *text)
{
    static struct spinlock lock = {.name = "boot identifier", .rank = RANK_SIGNAL};
    static uint8_t boot_id[16];
    uint8_t copy[16];

    make_uuid(copy);
    spin_lock(&lock);
    if (!boot_id[6])
        memcpy(boot_id, copy, sizeof(copy));
    memcpy(copy, boot_id, sizeof(copy));
    spin_unlock(&lock);
    write_uuid(text, copy);
}

static void write_file_count(struct text *text)
{
    text_format(text, "%lu\t0\t%lu\n", file_count(), (uint64_t)INT64_MAX);
}

static void write_vnode_count(struct text *text)
{
    uint64_t unused, all = vnode_cache_count(&unused);
    text_format(text, "%lu\t%lu\n", all, unused);
}

static void write_vnode_state(struct text *text)
{
    uint64_t unused, all = vnode_cache_count(&unused);
    text_format(text, "%lu\t%lu\t0\t0\t0\t0\t0\n", all, unused);
}

/* Numbers */

NUMBER_SETTING(core_uses_pid, core_uses_pid)
NUMBER_SETTING(pid_limit, pid_limit)
NUMBER_SETTING(threads_max, threads_max)
NUMBER_SETTING(unprivileged_userfault, userfault_unprivileged)
NUMBER_SETTING(randomize, randomize_policy)
NUMBER_SETTING(region_limit, region_count_limit)
NUMBER_SETTING(commit_ratio, overcommit_ratio)
NUMBER_SETTING(overcommit, overcommit_policy)
NUMBER_SETTING(pipe_pages_soft, pipe_pages_soft)
NUMBER_SETTING(pipe_pages_hard, pipe_pages_hard)
NUMBER_SETTING(protected_fifos, protected_fifos)
NUMBER_SETTING(protected_hardlinks, protected_hardlinks)
NUMBER_SETTING(protected_regular, protected_regular)
NUMBER_SETTING(protected_symlinks, protected_symlinks)
NUMBER_SETTING(lease_time, lease_break_time)
NUMBER_SETTING(event_limit, notify_events_limit)
NUMBER_SETTING(notify_limit, notify_files_limit)
NUMBER_SETTING(watch_limit, notify_watches_limit)
NUMBER_SETTING(epoll_limit, epoll_items_limit)
NUMBER_SETTING(io_requests_most, io_requests_most)

static uint64_t get_io_requests(void)
{
    return __atomic_load_n(&io_requests, __ATOMIC_RELAXED);
}

static uint64_t get_last_pid(void)
{
    mutex_lock(&process_tree_lock);
    int last = pid_last();
    mutex_unlock(&process_tree_lock);
    return (uint64_t)last;
}

static uint64_t get_pipe_size(void)
{
    return __atomic_load_n(&pipe_size_limit, __ATOMIC_RELAXED);
}

static int set_pipe_size(uint64_t number)
{
    uint64_t size = pipe_round_size(number);
    if (!size || size > INT32_MAX)
        return -EINVAL;
    __atomic_store_n(&pipe_size_limit, size, __ATOMIC_RELAXED);
    return 0;
}

/* proc(5), drop_caches: 1 pages of files, 2 unused vnodes and names, 3 both. What is dirty stays.
 */
static int drop_caches(uint64_t number)
{
    if (number & 1)
        reclaim_files();
    if (number & 2)
        vnode_cache_shrink(UINT32_MAX);
    return 0;
}

enum {
    SYSTEM_NAME,
    RELEASE,
    VERSION,
    NODE,
    DOMAIN,
    MACHINE,
    CORE_PATTERN,
    CORE_USES_PID,
    MESSAGE_LEVELS,
    PID_LIMIT,
    LAST_PID,
    THREADS_MAX,
    GROUPS,
    LAST_CAPABILITY,
    OVERFLOW,
    ZERO, /* what is off, and cannot be turned on */
    UUID,
    BOOT_ID,
    POOL_BITS,
    RESEED_TIME,
    UNPRIVILEGED_USERFAULT,
    OVERCOMMIT,
    OVERCOMMIT_RATIO,
    MIN_ADDRESS,
    REGIONS_MAX,
    RANDOMIZE,
    DROP_CACHES,
    FILE_MAX,
    FILE_COUNT,
    DESCRIPTORS_MAX,
    VNODE_COUNT,
    VNODE_STATE,
    PIPE_SIZE,
    PIPE_PAGES_SOFT,
    PIPE_PAGES_HARD,
    EVENT_LIMIT,
    NOTIFY_LIMIT,
    WATCH_LIMIT,
    EPOLL_LIMIT,
    PROTECTED_FIFOS,
    PROTECTED_HARDLINKS,
    PROTECTED_REGULAR,
    PROTECTED_SYMLINKS,
    LEASE_TIME,
    LEASES,
    IO_REQUESTS,
    IO_REQUESTS_MOST,
    IPC_SETTINGS, /* and on: those of ipc_settings */
};

static const struct setting settings[] = {
    [SYSTEM_NAME] = {.write = write_system},
    [RELEASE] = {.write = write_release},
    [VERSION] = {.write = write_version},
    [NODE] = {.write = write_node, .set = system_set_node},
    [DOMAIN] = {.write = write_domain, .set = system_set_domain},
    [MACHINE] = {.write = write_machine},
    [CORE_PATTERN] = {.write = core_pattern_write, .set = core_pattern_set},
    [CORE_USES_PID] = {.get_number = get_core_uses_pid,
                       .set_number = set_core_uses_pid,
                       .most = INT32_MAX},
    [MESSAGE_LEVELS] = {.write = write_message_levels},
    [PID_LIMIT] = {.get_number = get_pid_limit,
                   .set_number = set_pid_limit,
                   .least = PID_MAX_MIN,
                   .most = PID_MAX},
    [LAST_PID] = {.get_number = get_last_pid},
    [THREADS_MAX] = {.get_number = get_threads_max,
                     .set_number = set_threads_max,
                     .least = 1,
                     .most = PID_MAX},
    [GROUPS] = {.constant = GROUPS_MAX},
    [LAST_CAPABILITY] = {.constant = CAP_LAST_CAP},
    [OVERFLOW] = {.constant = OVERFLOW_ID},
    [ZERO] = {.constant = 0},
    [UUID] = {.write = write_new_uuid},
    [BOOT_ID] = {.write = write_boot_id},
    [POOL_BITS] = {.constant = RANDOM_BITS},
    [RESEED_TIME] = {.constant = RESEED},
    [UNPRIVILEGED_USERFAULT] = {.get_number = get_unprivileged_userfault,
                                .set_number = set_unprivileged_userfault,
                                .most = 1},
    [OVERCOMMIT] = {.get_number = get_overcommit,
                    .set_number = set_overcommit,
                    .most = OVERCOMMIT_NEVER},
    [OVERCOMMIT_RATIO] = {.get_number = get_commit_ratio,
                          .set_number = set_commit_ratio,
                          .most = INT32_MAX},
    [MIN_ADDRESS] = {.constant = ADDRESS_MIN},
    [RANDOMIZE] = {.get_number = get_randomize, .set_number = set_randomize, .most = RANDOMIZE_ALL},
    [REGIONS_MAX] = {.get_number = get_region_limit,
                     .set_number = set_region_limit,
                     .most = INT32_MAX},
    [PROTECTED_FIFOS] = {.get_number = get_protected_fifos,
                         .set_number = set_protected_fifos,
                         .most = 2},
    [PROTECTED_HARDLINKS] = {.get_number = get_protected_hardlinks,
                             .set_number = set_protected_hardlinks,
                             .most = 1},
    [PROTECTED_REGULAR] = {.get_number = get_protected_regular,
                           .set_number = set_protected_regular,
                           .most = 2},
    [PROTECTED_SYMLINKS] = {.get_number = get_protected_symlinks,
                            .set_number = set_protected_symlinks,
                            .most = 1},
    [LEASE_TIME] = {.get_number = get_lease_time, .set_number = set_lease_time, .most = INT32_MAX},
    [LEASES] = {.constant = 1},
    [IO_REQUESTS] = {.get_number = get_io_requests},
    [IO_REQUESTS_MOST] = {.get_number = get_io_requests_most,
                          .set_number = set_io_requests_most,
                          .most = INT64_MAX},
    [DROP_CACHES] = {.set_number = drop_caches, .least = 1, .most = 3},
    [FILE_MAX] = {.constant = INT64_MAX},
    [FILE_COUNT] = {.write = write_file_count},
    [DESCRIPTORS_MAX] = {.constant = FILES_MOST},
    [VNODE_COUNT] = {.write = write_vnode_count},
    [VNODE_STATE] = {.write = write_vnode_state},
    [PIPE_SIZE] = {.get_number = get_pipe_size, .set_number = set_pipe_size, .most = INT32_MAX},
    [PIPE_PAGES_SOFT] = {.get_number = get_pipe_pages_soft,
                         .set_number = set_pipe_pages_soft,
                         .most = INT64_MAX},
    [PIPE_PAGES_HARD] = {.get_number = get_pipe_pages_hard,
                         .set_number = set_pipe_pages_hard,
                         .most = INT64_MAX},
    [EVENT_LIMIT] = {.get_number = get_event_limit,
                     .set_number = set_event_limit,
                     .most = INT32_MAX},
    [NOTIFY_LIMIT] = {.get_number = get_notify_limit,
                      .set_number = set_notify_limit,
                      .most = INT32_MAX},
    [WATCH_LIMIT] = {.get_number = get_watch_limit,
                     .set_number = set_watch_limit,
                     .most = INT32_MAX},
    [EPOLL_LIMIT] = {.get_number = get_epoll_limit,
                     .set_number = set_epoll_limit,
                     .most = INT32_MAX},
};

/* Files */

static const struct setting *setting_of(uint64_t key)
{
    return key < IPC_SETTINGS ? &settings[key] : &ipc_settings[key - IPC_SETTINGS];
}

static int write_setting(uint64_t key, struct text *text)
{
    const struct setting *setting = setting_of(key);

    if (setting->write)
        setting->write(text);
    else
        text_format(text, "%lu\n", setting->get_number ? setting->get_number() : setting->constant);
    return 0;
}

/* One decimal number, with white space around it: 0, or -EINVAL. */
static int parse_number_setting(const char *text, uint64_t *number)
{
    text = skip_white_space(text);
    if (!parse_decimal(&text, number))
        return -EINVAL;
    return *skip_white_space(text) ? -EINVAL : 0;
}

static int take_setting(uint64_t key, char *text, size_t length)
{
    const struct setting *setting = setting_of(key);
    uint64_t number;

    if (setting->set) {
        size_t line = 0;
        while (line < length && text[line] && text[line] != '\n')
            line++;
        return setting->set(text, line);
    }
    int error = parse_number_setting(text, &number);
    if (!error && (number < setting->least || number > setting->most))
        error = -EINVAL;
    return error ? error : setting->set_number(number);
}

enum type_number {
    SETTINGS_TYPE = PROCFS_SETTINGS_TYPES,
    KERNEL_TYPE,
    RANDOM_TYPE,
    MEMORY_TYPE,
    FILES_TYPE,
    QUEUES_TYPE,
    NOTIFY_TYPE,
    EPOLL_TYPE,
    READABLE_TYPE,
    CHANGEABLE_TYPE,
    WRITABLE_TYPE
};

static const struct pseudo_type readable = {.number = READABLE_TYPE,
                                            .mode = S_IFREG | 0444,
                                            .keyed = true,
                                            .strict = true,
                                            .write_text = write_setting};
static const struct pseudo_type changeable = {.number = CHANGEABLE_TYPE,
                                              .mode = S_IFREG | 0644,
                                              .keyed = true,
                                              .strict = true,
                                              .write_text = write_setting,
                                              .take_text = take_setting};
static const struct pseudo_type writable = {.number = WRITABLE_TYPE,
                                            .mode = S_IFREG | 0200,
                                            .keyed = true,
                                            .strict = true,
                                            .take_text = take_setting};

static const struct pseudo_type kernel_directory;

static const struct pseudo_entry random_entries[] = {
    {"boot_id", &readable, BOOT_ID},
    {"entropy_avail", &readable, POOL_BITS},
    {"poolsize", &readable, POOL_BITS},
    {"urandom_min_reseed_secs", &readable, RESEED_TIME},
    {"uuid", &readable, UUID},
    {"write_wakeup_threshold", &readable, POOL_BITS},
    {NULL, NULL, 0},
};

static const struct pseudo_type random_directory = {.number = RANDOM_TYPE,
                                                    .mode = S_IFDIR | 0555,
                                                    .parent = &kernel_directory,
                                                    .entries = random_entries};

static const struct pseudo_entry kernel_entries[] = {
    {"arch", &readable, MACHINE},
    {"cap_last_cap", &readable, LAST_CAPABILITY},
    {"core_pattern", &changeable, CORE_PATTERN},
    {"core_pipe_limit", &readable, ZERO},
    {"core_uses_pid", &changeable, CORE_USES_PID},
    {"ctrl-alt-del", &readable, ZERO},
    {"dmesg_restrict", &readable, ZERO},
    {"domainname", &changeable, DOMAIN},
    {"hostname", &changeable, NODE},
    {"msg_next_id", &changeable, IPC_SETTINGS + QUEUE_NEXT},
    {"msgmax", &changeable, IPC_SETTINGS + MESSAGE_SIZE},
    {"msgmnb", &changeable, IPC_SETTINGS + QUEUE_BYTES},
    {"msgmni", &changeable, IPC_SETTINGS + QUEUE_COUNT},
    {"ngroups_max", &readable, GROUPS},
    {"ns_last_pid", &readable, LAST_PID},
    {"osrelease", &readable, RELEASE},
    {"ostype", &readable, SYSTEM_NAME},
    {"overflowgid", &readable, OVERFLOW},
    {"overflowuid", &readable, OVERFLOW},
    {"panic", &readable, ZERO},
    {"panic_on_oops", &readable, ZERO},
    {"pid_max", &changeable, PID_LIMIT},
    {"printk", &readable, MESSAGE_LEVELS},
    {"random", &random_directory, 0},
    {"randomize_va_space", &changeable, RANDOMIZE},
    {"sem", &readable, IPC_SETTINGS + SET_LIMITS},
    {"sem_next_id", &changeable, IPC_SETTINGS + SET_NEXT},
    {"shm_next_id", &changeable, IPC_SETTINGS + SEGMENT_NEXT},
    {"shm_rmid_forced", &readable, ZERO},
    {"shmall", &readable, IPC_SETTINGS + SEGMENTS_ALL},
    {"shmmax", &changeable, IPC_SETTINGS + SEGMENT_SIZE},
    {"shmmni", &changeable, IPC_SETTINGS + SEGMENT_COUNT},
    {"tainted", &readable, ZERO},
    {"threads-max", &changeable, THREADS_MAX},
    {"version", &readable, VERSION},
    {NULL, NULL, 0},
};

static const struct pseudo_type kernel_directory = {.number = KERNEL_TYPE,
                                                    .mode = S_IFDIR | 0555,
                                                    .parent = &procfs_settings,
                                                    .entries = kernel_entries};

static const struct pseudo_entry memory_entries[] = {
    {"drop_caches", &writable, DROP_CACHES},
    {"legacy_va_layout", &readable, ZERO},
    {"max_map_count", &changeable, REGIONS_MAX},
    {"mmap_min_addr", &readable, MIN_ADDRESS},
    {"nr_hugepages", &readable, ZERO},
    {"nr_overcommit_hugepages", &readable, ZERO},
    {"oom_kill_allocating_task", &readable, ZERO},
    {"overcommit_kbytes", &readable, ZERO},
    {"overcommit_memory", &changeable, OVERCOMMIT},
    {"overcommit_ratio", &changeable, OVERCOMMIT_RATIO},
    {"panic_on_oom", &readable, ZERO},
    {"unprivileged_userfaultfd", &changeable, UNPRIVILEGED_USERFAULT},
    {NULL, NULL, 0},
};

static const struct pseudo_type memory_directory = {.number = MEMORY_TYPE,
                                                    .mode = S_IFDIR | 0555,
                                                    .parent = &procfs_settings,
                                                    .entries = memory_entries};

static const struct pseudo_type files_directory;

static const struct pseudo_entry queue_entries[] = {
    {"msg_max", &changeable, IPC_SETTINGS + POSIX_MESSAGE_COUNT},
    {"msgsize_max", &changeable, IPC_SETTINGS + POSIX_MESSAGE_SIZE},
    {"queues_max", &changeable, IPC_SETTINGS + POSIX_QUEUE_COUNT},
    {NULL, NULL, 0},
};

static const struct pseudo_entry notify_entries[] = {
    {"max_queued_events", &changeable, EVENT_LIMIT},
    {"max_user_instances", &changeable, NOTIFY_LIMIT},
    {"max_user_watches", &changeable, WATCH_LIMIT},
    {NULL, NULL, 0},
};

static const struct pseudo_type notify_directory = {.number = NOTIFY_TYPE,
                                                    .mode = S_IFDIR | 0555,
                                                    .parent = &files_directory,
                                                    .entries = notify_entries};

static const struct pseudo_entry epoll_entries[] = {
    {"max_user_watches", &changeable, EPOLL_LIMIT},
    {NULL, NULL, 0},
};

static const struct pseudo_type epoll_directory = {.number = EPOLL_TYPE,
                                                   .mode = S_IFDIR | 0555,
                                                   .parent = &files_directory,
                                                   .entries = epoll_entries};

static const struct pseudo_type queues_directory = {.number = QUEUES_TYPE,
                                                    .mode = S_IFDIR | 0555,
                                                    .parent = &files_directory,
                                                    .entries = queue_entries};

static const struct pseudo_entry file_entries[] = {
    {"aio-max-nr", &changeable, IO_REQUESTS_MOST},
    {"aio-nr", &readable, IO_REQUESTS},
    {"epoll", &epoll_directory, 0},
    {"file-max", &readable, FILE_MAX},
    {"file-nr", &readable, FILE_COUNT},
    {"inode-nr", &readable, VNODE_COUNT},
    {"inode-state", &readable, VNODE_STATE},
    {"inotify", &notify_directory, 0},
    {"lease-break-time", &changeable, LEASE_TIME},
    {"leases-enable", &readable, LEASES},
    {"mqueue", &queues_directory, 0},
    {"nr_open", &readable, DESCRIPTORS_MAX},
    {"overflowgid", &readable, OVERFLOW},
    {"overflowuid", &readable, OVERFLOW},
    {"pipe-max-size", &changeable, PIPE_SIZE},
    {"pipe-user-pages-hard", &changeable, PIPE_PAGES_HARD},
    {"pipe-user-pages-soft", &changeable, PIPE_PAGES_SOFT},
    {"protected_fifos", &changeable, PROTECTED_FIFOS},
    {"protected_hardlinks", &changeable, PROTECTED_HARDLINKS},
    {"protected_regular", &changeable, PROTECTED_REGULAR},
    {"protected_symlinks", &changeable, PROTECTED_SYMLINKS},
    {"suid_dumpable", &readable, ZERO},
    {NULL, NULL, 0},
};

static const struct pseudo_type files_directory = {.number = FILES_TYPE,
                                                   .mode = S_IFDIR | 0555,
                                                   .parent = &procfs_settings,
                                                   .entries = file_entries};

static const struct pseudo_entry entries[] = {
    {"fs", &files_directory, 0},
    {"kernel", &kernel_directory, 0},
    {"net", &procfs_net_settings, 0},
    {"vm", &memory_directory, 0},
    {NULL, NULL, 0},
};

const struct pseudo_type procfs_settings = {
    .number = SETTINGS_TYPE, .mode = S_IFDIR | 0555, .parent = &procfs_root, .entries = entries};
