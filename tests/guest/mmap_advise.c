/*
 * madvise and mincore: what each advice does to pages, and the arguments it takes.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SET_VMA 0x53564d41 /* PR_SET_VMA */

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static char *map_file(int fd, size_t pages, int flags)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, RW, flags, fd, 0));
}

/* ---- pages go ---- */

static void dontneed_anonymous(void)
{
    char *base = map_pages(8);

    memset(base, 1, 8 * PAGE);
    expect_ok(madvise(base + 2 * PAGE, 3 * PAGE, MADV_DONTNEED));
    CHECK(all_bytes(base, 1, 2 * PAGE));
    CHECK(all_bytes(base + 2 * PAGE, 0, 3 * PAGE));
    CHECK(all_bytes(base + 5 * PAGE, 1, 3 * PAGE));
    memset(base + 2 * PAGE, 2, PAGE);
    CHECK(all_bytes(base + 2 * PAGE, 2, PAGE));
    expect_picture(base, 8, "WWWWWWWW");
}

static void dontneed_file(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    char *private = map_file(fd, 4, MAP_PRIVATE), *shared = map_file(fd, 4, MAP_SHARED);

    memset(private, 1, 4 * PAGE);
    memset(shared + PAGE, 2, PAGE);
    expect_ok(madvise(private, 2 * PAGE, MADV_DONTNEED));
    expect_ok(madvise(shared, 4 * PAGE, MADV_DONTNEED));
    CHECK_PATTERN(private, 0, PAGE);
    CHECK(all_bytes(private + PAGE, 2, PAGE)); /* the file's bytes now */
    CHECK(all_bytes(private + 2 * PAGE, 1, 2 * PAGE));
    CHECK(all_bytes(shared + PAGE, 2, PAGE));
    CHECK_PATTERN(shared + 2 * PAGE, 2 * PAGE, 2 * PAGE);
}

