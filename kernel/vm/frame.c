/*
 * The frame allocator: a buddy allocator behind small caches of single frames, one per hart.
 *
 * A free block of 2^n frames is aligned to its size (in physical addresses) and is on the list of
 * its order; its first page has PAGE_FREE and keeps the order in block_flags. A block that becomes
 * free is merged with its buddy, the other half of the next larger block, if that is free as a
 * whole.
 *
 * Single frames come from and go to the cache of the current hart, which only this hart touches,
 * with interrupts off; it exchanges a batch with the buddy lists at a time. A frame in such a cache
 * is not PAGE_FREE, so it is not merged.
 *
 * The last frames, the reserve, are for what the kernel needs in order to write pages out and free
 * others: half of them for requests with PAGE_NOWAIT and without PAGE_USER, all for threads that
 * free memory. Requests that can wait reclaim instead.
 *
 * In the DEBUG kernel freed frames are filled with a pattern, and a change of it is found when the
 * frame is given out again.
 */
#include "arch/riscv/hart.h"
#include "core/lock.h"
#include "core/printk.h"
#include "core/thread.h"
#include "lib/string.h"
#include "vm/failure.h"
#include "vm/page.h"
#include "vm/reclaim.h"

#define ORDER_MAX        10        /* 4 MiB */
#define CACHE_MAX        32        /* frames in a hart's cache, at most */
#define RESERVE_MAX      64        /* frames */
#define CONTIGUOUS_TRIES 8         /* rounds of reclaiming for more than one frame */
#define WHOLE_RESERVE    (1u << 3) /* beside the flags of page_allocate: from one who frees memory */

/* Flags that a page may not have when it is freed. */
#define IN_USE (PAGE_BUSY | PAGE_WRITEBACK | PAGE_FREE | PAGE_ACTIVE | PAGE_RESERVED)

struct page *page_array;
paddr_t page_base, page_end;

static struct {
    struct spinlock lock;
    struct list blocks[ORDER_MAX + 1]; /* (lock) free blocks by order */
    uint64_t free;                     /* (lock) frames in them; read without it for statistics */
    uint64_t total;                    /* constant after boot, as are the others */
    uint64_t reserve;
    uint64_t low, high; /* with fewer than low free the reclaim thread is woken, for high */
    uint32_t batch;
} frames;

/* Touched by its hart only, with interrupts off; the counts are read by others for statistics. */
static struct hart_cache {
    uint32_t count;
    struct page *pages[CACHE_MAX];
    int64_t anonymous; /* atomic: pages made anonymous here, less those freed here */
} __attribute__((aligned(64))) caches[HART_MAX];

/* Poison */

#ifdef DEBUG
#define POISON 0x0ddba11c0ffeef00u /* also in page->index: the frame is filled with it */

static void poison(struct page *page)
{
    uint64_t *word = page_data(page);
    for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++)
        word[i] = POISON;
    page->index = POISON;
}

/* Memory that was never given out has not been filled. */
static void check_poison(const struct page *page)
{
    const uint64_t *word = page_data(page);
    if (page->index != POISON)
        return;
    for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
        if (word[i] != POISON)
            panic("frame %lx was written to after it was freed: %lx at %zu",
                  (unsigned long)page_address(page), (unsigned long)word[i], i * sizeof(*word));
    }
}
#else
static void poison(struct page *page)
{
    (void)page;
}

static void check_poison(const struct page *page)
{
    (void)page;
}
#endif

/* Blocks; all with the lock held */

static void insert_block(struct page *page, unsigned order)
{
    page->block_flags = order;
    page_set(page, PAGE_FREE);
    list_push_front(&frames.blocks[order], &page->link);
}

static void remove_block(struct page *page)
{
    list_remove(&page->link);
    page_clear(page, PAGE_FREE);
}

/* The buddy of a block if it is free and whole, or NULL. */
static struct page *free_buddy(const struct page *page, unsigned order)
{
    paddr_t address = page_address(page) ^ ((paddr_t)PAGE_SIZE << order);
    struct page *buddy;
    if (!page_exists(address))
        return NULL;
    buddy = page_of(address);
    return page_is(buddy, PAGE_FREE) && buddy->block_flags == order ? buddy : NULL;
}

static void give_block(struct page *page, unsigned order)
{
    struct page *buddy;
    frames.free += (uint64_t)1 << order;
    while (order < ORDER_MAX && (buddy = free_buddy(page, order))) {
        remove_block(buddy);
        if (buddy < page)
            page = buddy;
        order++;
    }
    insert_block(page, order);
}

/* A block of the order, split off a larger one if need be, or NULL. */
static struct page *take_block(unsigned order)
{
    unsigned larger = order;
    struct page *page;
    while (larger <= ORDER_MAX && list_empty(&frames.blocks[larger]))
        larger++;
    if (larger > ORDER_MAX)
        return NULL;
    page = container_of(list_first(&frames.blocks[larger]), struct page, link);
    remove_block(page);
    while (larger > order) {
        larger--;
        insert_block(page + ((size_t)1 << larger), larger);
    }
    frames.free -= (uint64_t)1 << order;
    return page;
}

