/*
 * Reverse mapping by interval trees; see back_list.h. The order is by first page, then by the
 * address of the region structure, so that a walk can go on from a position after the lock was
 * dropped.
 */
#include "vm/back_list.h"
#include "vm/aspace.h"
#include "vm/object.h"
#include "vm/region.h"

/* Uses that are taken back at a time: a page that hundreds of processes map may have hundreds, and
 * is in use with these. */
#define HARVEST_MOST 128u

static struct region *region_of(const struct tree_node *node)
{
    return node ? container_of(node, struct region, back_node) : NULL;
}

static uint64_t region_last_index(const struct region *region)
{
    return region->object_offset + region_pages(region) - 1;
}

static void update_highest(struct tree_node *node)
{
    struct region *region = region_of(node);

    region->back_highest = region_last_index(region);
    if (node->left && region_of(node->left)->back_highest > region->back_highest)
        region->back_highest = region_of(node->left)->back_highest;
    if (node->right && region_of(node->right)->back_highest > region->back_highest)
        region->back_highest = region_of(node->right)->back_highest;
}

void back_list_init(struct object *object)
{
    spin_init(&object->back_lock, "back list", RANK_BACK_LIST);
    tree_init(&object->regions, update_highest);
}

static bool ordered_before(uint64_t offset, uintptr_t address, const struct region *region)
{
    if (offset != region->object_offset)
        return offset < region->object_offset;
    return address < (uintptr_t)region;
}

/* Could the object be changed through the region, if its protection were raised? */
static bool may_store(const struct region *region)
{
    return region->shared && (region->max_access & ACCESS_WRITE);
}

void back_list_insert(struct region *region)
{
    struct object *object = region->object;
    struct tree_node *parent = NULL;
    bool as_left = false;

    spin_lock(&object->back_lock);
    for (struct tree_node *node = object->regions.root; node;) {
        parent = node;
        as_left = ordered_before(region->object_offset, (uintptr_t)region, region_of(node));
        node = as_left ? node->left : node->right;
    }
    tree_insert(&object->regions, parent, as_left, &region->back_node);
    if (!region->amap) /* no copies, and those to come are of what is there now */
        region->truncations = object->truncations;
    object->shared_writable += may_store(region);
    spin_unlock(&object->back_lock);
}

void back_list_remove(struct region *region)
{
    spin_lock(&region->object->back_lock);
    tree_remove(&region->object->regions, &region->back_node);
    region->object->shared_writable -= may_store(region);
    spin_unlock(&region->object->back_lock);
}

/* The first region in order, at or after position, that maps a page in [first, last]. */
static struct region *next_overlapping(struct tree_node *node, uint64_t first, uint64_t last,
                                       const struct back_list_position *position)
{
    if (!node || region_of(node)->back_highest < first)
        return NULL;
    struct region *region = region_of(node);
    bool before = !ordered_before(position->offset, position->region, region);
    if (!before) {
        struct region *found = next_overlapping(node->left, first, last, position);
        if (found)
            return found;
        if (region->object_offset > last)
            return NULL;
        if (region_last_index(region) >= first)
            return region;
    }
    return next_overlapping(node->right, first, last, position);
}

/* Advance position to the next region that maps a page in [first, last]; NULL at the end. */
static struct region *advance(struct object *object, uint64_t first, uint64_t last,
                              struct back_list_position *position)
{
    struct region *region = next_overlapping(object->regions.root, first, last, position);

    if (region) {
        position->offset = region->object_offset;
        position->region = (uintptr_t)region;
    }
    return region;
}

void back_list_overlap(const struct region *region, uint64_t first, uint64_t last, vaddr_t *start,
                       vaddr_t *end)
{
    uint64_t low = first > region->object_offset ? first - region->object_offset : 0;
    uint64_t high =
        last < region_last_index(region) ? last - region->object_offset + 1 : region_pages(region);

    *start = region->start + low * PAGE_SIZE;
    *end = region->start + high * PAGE_SIZE;
}

void back_list_unmap(struct object *object, uint64_t first, uint64_t last,
                     struct tlb_gather *gather)
{
    struct back_list_position position = {0};
    struct region *region;
    vaddr_t start, end;

    spin_lock(&object->back_lock);
    while ((region = advance(object, first, last, &position))) {
        back_list_overlap(region, first, last, &start, &end);
        pmap_remove(&region->aspace->pmap, start, end, gather);
    }
    spin_unlock(&object->back_lock);
}

void back_list_write_protect(struct object *object, uint64_t first, uint64_t last,
                             struct tlb_gather *gather)
{
    struct back_list_position position = {0};
    struct region *region;
    vaddr_t start, end;

