/*
 * Address spaces: creation, accounting, destruction.
 */
#include "vm/aspace.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/thread.h"
#include "lib/string.h"
#include "vm/amap.h"
#include "vm/back_list.h"
#include "vm/commit.h"
#include "vm/evict.h"
#include "vm/kmem.h"
#include "vm/swap.h"
#include "vm/userfault.h"
#include "vm/vm.h"

static struct slab_cache aspace_cache;

/* What distributions set; a Linux kernel's own default is 65,530. */
uint64_t region_count_limit = 1048576;

void vm_init(void)
{
    slab_cache_init(&aspace_cache, "aspace", sizeof(struct aspace), 8);
    region_cache_init();
    amap_cache_init();
    userfault_cache_init();
    object_cache_init();
    page_wait_init();
    swap_init();
    zero_page = page_allocate(0, PAGE_ZERO);
    if (!zero_page)
        panic("no memory for the page of zeros");
    page_set(zero_page, PAGE_CODE);
}

struct aspace *aspace_create(void)
{
    struct aspace *aspace = slab_allocate_zeroed(&aspace_cache);

    if (!aspace)
        return NULL;
    if (pmap_init(&aspace->pmap)) {
        slab_free(&aspace_cache, aspace);
        return NULL;
    }
    rwlock_init(&aspace->lock, "aspace", RANK_ASPACE);
    region_set_init(aspace);
    aspace->references = 1;
    aspace->stack_limit = aspace->address_limit = aspace->data_limit = UINT64_MAX;
    aspace->lock_limit = UINT64_MAX;
    evict_add_aspace(aspace);
    return aspace;
}

void aspace_reference(struct aspace *aspace)
{
    __atomic_fetch_add(&aspace->references, 1, __ATOMIC_RELAXED);
}

/* Take all regions out of the set; the list of them. */
static struct region *take_all_regions(struct aspace *aspace)
{
    struct region *dead = NULL;
    struct tree_node *node;

    rwlock_write(&aspace->lock);
    while ((node = tree_dismantle(&aspace->regions))) {
        struct region *region = container_of(node, struct region, node);
        if (region->object)
            back_list_remove(region);
        region_push_dead(region, &dead);
    }
    aspace->region_count = 0;
    aspace->last_found = NULL;
    rwlock_write_done(&aspace->lock);
    return dead;
}

/* Reverse mapping still finds the regions. */
static void check_at_end(struct aspace *aspace)
{
#ifdef DEBUG
    rwlock_write(&aspace->lock);
    aspace_check(aspace);
    rwlock_write_done(&aspace->lock);
#else
    (void)aspace;
#endif
}

/*
 * No hart has the page tables loaded and none will, so nothing is flushed: the translations go with
 * the tables. Reverse mapping finds no region any more, and who found one before is waited for.
 */
