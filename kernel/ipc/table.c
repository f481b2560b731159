/*
 * Tables of System V IPC; see table.h.
 */
#include "ipc/table.h"
#include "abi/errno.h"
#include "core/credentials.h"
#include "vm/kmem.h"

#define PLACES    32768 /* an identifier is sequence * PLACES + place */
#define SEQUENCES (INT32_MAX / PLACES + 1)

void ipc_table_init(struct ipc_table *table, const char *name, unsigned most)
{
    mutex_init(&table->lock, name, RANK_NONE);
    table->most = table->limit = most;
    table->next_id = -1;
    table->places = NULL;
    table->count = table->sequence = 0;
    table->last_place = 0;
}

struct ipc_entry *ipc_at(struct ipc_table *table, unsigned place)
{
    return table->places && place < table->most ? table->places[place] : NULL;
}

struct ipc_entry *ipc_find(struct ipc_table *table, int id)
{
    struct ipc_entry *entry = id < 0 ? NULL : ipc_at(table, (unsigned)id % PLACES);
    return entry && entry->id == id ? entry : NULL;
}

struct ipc_entry *ipc_find_key(struct ipc_table *table, int key)
{
    /* Low places are used first: those behind the last entry need not be looked at. */
    for (unsigned i = 0, seen = 0; seen < table->count; i++) {
        if (!table->places[i])
            continue;
        if (table->places[i]->key == key)
            return table->places[i];
        seen++;
    }
    return NULL;
}

unsigned ipc_highest(struct ipc_table *table)
{
    for (unsigned i = table->most; table->places && i > 0; i--) {
        if (table->places[i - 1])
            return i - 1;
    }
    return 0;
}

/* A new identifier: that of the lowest free place. */
static int new_id(struct ipc_table *table)
{
    unsigned place = 0;

    while (table->places[place])
        place++;
    if (place <= table->last_place)
        table->sequence = (table->sequence + 1) % SEQUENCES;
    table->last_place = place;
    return (int)(table->sequence * PLACES + place);
}

/* The identifier that a setting asks for, if its place is free, or else a new one. */
static int choose_id(struct ipc_table *table)
{
    unsigned place = (unsigned)table->next_id % PLACES;
    int id = table->next_id;

    table->next_id = -1;
    return id < 0 || place >= table->most || table->places[place] ? new_id(table) : id;
}

int ipc_insert(struct ipc_table *table, struct ipc_entry *entry, int key, uint32_t mode)
{
    const struct credentials *credentials = credentials_current();

    if (table->count >= table->limit)
        return -ENOSPC;
    if (!table->places && !(table->places = kmalloc_zeroed(table->most * sizeof(*table->places))))
        return -ENOMEM;
    int id = choose_id(table);
    *entry = (struct ipc_entry){
        .key = key,
        .id = id,
        .uid = credentials->euid,
        .gid = credentials->egid,
        .cuid = credentials->euid,
        .cgid = credentials->egid,
        .mode = mode,
    };
    table->places[(unsigned)id % PLACES] = entry;
    table->count++;
    return 0;
}

unsigned ipc_limit(struct ipc_table *table)
{
    mutex_lock(&table->lock);
    unsigned limit = table->limit;
    mutex_unlock(&table->lock);
    return limit;
}

void ipc_set_limit(struct ipc_table *table, unsigned limit)
{
    mutex_lock(&table->lock);
    table->limit = limit;
    mutex_unlock(&table->lock);
}

int ipc_next_id(struct ipc_table *table)
{
    mutex_lock(&table->lock);
    int id = table->next_id;
    mutex_unlock(&table->lock);
    return id;
}

void ipc_set_next_id(struct ipc_table *table, int id)
{
    mutex_lock(&table->lock);
    table->next_id = id;
    mutex_unlock(&table->lock);
}

void ipc_remove(struct ipc_table *table, struct ipc_entry *entry)
{
    table->places[(unsigned)entry->id % PLACES] = NULL;
    table->count--;
}

static bool in_group(const struct credentials *credentials, uint32_t gid)
{
    return credentials->egid == gid || credentials_have_group(credentials, gid);
}

int ipc_permission(const struct ipc_entry *entry, unsigned access)
{
    const struct credentials *credentials = credentials_current();
    unsigned wanted = (access >> 6 | access >> 3 | access) & 7, granted = entry->mode;

    if (credentials->euid == entry->cuid || credentials->euid == entry->uid)
        granted >>= 6;
    else if (in_group(credentials, entry->cgid) || in_group(credentials, entry->gid))
        granted >>= 3;
    return !(wanted & ~granted) || credentials_capable(CAP_IPC_OWNER) ? 0 : -EACCES;
}

int ipc_control_permission(const struct ipc_entry *entry)
{
    uint32_t user = credentials_current()->euid;

    return user == entry->cuid || user == entry->uid || credentials_capable(CAP_SYS_ADMIN) ? 0
                                                                                           : -EPERM;
}

void ipc_status(const struct ipc_entry *entry, struct ipc_perm *perm)
{
    *perm = (struct ipc_perm){
        .key = entry->key,
        .uid = entry->uid,
        .gid = entry->gid,
        .cuid = entry->cuid,
        .cgid = entry->cgid,
        .mode = entry->mode,
        .sequence = (uint16_t)(entry->id / PLACES),
    };
}

void ipc_set(struct ipc_entry *entry, const struct ipc_perm *perm)
{
    entry->uid = perm->uid;
    entry->gid = perm->gid;
    entry->mode = (entry->mode & ~0777u) | (perm->mode & 0777);
}
