/*
 * How mappings are split and merged, seen in /proc/self/maps. Each picture shows pages, one letter
 * each (tap.h), with a bar between two mappings that touch; Linux draws the same ones.
 *
 * Every test works inside a field of PROT_NONE pages that is cut away first, so that nothing
 * outside can merge with what it looks at.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define RX        (PROT_READ | PROT_EXEC)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static char *place(char *base, size_t page, size_t pages, int prot)
{
    char *at = base + page * PAGE;

    CHECK(mmap(at, pages * PAGE, prot, ANONYMOUS | MAP_FIXED, -1, 0) == at);
    return at;
}

static void protect(char *base, size_t page, size_t pages, int prot)
{
    expect_ok(mprotect(base + page * PAGE, pages * PAGE, prot));
}

static void unmap(char *base, size_t page, size_t pages)
{
    expect_ok(munmap(base + page * PAGE, pages * PAGE));
}

static void neighbours_merge(void)
{
    char *base = find_hole(8);

    place(base, 1, 2, RW);
    expect_picture(base, 8, ".WW.....");
    place(base, 3, 2, RW); /* on the right */
    expect_picture(base, 8, ".WWWW...");
    place(base, 0, 1, RW); /* on the left */
    expect_picture(base, 8, "WWWWW...");
    place(base, 6, 2, RW);
    expect_picture(base, 8, "WWWWW.WW");
    place(base, 5, 1, RW); /* between two */
    expect_picture(base, 8, "WWWWWWWW");
}

static void protections_separate(void)
{
    char *base = find_hole(8);

    place(base, 0, 2, RW);
    place(base, 2, 2, PROT_READ);
    place(base, 4, 2, PROT_NONE);
    place(base, 6, 2, RX);
    expect_picture(base, 8, "WW|RR|--|XX");
    place(base, 2, 4, RW); /* over two of them */
    expect_picture(base, 8, "WWWWWW|XX");
}

static void mprotect_splits(void)
{
    char *base = find_hole(6);

    place(base, 0, 6, RW);
    protect(base, 2, 2, PROT_READ);
    expect_picture(base, 6, "WW|RR|WW");
    protect(base, 0, 1, PROT_NONE);
    expect_picture(base, 6, "-|W|RR|WW");
    protect(base, 5, 1, PROT_NONE);
    expect_picture(base, 6, "-|W|RR|W|-");
    protect(base, 1, 4, PROT_READ);
    expect_picture(base, 6, "-|RRRR|-");
    protect(base, 0, 6, RW);
    expect_picture(base, 6, "WWWWWW");
}

static void mprotect_merges(void)
{
    char *base = find_hole(9);

    place(base, 0, 3, RW);
    place(base, 3, 3, PROT_READ);
    place(base, 6, 3, RW);
    expect_picture(base, 9, "WWW|RRR|WWW");
    protect(base, 3, 1, RW); /* the left neighbour takes the page */
    expect_picture(base, 9, "WWWW|RR|WWW");
    protect(base, 5, 1, RW); /* the right neighbour */
    expect_picture(base, 9, "WWWW|R|WWWW");
    protect(base, 4, 1, RW); /* both */
    expect_picture(base, 9, "WWWWWWWWW");
    protect(base, 3, 3, RW); /* nothing to change */
    expect_picture(base, 9, "WWWWWWWWW");
    protect(base, 0, 2, PROT_READ);
    protect(base, 1, 1, RW);
    expect_picture(base, 9, "R|WWWWWWWW");
}

static void mprotect_over_several(void)
{
    char *base = find_hole(8);

    place(base, 0, 2, RW);
    place(base, 2, 2, PROT_READ);
    place(base, 4, 2, RX);
    place(base, 6, 2, RW);
    protect(base, 1, 6, PROT_READ);
    expect_picture(base, 8, "W|RRRRRR|W");
}

static void munmap_splits(void)
{
    char *base = find_hole(8);

    place(base, 0, 8, RW);
    unmap(base, 3, 2);
    expect_picture(base, 8, "WWW..WWW");
    unmap(base, 0, 1);
    unmap(base, 7, 1);
    expect_picture(base, 8, ".WW..WW.");
    unmap(base, 2, 4);
    expect_picture(base, 8, ".W....W.");
    place(base, 2, 4, RW);
    expect_picture(base, 8, ".WWWWWW.");
}

static void fixed_over_part(void)
{
    char *base = find_hole(6);

    place(base, 0, 6, RW);
    place(base, 2, 2, PROT_READ);
    expect_picture(base, 6, "WW|RR|WW");
    place(base, 2, 2, RW);
    expect_picture(base, 6, "WWWWWW");
    place(base, 0, 6, PROT_NONE);
    expect_picture(base, 6, "------");
}

