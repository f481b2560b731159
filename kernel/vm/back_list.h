/*
 * Reverse mapping: from an object's pages to the regions, and so to the page table entries, that
 * map them. The regions of an object are kept ordered by offset, with the highest end per subtree
 * (an interval tree), so that finding those that map a page costs O(log n + found).
 */
#ifndef MAPIX_VM_BACK_LIST_H
#define MAPIX_VM_BACK_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct object;
struct region;
struct tlb_gather;

void back_list_init(struct object *object);

/* Add or take out a region; its aspace is locked for writing (or not in use yet). */
void back_list_insert(struct region *region);
void back_list_remove(struct region *region);

/* Remove, or write-protect, every translation of the object's pages [first, last] in every address
 * space; private copies are not the object's pages and stay. Object locked. */
void back_list_unmap(struct object *object, uint64_t first, uint64_t last,
                     struct tlb_gather *gather);
void back_list_write_protect(struct object *object, uint64_t first, uint64_t last,
                             struct tlb_gather *gather);

/* Was the page used through a mapping since last asked, or must it stay for a locked one? Object
 * locked. */
bool back_list_harvest(struct object *object, uint64_t index, struct tlb_gather *gather);

/* How many translations lead to the page? A snapshot. */
unsigned back_list_mappings(struct object *object, uint64_t index);

/* How many regions map the object. */
uint64_t back_list_count(struct object *object);

/* Where a walk over private regions is. Zeroed: at the beginning. */
struct back_list_position {
    uint64_t offset;
    uintptr_t region;
};

/*
 * Truncation takes private copies from every region. It is counted, and a region has the number of
 * the last one that it has been through; what is made of the region by fork, mremap or a cut
 * inherits it, and of two that merge the lower number stays. So whatever comes while the walk goes
 * on is seen to be visited, or to be descended from one that was.
 *
 *     back_list_truncated;  while (back_list_next_untruncated) { ...; back_list_done }
 *
 * The region that is found maps pages from first on, and its aspace is locked for reading, so that
 * it stays as it is until back_list_done. NULL: no more. No VM lock held; one truncation of an
 * object at a time.
 */
void back_list_truncated(struct object *object);
struct region *back_list_next_untruncated(struct object *object, uint64_t first,
                                          struct back_list_position *position);
void back_list_done(struct region *region);

/* The pages of [first, last] that region maps, as addresses [*start, *end). */
void back_list_overlap(const struct region *region, uint64_t first, uint64_t last, uint64_t *start,
                       uint64_t *end);

#endif
