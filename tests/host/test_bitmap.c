// sources: kernel/lib/bitmap.c
/* Bitmaps against arrays of bool. */
#include <string.h>
#include "check.h"
#include "lib/bitmap.h"

#define BITS 300

static uint64_t map[BITMAP_WORDS(BITS)];
static bool model[BITS];

static bool same(void)
{
    for (size_t i = 0; i < BITS; i++) {
        if (bitmap_test(map, i) != model[i])
            return false;
    }
    return true;
}

/* The first position of a run of count equal values in [first, end), or end. */
static size_t model_find(size_t first, size_t end, size_t count, bool value)
{
    for (; first + count <= end; first++) {
        size_t length = 0;
        while (length < count && model[first + length] == value)
            length++;
        if (length == count)
            return first;
    }
    return end;
}

static void single_bits(void)
{
    memset(map, 0, sizeof(map));
    memset(model, 0, sizeof(model));
    for (unsigned step = 0; step < 2000; step++) {
        size_t bit = check_random() % BITS;
        model[bit] = step % 2;
        if (model[bit])
            bitmap_set(map, bit);
        else
            bitmap_clear(map, bit);
    }
    CHECK(same());
}

static void random_range(size_t *first, size_t *end)
{
    *first = check_random() % (BITS + 1);
    *end = *first + check_random() % (BITS + 1 - *first);
}

static void set_and_clear_ranges(void)
{
    memset(map, 0, sizeof(map));
    memset(model, 0, sizeof(model));
    for (unsigned step = 0; step < 5000; step++) {
        size_t first, end;
        random_range(&first, &end);
        if (step % 2)
            bitmap_set_range(map, first, end - first);
        else
            bitmap_clear_range(map, first, end - first);
        for (size_t i = first; i < end; i++)
            model[i] = step % 2;
        CHECK(same());
    }
}

/* Sparse, dense and mixed maps. */
static void random_map(unsigned ones)
{
    memset(map, 0, sizeof(map));
    for (size_t i = 0; i < BITS; i++) {
        model[i] = check_random() % 100 < ones;
        if (model[i])
            bitmap_set(map, i);
    }
}

static void find_and_count(void)
{
    static const unsigned ones[] = {0, 1, 10, 50, 90, 99, 100};
    for (unsigned step = 0; step < 7000; step++) {
        size_t first, end, count = 1 + check_random() % 70, set = 0;
        random_map(ones[step % 7]);
        random_range(&first, &end);
        for (size_t i = first; i < end; i++)
            set += model[i];
        CHECK(bitmap_find_clear(map, first, end) == model_find(first, end, 1, false));
        CHECK(bitmap_find_set(map, first, end) == model_find(first, end, 1, true));
        CHECK(bitmap_find_run(map, first, end, count) == model_find(first, end, count, false));
        CHECK(bitmap_count(map, first, end) == set);
    }
}

int main(void)
{
    check_case("set, clear and test", single_bits);
    check_case("set and clear ranges", set_and_clear_ranges);
    check_case("find and count", find_and_count);
    return check_done();
}
