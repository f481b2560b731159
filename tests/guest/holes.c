/*
 * Space and holes: fallocate(2) in all its modes, lseek(2) with SEEK_DATA and SEEK_HOLE, on a disk
 * and in a tmpfs.
 *
 *     pages   0   1   2   3   4   5   6   7
 *     file  | A | B | C | D | E | F | G | H |      punch from the middle of B to the middle of E
 *     then  | A | B0| - | - | 0E| F | G | H |
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RW    (PROT_READ | PROT_WRITE)
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

enum { PAGES = 8, SIZE = PAGES * (int)PAGE };

/* A new file of the pattern, on the disk or in the tmpfs of /dev/shm, without a name. */
static int new_file(bool in_memory, size_t size)
{
    char name[64];

    if (!in_memory)
        return pattern_file("file", size);
    snprintf(name, sizeof(name), "/dev/shm/holes.%d", (int)getpid());
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        skip("no /dev/shm");
    unlink(name);
    char *buffer = malloc(size + 1);
    pattern_fill(buffer, 0, size);
    CHECK_EQ(write(fd, buffer, size), size);
    free(buffer);
    return fd;
}

/* The bytes [start, end) of the file are zeros, the others the pattern, by read and by map. */
static void check_zeros(int fd, size_t start, size_t end)
{
    char buffer[SIZE];
    char *map = expect_ok(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));

    CHECK_EQ(pread(fd, buffer, SIZE, 0), SIZE);
    CHECK_PATTERN(buffer, 0, start);
    CHECK(all_bytes(buffer + start, 0, end - start));
    CHECK_PATTERN(buffer + end, end, SIZE - end);
    CHECK(memcmp(buffer, map, SIZE) == 0);
    munmap(map, SIZE);
}

static long blocks_of(int fd)
{
    struct stat status;

    expect_ok(fsync(fd));
    expect_ok(fstat(fd, &status));
    return (long)status.st_blocks;
}

static off_t size_of(int fd)
{
    struct stat status;

    expect_ok(fstat(fd, &status));
    return status.st_size;
}

static void punch_once(bool in_memory, size_t start, size_t end)
{
    int fd = new_file(in_memory, SIZE);
    long before = blocks_of(fd);
    char *shared = expect_ok(mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0));
    char *private = expect_ok(mmap(NULL, SIZE, RW, MAP_PRIVATE, fd, 0));

    private[3 * PAGE] = 'p'; /* a copy, which a hole leaves alone */
    CHECK_PATTERN(shared, 0, SIZE);
    expect_ok(fallocate(fd, PUNCH, (off_t)start, (off_t)(end - start)));
    long whole = (long)(end / PAGE) - (long)((start + PAGE - 1) / PAGE);
    CHECK_EQ(before - blocks_of(fd), whole > 0 ? whole * 8 : 0);
    check_zeros(fd, start, end);
    CHECK_EQ(size_of(fd), SIZE);
    CHECK(all_bytes(shared + start, 0, end - start));
    CHECK(private[3 * PAGE] == 'p');
    /* What is stored into the hole stays. */
    shared[2 * PAGE] = 'x';
    expect_ok(msync(shared, SIZE, MS_SYNC));
    char byte;
    CHECK(pread(fd, &byte, 1, 2 * PAGE) == 1 && byte == 'x');
    munmap(shared, SIZE);
    munmap(private, SIZE);
    close(fd);
}

static void punch_both(bool in_memory)
{
    punch_once(in_memory, PAGE + PAGE / 2, 4 * PAGE + PAGE / 2);
    punch_once(in_memory, 2 * PAGE, 5 * PAGE);
    punch_once(in_memory, 0, SIZE);
    punch_once(in_memory, 2 * PAGE + 100, 2 * PAGE + 200);
    punch_once(in_memory, 2 * PAGE - 100, 2 * PAGE + 200);
}

static void punch_on_disk(void)
{
    punch_both(false);
}

static void punch_in_memory(void)
{
    punch_both(true);
}

/* A hole behind the end of the file, and one that reaches beyond it. */
static void punch_at_the_end(void)
{
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        int fd = new_file(in_memory, SIZE);
        expect_ok(fallocate(fd, PUNCH, SIZE + 10 * (off_t)PAGE, PAGE));
        check_zeros(fd, SIZE, SIZE);
        expect_ok(fallocate(fd, PUNCH, 6 * PAGE + 10, 100 * PAGE));
        check_zeros(fd, 6 * PAGE + 10, SIZE);
        CHECK_EQ(size_of(fd), SIZE);
        close(fd);
    }
}

