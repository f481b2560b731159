/*
 * Kernel memory: slab caches for objects of one size, and kmalloc over a set of such caches (above
 * half a page: whole frames). Freed memory is poisoned in the DEBUG kernel.
 */
#ifndef MAPIX_VM_KMEM_H
#define MAPIX_VM_KMEM_H

#include <stddef.h>
#include <stdint.h>
#include "core/lock.h"
#include "lib/list.h"

struct slab_cache {
    const char *name;
    struct list link; /* in the list of all, from boot on */
    size_t size;      /* bytes per object, a multiple of the alignment */
    struct spinlock lock;
    struct list partial; /* (lock) slabs with a free object, those without any other at the end */
    uint32_t empty;      /* (lock) slabs with free objects only */
    uint32_t slabs;      /* (lock) */
    uint32_t per_slab, order, batch; /* objects, order of the frames, objects exchanged at once */
    uint64_t in_use; /* (lock) objects out of their slabs: handed out, or in a magazine */
    struct slab_magazine *magazines; /* per hart; NULL: none */
};

/* Set up a cache of objects of size bytes, aligned to alignment (a power of two, at most a page).
 */
void slab_cache_init(struct slab_cache *cache, const char *name, size_t size, size_t alignment);

/* An object, contents undefined (slab_allocate) or zero (slab_allocate_zeroed); NULL: no memory.
 * Never sleeps. */
void *slab_allocate(struct slab_cache *cache);
void *slab_allocate_zeroed(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);

/* The cache after this one in the list of all, the first one (NULL), or NULL. */
struct slab_cache *slab_cache_next(const struct slab_cache *cache);

/* How many objects are handed out. What other harts do meanwhile may be counted or not. */
uint64_t slab_objects(struct slab_cache *cache);

/* size bytes, aligned to 16 (to the size for powers of two up to a page); NULL: no memory. Never
 * sleeps. */
void *kmalloc(size_t size);
void *kmalloc_zeroed(size_t size);
void kfree(void *memory); /* NULL is allowed */

/* Set up kmalloc's caches and that of lib/radix.h's nodes; after page_allocator_add. */
void kmem_init(void);

#endif
