/* Device numbers: how st_rdev and mknod(2) hold major and minor (makedev(3)). */
#ifndef MAPIX_ABI_DEVICE_H
#define MAPIX_ABI_DEVICE_H

#include <stdint.h>

static inline uint64_t device_number(uint32_t major, uint32_t minor)
{
    return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
           (uint64_t)(major & ~0xfffu) << 32;
}

static inline uint32_t device_major(uint64_t number)
{
    return (uint32_t)((number >> 8 & 0xfff) | (number >> 32 & ~0xfffull));
}

static inline uint32_t device_minor(uint64_t number)
{
    return (uint32_t)((number & 0xff) | (number >> 12 & ~0xffull));
}

#endif