/* Pages with content merge as well, and keep it. */
static void touched_pages_merge(void)
{
    char *base = find_hole(6);

    place(base, 0, 6, RW);
    for (size_t i = 0; i < 6; i++)
        base[i * PAGE] = (char)('a' + i);
    protect(base, 2, 2, PROT_READ);
    expect_picture(base, 6, "WW|RR|WW");
    protect(base, 2, 2, RW);
    expect_picture(base, 6, "WWWWWW");
    for (size_t i = 0; i < 6; i++)
        CHECK_EQ(base[i * PAGE], 'a' + i);
    /* A fresh neighbour joins pages that are in use. */
    unmap(base, 4, 2);
    place(base, 4, 2, RW);
    expect_picture(base, 6, "WWWWWW");
    CHECK_EQ(base[3 * PAGE], 'd');
    CHECK_EQ(base[4 * PAGE], 0);
    base[4 * PAGE] = 'n';
    expect_access(base + 5 * PAGE, 'w');
}

/*  A . B     touched one by one, so they cannot become one
 *  A a B     what comes between them joins the lower one
 */
static void middle_joins_lower(void)
{
    char *base = find_hole(3);

    place(base, 0, 1, RW)[0] = 'A';
    place(base, 2, 1, RW)[0] = 'B';
    place(base, 1, 1, RW);
    expect_picture(base, 3, "WW|W");
    protect(base, 1, 1, PROT_READ);
    expect_picture(base, 3, "W|R|W");
    protect(base, 1, 1, RW);
    expect_picture(base, 3, "WW|W");
    CHECK(base[0] == 'A' && base[2 * PAGE] == 'B');
}

/*  A . B     the middle, touched while it differs, goes with the upper one
 *  A b B     so it joins that one later
 */
static void middle_goes_with_upper(void)
{
    char *base = find_hole(3);

    place(base, 0, 1, RW)[0] = 'A';
    place(base, 2, 1, RW)[0] = 'B';
    place(base, 1, 1, RW | PROT_EXEC)[0] = 'b';
    protect(base, 1, 1, RW);
    expect_picture(base, 3, "W|WW");
    CHECK(base[0] == 'A' && base[PAGE] == 'b' && base[2 * PAGE] == 'B');
}

/* What MREMAP_DONTUNMAP leaves behind is unlocked, and stays apart from what it equals then. If it
 * has become one with its new place, all of that is unlocked. */
static void kept_stays_apart(void)
{
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    char *base = find_hole(8);

    place(base, 0, 4, RW);
    expect_ok(mlock2(base, 2 * PAGE, MLOCK_ONFAULT));
    expect_picture(base, 8, "WW|WW....");
    expect_ok((long)mremap(base, 2 * PAGE, 2 * PAGE, flags, base + 4 * PAGE));
    expect_picture(base, 8, "WW|WW|WW..");
    expect_ok(munlock(base + 4 * PAGE, 2 * PAGE));
    expect_picture(base, 8, "WW|WWWW..");
    place(base, 0, 4, RW);
    unmap(base, 4, 4);
    expect_ok(mlock2(base, 4 * PAGE, MLOCK_ONFAULT));
    expect_ok((long)mremap(base + PAGE, 2 * PAGE, 2 * PAGE, flags, base + 4 * PAGE));
    expect_picture(base, 8, "WWWWWW..");
    expect_ok(madvise(base, 6 * PAGE, MADV_COLD)); /* refuses what is locked */
}

/* Pages that were touched keep their numbers when they move: what is new beside them is apart. */
static void moved_pages_stay_apart(void)
{
    char *base = find_hole(8);

    place(base, 0, 2, RW)[0] = 'A';
    expect_ok(
        (long)mremap(base, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 4 * PAGE));
    place(base, 3, 1, RW);
    place(base, 6, 1, RW);
    expect_picture(base, 8, "...W|WW|W.");
    /* Those that were not take new ones. */
    place(base, 0, 1, RW);
    expect_ok((long)mremap(base, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 7 * PAGE));
    expect_picture(base, 8, "...W|WW|WW");
    CHECK_EQ(base[4 * PAGE], 'A');
}

/* Memory that was promised to a mapping stays so when it cannot be stored to any more, if it may
 * have pages; it does not merge with memory that never was. */
static void promised_stays_apart(void)
{
    char *base = find_hole(6);

    place(base, 0, 3, RW);
    protect(base, 0, 3, PROT_READ); /* without pages: let off */
    place(base, 3, 3, PROT_READ);
    expect_picture(base, 6, "RRRRRR");
    place(base, 0, 3, RW)[0] = 'A';
    protect(base, 0, 3, PROT_READ);
    expect_picture(base, 6, "RRR|RRR");
}