void aspace_release(struct aspace *aspace)
{
    if (__atomic_fetch_sub(&aspace->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    evict_remove_aspace(aspace);
    check_at_end(aspace);
    commit_change(-(int64_t)aspace->committed_pages);
    struct region *dead = take_all_regions(aspace);
    while (__atomic_load_n(&aspace->walkers, __ATOMIC_ACQUIRE))
        thread_yield();
    pmap_destroy(&aspace->pmap);
    region_release_all(dead);
    radix_clear(&aspace->marks);
    slab_free(&aspace_cache, aspace);
}

void aspace_set_layout(struct aspace *aspace, vaddr_t stack_top, vaddr_t mmap_top,
                       vaddr_t brk_start)
{
    aspace->stack_top = stack_top;
    aspace->mmap_top = mmap_top;
    aspace->brk_start = aspace->brk = brk_start;
}

static bool is_data(const struct region *region)
{
    return !region->shared && !region->grows_down && (region->access & ACCESS_WRITE);
}

void aspace_account(struct aspace *aspace, const struct region *region, int sign)
{
    uint64_t pages = region_pages(region), change = sign > 0 ? pages : -pages;

    aspace->mapped_pages += change;
    if (aspace->mapped_pages > aspace->mapped_peak)
        aspace->mapped_peak = aspace->mapped_pages;
    if (is_data(region))
        aspace->data_pages += change;
    if (region->flags & REGION_COMMITTED) {
        aspace->committed_pages += change;
        commit_change((int64_t)change);
    }
    if (region->flags & REGION_LOCKED)
        aspace->locked_pages += change;
}

bool aspace_may_lock(const struct aspace *aspace, uint64_t pages)
{
    return aspace->locked_pages + pages <= aspace->lock_limit >> PAGE_SHIFT ||
           process_may_lock_memory();
}

bool aspace_within_limits(const struct aspace *aspace, uint64_t pages, bool writable)
{
    if (aspace->mapped_pages + pages > aspace->address_limit >> PAGE_SHIFT)
        return false;
    return !writable || aspace->data_pages + pages <= aspace->data_limit >> PAGE_SHIFT;
}

bool aspace_may_lock_any(const struct aspace *aspace)
{
    return __atomic_load_n(&aspace->lock_limit, __ATOMIC_RELAXED) || process_may_lock_memory();
}

int spares_reserve(struct region *spares[2])
{
    spares[0] = region_allocate_spare();
    spares[1] = region_allocate_spare();
    if (spares[0] && spares[1])
        return 0;
    spares_release(spares);
    return -ENOMEM;
}

void spares_release(struct region *spares[2])
{
    region_free(spares[0]);
    region_free(spares[1]);
    spares[0] = spares[1] = NULL;
}

/* Move up to one page's worth between buffer and the page at address, if it is mapped. The pmap's
 * lock keeps the translation, and so the frame, while no hart needs to have the tables loaded. */
static bool copy_mapped(struct aspace *aspace, vaddr_t address, void *buffer, size_t size,
                        bool write)
{
    spin_lock(&aspace->pmap.lock);
    void *user = pmap_user_byte(&aspace->pmap, address, write ? ACCESS_WRITE : ACCESS_READ);
    if (user && write)
        memcpy(user, buffer, size);
    else if (user)
        memcpy(buffer, user, size);
    spin_unlock(&aspace->pmap.lock);
    return user;
}

/* May the page at address be reached from outside? What is write-only is readable to the processor
 * alone, and nothing grows down to the address. */
static bool is_reachable(struct aspace *aspace, vaddr_t address, bool write)
{
    rwlock_read(&aspace->lock);
    const struct region *region = region_find(aspace, address);
    bool reachable = region && (write || (region->access & ACCESS_READ));
    rwlock_read_done(&aspace->lock);
    return reachable;
}

static size_t copy_pages(struct aspace *aspace, vaddr_t address, void *buffer, size_t size,
                         bool write)
{
    size_t done = 0;

    while (done < size) {
        size_t count = rest_of_page(address + done, size - done);
        if (!is_reachable(aspace, address + done, write))
            break;
        if (copy_mapped(aspace, address + done, (char *)buffer + done, count, write))
            done += count;
        else if (aspace_fault(aspace, address + done, write ? ACCESS_WRITE : ACCESS_READ))
            break;
    }
    return done;
}

size_t aspace_read(struct aspace *aspace, vaddr_t address, void *buffer, size_t size)
{
    return copy_pages(aspace, address, buffer, size, false);
}

size_t aspace_write(struct aspace *aspace, vaddr_t address, const void *buffer, size_t size)
{
    return copy_pages(aspace, address, (void *)(uintptr_t)buffer, size, true);
}

static size_t copy_forced(struct aspace *aspace, vaddr_t address, char *buffer, size_t size,
                          unsigned access)
{
    size_t done = 0;

    while (done < size) {
        size_t count = rest_of_page(address + done, size - done);
        if (fault_forced(aspace, address + done, buffer + done, count, access))
            break;
        done += count;
    }
    return done;
}

size_t aspace_read_forced(struct aspace *aspace, vaddr_t address, void *buffer, size_t size)
{
    return copy_forced(aspace, address, buffer, size, ACCESS_READ);
}

size_t aspace_write_forced(struct aspace *aspace, vaddr_t address, const void *buffer, size_t size)
{
    size_t done = copy_forced(aspace, address, (void *)(uintptr_t)buffer, size, ACCESS_WRITE);

    if (done)
        instruction_fence_all();
    return done;
}
