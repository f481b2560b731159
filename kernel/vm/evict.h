/*
 * Eviction: anonymous pages leave memory for a swap area (vm/swap.h), and come back when it is
 * given up.
 */
#ifndef MAPIX_VM_EVICT_H
#define MAPIX_VM_EVICT_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stdint.h>

struct amap;
struct aspace;
struct object;
struct page;

/* An address space has come, or goes: its pages are not evicted from here on. */
void evict_add_aspace(struct aspace *aspace);
void evict_remove_aspace(struct aspace *aspace);

/* Is there room in the swap areas? */
bool evict_is_possible(void);

/* The address space has pages that were offered with MADV_FREE (vm/amap.h). */
void evict_note_offered(struct aspace *aspace);

/* Free offered pages, about as many as are wanted: how many. Only tries locks. */
unsigned evict_offered(unsigned wanted);

/* Look at up to limit private anonymous pages, beginning where the last call stopped, and move
 * those not used lately to swap areas, at most wanted: how many. They are free when they have been
 * written. Only tries locks: *contended, one was taken. */
unsigned evict_private(unsigned wanted, uint64_t limit, bool *contended);

/* MADV_PAGEOUT: move the private pages in [start, end) that are in no other amap to swap areas,
 * used lately or not, as far as there is room. No lock held. */
void evict_range(struct aspace *aspace, vaddr_t start, vaddr_t end);

/* Move a page of shared memory, which is referenced, to a swap area, if it was not used lately:
 * true. The object is referenced. Only tries its lock. */
bool evict_shared(struct object *object, struct page *page);

/* Bring back what is in areas that are being given up: 0, -ENOMEM, -EIO, -EINTR. No lock held. */
int evict_bring_back(void);

#endif
