/*
 * Mappings of files: one content for read, write and every mapping; the end of the file;
 * truncation; unmapping in the middle; files that live on in a mapping.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static char *map_file(int fd, size_t pages, int prot, int flags, off_t offset)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, prot, flags, fd, offset));
}

/* ---- one content ---- */

static void store_seen_by_read(void)
{
    int fd = pattern_file("file", 3 * PAGE);
    char *map = map_file(fd, 3, RW, MAP_SHARED, 0);
    char byte, expected[8] = "ABCDEFGH", found[8];

    for (size_t at = 0; at < 3 * PAGE; at += 517) {
        map[at] = (char)at;
        CHECK_EQ(expect_ok(pread(fd, &byte, 1, (off_t)at)), 1);
        CHECK_EQ(byte, (char)at);
    }
    memcpy(map + PAGE - 4, expected, 8); /* across two pages */
    CHECK_EQ(expect_ok(pread(fd, found, 8, PAGE - 4)), 8);
    CHECK(memcmp(expected, found, 8) == 0);
}

static void write_seen_by_store(void)
{
    int fd = pattern_file("file", 3 * PAGE);
    char *shared = map_file(fd, 3, RW, MAP_SHARED, 0);
    char *readable = map_file(expect_ok(open("file", O_RDONLY)), 3, PROT_READ, MAP_SHARED, 0);
    char *private = map_file(fd, 3, RW, MAP_PRIVATE, 0);
    char *late;

    CHECK_PATTERN(shared, 0, 3 * PAGE);
    CHECK_PATTERN(private, 0, PAGE);
    for (int round = 0; round < 20; round++) {
        char text[16];
        off_t at = round * 601;
        snprintf(text, sizeof(text), "round %d", round);
        CHECK_EQ(pwrite(fd, text, sizeof(text), at), sizeof(text));
        CHECK_STRING(shared + at, text);
        CHECK_STRING(readable + at, text);
        CHECK_STRING(private + at, text); /* not copied yet, so still the file's page */
    }
    late = map_file(fd, 3, PROT_READ, MAP_SHARED, 0);
    CHECK(memcmp(late, shared, 3 * PAGE) == 0);
}

static void two_mappings_one_page(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *all = map_file(fd, 4, RW, MAP_SHARED, 0);
    char *third = map_file(expect_ok(open("file", O_RDWR)), 1, RW, MAP_SHARED, 2 * PAGE);

    third[5] = 'x';
    CHECK_EQ(all[2 * PAGE + 5], 'x');
    all[2 * PAGE + 6] = 'y';
    CHECK_EQ(third[6], 'y');
    for (int i = 0; i < 4; i++) {
        char *page = map_file(fd, 1, PROT_READ, MAP_SHARED, i * (off_t)PAGE);
        CHECK(memcmp(page, all + i * PAGE, PAGE) == 0);
    }
}

static void private_stores_stay_private(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *first = map_file(fd, 2, RW, MAP_PRIVATE, 0);
    char *second = map_file(fd, 2, RW, MAP_PRIVATE, 0);
    char *shared = map_file(fd, 2, RW, MAP_SHARED, 0);
    char buffer[2 * PAGE];

    memset(first, 1, PAGE);
    CHECK_PATTERN(second, 0, 2 * PAGE);
    CHECK_PATTERN(shared, 0, 2 * PAGE);
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
    CHECK_PATTERN(buffer, 0, 2 * PAGE);
    /* The copy no longer follows the file; the page not copied does. */
    shared[0] = shared[PAGE] = 'n';
    CHECK_EQ(first[0], 1);
    CHECK_EQ(first[PAGE], 'n');
    CHECK_EQ(second[0], 'n');
    expect_ok(msync(first, 2 * PAGE, MS_SYNC));
    CHECK_EQ(shared[1], (char)pattern_byte(1));
}

/* A store of one byte into a private page that was never read keeps the rest of the page. */
static void private_store_first(void)
{
    int fd = pattern_file("file", 3 * PAGE);
    char *map = map_file(fd, 3, RW, MAP_PRIVATE, 0);

    map[PAGE + 100] = 0;
    CHECK_PATTERN(map + PAGE, PAGE, 100);
    CHECK_PATTERN(map + PAGE + 101, PAGE + 101, PAGE - 101);
    CHECK_PATTERN(map, 0, PAGE);
}

