/* PAGEMAP_SCAN of /proc/PID/pagemap: the request of the Linux ABI. */
#ifndef MAPIX_ABI_PAGEMAP_H
#define MAPIX_ABI_PAGEMAP_H

#include <stdint.h>

#define PAGEMAP_SCAN 0xc0606610u

/* Categories of pages. */
#define PAGE_IS_WPALLOWED  (1u << 0)
#define PAGE_IS_WRITTEN    (1u << 1)
#define PAGE_IS_FILE       (1u << 2)
#define PAGE_IS_PRESENT    (1u << 3)
#define PAGE_IS_SWAPPED    (1u << 4)
#define PAGE_IS_PFNZERO    (1u << 5)
#define PAGE_IS_HUGE       (1u << 6)
#define PAGE_IS_SOFT_DIRTY (1u << 7)
#define PAGE_IS_ANY        0xfful

#define PM_SCAN_WP_MATCHING   1ul
#define PM_SCAN_CHECK_WPASYNC 2ul

/* What is found: pages one behind the other with the same categories. */
struct page_region {
    uint64_t start, end, categories;
};

struct pm_scan_arg {
    uint64_t size, flags, start, end, walk_end;
    uint64_t vec, vec_len; /* of struct page_region */
    uint64_t max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#endif
