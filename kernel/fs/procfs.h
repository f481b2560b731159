/*
 * proc: processes and figures of the kernel as files (proc(5)).
 */
#ifndef MAPIX_FS_PROCFS_H
#define MAPIX_FS_PROCFS_H

#include "fs/pseudo.h"

/* Make the type known. Boot only. */
void procfs_init(void);

/* The root directory. */
extern const struct pseudo_type procfs_root;

/* The directory of a process, whose key is procfs_key(pid, 0); its files are in procfs_process.c
 * and procfs_memory.c. */
extern const struct pseudo_type procfs_process_directory;

/* /proc/sys, and its directory net (procfs_settings.c, procfs_net_settings.c). */
extern const struct pseudo_type procfs_settings;
extern const struct pseudo_type procfs_net_settings;

/* The directory net of a process: it is the same for all (procfs_net.c). */
extern const struct pseudo_type procfs_net;

/*
 * A key for what belongs to a process, or with PROCFS_THREAD to a thread (/proc/PID/task/TID), and
 * to one of several things of it, as a descriptor.
 */
#define PROCFS_ID_SHIFT 24
#define PROCFS_THREAD   (1ul << 23)

static inline uint64_t procfs_key(int id, uint64_t index)
{
    return (uint64_t)(unsigned)id << PROCFS_ID_SHIFT | index;
}

static inline int procfs_id(uint64_t key)
{
    return (int)(key >> PROCFS_ID_SHIFT);
}

static inline uint64_t procfs_index(uint64_t key)
{
    return key & (PROCFS_THREAD - 1);
}

/* The process that a key names, and the thread: that of the key, or the first one. false: it is
 * gone. process_tree_lock held; both are good under it. */
struct process;
struct thread;
bool procfs_find(uint64_t key, struct process **process, struct thread **thread);

/* The same for whoever only wants the process; NULL: it is gone. */
struct process *procfs_find_process(uint64_t key);

/* Types have numbers of their own: these of procfs.c, others from here on. */
#define PROCFS_PROCESS_TYPES      64
#define PROCFS_NAMESPACE_TYPE     160
#define PROCFS_NET_TYPES          168
#define PROCFS_SETTINGS_TYPES     192
#define PROCFS_NET_SETTINGS_TYPES 208

/* The address space of a process: 0 with *aspace referenced, or NULL if it has none; -ESRCH, and if
 * inspect is set -EACCES when the current process may not look into it. */
struct aspace;
struct file_table;
int procfs_aspace(uint64_t key, bool inspect, struct aspace **aspace);

/* May the current process look into another one: 0, -EACCES; -ESRCH: it is gone. */
int procfs_check_inspect(uint64_t key);

/* pseudo_type's owner for files of processes. */
int procfs_owner(uint64_t key, uint32_t *uid, uint32_t *gid);

/* Links of a process to files, its descriptors and what they are (procfs_link.c). */
int procfs_follow_executable(uint64_t key, struct place *target);
int procfs_follow_directory(uint64_t key, struct place *target);
int procfs_follow_root(uint64_t key, struct place *target);
int procfs_follow_descriptor(uint64_t key, struct place *target);
long procfs_read_executable(uint64_t key, char *buffer, size_t size);
long procfs_read_directory(uint64_t key, char *buffer, size_t size);
long procfs_read_root(uint64_t key, char *buffer, size_t size);
long procfs_read_descriptor(uint64_t key, char *buffer, size_t size);
uint32_t procfs_descriptor_mode(uint64_t key);
int procfs_write_descriptor(uint64_t key, struct text *text);
bool procfs_next_descriptor(uint64_t key, uint64_t *number, uint64_t *other_key, char *name);
int procfs_find_descriptor(uint64_t key, const struct name *name, uint64_t *other_key);
extern const struct pseudo_entry procfs_namespaces[];
void procfs_namespaces_init(void);

/* Texts of a process or a thread (procfs_status.c). */
int procfs_write_process_stat(uint64_t key, struct text *text);
int procfs_write_status(uint64_t key, struct text *text);
int procfs_write_limits(uint64_t key, struct text *text);
int procfs_write_traffic(uint64_t key, struct text *text);
int procfs_write_name(uint64_t key, struct text *text);
int procfs_take_name(uint64_t key, char *words, size_t length);

/* Texts of the system's memory (procfs_system_memory.c), and of harts, time and devices
 * (procfs_machine.c). */
int procfs_write_memory(uint64_t key, struct text *text);
int procfs_write_events(uint64_t key, struct text *text);
int procfs_write_slabs(uint64_t key, struct text *text);
int procfs_write_processors(uint64_t key, struct text *text);
int procfs_write_uptime(uint64_t key, struct text *text);
int procfs_write_load(uint64_t key, struct text *text);
int procfs_write_stat(uint64_t key, struct text *text);
int procfs_write_interrupts(uint64_t key, struct text *text);
int procfs_write_partitions(uint64_t key, struct text *text);
int procfs_write_disks(uint64_t key, struct text *text);

/* The root directory of a process, referenced: 0, -ENOENT, -EINVAL: it has none any more. */
int procfs_find_root(uint64_t key, struct place *root);

/* Texts of mounts (procfs_mounts.c). */
int procfs_write_mounts(uint64_t key, struct text *text);
int procfs_write_mount_information(uint64_t key, struct text *text);
int procfs_write_mount_statistics(uint64_t key, struct text *text);

/* What a process has in memory, in pages. */
struct procfs_memory {
    uint64_t resident, anonymous, shmem, swapped;
    uint64_t stack, executable, code; /* size of the stack, of what is executable, the program's */
};
void procfs_count_memory(struct aspace *aspace, struct procfs_memory *memory);

/* The number that words are, blanks around it or not: 0 or -EINVAL. */
int procfs_parse_integer(const char *words, int64_t *number);

/* Texts of /proc/PID that tell of its memory (procfs_memory.c, procfs_maps.c, procfs_pagemap.c). */
int procfs_write_failure(uint64_t key, struct text *text); /* both: DEBUG kernel */
int procfs_take_failure(uint64_t key, char *words, size_t length);
int procfs_write_maps(uint64_t key, uint64_t *cursor, struct text *text);
int procfs_write_smaps(uint64_t key, uint64_t *cursor, struct text *text);
int procfs_write_smaps_sum(uint64_t key, struct text *text);
int procfs_write_swaps(uint64_t key, struct text *text);
int procfs_write_locks(uint64_t key, struct text *text);
int procfs_write_file_locks(const struct file *file, const struct file_table *files,
                            struct text *text); /* those of a process or of its open file */
int procfs_write_shm(uint64_t key, struct text *text);
int procfs_write_sem(uint64_t key, struct text *text);
int procfs_write_msg(uint64_t key, struct text *text);
int procfs_write_statm(uint64_t key, struct text *text);
int procfs_write_command_line(uint64_t key, struct text *text);
int procfs_write_environment(uint64_t key, struct text *text);
int procfs_write_auxiliary(uint64_t key, struct text *text);
int procfs_take_clear_references(uint64_t key, char *words, size_t length);
long procfs_read_pagemap(uint64_t key, uint64_t offset, struct transfer *transfer);
long procfs_control_pagemap(uint64_t key, unsigned request, uint64_t argument);
long procfs_read_memory(uint64_t key, uint64_t offset, struct transfer *transfer);
long procfs_change_memory(uint64_t key, uint64_t offset, struct transfer *transfer);

#endif
