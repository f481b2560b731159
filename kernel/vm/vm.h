/*
 * What the files of kernel/vm share among themselves.
 */
#ifndef MAPIX_VM_VM_H
#define MAPIX_VM_VM_H

#include "arch/riscv/pmap.h"
#include "vm/aspace.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/region.h"

void page_wait_init(void);
void object_cache_init(void);

/* A frame of zeros that read faults on untouched anonymous memory map. */
extern struct page *zero_page;

/*
 * The page at index if it is resident and valid, referenced, or NULL with *busy the page to wait
 * for (referenced) or NULL too (absent). Object locked.
 */
struct page *object_find_page(struct object *object, uint64_t index, struct page **busy)
    REQUIRES(object->lock);

/*
 * Begin reading the absent page at index, and pages ahead of it: 0 with *page the one at index,
 * referenced (not necessarily valid: page_wait), or -ENOMEM, -ENOSPC. No lock held.
 */
int object_start_read(struct object *object, uint64_t index, struct page **page);

/* Mark a valid page dirty; true: it was clean. Object locked. */
bool object_dirty_locked(struct object *object, struct page *page) REQUIRES(object->lock);

/* Take a page out of the index, giving its reference to the gather. Object locked. */
void object_remove_page(struct object *object, struct page *page, struct tlb_gather *gather)
    REQUIRES(object->lock);

/* Take a page that no translation leads to out of the index; its reference is the caller's then.
 * Object locked. */
void object_forget_page(struct object *object, struct page *page) REQUIRES(object->lock);

/* One page less for the object's quota. */
void object_uncharge(struct object *object);

/* Fill a BUSY page of shared memory from the swap area that it is in: 0, -ENOENT (it is in none),
 * -EIO. Sleeps, not locked. */
int object_swap_in(struct object *object, struct page *page);

/* Note that the object has pages in swap areas. Object locked. */
void object_note_swapped(struct object *object) REQUIRES(object->lock);

/* Give up the pages [first, last] of shared memory that are in swap areas, and not on their way.
 * Not locked. */
void object_drop_swapped(struct object *object, uint64_t first, uint64_t last);

/* The same for all pages, at the object's end. */
void object_forget_swapped(struct object *object);

/* Bring back all shared memory that is in areas being given up: 0, -ENOMEM, -EIO, -EINTR. */
int object_bring_back_all(void);

/* Number of pages that the object's size covers. */
static inline uint64_t object_pages(const struct object *object)
{
    return (__atomic_load_n(&object->size, __ATOMIC_RELAXED) + PAGE_MASK) >> PAGE_SHIFT;
}

/* Forget dirty state when the last dirty page is gone; put on the list with the first. */
void write_back_note_dirty(struct object *object);
void write_back_forget(struct object *object);

/* Make the write-back thread run now, because memory is short. */
void write_back_hurry(void);

/* Wait until a page has been written, for a number of nanoseconds at the most: has one been? Does
 * not wait if there is nothing to be written. */
bool write_back_wait(uint64_t nanoseconds);

/* A page of an object with a store has become dirty (1), or has gone or become clean (-1). */
void write_back_count(int change);

/* A writer waits here while too much of the memory that could be freed is dirty. No lock held that
 * a pager needs. */
void write_back_throttle(void);

/* The part of munmap under the lock: takes the regions of [start, end), whose ends are cut with the
 * spares (each used one is set to NULL), out of the set, and their translations and pages into the
 * gather. */
void unmap_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region *spares[2],
                  struct tlb_gather *gather, struct region **dead) REQUIRES(aspace->lock);

/* May [start, end) be unmapped? 0, -EPERM (sealed), -ENOMEM (one region too many). As on Linux, a
 * region that is not sealed is cut at start, with a spare, even if one behind it is. Locked for
 * writing. */
int unmap_check(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region *spares[2]);

/* Choose the place for length bytes at or near hint (0: none): 0 or -ENOMEM. Locked for writing. */
int aspace_choose_place(struct aspace *aspace, vaddr_t hint, uint64_t length, vaddr_t *address);

/* Of aspace_populate. */
enum populate_mode {
    POPULATE_LOCKED = 1 << 0, /* only regions that are locked */
    POPULATE_GO_ON = 1 << 1,  /* with the next region after an error */
};

/*
 * Fault all pages of [start, end) in, as the regions there allow, but for those that are locked on
 * fault; holes are left out. 0, or the first error: -ENOMEM, -EFAULT (no access, or behind the end
 * of a file), -EINTR (killed). No lock held.
 */
int aspace_populate(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned mode);

/* The same for access, in every region: the first error, at once; -ENOMEM at a hole,
 * -EACCES if a region forbids it. */
int aspace_populate_access(struct aspace *aspace, vaddr_t start, vaddr_t end, unsigned access);

/* What aspace_read_forced and aspace_write_forced do with bytes that lie in one page. May sleep; no
 * lock held. */
enum fault_result fault_forced(struct aspace *aspace, vaddr_t address, void *buffer, size_t size,
                               unsigned access);

/* The amap of a private region: its own, its neighbour's, so that they may merge one day, or a new
 * one. NULL: no memory. Locked for reading. */
struct amap *region_make_amap(struct region *region);

/* Is the page of zeros mapped at address? */
bool region_shows_zeros(const struct region *region, vaddr_t address);

/* May the region above a free address grow down to it? Locked. And make it do so, if the gap below
 * and the limits allow it: is there a region at the address now? */
bool region_reaches_down(struct aspace *aspace, vaddr_t address);
bool aspace_grow_down(struct aspace *aspace, vaddr_t address);

/* Two regions for splits: 0 or -ENOMEM; and freeing those that were not used. */
int spares_reserve(struct region *spares[2]);
void spares_release(struct region *spares[2]);

/* Account a region that came (sign 1) or went (sign -1). Locked for writing. */
void aspace_account(struct aspace *aspace, const struct region *region, int sign);

/* Would one region more be too many? */
static inline bool region_limit_reached(const struct aspace *aspace)
{
    return aspace->region_count >= region_count_limit;
}

/* Is a region of [start, end) sealed? Locked. */
bool region_any_sealed(struct aspace *aspace, vaddr_t start, vaddr_t end);

/* May that many pages more be locked in memory? Locked. */
bool aspace_may_lock(const struct aspace *aspace, uint64_t pages);

/* May the address space grow by that many pages (writable: private writable ones)? Locked for
 * writing. */
bool aspace_within_limits(const struct aspace *aspace, uint64_t pages, bool writable);

/* Check the invariants of doc/invariants.md that concern one address space; panics on a violation.
 * DEBUG kernel and host tests. Locked. */
void aspace_check(struct aspace *aspace);

#endif
