/*
 * Finding frames when few are free.
 */
#ifndef MAPIX_VM_RECLAIM_H
#define MAPIX_VM_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

struct object;
struct page;

/* Try to free at least wanted frames by dropping clean cached pages, writing dirty ones, and
 * shrinking kernel caches. true: some were freed. Sleeps; called with no lock of rank RANK_AMAP or
 * above. */
bool reclaim_pages(unsigned wanted);

/* Forget that the pages [first, last] of an object were used; drop: free those that nobody uses and
 * that are clean, used lately or not. No lock held. */
void reclaim_object(struct object *object, uint64_t first, uint64_t last, bool drop);

/* A page entered or left an object's index. */
void reclaim_insert(struct page *page);
void reclaim_remove(struct page *page);

/* Pages of files in memory, and of objects without a store (shared anonymous memory, tmpfs), for
 * /proc/meminfo. */
uint64_t reclaim_queue_length(void);
uint64_t reclaim_unqueued(void);

#endif
