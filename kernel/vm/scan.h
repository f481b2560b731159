/*
 * scan: which pages of a range are of some categories (PAGEMAP_SCAN); and those that are may be
 * protected at the same time, so that the next scan finds what was stored to since. That is for
 * memory whose userfault asks nobody about such stores (UFFD_FEATURE_WP_ASYNC).
 */
#ifndef MAPIX_VM_SCAN_H
#define MAPIX_VM_SCAN_H

#include "abi/pagemap.h"
#include "vm/aspace.h"

struct page_scan {
    vaddr_t address, end; /* what is left of the range */
    /* With inverted flipped a page has all categories of mask, and one of any if that is not 0. */
    uint64_t inverted, mask, any;
    uint64_t told;     /* categories that are told */
    bool protects;     /* protect what is found, and leave out where that is impossible */
    bool must_protect; /* ... or fail there */
    uint64_t most;     /* pages to be found at the most */
    unsigned room;     /* for runs; 0: nothing is told, and most means nothing */
    unsigned count;    /* runs there are */
    struct page_region *runs;
};

/* Scan from scan->address on, which moves to the end, or to what is left: 0, -ENOSPC (there is
 * more, but no room for it or most is reached), -EPERM (must_protect), -ENOMEM, -EINTR (killed). */
int aspace_scan(struct aspace *aspace, struct page_scan *scan);

#endif
