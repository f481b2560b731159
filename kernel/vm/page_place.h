/*
 * page_place: a page in a region, as far as it is there: in the amap, or what a translation leads
 * to. Who asks what a region has goes from one to the next.
 */
#ifndef MAPIX_VM_PAGE_PLACE_H
#define MAPIX_VM_PAGE_PLACE_H

#include "vm/aspace.h"

struct page_place {
    const struct region *region;
    struct amap *amap; /* of the region, locked; or NULL */
    vaddr_t address;
    void *item;              /* in the amap: a page or a swap entry; or NULL */
    struct share_memo *memo; /* or NULL */
};

/* Lock the amap of place->region, if it has one; the address space is locked. */
void page_place_lock(struct page_place *place);
void page_place_unlock(struct page_place *place);

/* Find what is at place->address, or behind it and below end; false: nothing. */
bool page_place_find(struct page_place *place, vaddr_t end);

/* The page of a place that has been found; NULL: it is in a swap area, or no page. */
struct page *page_place_page(const struct page_place *place);

#endif
