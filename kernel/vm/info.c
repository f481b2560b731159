/*
 * What /proc and messages show of an address space.
 */
#include "fs/vnode.h"
#include "lib/format.h"
#include "vm/amap.h"
#include "vm/back_list.h"
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

/* How many translations, or amaps, have the page at address: one at least. */
static unsigned count_mappings(const struct region *region, vaddr_t address,
                               const struct page *page)
{
    unsigned count;

    if (page_flags(page) & PAGE_ANONYMOUS)
        count = __atomic_load_n(&page->references, __ATOMIC_RELAXED);
    else
        count = back_list_mappings(region->object, region_object_index(region, address));
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
    if (flags & PAGE_REFERENCED)
        info->referenced++;
}

/* Count the page at address, which is mapped. Aspace locked, and the amap if there is one. */
static void count_page(const struct region *region, struct amap *amap, vaddr_t address,
                       struct page *page, enum region_detail detail, struct region_info *info)
{
    uint32_t flags = page_flags(page);
    bool shmem = !(flags & PAGE_ANONYMOUS) && region->object && region->object->anonymous;

    if (page == zero_page)
        return;
    info->resident++;
    if (flags & PAGE_ANONYMOUS)
        info->anonymous++;
    else if (shmem)
        info->shmem++;
    if (detail == REGION_SHARES) {
        bool offered = amap && amap_is_offered(amap, region_slot(region, address));
        count_share(info, flags, shmem, offered, count_mappings(region, address, page));
    }
}

/* Count what the page tables lead to. Aspace locked, and the amap if there is one. */
static void count_present(struct aspace *aspace, const struct region *region, struct amap *amap,
                          enum region_detail detail, struct region_info *info)
{
    for (vaddr_t address = region->start; address < region->end; address += PAGE_SIZE) {
        paddr_t frame;
        unsigned access;
        vaddr_t next = pmap_next(&aspace->pmap, address, region->end);
        if (next >= region->end)
            break;
        address = next;
        if (pmap_query(&aspace->pmap, address, &frame, &access) && page_exists(frame))
            count_page(region, amap, address, page_of(frame), detail, info);
    }
}

/* Private pages that are in swap areas only. */
static uint64_t count_swapped(const struct region *region, struct amap *amap) REQUIRES(amap->lock)
{
    uint64_t slot = region_slot(region, region->start), count = 0;
    uint64_t last = slot + region_pages(region) - 1;
    void *item;

    while (slot <= last && (item = radix_next(&amap->slots, slot, last, &slot))) {
        count += is_swap_entry(item);
        slot++;
    }
    return count;
}

static void count_pages_of(struct aspace *aspace, const struct region *region,
                           enum region_detail detail, struct region_info *info)
{
    struct amap *amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE);

    if (!amap) {
        count_present(aspace, region, amap, detail, info);
        return;
    }
    mutex_lock(&amap->lock);
    count_present(aspace, region, amap, detail, info);
    info->swapped = count_swapped(region, amap);
    mutex_unlock(&amap->lock);
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
    info->offset = region->object ? region->object_offset << PAGE_SHIFT : 0;
    info->vnode = region->vnode;
    info->name = region_name(aspace, region, info);
    info->flags = region->flags;
    if (info->vnode)
        vnode_reference(info->vnode);
}

bool aspace_region_info(struct aspace *aspace, vaddr_t address, enum region_detail detail,
                        struct region_info *info)
{
    *info = (struct region_info){0};
    rwlock_read(&aspace->lock);
    struct region *region = region_find_above(aspace, address);
    if (region)
        fill_layout(aspace, region, info);
    if (region && detail != REGION_LAYOUT)
        count_pages_of(aspace, region, detail, info);
    rwlock_read_done(&aspace->lock);
    return region;
}

bool aspace_page_info(struct aspace *aspace, vaddr_t address, struct page_info *info)
{
    struct amap *amap;
    unsigned access;

    *info = (struct page_info){0};
    rwlock_read(&aspace->lock);
    struct region *region = region_find(aspace, address);
    if (region && pmap_query(&aspace->pmap, address, &info->frame, &access) &&
        page_exists(info->frame)) {
        const struct page *page = page_of(info->frame);
        info->present = true;
        info->of_object = page != zero_page && !(page_flags(page) & PAGE_ANONYMOUS);
        info->exclusive = page != zero_page && count_mappings(region, address, page) == 1;
    } else if (region && (amap = __atomic_load_n(&region->amap, __ATOMIC_ACQUIRE))) {
        mutex_lock(&amap->lock);
        info->swapped = amap_is_swapped(amap, region_slot(region, address));
        mutex_unlock(&amap->lock);
    }
    rwlock_read_done(&aspace->lock);
    return region;
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
