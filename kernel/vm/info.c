/*
 * What /proc and messages show of an address space.
 */
#include "fs/vnode.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/back_list.h"
#include "vm/mark.h"
#include "vm/page_place.h"
#include "vm/swap.h"
#include "vm/vm.h"

/* The names Linux gives to regions without a file. */
static const char *region_name(const struct aspace *aspace, const struct region *region,
                               struct region_info *info)
{
    if (region->label) {
        format(info->label, sizeof(info->label), "[anon%s:%s]", region->shared ? "_shmem" : "",
               region->label->text);
        return info->label;
    }
    if (region->name || region->object)
        return region->name;
    if (region->start <= aspace->brk && region->end >= aspace->brk_start && aspace->brk)
        return "[heap]";
    if (region->start <= aspace->stack_top && region->end >= aspace->stack_top)
        return "[stack]";
    return NULL;
}

/* How many translations lead to the object's page at an index. */
static unsigned count_translations(struct object *object, uint64_t index, struct share_memo *memo)
{
    unsigned at = (unsigned)(index % SHARE_MEMO_SIZE), count;

    if (memo && memo->pages[at].object == object && memo->pages[at].index == index &&
        memo->pages[at].count)
        return memo->pages[at].count;
    count = back_list_mappings(object, index);
    if (memo) {
        memo->pages[at].object = object;
        memo->pages[at].index = index;
        memo->pages[at].count = count;
    }
    return count;
}

/* How many translations, or amaps, have the page: one at least. */
static unsigned count_mappings(const struct page_place *place, const struct page *page)
{
    const struct region *region = place->region;
    unsigned count;

    if (place->item)
        count = __atomic_load_n(&page->references, __ATOMIC_RELAXED);
    else
        count = count_translations(region->object, region_object_index(region, place->address),
                                   place->memo);
    return count ? count : 1;
}

/* Count the page as one of count mappings. */
static void count_share(struct region_info *info, uint32_t flags, bool shmem, bool offered,
                        unsigned count)
{
    uint64_t share = PAGE_SIZE * SHARE_UNIT / count;
    bool dirty = (flags & (PAGE_ANONYMOUS | PAGE_DIRTY)) && !offered;

    info->share += share;
    if (dirty)
        info->dirty_share += share;
    if (flags & PAGE_ANONYMOUS)
        info->anonymous_share += share;
    else if (shmem)
        info->shmem_share += share;
    if (count > 1)
        info->shared_pages++;
    if (dirty)
        info->dirty++;
    if (dirty && count > 1)
        info->shared_dirty++;
    if (offered)
        info->offered++;
}

static void count_page(const struct page_place *place, struct page *page, struct region_info *info)
{
    const struct region *region = place->region;
    uint32_t flags = page_flags(page);
    bool shmem = !place->item && region->object && region->object->anonymous;

    if (page == zero_page)
        return;
    info->resident++;
    if (place->item)
        info->anonymous++;
    else if (shmem)
        info->shmem++;
    bool offered = place->item && !(region->flags & REGION_DROPPABLE) &&
                   amap_is_offered(place->amap, region_slot(region, place->address));
    count_share(info, flags, shmem, offered, count_mappings(place, page));
    if ((flags & PAGE_REFERENCED) || pmap_was_used(&region->aspace->pmap, place->address))
        info->referenced++;
}

/* A private page that is in a swap area only. */
static void count_swapped(void *entry, struct region_info *info)
{
    info->swapped++;
    info->swapped_share += PAGE_SIZE * SHARE_UNIT / swap_entry_count(entry);
}

/* Pages of shared memory in the region that are in swap areas only. */
static uint64_t count_swapped_of_object(const struct region *region)
{
    struct object *object = region->object;
    uint64_t index = region->object_offset, last = index + region_pages(region) - 1, count = 0;

    mutex_lock(&object->lock);
    while (index <= last && radix_next(&object->swapped, index, last, &index)) {
        count += !radix_lookup(&object->pages, index);
        index++;
    }
    mutex_unlock(&object->lock);
    return count;
}

/* REGION_SHARES */
static void count_shares_of(const struct region *region, struct share_memo *memo,
                            struct region_info *info)
{
    struct page_place place = {.region = region, .address = region->start, .memo = memo};

    page_place_lock(&place);
    while (page_place_find(&place, region->end)) {
        struct page *page = page_place_page(&place);
        if (page)
            count_page(&place, page, info);
        else if (place.item)
            count_swapped(place.item, info);
        place.address += PAGE_SIZE;
    }
    page_place_unlock(&place);
    if (region->object && region->object->anonymous)
        info->swapped += count_swapped_of_object(region);
}

