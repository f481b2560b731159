/*
 * Writing back: msync and fsync of stores to mappings, whole and in ranges; the file's times and
 * blocks afterwards. Whether the disk has it, the crash tests say; here is what a program can see.
 */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW       (PROT_READ | PROT_WRITE)
#define LONG_AGO 1000000000 /* in 2001 */

static char *map_file(int fd, size_t pages, int flags)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, RW, flags, fd, 0));
}

static void date_back(int fd)
{
    const struct timespec times[2] = {{LONG_AGO, 0}, {LONG_AGO, 0}};
    struct stat status;

    expect_ok(futimens(fd, times));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_mtime, LONG_AGO);
}

static bool is_dated_now(int fd)
{
    struct stat status;

    expect_ok(fstat(fd, &status));
    CHECK(status.st_mtime == LONG_AGO || status.st_mtime == status.st_ctime);
    return status.st_mtime != LONG_AGO;
}

static int msync_all(int fd, char *map)
{
    (void)fd;
    return msync(map, 4 * PAGE, MS_SYNC);
}

static int fsync_file(int fd, char *map)
{
    (void)map;
    return fsync(fd);
}

static int fdatasync_file(int fd, char *map)
{
    (void)map;
    return fdatasync(fd);
}

static int unmap_and_fsync(int fd, char *map)
{
    return munmap(map, 4 * PAGE) | fsync(fd);
}

/* Stores move the modification time, again after each synchronisation. */
static void store_and_sync(int (*synchronise)(int fd, char *map))
{
    int fd = pattern_file("file", 4 * PAGE);
    char *map = map_file(fd, 4, MAP_SHARED);
    char byte;

    skip_on_tmpfs();
    for (int round = 0; round < 3; round++) {
        date_back(fd);
        map[2 * PAGE + 9] = (char)round;
        expect_ok(synchronise(fd, map));
        CHECK(is_dated_now(fd));
        CHECK_EQ(pread(fd, &byte, 1, 2 * PAGE + 9), 1);
        CHECK_EQ(byte, (char)round);
    }
}

static void time_after_msync(void)
{
    store_and_sync(msync_all);
}

static void time_after_fsync(void)
{
    store_and_sync(fsync_file);
}

static void time_after_fdatasync(void)
{
    store_and_sync(fdatasync_file);
}

static void time_after_munmap(void)
{
    int fd = pattern_file("file", 4 * PAGE);

    skip_on_tmpfs();
    for (int round = 0; round < 3; round++) {
        char *map = map_file(fd, 4, MAP_SHARED);
        date_back(fd);
        map[PAGE] = (char)round;
        expect_ok(unmap_and_fsync(fd, map));
        CHECK(is_dated_now(fd));
    }
}

/* A file in memory is never clean, but its times move when a page is stored to that was not mapped.
 */
static void time_of_memory_file(void)
{
    int fd = expect_ok(memfd_create("memory", 0));

    expect_ok(ftruncate(fd, 4 * PAGE));
    for (int round = 0; round < 3; round++) {
        char *map = map_file(fd, 4, MAP_SHARED);
        date_back(fd);
        map[PAGE] = (char)round;
        CHECK(is_dated_now(fd));
        expect_ok(munmap(map, 4 * PAGE));
    }
}

/* Reading, private stores and synchronising what is clean leave it alone. */
static void time_stays(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *shared = map_file(fd, 4, MAP_SHARED), *private = map_file(fd, 4, MAP_PRIVATE);

    expect_ok(fsync(fd));
    date_back(fd);
    CHECK_PATTERN(shared, 0, 4 * PAGE);
    memset(private, 1, 4 * PAGE);
    expect_ok(msync(shared, 4 * PAGE, MS_SYNC));
    expect_ok(msync(private, 4 * PAGE, MS_SYNC));
    expect_ok(munmap(private, 4 * PAGE));
    expect_ok(fsync(fd));
    CHECK(!is_dated_now(fd));
}

static void store_once(void *argument)
{
    *(char *)argument = 'c';
}

static void time_after_childs_store(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *map = map_file(fd, 4, MAP_SHARED);

    skip_on_tmpfs();
    date_back(fd);
    expect_child_ok(store_once, map + PAGE);
    expect_ok(fsync(fd));
    CHECK(is_dated_now(fd));
    CHECK_EQ(map[PAGE], 'c');
}

/*  0 1 2 3 4 5 6 7   all dirty
 *      S S           a range is synchronised, stored to again, then everything is
 */