/* ---- the end of the file ---- */

static void tail_is_zero(void)
{
    int fd = pattern_file("file", PAGE + 100);
    char *shared = map_file(fd, 2, RW, MAP_SHARED, 0);
    char *private = map_file(fd, 2, RW, MAP_PRIVATE, 0);

    CHECK_PATTERN(shared, 0, PAGE + 100);
    CHECK(all_bytes(shared + PAGE + 100, 0, PAGE - 100));
    CHECK(all_bytes(private + PAGE + 100, 0, PAGE - 100));
    private[PAGE + 101] = 1;
    CHECK(all_bytes(shared + PAGE + 100, 0, PAGE - 100));
}

/*  file   AAAA A...          wholly behind the page of the end: SIGBUS
 *  map    AAAA A000 XXXX XXXX
 */
static void behind_the_end(void)
{
    int fd = pattern_file("file", PAGE + 1);
    static const int flags[] = {MAP_SHARED, MAP_PRIVATE};

    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        char *map = map_file(fd, 4, RW, flags[i], 0);
        expect_access(map + 2 * PAGE - 1, 'r');
        expect_access(map + 2 * PAGE - 1, 'w');
        expect_fault(map + 2 * PAGE, 'r', SIGBUS);
        expect_fault(map + 2 * PAGE, 'w', SIGBUS);
        expect_fault(map + 4 * PAGE - 1, 'r', SIGBUS);
        char *far = map_file(fd, 1, PROT_READ, flags[i], 1 << 30);
        expect_fault(far, 'r', SIGBUS);
    }
    /* A buffer there is a bad address, not a death. */
    char *map = map_file(fd, 4, RW, MAP_SHARED, 0);
    int ends[2];
    expect_ok(pipe(ends));
    expect_errno(write(ends[1], map + 2 * PAGE, 1), EFAULT);
    CHECK_EQ(write(ends[1], "a", 1), 1);
    expect_errno(read(ends[0], map + 2 * PAGE, 1), EFAULT);
}

static void empty_file(void)
{
    int fd = pattern_file("file", 0);
    char *map = map_file(fd, 2, RW, MAP_SHARED, 0);

    expect_fault(map, 'r', SIGBUS);
    expect_fault(map, 'w', SIGBUS);
    CHECK_EQ(pwrite(fd, "hello", 5, 0), 5);
    CHECK(memcmp(map, "hello\0\0\0", 8) == 0);
    map[0] = 'H';
    expect_fault(map + PAGE, 'r', SIGBUS);
}

/* A mapping longer than the file comes to life as the file grows. */
static void growing_file(void)
{
    int fd = pattern_file("file", 10);
    char *map = map_file(fd, 8, RW, MAP_SHARED, 0);
    char block[PAGE];

    expect_fault(map + PAGE, 'r', SIGBUS);
    expect_ok(ftruncate(fd, 2 * PAGE + 5));
    CHECK(all_bytes(map + 10, 0, 3 * PAGE - 10));
    map[2 * PAGE] = 'g';
    expect_fault(map + 3 * PAGE, 'w', SIGBUS);
    for (int page = 3; page < 8; page++) {
        memset(block, page, PAGE);
        CHECK_EQ(pwrite(fd, block, PAGE, page * (off_t)PAGE), PAGE);
        CHECK(all_bytes(map + page * PAGE, (unsigned char)page, PAGE));
        if (page < 7)
            expect_fault(map + (page + 1) * PAGE, 'r', SIGBUS);
    }
    CHECK_EQ(pread(fd, block, 1, 2 * PAGE), 1);
    CHECK_EQ(block[0], 'g');
}

/* Another process's write makes the file grow under this one's mapping. */
static void extend_file(void *argument)
{
    int fd = expect_ok(open(argument, O_WRONLY | O_APPEND));

    write_all(fd, "appended", 8);
}

