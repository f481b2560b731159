/*
 * Slab caches.
 *
 * A slab is a block of frames cut into objects, without any header: what must be known about it is
 * in the page of its first frame. Its pages have PAGE_SLAB and the cache as their owner; in the
 * first one, index is the address of the first free object, block_flags the number of objects that
 * are out, and link is on cache->partial while there is a free object. The first word of a free
 * object points to the next free one.
 *
 * Each hart has a magazine of free objects, which only it touches, with interrupts off: most
 * allocations and frees take one from its list or put one there. It exchanges a batch with the
 * slabs at a time. A few empty slabs are kept, others are given back at once.
 *
 * In the DEBUG kernel free objects are filled with a pattern: a changed pattern is a write after
 * free, an object freed with the pattern intact is freed twice. Objects handed out are filled with
 * another, so that the use of what was not initialised shows.
 */
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "lib/string.h"
#include "vm/failure.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define OBJECT_MIN  16 /* bytes */
#define ORDER_LIMIT 3
#define EMPTY_KEPT  2 /* slabs per cache */

struct slab_magazine {
    void *first; /* linked through the first words */
    uint32_t count;
} __attribute__((aligned(64)));

static struct list all_caches = LIST_INITIALIZER(all_caches); /* changed at boot only */

_Static_assert(HART_MAX * sizeof(struct slab_magazine) <= PAGE_SIZE, "magazines fit a frame");

static void *next_of(void *object)
{
    return *(void **)object;
}

static void set_next(void *object, void *next)
{
    *(void **)object = next;
}

/* The first page of the slab that object is in; blocks of frames are aligned to their size. */
static struct page *slab_of(const struct slab_cache *cache, const void *object)
{
    paddr_t size = (paddr_t)PAGE_SIZE << cache->order;
    return page_of(virtual_to_physical(object) & ~(size - 1));
}

/* Poison */

#ifdef DEBUG
#define FREE_PATTERN  0xdeadbeadcafebabeu
#define FRESH_PATTERN 0xa5a5a5a5a5a5a5a5u

/* Fill all words but the link of the free list. */
static void fill(const struct slab_cache *cache, void *object, uint64_t pattern)
{
    uint64_t *word = object;
    for (size_t i = 1; i < cache->size / sizeof(*word); i++)
        word[i] = pattern;
}

static bool filled(const struct slab_cache *cache, const void *object)
{
    const uint64_t *word = object;
    for (size_t i = 1; i < cache->size / sizeof(*word); i++) {
        if (word[i] != FREE_PATTERN)
            return false;
    }
    return true;
}

static void poison(const struct slab_cache *cache, void *object)
{
    fill(cache, object, FREE_PATTERN);
}

static void check_fresh(const struct slab_cache *cache, void *object)
{
    if (!filled(cache, object))
        panic("%s %p was written to after it was freed", cache->name, object);
    fill(cache, object, FRESH_PATTERN);
    set_next(object, (void *)(uintptr_t)FRESH_PATTERN);
}

static void check_freed(const struct slab_cache *cache, const void *object)
{
    const struct page *slab;
    size_t offset;
    if (!page_exists(virtual_to_physical(object)))
        panic("%s: freed %p is not kernel memory", cache->name, object);
    slab = slab_of(cache, object);
    offset = (size_t)((const char *)object - (const char *)page_data(slab));
    if (!page_is(slab, PAGE_SLAB) || slab->owner != cache || offset % cache->size)
        panic("%s: freed %p is not an object of this cache", cache->name, object);
    if (filled(cache, object))
        panic("%s %p freed twice", cache->name, object);
}
#else
static void poison(const struct slab_cache *cache, void *object)
{
    (void)cache, (void)object;
}

static void check_fresh(const struct slab_cache *cache, void *object)
{
    (void)cache, (void)object;
}

static void check_freed(const struct slab_cache *cache, const void *object)
{
    (void)cache, (void)object;
}
#endif

/* Slabs; all with the cache's lock held */

static struct page *create_slab(struct slab_cache *cache)
{
    struct page *slab = page_allocate(cache->order, PAGE_NOWAIT);
    char *object;
    if (!slab)
        return NULL;
    for (size_t i = 0; i < (size_t)1 << cache->order; i++) {
        slab[i].owner = cache;
        page_set(&slab[i], PAGE_SLAB);
    }
    object = page_data(slab);
    slab->index = (uintptr_t)object;
    for (uint32_t i = 0; i < cache->per_slab; i++, object += cache->size) {
        set_next(object, i + 1 < cache->per_slab ? object + cache->size : NULL);
        poison(cache, object);
    }
    cache->slabs++;
    cache->empty++;
    list_push_front(&cache->partial, &slab->link);
    return slab;
}

/* A free object from a slab, or NULL. */
static void *take_object(struct slab_cache *cache)
{
    struct list *first = list_first(&cache->partial);
    struct page *slab = first ? container_of(first, struct page, link) : create_slab(cache);
    void *object;
    if (!slab)
        return NULL;
    object = (void *)(uintptr_t)slab->index;
    slab->index = (uintptr_t)next_of(object);
    if (slab->block_flags++ == 0)
        cache->empty--;
    if (!slab->index)
        list_remove(&slab->link);
    cache->in_use++;
    return object;
}

