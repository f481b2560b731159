/* readv(2), writev(2). */
#ifndef MAPIX_ABI_UIO_H
#define MAPIX_ABI_UIO_H

#include <stdint.h>

#define IOV_MAX 1024

struct iovec {
    uint64_t base, length;
};

#endif
