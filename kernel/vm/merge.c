/*
 * Merging: regions that continue each other, in addresses, pages and all they are, become one. So
 * the set stays small, and /proc/PID/maps shows what Linux shows.
 *
 *    AAAA BBBB    ->  AAAAAAAA     both of one object, or both of one amap, or only one has an amap
 *
 * What has the choice sees to it that neighbours can merge one day: a region's amap is its
 * neighbour's, if the numbers of their slots agree.
 */
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/aspace.h"
#include "vm/region.h"
#include "vm/vm.h"

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
    const struct region *below = region_before(aspace, above);
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
