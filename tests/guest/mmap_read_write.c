/*
 * read and write whose buffers are mappings, of other files and of the very page that is read or
 * written: no deadlock, and the right bytes.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

/* A mapping that has never been touched. */
static char *fresh_map(int fd, size_t pages, int flags)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, RW, flags, fd, 0));
}

/* ---- the very same page ---- */

/*  page   [ from ..... | ..... to ]   one half of a page is written from the other */
static void write_within_a_page(void)
{
    static const size_t offsets[][3] = {
        /* from, to, length */
        {0, 2048, 2048}, {2048, 0, 2048},  {1, 2049, 1000}, {100, 3000, 7},
        {4000, 10, 96},  {0, PAGE - 1, 1}, {17, 2000, 513}, {3, 600, 512},
    };
    char model[PAGE], buffer[PAGE];

    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        size_t from = offsets[i][0], to = offsets[i][1], length = offsets[i][2];
        int fd = pattern_file("file", PAGE);
        char *map = fresh_map(fd, 1, MAP_SHARED);
        pattern_fill(model, 0, PAGE);
        memcpy(model + to, model + from, length);
        CHECK_EQ(pwrite(fd, map + from, length, (off_t)to), length);
        CHECK(memcmp(map, model, PAGE) == 0);
        CHECK_EQ(pread(fd, buffer, PAGE, 0), PAGE);
        CHECK(memcmp(buffer, model, PAGE) == 0);
        expect_ok(munmap(map, PAGE));
        expect_ok(close(fd));
    }
}

static void read_within_a_page(void)
{
    static const size_t offsets[][3] = {
        {0, 2048, 2048}, {2048, 0, 2048}, {1, 2049, 1000}, {4000, 10, 96}, {17, 2000, 513},
    };
    char model[PAGE];

    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        size_t from = offsets[i][0], to = offsets[i][1], length = offsets[i][2];
        int fd = pattern_file("file", PAGE);
        char *map = fresh_map(fd, 1, MAP_SHARED);
        pattern_fill(model, 0, PAGE);
        memcpy(model + to, model + from, length);
        CHECK_EQ(pread(fd, map + to, length, (off_t)from), length);
        CHECK(memcmp(map, model, PAGE) == 0);
        expect_ok(munmap(map, PAGE));
        expect_ok(close(fd));
    }
}

/* A page, and a whole file, written to and read from itself: nothing changes. */
static void onto_itself(void)
{
    int fd = pattern_file("file", 5 * PAGE + 99);
    const size_t size = 5 * PAGE + 99;

    for (int round = 0; round < 3; round++) {
        char *map = fresh_map(fd, 6, MAP_SHARED);
        CHECK_EQ(pwrite(fd, map, PAGE, 0), PAGE);
        CHECK_EQ(pwrite(fd, map + 3 * PAGE + 5, 1000, 3 * PAGE + 5), 1000);
        CHECK_EQ(pwrite(fd, map, size, 0), size);
        CHECK_EQ(pread(fd, map, size, 0), size);
        CHECK_EQ(pread(fd, map + 777, 3 * PAGE, 777), 3 * PAGE);
        CHECK_PATTERN(map, 0, size);
        CHECK(all_bytes(map + size, 0, 6 * PAGE - size));
        expect_ok(munmap(map, 6 * PAGE));
    }
}

/* The buffer is a private mapping of the same page, untouched or already copied. */
static void private_mapping_of_the_same(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *map = fresh_map(fd, 2, MAP_PRIVATE), *seen = fresh_map(fd, 2, MAP_SHARED);

    CHECK_EQ(pwrite(fd, map, 100, 200), 100);
    for (size_t i = 0; i < 100; i++)
        CHECK_EQ((unsigned char)seen[200 + i], pattern_byte(i));
    CHECK(memcmp(map, seen, 2 * PAGE) == 0);
    /* Reading into it copies; the file stays. */
    CHECK_EQ(pread(fd, map + PAGE, 50, 0), 50);
    CHECK_PATTERN(map + PAGE, 0, 50);
    CHECK_PATTERN(seen + PAGE, PAGE, PAGE);
    CHECK_EQ(pwrite(fd, map + PAGE, 50, PAGE + 1000), 50);
    CHECK_PATTERN(seen + PAGE + 1000, 0, 50);
    CHECK_PATTERN(map + PAGE + 1000, PAGE + 1000, 50);
}