/* May the request have so many frames, or are they the reserve? Half of that is for those who hold
 * locks, all of it for those who free memory. */
static bool allowed(uint64_t wanted, unsigned request)
{
    uint64_t kept = frames.reserve;
    if (request & WHOLE_RESERVE)
        kept = 0;
    else if ((request & (PAGE_NOWAIT | PAGE_USER)) == PAGE_NOWAIT)
        kept /= 2;
    return frames.free >= kept + wanted;
}

/* The hart's cache; all with interrupts off. What goes to the lists is not inlined: the common way
 * needs no registers saved for it. */

static void set_count(struct hart_cache *cache, uint32_t count)
{
    __atomic_store_n(&cache->count, count, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void drain(struct hart_cache *cache, uint32_t left)
{
    uint32_t count = cache->count;
    spin_lock(&frames.lock);
    while (count > left)
        give_block(cache->pages[--count], 0);
    spin_unlock(&frames.lock);
    set_count(cache, count);
}

/* Get one frame, and more for the cache while there is plenty. */
static __attribute__((noinline)) struct page *refill(struct hart_cache *cache, unsigned request)
{
    struct page *page = NULL;
    spin_lock(&frames.lock);
    if (allowed(1, request))
        page = take_block(0);
    if (page && allowed(frames.batch, 0)) {
        uint32_t count = 0;
        while (count < frames.batch - 1)
            cache->pages[count++] = take_block(0);
        set_count(cache, count);
    }
    bool few = frames.free < frames.low;
    spin_unlock(&frames.lock);
    if (few)
        reclaim_wake();
    return page;
}

static struct page *take_frame(unsigned request)
{
    uint64_t state = interrupts_disable();
    struct hart_cache *cache = &caches[hart_index()];
    struct page *page;
    if (cache->count) {
        page = cache->pages[cache->count - 1];
        set_count(cache, cache->count - 1);
    } else {
        page = refill(cache, request);
    }
    interrupts_restore(state);
    return page;
}

static void give_frame(struct page *page)
{
    uint64_t state = interrupts_disable();
    struct hart_cache *cache = &caches[hart_index()];
    if (cache->count >= 2 * frames.batch)
        drain(cache, frames.batch);
    cache->pages[cache->count] = page;
    set_count(cache, cache->count + 1);
    interrupts_restore(state);
}

/* Contiguous frames; the single ones in this hart's cache may be what is missing. */
static __attribute__((noinline)) struct page *take_contiguous(unsigned order, unsigned request)
{
    struct page *page = NULL;
    for (int attempt = 0; attempt < 2 && !page; attempt++) {
        if (attempt > 0) {
            uint64_t state = interrupts_disable();
            drain(&caches[hart_index()], 0);
            interrupts_restore(state);
        }
        spin_lock(&frames.lock);
        if (allowed((uint64_t)1 << order, request))
            page = take_block(order);
        spin_unlock(&frames.lock);
    }
    return page;
}

static struct page *take(unsigned order, unsigned request)
{
    return order == 0 ? take_frame(request) : take_contiguous(order, request);
}

/* The interface */

/* As take, reclaiming memory until there is enough. */
static __attribute__((noinline)) struct page *take_reclaiming(unsigned order, unsigned request)
{
    struct page *page = NULL;
    for (int round = 0; !page && (order == 0 || round < CONTIGUOUS_TRIES); round++) {
        if (!reclaim_pages(1u << order))
            return NULL;
        page = take(order, request);
    }
    return page;
}

struct page *page_allocate(unsigned order, unsigned request)
{
    struct page *page;
    if (order > ORDER_MAX || allocation_fails())
        return NULL;
    if (current_thread()->frees_memory)
        request = (request | PAGE_NOWAIT | WHOLE_RESERVE) & ~(unsigned)PAGE_USER;
    page = take(order, request);
    if (!page && !(request & PAGE_NOWAIT))
        page = take_reclaiming(order, request);
    if (!page) {
        current_thread()->allocation_failed = true;
        return NULL;
    }
    for (size_t i = 0; i < (size_t)1 << order; i++) {
        check_poison(&page[i]);
        page[i].owner = NULL;
        page[i].index = 0;
        page[i].block_flags = 0;
        if (request & PAGE_ZERO)
            page_zero(page_data(&page[i]));
    }
    __atomic_store_n(&page->references, 1, __ATOMIC_RELEASE);
    return page;
}

/* Atomic, because the hart may be another one before the count is changed. */
static void count_anonymous(int64_t change)
{
    __atomic_fetch_add(&caches[hart_index()].anonymous, change, __ATOMIC_RELAXED);
}

/* The frames have no reference left. */
static void give(struct page *page, unsigned order)
{
    uint32_t flags = page_flags(page);
    if (flags & IN_USE)
        panic("frame %lx freed with flags %x", (unsigned long)page_address(page), flags);
    if (flags & PAGE_ANONYMOUS)
        count_anonymous(-1);
    debug_assert(list_empty(&page->link));
    for (size_t i = 0; i < (size_t)1 << order; i++) {
        __atomic_store_n(&page[i].flags, 0, __ATOMIC_RELAXED);
        poison(&page[i]);
    }
    if (order == 0) {
        give_frame(page);
        return;
    }
    spin_lock(&frames.lock);
    give_block(page, order);
    spin_unlock(&frames.lock);
}

void page_free(struct page *page, unsigned order)
{
    uint32_t references = __atomic_exchange_n(&page->references, 0, __ATOMIC_ACQ_REL);
    if (references != 1)
        panic("frame %lx freed with %u references", (unsigned long)page_address(page), references);
    give(page, order);
}

void page_reference(struct page *page)
{
    uint32_t before = __atomic_fetch_add(&page->references, 1, __ATOMIC_RELAXED);
    assert(before != 0);
}

void page_release(struct page *page)
{
    uint32_t before = __atomic_fetch_sub(&page->references, 1, __ATOMIC_ACQ_REL);
    assert(before != 0);
    if (before == 1)
        give(page, 0);
}

uint64_t page_count_total(void)
{
    return frames.total;
}

uint64_t page_count_free(void)
{
    uint64_t count = __atomic_load_n(&frames.free, __ATOMIC_RELAXED);
    unsigned harts_there = hart_count(); /* the caches of others are empty */
    for (unsigned i = 0; i < harts_there; i++)
        count += __atomic_load_n(&caches[i].count, __ATOMIC_RELAXED);
    return count;
}

void page_set_anonymous(struct page *page)
{
    if (!(page_set(page, PAGE_ANONYMOUS) & PAGE_ANONYMOUS))
        count_anonymous(1);
}

uint64_t page_count_anonymous(void)
{
    int64_t count = 0;
    for (unsigned i = 0; i < HART_MAX; i++)
        count += __atomic_load_n(&caches[i].anonymous, __ATOMIC_RELAXED);
    return count > 0 ? (uint64_t)count : 0;
}

bool page_count_is_below_high(void)
{
    return __atomic_load_n(&frames.free, __ATOMIC_RELAXED) < frames.high;
}

/* Start */

size_t page_array_size(paddr_t start, paddr_t end)
{
    return (size_t)((end - start) >> PAGE_SHIFT) * sizeof(struct page);
}

void page_array_init(paddr_t start, paddr_t end, void *storage)
{
    page_array = storage;
    page_base = start;
    page_end = end;
    spin_init(&frames.lock, "frames", RANK_FRAMES);
    for (unsigned order = 0; order <= ORDER_MAX; order++)
        list_init(&frames.blocks[order]);
    frames.free = frames.total = frames.reserve = frames.low = frames.high = 0;
    frames.batch = 1;
    for (unsigned i = 0; i < HART_MAX; i++)
        set_count(&caches[i], 0);
    memset(storage, 0, page_array_size(start, end));
    for (struct page *page = page_array; page < page_array + ((end - start) >> PAGE_SHIFT);
         page++) {
        list_init(&page->link);
        page->flags = PAGE_RESERVED;
    }
}

/* The reserve is 1/64 of memory, the batch 1/2048, so that small machines are not starved; the
 * reclaim thread keeps 1/64 to 1/32 free above the reserve. */
static void set_limits(void)
{
    uint64_t batch = frames.total / 2048;
    frames.reserve = frames.total / 64;
    if (frames.reserve > RESERVE_MAX)
        frames.reserve = RESERVE_MAX;
    if (batch > CACHE_MAX / 2)
        batch = CACHE_MAX / 2;
    frames.batch = batch ? (uint32_t)batch : 1;
    frames.low = frames.reserve + frames.total / 64;
    frames.high = frames.reserve + frames.total / 32;
}

void page_allocator_add(paddr_t start, paddr_t end)
{
    start = page_round_up(start);
    end = page_round_down(end);
    for (paddr_t frame = start; frame < end; frame += PAGE_SIZE)
        page_clear(page_of(frame), PAGE_RESERVED);
    spin_lock(&frames.lock);
    while (start < end) {
        unsigned order = ORDER_MAX;
        while ((start & (((paddr_t)PAGE_SIZE << order) - 1)) || end - start < (paddr_t)PAGE_SIZE
                                                                                  << order)
            order--;
        give_block(page_of(start), order);
        frames.total += (uint64_t)1 << order;
        start += (paddr_t)PAGE_SIZE << order;
    }
    set_limits();
    spin_unlock(&frames.lock);
}
