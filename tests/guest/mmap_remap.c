/*
 * mremap: growing in place and moving, shrinking, replacing, keeping the old place, duplicating
 * shared mappings, whole ranges; and remap_file_pages.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED     (MREMAP_MAYMOVE | MREMAP_FIXED)

/* Anonymous memory at a place in a hole. */
static char *place(char *hole, size_t page, size_t pages, int flags)
{
    return expect_ok((char *)mmap(hole + page * PAGE, pages * PAGE, RW,
                                  MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0));
}

static void number_pages(char *base, size_t pages, char first)
{
    for (size_t i = 0; i < pages; i++)
        base[i * PAGE] = (char)(first + (char)i);
}

static void check_numbers(const char *base, size_t pages, char first)
{
    for (size_t i = 0; i < pages; i++)
        CHECK_EQ(base[i * PAGE], (char)(first + (char)i));
}

/* ---- sizes ---- */

static void shrink(void)
{
    char *base = place(find_hole(12), 1, 8, MAP_PRIVATE);

    number_pages(base, 8, 1);
    CHECK(mremap(base, 8 * PAGE, 3 * PAGE, 0) == base);
    expect_picture(base - PAGE, 10, ".WWW......");
    check_numbers(base, 3, 1);
    CHECK(mremap(base, 3 * PAGE, 3 * PAGE, 0) == base);
    CHECK(mremap(base, 3 * PAGE - 5, 3 * PAGE - 100, 0) == base);
    expect_fault(base + 3 * PAGE, 'r', SIGSEGV);
}

/* What is to go may cross mappings and holes. */
static void shrink_across(void)
{
    char *hole = find_hole(12), *base = place(hole, 1, 3, MAP_PRIVATE);

    place(hole, 6, 3, MAP_SHARED);
    CHECK(mremap(base, 7 * PAGE, 2 * PAGE, 0) == base);
    expect_picture(hole, 10, ".WW.....w.");
}

static void grow_in_place(void)
{
    char *base = place(find_hole(20), 1, 4, MAP_PRIVATE);

    number_pages(base, 4, 1);
    CHECK(mremap(base, 4 * PAGE, 8 * PAGE, 0) == base);
    check_numbers(base, 4, 1);
    CHECK(all_bytes(base + 4 * PAGE, 0, 4 * PAGE));
    base[7 * PAGE] = 8;
    expect_picture(base, 9, "WWWWWWWW.");
    /* Only its last part is named: the rest stays as it is. */
    CHECK(mremap(base + 6 * PAGE, 2 * PAGE, 3 * PAGE, 0) == base + 6 * PAGE);
    expect_picture(base, 10, "WWWWWWWWW.");
}

static void grow_into_neighbour(void)
{
    char *hole = find_hole(20), *base = place(hole, 1, 4, MAP_PRIVATE);

    place(hole, 7, 3, MAP_PRIVATE)[0] = 7;
    CHECK(mremap(base, 4 * PAGE, 6 * PAGE, 0) == base);
    expect_picture(hole, 11, ".WWWWWWWWW.");
    expect_errno(mremap(base, 4 * PAGE, 6 * PAGE, 0), ENOMEM); /* not its end */
    CHECK_EQ(base[6 * PAGE], 7);
}

static void grow_blocked(void)
{
    char *hole = find_hole(20), *base = place(hole, 1, 4, MAP_PRIVATE);

    place(hole, 7, 1, MAP_SHARED);
    number_pages(base, 4, 1);
    expect_errno(mremap(base, 4 * PAGE, 7 * PAGE, 0), ENOMEM);
    expect_picture(hole, 9, ".WWWW..w.");
    char *moved = expect_ok((char *)mremap(base, 4 * PAGE, 7 * PAGE, MREMAP_MAYMOVE));
    CHECK(moved != base);
    expect_picture(hole, 9, ".......w.");
    check_numbers(moved, 4, 1);
    CHECK(all_bytes(moved + 4 * PAGE, 0, 3 * PAGE));
    moved[6 * PAGE] = 1;
}

/* As realloc does with a large block, many times. */
static void grow_again_and_again(void)
{
    size_t pages = 1;
    char *base = map_pages(1);

    base[0] = 1;
    while (pages < 4096) {
        size_t more = pages + pages / 3 + 1;
        base = expect_ok((char *)mremap(base, pages * PAGE, more * PAGE, MREMAP_MAYMOVE));
        for (size_t i = pages; i < more; i++) {
            CHECK_EQ(base[i * PAGE], 0);
            base[i * PAGE] = (char)(i + 1);
        }
        pages = more;
    }
    for (size_t i = 0; i < pages; i++)
        CHECK_EQ(base[i * PAGE], (char)(i + 1));
    expect_ok(munmap(base, pages * PAGE));
}

