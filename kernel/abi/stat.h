/* stat(2), statx(2): structures, file types and modes of the Linux/riscv64 ABI. */
#ifndef MAPIX_ABI_STAT_H
#define MAPIX_ABI_STAT_H

#include <stdint.h>

#define S_IFMT   0170000
#define S_IFSOCK 0140000
#define S_IFLNK  0120000
#define S_IFREG  0100000
#define S_IFBLK  0060000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000
#define S_ISUID  0004000
#define S_ISGID  0002000
#define S_ISVTX  0001000
#define S_IRUSR  0000400
#define S_IWUSR  0000200
#define S_IXUSR  0000100
#define S_IWGRP  0000020
#define S_IXGRP  0000010
#define S_IWOTH  0000002
#define S_IXOTH  0000001

struct stat {
    uint64_t device;
    uint64_t number;
    uint32_t mode;
    uint32_t links;
    uint32_t uid, gid;
    uint64_t special_device; /* st_rdev */
    uint64_t padding;
    int64_t size;
    int32_t block_size;
    int32_t padding2;
    int64_t blocks; /* of 512 bytes */
    int64_t atime, atime_nanoseconds;
    int64_t mtime, mtime_nanoseconds;
    int64_t ctime, ctime_nanoseconds;
    uint32_t unused[2];
};

struct statx_timestamp {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};

struct statx {
    uint32_t mask;
    uint32_t block_size;
    uint64_t attributes;
    uint32_t links;
    uint32_t uid, gid;
    uint16_t mode;
    uint16_t padding;
    uint64_t number;
    uint64_t size;
    uint64_t blocks;
    uint64_t attributes_mask;
    struct statx_timestamp atime, btime, ctime, mtime;
    uint32_t special_major, special_minor;
    uint32_t device_major, device_minor;
    uint64_t mount_id;
    uint32_t direct_memory_alignment, direct_offset_alignment;
    uint64_t spare[12];
};

#define STATX_MNT_ID      0x1000u
#define STATX_BASIC_STATS 0x07ffu
#define STATX_BTIME       0x0800u
#define STATX_DIOALIGN    0x2000u
#define STATX__RESERVED   0x80000000u

#define STATX_ATTR_IMMUTABLE  0x0010u
#define STATX_ATTR_APPEND     0x0020u
#define STATX_ATTR_NODUMP     0x0040u
#define STATX_ATTR_MOUNT_ROOT 0x2000u

#define UTIME_NOW  0x3fffffff /* utimensat(2) */
#define UTIME_OMIT 0x3ffffffe

#endif
