/*
 * Forgetting that pages were used, so that who asks later learns which are (proc(5), clear_refs).
 */
#include "vm/vm.h"

/* The page at address, which has a translation. */
static void clear_page(struct pmap *pmap, vaddr_t address, struct tlb_gather *gather)
{
    paddr_t frame;
    unsigned access;

    pmap_harvest(pmap, address, gather);
    if (pmap_query(pmap, address, &frame, &access) && page_exists(frame))
        page_clear(page_of(frame), PAGE_REFERENCED);
}

static bool is_of_kind(const struct region *region, enum reference_kind kind)
{
    return kind == REFERENCES_ALL || (kind == REFERENCES_FILES) == (region->vnode != NULL);
}

void aspace_clear_references(struct aspace *aspace, enum reference_kind kind)
{
    struct tlb_gather gather;

    tlb_gather_init(&gather, &aspace->pmap, FLUSH_RECLAIM);
    rwlock_read(&aspace->lock);
    tree_for_each (node, &aspace->regions) {
        const struct region *region = container_of(node, struct region, node);
        vaddr_t address = region->start;
        while (is_of_kind(region, kind) &&
               (address = pmap_next(&aspace->pmap, address, region->end)) < region->end) {
            clear_page(&aspace->pmap, address, &gather);
            address += PAGE_SIZE;
        }
    }
    rwlock_read_done(&aspace->lock);
    tlb_flush(&gather);
}
