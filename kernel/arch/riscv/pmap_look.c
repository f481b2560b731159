/*
 * What page tables say, and whether pages were used; see pmap.h.
 */
#include "arch/riscv/gather.h"
#include "arch/riscv/walk.h"
#include "lib/string.h"

bool pmap_query(struct pmap *pmap, vaddr_t address, paddr_t *frame, unsigned *access)
{
    spin_lock(&pmap->lock);
    uint64_t *entry = find_leaf(pmap, address);
    uint64_t value = entry ? entry_load(entry) : 0;
    spin_unlock(&pmap->lock);

    if (!value)
        return false;
    *frame = entry_frame(value);
    *access = (value & ENTRY_READ ? ACCESS_READ : 0) | (value & ENTRY_WRITE ? ACCESS_WRITE : 0) |
              (value & ENTRY_EXECUTE ? ACCESS_EXECUTE : 0);
    return true;
}

/*
 * No lock: the frame and the tables on the way stay what they are, because whoever takes them out
 * waits, before freeing them, for this hart to turn interrupts on. An entry without A does not
 * count, so that a use by the kernel is seen by pmap_harvest as well.
 */
void *pmap_user_byte(struct pmap *pmap, vaddr_t address, unsigned access)
{
    uint64_t wanted = ENTRY_VALID | ENTRY_USER | ENTRY_READ | ENTRY_ACCESSED;
    if (access & ACCESS_WRITE)
        wanted |= ENTRY_WRITE;
    if (address >= user_end)
        return NULL;
    const uint64_t *entry = find_leaf(pmap, address);
    uint64_t value = entry ? entry_load(entry) : 0;
    if ((value & wanted) != wanted)
        return NULL;
    return (char *)physical_to_virtual(entry_frame(value)) + (address & PAGE_MASK);
}

bool pmap_was_used(struct pmap *pmap, vaddr_t address)
{
    spin_lock(&pmap->lock);
    const uint64_t *entry = find_leaf(pmap, address);
    bool used = entry && (entry_load(entry) & ENTRY_ACCESSED);
    spin_unlock(&pmap->lock);
    return used;
}

void pmap_forget_peak(struct pmap *pmap)
{
    spin_lock(&pmap->lock);
    pmap->resident_peak = pmap->resident;
    spin_unlock(&pmap->lock);
}

bool pmap_harvest(struct pmap *pmap, vaddr_t address, struct tlb_gather *gather)
{
    bool used = false;

    spin_lock(&pmap->lock);
    uint64_t *entry = find_leaf(pmap, address);
    if (entry && (entry_load(entry) & ENTRY_ACCESSED)) {
        used = true;
        __atomic_fetch_and(entry, ~ENTRY_ACCESSED, __ATOMIC_RELAXED);
        gather_entry(gather, page_round_down(address));
        gather_harts(gather, pmap);
    }
    spin_unlock(&pmap->lock);
    return used;
}

/* The first address from start on, below end, whose entry in this lowest table is there; the end of
 * the table, or what is behind end, if there is none. */
static vaddr_t next_in_table(const uint64_t *entry, vaddr_t start, vaddr_t end)
{
    vaddr_t stop = level_end(start, 1);

    while (start < end && start < stop && !entry_load(entry)) {
        start += PAGE_SIZE;
        entry++;
    }
    return start;
}

vaddr_t pmap_next(struct pmap *pmap, vaddr_t start, vaddr_t end)
{
    vaddr_t address = start;

    spin_lock(&pmap->lock);
    while (address < end) {
        struct place place = descend(pmap, address, 0);
        if (place.level == 0 && entry_load(place.entry))
            break;
        address = place.level == 0 ? next_in_table(place.entry, address, end)
                                   : level_end(address, place.level);
    }
    spin_unlock(&pmap->lock);
    return address < end ? address : end;
}

void pmap_frames(struct pmap *pmap, vaddr_t start, unsigned count, paddr_t *frames)
{
    vaddr_t end = start + count * PAGE_SIZE;

    memset(frames, 0, count * sizeof(*frames));
    spin_lock(&pmap->lock);
    for (vaddr_t address = start, stop; address < end; address = stop) {
        struct place place = descend(pmap, address, 0);
        stop = level_end(address, place.level ? place.level : 1);
        stop = stop < end ? stop : end;
        for (unsigned i = 0; !place.level && i < (stop - address) / PAGE_SIZE; i++) {
            uint64_t value = entry_load(&place.entry[i]);
            frames[(address - start) / PAGE_SIZE + i] = value ? entry_frame(value) : 0;
        }
    }
    spin_unlock(&pmap->lock);
}
