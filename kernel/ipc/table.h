/*
 * The tables of System V IPC: what is found by a key or by an identifier, with an owner and a mode
 * (sysvipc(7)).
 *
 * An identifier is a place in the table and a sequence number, which grows when places are used
 * again, so that an old identifier does not name what came later.
 */
#ifndef MAPIX_IPC_TABLE_H
#define MAPIX_IPC_TABLE_H

#include "abi/ipc.h"
#include "core/lock.h"
#include <stdbool.h>

/* What every entry begins with. All fields change with the table locked. */
struct ipc_entry {
    int32_t key, id;
    uint32_t uid, gid, cuid, cgid;
    uint32_t mode; /* permissions, and flags of the kind */
};

struct ipc_table {
    struct mutex lock;
    struct ipc_entry **places; /* (lock) most of them; allocated with the first entry */
    unsigned most, count;      /* (c), (lock) */
    unsigned last_place, sequence;
    unsigned limit; /* (lock) of count: at most most; a setting, as the next one (proc(5)) */
    int next_id;    /* (lock) the identifier of the next new entry, if its place is free; -1: any */
};

void ipc_table_init(struct ipc_table *table, const char *name, unsigned most);

/* The entry with the key, or the identifier; NULL: there is none. Locked. */
struct ipc_entry *ipc_find_key(struct ipc_table *table, int key) REQUIRES(table->lock);
struct ipc_entry *ipc_find(struct ipc_table *table, int id) REQUIRES(table->lock);

/* The entry at a place, for listing; NULL: the place is free. Locked. */
struct ipc_entry *ipc_at(struct ipc_table *table, unsigned place) REQUIRES(table->lock);

/* The highest place that is in use; 0 if none is. Locked. */
unsigned ipc_highest(struct ipc_table *table) REQUIRES(table->lock);

/* Put a new entry in, owned by the current thread, with mode: 0, -ENOSPC, -ENOMEM. Locked. */
int ipc_insert(struct ipc_table *table, struct ipc_entry *entry, int key, uint32_t mode)
    REQUIRES(table->lock);

/* The settings: they are locked here. */
unsigned ipc_limit(struct ipc_table *table);
void ipc_set_limit(struct ipc_table *table, unsigned limit);
int ipc_next_id(struct ipc_table *table);
void ipc_set_next_id(struct ipc_table *table, int id);

/* Take it out. Locked. */
void ipc_remove(struct ipc_table *table, struct ipc_entry *entry) REQUIRES(table->lock);

/* May the current thread use it so (bits 0444 read, 0222 write, 0111)? 0, -EACCES. Locked. */
int ipc_permission(const struct ipc_entry *entry, unsigned access);

/* May it change or remove it? 0, -EPERM. Locked. */
int ipc_control_permission(const struct ipc_entry *entry);

/* IPC_STAT and IPC_SET of the common part. Locked. */
void ipc_status(const struct ipc_entry *entry, struct ipc_perm *perm);
void ipc_set(struct ipc_entry *entry, const struct ipc_perm *perm);

#endif
