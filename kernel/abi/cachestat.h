/* cachestat(2), in pages. */
#ifndef MAPIX_ABI_CACHESTAT_H
#define MAPIX_ABI_CACHESTAT_H

#include <stdint.h>

struct cachestat_range {
    uint64_t offset, length; /* bytes; length 0: to the end */
};

struct cachestat {
    uint64_t cached, dirty, writing, evicted, recently_evicted;
};

#endif
