/*
 * amap: the private pages of one or more regions of an address space: anonymous memory, and copies
 * of file pages made by stores. A sparse array of slots, each a page, referenced, or the entry of
 * one that is in a swap area (vm/swap.h).
 *
 * After fork the amaps of parent and child hold the same pages, each slot with a reference of its
 * own. A page with one reference is its amap's alone and may be stored to; others are copied first.
 * With the amap locked, a count of one cannot rise: only a fork of this amap, which needs the lock,
 * could raise it.
 *
 * The tag of a slot says that its page was offered with MADV_FREE and not stored to since: it may
 * go at any time, and zeros take its place. Such a page is mapped read-only, so that the fault of a
 * store withdraws the offer. In a region of MAP_DROPPABLE all pages are offered, whatever is
 * stored.
 */
#ifndef MAPIX_VM_AMAP_H
#define MAPIX_VM_AMAP_H

#include "core/lock.h"
#include "lib/radix.h"

struct page;
struct tlb_gather;

struct amap {
    struct mutex lock;
    struct radix slots;  /* (lock) pages, and entries of those in swap areas (vm/swap.h);
                            tag: offered */
    uint64_t references; /* atomic: regions, and walkers */
    uint64_t *swapped;   /* atomic: counts the entries in its slots, and those of others */
    uint64_t family;     /* the same in those that pages of one went to by mremap */
    bool inherited;      /* by fork: what is new beside its region does not join it, as on Linux */
};

void amap_cache_init(void);

/* An empty amap with one reference, which counts pages in swap areas in *swapped; NULL: no memory.
 */
struct amap *amap_create(uint64_t *swapped);
void amap_reference(struct amap *amap);

/* Let amap, which is new, be of the same family as that which its pages come from, inherited or
 * not. */
void amap_join_family(struct amap *amap, const struct amap *source);

/* Drop a reference; the last frees the pages, whose translations are gone everywhere. */
void amap_release(struct amap *amap);

/* The page in a slot; NULL: there is none, or it is not in memory. Locked. */
struct page *amap_page(struct amap *amap, uint64_t slot) REQUIRES(amap->lock);

/* Is the slot's page in a swap area, and not in memory? Locked. */
bool amap_is_swapped(struct amap *amap, uint64_t slot) REQUIRES(amap->lock);

/* Put the entry into the slot in place of its page, whose reference is the caller's then. Locked.
 */
void amap_set_swapped(struct amap *amap, uint64_t slot, void *entry) REQUIRES(amap->lock);

/* Bring it into memory: 0 (also if there is nothing to bring), -ENOMEM, -EIO. Not locked, but
 * referenced; sleeps. */
int amap_swap_in(struct amap *amap, uint64_t slot);

/* Put page, whose reference the amap takes over, into an empty slot: 0 or -ENOMEM. Locked. */
int amap_insert(struct amap *amap, uint64_t slot, struct page *page) REQUIRES(amap->lock);

/* Put page, whose reference the amap takes over, in the place of the page there, whose reference is
 * given up through the gather. Locked. */
void amap_replace(struct amap *amap, uint64_t slot, struct page *page, struct tlb_gather *gather)
    REQUIRES(amap->lock);

/* Empty the slots [first, last], giving their pages to the gather. Locked, and the caller has
 * removed their translations under this lock, because a full gather flushes and frees at once. */
void amap_remove(struct amap *amap, uint64_t first, uint64_t last, struct tlb_gather *gather)
    REQUIRES(amap->lock);

/* MADV_FREE: offer the pages of slots [first, last] that are this amap's alone; what is in a swap
 * area goes at once. true: some were offered. Locked, and their translations are read-only. */
bool amap_offer(struct amap *amap, uint64_t first, uint64_t last) REQUIRES(amap->lock);

/* Is the page in a slot offered? Withdraw the offer. Locked. */
bool amap_is_offered(struct amap *amap, uint64_t slot) REQUIRES(amap->lock);
void amap_withdraw(struct amap *amap, uint64_t slot) REQUIRES(amap->lock);

/*
 * Move what is in slots [first, last] to another amap of the address space, where they are empty,
 * in two steps: put it into other as well, with the same references (-ENOMEM: nothing changed); and
 * take it from amap, which other has it from. The address space is locked for writing all along:
 * nobody else looks into either.
 */
int amap_share(struct amap *amap, struct amap *other, uint64_t first, uint64_t last);
void amap_leave(struct amap *amap, const struct amap *other, uint64_t first, uint64_t last);

/* Give child, new and not in use, the pages of slots [first, last], offered or not: 0 or -ENOMEM (a
 * part is there). Takes the lock of amap. */
int amap_copy(struct amap *amap, struct amap *child, uint64_t first, uint64_t last);

/* May the amap's owner store to page, which is in one of its slots, without copying it? Locked. */
bool amap_owns(const struct page *page);

#endif
