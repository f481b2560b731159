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
#include <sys/stat.h>
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

/* Is a page that was full of value either still so, or all zeros? */
static bool kept_or_freed(const char *page, unsigned char value)
{
    return all_bytes(page, value, PAGE) || all_bytes(page, 0, PAGE);
}

/* Freed pages come back as they were or as zeros, and keep what is stored after. */
static void free_pages(void)
{
    char *base = map_pages(17);

    memset(base, 1, 16 * PAGE);
    expect_ok(munmap(base + 16 * PAGE, PAGE));
    expect_ok(madvise(base, 16 * PAGE, MADV_FREE));
    for (size_t i = 0; i < 16; i++) {
        CHECK(kept_or_freed(base + i * PAGE, 1));
        base[i * PAGE + 5] = 7;
        CHECK_EQ(base[i * PAGE + 5], 7);
        CHECK(base[i * PAGE] == 0 || base[i * PAGE] == 1);
    }
    expect_errno(madvise(base + 8 * PAGE, 9 * PAGE, MADV_FREE), ENOMEM);
    expect_ok(mlock(base, PAGE));
    expect_errno(madvise(base, 2 * PAGE, MADV_FREE), EINVAL);
    int fd = pattern_file("file", PAGE);
    expect_errno(madvise(map_file(fd, 1, MAP_PRIVATE), PAGE, MADV_FREE), EINVAL);
    expect_errno(madvise(map_file(fd, 1, MAP_SHARED), PAGE, MADV_FREE), EINVAL);
}

/* The LazyFree line of the mapping at base, in pages. */
static long lazily_freed(const void *base)
{
    char line[256], start[32];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps", "r");

    CHECK(file != NULL);
    snprintf(start, sizeof(start), "%08lx-", (unsigned long)(uintptr_t)base);
    while (fgets(line, sizeof(line), file) && strncmp(line, start, strlen(start)) != 0)
        ;
    while (kib < 0 && fgets(line, sizeof(line), file))
        sscanf(line, "LazyFree: %ld kB", &kib);
    fclose(file);
    return kib / (long)(PAGE / 1024);
}

/* Freed pages are shown, as far as they are there still and nothing was stored to them. */
static void free_is_shown(void)
{
    enum { PAGES = 256, SPARED = 64 };
    char *base = map_pages(PAGES);

    madvise(base, PAGES * PAGE, MADV_NOHUGEPAGE);
    memset(base, 1, PAGES * PAGE);
    CHECK_EQ(lazily_freed(base), 0);
    expect_ok(madvise(base, PAGES * PAGE, MADV_FREE));
    CHECK(lazily_freed(base) <= PAGES);
    memset(base, 2, SPARED * PAGE);
    CHECK(lazily_freed(base) <= PAGES - SPARED);
    memset(base, 3, PAGES * PAGE);
    CHECK_EQ(lazily_freed(base), 0);
    CHECK(all_bytes(base, 3, PAGES * PAGE));
}

static void store_in_child(void *argument)
{
    char *base = argument;

    for (size_t i = 0; i < 8; i++)
        CHECK(kept_or_freed(base + i * PAGE, 1));
    memset(base, 2, 4 * PAGE);
    CHECK(all_bytes(base, 2, 4 * PAGE));
}

static void free_in_child(void *argument)
{
    char *base = argument;

    expect_ok(madvise(base, 8 * PAGE, MADV_FREE));
    for (size_t i = 0; i < 8; i++)
        CHECK(kept_or_freed(base + i * PAGE, 3));
}

/* Pages that were freed before a fork may go in both processes; those that one of them frees later
 * may go in that one only. */
static void free_and_fork(void)
{
    char *base = map_pages(8);

    memset(base, 1, 8 * PAGE);
    expect_ok(madvise(base, 8 * PAGE, MADV_FREE));
    expect_child_ok(store_in_child, base);
    for (size_t i = 0; i < 8; i++)
        CHECK(kept_or_freed(base + i * PAGE, 1));
    memset(base, 3, 8 * PAGE);
    expect_child_ok(free_in_child, base);
    CHECK(all_bytes(base, 3, 8 * PAGE));
}

/* Freed pages go when memory is short, each whole; what was stored to stays. More is freed in turn
 * than there is memory; beside it, one page in eight is kept. */
static void freed_when_short(void)
{
    enum { CHUNK = 256 };
    long total = memory_kib("MemTotal"), most = 256l << 10;
    size_t chunks = (size_t)(total + total / 4 < most ? total + total / 4 : most) / (CHUNK * 4);
    char **kept = expect_ok((char **)map_pages(chunks * sizeof(char *) / PAGE + 1));

    for (size_t i = 0; i < chunks; i++) {
        kept[i] = map_pages(CHUNK);
        memset(kept[i], (int)(1 + i % 100), CHUNK * PAGE);
        expect_ok(madvise(kept[i], CHUNK * PAGE, MADV_FREE));
        for (size_t k = 0; k < CHUNK; k += 8)
            kept[i][k * PAGE] = 101;
    }
    for (size_t i = 0; i < chunks; i++) {
        for (size_t k = 0; k < CHUNK; k++) {
            const char *page = kept[i] + k * PAGE;
            unsigned char value = (unsigned char)(1 + i % 100);
            CHECK_EQ(page[0], k % 8 == 0 ? 101 : page[1]);
            CHECK((page[1] == 0 || page[1] == value) && all_bytes(page + 1, page[1], PAGE - 1));
        }
    }
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

/* Nothing comes into being, and what is read does not take as long as the range is large. */
static void needed(void)
{
    const size_t large = 64ul << 30, memory = 4ul << 20;
    int file = pattern_file("file", PAGE), shared = expect_ok(memfd_create("memory", 0));
    struct stat status;

    expect_ok(ftruncate(file, (off_t)large));
    char *base = expect_ok(mmap(NULL, large, PROT_READ, MAP_SHARED, file, 0));
    expect_ok(madvise(base, large, MADV_WILLNEED));
    CHECK_PATTERN(base, 0, PAGE);
    CHECK_EQ(base[large - 1], 0);
    expect_ok(munmap(base, large));
    expect_ok(ftruncate(shared, (off_t)memory));
    base = expect_ok(mmap(NULL, memory, PROT_READ, MAP_SHARED, shared, 0));
    expect_ok(madvise(base, memory, MADV_WILLNEED));
    expect_ok(posix_fadvise(shared, 0, 0, POSIX_FADV_WILLNEED));
    expect_ok(fstat(shared, &status));
    CHECK_EQ(status.st_blocks, 0);
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
        TEST(dontneed_anonymous),
        TEST(dontneed_file),
        TEST(dontneed_shared),
        TEST(dontneed_and_fork),
        TEST(free_pages),
        TEST(free_is_shown),
        TEST(free_and_fork),
        TEST(freed_when_short),
        TEST(given_back),
        TEST(remove_pages),
        TEST(dontfork),
        TEST(wipeonfork),
        TEST(mincore_tells),
        TEST(mincore_arguments),
        TEST(populate),
        TEST(cache_advice),
        TEST(needed),
        TEST(names),
        TEST(advise_arguments),
    };
    return TAP_MAIN(argc, argv, tests);
}
