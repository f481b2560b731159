/*
 * object: something that can be mapped: the page cache of a file or a disk, shared anonymous
 * memory.
 *
 * An object has an index of its resident pages, a pager that moves pages between memory and the
 * store, and the set of regions that map it. A page enters the index BUSY, is filled by the pager,
 * and stays until it is truncated or reclaimed. read, write, exec and every mapping use these same
 * pages.
 *
 *   absent --insert--> BUSY --pager get--> resident clean <--> resident DIRTY
 *                                             ^   (put done)      | (put: mappings write-protected,
 *                                             +---- WRITEBACK <---+  DIRTY cleared, then written)
 *
 * DIRTY is exact: a page becomes dirty in write(2), or in the fault of the first store through a
 * mapping, because a clean page is mapped read-only everywhere.
 *
 * Letters: (l) lock, (b) back_lock, (a) atomic, (c) constant after object_init.
 */
#ifndef MAPIX_VM_OBJECT_H
#define MAPIX_VM_OBJECT_H

#include "core/lock.h"
#include "core/user.h"
#include "lib/radix.h"
#include "lib/tree.h"
#include "vm/page.h"

struct object;

/*
 * How an object gets and puts pages. No VM lock is held in any of these calls; all may sleep.
 */
struct pager {
    /*
     * Fill count pages of consecutive indices, BUSY and inserted, each with a reference held by the
     * caller. Each page is finished by object_page_filled, from here or later from the completion
     * of the I/O; what lies behind the end of the store is zeroed. A page with space in the store
     * gets PAGE_BACKED.
     */
    void (*get)(struct object *object, struct page **pages, unsigned count);

    /*
     * Write count pages of consecutive indices to the store, at most up to the object's size. They
     * are in WRITEBACK with a reference each; each is finished by object_page_written.
     */
    void (*put)(struct object *object, struct page **pages, unsigned count);

    /*
     * Make sure that the page at index has space in the store, because it is about to become dirty
     * through a mapping: 0, -ENOSPC, -EDQUOT, -EIO. An index behind the end: 0, nothing done.
     */
    int (*reserve)(struct object *object, uint64_t index);

    /* A mapped store has dirtied a page: the file's times have to move. May be NULL. */
    void (*stored)(struct object *object);

    /* A region that mapped the object is gone. May be NULL. */
    void (*detached)(struct object *object);

    /* The last reference is gone: free what contains the object (which has called object_destroy).
     */
    void (*release)(struct object *object);
};

/* How many pages the objects that share it may have together (a tmpfs), those in swap areas
 * included. */
struct page_quota {
    uint64_t used, limit; /* atomic */
};

struct object {
    struct mutex lock;
    struct radix pages;        /* (l) resident pages by index; tag: dirty */
    struct radix swapped;      /* (l) shared memory: entries of pages in swap areas (vm/swap.h) */
    struct list swapped_link;  /* in the list of objects that have some */
    uint64_t last_found;       /* (l) index of the page that was found last */
    const struct pager *pager; /* (c) */
    uint64_t size;       /* (l) bytes; read without the lock where a stale value is harmless */
    uint64_t references; /* (a) */
    uint64_t writing;    /* (a) pages in WRITEBACK */
    struct wait_queue written; /* woken when writing falls to 0 */
    struct spinlock back_lock;
    struct tree regions; /* (b) regions that map this object, by offset, with the highest end */
    uint64_t shared_writable; /* (b) regions that may store to it */
    uint64_t truncations;     /* (b) so far */
    struct list dirty_link;   /* on the write-back thread's list while it has dirty pages */
    uint64_t dirty_since;     /* time_now() of the first of them */
    uint64_t read_ahead_next, read_ahead_size; /* (l) sequential detection */
    uint32_t error_sequence;  /* (a) count of write-back errors, see object_error_check */
    uint32_t error_reported;  /* (a) what error_sequence was when somebody was told last */
    int error;                /* (a) the latest of them */
    bool anonymous;           /* (c) zero-filled, no store: shared memory, tmpfs */
    bool kept;                /* (a) SHM_LOCK: its pages stay in memory */
    uint64_t committed;       /* (c) pages that were committed for it */
    uint64_t number;          /* (c) of shared memory without a file, where it is shown */
    struct page_quota *quota; /* (c) charged for each page; NULL: none */
};

/* Set up an object with one reference. */
void object_init(struct object *object, const struct pager *pager, uint64_t size);

/* Free all pages and check that nothing maps it; the caller frees the structure. May sleep. */
void object_destroy(struct object *object);

void object_reference(struct object *object);
bool object_try_reference(struct object *object); /* unless the last one is gone */
void object_release(struct object *object);       /* the last one calls pager->release; may sleep */

/* Shared anonymous memory of size bytes, as MAP_SHARED | MAP_ANONYMOUS uses; commit: count it as
 * committed (vm/commit.h). NULL: no memory. */
struct object *object_create_anonymous(uint64_t size, bool commit);

/* The pager of objects without a store (object_create_anonymous, tmpfs): zero-fill. */
extern const struct pager anonymous_pager;

/*
 * The valid page at index, with a reference, read from the store (and pages around it ahead) if it
 * is absent. -ENOMEM, -EIO, -ENOSPC (quota). Works behind the end of the object too (zeros): the
 * caller knows the size.
 */
int object_get_page(struct object *object, uint64_t index, struct page **page);

/* The valid pages that are there at first and behind it without a gap, count at the most, each with
 * a reference: how many. */
