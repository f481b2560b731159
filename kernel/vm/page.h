/*
 * struct page: one for each frame of memory, and the frame allocator.
 *
 * A page is free (in the buddy allocator), anonymous (in the slots of one or more amaps), a page of
 * an object's cache, or kernel memory (page tables, slabs, stacks, buffers). References: each amap
 * slot or object index entry that holds the page counts one, and so does everyone who uses the page
 * without the lock of its owner (an I/O in flight, a fault that dropped its locks). Page table
 * entries hold no reference: a frame leaves its last owner through a tlb_gather, which frees it
 * after the flush.
 *
 * Flags change atomically. BUSY is not a lock: it says that the contents are not there yet (being
 * read or zeroed by the one that inserted the page); wait for it holding only a reference.
 */
#ifndef MAPIX_VM_PAGE_H
#define MAPIX_VM_PAGE_H

#include "arch/riscv/layout.h"
#include "lib/list.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (PAGE_SIZE - 1)

#define page_round_down(x) ((x) & ~PAGE_MASK)
#define page_round_up(x)   (((x) + PAGE_MASK) & ~PAGE_MASK)

/* How many of size bytes, from an address or an offset on, are in its page. */
static inline size_t rest_of_page(uint64_t offset, size_t size)
{
    size_t rest = PAGE_SIZE - (offset & PAGE_MASK);
    return rest < size ? rest : size;
}

enum page_flag {
    PAGE_BUSY = 1 << 0,  /* contents not valid yet: wait with page_wait */
    PAGE_DIRTY = 1 << 1, /* differs from the store; set and cleared with the object's lock held */
    PAGE_REFERENCED = 1 << 2, /* used since the reclaimer last looked */
    PAGE_WRITEBACK = 1 << 3,  /* being written to the store; may be read, stored to, dirtied */
    PAGE_ERROR = 1 << 4,      /* the read into it failed; set before BUSY is cleared */
    PAGE_BACKED = 1 << 5,     /* the pager has space for it: it may become dirty */
    PAGE_WANTED = 1 << 6,     /* someone waits for BUSY or WRITEBACK */
    PAGE_FREE = 1 << 7,       /* first page of a free block of the buddy allocator */
    PAGE_SLAB = 1 << 8,       /* part of a slab; owner is its slab_cache */
    PAGE_ANONYMOUS = 1 << 9,  /* in amap slots; index is the slot's */
    PAGE_ACTIVE = 1 << 10,    /* on the active queue of the reclaimer */
    PAGE_RESERVED = 1 << 11,  /* never managed: firmware, kernel image */
    PAGE_CODE = 1 << 12,      /* every hart's instruction fetch sees the contents */
    PAGE_REUSED = 1 << 13,    /* used again after PAGE_REFERENCED was set */
    PAGE_SWAP = 1 << 14,      /* of an amap, and in the object of a swap area as well */
};

struct page {
    struct list link;     /* free list, reclaim queue or a gather's list */
    void *owner;          /* object (file or shared memory page), or whatever its user keeps here */
    uint64_t index;       /* page index in its owner */
    uint32_t references;  /* atomic */
    uint32_t flags;       /* enum page_flag, atomic */
    uint32_t block_flags; /* metadata pages: bit n, block n of the page is dirty; free: the order */
};

/* Some bytes of a page. */
struct page_piece {
    struct page *page;
    uint32_t start, size;
};

/* Flags of page_allocate. */
enum page_request {
    PAGE_ZERO = 1 << 0,   /* filled with zeros */
    PAGE_NOWAIT = 1 << 1, /* do not reclaim (the caller holds locks or must not sleep) */
    PAGE_USER = 1 << 2    /* for what programs ask for: leave the kernel's reserve alone */
};

/* Memory [start, end) becomes the allocator's; called at boot, once per usable range. */
void page_allocator_add(paddr_t start, paddr_t end);

/*
 * 2^order contiguous frames, or NULL. The first page has one reference and no flags. Without
 * PAGE_NOWAIT it may sleep and reclaim.
 */
struct page *page_allocate(unsigned order, unsigned request);

/* Give back 2^order frames; the caller has the only reference. */
void page_free(struct page *page, unsigned order);

/* One reference more; one less, freeing a single frame with the last. */
void page_reference(struct page *page);
void page_release(struct page *page);

uint64_t page_count_total(void); /* frames managed */
uint64_t page_count_free(void);  /* frames free now, per-hart caches included */

/* The page is one of an amap's from now on, until it is freed; and how many such pages there are.
 */
void page_set_anonymous(struct page *page);
uint64_t page_count_anonymous(void);

/* Are fewer frames free than the reclaim thread is to bring about? */
bool page_count_is_below_high(void);

/* The page array: one entry for each frame from page_base on, set up by page_array_init. */
extern struct page *page_array;
extern paddr_t page_base, page_end;

/*
 * Make the page array for frames [start, end), in memory taken from storage (a physical range given
 * by the caller, at least page_array_size(start, end) bytes); all frames are PAGE_RESERVED until
 * page_allocator_add gives them out.
 */
size_t page_array_size(paddr_t start, paddr_t end);
void page_array_init(paddr_t start, paddr_t end, void *storage);

static inline bool page_exists(paddr_t frame)
{
    return frame >= page_base && frame < page_end;
}

static inline struct page *page_of(paddr_t frame)
{
    return &page_array[(frame - page_base) >> PAGE_SHIFT];
}

static inline paddr_t page_address(const struct page *page)
{
    return page_base + ((paddr_t)(page - page_array) << PAGE_SHIFT);
}

/* The frame in the direct map. */
static inline void *page_data(const struct page *page)
{
    return physical_to_virtual(page_address(page));
}

static inline uint32_t page_flags(const struct page *page)
{
    return __atomic_load_n(&page->flags, __ATOMIC_ACQUIRE);
}

static inline bool page_is(const struct page *page, uint32_t flag)
{
    return (page_flags(page) & flag) != 0;
}

static inline uint32_t page_set(struct page *page, uint32_t flag)
{
    return __atomic_fetch_or(&page->flags, flag, __ATOMIC_ACQ_REL);
}

static inline uint32_t page_clear(struct page *page, uint32_t flag)
{
    return __atomic_fetch_and(&page->flags, ~flag, __ATOMIC_ACQ_REL);
}

/* Sleep until none of flags (BUSY, WRITEBACK) is set. The caller holds a reference and no lock that
 * the filler needs. */
void page_wait(struct page *page, uint32_t flags);

/* Clear BUSY or WRITEBACK and wake those who wait for it. Any context. */
void page_finish(struct page *page, uint32_t flag);

#endif
