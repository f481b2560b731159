/* The slab cache of radix tree nodes. */
#include "lib/radix.h"
#include "vm/kmem.h"
#include "vm/radix_node.h"

static struct slab_cache cache;

void radix_node_init(void)
{
    slab_cache_init(&cache, "radix node", radix_node_size, sizeof(void *));
}

void *radix_node_allocate(void)
{
    return slab_allocate_zeroed(&cache);
}

void radix_node_free(void *node)
{
    slab_free(&cache, node);
}