/* ---- moving ---- */

static void move_the_middle(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 9, MAP_PRIVATE), *to = hole + 15 * PAGE;

    number_pages(base, 9, 1);
    CHECK(mremap(base + 3 * PAGE, 3 * PAGE, 3 * PAGE, FIXED, to) == to);
    expect_picture(hole, 20, ".WWW...WWW.....WWW..");
    check_numbers(base, 3, 1);
    check_numbers(to, 3, 4);
    check_numbers(base + 6 * PAGE, 3, 7);
    expect_fault(base + 3 * PAGE, 'r', SIGSEGV);
    /* The vacated place is fresh memory; what moved away is not touched by it. */
    place(hole, 4, 3, MAP_PRIVATE);
    CHECK(all_bytes(base + 3 * PAGE, 0, 3 * PAGE));
    memset(base + 3 * PAGE, 99, 3 * PAGE);
    check_numbers(to, 3, 4);
    memset(to, 77, 3 * PAGE);
    CHECK(all_bytes(base + 3 * PAGE, 99, 3 * PAGE));
    check_numbers(base + 6 * PAGE, 3, 7);
}

/* There and back: it is one mapping again, with all its pages. */
static void move_back(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 9, MAP_PRIVATE), *to = hole + 15 * PAGE;

    number_pages(base, 9, 1);
    CHECK(mremap(base + 3 * PAGE, 3 * PAGE, 3 * PAGE, FIXED, to) == to);
    CHECK(mremap(to, 3 * PAGE, 3 * PAGE, FIXED, base + 3 * PAGE) == base + 3 * PAGE);
    expect_picture(hole, 20, ".WWWWWWWWW..........");
    check_numbers(base, 9, 1);
}

static void move_over_something(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 4, MAP_PRIVATE);
    char *old = place(hole, 10, 8, MAP_SHARED), *to = old + 2 * PAGE;

    number_pages(base, 4, 1);
    number_pages(old, 8, 50);
    CHECK(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, to) == to);
    expect_picture(hole, 20, "..........ww|WWWW|ww..");
    check_numbers(old, 2, 50);
    check_numbers(to, 4, 1);
    check_numbers(old + 6 * PAGE, 2, 56);
}

static void move_and_shrink(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 6, MAP_PRIVATE), *to = hole + 10 * PAGE;

    number_pages(base, 6, 1);
    CHECK(mremap(base, 6 * PAGE, 2 * PAGE, FIXED, to) == to);
    expect_picture(hole, 14, "..........WW..");
    check_numbers(to, 2, 1);
}

static void move_and_grow(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 3, MAP_PRIVATE), *to = hole + 10 * PAGE;

    number_pages(base, 3, 1);
    CHECK(mremap(base, 3 * PAGE, 6 * PAGE, FIXED, to) == to);
    expect_picture(hole, 18, "..........WWWWWW..");
    check_numbers(to, 3, 1);
    CHECK(all_bytes(to + 3 * PAGE, 0, 3 * PAGE));
}

/* Protections go along, and so do pages that are not there yet. */
static void move_protections(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 4, MAP_PRIVATE), *to = hole + 10 * PAGE;

    base[0] = 1;
    expect_ok(mprotect(base, 4 * PAGE, PROT_READ));
    CHECK(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, to) == to);
    CHECK_EQ(to[0], 1);
    expect_fault(to, 'w', SIGSEGV);
    expect_ok(mprotect(to, 4 * PAGE, RW));
    to[0] = 2;
    CHECK_EQ(to[PAGE], 0);
}

static void look_at_moved(void *argument)
{
    char *base = argument;

    check_numbers(base, 4, 1);
    number_pages(base, 4, 40);
    char *to = expect_ok((char *)mremap(base, 4 * PAGE, 40 * PAGE, MREMAP_MAYMOVE));
    check_numbers(to, 4, 40);
}

/* Copies that a fork shares stay copies when either side moves them. */
static void move_and_fork(void)
{
    char *hole = find_hole(60), *base = place(hole, 1, 4, MAP_PRIVATE), *to = hole + 10 * PAGE;

    number_pages(base, 4, 1);
    expect_child_ok(look_at_moved, base);
    CHECK(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, to) == to);
    expect_child_ok(look_at_moved, to);
    check_numbers(to, 4, 1);
}

/* ---- files and shared memory ---- */

