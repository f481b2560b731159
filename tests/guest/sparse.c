/*
 * Files with holes, up to triple indirection and beyond 4 GiB, of which only a few pages exist.
 *
 * Where a file's block map goes one level deeper, by the size of a block:
 *
 *     block    single     double        triple
 *     1 KiB    12 KiB     268 KiB       65,804 KiB
 *     2 KiB    24 KiB     1,048 KiB     513 MiB + 24 KiB
 *     4 KiB    48 KiB     4,144 KiB     4 GiB + 4,144 KiB
 */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RW  (PROT_READ | PROT_WRITE)
#define KIB 1024l
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

enum { PIECE = 100 };

/* In the middle of each piece lies an edge of the table above, or the end of the first 4 GiB. */
static const off_t pieces[] = {
    12 * KIB - 50,
    24 * KIB - 50,
    48 * KIB - 50,
    268 * KIB - 50,
    1048 * KIB - 50,
    4144 * KIB - 50,
    65804 * KIB - 50,
    513 * MIB + 24 * KIB - 50,
    2 * GIB - 50,
    4 * GIB - 50,
    4 * GIB + 4144 * KIB - 50,
    5 * GIB + 12345,
};

static struct stat status_of(int fd)
{
    struct stat status;

    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    return status;
}

static void write_piece(int fd, off_t at)
{
    char piece[PIECE];

    pattern_fill(piece, (uint64_t)at, PIECE);
    CHECK_EQ(pwrite(fd, piece, PIECE, at), PIECE);
}

/* The piece is right and the bytes around it are zero. */
static void check_piece(int fd, off_t at)
{
    char around[3 * PIECE] = "not read";
    ssize_t count = expect_ok(pread(fd, around, sizeof(around), at - PIECE));

    CHECK(count == 3 * PIECE || count == 2 * PIECE); /* the last one ends the file */
    CHECK(all_bytes(around, 0, PIECE));
    CHECK_PATTERN(around + PIECE, (uint64_t)at, PIECE);
    CHECK(all_bytes(around + 2 * PIECE, 0, (size_t)count - 2 * PIECE));
}

static int make_sparse(void)
{
    int fd = pattern_file("file", 0);

    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        write_piece(fd, pieces[i]);
    return fd;
}

static void pieces_in_holes(void)
{
    char zeros[4096];
    int fd = make_sparse();

    CHECK_EQ(status_of(fd).st_size, 5 * GIB + 12345 + PIECE);
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        check_piece(fd, pieces[i]);
    for (off_t at = 100 * MIB; at < 5 * GIB; at += 700 * MIB) {
        CHECK_EQ(pread(fd, zeros, sizeof(zeros), at + 77), sizeof(zeros));
        CHECK(all_bytes(zeros, 0, sizeof(zeros)));
    }
}

/* A hole takes no blocks: each piece two at the most, and a few for the map. */
static void holes_are_free(void)
{
    struct statvfs system;
    int fd = make_sparse();

    expect_ok(fstatvfs(fd, &system));
    struct stat status = status_of(fd);
    blkcnt_t most =
        (blkcnt_t)(COUNT_OF(pieces) * 6 * (system.f_bsize > 4096 ? 4096 : system.f_bsize));
    CHECK(status.st_blocks > 0);
    CHECK(status.st_blocks * 512 <= most + 8 * 4096);
    int empty = pattern_file("empty", 0);
    expect_ok(ftruncate(empty, 5 * GIB + 1));
    status = status_of(empty);
    CHECK_EQ(status.st_size, 5 * GIB + 1);
    CHECK_EQ(status.st_blocks, 0);
    char byte = 1;
    CHECK_EQ(pread(empty, &byte, 1, 5 * GIB), 1);
    CHECK_EQ(byte, 0);
    CHECK_EQ(pread(empty, &byte, 1, 5 * GIB + 1), 0);
}