/* ---- neighbouring pages ---- */

/*  file   0 1 2 3 4 5 6 7    pages are copied over others, unaligned, from an untouched mapping */
static void pages_over_pages(void)
{
    static const size_t moves[][3] = {
        {0, 4 * PAGE, 4 * PAGE},        {4 * PAGE, 0, 4 * PAGE},
        {1, 4 * PAGE + 3, 3 * PAGE},    {5 * PAGE - 7, 100, 2 * PAGE + 14},
        {100, 6 * PAGE - 1, PAGE + 50}, {7 * PAGE, PAGE - 1, 3},
    };
    static char model[8 * PAGE], buffer[8 * PAGE];

    for (int reading = 0; reading < 2; reading++) {
        for (size_t i = 0; i < COUNT_OF(moves); i++) {
            size_t from = moves[i][0], to = moves[i][1], length = moves[i][2];
            int fd = pattern_file("file", 8 * PAGE);
            char *map = fresh_map(fd, 8, MAP_SHARED);
            pattern_fill(model, 0, 8 * PAGE);
            memcpy(model + to, model + from, length);
            CHECK_EQ(reading ? pread(fd, map + to, length, (off_t)from)
                             : pwrite(fd, map + from, length, (off_t)to),
                     length);
            CHECK(memcmp(map, model, 8 * PAGE) == 0);
            CHECK_EQ(pread(fd, buffer, 8 * PAGE, 0), 8 * PAGE);
            CHECK(memcmp(buffer, model, 8 * PAGE) == 0);
            expect_ok(munmap(map, 8 * PAGE));
            expect_ok(close(fd));
        }
    }
}

/* A file that is appended to from its own mapping, which grows under it. */
static void append_from_own_mapping(void)
{
    int fd = pattern_file("file", PAGE);
    char *map = fresh_map(fd, 16, MAP_SHARED);
    struct stat status;

    expect_ok(lseek(fd, 0, SEEK_END));
    for (size_t size = PAGE; size < 16 * PAGE; size *= 2)
        CHECK_EQ(write(fd, map, size), size);
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, 16 * PAGE);
    for (size_t i = 0; i < 16; i++)
        CHECK_PATTERN(map + i * PAGE, 0, PAGE);
}

/* A buffer that leads behind the end of its file: what is before it is written. */
static void buffer_behind_the_end(void)
{
    int fd = pattern_file("file", PAGE), other = pattern_file("other", 0);
    char *map = fresh_map(fd, 3, MAP_SHARED);
    struct stat status;

    expect_errno(pwrite(other, map + PAGE, 100, 0), EFAULT);
    CHECK_EQ(pwrite(other, map + PAGE - 100, 200, 0), 100);
    expect_ok(fstat(other, &status));
    CHECK_EQ(status.st_size, 100);
    int source = pattern_file("source", 3 * PAGE);
    expect_errno(pread(source, map + PAGE, 100, 0), EFAULT);
    CHECK_EQ(pread(source, map + PAGE - 100, 200, 0), 100);
    CHECK_PATTERN(map + PAGE - 100, 0, 100);
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, PAGE);
}

/* ---- between two files ---- */

static void copy_between_mappings(void)
{
    enum { SIZE = 1 << 20 };
    int from = pattern_file("from", SIZE), to = pattern_file("to", 0);
    char *source = fresh_map(from, SIZE / PAGE, MAP_SHARED);

    CHECK_EQ(write(to, source, SIZE), SIZE);
    char *copy = fresh_map(to, SIZE / PAGE, MAP_SHARED);
    CHECK_PATTERN(copy, 0, SIZE);
    /* And back, by read into the mapping, one page further on. */
    CHECK_EQ(pread(from, copy + PAGE, SIZE - PAGE, 0), SIZE - PAGE);
    CHECK_PATTERN(copy + PAGE, 0, SIZE - PAGE);
    char byte;
    CHECK_EQ(pread(to, &byte, 1, PAGE), 1);
    CHECK_EQ((unsigned char)byte, pattern_byte(0));
}

