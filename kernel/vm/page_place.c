/*
 * Pages in regions, found in order of their addresses; see page_place.h.
 */
#include "vm/page_place.h"
#include "vm/amap.h"
#include "vm/swap.h"
#include "vm/vm.h"

bool page_place_find(struct page_place *place, vaddr_t end)
{
    const struct region *region = place->region;
    vaddr_t mapped = pmap_next(&region->aspace->pmap, place->address, end);
    uint64_t slot;

    place->item = NULL;
    if (place->amap)
        place->item = radix_next(&place->amap->slots, region_slot(region, place->address),
                                 region_slot(region, end - 1), &slot);
    vaddr_t owned = place->item ? region->start + (slot - region->amap_offset) * PAGE_SIZE : end;
    if (mapped < owned)
        place->item = NULL;
    place->address = mapped < owned ? mapped : owned;
    return place->address < end;
}

struct page *page_place_page(const struct page_place *place)
{
    paddr_t frame;
    unsigned access;

    if (place->item)
        return is_swap_entry(place->item) ? NULL : place->item;
    if (!pmap_query(&place->region->aspace->pmap, place->address, &frame, &access))
        return NULL;
    return page_exists(frame) ? page_of(frame) : NULL;
}

void page_place_lock(struct page_place *place)
{
    place->amap = __atomic_load_n(&place->region->amap, __ATOMIC_ACQUIRE);
    if (place->amap)
        mutex_lock(&place->amap->lock);
}

void page_place_unlock(struct page_place *place)
{
    if (place->amap)
        mutex_unlock(&place->amap->lock);
}