unsigned object_find_pages(struct object *object, uint64_t first, unsigned count,
                           struct page **pages);

/* Begin to read what is absent of the pages [first, last], up to a limit; shared memory has what is
 * in swap areas brought back. No lock held. */
void object_will_need(struct object *object, uint64_t first, uint64_t last);

/*
 * As object_get_page, for a page that the caller initialises wholly: an absent one is not read, but
 * returned BUSY (*fresh true), with one more reference for object_page_filled, which the caller
 * calls when it has filled the page.
 */
int object_get_page_to_fill(struct object *object, uint64_t index, struct page **page, bool *fresh);

/* Shared memory: put a copy of source at index, where nothing is: 0, -EEXIST, -EFAULT (behind the
 * end), -ENOMEM, -ENOSPC (quota). Not locked. */
int object_supply(struct object *object, uint64_t index, const struct page *source);

/* Mark a valid page dirty, under no lock; the page is referenced and stays in the index. It is
 * BACKED. block_flags is or-ed into page->block_flags (metadata caches with blocks smaller than a
 * page). */
void object_dirty_page(struct object *object, struct page *page, uint32_t block_flags);

/* For pagers: the page's contents are valid (or could not be read: error). Any context. Drops the
 * reference that get was given. */
void object_page_filled(struct object *object, struct page *page, int error);

/* For pagers: the write of the page is done. Any context. Drops the reference that put was given.
 * An error is kept for object_error_check; the page stays clean, as on Linux. */
void object_page_written(struct object *object, struct page *page, int error);

/*
 * Move bytes between an object and the transfer's memory, from offset on, as read(2) and write(2)
 * do. object_read stops at the object's size. object_write writes over allocated space only: the
 * caller (a file system, with the vnode locked) has made sure that the range has space in the
 * store; it raises the object's size as it goes. Returns bytes moved, or -EFAULT, -EIO, -ENOMEM if
 * none were.
 */
long object_read(struct object *object, uint64_t offset, struct transfer *transfer);
/* The same without waiting for the store: as far as pages are in memory, -EAGAIN if the first is
 * not; those that are not are asked for. */
long object_read_cached(struct object *object, uint64_t offset, struct transfer *transfer);
long object_write(struct object *object, uint64_t offset, struct transfer *transfer);

/* The pages with up to size bytes from offset on, as object_read finds them, in most pieces at the
 * most, each with a reference: how many, 0 behind the object's end, -EIO, -ENOMEM. */
int object_borrow(struct object *object, uint64_t offset, size_t size, struct page_piece *pieces,
                  unsigned most);

/* Set a new, larger or equal size; the bytes between read as zeros, whatever was stored behind the
 * old end through a mapping. Called with the vnode locked. */
void object_grow(struct object *object, uint64_t size);

/*
 * Set a smaller size: the pages behind it leave the index and every mapping, private copies wholly
 * behind it too, and the rest of the page that holds the new end becomes zeros (and dirty, if it
 * was not absent and something changed). Waits for writes in flight to those pages, so that the
 * store's space may be given to others after. Called with the vnode locked. -ENOMEM, -EIO: the tail
 * page could not be read; nothing changed.
 */
int object_truncate(struct object *object, uint64_t size);

/*
 * Make a hole of the bytes [start, end): the pages wholly inside leave the index and all mappings,
 * but private copies stay; what is in other pages becomes zeros. Waits for writes in flight to the
 * pages removed. The caller frees the store's space, and sees to it that a page that comes back
 * meanwhile is read as zeros. -ENOMEM, -EIO: a page could not be read; the bytes are as they were.
 */
int object_punch(struct object *object, uint64_t start, uint64_t end);

/* The first dirty page at or behind index first, up to last; false: there is none. */
bool object_next_dirty(struct object *object, uint64_t first, uint64_t last, uint64_t *index);

/*
 * Write dirty pages of [start, end) (bytes) to the store; wait: until they are there. Mappings are
 * write-protected first, so that later stores are seen. 0 or the first error of this call's writes.
 */
int object_write_back(struct object *object, uint64_t start, uint64_t end, bool wait);

/*
 * The errseq rule of Linux: *seen is an open file's position (at open: object_error_sample). An
 * error is told once to every open file that was there when it happened; and if nobody has been
 * told yet, to the next one that opens. object_error_check returns the error, once, and moves
 * *seen.
 */
uint32_t object_error_sample(const struct object *object);
int object_error_check(struct object *object, uint32_t *seen);

/* Is there a shared mapping of it that may store to it, or may be made to? */
bool object_has_shared_writable(struct object *object);

/* Resident pages. */
uint64_t object_resident(const struct object *object);

/* Of shared memory: the pages there are, in memory or in a swap area; and those of indices
 * [first, end). */
uint64_t object_stored(const struct object *object);
uint64_t object_stored_range(struct object *object, uint64_t first, uint64_t end);

/* What there is of the indices [first, last], for cachestat(2). */
struct object_survey {
    uint64_t resident, dirty, writing; /* pages in memory; of those, to be written, being written */
    uint64_t swapped;
};
void object_survey(struct object *object, uint64_t first, uint64_t last,
                   struct object_survey *survey);

/* Write everything dirty in the system; wait: until it is stored (sync(2)). */
void object_write_back_all(bool wait);

/* Dirty pages, of all objects with a store. */
uint64_t write_back_dirty(void);
uint64_t write_back_writing(void); /* pages being written, also to swap areas */

/* Start the write-back thread. */
void write_back_init(void);

#endif