/* Two files, each written from a mapping of the other, by two processes at once. */
static void cross_write(const char *target, const char *source)
{
    int to = expect_ok(open(target, O_RDWR)), from = expect_ok(open(source, O_RDWR));

    for (int round = 0; round < 300; round++) {
        char *map = fresh_map(from, 4, MAP_SHARED);
        CHECK_EQ(pwrite(to, map, 4 * PAGE, 0), 4 * PAGE);
        CHECK_EQ(pread(to, map, 4 * PAGE, 0), 4 * PAGE);
        expect_ok(munmap(map, 4 * PAGE));
    }
}

static void write_first(void *argument)
{
    (void)argument;
    cross_write("first", "second");
}

static void write_second(void *argument)
{
    (void)argument;
    cross_write("second", "first");
}

static void crosswise(void)
{
    expect_ok(close(pattern_file("first", 4 * PAGE)));
    int fd = pattern_file("second", 4 * PAGE);
    pid_t first = spawn(write_first, NULL), second = spawn(write_second, NULL);

    expect_exited(reap(first), 0);
    expect_exited(reap(second), 0);
    char *map = fresh_map(fd, 4, MAP_SHARED);
    CHECK_PATTERN(map, 0, 4 * PAGE);
}

/* Several processes write one page from their mappings of it, and truncate it meanwhile. */
static void write_and_truncate(void *argument)
{
    int fd = expect_ok(open("file", O_RDWR));
    int me = (int)(intptr_t)argument;

    for (int round = 0; round < 300; round++) {
        char *map = fresh_map(fd, 2, MAP_SHARED);
        ssize_t count = pwrite(fd, map, PAGE, (round & 1) * (off_t)PAGE);
        CHECK(count == PAGE || (count >= 0 && count < (ssize_t)PAGE) ||
              (count < 0 && errno == EFAULT));
        if (me == 0)
            expect_ok(ftruncate(fd, round % 3 * (off_t)PAGE));
        expect_ok(munmap(map, 2 * PAGE));
    }
}

static void truncated_meanwhile(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    pid_t pids[3];
    struct stat status;

    for (intptr_t i = 0; i < 3; i++)
        pids[i] = spawn(write_and_truncate, (void *)i);
    for (int i = 0; i < 3; i++)
        expect_exited(reap(pids[i]), 0);
    expect_ok(fstat(fd, &status));
    CHECK(status.st_size <= 2 * (off_t)PAGE);
}

static void vectors(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *map = fresh_map(fd, 4, MAP_SHARED);
    char head[10] = "headheadh", found[30];
    struct iovec out[3] = {{map + 100, 10}, {head, 10}, {map + 2 * PAGE - 5, 10}};

    expect_ok(lseek(fd, 3 * PAGE, SEEK_SET));
    CHECK_EQ(writev(fd, out, 3), 30);
    CHECK_PATTERN(map + 3 * PAGE, 100, 10);
    CHECK_STRING(map + 3 * PAGE + 10, "headheadh");
    CHECK_PATTERN(map + 3 * PAGE + 20, 2 * PAGE - 5, 10);
    struct iovec in[2] = {{map + PAGE - 15, 30}, {found, 30}};
    expect_ok(lseek(fd, 3 * PAGE, SEEK_SET));
    CHECK_EQ(readv(fd, in, 2), 60);
    CHECK(memcmp(map + PAGE - 15, map + 3 * PAGE, 30) == 0);
    CHECK_PATTERN(found, 3 * PAGE + 30, 30);
}

/* ---- a random sequence against a model ---- */

enum { PAGES = 16 };

static struct {
    int fd;
    char *map;
    char bytes[PAGES * 4096]; /* what the file holds; zeros behind the end */
    size_t size;
} model;

static void random_range(size_t limit, size_t *from, size_t *length)
{
    *from = random_below((uint32_t)limit);
    *length = 1 + random_below(random_below(3) ? 300 : 3 * PAGE);
    if (*length > limit - *from)
        *length = limit - *from;
}

static void model_write(size_t at, const char *bytes, size_t length)
{
    memmove(model.bytes + at, bytes, length);
    if (at + length > model.size)
        model.size = at + length;
}

static bool overlap(size_t a, size_t b, size_t length)
{
    return a < b + length && b < a + length;
}

