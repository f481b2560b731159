/* sysinfo(2). */
#ifndef MAPIX_ABI_SYSINFO_H
#define MAPIX_ABI_SYSINFO_H

#include <stdint.h>

#define SYSINFO_LOAD_SHIFT 16 /* load averages are fixed-point numbers */

struct sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    uint16_t processes, padding;
    uint64_t total_high, free_high;
    uint32_t unit;
};

_Static_assert(sizeof(struct sysinfo) == 112, "sysinfo");

#endif