static void give_object(struct slab_cache *cache, void *object)
{
    struct page *slab = slab_of(cache, object);
    if (!slab->index)
        list_push_front(&cache->partial, &slab->link);
    set_next(object, (void *)(uintptr_t)slab->index);
    slab->index = (uintptr_t)object;
    cache->in_use--;
    if (--slab->block_flags > 0)
        return;
    list_remove(&slab->link);
    if (cache->empty < EMPTY_KEPT) {
        list_push_back(&cache->partial, &slab->link);
        cache->empty++;
        return;
    }
    for (size_t i = 0; i < (size_t)1 << cache->order; i++)
        page_clear(&slab[i], PAGE_SLAB);
    cache->slabs--;
    page_free(slab, cache->order);
}

/* Magazines; with interrupts off */

/* An object for the caller, and a batch for the magazine if there is one. Not inlined, nor is
 * flush: the common way needs no registers saved for them. */
static __attribute__((noinline)) void *refill(struct slab_cache *cache,
                                              struct slab_magazine *magazine)
{
    void *object;
    spin_lock(&cache->lock);
    object = take_object(cache);
    while (object && magazine && magazine->count < cache->batch) {
        /* No new slab for the sake of the magazine. */
        void *spare = list_empty(&cache->partial) ? NULL : take_object(cache);
        if (!spare)
            break;
        set_next(spare, magazine->first);
        magazine->first = spare;
        magazine->count++;
    }
    spin_unlock(&cache->lock);
    return object;
}

static __attribute__((noinline)) void flush(struct slab_cache *cache,
                                            struct slab_magazine *magazine)
{
    spin_lock(&cache->lock);
    while (magazine->count > cache->batch) {
        void *object = magazine->first;
        magazine->first = next_of(object);
        magazine->count--;
        give_object(cache, object);
    }
    spin_unlock(&cache->lock);
}

/* The interface */

void *slab_allocate(struct slab_cache *cache)
{
    uint64_t state;
    struct slab_magazine *magazine;
    void *object;
    if (allocation_fails())
        return NULL;
    state = interrupts_disable();
    magazine = cache->magazines ? &cache->magazines[hart_index()] : NULL;
    if (magazine && magazine->first) {
        object = magazine->first;
        magazine->first = next_of(object);
        magazine->count--;
    } else {
        object = refill(cache, magazine);
    }
    interrupts_restore(state);
    if (object)
        check_fresh(cache, object);
    return object;
}

void *slab_allocate_zeroed(struct slab_cache *cache)
{
    void *object = slab_allocate(cache);
    if (object)
        memset(object, 0, cache->size);
    return object;
}

void slab_free(struct slab_cache *cache, void *object)
{
    uint64_t state;
    check_freed(cache, object);
    poison(cache, object);
    state = interrupts_disable();
    if (cache->magazines) {
        struct slab_magazine *magazine = &cache->magazines[hart_index()];
        set_next(object, magazine->first);
        magazine->first = object;
        if (++magazine->count > 2 * cache->batch)
            flush(cache, magazine);
    } else {
        spin_lock(&cache->lock);
        give_object(cache, object);
        spin_unlock(&cache->lock);
    }
    interrupts_restore(state);
}

/* The smallest slab that wastes at most an eighth, or the largest allowed. */
static unsigned choose_order(size_t size)
{
    unsigned order = 0;
    while (order < ORDER_LIMIT &&
           (PAGE_SIZE << order < size || (PAGE_SIZE << order) % size > PAGE_SIZE << order >> 3))
        order++;
    return order;
}

void slab_cache_init(struct slab_cache *cache, const char *name, size_t size, size_t alignment)
{
    struct page *magazines = page_allocate(0, PAGE_ZERO | PAGE_NOWAIT);
    if (alignment < OBJECT_MIN / 2)
        alignment = OBJECT_MIN / 2;
    if (size < OBJECT_MIN)
        size = OBJECT_MIN;
    *cache = (struct slab_cache){.name = name};
    cache->size = (size + alignment - 1) & ~(alignment - 1);
    cache->order = choose_order(cache->size);
    cache->per_slab = (uint32_t)((PAGE_SIZE << cache->order) / cache->size);
    cache->batch = cache->size <= 256 ? 16 : cache->size <= 1024 ? 8 : 4;
    spin_init(&cache->lock, name, RANK_SLAB);
    list_init(&cache->partial);
    list_push_back(&all_caches, &cache->link);
    /* Without memory for magazines the cache works, only with the lock. */
    cache->magazines = magazines ? page_data(magazines) : NULL;
}

struct slab_cache *slab_cache_next(const struct slab_cache *cache)
{
    const struct list *last = cache ? &cache->link : &all_caches;

    return last->next == &all_caches ? NULL : container_of(last->next, struct slab_cache, link);
}

uint64_t slab_objects(struct slab_cache *cache)
{
    uint64_t count = 0;

    spin_lock(&cache->lock);
    for (unsigned i = 0; cache->magazines && i < HART_MAX; i++)
        count += __atomic_load_n(&cache->magazines[i].count, __ATOMIC_RELAXED);
    count = cache->in_use > count ? cache->in_use - count : 0;
    spin_unlock(&cache->lock);
    return count;
}
