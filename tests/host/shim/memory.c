/*
 * The interfaces of vm/page.h (allocation) and vm/kmem.h for tests of what is built on them: every
 * object is a block of malloc, free frames are poisoned for AddressSanitizer, fresh memory is
 * filled with rubbish. Frames are handed out in turn, so that a freed one is not soon used again.
 */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include "shim.h"
#include "core/printk.h"
#include "vm/failure.h"
#include "vm/reclaim.h"

#define RUBBISH 0xa5

__attribute__((weak)) void radix_node_init(void);

struct page *page_array;
paddr_t page_base, page_end;

static uint64_t frames_total, frames_free, objects_live;
static size_t next_frame; /* where the search for a free frame begins */

size_t page_array_size(paddr_t start, paddr_t end)
{
    return (end - start) / PAGE_SIZE * sizeof(struct page);
}

void page_array_init(paddr_t start, paddr_t end, void *storage)
{
    page_array = storage;
    page_base = start;
    page_end = end;
    frames_total = frames_free = objects_live = 0;
    next_frame = 0;
    memset(storage, 0, page_array_size(start, end));
    for (size_t i = 0; i < (end - start) / PAGE_SIZE; i++) {
        list_init(&page_array[i].link);
        page_array[i].flags = PAGE_RESERVED;
    }
}

void page_allocator_add(paddr_t start, paddr_t end)
{
    for (paddr_t frame = start; frame < end; frame += PAGE_SIZE) {
        page_of(frame)->flags = PAGE_FREE;
        frames_total++;
        frames_free++;
    }
    ASAN_POISON_MEMORY_REGION(physical_to_virtual(start), end - start);
}

/* The first page of a free aligned run of 2^order frames, or NULL. */
static struct page *find_run(unsigned order)
{
    size_t count = (page_end - page_base) / PAGE_SIZE, size = (size_t)1 << order;
    size_t start = (next_frame + size - 1) & ~(size - 1);
    for (size_t tried = 0; tried <= count; tried += size, start += size) {
        size_t free = 0;
        if (start + size > count)
            start = 0;
        while (free < size && (page_array[start + free].flags & PAGE_FREE))
            free++;
        if (free == size) {
            next_frame = start + size;
            return &page_array[start];
        }
    }
    return NULL;
}

static struct page *take_run(unsigned order, unsigned request)
{
    struct page *page = find_run(order);
    size_t size = PAGE_SIZE << order;
    if (!page)
        return NULL;
    for (size_t i = 0; i < (size_t)1 << order; i++) {
        page[i] = (struct page){0};
        list_init(&page[i].link);
    }
    page->references = 1;
    frames_free -= (uint64_t)1 << order;
    ASAN_UNPOISON_MEMORY_REGION(page_data(page), size);
    memset(page_data(page), request & PAGE_ZERO ? 0 : RUBBISH, size);
    return page;
}

struct page *page_allocate(unsigned order, unsigned request)
{
    struct page *page;
    if (!(request & PAGE_NOWAIT)) {
        if (shim_interrupts_off)
            panic("page_allocate may sleep, but interrupts are off");
    }
    if (allocation_fails())
        return NULL;
    page = take_run(order, request);
    while (!page && !(request & PAGE_NOWAIT) && reclaim_pages(1u << order))
        page = take_run(order, request);
    return page;
}

void page_free(struct page *page, unsigned order)
{
    if (page->references != 1)
        panic("page_free of a page with %u references", page->references);
    if (!list_empty(&page->link))
        panic("page_free of a page on a list");
    if (page->flags & (PAGE_FREE | PAGE_RESERVED | PAGE_BUSY | PAGE_WRITEBACK))
        panic("page_free of a page with flags %x", page->flags);
    page->references = 0;
    for (size_t i = 0; i < (size_t)1 << order; i++)
        page[i].flags = PAGE_FREE;
    frames_free += (uint64_t)1 << order;
    ASAN_POISON_MEMORY_REGION(page_data(page), PAGE_SIZE << order);
}

void page_reference(struct page *page)
{
    if (page->references == 0)
        panic("reference to a free page");
    page->references++;
}

void page_release(struct page *page)
{
    if (page->references == 0)
        panic("release of a free page");
    if (page->references == 1)
        page_free(page, 0);
    else
        page->references--;
}

uint64_t page_count_total(void)
{
    return frames_total;
}

bool page_count_is_below_high(void)
{
    return false;
}

void page_set_anonymous(struct page *page)
{
    page_set(page, PAGE_ANONYMOUS);
}

uint64_t page_count_free(void)
{
    return frames_free;
}

uint64_t shim_live_frames(void)
{
    return frames_total - frames_free;
}

/* Objects */

static void *object_allocate(size_t size, size_t alignment, bool zeroed)
{
    void *memory;
    if (allocation_fails())
        return NULL;
    if (posix_memalign(&memory, alignment, size))
        return NULL;
    memset(memory, zeroed ? 0 : RUBBISH, size);
    objects_live++;
    return memory;
}

static void object_free(void *memory)
{
    if (objects_live == 0)
        panic("more objects freed than allocated");
    objects_live--;
    free(memory);
}

/* The largest power of two that divides size, and is allowed as an alignment. */
static size_t natural_alignment(size_t size)
{
    size_t alignment = size & -size;
    if (alignment > PAGE_SIZE)
        return PAGE_SIZE;
    return alignment < sizeof(void *) ? sizeof(void *) : alignment;
}

void slab_cache_init(struct slab_cache *cache, const char *name, size_t size, size_t alignment)
{
    *cache = (struct slab_cache){.name = name};
    cache->size = (size + alignment - 1) & ~(alignment - 1);
    spin_init(&cache->lock, name, RANK_SLAB);
    list_init(&cache->partial);
}

static void *cache_allocate(struct slab_cache *cache, bool zeroed)
{
    void *object;
    spin_lock(&cache->lock); /* for the check of the lock order */
    object = object_allocate(cache->size, natural_alignment(cache->size), zeroed);
    if (object)
        cache->in_use++;
    spin_unlock(&cache->lock);
    return object;
}

void *slab_allocate(struct slab_cache *cache)
{
    return cache_allocate(cache, false);
}

void *slab_allocate_zeroed(struct slab_cache *cache)
{
    return cache_allocate(cache, true);
}

void slab_free(struct slab_cache *cache, void *object)
{
    spin_lock(&cache->lock);
    if (cache->in_use == 0)
        panic("%s: more objects freed than allocated", cache->name);
    cache->in_use--;
    object_free(object);
    spin_unlock(&cache->lock);
}

void *kmalloc(size_t size)
{
    return object_allocate(size, size < 16 || (size & (size - 1)) ? 16 : natural_alignment(size),
                           false);
}

void *kmalloc_zeroed(size_t size)
{
    return object_allocate(size, size < 16 || (size & (size - 1)) ? 16 : natural_alignment(size),
                           true);
}

void kfree(void *memory)
{
    if (memory)
        object_free(memory);
}

void kmem_init(void)
{
    if (radix_node_init)
        radix_node_init();
}

uint64_t shim_live_objects(void)
{
    return objects_live;
}