static void dontneed_shared(void)
{
    char *base = expect_ok((char *)mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

    memset(base, 1, 4 * PAGE);
    expect_ok(madvise(base, 4 * PAGE, MADV_DONTNEED));
    CHECK(all_bytes(base, 1, 4 * PAGE));
}

static void dontneed_in_child(void *argument)
{
    char *base = argument;

    expect_ok(madvise(base, 4 * PAGE, MADV_DONTNEED));
    CHECK(all_bytes(base, 0, 4 * PAGE));
    memset(base, 3, 4 * PAGE);
}

/* What a child gives back is its own. */
static void dontneed_and_fork(void)
{
    char *base = map_pages(4);

    memset(base, 1, 4 * PAGE);
    expect_child_ok(dontneed_in_child, base);
    CHECK(all_bytes(base, 1, 4 * PAGE));
}

/* Freed pages come back as they were or as zeros, and keep what is stored after. */
static void free_pages(void)
{
    char *base = map_pages(16);

    memset(base, 1, 16 * PAGE);
    expect_ok(madvise(base, 16 * PAGE, MADV_FREE));
    for (size_t i = 0; i < 16; i++) {
        base[i * PAGE + 5] = 7;
        CHECK_EQ(base[i * PAGE + 5], 7);
        CHECK(base[i * PAGE] == 0 || base[i * PAGE] == 1);
    }
    int fd = pattern_file("file", PAGE);
    expect_errno(madvise(map_file(fd, 1, MAP_PRIVATE), PAGE, MADV_FREE), EINVAL);
    expect_errno(madvise(map_file(fd, 1, MAP_SHARED), PAGE, MADV_FREE), EINVAL);
}

/* Memory is really given back: more than there is can be used one part after the other. */
static void given_back(void)
{
    const size_t size = 16ul << 20;
    char *base = map_pages(size / PAGE);
    long total = memory_kib("MemTotal");

    for (long used = 0; used < total + total / 2 && used < 1l << 20; used += 16 << 10) {
        memset(base, 1, size);
        expect_ok(madvise(base, size, MADV_DONTNEED));
    }
    CHECK_EQ(base[0], 0);
}

static void remove_pages(void)
{
    char *base = expect_ok((char *)mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

    memset(base, 1, 4 * PAGE);
    expect_ok(madvise(base + PAGE, 2 * PAGE, MADV_REMOVE));
    CHECK(all_bytes(base, 1, PAGE));
    CHECK(all_bytes(base + PAGE, 0, 2 * PAGE));
    CHECK(all_bytes(base + 3 * PAGE, 1, PAGE));
    expect_errno(madvise(map_pages(1), PAGE, MADV_REMOVE), EINVAL);
    int fd = pattern_file("file", PAGE), readable = expect_ok(open("file", O_RDONLY));
    expect_errno(madvise(map_file(fd, 1, MAP_PRIVATE), PAGE, MADV_REMOVE), EACCES);
    char *file = map_file(fd, 1, MAP_SHARED), byte = 1;
    expect_ok(madvise(file, PAGE, MADV_REMOVE));
    CHECK(all_bytes(file, 0, PAGE));
    CHECK_EQ(expect_ok(pread(fd, &byte, 1, 5)), 1);
    CHECK_EQ(byte, 0);
    char *view = expect_ok((char *)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, readable, 0));
    expect_errno(madvise(view, PAGE, MADV_REMOVE), EACCES);
}

/* ---- fork ---- */

static void look_without_middle(void *argument)
{
    char *base = argument;

    CHECK(all_bytes(base, 1, PAGE));
    CHECK(all_bytes(base + 3 * PAGE, 1, PAGE));
    expect_picture(base, 4, "W..W");
}

static void dontfork(void)
{
    char *base = map_pages(4);

    memset(base, 1, 4 * PAGE);
    expect_ok(madvise(base + PAGE, 2 * PAGE, MADV_DONTFORK));
    expect_child_ok(look_without_middle, base);
    expect_picture(base, 4, "W|WW|W");
    CHECK(all_bytes(base, 1, 4 * PAGE));
    expect_ok(madvise(base, 4 * PAGE, MADV_DOFORK));
    expect_picture(base, 4, "WWWW");
}

static void look_wiped(void *argument)
{
    char *base = argument;

    CHECK(all_bytes(base, 1, PAGE));
    CHECK(all_bytes(base + PAGE, 0, 2 * PAGE));
    memset(base + PAGE, 5, PAGE);
    CHECK(all_bytes(base + 3 * PAGE, 1, PAGE));
}

static void wipeonfork(void)
{
    char *base = map_pages(4);
    int fd = pattern_file("file", PAGE);

    memset(base, 1, 4 * PAGE);
    expect_ok(madvise(base + PAGE, 2 * PAGE, MADV_WIPEONFORK));
    expect_child_ok(look_wiped, base);
    CHECK(all_bytes(base, 1, 4 * PAGE));
    expect_ok(madvise(base, 4 * PAGE, MADV_KEEPONFORK));
    expect_picture(base, 4, "WWWW");
    expect_errno(madvise(map_file(fd, 1, MAP_PRIVATE), PAGE, MADV_WIPEONFORK), EINVAL);
    expect_errno(madvise(map_file(fd, 1, MAP_SHARED), PAGE, MADV_WIPEONFORK), EINVAL);
}

/* ---- pages come ---- */

static size_t resident(const char *base, size_t pages)
{
    unsigned char vector[64];
    size_t count = 0;

    CHECK(pages <= 64);
    expect_ok(mincore((void *)(uintptr_t)base, pages * PAGE, vector));
    for (size_t i = 0; i < pages; i++)
        count += vector[i] & 1;
    return count;
}

static void mincore_tells(void)
{
    char *base = map_pages(8);

    CHECK_EQ(resident(base, 8), 0);
    base[0] = base[5 * PAGE] = 1;
    CHECK_EQ(resident(base, 8), 2);
    CHECK_EQ(resident(base + 5 * PAGE, 1), 1);
    expect_ok(madvise(base, 4 * PAGE, MADV_DONTNEED));
    CHECK_EQ(resident(base, 8), 1);
    int fd = pattern_file("file", 8 * PAGE);
    CHECK_EQ(resident(map_file(fd, 8, MAP_SHARED), 8), 8); /* just written, mapped or not */
    char *shared = expect_ok((char *)mmap(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    shared[3 * PAGE] = 1;
    CHECK_EQ(resident(shared, 8), 1);
}

static void mincore_arguments(void)
{
    char *base = map_pages(4);
    unsigned char vector[8];

    expect_errno(mincore(base + 1, PAGE, vector), EINVAL);
    expect_ok(mincore(base, 0, vector));
    expect_ok(mincore(base, 1, vector));
    expect_errno(mincore(base, PAGE, (void *)1), EFAULT);
    expect_ok(munmap(base + 2 * PAGE, PAGE));
    expect_errno(mincore(base, 4 * PAGE, vector), ENOMEM);
    expect_errno(mincore(base, SIZE_MAX, vector), ENOMEM);
    expect_errno(mincore((void *)-PAGE, PAGE, vector), ENOMEM);
}

static void populate(void)
{
    char *base = map_pages(8);

    expect_ok(madvise(base, 4 * PAGE, MADV_POPULATE_WRITE));
    CHECK_EQ(resident(base, 8), 4);
    expect_ok(madvise(base, 8 * PAGE, MADV_POPULATE_READ));
    CHECK_EQ(resident(base, 8), 8);
    expect_ok(mprotect(base, PAGE, PROT_READ));
    expect_errno(madvise(base, PAGE, MADV_POPULATE_WRITE), EINVAL);
    expect_ok(mprotect(base, PAGE, PROT_NONE));
    expect_errno(madvise(base, PAGE, MADV_POPULATE_READ), EINVAL);
    expect_ok(munmap(base + 4 * PAGE, PAGE));
    expect_errno(madvise(base + 3 * PAGE, 3 * PAGE, MADV_POPULATE_READ), ENOMEM);
    int fd = pattern_file("file", 2 * PAGE);
    char *file = map_file(fd, 4, MAP_SHARED);
    expect_ok(madvise(file, 2 * PAGE, MADV_POPULATE_WRITE));
    expect_errno(madvise(file, 3 * PAGE, MADV_POPULATE_READ), EFAULT);
}

/* Advice about the cache changes no byte. */
static void cache_advice(void)
{
    static const int all[] = {MADV_NORMAL, MADV_RANDOM,  MADV_SEQUENTIAL, MADV_WILLNEED,
                              MADV_COLD,   MADV_PAGEOUT, MADV_DONTDUMP,   MADV_DODUMP};
    int fd = pattern_file("file", 8 * PAGE);
    char *shared = map_file(fd, 8, MAP_SHARED), *private = map_file(fd, 8, MAP_PRIVATE);
    char *memory = map_pages(8);

    memset(shared + PAGE, 1, PAGE);
    memset(private + 2 * PAGE, 2, PAGE);
    memset(memory, 3, 8 * PAGE);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        expect_ok(madvise(shared, 8 * PAGE, all[i]));
        expect_ok(madvise(private, 8 * PAGE, all[i]));
        expect_ok(madvise(memory, 8 * PAGE, all[i]));
        CHECK_PATTERN(shared, 0, PAGE);
        CHECK(all_bytes(shared + PAGE, 1, PAGE));
        CHECK_PATTERN(shared + 2 * PAGE, 2 * PAGE, 6 * PAGE);
        CHECK(all_bytes(private + PAGE, 1, PAGE));
        CHECK(all_bytes(private + 2 * PAGE, 2, PAGE));
        CHECK_PATTERN(private + 3 * PAGE, 3 * PAGE, 5 * PAGE);
        CHECK(all_bytes(memory, 3, 8 * PAGE));
    }
}

/* ---- arguments ---- */

static void advise_arguments(void)
{
    char *base = map_pages(6);

    expect_errno(madvise(base + 1, PAGE, MADV_NORMAL), EINVAL);
    expect_errno(madvise(base, PAGE, 99), EINVAL);
    expect_errno(madvise(base, PAGE, 5), EINVAL);
    expect_errno(madvise(base, PAGE, -1), EINVAL);
    expect_ok(madvise(base, 0, MADV_DONTNEED));
    expect_errno(madvise(base, SIZE_MAX, MADV_DONTNEED), EINVAL);
    expect_ok(madvise((void *)(PAGE * 16), 0, MADV_DONTNEED));
    expect_errno(madvise((void *)-PAGE, 2 * PAGE, MADV_DONTNEED), EINVAL);
    /* A hole is reported after what is behind it has been done. */
    memset(base, 1, 6 * PAGE);
    expect_ok(munmap(base + 2 * PAGE, PAGE));
    expect_errno(madvise(base + PAGE, 4 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK(all_bytes(base + PAGE, 0, PAGE));
    CHECK(all_bytes(base + 3 * PAGE, 0, 2 * PAGE));
    CHECK(all_bytes(base + 5 * PAGE, 1, PAGE));
    expect_errno(madvise(base + PAGE, 3 * PAGE, MADV_DONTFORK), ENOMEM);
    expect_picture(base, 6, "W|W.W|WW");
    expect_errno(madvise(base + 2 * PAGE, PAGE, MADV_WILLNEED), ENOMEM);
}

/* ---- names ---- */

static int name_memory(void *start, size_t size, const char *name)
{
    return prctl(SET_VMA, 0, start, size, name);
}

static void names(void)
{
    char *base = map_pages(6);
    struct map_line lines[8];

    if (name_memory(base, PAGE, "first") < 0 && errno == EINVAL)
        skip("this Linux is built without names of anonymous memory");
    CHECK_EQ(read_maps((uintptr_t)base, (uintptr_t)(base + 6 * PAGE), lines, 8), 2);
    CHECK_STRING(lines[0].path, "[anon:first]");
    expect_ok(name_memory(base + PAGE, PAGE, "first"));
    expect_picture(base, 6, "WW|WWWW");
    expect_ok(name_memory(base + PAGE, PAGE, "second"));
    expect_picture(base, 6, "W|W|WWWW");
    expect_errno(name_memory(base, PAGE, "a[b"), EINVAL);
    expect_errno(name_memory(base, PAGE, "a\n"), EINVAL);
    expect_errno(name_memory(base + 1, PAGE, "a"), EINVAL);
    expect_errno(name_memory(base, PAGE, (char *)8), EFAULT);
    int fd = pattern_file("file", PAGE);
    expect_errno(name_memory(map_file(fd, 1, MAP_SHARED), PAGE, "a"), EBADF);
    expect_ok(munmap(base + 3 * PAGE, PAGE));
    expect_errno(name_memory(base, 6 * PAGE, "all"), ENOMEM);
    expect_picture(base, 6, "WWW.WW");
    expect_ok(name_memory(base, 2 * PAGE, NULL));
    CHECK_EQ(read_maps((uintptr_t)base, (uintptr_t)(base + PAGE), lines, 8), 1);
    CHECK_STRING(lines[0].path, "");
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(dontneed_anonymous), TEST(dontneed_file),
        TEST(dontneed_shared),    TEST(dontneed_and_fork),
        TEST(free_pages),         TEST(given_back),
        TEST(remove_pages),       TEST(dontfork),
        TEST(wipeonfork),         TEST(mincore_tells),
        TEST(mincore_arguments),  TEST(populate),
        TEST(cache_advice),       TEST(names),
        TEST(advise_arguments),
    };
    return TAP_MAIN(argc, argv, tests);
}
