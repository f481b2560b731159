/*
 * Very many mappings in one process: made, found, filled, inherited and unmapped in several orders.
 * Neighbours differ in protection, so that they do not merge.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

/*
 * 100,000, or fewer where the kernel sets a limit (Linux: 65,530 by default) or memory is small: a
 * fork doubles them, and twice some 220 bytes for each are to fit in two thirds of it.
 */
static size_t many(void)
{
    size_t fit = (size_t)memory_kib("MemTotal") * 1024 * 2 / 3 / 440;
    size_t limit = 101000;
    char text[32];

    if (access("/proc/sys/vm/max_map_count", R_OK) == 0) {
        read_file("/proc/sys/vm/max_map_count", text, sizeof(text));
        limit = strtoul(text, NULL, 10);
    }
    if (limit > fit)
        limit = fit;
    return limit > 101000 ? 100000 : limit - 1000;
}

static int alternate(size_t index)
{
    return index % 2 ? PROT_READ : RW;
}

/* Place one mapping on each page of a hole, in ascending order:  W|R|W|R|W ... */
static char *map_one_by_one(size_t count)
{
    char *base = find_hole(count);

    for (size_t i = 0; i < count; i++) {
        char *at = base + i * PAGE;
        char *page = mmap(at, PAGE, alternate(i), ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (page != at)
            fail("mapping %zu of %zu: %s", i, count, error_name(errno));
    }
    return base;
}

static void *order_of(size_t count, const char *kind)
{
    uint32_t *order = (uint32_t *)map_pages((count * sizeof(*order) + PAGE - 1) / PAGE);

    random_seed(count);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)(strcmp(kind, "down") == 0 ? count - 1 - i : i);
    for (size_t i = count; i > 1 && strcmp(kind, "random") == 0; i--) {
        uint32_t other = random_below((uint32_t)i), swap = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swap;
    }
    return order;
}

static void one_by_one_unmapped_at_once(void)
{
    size_t count = many();
    char *base = map_one_by_one(count);

    for (size_t i = 0; i < count; i += count / 500) {
        size_t even = i & ~1ul;
        base[even * PAGE] = (char)i;
        CHECK_EQ(base[(even + 1) * PAGE], 0);
    }
    expect_fault(base + (count / 2 | 1) * PAGE, 'w', SIGSEGV); /* a fork of all of them, too */
    expect_ok(munmap(base, count * PAGE));
    for (size_t i = 0; i < count; i += count / 7)
        expect_fault(base + i * PAGE, 'r', SIGSEGV);
}

/* The kernel chooses the addresses; every one is free and keeps its content. */
static void kernel_chooses(void)
{
    size_t count = many() / 2;
    char **pages = (char **)map_pages((count * sizeof(*pages) + PAGE - 1) / PAGE);
    const uint32_t *order = order_of(count, "random");

    for (size_t i = 0; i < count; i++) {
        pages[i] = mmap(NULL, PAGE, alternate(i), ANONYMOUS, -1, 0);
        if (pages[i] == MAP_FAILED)
            fail("mapping %zu of %zu: %s", i, count, error_name(errno));
        if (i % 20 == 0) {
            CHECK_EQ(*(size_t *)pages[i], 0);
            *(size_t *)pages[i] = i;
        }
    }
    for (size_t i = 0; i < count; i += 20)
        CHECK_EQ(*(size_t *)pages[i], i);
    for (size_t i = 0; i < count; i++) {
        size_t index = order[i];
        if (index % 20 == 0)
            CHECK_EQ(*(size_t *)pages[index], index);
        if (munmap(pages[index], PAGE) < 0)
            fail("unmapping %zu: %s", i, error_name(errno));
    }
    for (size_t i = 0; i < count; i += count / 7)
        expect_fault(pages[i], 'r', SIGSEGV);
}

/* One mapping, cut into many by mprotect, joined again, and cut by munmap of every other page. */
static void cut_and_joined(void)
{
    size_t count = many() / 4;
    /* Not reserved: all of it may be more than a small machine has. */
    char *base = expect_ok((char *)mmap(NULL, count * PAGE, RW, ANONYMOUS | MAP_NORESERVE, -1, 0));

    for (size_t i = 1; i < count; i += 2)
        if (mprotect(base + i * PAGE, PAGE, PROT_READ) < 0)
            fail("mprotect of page %zu: %s", i, error_name(errno));
    base[(count / 2 & ~1ul) * PAGE] = 'c';
    expect_ok(mprotect(base, count * PAGE, RW));
    CHECK_EQ(base[(count / 2 & ~1ul) * PAGE], 'c');
    CHECK_EQ(read_maps((uintptr_t)base, (uintptr_t)base + count * PAGE, NULL, 0), 1);
    for (size_t i = 0; i < count; i += 2)
        if (munmap(base + i * PAGE, PAGE) < 0)
            fail("munmap of page %zu: %s", i, error_name(errno));
    base[PAGE] = 'd';
    expect_ok(munmap(base, count * PAGE));
    expect_fault(base + PAGE, 'r', SIGSEGV);
}