static void random_write(bool from_mapping)
{
    static char buffer[4 * PAGE];
    size_t to, length, from = 0;

    random_range(PAGES * PAGE, &to, &length);
    if (!from_mapping) {
        memset(buffer, (int)random_below(256), length);
        CHECK_EQ(pwrite(model.fd, buffer, length, (off_t)to), length);
        model_write(to, buffer, length);
        return;
    }
    if (model.size < length)
        return;
    from = random_below((uint32_t)(model.size - length + 1));
    if (overlap(from, to, length))
        return;
    CHECK_EQ(pwrite(model.fd, model.map + from, length, (off_t)to), length);
    model_write(to, model.bytes + from, length);
}

static void random_read(void)
{
    size_t from, length, to;

    if (model.size == 0)
        return;
    random_range(model.size, &from, &length);
    to = random_below((uint32_t)(model.size - length + 1));
    if (overlap(from, to, length))
        return;
    CHECK_EQ(pread(model.fd, model.map + to, length, (off_t)from), length);
    model_write(to, model.bytes + from, length);
}

static void random_store(void)
{
    size_t at, length;

    if (model.size == 0)
        return;
    random_range(model.size, &at, &length);
    memset(model.map + at, (int)random_below(256), length);
    memcpy(model.bytes + at, model.map + at, length);
}

static void random_truncate(void)
{
    size_t size = random_below(PAGES * PAGE);

    expect_ok(ftruncate(model.fd, (off_t)size));
    if (size < model.size)
        memset(model.bytes + size, 0, model.size - size);
    model.size = size;
}

static void compare_with_model(void)
{
    static char buffer[PAGES * PAGE];

    CHECK_EQ(pread(model.fd, buffer, sizeof(buffer), 0), model.size);
    CHECK(memcmp(buffer, model.bytes, model.size) == 0);
    CHECK(memcmp(model.map, model.bytes, model.size) == 0);
    size_t tail = -model.size % PAGE;
    CHECK(all_bytes(model.map + model.size, 0, tail));
}

static void random_operations(void)
{
    model.fd = pattern_file("file", 0);
    model.map = fresh_map(model.fd, PAGES, MAP_SHARED);
    random_seed(2024);
    for (int round = 0; round < 3000; round++) {
        switch (random_below(8)) {
        case 0:
        case 1:
            random_write(false);
            break;
        case 2:
        case 3:
            random_write(true);
            break;
        case 4:
            random_read();
            break;
        case 5:
            random_store();
            break;
        case 6:
            if (random_below(4) == 0)
                random_truncate();
            break;
        case 7: /* everything must be found again by faults */
            expect_ok(munmap(model.map, PAGES * PAGE));
            model.map = fresh_map(model.fd, PAGES, MAP_SHARED);
            break;
        }
        if (round % 10 == 0)
            compare_with_model();
    }
    compare_with_model();
}

/* Of a buffer that reaches beyond the heap's end, what there is is written, and no byte more. */
static void buffer_beyond_the_heap(void)
{
    int file = pattern_file("file", 0), memory = expect_ok(memfd_create("memory", 0));
    char *end = (char *)(((uintptr_t)sbrk(0) + 2 * PAGE) & ~(PAGE - 1)), bytes[2 * PAGE];
    struct stat status;

    expect_ok(brk(end));
    pattern_fill(end - 64, 0, 64);
    for (int i = 0; i < 2; i++) {
        int fd = i ? memory : file;
        CHECK_EQ(write(fd, end - 64, PAGE), 64);
        expect_errno(write(fd, end, PAGE), EFAULT);
        expect_ok(fstat(fd, &status));
        CHECK_EQ(status.st_size, 64);
        expect_ok(ftruncate(fd, 2 * PAGE));
        CHECK_EQ(pread(fd, bytes, sizeof(bytes), 0), 2 * PAGE);
        CHECK_PATTERN(bytes, 0, 64);
        CHECK(all_bytes(bytes + 64, 0, 2 * PAGE - 64));
    }
}

static const struct test tests[] = {
    TEST(write_within_a_page),
    TEST(read_within_a_page),
    TEST(onto_itself),
    TEST(private_mapping_of_the_same),
    TEST(pages_over_pages),
    TEST(append_from_own_mapping),
    TEST(buffer_behind_the_end),
    TEST(copy_between_mappings),
    TEST(crosswise),
    TEST(truncated_meanwhile),
    TEST(vectors),
    TEST(random_operations),
    TEST(buffer_beyond_the_heap),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