    spin_lock(&object->back_lock);
    while ((region = advance(object, first, last, &position))) {
        if (!region->shared || !(region->max_access & ACCESS_WRITE))
            continue;
        back_list_overlap(region, first, last, &start, &end);
        pmap_protect(&region->aspace->pmap, start, end, ACCESS_READ | ACCESS_EXECUTE, gather);
    }
    spin_unlock(&object->back_lock);
}

bool back_list_harvest(struct object *object, uint64_t index, struct tlb_gather *gather)
{
    struct back_list_position position = {0};
    struct region *region;
    vaddr_t start, end;
    unsigned used = 0;

    spin_lock(&object->back_lock);
    while (used < HARVEST_MOST && (region = advance(object, index, index, &position))) {
        back_list_overlap(region, index, index, &start, &end);
        if (pmap_harvest(&region->aspace->pmap, start, gather) || (region->flags & REGION_LOCKED))
            used++;
    }
    spin_unlock(&object->back_lock);
    return used > 0;
}

unsigned back_list_mappings(struct object *object, uint64_t index)
{
    struct back_list_position position = {0};
    struct region *region;
    vaddr_t start, end;
    unsigned count = 0;

    spin_lock(&object->back_lock);
    while ((region = advance(object, index, index, &position))) {
        paddr_t frame;
        unsigned access;
        back_list_overlap(region, index, index, &start, &end);
        if (pmap_query(&region->aspace->pmap, start, &frame, &access))
            count++;
    }
    spin_unlock(&object->back_lock);
    return count;
}

uint64_t back_list_count(struct object *object)
{
    uint64_t count = 0;

    spin_lock(&object->back_lock);
    tree_for_each (node, &object->regions)
        count++;
    spin_unlock(&object->back_lock);
    return count;
}

/* Is a region of the aspace still there at position, and does it map a page from first on? */
static bool still_there(struct object *object, const struct back_list_position *position,
                        uint64_t first, const struct aspace *aspace)
{
    struct tree_node *node;

    spin_lock(&object->back_lock);
    for (node = object->regions.root; node;) {
        struct region *region = region_of(node);
        if ((uintptr_t)region == position->region && region->object_offset == position->offset)
            break;
        node =
            ordered_before(position->offset, position->region, region) ? node->left : node->right;
    }
    bool there =
        node && region_of(node)->aspace == aspace && region_last_index(region_of(node)) >= first;
    spin_unlock(&object->back_lock);
    return there;
}

/*
 * The back-list lock is a spinlock and the aspace lock sleeps: between the two the region may go,
 * and its memory may be another region's; so it is looked for again. The aspace itself stays while
 * it has walkers.
 */
static struct region *next_untruncated(struct object *object, uint64_t first,
                                       struct back_list_position *position)
{
    for (;;) {
        struct aspace *aspace = NULL;
        spin_lock(&object->back_lock);
        struct region *region = advance(object, first, UINT64_MAX, position);
        while (region && (region->shared || region->truncations == object->truncations))
            region = advance(object, first, UINT64_MAX, position);
        if (region) {
            aspace = region->aspace;
            __atomic_fetch_add(&aspace->walkers, 1, __ATOMIC_ACQUIRE);
        }
        spin_unlock(&object->back_lock);
        if (!region)
            return NULL;
        rwlock_read(&aspace->lock);
        if (still_there(object, position, first, aspace))
            return region;
        rwlock_read_done(&aspace->lock);
        __atomic_fetch_sub(&aspace->walkers, 1, __ATOMIC_RELEASE);
    }
}

void back_list_truncated(struct object *object)
{
    spin_lock(&object->back_lock);
    object->truncations++;
    spin_unlock(&object->back_lock);
}

/* A region that comes to lie before the position while the walk goes on is found by another. */
struct region *back_list_next_untruncated(struct object *object, uint64_t first,
                                          struct back_list_position *position)
{
    bool from_start = !position->region;
    struct region *region = next_untruncated(object, first, position);

    if (!region && !from_start) {
        *position = (struct back_list_position){0};
        region = next_untruncated(object, first, position);
    }
    return region;
}

void back_list_done(struct region *region)
{
    struct aspace *aspace = region->aspace;

    region->truncations = region->object->truncations;
    rwlock_read_done(&aspace->lock);
    __atomic_fetch_sub(&aspace->walkers, 1, __ATOMIC_RELEASE);
}

bool object_has_shared_writable(struct object *object)
{
    spin_lock(&object->back_lock);
    bool result = object->shared_writable;
    spin_unlock(&object->back_lock);
    return result;
}
