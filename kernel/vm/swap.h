/*
 * swap: where anonymous pages go when memory is short.
 *
 * An area is a disk or a file that mkswap(8) has prepared. Slot n of the area is page n of the
 * disk's or file's own object, so there is no second cache and no second way of reading and
 * writing: a page is swapped out by moving it into that object, dirty. The write-back thread writes
 * it as it writes any page, the reclaimer frees it then, and swapping in is reading page n.
 *
 *    amap slot: page              amap slot: entry --names--> slot n
 *                      swap_out                                 |
 *                     --------->                          object page n, dirty -> written -> freed
 *
 * An entry names a slot in place of a page. It is stored where a page would be: in the slots of
 * amaps, and in object->swapped of shared memory. After fork several entries name one slot, so each
 * slot counts them; the slot is free when the count is 0. A page that several amaps hold goes to
 * one slot: the first swap_out moves it, the others find it there.
 */
#ifndef MAPIX_VM_SWAP_H
#define MAPIX_VM_SWAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object;
struct page;
struct vnode;

/* An entry is told from a page by its lowest bit. */
static inline bool is_swap_entry(const void *item)
{
    return (uintptr_t)item & 1;
}

/*
 * Move an amap's page, which no translation leads to any more, to a slot: 0 with *entry, which
 * counts one, or -ENOSPC, -ENOMEM, -EAGAIN (it is being written to a slot that was given up). The
 * amap is locked; its reference to the page is still to be dropped.
 */
int swap_out(struct page *page, void **entry);

/*
 * The two halves of swap_out, for a page that has an owner which must learn the entry before the
 * page leaves it: a slot with a count of one, or -ENOSPC; then the page, which is BUSY, goes there
 * too, or -ENOMEM, -EAGAIN (the slot is given back, the page as before).
 */
int swap_reserve(void **entry);
int swap_put(void *entry, struct page *page);

/* One entry more, one less. Locks up to RANK_SWAP may be held. */
void swap_entry_reference(void *entry);
void swap_entry_release(void *entry);

/* How many entries name the slot; and which slot of which area it is. */
uint32_t swap_entry_count(void *entry);
void swap_entry_place(const void *entry, unsigned *area, uint64_t *slot);

/* Read the page of an entry: 0 with *page referenced and valid, -EIO, -ENOMEM. Sleeps, no lock
 * held. The entry may go meanwhile; then the page is of no use. */
int swap_read(void *entry, struct page **page);

/*
 * The page of an entry for the amap slot that holds the entry: with a reference for it, the entry
 * being released. NULL: it is not in memory, or being read or written (swap_read, then try again).
 * Amap locked.
 */
struct page *swap_claim(void *entry);

/* What swapon(2) has found out about a prepared disk or file. */
struct swap_description {
    struct vnode *vnode;   /* a reference is taken */
    struct object *object; /* its pages, all of which have space in the store */
    uint64_t slots;        /* slot 0 is the header's */
    int priority;          /* negative: lower than all areas before */
    bool is_disk;
    const uint32_t *bad; /* slots never to be used */
    unsigned bad_count;
};

/* Use an area: -EBUSY (it is in use), -EPERM (too many), -ENOMEM, -EIO. What was in the cache of
 * its file or disk is written and forgotten first. */
int swap_on(const struct swap_description *description);

/* Bring everything in the area back into memory and give it up. -EINVAL (not in use), -ENOMEM,
 * -EINTR: it is in use as before. */
int swap_off(struct object *object);

/* Does the entry name a slot of an area that is being given up? */
bool swap_is_leaving(void *entry);

/* Figures, in pages. */
struct swap_counts {
    uint64_t total, free;
    uint64_t cached;  /* slots whose page is in memory */
    uint64_t in, out; /* pages so far */
};
void swap_count(struct swap_counts *counts);

/* Is there a free slot? A hint. */
bool swap_has_room(void);

/* All pages that memory and the swap areas together can hold. */
uint64_t swap_and_memory_pages(void);

/* The n-th area for /proc/swaps, its vnode referenced; false: there are fewer. */
struct swap_area_info {
    struct vnode *vnode;
    bool is_disk;
    uint64_t size, used; /* pages */
    int priority;
};
bool swap_area_info(unsigned n, struct swap_area_info *info);

/* Set up the lock. Boot only. */
void swap_init(void);

#endif
