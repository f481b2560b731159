/*
 * Finding frames when few are free.
 */
#ifndef MAPIX_VM_RECLAIM_H
#define MAPIX_VM_RECLAIM_H

#include "vm/page.h"

struct object;

/* Try to free at least wanted frames: clean cached pages, dirty and anonymous ones that are written
 * first, and kernel caches. true: some were freed, here or by others meanwhile. Sleeps; called with
 * no lock of rank RANK_AMAP or above. */
bool reclaim_pages(unsigned wanted);

/* Forget that the pages [first, last] of an object were used, and free those that are clean and not
 * mapped, or mapped once at the most, where shared memory goes to a swap area. No lock held. */
enum reclaim_how { RECLAIM_NONE, RECLAIM_UNMAPPED, RECLAIM_MAPPED_ONCE };
void reclaim_object(struct object *object, uint64_t first, uint64_t last, enum reclaim_how how);

/* Free all pages of files that are clean and can be spared, used lately or not. Sleeps, no lock
 * held. */
void reclaim_files(void);

/*
 * From here to reclaim_exempt_end, what the thread does frees memory, or holds a lock that freeing
 * needs: it takes frames from the reserve, and does not reclaim. Returns what the end is given.
 */
bool reclaim_exempt_begin(void);
void reclaim_exempt_end(bool before);

/* Few frames are free: let the reclaim thread work. Any context. */
void reclaim_wake(void);

/* Start the reclaim thread. Boot only. */
void reclaim_init(void);

#endif
