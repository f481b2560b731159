/*
 * region: one mapping, [start, end) of an address space; and the ordered set of them.
 *
 * A region says what may be there, never what is in the page tables:
 *
 *     private anonymous   no object     amap, made by the first store
 *     private file        object        amap, made by the first store
 *     shared              object        no amap
 *
 * The page at address a is looked for in the amap at slot amap_offset + (a - start) / PAGE_SIZE,
 * then in the object at index object_offset + (a - start) / PAGE_SIZE.
 *
 * New amaps are numbered by address (slot = address / PAGE_SIZE), so neighbours can share one and
 * merge in both directions. Regions that share an amap have the same difference between address and
 * slot.
 */
#ifndef MAPIX_VM_REGION_H
#define MAPIX_VM_REGION_H

#include "arch/riscv/pmap.h"
#include "lib/tree.h"
#include <stdbool.h>

struct amap;
struct aspace;
struct object;
struct vnode;

/* Fields change with the aspace locked for writing; back_* with the object's back_lock. amap is
 * also set, once, by the first fault that needs it (atomic). */
struct region {
    struct tree_node node; /* aspace->regions */
    vaddr_t start, end;
    uint64_t gap, largest_gap; /* free bytes below this region; largest in the subtree */
    unsigned access, max_access;
    bool shared, grows_down, no_reserve, writer;
    struct aspace *aspace;
    struct object *object; /* referenced */
    uint64_t object_offset;
    struct amap *amap; /* referenced */
    uint64_t amap_offset;
    struct vnode *vnode; /* referenced */
    const char *name;
    struct tree_node back_node; /* object->regions */
    uint64_t back_highest;      /* highest end, in pages of the object, in the subtree */
};

static inline uint64_t region_pages(const struct region *region)
{
    return (region->end - region->start) / 4096;
}

/* The object's page index for an address in the region. */
static inline uint64_t region_object_index(const struct region *region, vaddr_t address)
{
    return region->object_offset + (address - region->start) / 4096;
}

/* The amap's slot for an address in the region. */
static inline uint64_t region_slot(const struct region *region, vaddr_t address)
{
    return region->amap_offset + (address - region->start) / 4096;
}

/* What page table entries of the region may allow: a writable page is readable as well. */
static inline unsigned region_hardware_access(const struct region *region)
{
    return region->access & ACCESS_WRITE ? region->access | ACCESS_READ : region->access;
}

/* Distance that new mappings keep below a region that grows down, as Linux's stack_guard_gap. */
#define STACK_GUARD_GAP (256 * 4096ul)

/* Set up the slab cache; the empty set of an address space. */
void region_cache_init(void);
void region_set_init(struct aspace *aspace);

/* The region that contains address, or NULL. Lock held. */
struct region *region_find(struct aspace *aspace, vaddr_t address);

/* The first region that ends above address, or NULL. Lock held. */
struct region *region_find_above(struct aspace *aspace, vaddr_t address);

struct region *region_next(const struct region *region);
struct region *region_previous(const struct region *region);

/* Zeroed memory for a region; for one that region_split is to fill in; and back. */
struct region *region_allocate(void);
struct region *region_allocate_spare(void);
void region_free(struct region *region);

/* Put region, which overlaps none, into the set and its object's back-list. Locked for writing. */
void region_insert(struct aspace *aspace, struct region *region);

/* Take region out of the set and the back-list. Locked for writing. */
void region_remove(struct aspace *aspace, struct region *region);

/* Cut region at address, strictly inside: region keeps the lower part, spare becomes the upper one,
 * with references of its own. Locked for writing. */
void region_split(struct aspace *aspace, struct region *region, vaddr_t address,
                  struct region *spare);

/* Join region with its neighbours where they continue each other; the region that covers it now.
 * The ones that vanish are put on the list dead (through node.parent), to be released with
 * region_release_all. */
struct region *region_merge(struct aspace *aspace, struct region *region, struct region **dead);

/* Move a bound of region, into free space or inwards. Locked for writing. */
void region_set_bounds(struct aspace *aspace, struct region *region, vaddr_t start, vaddr_t end);

/*
 * The place for length bytes: the highest free range that ends at or below high and starts at or
 * above low; false if there is none. Locked for writing.
 */
bool region_find_gap(struct aspace *aspace, uint64_t length, vaddr_t low, vaddr_t high,
                     vaddr_t *address);

/* Drop the references of regions on a list made of node.parent links, and free them. May sleep; no
 * lock held. */
void region_release_all(struct region *list);

/* Push region, which is out of the set, on such a list. */
void region_push_dead(struct region *region, struct region **dead);

#endif
