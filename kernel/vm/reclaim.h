/*
 * Finding frames when few are free.
 */
#ifndef MAPIX_VM_RECLAIM_H
#define MAPIX_VM_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>

struct page;

/* Try to free at least wanted frames by dropping clean cached pages, writing dirty ones, and
 * shrinking kernel caches. true: some were freed. Sleeps; called with no lock of rank RANK_AMAP or
 * above. */
bool reclaim_pages(unsigned wanted);

/* A page entered or left an object's index. */
void reclaim_insert(struct page *page);
void reclaim_remove(struct page *page);

/* Pages of files in memory, and of objects without a store (shared anonymous memory, tmpfs), for
 * /proc/meminfo. */
uint64_t reclaim_queue_length(void);
uint64_t reclaim_unqueued(void);

#endif
