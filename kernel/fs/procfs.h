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

/* /proc/sys (procfs_settings.c). */
extern const struct pseudo_type procfs_settings;

/* A key for what belongs to a process, and to a descriptor of it. */
static inline uint64_t procfs_key(int pid, uint32_t descriptor)
{
    return (uint64_t)(unsigned)pid << 32 | descriptor;
}

static inline int procfs_pid(uint64_t key)
{
    return (int)(key >> 32);
}

/* Types have numbers of their own: these of procfs.c, others from here on. */
#define PROCFS_PROCESS_TYPES  64
#define PROCFS_SETTINGS_TYPES 192

/* The address space of a process: 0 with *aspace referenced, or NULL if it has none; -ESRCH, and if
 * inspect is set -EACCES when the current process may not look into it. */
struct aspace;
int procfs_aspace(uint64_t key, bool inspect, struct aspace **aspace);

/* May the current process look into another one: 0, -EACCES. process_tree_lock held. */
struct process;
int procfs_may_inspect(const struct process *process);

/* Texts of the system's memory (procfs_system_memory.c), and of harts, time and devices
 * (procfs_machine.c). */
int procfs_write_memory(uint64_t key, struct text *text);
int procfs_write_events(uint64_t key, struct text *text);
int procfs_write_processors(uint64_t key, struct text *text);
int procfs_write_uptime(uint64_t key, struct text *text);
int procfs_write_load(uint64_t key, struct text *text);
int procfs_write_stat(uint64_t key, struct text *text);
int procfs_write_interrupts(uint64_t key, struct text *text);
int procfs_write_partitions(uint64_t key, struct text *text);
int procfs_write_disks(uint64_t key, struct text *text);

/* Texts of mounts (procfs_mounts.c). */
int procfs_write_mounts(uint64_t key, struct text *text);
int procfs_write_mount_information(uint64_t key, struct text *text);
int procfs_write_mount_statistics(uint64_t key, struct text *text);

/* Texts of /proc/PID that tell of its memory (procfs_memory.c). */
int procfs_write_maps(uint64_t key, struct text *text);
int procfs_write_smaps(uint64_t key, struct text *text);
int procfs_write_swaps(uint64_t key, struct text *text);
int procfs_write_statm(uint64_t key, struct text *text);
int procfs_write_command_line(uint64_t key, struct text *text);
int procfs_write_environment(uint64_t key, struct text *text);

#endif