static void move_file(void)
{
    int fd = pattern_file("file", 8 * PAGE);
    char *hole = find_hole(30), *to = hole + 12 * PAGE;
    char *base = expect_ok((char *)mmap(hole, 8 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0));

    CHECK_PATTERN(base, 0, 8 * PAGE);
    base[4 * PAGE] = 1;
    CHECK(mremap(base + 2 * PAGE, 4 * PAGE, 4 * PAGE, FIXED, to) == to);
    expect_picture(hole, 18, "ww....ww....wwww..");
    CHECK_EQ(to[2 * PAGE], 1);
    CHECK_PATTERN(to, 2 * PAGE, 2 * PAGE);
    CHECK_PATTERN(to + 3 * PAGE, 5 * PAGE, PAGE);
    to[0] = 2;
    char byte;
    CHECK_EQ(expect_ok(pread(fd, &byte, 1, 2 * PAGE)), 1);
    CHECK_EQ(byte, 2);
    expect_ok(msync(to, PAGE, MS_SYNC));
    to[0] = 3;
    CHECK_EQ(expect_ok(pread(fd, &byte, 1, 2 * PAGE)), 1);
    CHECK_EQ(byte, 3);
    expect_ok(ftruncate(fd, 3 * PAGE));
    expect_fault(to + PAGE, 'r', SIGBUS);
    CHECK_EQ(to[0], 3);
}

static void move_private_file(void)
{
    int fd = pattern_file("file", 8 * PAGE);
    char *hole = find_hole(30), *to = hole + 12 * PAGE;
    char *base = expect_ok((char *)mmap(hole, 8 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));

    memset(base + 3 * PAGE, 9, PAGE);
    CHECK(mremap(base + 2 * PAGE, 4 * PAGE, 4 * PAGE, FIXED, to) == to);
    CHECK_PATTERN(to, 2 * PAGE, PAGE);
    CHECK(all_bytes(to + PAGE, 9, PAGE));
    CHECK_PATTERN(to + 2 * PAGE, 4 * PAGE, 2 * PAGE);
    expect_ok(ftruncate(fd, 3 * PAGE));
    expect_fault(to + PAGE, 'r', SIGBUS); /* the copy went with its place in the file */
    CHECK_PATTERN(to, 2 * PAGE, PAGE);
}

/* A mapping of a file grows over the rest of the file. */
static void grow_file(void)
{
    int fd = pattern_file("file", 6 * PAGE);
    char *hole = find_hole(30);
    char *base = expect_ok((char *)mmap(hole, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd, PAGE));

    CHECK(mremap(base, 2 * PAGE, 7 * PAGE, 0) == base);
    CHECK_PATTERN(base, PAGE, 5 * PAGE);
    expect_fault(base + 5 * PAGE, 'r', SIGBUS);
    expect_ok(ftruncate(fd, 8 * PAGE));
    CHECK_EQ(base[5 * PAGE], 0);
}

/* Shared memory has the size it was made with. */
static void grow_shared(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 2, MAP_SHARED);

    number_pages(base, 2, 1);
    CHECK(mremap(base, 2 * PAGE, 4 * PAGE, 0) == base);
    check_numbers(base, 2, 1);
    expect_fault(base + 2 * PAGE, 'r', SIGBUS);
    expect_fault(base + 3 * PAGE, 'w', SIGBUS);
}

