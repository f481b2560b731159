/*
 * Memory for the nodes of lib/radix.h: a slab cache.
 */
#ifndef MAPIX_VM_RADIX_NODE_H
#define MAPIX_VM_RADIX_NODE_H

/* Set up the cache; called by kmem_init. */
void radix_node_init(void);

#endif