static void allocate(void)
{
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        int fd = new_file(in_memory, PAGE);
        expect_ok(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE));
        CHECK_EQ(size_of(fd), PAGE);
        CHECK(blocks_of(fd) >= 32);
        expect_ok(fallocate(fd, 0, 0, SIZE));
        CHECK_EQ(size_of(fd), SIZE);
        CHECK(blocks_of(fd) >= 8 * PAGES);
        check_zeros(fd, PAGE, SIZE);
        close(fd);
    }
}

static void zero_range(void)
{
    int fd = new_file(false, SIZE);

    if (fallocate(fd, FALLOC_FL_ZERO_RANGE, PAGE + 1, PAGE * 3) < 0 && errno == EOPNOTSUPP)
        skip("this file system cannot");
    check_zeros(fd, PAGE + 1, 4 * PAGE + 1);
    CHECK(blocks_of(fd) >= 8 * PAGES);
    expect_ok(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, SIZE, PAGE));
    CHECK_EQ(size_of(fd), SIZE);
    expect_ok(fallocate(fd, FALLOC_FL_ZERO_RANGE, SIZE, PAGE));
    CHECK_EQ(size_of(fd), SIZE + PAGE);
    int memory = new_file(true, SIZE);
    expect_errno(fallocate(memory, FALLOC_FL_ZERO_RANGE, 0, PAGE), EOPNOTSUPP);
}

static void bad_arguments(void)
{
    int fd = new_file(false, SIZE), ends[2];
    int reader = expect_ok(open("file", O_RDONLY));

    expect_errno(fallocate(fd, 0, -1, PAGE), EINVAL);
    expect_errno(fallocate(fd, 0, 0, 0), EINVAL);
    expect_errno(fallocate(fd, 0, 0, -1), EINVAL);
    expect_errno(fallocate(-1, 0, 0, -1), EBADF);
    expect_errno(fallocate(reader, 0, 0, PAGE), EBADF);
    expect_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP);
    expect_errno(fallocate(fd, 0x80, 0, PAGE), EOPNOTSUPP);
    expect_errno(fallocate(fd, PUNCH | FALLOC_FL_ZERO_RANGE, 0, PAGE), EOPNOTSUPP);
    expect_errno(fallocate(fd, 0, INT64_MAX - 10, 100), EFBIG);
    expect_ok(pipe(ends));
    expect_errno(fallocate(ends[1], 0, 0, PAGE), ESPIPE);
    int null = expect_ok(open("/dev/null", O_WRONLY));
    expect_errno(fallocate(null, 0, 0, PAGE), ENODEV);
    check_zeros(fd, SIZE, SIZE);
    int memory = new_file(true, SIZE);
    expect_errno(fallocate(memory, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE), EOPNOTSUPP);
    expect_errno(fallocate(memory, FALLOC_FL_INSERT_RANGE, 0, PAGE), EOPNOTSUPP);
}

