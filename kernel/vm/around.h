/*
 * What a fault maps besides the page that was touched, so that the next touches need no fault. It
 * only adds what a fault would find without waiting, and changes nothing if there is nothing to
 * add. Three cases, by where the page of the fault came from:
 *
 *    object    [ ][#][#][F][#][ ]    resident pages of the object around it
 *    amap      [ ][#][#][F][#][ ]    pages of the amap around it that are its alone
 *    ahead     [#][#][#][F][+][+]    new pages of zeros behind it, as many as there are in a row
 *                                    before it
 */
#ifndef MAPIX_VM_AROUND_H
#define MAPIX_VM_AROUND_H

#include "vm/amap.h"
#include "vm/object.h"
#include "vm/region.h"

/* What a page of the object may be mapped with in region, without a store to it. */
unsigned around_access(const struct region *region, const struct page *page);

/* The address space is locked for reading in all three, and the owner of the pages too. */
void around_object(struct region *region, struct amap *amap, vaddr_t address)
    REQUIRES(region->object->lock);
void around_amap(struct region *region, struct amap *amap, vaddr_t address) REQUIRES(amap->lock);
void around_ahead(struct region *region, struct amap *amap, vaddr_t address) REQUIRES(amap->lock);

#endif
