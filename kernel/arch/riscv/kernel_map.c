/*
 * The kernel's half of all page tables: global entries, with A and D set for ever.
 */
#include "arch/riscv/kernel_map.h"
#include "arch/riscv/csr.h"
#include "arch/riscv/memory.h"
#include "arch/riscv/pmap.h"
#include "arch/riscv/pte.h"
#include "core/printk.h"
#include "dev/interrupt.h"
#include "lib/string.h"
#include "vm/page.h"

extern uint64_t kernel_satp; /* boot.S */

static struct spinlock map_lock = {.rank = RANK_PMAP, .name = "kernel map"};

static uint64_t access_bits(enum kernel_access access)
{
    uint64_t bits = ENTRY_VALID | ENTRY_GLOBAL | ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_READ;
    if (access == KERNEL_DATA)
        bits |= ENTRY_WRITE;
    if (access == KERNEL_TEXT)
        bits |= ENTRY_EXECUTE;
    return bits;
}

/* A table of zeros: its physical address, or 0. */
static paddr_t new_table(void)
{
    struct page *page;

    if (!page_array)
        return memory_carve(PAGE_SIZE);
    page = page_allocate(0, PAGE_ZERO | PAGE_NOWAIT);
    return page ? page_address(page) : 0;
}

/*
 * The entry for address in a table of this level, making the tables above; NULL: no memory, or a
 * larger leaf maps the address already (*mapped).
 */
static uint64_t *find_entry(vaddr_t address, unsigned wanted, bool *mapped)
{
    unsigned level = pmap_levels - 1;
    uint64_t *table = physical_to_virtual(kernel_pmap.root);

    *mapped = false;
    for (;; level--) {
        uint64_t *entry = &table[table_index(address, level)];
        if (level == wanted)
            return entry;
        if (!*entry) {
            paddr_t lower = new_table();
            if (!lower)
                return NULL;
            entry_publish(entry, make_entry(lower, ENTRY_VALID | ENTRY_GLOBAL));
        } else if (entry_is_leaf(*entry)) {
            *mapped = true;
            return NULL;
        }
        table = entry_table(*entry);
    }
}

/* The highest level whose leaf fits at these addresses and in this size. */
static unsigned fitting_level(vaddr_t address, paddr_t frame, uint64_t size)
{
    unsigned level = 2;
    while (((address | frame) & (level_size(level) - 1)) || size < level_size(level))
        level--;
    return level;
}

bool kernel_map(vaddr_t address, paddr_t frame, uint64_t size, enum kernel_access access)
{
    uint64_t bits = access_bits(access);
    bool done = true;

    spin_lock(&map_lock);
    while (size > 0 && done) {
        unsigned level = fitting_level(address, frame, size);
        uint64_t *entry;
        bool mapped;
        /* Where a table is already, smaller leaves fill it. */
        while ((entry = find_entry(address, level, &mapped)) && *entry && !entry_is_leaf(*entry))
            level--;
        if (entry && !*entry)
            entry_publish(entry, make_entry(frame, bits));
        done = entry || mapped;
        address += level_size(level);
        frame += level_size(level);
        size -= level_size(level);
    }
    spin_unlock(&map_lock);
    return done;
}

bool kernel_is_mapped(vaddr_t address)
{
    uint64_t *table = physical_to_virtual(kernel_pmap.root);

    if (!kernel_pmap.root || address < DIRECT_MAP_BASE)
        return false;
    for (unsigned level = pmap_levels - 1;; level--) {
        uint64_t entry = entry_load(&table[table_index(address, level)]);
        if (!(entry & ENTRY_VALID) || entry_is_leaf(entry))
            return entry & ENTRY_VALID;
        table = entry_table(entry);
    }
}

paddr_t kernel_unmap(vaddr_t address)
{
    bool mapped;
    paddr_t frame;

    spin_lock(&map_lock);
    uint64_t *entry = find_entry(address, 0, &mapped);
    assert(entry && *entry);
    frame = entry_frame(*entry);
    entry_store(entry, 0);
    spin_unlock(&map_lock);
    return frame;
}

void kernel_map_init(void)
{
    bool mapped;

    kernel_pmap.root = memory_carve(PAGE_SIZE);
    kernel_pmap.tables = 1;
    if (!kernel_pmap.root || !find_entry(KERNEL_STACKS, 1, &mapped))
        panic("no memory for the kernel's page tables");
}

void kernel_map_load(void)
{
    uint64_t mode = pmap_levels == 4 ? SATP_SV48 : SATP_SV39;
    kernel_satp = mode << SATP_MODE_SHIFT | kernel_pmap.root >> PAGE_SHIFT;
    csr_write(satp, kernel_satp);
    fence_all_translations();
}

void *map_device(uint64_t address, uint64_t size)
{
    paddr_t start = page_round_down(address), end = page_round_up(address + size);

    if (end < start || end > DIRECT_MAP_SIZE)
        return NULL;
    if (!kernel_map(DIRECT_MAP_BASE + start, start, end - start, KERNEL_DATA))
        return NULL;
    /* Before other harts run, and before any of these addresses could be remembered as absent. */
    fence_all_translations();
    return physical_to_virtual(address);
}