static void size_limit(void)
{
    int fd = new_file(false, PAGE);
    struct rlimit limit = {2 * PAGE, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    expect_ok(setrlimit(RLIMIT_FSIZE, &limit));
    expect_errno(fallocate(fd, 0, 0, 3 * PAGE), EFBIG);
    expect_ok(fallocate(fd, 0, 0, 2 * PAGE));
    signal(SIGXFSZ, SIG_DFL);
    pid_t child = fork();
    if (child == 0) {
        fallocate(fd, 0, 0, 3 * PAGE);
        _exit(0);
    }
    expect_signaled(reap(child), SIGXFSZ);
}

/*
 *     pages   0   1   2   3 ... 8   9  10
 *           | d | d | - | -     | d | - |     size: 10 pages and a half
 */
static void seek_once(bool in_memory)
{
    int fd = new_file(in_memory, 2 * PAGE);
    off_t size = 10 * PAGE + PAGE / 2;

    CHECK_EQ(pwrite(fd, "x", 1, 8 * PAGE + 5), 1);
    expect_ok(ftruncate(fd, size));
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
    CHECK_EQ(lseek(fd, 17, SEEK_DATA), 17);
    CHECK_EQ(lseek(fd, 17, SEEK_HOLE), 2 * PAGE);
    CHECK_EQ(lseek(fd, 3 * PAGE + 1, SEEK_HOLE), 3 * PAGE + 1);
    CHECK_EQ(lseek(fd, 2 * PAGE, SEEK_DATA), 8 * PAGE);
    CHECK_EQ(lseek(fd, 8 * PAGE + 7, SEEK_DATA), 8 * PAGE + 7);
    CHECK_EQ(lseek(fd, 8 * PAGE + 7, SEEK_HOLE), 9 * PAGE);
    expect_errno(lseek(fd, 9 * PAGE, SEEK_DATA), ENXIO);
    CHECK_EQ(lseek(fd, size - 1, SEEK_HOLE), size - 1);
    expect_errno(lseek(fd, size, SEEK_HOLE), ENXIO);
    expect_errno(lseek(fd, size, SEEK_DATA), ENXIO);
    expect_errno(lseek(fd, -1, SEEK_DATA), ENXIO);
    /* A store through a mapping makes data, a hole takes it away. */
    char *map = expect_ok(mmap(NULL, 11 * PAGE, RW, MAP_SHARED, fd, 0));
    map[4 * PAGE] = 1;
    CHECK_EQ(lseek(fd, 2 * PAGE, SEEK_DATA), 4 * PAGE);
    expect_ok(fsync(fd));
    CHECK_EQ(lseek(fd, 2 * PAGE, SEEK_DATA), 4 * PAGE);
    expect_ok(fallocate(fd, PUNCH, PAGE, 5 * PAGE));
    CHECK_EQ(lseek(fd, 0, SEEK_HOLE), PAGE);
    CHECK_EQ(lseek(fd, PAGE, SEEK_DATA), 8 * PAGE);
    close(fd);
    /* The end of a file without holes is one. */
    fd = new_file(in_memory, PAGE + 10);
    CHECK_EQ(lseek(fd, 3, SEEK_HOLE), PAGE + 10);
}

static void seek_on_disk(void)
{
    seek_once(false);
}

static void seek_in_memory(void)
{
    seek_once(true);
}

/* One process stores through a mapping to pages that another makes holes of, again and again; then
 * the file on the disk and in memory agree. */
static void storing_into_holes(void)
{
    int fd = new_file(false, SIZE);
    char *map = expect_ok(mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0));
    char buffer[SIZE];
    pid_t child = fork();

    if (child == 0) {
        for (unsigned i = 0;; i++)
            ((volatile char *)map)[i * 611 % SIZE] = (char)i;
    }
    for (int i = 0; i < 200; i++) {
        expect_ok(fallocate(fd, PUNCH, (i % 3) * (off_t)PAGE, 5 * PAGE));
        if (i % 10 == 0)
            expect_ok(fsync(fd));
    }
    kill(child, SIGKILL);
    reap(child);
    expect_ok(fallocate(fd, PUNCH, 0, 4 * PAGE));
    CHECK(all_bytes(map, 0, 4 * PAGE));
    expect_ok(fsync(fd));
    CHECK_EQ(pread(fd, buffer, SIZE, 0), SIZE);
    CHECK(memcmp(buffer, map, SIZE) == 0);
}

/* Space that was allocated stays allocated when the file system is full: see tmpfs. */
static void many_holes(void)
{
    int fd = new_file(false, 0);
    enum { COUNT = 1500 };

    /* Deep enough for indirect blocks, which go with the last block below them. */
    for (int i = 0; i < COUNT; i++)
        CHECK_EQ(pwrite(fd, "abcd", 4, (off_t)i * 2 * (off_t)PAGE), 4);
    long full = blocks_of(fd);
    for (int i = 0; i < COUNT; i += 2)
        expect_ok(fallocate(fd, PUNCH, (off_t)i * 2 * (off_t)PAGE, PAGE));
    CHECK(full - blocks_of(fd) >= COUNT / 2 * 8);
    for (int i = 0; i < COUNT; i++) {
        char text[4];
        CHECK_EQ(pread(fd, text, 4, (off_t)i * 2 * (off_t)PAGE), 4);
        CHECK(memcmp(text, i % 2 ? "abcd" : "\0\0\0\0", 4) == 0);
    }
    expect_ok(fallocate(fd, PUNCH, 0, (off_t)COUNT * 2 * (off_t)PAGE));
    CHECK(blocks_of(fd) <= 8);
}

static const struct test tests[] = {
    TEST(punch_on_disk),  TEST(punch_in_memory),    TEST(punch_at_the_end), TEST(allocate),
    TEST(zero_range),     TEST(bad_arguments),      TEST(size_limit),       TEST(seek_on_disk),
    TEST(seek_in_memory), TEST(storing_into_holes), TEST(many_holes),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
