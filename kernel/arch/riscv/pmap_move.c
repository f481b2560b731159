/*
 * Moving translations to other addresses, for mremap; see pmap.h.
 */
#include "arch/riscv/gather.h"
#include "arch/riscv/walk.h"
#include "core/printk.h"

/* Copy count entries of a last-level table to those for target and behind it, which are empty,
 * making tables: false if one cannot be had. */
static bool copy_entries(struct pmap *pmap, const uint64_t *source, unsigned count, vaddr_t target)
{
    uint64_t *entry = NULL;

    for (unsigned i = 0; i < count; i++, target += PAGE_SIZE) {
        uint64_t value = entry_load(&source[i]);
        entry = entry && table_index(target, 0) ? entry + 1 : NULL;
        if (!value)
            continue;
        if (!entry && !(entry = make_leaf(pmap, target)))
            return false;
        fill_entry(pmap, entry, value);
    }
    return true;
}

/* Let the last-level table for from, if there is one, be that for to, which has none: false if a
 * table above it cannot be had. */
static bool move_table(struct pmap *pmap, vaddr_t from, vaddr_t to, struct tlb_gather *gather)
{
    struct place source = descend(pmap, from, 1);
    uint64_t value = source.level == 1 ? entry_load(source.entry) : 0;

    if (!value)
        return true;
    struct place target = descend(pmap, to, 1);
    uint64_t *entry = target.level == 1 ? target.entry : pmap_extend(pmap, to, 1);
    if (!entry)
        return false;
    debug_assert(!entry_load(entry));
    table_note_lower(entry);
    entry_publish(entry, value);
    entry_store(source.entry, 0);
    table_of(source.entry)->index--;
    gather_entry(gather, from);
    gather_entry(gather, from + level_size(1) - PAGE_SIZE);
    return true;
}

/* Do both addresses begin what a whole last-level table maps, within length? */
static bool is_table_wide(vaddr_t from, vaddr_t to, uint64_t length)
{
    return length >= level_size(1) && !((from | to) & (level_size(1) - 1));
}

/* Move tables, and copy the entries of those that do not move as a whole, to the same places above
 * to; stops where a table cannot be had. pmap locked. */
static void move_entries(struct pmap *pmap, vaddr_t from, vaddr_t to, uint64_t length,
                         struct tlb_gather *gather)
{
    vaddr_t end = from + length;

    for (vaddr_t address = from; address < end;) {
        vaddr_t target = to + (address - from);
        if (is_table_wide(address, target, end - address)) {
            if (!move_table(pmap, address, target, gather))
                return;
            address += level_size(1);
            continue;
        }
        struct place place = descend(pmap, address, 0);
        vaddr_t stop = level_end(address, place.level ? place.level : 1);
        stop = stop < end ? stop : end;
        unsigned count = (unsigned)((stop - address) / PAGE_SIZE);
        if (!place.level && !copy_entries(pmap, place.entry, count, target))
            return;
        address = stop;
    }
}

void pmap_move(struct pmap *pmap, vaddr_t from, vaddr_t to, uint64_t length,
               struct tlb_gather *gather)
{
    uint64_t before = gather->invalidated;

    spin_lock(&pmap->lock);
    move_entries(pmap, from, to, length, gather);
    if (gather_unflushed(gather, pmap, gather->invalidated != before))
        gather_harts(gather, pmap);
    spin_unlock(&pmap->lock);
    pmap_remove(pmap, from, from + length, gather);
}
