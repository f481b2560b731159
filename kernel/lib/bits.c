/*
 * Counting bits, for processors without instructions for it: the functions that the compiler calls
 * for __builtin_ctzll, __builtin_clzll and __builtin_popcountll.
 *
 * The number of a single bit is found by a multiplication with a sequence in which each pattern of
 * six bits occurs once (a de Bruijn sequence): multiplied by 2^n it is shifted left by n, and its
 * top six bits tell n apart.
 */
#include <stdint.h>

#define SEQUENCE 0x0218a392cd3d5dbfu

static const uint8_t bit_numbers[64] = {
    0,  1,  2,  7,  3,  13, 8,  19, 4,  25, 14, 28, 9,  34, 20, 40, 5,  17, 26, 38, 15, 46,
    29, 48, 10, 31, 35, 54, 21, 50, 41, 57, 63, 6,  12, 18, 24, 27, 33, 39, 16, 37, 45, 47,
    30, 53, 49, 56, 62, 11, 23, 32, 36, 44, 52, 55, 61, 22, 43, 51, 60, 42, 59, 58};

/* The number of the only bit in value. */
static int bit_number(uint64_t value)
{
    return bit_numbers[value * SEQUENCE >> 58];
}

int __ctzdi2(uint64_t value);
int __clzdi2(uint64_t value);
int __popcountdi2(uint64_t value);

/* Zeros below the lowest one; value is not 0. */
int __ctzdi2(uint64_t value)
{
    return bit_number(value & -value);
}

/* Zeros above the highest one; value is not 0. */
int __clzdi2(uint64_t value)
{
    value |= value >> 1;
    value |= value >> 2;
    value |= value >> 4;
    value |= value >> 8;
    value |= value >> 16;
    value |= value >> 32;
    return 63 - bit_number(value - (value >> 1));
}

/* Ones: sums of 2, 4 and 8 neighbours side by side, then those of the bytes added up by a
 * multiplication. */
int __popcountdi2(uint64_t value)
{
    value -= value >> 1 & 0x5555555555555555u;
    value = (value & 0x3333333333333333u) + (value >> 2 & 0x3333333333333333u);
    value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)(value * 0x0101010101010101u >> 56);
}
