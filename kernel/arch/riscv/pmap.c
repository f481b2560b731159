/*
 * The page tables of an address space: made, filled, emptied. Moving entries is in pmap_move.c,
 * looking at them in pmap_look.c. Tables are just memory, reached through the direct map; what
 * touches the hart is in tlb.c.
 *
 * Each table counts its valid entries, so that one that becomes empty is freed at once, and scans
 * stop at the last entry there is. A range without entries costs one look per table that is absent.
 * The root is never freed before the address space, and its kernel half is the same everywhere.
 */
#include "arch/riscv/pmap.h"
#include "abi/errno.h"
#include "arch/riscv/gather.h"
#include "arch/riscv/pte.h"
#include "arch/riscv/table.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/walk.h"
#include "core/printk.h"
#include "lib/string.h"

/* The bits that decide what a user may do. */
#define PERMISSIONS (ENTRY_READ | ENTRY_WRITE | ENTRY_EXECUTE | ENTRY_ACCESSED | ENTRY_DIRTY)

vaddr_t user_end = USER_END_SV39;
unsigned pmap_levels = 3;
struct pmap kernel_pmap = {.lock = {.rank = RANK_PMAP, .name = "kernel pmap"}};

/* The root's entries for the kernel begin here; the lower ones that are in use are the user's. */
static inline unsigned kernel_first(void)
{
    return pmap_levels == 4 ? TABLE_ENTRIES - 1 : TABLE_ENTRIES / 2;
}

int pmap_init(struct pmap *pmap)
{
    struct page *root = table_allocate();
    if (!root && (root = page_allocate(0, PAGE_ZERO)))
        root->index = 0;
    if (!root)
        return -ENOMEM;
    const uint64_t *kernel = root_table(&kernel_pmap);
    uint64_t *entries = table_entries(root);
    for (unsigned i = kernel_first(); i < TABLE_ENTRIES; i++)
        entries[i] = kernel[i];

    spin_init(&pmap->lock, "pmap", RANK_PMAP);
    pmap->root = page_address(root);
    pmap->identifier = 0;
    pmap->active_harts = pmap->used_harts = pmap->stale_harts = 0;
    pmap->unflushed = 0;
    pmap->resident = pmap->resident_peak = 0;
    pmap->tables = 1;
    return 0;
}

static void free_tables(uint64_t *table, unsigned level);

/* Free the tables that a group of entries leads to. */
static void free_group(uint64_t *group, unsigned level)
{
    for (unsigned i = 0; i < TABLE_GROUP; i++) {
        if (group[i]) {
            free_tables(entry_table(group[i]), level - 1);
            group[i] = 0;
        }
    }
}

/* Free a table of this level with all below it; what it still holds is cleared on the way. */
static void free_tables(uint64_t *table, unsigned level)
{
    struct page *page = table_of(table);

    if (level == 0 && page->index)
        page_zero(table);
    for (uint32_t groups = page->block_flags; groups; groups &= groups - 1)
        free_group(&table[(unsigned)__builtin_ctz(groups) * TABLE_GROUP], level);
    table_free(page);
}

void pmap_destroy(struct pmap *pmap)
{
    uint64_t *root = root_table(pmap);

    tlb_leave(pmap);
    for (unsigned i = kernel_first(); i < TABLE_ENTRIES; i++)
        root[i] = 0;
    free_tables(root, pmap_levels - 1);
    pmap->root = 0;
}

uint64_t *pmap_extend(struct pmap *pmap, vaddr_t address, unsigned lowest)
{
    struct place place = descend(pmap, address, lowest);
    unsigned count = 0, missing = place.level - lowest;
    struct page *tables[4];

    while (count < missing && (tables[count] = table_allocate()))
        count++;
    if (count < missing) {
        while (count > 0)
            table_free(tables[--count]);
        return NULL;
    }
    while (place.level > lowest) {
        struct page *table = tables[--count];
        table_note_lower(place.entry);
        entry_publish(place.entry, make_entry(page_address(table), ENTRY_VALID));
        pmap->tables++;
        place.level--;
        place.entry = &table_entries(table)[table_index(address, place.level)];
    }
    return place.entry;
}

static inline uint64_t permission_bits(unsigned access)
{
    uint64_t bits = ENTRY_ACCESSED;
    if (access & ACCESS_READ)
        bits |= ENTRY_READ;
    if (access & ACCESS_WRITE)
        bits |= ENTRY_READ | ENTRY_WRITE | ENTRY_DIRTY;
    if (access & ACCESS_EXECUTE)
        bits |= ENTRY_EXECUTE;
    return bits;
}

static inline uint64_t user_entry(const struct page *page, unsigned access)
{
    return make_entry(page_address(page), ENTRY_VALID | ENTRY_USER | permission_bits(access));
}

/* Has an amap come? It is set before a page of it is entered, under this lock. pmap locked. */
static inline bool is_hidden(struct amap *const *below)
{
    return below && __atomic_load_n(below, __ATOMIC_ACQUIRE);
}

int pmap_enter(struct pmap *pmap, vaddr_t address, struct page *page, unsigned access,
               struct amap *const *below, struct tlb_gather *gather)
{
    uint64_t value = user_entry(page, access);
    int result = 0;

