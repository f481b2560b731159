/*
 * What /proc and messages show of an address space.
 */
#include "fs/vnode.h"
#include "lib/format.h"
#include "vm/amap.h"
#include "vm/back_list.h"
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

/* Count the page at address, which is mapped to frame. Aspace locked. */
static void count_page(const struct region *region, vaddr_t address, struct page *page,
                       struct region_info *info)
{
    uint32_t flags = page_flags(page);
    bool anonymous = flags & PAGE_ANONYMOUS, shared;

    if (page == zero_page)
        return;
    if (anonymous) {
        info->anonymous++;
        shared = __atomic_load_n(&page->references, __ATOMIC_RELAXED) > 1;
    } else {
        shared = back_list_is_shared(region->object, region_object_index(region, address));
    }
    info->resident++;
    if (shared)
        info->shared_pages++;
    else
        info->private_pages++;
    if (anonymous || (flags & PAGE_DIRTY)) {
        info->dirty++;
        if (shared)
            info->shared_dirty++;
    }
}

static void count_pages_of(struct aspace *aspace, const struct region *region,
                           struct region_info *info)
{
    for (vaddr_t address = region->start; address < region->end; address += PAGE_SIZE) {
        paddr_t frame;
        unsigned access;
        vaddr_t next = pmap_next(&aspace->pmap, address, region->end);
        if (next >= region->end)
            break;
        address = next;
        if (pmap_query(&aspace->pmap, address, &frame, &access) && page_exists(frame))
            count_page(region, address, page_of(frame), info);
    }
}

bool aspace_region_info(struct aspace *aspace, vaddr_t address, bool count_pages,
                        struct region_info *info)
{
    *info = (struct region_info){0};
    rwlock_read(&aspace->lock);
    struct region *region = region_find_above(aspace, address);
    if (region) {
        info->start = region->start;
        info->end = region->end;
        info->access = region->access;
        info->shared = region->shared;
        info->grows_down = region->grows_down;
        info->offset = region->object ? region->object_offset << PAGE_SHIFT : 0;
        info->vnode = region->vnode;
        info->name = region_name(aspace, region, info);
        info->flags = region->flags;
        if (info->vnode)
            vnode_reference(info->vnode);
        if (count_pages)
            count_pages_of(aspace, region, info);
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
