/*
 * The set of regions of an address space: a tree ordered by address, which keeps for each subtree
 * the largest gap below one of its regions, so that look-up, gap search, split and merge are O(log
 * n).
 */
#include "vm/region.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/aspace.h"
#include "vm/back_list.h"
#include "vm/kmem.h"
#include "vm/object.h"
#include "vm/userfault.h"
#include "vm/vm.h"

static struct slab_cache region_cache;

static struct region *region_of(const struct tree_node *node)
{
    return node ? container_of(node, struct region, node) : NULL;
}

static uint64_t largest_gap_of(const struct tree_node *node)
{
    return node ? region_of(node)->largest_gap : 0;
}

static void update_largest_gap(struct tree_node *node)
{
    struct region *region = region_of(node);
    uint64_t left = largest_gap_of(node->left), right = largest_gap_of(node->right);

    region->largest_gap = region->gap;
    if (left > region->largest_gap)
        region->largest_gap = left;
    if (right > region->largest_gap)
        region->largest_gap = right;
}

void region_set_init(struct aspace *aspace)
{
    tree_init(&aspace->regions, update_largest_gap);
    aspace->region_count = 0;
    aspace->last_found = NULL;
}

void region_cache_init(void)
{
    slab_cache_init(&region_cache, "region", sizeof(struct region), 8);
}

struct region *region_allocate(void)
{
    return slab_allocate_zeroed(&region_cache);
}

struct region *region_allocate_spare(void)
{
    return slab_allocate(&region_cache);
}

void region_free(struct region *region)
{
    if (region)
        slab_free(&region_cache, region);
}

struct region_label *label_create(const char *text)
{
    struct region_label *label = kmalloc(sizeof(*label));

    if (!label)
        return NULL;
    label->references = 1;
    string_copy(label->text, text, sizeof(label->text));
    return label;
}

void label_reference(struct region_label *label)
{
    __atomic_fetch_add(&label->references, 1, __ATOMIC_RELAXED);
}

void label_release(struct region_label *label)
{
    if (__atomic_fetch_sub(&label->references, 1, __ATOMIC_ACQ_REL) == 1)
        kfree(label);
}

struct region *region_next(const struct region *region)
{
    return region_of(tree_next(&region->node));
}

struct region *region_previous(const struct region *region)
{
    return region_of(tree_previous(&region->node));
}

struct region *region_find_above(struct aspace *aspace, vaddr_t address)
{
    struct region *hint = __atomic_load_n(&aspace->last_found, __ATOMIC_RELAXED);
    if (hint && hint->start <= address && address < hint->end)
        return hint;

