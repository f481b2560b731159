/*
 * Bitmaps: arrays of 64-bit words, bit n in word n / 64, least significant first. Not atomic; the
 * caller serialises.
 */
#ifndef MAPIX_LIB_BITMAP_H
#define MAPIX_LIB_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words needed for so many bits. */
#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
    return map[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t bit)
{
    map[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
    map[bit / 64] &= ~((uint64_t)1 << (bit % 64));
}

/* Set or clear count bits from first on. */
void bitmap_set_range(uint64_t *map, size_t first, size_t count);
void bitmap_clear_range(uint64_t *map, size_t first, size_t count);

/* The first clear or set bit in [first, end), or end when there is none. */
size_t bitmap_find_clear(const uint64_t *map, size_t first, size_t end);
size_t bitmap_find_set(const uint64_t *map, size_t first, size_t end);

/* The first bit of the first run of count clear bits in [first, end), or end. count is not 0. */
size_t bitmap_find_run(const uint64_t *map, size_t first, size_t end, size_t count);

/* How many of the bits in [first, end) are set. */
size_t bitmap_count(const uint64_t *map, size_t first, size_t end);

#endif
