/*
 * Swap areas and their slots: what the files of swap (vm/swap.h) have in common. swap_slot.c knows
 * which slots are free, swap_area.c which areas there are, swap.c moves pages to slots and back.
 *
 * swap_lock covers the areas, the counts of their slots, and whether a page with PAGE_SWAP is in an
 * area's object. It comes before the object's own lock. What an area's object holds at a free slot
 * is rubbish: read-ahead brings it, or a write was in flight when the slot became free. Then the
 * page may still be in an amap, with PAGE_SWAP, and is not the slot's any more; so it is thrown
 * away before the slot is taken, and before the area is given up.
 */
#ifndef MAPIX_VM_SWAP_AREA_H
#define MAPIX_VM_SWAP_AREA_H

#include "core/lock.h"
#include <stdbool.h>
#include <stdint.h>

struct object;
struct page;
struct vnode;

#define SWAP_AREAS_MAX 31u /* as on Linux, which keeps one number of 32 for marks */

struct swap_chunk; /* some slots, with their counts */

struct swap_area {
    struct object *object; /* NULL: the area is not in use; referenced */
    struct vnode *vnode;   /* referenced */
    bool is_disk, leaving;
    int priority;
    uint64_t slots, used, bad;
    uint64_t cursor; /* where to look for a free slot */
    struct swap_chunk *chunks;
};

extern struct mutex swap_lock;
extern struct swap_area swap_areas[SWAP_AREAS_MAX];
extern uint64_t swap_slots_left, swap_pages_in, swap_pages_out; /* atomic */

/* Areas; swap_lock held. The one to use next, of the highest priority that has room; and that of an
 * object (NULL: one that is not in use). NULL: there is none. */
struct swap_area *swap_area_choose(void);
struct swap_area *swap_area_find(const struct object *object);

/* Counts of 0 for so many slots, and none to be used behind the end; NULL: no memory. */
struct swap_chunk *swap_slots_make(uint64_t slots);
void swap_slots_destroy(struct swap_chunk *chunks, uint64_t slots);

/* The slot is never to be used. Not yet one of the areas, or swap_lock held; so all below. */
void swap_slot_mark_bad(struct swap_area *area, uint64_t slot);

/* How many entries name a slot. */
uint32_t *swap_slot_count(const struct swap_area *area, uint64_t slot);

/* Take the next free slot from the cursor on, so that what goes out together lies together; its
 * count is 1. False: there is none. */
bool swap_slot_take(struct swap_area *area, uint64_t *slot);
void swap_slot_free(struct swap_area *area, uint64_t slot);

/* The page of a slot leaves the area's object; object locked too. */
void swap_slot_forget(struct object *object, struct page *page);

/* Throw away what is at a slot that no entry names; false: it is in flight. Object locked too. */
bool swap_slot_clear(struct object *object, uint64_t slot);

#endif