static void growing_by_another_process(void)
{
    int fd = pattern_file("file", PAGE);
    char *map = map_file(fd, 2, PROT_READ, MAP_SHARED, 0);

    expect_fault(map + PAGE, 'r', SIGBUS);
    expect_child_ok(extend_file, "file");
    CHECK_STRING(map + PAGE, "appended");
}

/* Bytes stored behind the end in the last page are not part of the file, now or later. */
static void tail_is_never_the_files(void)
{
    int fd = pattern_file("file", 100);
    char *map = map_file(fd, 1, RW, MAP_SHARED, 0);
    char buffer[PAGE];
    struct stat status;

    skip_on_tmpfs();
    memset(map + 100, 'j', PAGE - 100);
    CHECK_EQ(read(fd, buffer, PAGE), 100);
    expect_ok(msync(map, PAGE, MS_SYNC));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, 100);
    expect_ok(ftruncate(fd, 2 * PAGE));
    CHECK_EQ(pread(fd, buffer, PAGE, 0), PAGE);
    CHECK_PATTERN(buffer, 0, 100);
    CHECK(all_bytes(buffer + 100, 0, PAGE - 100));
    CHECK(all_bytes(map + 100, 0, PAGE - 100));
}

/* The same when a write far behind the end makes the file longer. */
static void tail_is_zero_after_write(void)
{
    int fd = pattern_file("file", 100);
    char *map = map_file(fd, 1, RW, MAP_SHARED, 0);
    char buffer[PAGE];

    CHECK_PATTERN(map, 0, 100);
    CHECK_EQ(pwrite(fd, "end", 3, 5 * PAGE), 3);
    CHECK(all_bytes(map + 100, 0, PAGE - 100));
    CHECK_EQ(pread(fd, buffer, PAGE, 0), PAGE);
    CHECK(all_bytes(buffer + 100, 0, PAGE - 100));
    CHECK_EQ(pread(fd, buffer, PAGE, 2 * PAGE), PAGE);
    CHECK(all_bytes(buffer, 0, PAGE));
}

/* ---- truncation ---- */

/*  AAAA AAAA AAAA   truncated to AAAA AA.. and made longer again: AAAA AA00 0000 */
static void truncate_down_and_up(void)
{
    int fd = pattern_file("file", 3 * PAGE);
    char *map = map_file(fd, 3, RW, MAP_SHARED, 0);

    CHECK_PATTERN(map, 0, 3 * PAGE);
    map[2 * PAGE] = 'd';
    expect_ok(ftruncate(fd, PAGE + 2000));
    CHECK_PATTERN(map, 0, PAGE + 2000);
    CHECK(all_bytes(map + PAGE + 2000, 0, PAGE - 2000));
    expect_fault(map + 2 * PAGE, 'r', SIGBUS);
    expect_ok(ftruncate(fd, 3 * PAGE));
    CHECK_PATTERN(map, 0, PAGE + 2000);
    CHECK(all_bytes(map + PAGE + 2000, 0, 2 * PAGE - 2000));
    char buffer[3 * PAGE];
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
    CHECK(memcmp(map, buffer, sizeof(buffer)) == 0);
}

/* Private copies wholly behind the new end go; the one in the page of the new end stays. */
static void truncate_private_copies(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *map = map_file(fd, 4, RW, MAP_PRIVATE, 0);

    memset(map, 'p', 3 * PAGE);
    expect_ok(ftruncate(fd, PAGE + 10));
    CHECK(all_bytes(map, 'p', 2 * PAGE));
    expect_fault(map + 2 * PAGE, 'r', SIGBUS);
    expect_fault(map + 2 * PAGE, 'w', SIGBUS);
    expect_fault(map + 3 * PAGE, 'r', SIGBUS);
    expect_ok(ftruncate(fd, 4 * PAGE));
    CHECK(all_bytes(map, 'p', 2 * PAGE));
    CHECK(all_bytes(map + 2 * PAGE, 0, 2 * PAGE));
}

static void truncate_in_child(void *argument)
{
    expect_ok(truncate(argument, PAGE));
}

