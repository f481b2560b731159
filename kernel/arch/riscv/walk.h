/*
 * Walking page tables: what pmap.c, pmap_move.c and pmap_look.c share.
 */
#ifndef MAPIX_ARCH_RISCV_WALK_H
#define MAPIX_ARCH_RISCV_WALK_H

#include "arch/riscv/pmap.h"
#include "arch/riscv/pte.h"
#include "arch/riscv/table.h"

static inline uint64_t *root_table(const struct pmap *pmap)
{
    return physical_to_virtual(pmap->root);
}

static inline uint64_t entry_at(const uint64_t *table, vaddr_t address, unsigned level)
{
    return entry_load(&table[table_index(address, level)]);
}

/* The last-level entry for address; NULL: a table on the way is absent. In the way of every copy to
 * and from user memory, therefore without a loop. */
static inline uint64_t *find_leaf(const struct pmap *pmap, vaddr_t address)
{
    const uint64_t *table = root_table(pmap);
    uint64_t value;

    if (pmap_levels == 4) {
        if (!(value = entry_at(table, address, 3)))
            return NULL;
        table = entry_table(value);
    }
    if (!(value = entry_at(table, address, 2)))
        return NULL;
    if (!(value = entry_at(entry_table(value), address, 1)))
        return NULL;
    return &entry_table(value)[table_index(address, 0)];
}

/* Where the tables for an address end: the entry for it in the lowest table there is, from level
 * lowest up. */
struct place {
    uint64_t *entry;
    unsigned level;
};

static inline struct place descend(const struct pmap *pmap, vaddr_t address, unsigned lowest)
{
    unsigned level = pmap_levels - 1;
    uint64_t *table = root_table(pmap), value;

    while (level > lowest && (value = entry_at(table, address, level))) {
        table = entry_table(value);
        level--;
    }
    return (struct place){&table[table_index(address, level)], level};
}

/* Make the tables that lack on the way to address, down to level lowest; the entry there, or NULL:
 * no memory, nothing changed. pmap locked. */
uint64_t *pmap_extend(struct pmap *pmap, vaddr_t address, unsigned lowest);

/* The last-level entry for address, making tables; NULL: no memory. pmap locked. */
static inline uint64_t *make_leaf(struct pmap *pmap, vaddr_t address)
{
    uint64_t *entry = find_leaf(pmap, address);
    return entry ? entry : pmap_extend(pmap, address, 0);
}

static inline void fill_entry(struct pmap *pmap, uint64_t *entry, uint64_t value)
{
    entry_publish(entry, value);
    table_of(entry)->index++;
    pmap->resident++;
}

#endif