static void unmap_in_order(const char *kind)
{
    const size_t count = 10000;
    char *base = map_one_by_one(count);
    const uint32_t *order = order_of(count, kind);

    for (size_t i = 0; i < count; i += 2)
        if (i % 40 == 0)
            base[i * PAGE] = 1;
    for (size_t i = 0; i < count; i++) {
        expect_ok(munmap(base + order[i] * PAGE, PAGE));
        if (i == 5000)
            expect_fault(base + order[i] * PAGE, 'r', SIGSEGV);
    }
    for (size_t i = 0; i < count; i += 1500)
        expect_fault(base + i * PAGE, 'r', SIGSEGV);
    CHECK_EQ(read_maps((uintptr_t)base, (uintptr_t)base + count * PAGE, NULL, 0), 0);
}

static void unmapped_upwards(void)
{
    unmap_in_order("up");
}

static void unmapped_downwards(void)
{
    unmap_in_order("down");
}

static void unmapped_at_random(void)
{
    unmap_in_order("random");
}

/*  W|R|W|.|.|R|W|R ...   holes of two pages among many mappings are found and filled exactly */
static void holes_are_found(void)
{
    const size_t count = 10000;
    char *base = map_one_by_one(count);

    for (size_t i = 3; i + 2 < count; i += 50)
        expect_ok(munmap(base + i * PAGE, 2 * PAGE));
    for (size_t i = 3; i + 2 < count; i += 50) {
        char *hole = base + i * PAGE;
        char *three = expect_ok((char *)mmap(hole, 3 * PAGE, RW, ANONYMOUS, -1, 0));
        CHECK(three != hole); /* it does not fit */
        expect_ok(munmap(three, 3 * PAGE));
        expect_errno(mmap(hole, 3 * PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
        CHECK(mmap(hole, 2 * PAGE, RW, ANONYMOUS, -1, 0) == hole);
        CHECK_EQ(hole[0] + hole[PAGE], 0);
    }
}

/* The hole that was made last is the highest that fits, and so the next choice. */
static void highest_hole_first(void)
{
    enum { COUNT = 300 };
    char *pages[COUNT];
    char *low;

    /* Fill what holes there are, until the mappings go down page by page. */
    for (size_t i = 0; i < COUNT; i++)
        pages[i] = expect_ok((char *)mmap(NULL, 8 * PAGE, alternate(i), ANONYMOUS, -1, 0));
    for (size_t i = COUNT - 50; i < COUNT; i++)
        if (pages[i] != pages[i - 1] - 8 * PAGE)
            skip("addresses are not chosen downwards");
    expect_ok(munmap(pages[COUNT - 40], 8 * PAGE));
    low = expect_ok((char *)mmap(NULL, 9 * PAGE, RW, ANONYMOUS, -1, 0));
    CHECK(low < pages[COUNT - 1]);
    CHECK(mmap(NULL, 8 * PAGE, RW, ANONYMOUS, -1, 0) == pages[COUNT - 40]);
}

static void check_inherited(void *argument)
{
    char *base = argument;

    for (size_t i = 0; i < 10000; i += 20)
        CHECK_EQ(*(size_t *)(base + i * PAGE), i);
    expect_fault(base + PAGE, 'w', SIGSEGV);
    for (size_t i = 0; i < 10000; i += 2)
        expect_ok(munmap(base + i * PAGE, PAGE));
    expect_fault(base, 'r', SIGSEGV);
}

static void many_inherited(void)
{
    char *base = map_one_by_one(10000);

    for (size_t i = 0; i < 10000; i += 20)
        *(size_t *)(base + i * PAGE) = i;
    for (int round = 0; round < 3; round++)
        expect_child_ok(check_inherited, base);
    for (size_t i = 0; i < 10000; i += 20)
        CHECK_EQ(*(size_t *)(base + i * PAGE), i);
}

/* One file, mapped page by page in a random order, so that neighbours are not neighbours in it. */
static void many_of_one_file(void)
{
    enum { FILE_PAGES = 64, COUNT = 5000 };
    int fd = pattern_file("file", FILE_PAGES * PAGE);
    char *base = find_hole(COUNT);
    size_t offsets[COUNT];

    random_seed(3);
    for (size_t i = 0; i < COUNT; i++) {
        offsets[i] = random_below(FILE_PAGES) * PAGE;
        expect_ok(mmap(base + i * PAGE, PAGE, i % 3 ? PROT_READ : RW,
                       MAP_FIXED_NOREPLACE | (i % 3 ? MAP_SHARED : MAP_PRIVATE), fd,
                       (off_t)offsets[i]));
    }
    for (size_t i = 0; i < COUNT; i += 7)
        CHECK_PATTERN(base + i * PAGE, offsets[i], 64);
    /* A store through one mapping is seen through every shared one of that page. */
    char *writable = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, (off_t)offsets[1]));
    writable[5] = 0;
    for (size_t i = 0; i < COUNT; i++)
        if (i % 3 && offsets[i] == offsets[1])
            CHECK_EQ(base[i * PAGE + 5], 0);
    expect_ok(ftruncate(fd, 10 * PAGE));
    for (size_t i = 0; i < COUNT; i += COUNT / 10)
        if (offsets[i] >= 10 * PAGE)
            expect_fault(base + i * PAGE, 'r', SIGBUS);
        else
            expect_access(base + i * PAGE, 'r');
    expect_ok(munmap(base, COUNT * PAGE));
}

static const struct test tests[] = {
    TEST(one_by_one_unmapped_at_once),
    TEST(kernel_chooses),
    TEST(cut_and_joined),
    TEST(unmapped_upwards),
    TEST(unmapped_downwards),
    TEST(unmapped_at_random),
    TEST(holes_are_found),
    TEST(highest_hole_first),
    TEST(many_inherited),
    TEST(many_of_one_file),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