static void duplicate(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 4, MAP_SHARED);

    number_pages(base, 4, 1);
    char *second = expect_ok((char *)mremap(base + PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE));
    CHECK(second + 2 * PAGE <= base || second >= base + 4 * PAGE);
    check_numbers(second, 2, 2);
    second[0] = 77;
    CHECK_EQ(base[PAGE], 77);
    CHECK(mremap(base, 0, 4 * PAGE, FIXED, hole + 10 * PAGE) == hole + 10 * PAGE);
    base[3 * PAGE] = 55;
    CHECK_EQ(hole[13 * PAGE], 55);
    expect_errno(mremap(base, 0, PAGE, 0), ENOMEM);
    expect_errno(mremap(base + 3 * PAGE, 0, PAGE, FIXED, base + 3 * PAGE), EFAULT);
    expect_picture(hole, 6, ".www..");
    expect_errno(mremap(map_pages(2), 0, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
}

/* ---- MREMAP_DONTUNMAP ---- */

static void keep(void)
{
    char *hole = find_hole(40), *base = place(hole, 1, 6, MAP_PRIVATE);

    number_pages(base, 6, 1);
    char *to = expect_ok((char *)mremap(base + PAGE, 3 * PAGE, 3 * PAGE,
                                        MREMAP_MAYMOVE | MREMAP_DONTUNMAP, hole + 20 * PAGE));
    check_numbers(to, 3, 2);
    expect_picture(hole, 8, ".WWWWWW.");
    CHECK(all_bytes(base + PAGE, 0, 3 * PAGE));
    check_numbers(base, 1, 1);
    check_numbers(base + 4 * PAGE, 2, 5);
    number_pages(base, 6, 30);
    check_numbers(to, 3, 2);
    CHECK(mremap(base, 6 * PAGE, 6 * PAGE, FIXED | MREMAP_DONTUNMAP, hole + 30 * PAGE) ==
          hole + 30 * PAGE);
    check_numbers(hole + 30 * PAGE, 6, 30);
    CHECK(all_bytes(base, 0, 6 * PAGE));
}

/*  ..AA....    ->  ..AAAA..    untouched: the old place and the new one become one mapping */
static void keep_beside(void)
{
    char *hole = find_hole(8);

    for (size_t to = 4;; to = 0) {
        char *base = place(hole, 2, 2, MAP_PRIVATE);
        CHECK(mremap(base, 2 * PAGE, 2 * PAGE, FIXED | MREMAP_DONTUNMAP, hole + to * PAGE) ==
              hole + to * PAGE);
        expect_picture(hole, 8, to ? "..WWWW.." : "WWWW....");
        number_pages(hole + (to ? 2 : 0) * PAGE, 4, 1);
        expect_ok(munmap(hole, 8 * PAGE));
        if (to == 0)
            break;
    }
}

/* Touched pages that moved twice leave a mapping behind that still has their numbers: it merges
 * with neither neighbour. */
static void keep_numbers(void)
{
    char *hole = find_hole(20), *base = place(hole, 1, 6, MAP_PRIVATE);

    base[3 * PAGE] = 1;
    CHECK(mremap(base, 2 * PAGE, 2 * PAGE, FIXED | MREMAP_DONTUNMAP, base + 4 * PAGE) ==
          base + 4 * PAGE);
    expect_picture(hole, 8, ".WWWW|WW.");
    CHECK(mremap(base + 4 * PAGE, 2 * PAGE, 2 * PAGE, FIXED | MREMAP_DONTUNMAP, hole + 12 * PAGE) ==
          hole + 12 * PAGE);
    expect_picture(hole, 8, ".WWWW|WW.");
}

static void keep_shared(void)
{
    char *hole = find_hole(40), *base = place(hole, 1, 3, MAP_SHARED);

    number_pages(base, 3, 1);
    CHECK(mremap(base, 3 * PAGE, 3 * PAGE, FIXED | MREMAP_DONTUNMAP, hole + 10 * PAGE) ==
          hole + 10 * PAGE);
    check_numbers(base, 3, 1); /* shared memory is found again */
    hole[10 * PAGE] = 9;
    CHECK_EQ(base[0], 9);
}

static void keep_arguments(void)
{
    char *hole = find_hole(20), *base = place(hole, 1, 4, MAP_PRIVATE);

    expect_errno(mremap(base, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP, 0), EINVAL);
    expect_errno(mremap(base, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), EINVAL);
    expect_errno(mremap(base, 4 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), EINVAL);
    expect_errno(mremap(base, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), EFAULT);
}

/* ---- arguments ---- */

static void arguments(void)
{
    char *hole = find_hole(30), *base = place(hole, 1, 4, MAP_PRIVATE), *to = hole + 10 * PAGE;

    expect_errno(mremap(base + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EINVAL);
    expect_errno(mremap(base, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
    expect_errno(mremap(base, PAGE, 2 * PAGE, 8), EINVAL);
    expect_errno(mremap(base, PAGE, PAGE, MREMAP_FIXED, to), EINVAL);
    expect_errno(mremap(base, PAGE, PAGE, FIXED, to + 1), EINVAL);
    expect_errno(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, base + 3 * PAGE), EINVAL);
    expect_errno(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, base - 3 * PAGE), EINVAL);
    expect_errno(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, base), EINVAL);
    expect_errno(mremap(base, 4 * PAGE, 4 * PAGE, FIXED, -PAGE), EINVAL);
    expect_errno(mremap(base, PAGE, SIZE_MAX, MREMAP_MAYMOVE), EINVAL);
    expect_errno(mremap(base, PAGE, SIZE_MAX / 2 + 1, MREMAP_MAYMOVE), EINVAL);
    expect_errno(mremap(base, SIZE_MAX - PAGE, PAGE, FIXED, to), EINVAL);
    expect_errno(mremap(hole + 8 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    expect_errno(mremap(base, 5 * PAGE, 6 * PAGE, MREMAP_MAYMOVE), EFAULT);
    expect_errno(mremap(base, 5 * PAGE, 6 * PAGE, FIXED, to), EFAULT);
    expect_picture(hole, 20, ".WWWW...............");
    CHECK(mremap(base, 9 * PAGE, 9 * PAGE, 0) == base); /* nothing to do */
}

/* Several mappings and the holes between them move together, where the kernel knows how. */
static void move_a_range(void)
{
    char *hole = find_hole(50), *to = hole + 30 * PAGE;
    int fd = pattern_file("file", 2 * PAGE);

    number_pages(place(hole, 1, 3, MAP_PRIVATE), 3, 1);
    expect_ok(mmap(hole + 4 * PAGE, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0));
    number_pages(place(hole, 8, 3, MAP_SHARED), 3, 20);
    char *moved = mremap(hole + 2 * PAGE, 8 * PAGE, 8 * PAGE, FIXED, to);
    if (moved == MAP_FAILED && errno == EFAULT)
        skip("moves of several mappings came with Linux 6.17");
    CHECK(moved == to);
    expect_picture(hole, 12, ".W........w.");
    expect_picture(to, 10, "WW|rr..ww..");
    check_numbers(to, 2, 2);
    CHECK_PATTERN(to + 2 * PAGE, 0, 2 * PAGE);
    check_numbers(to + 6 * PAGE, 2, 20);
    expect_errno(mremap(to - PAGE, 3 * PAGE, 3 * PAGE, FIXED, hole), EFAULT);
}

static void limit_address_space(void *argument)
{
    char *base = argument;
    struct rlimit limit = {64ul << 20, 64ul << 20};

    expect_ok(setrlimit(RLIMIT_AS, &limit));
    expect_errno(mremap(base, 4 * PAGE, 80ul << 20, MREMAP_MAYMOVE), ENOMEM);
    base[0] = 1;
    expect_ok(mremap(base, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE));
}

static void limits(void)
{
    expect_child_ok(limit_address_space, map_pages(4));
}

/* ---- remap_file_pages ---- */

static void nonlinear(void)
{
    int fd = pattern_file("file", 6 * PAGE);
    char *base = expect_ok((char *)mmap(NULL, 6 * PAGE, RW, MAP_SHARED, fd, 0));
    char *memory = map_pages(2);

    for (size_t i = 0; i < 6; i++)
        expect_ok(remap_file_pages(base + i * PAGE, PAGE, 0, 5 - i, 0));
    for (size_t i = 0; i < 6; i++)
        CHECK_PATTERN(base + i * PAGE, (5 - i) * PAGE, PAGE);
    expect_errno(remap_file_pages(base, PAGE, 1, 0, 0), EINVAL);
    expect_errno(remap_file_pages(base, 0, 0, 0, 0), EINVAL);
    expect_errno(remap_file_pages(base, PAGE, 0, SIZE_MAX, 0), EINVAL);
    expect_errno(remap_file_pages(memory, PAGE, 0, 0, 0), EINVAL);
    int sealed = expect_ok(memfd_create("sealed", MFD_ALLOW_SEALING));
    expect_ok(ftruncate(sealed, 2 * PAGE));
    base = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, sealed, 0));
    expect_ok(fcntl(sealed, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    expect_errno(remap_file_pages(base, PAGE, 0, 1, 0), EPERM);
    char *shown = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, sealed, 0);
    base[PAGE] = 'b';
    expect_ok(remap_file_pages(shown, PAGE, 0, 1, 0));
    CHECK_EQ(shown[0], 'b');
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(shrink),
        TEST(shrink_across),
        TEST(grow_in_place),
        TEST(grow_into_neighbour),
        TEST(grow_blocked),
        TEST(grow_again_and_again),
        TEST(move_the_middle),
        TEST(move_back),
        TEST(move_over_something),
        TEST(move_and_shrink),
        TEST(move_and_grow),
        TEST(move_protections),
        TEST(move_and_fork),
        TEST(move_file),
        TEST(move_private_file),
        TEST(grow_file),
        TEST(grow_shared),
        TEST(duplicate),
        TEST(keep),
        TEST(keep_beside),
        TEST(keep_numbers),
        TEST(keep_shared),
        TEST(keep_arguments),
        TEST(arguments),
        TEST(move_a_range),
        TEST(limits),
        TEST(nonlinear),
    };
    return TAP_MAIN(argc, argv, tests);
}