/* The blocks go as the file is cut off, piece by piece, and all of them at the end. */
static void truncated_piece_by_piece(void)
{
    int fd = make_sparse();
    blkcnt_t blocks = status_of(fd).st_blocks;

    for (size_t i = COUNT_OF(pieces); i-- > 0;) {
        expect_ok(ftruncate(fd, pieces[i] + PIECE / 2)); /* in its middle */
        expect_ok(ftruncate(fd, pieces[i] + PIECE));
        char piece[PIECE];
        CHECK_EQ(pread(fd, piece, PIECE, pieces[i]), PIECE);
        CHECK_PATTERN(piece, (uint64_t)pieces[i], PIECE / 2);
        CHECK(all_bytes(piece + PIECE / 2, 0, PIECE / 2));
        expect_ok(ftruncate(fd, pieces[i]));
        blkcnt_t now = status_of(fd).st_blocks;
        CHECK(now <= blocks);
        blocks = now;
        for (size_t j = 0; j < i; j++)
            if (j + 1 == i || j % 3 == 0)
                check_piece(fd, pieces[j]);
    }
    expect_ok(ftruncate(fd, 0));
    CHECK_EQ(status_of(fd).st_blocks, 0);
}

/* Stores through memory into holes, far behind the first 4 GiB as well. */
static void stores_into_holes(void)
{
    int fd = pattern_file("file", 0);

    expect_ok(ftruncate(fd, 6 * GIB));
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        off_t page = pieces[i] & -(off_t)PAGE;
        char *map = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, page));
        CHECK(all_bytes(map, 0, 2 * PAGE));
        pattern_fill(map + (pieces[i] - page), (uint64_t)pieces[i], PIECE);
        if (i % 2)
            expect_ok(msync(map, 2 * PAGE, MS_SYNC));
        expect_ok(munmap(map, 2 * PAGE));
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        check_piece(fd, pieces[i]);
    CHECK(status_of(fd).st_blocks * 512 <= (blkcnt_t)COUNT_OF(pieces) * 6 * 4096 + 8 * 4096);
}

static void space_comes_back(void)
{
    struct statvfs before, after;
    int directory = expect_ok(open(".", O_RDONLY));

    sync();
    expect_ok(fstatvfs(directory, &before));
    if (before.f_blocks * before.f_frsize > 4ul * GIB)
        skip("a large file system, which others write to as well");
    for (int round = 0; round < 3; round++) {
        int fd = make_sparse();
        if (round == 1)
            expect_ok(ftruncate(fd, 1 * GIB));
        if (round == 2)
            expect_ok(fsync(fd));
        expect_ok(unlink("file"));
        expect_ok(close(fd));
        sync();
        expect_ok(fstatvfs(directory, &after));
        CHECK_EQ(after.f_bfree, before.f_bfree);
    }
}

static void too_large(void)
{
    int fd = pattern_file("file", 10);

    skip_on_tmpfs(); /* where it is not too large */
    expect_errno(pwrite(fd, "x", 1, 1l << 62), EFBIG);
    expect_errno(ftruncate(fd, 1l << 62), EFBIG);
    expect_errno(truncate("file", 0x7fffffffffffffff), EFBIG);
    expect_errno(lseek(fd, 1l << 62, SEEK_SET), EINVAL);
    CHECK_EQ(status_of(fd).st_size, 10);
}

/* Random writes and truncations of a file of 2 MiB, mostly holes, against a copy in memory. */
enum { MODEL = 2 << 20 };

static void random_holes(void)
{
    static char model[MODEL], buffer[MODEL];
    int fd = pattern_file("file", 0);
    size_t size = 0;

    random_seed(99);
    for (int round = 0; round < 300; round++) {
        size_t at = random_below(MODEL - 5000), length = 1 + random_below(5000);
        if (random_below(8) == 0) {
            expect_ok(ftruncate(fd, (off_t)at));
            if (at < size)
                memset(model + at, 0, size - at);
            size = at;
        } else {
            memset(buffer, 'a' + round % 26, length);
            CHECK_EQ(pwrite(fd, buffer, length, (off_t)at), length);
            memcpy(model + at, buffer, length);
            size = at + length > size ? at + length : size;
        }
        if (round % 30 == 29) {
            CHECK_EQ(pread(fd, buffer, MODEL, 0), size);
            CHECK(memcmp(buffer, model, size) == 0);
        }
    }
}

static const struct test tests[] = {
    TEST(pieces_in_holes),   TEST(holes_are_free),   TEST(truncated_piece_by_piece),
    TEST(stores_into_holes), TEST(space_comes_back), TEST(too_large),
    TEST(random_holes),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
