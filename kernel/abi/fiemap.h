/* FS_IOC_FIEMAP: where a file's bytes are on the disk, in the Linux ABI. */
#ifndef MAPIX_ABI_FIEMAP_H
#define MAPIX_ABI_FIEMAP_H

#include <stdint.h>

#define FS_IOC_FIEMAP 0xc020660bu

#define FIEMAP_FLAG_SYNC 1u

#define FIEMAP_EXTENT_LAST     0x0001u
#define FIEMAP_EXTENT_UNKNOWN  0x0002u
#define FIEMAP_EXTENT_DELALLOC 0x0004u
#define FIEMAP_EXTENT_MERGED   0x1000u

struct fiemap_extent {
    uint64_t logical, physical, length;
    uint64_t reserved64[2];
    uint32_t flags, reserved[3];
};

/* The extents follow. */
struct fiemap {
    uint64_t start, length;
    uint32_t flags, mapped_extents, extent_count, reserved;
};

#endif