static void ranged_then_full(void)
{
    int fd = pattern_file("file", 8 * PAGE);
    char *map = map_file(fd, 8, MAP_SHARED);
    char buffer[8 * PAGE];

    for (int round = 0; round < 10; round++) {
        memset(map, 'a' + round, 8 * PAGE);
        expect_ok(msync(map + 2 * PAGE, 2 * PAGE, MS_SYNC));
        map[2 * PAGE] = '!';
        map[5 * PAGE] = '?';
        expect_ok(msync(map + 5 * PAGE, 1, round % 2 ? MS_SYNC : MS_ASYNC));
        expect_ok(msync(map, 8 * PAGE, MS_SYNC));
        map[2 * PAGE + 1] = '*';
        expect_ok(fsync(fd));
        CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
        CHECK(memcmp(buffer, map, sizeof(buffer)) == 0);
        CHECK(buffer[2 * PAGE] == '!' && buffer[2 * PAGE + 1] == '*' && buffer[5 * PAGE] == '?');
        CHECK(all_bytes(buffer, (unsigned char)('a' + round), 2 * PAGE));
    }
}

static void two_mappings_synchronised(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *first = map_file(fd, 4, MAP_SHARED), *second = map_file(fd, 4, MAP_SHARED);

    skip_on_tmpfs();
    for (int round = 0; round < 3; round++) {
        first[0] = second[PAGE] = (char)round;
        expect_ok(msync(first, 4 * PAGE, MS_SYNC));
        date_back(fd);
        second[0] = (char)(round + 1); /* the other mapping was write-protected too */
        expect_ok(msync(first, 4 * PAGE, MS_SYNC));
        CHECK(is_dated_now(fd));
        CHECK_EQ(first[0], round + 1);
    }
}

/*  file   . . . . . . . . . . A . . . . .    a hole; one page is stored to */
static void blocks_of_a_hole(void)
{
    int fd = pattern_file("file", 0);
    struct stat status;

    skip_on_tmpfs();
    expect_ok(ftruncate(fd, 64 * PAGE));
    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_blocks, 0);
    char *map = map_file(fd, 64, MAP_SHARED);
    CHECK(all_bytes(map, 0, 64 * PAGE)); /* looking allocates nothing */
    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_blocks, 0);
    map[10 * PAGE] = 'A';
    expect_ok(msync(map, 64 * PAGE, MS_SYNC));
    expect_ok(fstat(fd, &status));
    CHECK(status.st_blocks >= 8 && status.st_blocks <= 24); /* with an indirect block */
    for (size_t page = 0; page < 64; page++)
        map[page * PAGE] = 'B';
    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    CHECK(status.st_blocks >= 64 * 8 && status.st_blocks <= 64 * 8 + 32);
    expect_ok(ftruncate(fd, 0));
    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_blocks, 0);
}

/* The size is not moved by stores behind the end, whatever is synchronised. */
static void size_stays(void)
{
    int fd = pattern_file("file", PAGE + 1);
    char *map = map_file(fd, 2, MAP_SHARED);
    struct stat status;

    memset(map + PAGE, 'z', PAGE);
    expect_ok(msync(map, 2 * PAGE, MS_SYNC));
    expect_ok(munmap(map, 2 * PAGE));
    sync();
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, PAGE + 1);
}

/* Children store while the parent synchronises: nothing is lost. */
static void count_up(void *argument)
{
    for (uint32_t i = 1; i <= 20000; i++)
        __atomic_store_n((uint32_t *)argument, i, __ATOMIC_RELAXED);
}

static void stores_during_sync(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *map = map_file(fd, 4, MAP_SHARED);
    uint32_t counts[4] = {0};
    pid_t children[4];

    for (size_t i = 0; i < 4; i++)
        children[i] = spawn(count_up, map + i * PAGE);
    for (int round = 0; round < 20; round++)
        expect_ok(round % 2 ? msync(map, 4 * PAGE, MS_SYNC) : fsync(fd));
    for (size_t i = 0; i < 4; i++)
        expect_exited(reap(children[i]), 0);
    expect_ok(msync(map, 4 * PAGE, MS_SYNC));
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQ(pread(fd, &counts[i], sizeof(counts[i]), (off_t)(i * PAGE)), sizeof(counts[i]));
        CHECK_EQ(counts[i], 20000);
    }
}

static void fsync_errors(void)
{
    int ends[2];

    expect_ok(pipe(ends));
    expect_errno(fsync(-1), EBADF);
    expect_errno(fsync(ends[0]), EINVAL);
    expect_errno(fdatasync(ends[1]), EINVAL);
    int directory = expect_ok(open(".", O_RDONLY));
    expect_ok(fsync(directory));
}

static const struct test tests[] = {
    TEST(time_after_msync),
    TEST(time_after_fsync),
    TEST(time_after_fdatasync),
    TEST(time_after_munmap),
    TEST(time_of_memory_file),
    TEST(time_stays),
    TEST(time_after_childs_store),
    TEST(ranged_then_full),
    TEST(two_mappings_synchronised),
    TEST(blocks_of_a_hole),
    TEST(size_stays),
    TEST(stores_during_sync),
    TEST(fsync_errors),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