static void merge_inherited(void *argument)
{
    char *base = argument;

    protect(base, 3, 1, PROT_READ); /* cut in the child: it joins again */
    protect(base, 3, 1, RW);
    expect_picture(base, 8, "..WW|RR..");
    protect(base, 4, 2, RW); /* cut in the parent: it does not */
    expect_picture(base, 8, "..WW|WW..");
    place(base, 1, 1, RW); /* nor does what is new */
    place(base, 6, 1, RW)[0] = 'n';
    expect_picture(base, 8, ".W|WW|WW|W.");
    expect_ok((long)mremap(base + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base));
    expect_ok((long)mremap(base, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 2 * PAGE));
    expect_picture(base, 8, ".W|WW|WW|W.");
    CHECK(base[2 * PAGE] == 'A' && base[6 * PAGE] == 'n');
}

/* Touched mappings after fork are each by themselves in the child, unchanged in the parent. */
static void inherited_stay_apart(void)
{
    char *base = find_hole(8);

    place(base, 2, 4, RW)[0] = 'A';
    protect(base, 4, 2, PROT_READ);
    expect_child_ok(merge_inherited, base);
    protect(base, 4, 2, RW);
    place(base, 1, 1, RW);
    expect_picture(base, 8, ".WWWWW..");
}

/* file   0 1 2 3 4 5 */
static void file_mappings(int flags, int prot, const char *whole, const char *split,
                          const char *order)
{
    int fd = pattern_file("file", 6 * PAGE);
    char *base = find_hole(6);

    for (size_t i = 0; i < 6; i++)
        expect_ok(mmap(base + i * PAGE, PAGE, prot, flags | MAP_FIXED, fd, (off_t)(i * PAGE)));
    expect_picture(base, 6, whole); /* neighbours in the file and in memory */
    expect_ok(mmap(base + 2 * PAGE, PAGE, prot, flags | MAP_FIXED, fd, 3 * PAGE));
    expect_ok(mmap(base + 3 * PAGE, PAGE, prot, flags | MAP_FIXED, fd, 2 * PAGE));
    expect_picture(base, 6, order);
    CHECK_PATTERN(base + 2 * PAGE, 3 * PAGE, PAGE);
    CHECK_PATTERN(base + 3 * PAGE, 2 * PAGE, PAGE);
    CHECK_PATTERN(base + 4 * PAGE, 4 * PAGE, 2 * PAGE);
    expect_ok(mmap(base + 2 * PAGE, 2 * PAGE, prot, flags | MAP_FIXED, fd, 2 * PAGE));
    expect_picture(base, 6, whole);
    protect(base, 2, 2, prot ^ PROT_WRITE);
    expect_picture(base, 6, split);
    protect(base, 2, 2, prot);
    expect_picture(base, 6, whole);
    unmap(base, 1, 1);
    expect_ok(mmap(base + PAGE, PAGE, prot, flags | MAP_FIXED, fd, PAGE));
    expect_picture(base, 6, whole);
    CHECK_PATTERN(base, 0, 6 * PAGE);
}

static void shared_file_mappings(void)
{
    file_mappings(MAP_SHARED, PROT_READ, "rrrrrr", "rr|ww|rr", "rr|r|r|rr");
}

static void private_file_mappings(void)
{
    /* Not PROT_READ made writable and back: Linux goes on counting such pages as memory promised,
     * and does not merge them with those that never were. */
    file_mappings(MAP_PRIVATE, RW, "WWWWWW", "WW|RR|WW", "WW|W|W|WW");
}

/* Unlike things do not merge: two files, a file and anonymous memory, private and shared. */
static void unlike_neighbours(void)
{
    int first = pattern_file("first", 8 * PAGE), second = pattern_file("second", 8 * PAGE);
    char *base = find_hole(5);

    expect_ok(mmap(base, PAGE, RW, MAP_PRIVATE | MAP_FIXED, first, 0));
    expect_ok(mmap(base + PAGE, PAGE, RW, MAP_PRIVATE | MAP_FIXED, second, PAGE));
    place(base, 2, 1, RW);
    expect_ok(mmap(base + 3 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, second, 3 * PAGE));
    expect_ok(mmap(base + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_FIXED, second, 4 * PAGE));
    expect_picture(base, 5, "W|W|W|w|W");
}

