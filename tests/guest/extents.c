/*
 * FS_IOC_FIEMAP: which bytes of a file have space.
 */
#include "tap.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>

#define ROOM 16u
#define ALL  (~0ull)

static union {
    struct fiemap map;
    char bytes[sizeof(struct fiemap) + ROOM * sizeof(struct fiemap_extent)];
} answer;

static int ask(int fd, uint64_t start, uint64_t length, uint32_t flags, uint32_t room)
{
    memset(&answer, 0, sizeof(answer));
    answer.map.fm_start = start;
    answer.map.fm_length = length;
    answer.map.fm_flags = flags;
    answer.map.fm_extent_count = room;
    return ioctl(fd, FS_IOC_FIEMAP, &answer);
}

/* A file with bytes in some of its pages, as the picture says: a letter for each. Ends the test
 * where files have no extents. */
static int make_file(const char *picture)
{
    int fd = expect_ok(open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
    char page[PAGE];

    memset(page, 1, PAGE);
    for (size_t i = 0; picture[i]; i++) {
        if (picture[i] != ' ')
            CHECK_EQ(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
    }
    expect_ok(ftruncate(fd, (off_t)(strlen(picture) * PAGE)));
    if (ask(fd, 0, ALL, FIEMAP_FLAG_SYNC, ROOM) < 0 && errno == EOPNOTSUPP)
        skip("no extents on this file system");
    return fd;
}

/* The answer's pages, x where there is an extent; only the last may say that it is. */
static void check_picture_of(const char *expected, bool ends)
{
    const struct fiemap *map = &answer.map;
    char picture[32] = "";

    memset(picture, ' ', strlen(expected));
    for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
        const struct fiemap_extent *extent = &map->fm_extents[i];
        bool last = extent->fe_flags & FIEMAP_EXTENT_LAST;
        CHECK(extent->fe_length > 0 && extent->fe_physical > 0);
        CHECK_EQ(last, ends && i + 1 == map->fm_mapped_extents);
        for (uint64_t at = 0; at < extent->fe_length; at += PAGE)
            picture[(extent->fe_logical + at) / PAGE] = 'x';
    }
    CHECK_STRING(picture, expected);
}

static void holes_and_data(void)
{
    int fd = make_file("xxx   xx    x   ");

    expect_ok(ask(fd, 0, ALL, FIEMAP_FLAG_SYNC, ROOM));
    check_picture_of("xxx   xx    x   ", true);
    expect_ok(ask(fd, PAGE, 6 * PAGE, 0, ROOM));
    check_picture_of(" xx   x         ", true);
    expect_ok(ask(fd, PAGE + 5, 10, 0, ROOM));
    check_picture_of(" x              ", true);
    expect_ok(ask(fd, 3 * PAGE, 3 * PAGE, 0, ROOM));
    check_picture_of("                ", true);
    expect_ok(ask(fd, 100 * PAGE, ALL, 0, ROOM));
    CHECK_EQ(answer.map.fm_mapped_extents, 0);
    expect_ok(ask(make_file(""), 0, ALL, 0, ROOM));
    CHECK_EQ(answer.map.fm_mapped_extents, 0);
}

static void little_room(void)
{
    int fd = make_file("x x x");

    expect_ok(ask(fd, 0, ALL, 0, 0));
    CHECK_EQ(answer.map.fm_mapped_extents, 3);
    expect_ok(ask(fd, 0, ALL, 0, 2));
    CHECK_EQ(answer.map.fm_mapped_extents, 2);
    check_picture_of("x x  ", false);
    expect_ok(ask(fd, 0, ALL, 0, 3));
    check_picture_of("x x x", true);
}

/* Stores through a mapping are told of when they are on the disk. */
static void mapped_stores(void)
{
    int fd = make_file("x       ");
    char *bytes =
        expect_ok((char *)mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));

    bytes[4 * PAGE] = 1;
    expect_ok(ask(fd, 0, ALL, FIEMAP_FLAG_SYNC, ROOM));
    check_picture_of("x   x   ", true);
    expect_ok(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, PAGE));
    expect_ok(ask(fd, 0, ALL, FIEMAP_FLAG_SYNC, ROOM));
    check_picture_of("    x   ", true);
}

/* A large file: more than a block of its map tells of. */
static void large_file(void)
{
    enum { PAGES = 1500 };
    int fd = make_file("x");
    uint64_t told = 0, end = 0;
    char page[PAGE] = {1};

    for (size_t i = 0; i < PAGES; i++)
        CHECK_EQ(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
    expect_ok(fsync(fd));
    while (end < PAGES * PAGE) {
        expect_ok(ask(fd, end, ALL, 0, 1));
        CHECK_EQ(answer.map.fm_mapped_extents, 1);
        CHECK_EQ(answer.map.fm_extents[0].fe_logical, end);
        told += answer.map.fm_extents[0].fe_length;
        end += answer.map.fm_extents[0].fe_length;
    }
    CHECK_EQ(told, PAGES * PAGE);
}

static void refused(void)
{
    int fd = make_file("x"), ends[2];

    expect_errno(ask(fd, 0, 0, 0, ROOM), EINVAL);
    expect_errno(ask(fd, ALL, 1, 0, ROOM), EFBIG);
    expect_errno(ask(fd, 1ull << 62, 1, 0, ROOM), EFBIG);
    expect_errno(ask(fd, 0, ALL, 8 | FIEMAP_FLAG_SYNC, ROOM), EBADR);
    CHECK_EQ(answer.map.fm_flags, 8);
    expect_errno(ask(fd, 0, ALL, 0, 1u << 30), EINVAL);
    expect_errno(ioctl(fd, FS_IOC_FIEMAP, 8), EFAULT);
    expect_ok(pipe(ends));
    expect_errno(ask(ends[0], 0, ALL, 0, ROOM), EOPNOTSUPP);
    expect_errno(ask(expect_ok(open("/dev/null", O_RDONLY)), 0, ALL, 0, ROOM), EOPNOTSUPP);
    expect_errno(ask(expect_ok(open("file", O_PATH)), 0, ALL, 0, ROOM), EBADF);
    expect_ok(ask(expect_ok(open(".", O_RDONLY)), 0, ALL, 0, ROOM));
}

static const struct test tests[] = {
    TEST(holes_and_data), TEST(little_room), TEST(mapped_stores), TEST(large_file), TEST(refused),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