    struct region *best = NULL;
    for (struct tree_node *node = aspace->regions.root; node;) {
        struct region *region = region_of(node);
        if (address < region->end) {
            best = region;
            if (region->start <= address)
                break;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    if (best && best->start <= address)
        __atomic_store_n(&aspace->last_found, best, __ATOMIC_RELAXED);
    return best;
}

struct region *region_find(struct aspace *aspace, vaddr_t address)
{
    struct region *region = region_find_above(aspace, address);
    return region && region->start <= address ? region : NULL;
}

bool region_any_sealed(struct aspace *aspace, vaddr_t start, vaddr_t end)
{
    for (const struct region *region = region_find_above(aspace, start);
         region && region->start < end; region = region_next(region)) {
        if (region->flags & REGION_SEALED)
            return true;
    }
    return false;
}

/* The free bytes below region that a new mapping may use; previous: the region below it. */
static uint64_t gap_between(const struct region *previous, const struct region *region)
{
    uint64_t gap = region->start - (previous ? previous->end : 0);

    if (!region->grows_down)
        return gap;
    return gap > STACK_GUARD_GAP ? gap - STACK_GUARD_GAP : 0;
}

static void set_gap(struct aspace *aspace, struct region *region, uint64_t gap)
{
    if (region->gap == gap)
        return;
    region->gap = gap;
    tree_updated(&aspace->regions, &region->node);
}

static void refresh_gap(struct aspace *aspace, struct region *region)
{
    if (region)
        set_gap(aspace, region, gap_between(region_previous(region), region));
}

void region_insert(struct aspace *aspace, struct region *region)
{
    struct tree_node *parent = NULL, *node = aspace->regions.root;
    const struct region *previous = NULL;
    struct region *next = NULL;
    bool as_left = false;

    while (node) {
        parent = node;
        as_left = region->start < region_of(node)->start;
        if (as_left)
            next = region_of(node);
        else
            previous = region_of(node);
        node = as_left ? node->left : node->right;
    }
    region->aspace = aspace;
    region->gap = gap_between(previous, region);
    if (next)
        next->gap = gap_between(region, next); /* tree_insert comes by it */
    tree_insert(&aspace->regions, parent, as_left, &region->node);
    aspace->region_count++;
    if (region->object)
        back_list_insert(region);
}

struct region *region_remove(struct aspace *aspace, struct region *region)
{
    struct region *next = region_next(region);

    if (region->object)
        back_list_remove(region);
    if (next)
        next->gap = gap_between(region_previous(region), next); /* tree_remove comes by it */
    tree_remove(&aspace->regions, &region->node);
    aspace->region_count--;
    if (aspace->last_found == region)
        aspace->last_found = NULL;
    return next;
}

void region_set_bounds(struct aspace *aspace, struct region *region, vaddr_t start, vaddr_t end)
{
    int64_t moved = (int64_t)(start - region->start) / (int64_t)PAGE_SIZE;

    if (region->object)
        back_list_remove(region);
    region->start = start;
    region->end = end;
    region->object_offset += (uint64_t)moved;
    region->amap_offset += (uint64_t)moved;
    if (region->object)
        back_list_insert(region);
    refresh_gap(aspace, region);
    refresh_gap(aspace, region_next(region));
}

void region_reference_all(struct region *copy)
{
    if (copy->object)
        object_reference(copy->object);
    if (copy->vnode)
        vnode_reference(copy->vnode);
    if (copy->writer)
        vnode_write_begin(copy->vnode); /* cannot fail: the original holds it as well */
    if (copy->label)
        label_reference(copy->label);
    if (copy->userfault)
        userfault_reference(copy->userfault);
}

void region_split(struct aspace *aspace, struct region *region, vaddr_t address,
                  struct region *spare)
{
    vaddr_t end = region->end;
    uint64_t pages = (address - region->start) / PAGE_SIZE;

    *spare = *region;
    spare->start = address;
    spare->object_offset += pages;
    spare->amap_offset += pages;
    if (spare->amap)
        amap_reference(spare->amap);
    region_reference_all(spare);
    region_set_bounds(aspace, region, region->start, address);
    spare->end = end;
    region_insert(aspace, spare);
}

/* The spare for the next cut. */
static struct region *take_spare(struct region *spares[2])
{
    unsigned i = spares[0] ? 0 : 1;
    struct region *spare = spares[i];

    spares[i] = NULL;
    return spare;
}

struct region *region_isolate(struct aspace *aspace, struct region *region, vaddr_t start,
                              vaddr_t end, struct region *spares[2])
{
    if (region->start < start) {
        struct region *upper = take_spare(spares);
        region_split(aspace, region, start, upper);
        region = upper;
    }
    if (region->end > end)
        region_split(aspace, region, end, take_spare(spares));
    return region;
}

/* Do the amaps of lower and upper, which touch, allow one region over both? Anonymous memory has
 * its numbers before it has an amap, as on Linux; and what fork left joins nothing that has come
 * since. */
static bool amaps_continue(const struct region *lower, const struct region *upper)
{
    bool numbered = !lower->object || (lower->amap && upper->amap);

    if (lower->amap != upper->amap &&
        ((lower->amap && upper->amap) || (lower->amap ? lower->amap : upper->amap)->inherited))
        return false;
    return !numbered || lower->amap_offset + region_pages(lower) == upper->amap_offset;
}

static bool labels_equal(const struct region_label *a, const struct region_label *b)
{
    return a == b || (a && b && strcmp(a->text, b->text) == 0);
}

/* Do the two have everything in common but place, access and label? */
static bool regions_akin(const struct region *a, const struct region *b)
{
    return a->max_access == b->max_access && a->shared == b->shared &&
           a->grows_down == b->grows_down && a->no_reserve == b->no_reserve &&
           a->writer == b->writer && a->flags == b->flags && a->vnode == b->vnode &&
           a->origin == b->origin && a->name == b->name && a->object == b->object &&
           a->userfault == b->userfault;
}

static bool regions_alike(const struct region *a, const struct region *b)
{
    return a->access == b->access && labels_equal(a->label, b->label) && regions_akin(a, b);
}

/* May upper, which starts where lower ends, become a part of lower? */
static bool regions_continue(const struct region *lower, const struct region *upper)
{
    if (lower->end != upper->start || !regions_alike(lower, upper))
        return false;
    if (lower->object && lower->object_offset + region_pages(lower) != upper->object_offset)
        return false;
    return amaps_continue(lower, upper);
}

void region_push_dead(struct region *region, struct region **dead)
{
    region->node.parent = *dead ? &(*dead)->node : NULL;
    *dead = region;
}

/* Let lower cover upper as well. */
static void absorb(struct aspace *aspace, struct region *lower, struct region *upper,
                   struct region **dead)
{
    region_remove(aspace, upper);
    if (!lower->amap && upper->amap) {
        lower->amap = upper->amap;
        lower->amap_offset = upper->amap_offset - region_pages(lower);
        upper->amap = NULL;
    }
    if (lower->truncations > upper->truncations)
        lower->truncations = upper->truncations;
    region_set_bounds(aspace, lower, lower->start, upper->end);
    region_push_dead(upper, dead);
}

/* The region below, if it may touch this one: none does across a gap. */
static struct region *region_touching(const struct region *region)
{
    return region->gap ? NULL : region_previous(region);
}

/* Join region with that many of its neighbours, if they continue each other. Between two that
 * differ in their amaps it joins the lower one, as on Linux. */
static struct region *merge_with(struct aspace *aspace, struct region *region, unsigned neighbours,
                                 struct region **dead)
{
    struct region *next = region_next(region), *previous = region_touching(region);

    if (neighbours > 0 && previous && regions_continue(previous, region)) {
        absorb(aspace, previous, region, dead);
        region = previous;
        neighbours--;
    }
    if (neighbours > 0 && next && regions_continue(region, next))
        absorb(aspace, region, next, dead);
    return region;
}

struct region *region_merge(struct aspace *aspace, struct region *region, struct region **dead)
{
    return merge_with(aspace, region, region->flags & REGION_SEGMENT ? 0 : 2, dead);
}

struct region *region_merge_new(struct aspace *aspace, struct region *region, struct region **dead)
{
    return merge_with(aspace, region, region->flags & REGION_SEGMENT ? 1 : 2, dead);
}

struct amap *region_mergeable_amap(struct aspace *aspace, const struct region *region,
                                   vaddr_t start, vaddr_t end)
{
    const struct region *above = region_find_above(aspace, start);
    const struct region *below =
        above ? region_previous(above) : region_of(tree_last(&aspace->regions));
    struct region place = *region;

    place.start = start;
    place.end = end;
    if (below && below->amap && below->amap->family == region->amap->family) {
        place.amap = below->amap;
        if (regions_continue(below, &place))
            return below->amap;
    }
    if (above && above->amap && above->amap->family == region->amap->family) {
        place.amap = above->amap;
        if (regions_continue(&place, above))
            return above->amap;
    }
    return NULL;
}

/* The amap of neighbour, referenced, if region could be one region with it but for the access. */
static struct amap *borrow_amap(const struct region *region, const struct region *neighbour)
{
    if (!neighbour || (neighbour->end != region->start && neighbour->start != region->end) ||
        !regions_akin(neighbour, region))
        return NULL;
    struct amap *amap = __atomic_load_n(&neighbour->amap, __ATOMIC_ACQUIRE);
    uint64_t distance = region->start / PAGE_SIZE - neighbour->start / PAGE_SIZE;
    if (!amap || amap->inherited || neighbour->amap_offset + distance != region->amap_offset ||
        (region->object && neighbour->object_offset + distance != region->object_offset))
        return NULL;
    amap_reference(amap);
    return amap;
}

struct amap *region_make_amap(struct region *region)
{
    struct amap *none = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE), *amap;

    if (none)
        return none;
    amap = borrow_amap(region, region_next(region)); /* first, as on Linux */
    if (!amap)
        amap = borrow_amap(region, region_touching(region));
    if (!amap)
        amap = amap_create(&region->aspace->swapped_pages);
    if (!amap)
        return NULL;
    /* Other faults hold the aspace for reading as well: the first to set it wins. */
    if (!__atomic_compare_exchange_n(&region->amap, &none, amap, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        amap_release(amap);
        amap = none;
    }
    return amap;
}

/* The highest region that starts at or below high with a gap of at least length below it. */
static struct region *highest_with_gap(struct tree_node *node, uint64_t length, vaddr_t high)
{
    while (node && largest_gap_of(node) >= length) {
        struct region *region = region_of(node);
        if (region->start > high) {
            node = node->left;
            continue;
        }
        struct region *right = highest_with_gap(node->right, length, high);
        if (right)
            return right;
        if (region->gap >= length)
            return region;
        node = node->left;
    }
    return NULL;
}

bool region_find_gap(struct aspace *aspace, uint64_t length, vaddr_t low, vaddr_t high,
                     vaddr_t *address)
{
    struct region *above = region_find_above(aspace, high);
    struct region *below = above ? region_previous(above) : region_of(tree_last(&aspace->regions));
    vaddr_t ceiling = high, floor = below ? below->end : 0;

    if (above) {
        vaddr_t limit = above->start - (above->grows_down ? STACK_GUARD_GAP : 0);
        if (limit < ceiling)
            ceiling = limit;
    }
    if (floor < low)
        floor = low;
    if (ceiling >= floor && ceiling - floor >= length) {
        *address = ceiling - length;
        return true;
    }
    struct region *region =
        below ? highest_with_gap(aspace->regions.root, length, below->start) : NULL;
    if (!region)
        return false;
    vaddr_t top = region->start - (region->grows_down ? STACK_GUARD_GAP : 0);
    if (top < low || top - low < length)
        return false;
    *address = top - length;
    return true;
}

void region_release_all(struct region *list)
{
    while (list) {
        struct region *region = list;
        list = region_of(region->node.parent);
        if (region->amap)
            amap_release(region->amap);
        if (region->writer)
            vnode_write_end(region->vnode);
        if (region->object && region->object->pager->detached)
            region->object->pager->detached(region->object);
        if (region->object)
            object_release(region->object);
        if (region->vnode)
            vnode_release(region->vnode);
        if (region->label)
            label_release(region->label);
        if (region->userfault)
            userfault_release(region->userfault);
        region_free(region);
    }
}