    debug_assert(address < user_end && (access & (ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE)));
    spin_lock(&pmap->lock);
    uint64_t *entry = make_leaf(pmap, address);
    uint64_t old = entry ? entry_load(entry) : 0;
    if (!entry) {
        result = -ENOMEM;
    } else if (is_hidden(below)) {
        result = -EAGAIN;
    } else if (!old) {
        fill_entry(pmap, entry, value);
    } else {
        entry_publish(entry, value);
        if (entry_frame(old) != entry_frame(value) || (old & ~value & PERMISSIONS)) {
            gather_entry(gather, page_round_down(address));
            gather_harts(gather, pmap);
        }
    }
    spin_unlock(&pmap->lock);
    return result;
}

/* Put value where there is none, or one to the same frame that allows less. */
static void fill_or_extend(struct pmap *pmap, uint64_t *entry, uint64_t value)
{
    uint64_t old = entry_load(entry);

    if (!old)
        fill_entry(pmap, entry, value);
    else if (entry_frame(old) == entry_frame(value) && !(old & ~value) &&
             (value & ~old & PERMISSIONS & ~ENTRY_ACCESSED))
        entry_publish(entry, value);
}

void pmap_enter_neighbours(struct pmap *pmap, vaddr_t address,
                           const struct pmap_neighbour *neighbours, unsigned count,
                           struct amap *const *below)
{
    uint64_t *entry = NULL;

    debug_assert(address < user_end && count <= (user_end - address) / PAGE_SIZE);
    spin_lock(&pmap->lock);
    for (unsigned i = 0; i < count && !is_hidden(below); i++, address += PAGE_SIZE) {
        entry = entry && table_index(address, 0) ? entry + 1 : NULL;
        if (!neighbours[i].access)
            continue;
        if (!entry && !(entry = make_leaf(pmap, address)))
            break;
        fill_or_extend(pmap, entry, user_entry(neighbours[i].page, neighbours[i].access));
    }
    spin_unlock(&pmap->lock);
}

/* Take bits from a last-level entry; one that allows nothing any more is no entry. */
static inline void reduce_entry(struct pmap *pmap, uint64_t *entry, vaddr_t address, uint64_t taken,
                                struct tlb_gather *gather)
{
    uint64_t old = entry_load(entry), value = old & ~taken;

    if (value == old)
        return;
    if (!entry_is_leaf(value)) {
        value = 0;
        table_of(entry)->index--;
        if (pmap->resident > pmap->resident_peak)
            pmap->resident_peak = pmap->resident;
        pmap->resident--;
    }
    entry_store(entry, value);
    gather_entry(gather, address);
}

/* Take permission bits from what a table of this level has in [start, end), which lies within it;
 * tables that become empty go to the gather. */
static void reduce_range(struct pmap *pmap, uint64_t *table, unsigned level, vaddr_t start,
                         vaddr_t end, uint64_t taken, struct tlb_gather *gather)
{
    struct page *page = table_of(table);
    uint64_t left = page->index;
    vaddr_t next;

    for (vaddr_t address = start; address < end && left > 0; address = next) {
        uint64_t *entry = &table[table_index(address, level)];
        uint64_t value = entry_load(entry);
        next = level_end(address, level);
        if (!value)
            continue;
        left--;
        if (level == 0) {
            reduce_entry(pmap, entry, address, taken, gather);
            continue;
        }
        uint64_t *lower = entry_table(value);
        reduce_range(pmap, lower, level - 1, address, next < end ? next : end, taken, gather);
        if (table_of(lower)->index == 0) {
            entry_store(entry, 0);
            page->index--;
            pmap->tables--;
            list_push_back(&gather->tables, &table_of(lower)->link);
        }
    }
}

/* The same for a range that one entry covers, absent or a page, in a table that stays: true if it
 * is such a range. Most are, and need no walk. */
static bool reduce_one(struct pmap *pmap, vaddr_t start, vaddr_t end, uint64_t taken,
                       struct tlb_gather *gather)
{
    struct place place = descend(pmap, start, 0);

    if (start == end || end > level_end(start, place.level))
        return false;
    if (place.level > 0 || !entry_load(place.entry))
        return true;
    if (table_of(place.entry)->index == 1)
        return false;
    reduce_entry(pmap, place.entry, start, taken, gather);
    return true;
}

static void reduce(struct pmap *pmap, vaddr_t start, vaddr_t end, uint64_t taken,
                   struct tlb_gather *gather)
{
    uint64_t before = gather->invalidated;

    debug_assert(start <= end && end <= user_end && !((start | end) & PAGE_MASK));
    spin_lock(&pmap->lock);
    if (!reduce_one(pmap, start, end, taken, gather))
        reduce_range(pmap, root_table(pmap), pmap_levels - 1, start, end, taken, gather);
    if (gather_unflushed(gather, pmap, gather->invalidated != before))
        gather_harts(gather, pmap);
    spin_unlock(&pmap->lock);
}

void pmap_remove(struct pmap *pmap, vaddr_t start, vaddr_t end, struct tlb_gather *gather)
{
    reduce(pmap, start, end, PERMISSIONS, gather);
}

void pmap_protect(struct pmap *pmap, vaddr_t start, vaddr_t end, unsigned access,
                  struct tlb_gather *gather)
{
    uint64_t kept = access & ACCESS_READ ? permission_bits(access) : 0;
    reduce(pmap, start, end, PERMISSIONS & ~kept, gather);
}
