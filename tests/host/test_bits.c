// sources:
/* The compiler's bit-counting functions against its own instructions. */
#define __ctzdi2      kernel_ctz
#define __clzdi2      kernel_clz
#define __popcountdi2 kernel_popcount
#include "lib/bits.c"
#include "check.h"

static void every_bit(void)
{
    for (int bit = 0; bit < 64; bit++) {
        uint64_t value = (uint64_t)1 << bit;
        CHECK(kernel_ctz(value) == bit && kernel_clz(value) == 63 - bit);
        CHECK(kernel_popcount(value) == 1 && kernel_popcount(value - 1) == bit);
    }
    CHECK(kernel_popcount(UINT64_MAX) == 64);
}

static void random_values(void)
{
    for (unsigned step = 0; step < 100000; step++) {
        uint64_t value = check_random() >> step % 64 << step / 64 % 64;
        CHECK(kernel_popcount(value) == __builtin_popcountll(value));
        if (!value)
            continue;
        CHECK(kernel_ctz(value) == __builtin_ctzll(value));
        CHECK(kernel_clz(value) == __builtin_clzll(value));
    }
}

int main(void)
{
    check_case("every bit", every_bit);
    check_case("random values", random_values);
    return check_done();
}
