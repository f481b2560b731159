/*
 * The queues of pages that may be freed; page_queue.c draws them.
 */
#ifndef MAPIX_VM_PAGE_QUEUE_H
#define MAPIX_VM_PAGE_QUEUE_H

#include "vm/page.h"

struct object;

enum page_queue { QUEUE_INACTIVE, QUEUE_ACTIVE, QUEUE_ANONYMOUS, PAGE_QUEUES };

/* A page entered or left an object's index. */
void page_queue_insert(struct page *page);
void page_queue_remove(struct page *page);

/* A page of an object, with these flags, was found in its index by somebody who uses it. Object
 * locked. again: not for the page that was found there just before. */
static inline void page_queue_used(struct page *page, uint32_t flags, bool again)
{
    if (!(flags & PAGE_REFERENCED))
        page_set(page, PAGE_REFERENCED);
    else if (again && !(flags & PAGE_REUSED))
        page_set(page, PAGE_REUSED);
}

/* Put the page on the active queue, or back on the inactive one. The object is locked, so that the
 * page stays in its index. */
void page_queue_move(struct page *page, bool to_active);

/*
 * The page at the front, moved to the back, with references to it and its object; NULL: there is
 * none. On a queue a page is in its object's index, so both exist while the queues are locked;
 * later it may have another owner.
 */
struct page *page_queue_next(enum page_queue queue, struct object **object);

/* Pages on a queue; and pages of files and disks, which are on two. */
uint64_t page_queue_length(enum page_queue queue);
uint64_t page_queue_files(void);

#endif
