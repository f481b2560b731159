/*
 * Swap areas: the flags of swapon(2), and the header that mkswap(8) writes into the first page.
 */
#ifndef MAPIX_ABI_SWAP_H
#define MAPIX_ABI_SWAP_H

#include <stdint.h>

#define SWAP_FLAG_PRIO_MASK     0x7fff
#define SWAP_FLAG_PREFER        0x8000
#define SWAP_FLAG_DISCARD       0x10000
#define SWAP_FLAG_DISCARD_ONCE  0x20000
#define SWAP_FLAG_DISCARD_PAGES 0x40000
#define SWAP_FLAGS_VALID        0x7ffff

#define SWAP_PAGE_SIZE 4096
#define SWAP_SIGNATURE "SWAPSPACE2" /* the last bytes of the page */
#define SWAP_VERSION   1
#define SWAP_BAD_MAX   ((SWAP_PAGE_SIZE - 10 - 1024 - 128 * 4) / 4)

struct swap_header {
    uint8_t boot[1024];
    uint32_t version, last_page, bad_count;
    uint8_t uuid[16], label[16];
    uint32_t padding[117];
    uint32_t bad[SWAP_BAD_MAX];
    uint8_t unused[2];
    char signature[10];
};

_Static_assert(sizeof(struct swap_header) == SWAP_PAGE_SIZE, "swap header");

#endif
