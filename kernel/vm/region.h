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
struct userfault;
struct vnode;

/* What madvise(2), mlock(2) and mseal(2) say of a region. */
enum region_flag {
    REGION_LOCKED = 1 << 0,         /* its pages stay in memory */
    REGION_LOCK_ON_FAULT = 1 << 1,  /* ... once they have been touched (with REGION_LOCKED) */
    REGION_SEQUENTIAL = 1 << 2,     /* MADV_SEQUENTIAL */
    REGION_RANDOM = 1 << 3,         /* MADV_RANDOM */
    REGION_NO_FORK = 1 << 4,        /* not in the child */
    REGION_WIPE_ON_FORK = 1 << 5,   /* zeros in the child */
    REGION_NO_DUMP = 1 << 6,        /* not in a core dump */
    REGION_SEALED = 1 << 7,         /* neither moved, unmapped nor protected otherwise */
    REGION_SEGMENT = 1 << 8,        /* of System V: see region_merge_new; moves alone */
    REGION_DROPPABLE = 1 << 9,      /* its pages may go at any time; never locked */
    REGION_COMMITTED = 1 << 10,     /* its pages are promised (vm/commit.h) */
    REGION_ASK_MISSING = 1 << 11,   /* its userfault's program is asked about missing pages, */
    REGION_ASK_PROTECTED = 1 << 12, /* stores to protected ones (vm/mark.h), */
    REGION_ASK_MINOR = 1 << 13,     /* and those that are there, but not mapped */
    REGION_LOCKED_FLAGS = REGION_LOCKED | REGION_LOCK_ON_FAULT,
    REGION_ASK_FLAGS = REGION_ASK_MISSING | REGION_ASK_PROTECTED | REGION_ASK_MINOR,
};

/* A name that a program gave to anonymous memory (PR_SET_VMA_ANON_NAME), shared by the regions that
 * have it. */
#define LABEL_SIZE 80

struct region_label {
    uint64_t references; /* atomic */
    char text[LABEL_SIZE];
};

/* A label with one reference; NULL: no memory. */
struct region_label *label_create(const char *text);
void label_reference(struct region_label *label);
void label_release(struct region_label *label);

/* Fields change with the aspace locked for writing; back_* with the object's back_lock. amap is
 * also set, once, by the first fault that needs it (atomic). */
struct region {
    struct tree_node node; /* aspace->regions */
    vaddr_t start, end;
    uint64_t gap, largest_gap; /* free bytes below this region; largest in the subtree */
    unsigned access, max_access;
    bool shared, grows_down, no_reserve, writer;
    unsigned flags; /* enum region_flag */
    struct aspace *aspace;
    struct object *object; /* referenced */
    uint64_t object_offset;
    struct amap *amap; /* referenced */
    uint64_t amap_offset;
    struct vnode *vnode; /* referenced */
    uint64_t origin;     /* map_origin_new(): of the open file or the attachment; 0: none */
    const char *name;
    struct region_label *label;  /* referenced, or NULL */
    struct userfault *userfault; /* referenced, or NULL: who is asked (REGION_ASK_*) */
    struct tree_node back_node;  /* object->regions */
    uint64_t back_highest;       /* highest end, in pages of the object, in the subtree */
    uint64_t truncations;        /* of the object that its private copies have been through */
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

/* Does the region, with this access, need a promise of memory that it does not have yet? */
static inline bool region_wants_commitment(const struct region *region, unsigned access)
{
    return (access & ACCESS_WRITE) && !region->shared && !region->no_reserve &&
           !(region->flags & REGION_COMMITTED);
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

/* The region before this one; NULL: the highest. */
struct region *region_before(struct aspace *aspace, const struct region *region);

/* Zeroed memory for a region; for one that region_split is to fill in; and back. */
struct region *region_allocate(void);
struct region *region_allocate_spare(void);
void region_free(struct region *region);

/* Put region, which overlaps none, into the set and its object's back-list. Locked for writing. */
void region_insert(struct aspace *aspace, struct region *region);

/* Take region out of the set and the back-list; the next one in the set, or NULL. Locked for
 * writing. */
struct region *region_remove(struct aspace *aspace, struct region *region);

/* Cut region at address, strictly inside: region keeps the lower part, spare becomes the upper one,
 * with references of its own. Locked for writing. */
void region_split(struct aspace *aspace, struct region *region, vaddr_t address,
                  struct region *spare);

/* Cut region, which has a page in [start, end), so that one region covers just what it has of that
 * range: that one. Each cut takes a spare, whose entry becomes NULL. Locked for writing. */
struct region *region_isolate(struct aspace *aspace, struct region *region, vaddr_t start,
                              vaddr_t end, struct region *spares[2]);

/* Give copy, a bitwise copy of a region that is not in a set yet, references of its own. The
 * region's amap is not referenced. */
void region_reference_all(struct region *copy);

/* The amap that region, placed at start instead, would share with a neighbour there if it merged
 * with it; NULL: with none. Locked for writing. */
struct amap *region_mergeable_amap(struct aspace *aspace, const struct region *region,
                                   vaddr_t start, vaddr_t end);

/* Join region with its neighbours where they continue each other; the region that covers it now.
 * The ones that vanish are put on the list dead (through node.parent), to be released with
 * region_release_all. */
struct region *region_merge(struct aspace *aspace, struct region *region, struct region **dead);

/* The same for a region that is new, has just been cut from another, or moved. It differs for a
 * System V segment, which says how many regions it has: as on Linux, those that it had stay, but
 * the bounds between them may move. */
struct region *region_merge_new(struct aspace *aspace, struct region *region, struct region **dead);

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
