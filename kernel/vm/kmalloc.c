/*
 * kmalloc: a slab cache for each of a set of sizes. Larger blocks are frames, with the order in the
 * index of the first page.
 */
#include "core/printk.h"
#include "lib/string.h"
#include "vm/failure.h"
#include "vm/kmem.h"
#include "vm/page.h"
#include "vm/radix_node.h"

#define UNIT     16
#define SLAB_MAX 2048
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    uint16_t size;
    const char *name;
} classes[] = {
    {16, "kmalloc-16"},     {32, "kmalloc-32"},     {48, "kmalloc-48"},   {64, "kmalloc-64"},
    {96, "kmalloc-96"},     {128, "kmalloc-128"},   {192, "kmalloc-192"}, {256, "kmalloc-256"},
    {384, "kmalloc-384"},   {512, "kmalloc-512"},   {768, "kmalloc-768"}, {1024, "kmalloc-1024"},
    {1536, "kmalloc-1536"}, {2048, "kmalloc-2048"},
};

static struct slab_cache caches[COUNT(classes)];
static uint8_t class_of[SLAB_MAX / UNIT + 1]; /* by size in units, rounded up */

static struct slab_cache *cache_for(size_t size)
{
    return &caches[class_of[(size + UNIT - 1) / UNIT]];
}

static void *allocate_frames(size_t size, unsigned request)
{
    unsigned order = 0;
    struct page *page;
    while (PAGE_SIZE << order < size) {
        order++;
        if (PAGE_SIZE << order == 0)
            return NULL;
    }
    page = page_allocate(order, request | PAGE_NOWAIT);
    if (!page)
        return NULL;
    page->index = order;
    return page_data(page);
}

void *kmalloc(size_t size)
{
    return size <= SLAB_MAX ? slab_allocate(cache_for(size)) : allocate_frames(size, 0);
}

void *kmalloc_zeroed(size_t size)
{
    return size <= SLAB_MAX ? slab_allocate_zeroed(cache_for(size))
                            : allocate_frames(size, PAGE_ZERO);
}

void kfree(void *memory)
{
    struct page *page;
    if (!memory)
        return;
    debug_assert(page_exists(virtual_to_physical(memory)));
    page = page_of(virtual_to_physical(memory));
    if (page_is(page, PAGE_SLAB)) {
        slab_free(page->owner, memory);
    } else {
        debug_assert(page_data(page) == memory);
        page_free(page, (unsigned)page->index);
    }
}

void kmem_init(void)
{
    unsigned class = 0;
    for (size_t i = 0; i < COUNT(caches); i++) {
        size_t size = classes[i].size;
        slab_cache_init(&caches[i], classes[i].name, size, size & (size - 1) ? UNIT : size);
    }
    for (size_t unit = 0; unit <= SLAB_MAX / UNIT; unit++) {
        while (classes[class].size < unit * UNIT)
            class ++;
        class_of[unit] = (uint8_t) class;
    }
    radix_node_init();
}
