/* The model MMU of model_mmu.h. */
#include "model_mmu.h"
#include "arch/riscv/gather.h"
#include "arch/riscv/pte.h"
#include "arch/riscv/table.h"
#include "arch/riscv/tlb.h"
#include "check.h"

#define TLB_ENTRIES 4096

struct tlb_entry {
    uint64_t identifier;
    vaddr_t address;
    uint64_t entry; /* as it was in the table */
};

static struct tlb {
    struct pmap *pmap;
    unsigned count;
    struct tlb_entry entries[TLB_ENTRIES];
} tlbs[MODEL_HARTS];

unsigned model_hart;
uint64_t model_mmu_page_flushes, model_mmu_full_flushes;
void (*model_mmu_free_hook)(struct page *page);

uint64_t tlb_flush_counts[FLUSH_CAUSES];
uint64_t tlb_interrupts_sent;

static uint64_t next_identifier;
static struct page *kernel_root;

void model_mmu_start(unsigned levels)
{
    pmap_levels = levels;
    user_end = levels == 4 ? USER_END_SV48 : USER_END_SV39;
    kernel_root = page_allocate(0, PAGE_ZERO);
    REQUIRE(kernel_root);
    /* The kernel's half is not looked at by the model, but must be copied as it is. */
    table_entries(kernel_root)[TABLE_ENTRIES - 1] = make_entry(SHIM_MEMORY, ENTRY_VALID);
    kernel_pmap.root = page_address(kernel_root);
    kernel_pmap.active_harts = (1u << MODEL_HARTS) - 1;
    next_identifier = (1 << IDENTIFIER_BITS) + 1;
    model_hart = 0;
    model_mmu_page_flushes = model_mmu_full_flushes = 0;
    for (unsigned i = 0; i < MODEL_HARTS; i++) {
        tlbs[i].pmap = &kernel_pmap;
        tlbs[i].count = 0;
    }
}

void model_mmu_end(void)
{
    page_release(kernel_root);
}

/* Forget entries of one address space (0: of all), one page or everything (one false). */
static void forget(struct tlb *tlb, uint64_t identifier, bool one, vaddr_t address)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < tlb->count; i++) {
        const struct tlb_entry *entry = &tlb->entries[i];
        bool covered = (identifier == 0 || entry->identifier == identifier) &&
                       (!one || entry->address == address);
        if (!covered)
            tlb->entries[kept++] = *entry;
    }
    tlb->count = kept;
}

static void load(unsigned hart, struct pmap *pmap)
{
    struct tlb *tlb = &tlbs[hart];
    uint64_t bit = 1ul << hart;

    tlb->pmap->active_harts &= ~bit;
    tlb->pmap = pmap;
    pmap->active_harts |= bit;
    pmap->used_harts |= bit;
    if (pmap != &kernel_pmap && !pmap->identifier)
        pmap->identifier = next_identifier++;
    if (pmap->stale_harts & bit)
        forget(tlb, pmap->identifier, false, 0);
    pmap->stale_harts &= ~bit;
}

void pmap_activate(struct pmap *pmap)
{
    load(model_hart, pmap ? pmap : &kernel_pmap);
}

void tlb_leave(struct pmap *pmap)
{
    for (unsigned i = 0; i < MODEL_HARTS; i++) {
        if (tlbs[i].pmap == pmap)
            load(i, &kernel_pmap);
        forget(&tlbs[i], pmap->identifier, false, 0); /* identifiers are not used again */
    }
}

void tlb_flush(struct tlb_gather *gather)
{
    bool one =
        !gather->several && gather->end - gather->start == PAGE_SIZE && list_empty(&gather->tables);
    for (unsigned i = 0; i < MODEL_HARTS; i++) {
        if (!(gather->harts >> i & 1))
            continue;
        forget(&tlbs[i], gather->several ? 0 : gather->identifier, one, gather->start);
        *(one ? &model_mmu_page_flushes : &model_mmu_full_flushes) += 1;
    }
    if (model_mmu_free_hook) {
        list_for_each (link, &gather->pages)
            model_mmu_free_hook(container_of(link, struct page, link));
        for (unsigned i = 0; i < gather->shared_count; i++)
            if (gather->shared[i]->references == 1)
                model_mmu_free_hook(gather->shared[i]);
    }
    gather_free(gather);
}

/* The last-level entry in the tables, or NULL. Level by level, in the words of the specification.
 */
static uint64_t *walk(const struct pmap *pmap, vaddr_t address)
{
    uint64_t *table = physical_to_virtual(pmap->root);
    for (unsigned level = pmap_levels - 1;; level--) {
        uint64_t *entry = &table[address >> (12 + 9 * level) & 511];
        if (!(*entry & ENTRY_VALID))
            return NULL;
        if (level == 0 || entry_is_leaf(*entry))
            return entry;
        table = physical_to_virtual((*entry >> 10) << 12);
    }
}

static bool allows(uint64_t entry, unsigned access)
{
    if (access & ACCESS_WRITE)
        return entry & ENTRY_WRITE && entry & ENTRY_DIRTY;
    return entry & (access & ACCESS_EXECUTE ? ENTRY_EXECUTE : ENTRY_READ);
}

bool model_mmu_access(vaddr_t address, unsigned access, paddr_t *frame)
{
    struct tlb *tlb = &tlbs[model_hart];
    vaddr_t page = page_round_down(address);

    for (unsigned i = 0; i < tlb->count; i++) {
        const struct tlb_entry *entry = &tlb->entries[i];
        if (entry->identifier != tlb->pmap->identifier || entry->address != page ||
            !allows(entry->entry, access))
            continue;
        *frame = entry_frame(entry->entry);
        return true;
    }
    uint64_t *entry = walk(tlb->pmap, page);
    if (!entry || !allows(*entry, access))
        return false;
    *entry |= ENTRY_ACCESSED;
    REQUIRE(*entry & ENTRY_USER);
    REQUIRE(tlb->count < TLB_ENTRIES);
    tlb->entries[tlb->count++] = (struct tlb_entry){tlb->pmap->identifier, page, *entry};
    *frame = entry_frame(*entry);
    return true;
}

/* Will the hart flush the address space's entries before it uses it again? */
static bool is_stale(unsigned hart, const struct pmap *pmap)
{
    return tlbs[hart].pmap != pmap && (pmap->stale_harts >> hart & 1);
}

bool model_mmu_check(struct pmap *pmap, vaddr_t *address)
{
    const uint64_t watched = ENTRY_READ | ENTRY_WRITE | ENTRY_EXECUTE | ENTRY_ACCESSED;
    for (unsigned hart = 0; hart < MODEL_HARTS; hart++) {
        for (unsigned i = 0; i < tlbs[hart].count && !is_stale(hart, pmap); i++) {
            const struct tlb_entry *seen = &tlbs[hart].entries[i];
            if (seen->identifier != pmap->identifier)
                continue;
            uint64_t *now = walk(pmap, seen->address);
            *address = seen->address;
            if (!now || entry_frame(*now) != entry_frame(seen->entry) ||
                (seen->entry & ~*now & watched))
                return false;
        }
    }
    return true;
}

bool model_mmu_reaches(paddr_t frame)
{
    for (unsigned hart = 0; hart < MODEL_HARTS; hart++) {
        for (unsigned i = 0; i < tlbs[hart].count; i++) {
            const struct tlb_entry *seen = &tlbs[hart].entries[i];
            const struct pmap *pmap = tlbs[hart].pmap;
            if (entry_frame(seen->entry) == frame && seen->identifier == pmap->identifier)
                return true;
        }
    }
    return false;
}