/* The kinds of the pages from place->address on. */
static void count_run(const struct page_place *place, unsigned count, struct region_info *info)
{
    const struct region *region = place->region;
    bool shmem = region->object && region->object->anonymous;
    void *own[RADIX_RUN] = {NULL};
    paddr_t frames[RADIX_RUN], zeros = page_address(zero_page);

    if (place->amap)
        radix_lookup_range(&place->amap->slots, region_slot(region, place->address), count, own);
    pmap_frames(&region->aspace->pmap, place->address, count, frames);
    for (unsigned i = 0; i < count; i++) {
        if (is_swap_entry(own[i])) {
            info->swapped++;
        } else if (own[i]) {
            info->resident++;
            info->anonymous++;
        } else if (frames[i] && frames[i] != zeros && page_exists(frames[i])) {
            info->resident++;
            info->shmem += shmem;
        }
    }
}

/* REGION_KINDS */
static void count_kinds_of(const struct region *region, struct region_info *info)
{
    struct page_place place = {.region = region, .address = region->start};

    page_place_lock(&place);
    while (page_place_find(&place, region->end)) {
        uint64_t count = (region->end - place.address) / PAGE_SIZE;
        count = count < RADIX_RUN ? count : RADIX_RUN;
        count_run(&place, (unsigned)count, info);
        place.address += count * PAGE_SIZE;
    }
    page_place_unlock(&place);
}

static void fill_layout(const struct aspace *aspace, const struct region *region,
                        struct region_info *info)
{
    info->start = region->start;
    info->end = region->end;
    info->access = region->access;
    info->max_access = region->max_access;
    info->shared = region->shared;
    info->grows_down = region->grows_down;
    info->no_reserve = region->no_reserve;
    info->stored = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);
    info->offset = region->object ? region->object_offset << PAGE_SHIFT : 0;
    info->vnode = region->vnode;
    info->number = region->object ? region->object->number : 0;
    info->name = region_name(aspace, region, info);
    info->flags = region->flags;
    if (info->vnode)
        vnode_reference(info->vnode);
}

bool aspace_region_info(struct aspace *aspace, vaddr_t address, enum region_detail detail,
                        struct share_memo *memo, struct region_info *info)
{
    *info = (struct region_info){0};
    rwlock_read(&aspace->lock);
    struct region *region = region_find_above(aspace, address);
    if (region)
        fill_layout(aspace, region, info);
    if (region && detail == REGION_KINDS)
        count_kinds_of(region, info);
    if (region && detail == REGION_SHARES)
        count_shares_of(region, memo, info);
    rwlock_read_done(&aspace->lock);
    return region;
}

/* Describe what has been found at a place. */
static void describe(const struct page_place *place, struct page_info *info)
{
    const struct page *page = page_place_page(place);

    if (page) {
        info->present = true;
        info->frame = page_address(page);
        info->of_object = page != zero_page && !place->item;
        info->exclusive = page != zero_page && count_mappings(place, page) == 1;
    } else if (place->item) {
        info->swapped = true;
        swap_entry_place(place->item, &info->area, &info->slot);
    }
}

/* A page that is marked is shown as protected, and as one in a swap area if it is missing, which
 * is where Linux notes it. */
static void describe_mark(const struct page_place *place, struct page_info *info)
{
    info->is_protected = marks_of(place->region->aspace, place->address) & MARK_PROTECTED;
    if (!info->present)
        info->swapped = true;
}

void aspace_page_info(struct aspace *aspace, vaddr_t address, unsigned count,
                      struct page_info *info)
{
    vaddr_t end = address + count * PAGE_SIZE, start = address;
    const struct region *region;

    memset(info, 0, count * sizeof(*info));
    rwlock_read(&aspace->lock);
    while (start < end && (region = region_find_above(aspace, start)) && region->start < end) {
        vaddr_t low = start > region->start ? start : region->start;
        struct page_place place = {.region = region, .address = low};
        vaddr_t stop = region->end < end ? region->end : end;
        page_place_lock(&place);
        for (; page_place_find(&place, stop); place.address += PAGE_SIZE)
            describe(&place, &info[(place.address - address) / PAGE_SIZE]);
        page_place_unlock(&place);
        for (place.address = low; (place.address = mark_next(aspace, place.address, stop)) < stop;
             place.address += PAGE_SIZE)
            describe_mark(&place, &info[(place.address - address) / PAGE_SIZE]);
        start = stop;
    }
    rwlock_read_done(&aspace->lock);
}

bool aspace_find_object(struct aspace *aspace, vaddr_t address, struct object **object,
                        uint64_t *offset)
{
    rwlock_read(&aspace->lock);
    struct region *region = region_find(aspace, address);
    bool shared = region && region->shared && region->object;
    *object = shared ? region->object : NULL;
    *offset =
        shared ? region_object_index(region, address) * PAGE_SIZE + (address & PAGE_MASK) : address;
    if (shared)
        object_reference(region->object);
    rwlock_read_done(&aspace->lock);
    return region;
}
