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

struct region *region_before(struct aspace *aspace, const struct region *region)
{
    return region ? region_previous(region) : region_of(tree_last(&aspace->regions));
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

void region_push_dead(struct region *region, struct region **dead)
{
    region->node.parent = *dead ? &(*dead)->node : NULL;
    *dead = region;
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
    struct region *below = region_before(aspace, above);
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