static void truncate_by_another_process(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *map = map_file(fd, 2, RW, MAP_SHARED, 0);

    memset(map, 't', 2 * PAGE);
    expect_child_ok(truncate_in_child, "file");
    CHECK(all_bytes(map, 't', PAGE));
    expect_fault(map + PAGE, 'r', SIGBUS);
    expect_ok(close(expect_ok(open("file", O_WRONLY | O_TRUNC))));
    expect_fault(map, 'r', SIGBUS);
    expect_ok(ftruncate(fd, 1));
    CHECK(all_bytes(map, 0, PAGE));
}

/* Truncated and grown many times with one mapping: always zeros, never the old bytes. */
static void truncate_repeatedly(void)
{
    int fd = pattern_file("file", 0);
    char *map = map_file(fd, 16, RW, MAP_SHARED, 0);

    random_seed(5);
    for (int round = 0; round < 100; round++) {
        size_t big = 1 + random_below(16 * PAGE), small = random_below((uint32_t)big);
        expect_ok(ftruncate(fd, (off_t)big));
        memset(map, 'x', big);
        expect_ok(ftruncate(fd, (off_t)small));
        expect_ok(ftruncate(fd, 16 * PAGE));
        CHECK(all_bytes(map, 'x', small));
        CHECK(all_bytes(map + small, 0, 16 * PAGE - small));
        expect_ok(ftruncate(fd, 0));
    }
}

/* ---- unmapping a part ---- */

/*  map  0 1 2 3 4 5
 *  cut  0 1 . . 4 5   both sides keep their offsets and are still written back
 */
static void unmap_middle(void)
{
    int fd = pattern_file("file", 8 * PAGE);
    char *map = map_file(fd, 6, RW, MAP_SHARED, PAGE);
    char buffer[8 * PAGE];

    for (int i = 0; i < 6; i++)
        map[i * PAGE] = (char)('0' + i);
    expect_ok(munmap(map + 2 * PAGE, 2 * PAGE));
    expect_fault(map + 2 * PAGE, 'r', SIGSEGV);
    expect_fault(map + 4 * PAGE - 1, 'r', SIGSEGV);
    CHECK_PATTERN(map + 1, PAGE + 1, PAGE - 1);
    CHECK_PATTERN(map + 5 * PAGE + 1, 6 * PAGE + 1, PAGE - 1);
    map[PAGE + 7] = 'L';
    map[5 * PAGE + 7] = 'R';
    expect_ok(munmap(map, 6 * PAGE));
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
    for (int i = 0; i < 6; i++)
        CHECK_EQ(buffer[(i + 1) * PAGE], '0' + i);
    CHECK_EQ(buffer[2 * PAGE + 7], 'L');
    CHECK_EQ(buffer[6 * PAGE + 7], 'R');
}

/* The middle is unmapped before any page was touched: the right side still finds its own pages. */
static void unmap_untouched(void)
{
    int fd = pattern_file("file", 9 * PAGE);
    char *map = map_file(fd, 9, PROT_READ, MAP_PRIVATE, 0);

    expect_ok(munmap(map + 3 * PAGE, 3 * PAGE));
    CHECK_PATTERN(map + 6 * PAGE, 6 * PAGE, 3 * PAGE);
    CHECK_PATTERN(map, 0, 3 * PAGE);
    expect_ok(munmap(map, PAGE));
    expect_ok(munmap(map + 8 * PAGE, PAGE));
    CHECK_PATTERN(map + PAGE, PAGE, 2 * PAGE);
    CHECK_PATTERN(map + 6 * PAGE, 6 * PAGE, 2 * PAGE);
    expect_fault(map, 'r', SIGSEGV);
    expect_fault(map + 8 * PAGE, 'r', SIGSEGV);
}

/* ---- files that live on ---- */

static void closed_and_unlinked(void)
{
    int fd = pattern_file("file", 2 * PAGE + 50);
    char *map = map_file(fd, 3, RW, MAP_SHARED, 0);

    expect_ok(close(fd));
    CHECK_PATTERN(map, 0, PAGE);
    expect_ok(unlink("file"));
    expect_errno(open("file", O_RDONLY), ENOENT);
    CHECK_PATTERN(map, 0, 2 * PAGE + 50);
    map[0] = 'k';
    expect_ok(msync(map, 3 * PAGE, MS_SYNC));
    /* A new file of the same name is another file. */
    expect_ok(close(pattern_file("file", PAGE)));
    CHECK_EQ(map[0], 'k');
    expect_ok(munmap(map, 3 * PAGE));
}

