/* Operations on many bits of a bitmap, a word at a time. */
#include "lib/bitmap.h"

/* The bits of the word that holds bit first which lie in [first, end). */
static uint64_t word_mask(size_t first, size_t end)
{
    uint64_t mask = ~(uint64_t)0 << (first % 64);
    if (end / 64 == first / 64)
        mask &= ~(~(uint64_t)0 << (end % 64));
    return mask;
}

static size_t next_word(size_t bit)
{
    return (bit / 64 + 1) * 64;
}

void bitmap_set_range(uint64_t *map, size_t first, size_t count)
{
    size_t end = first + count;
    for (; first < end; first = next_word(first))
        map[first / 64] |= word_mask(first, end);
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t count)
{
    size_t end = first + count;
    for (; first < end; first = next_word(first))
        map[first / 64] &= ~word_mask(first, end);
}

/* The first bit in [first, end) that differs from those of flip (all zeros or all ones). */
static size_t find(const uint64_t *map, size_t first, size_t end, uint64_t flip)
{
    for (; first < end; first = next_word(first)) {
        uint64_t word = (map[first / 64] ^ flip) & word_mask(first, end);
        if (word)
            return first / 64 * 64 + (size_t)__builtin_ctzll(word);
    }
    return end;
}

size_t bitmap_find_clear(const uint64_t *map, size_t first, size_t end)
{
    return find(map, first, end, ~(uint64_t)0);
}

size_t bitmap_find_set(const uint64_t *map, size_t first, size_t end)
{
    return find(map, first, end, 0);
}

size_t bitmap_find_run(const uint64_t *map, size_t first, size_t end, size_t count)
{
    while (first < end) {
        size_t start = bitmap_find_clear(map, first, end);
        if (count > end - start)
            return end;
        first = bitmap_find_set(map, start, start + count);
        if (first == start + count)
            return start;
    }
    return end;
}

size_t bitmap_count(const uint64_t *map, size_t first, size_t end)
{
    size_t count = 0;
    for (; first < end; first = next_word(first))
        count += (size_t)__builtin_popcountll(map[first / 64] & word_mask(first, end));
    return count;
}