/* Each piece of shared anonymous memory is an object of its own; its parts join again. */
static void shared_anonymous(void)
{
    const int flags = MAP_SHARED | MAP_ANONYMOUS;
    char *base = find_hole(6);

    expect_ok(mmap(base, 3 * PAGE, RW, flags | MAP_FIXED, -1, 0));
    expect_ok(mmap(base + 3 * PAGE, 3 * PAGE, RW, flags | MAP_FIXED, -1, 0));
    expect_picture(base, 6, "www|www");
    for (size_t i = 0; i < 6; i++)
        base[i * PAGE] = (char)i;
    protect(base, 1, 4, PROT_READ);
    expect_picture(base, 6, "w|rr|rr|w");
    protect(base, 1, 4, RW);
    expect_picture(base, 6, "www|www");
    unmap(base, 1, 1);
    expect_picture(base, 6, "w.w|www");
    for (size_t i = 0; i < 6; i++)
        if (i != 1)
            CHECK_EQ(base[i * PAGE], i);
}

/* The break grows by growing one mapping. */
static void heap_is_one(void)
{
    char *start = expect_ok((char *)sbrk(0));
    char *first = (char *)(((uintptr_t)start + PAGE - 1) & -PAGE);

    expect_ok(brk(first + 8 * PAGE));
    expect_picture(first, 8, "WWWWWWWW");
    memset(first, 1, 8 * PAGE);
    protect(first, 3, 2, PROT_READ);
    expect_picture(first, 8, "WWW|RR|WWW");
    protect(first, 3, 2, RW);
    expect_picture(first, 8, "WWWWWWWW");
    expect_ok(brk(first + 5 * PAGE));
    expect_picture(first, 8, "WWWWW...");
    expect_ok(brk(first + 8 * PAGE));
    expect_picture(first, 8, "WWWWWWWW");
}

/* Random calls against a simple model: a protection, or nothing, for each page. */
enum { FIELD = 40 };

static void draw_model(const char *model, char *picture)
{
    size_t used = 0;

    for (size_t i = 0; i < FIELD; i++) {
        if (i > 0 && model[i] != '.' && model[i - 1] != '.' && model[i] != model[i - 1])
            picture[used++] = '|';
        picture[used++] = model[i];
    }
    picture[used] = '\0';
}

static void random_calls(void)
{
    static const int prots[] = {RW, PROT_READ, PROT_NONE, RX};
    static const char letters[] = "WR-X";
    char model[FIELD], picture[2 * FIELD + 1];
    char *base = find_hole(FIELD);

    random_seed(77);
    memset(model, '.', FIELD);
    for (int round = 0; round < 400; round++) {
        uint32_t from = random_below(FIELD), count = 1 + random_below(FIELD - from);
        uint32_t which = random_below(4), action = random_below(3);
        if (count > 12)
            count = 12;
        if (action == 0) {
            unmap(base, from, count);
            memset(model + from, '.', count);
        } else if (action == 1 || memchr(model + from, '.', count) != NULL) {
            place(base, from, count, prots[which]);
            memset(model + from, letters[which], count);
        } else {
            protect(base, from, count, prots[which]);
            memset(model + from, letters[which], count);
        }
        draw_model(model, picture);
        expect_picture(base, FIELD, picture);
    }
}

/* What two openings of a file show stays apart, even where it continues. */
static void openings_stay_apart(void)
{
    int first = pattern_file("file", 4 * PAGE), second = expect_ok(open("file", O_RDWR));
    char *base = find_hole(4);

    expect_ok((long)mmap(base, PAGE, RW, MAP_SHARED | MAP_FIXED, first, 0));
    expect_ok((long)mmap(base + PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, second, PAGE));
    expect_picture(base, 4, "w|w..");
    expect_ok((long)mmap(base + 2 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, second, 2 * PAGE));
    expect_picture(base, 4, "w|ww.");
    expect_ok((long)mmap(base + PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, first, PAGE));
    expect_picture(base, 4, "ww|w.");
    expect_errno(mremap(base, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0, EFAULT);
}

static const struct test tests[] = {
    TEST(neighbours_merge),       TEST(protections_separate),  TEST(mprotect_splits),
    TEST(mprotect_merges),        TEST(mprotect_over_several), TEST(munmap_splits),
    TEST(fixed_over_part),        TEST(touched_pages_merge),   TEST(middle_joins_lower),
    TEST(moved_pages_stay_apart), TEST(shared_file_mappings),  TEST(private_file_mappings),
    TEST(unlike_neighbours),      TEST(shared_anonymous),      TEST(heap_is_one),
    TEST(random_calls),           TEST(promised_stays_apart),  TEST(inherited_stay_apart),
    TEST(middle_goes_with_upper), TEST(kept_stays_apart),      TEST(openings_stay_apart),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