static void stored_then_unmapped(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *map = map_file(fd, 2, RW, MAP_SHARED, 0);
    char buffer[PAGE];

    expect_ok(close(fd));
    memset(map + PAGE, 's', PAGE);
    expect_ok(munmap(map, 2 * PAGE));
    fd = expect_ok(open("file", O_RDONLY));
    CHECK_EQ(pread(fd, buffer, PAGE, PAGE), PAGE);
    CHECK(all_bytes(buffer, 's', PAGE));
}

static void store_and_die(void *argument)
{
    char *map = argument;

    memset(map, 'D', PAGE);
    kill(getpid(), SIGKILL);
}

/* The stores of a process that is killed are the file's. */
static void stored_then_killed(void)
{
    int fd = pattern_file("file", PAGE);
    char *map = map_file(fd, 1, RW, MAP_SHARED, 0);
    char buffer[PAGE];

    expect_signaled(child_status(store_and_die, map), SIGKILL);
    CHECK_EQ(read(fd, buffer, PAGE), PAGE);
    CHECK(all_bytes(buffer, 'D', PAGE));
}

/* Closing the file changes no mapping's rights; they are those of the open file it was made from.
 */
static void rights_outlive_descriptor(void)
{
    expect_ok(close(pattern_file("file", PAGE)));
    int fd = expect_ok(open("file", O_RDONLY));
    char *map = map_file(fd, 1, PROT_READ, MAP_SHARED, 0);

    expect_ok(close(fd));
    expect_ok(chmod("file", 0666));
    expect_errno(mprotect(map, PAGE, RW), EACCES);
    CHECK_PATTERN(map, 0, PAGE);
}

static uint64_t free_bytes(int fd)
{
    struct statvfs status;

    sync();
    expect_ok(fstatvfs(fd, &status));
    return status.f_bfree * (uint64_t)status.f_frsize;
}

/* The space of an unlinked file comes back when its last mapping goes, not before. */
static void space_of_unlinked_file(void)
{
    const size_t size = 4 << 20;
    int directory = expect_ok(open(".", O_RDONLY));
    struct statvfs status;

    expect_ok(fstatvfs(directory, &status));
    if (status.f_blocks * status.f_frsize > 4ul << 30)
        skip("a large file system, which others write to as well");
    uint64_t before = free_bytes(directory);
    int fd = pattern_file("file", size);
    char *map = map_file(fd, size / PAGE, RW, MAP_SHARED, 0);
    expect_ok(close(fd));
    uint64_t full = free_bytes(directory);
    CHECK(full + size <= before);
    expect_ok(unlink("file"));
    CHECK(free_bytes(directory) < before - size / 2);
    CHECK_PATTERN(map, 0, size);
    expect_ok(munmap(map, size));
    CHECK(free_bytes(directory) + 64 * 1024 >= before); /* the directory may have grown */
}

static const struct test tests[] = {
    TEST(store_seen_by_read),
    TEST(write_seen_by_store),
    TEST(two_mappings_one_page),
    TEST(private_stores_stay_private),
    TEST(private_store_first),
    TEST(tail_is_zero),
    TEST(behind_the_end),
    TEST(empty_file),
    TEST(growing_file),
    TEST(growing_by_another_process),
    TEST(tail_is_never_the_files),
    TEST(tail_is_zero_after_write),
    TEST(truncate_down_and_up),
    TEST(truncate_private_copies),
    TEST(truncate_by_another_process),
    TEST(truncate_repeatedly),
    TEST(unmap_middle),
    TEST(unmap_untouched),
    TEST(closed_and_unlinked),
    TEST(stored_then_unmapped),
    TEST(stored_then_killed),
    TEST(rights_outlive_descriptor),
    TEST(space_of_unlinked_file),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
