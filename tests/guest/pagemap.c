/*
 * What /proc tells of single pages: pagemap, the use that clear_refs makes it forget, and smaps of
 * very many mappings.
 */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PRESENT   (1ull << 63)
#define SWAPPED   (1ull << 62)
#define OF_FILE   (1ull << 61)
#define EXCLUSIVE (1ull << 56)
#define FRAME     ((1ull << 55) - 1)

#define RW (PROT_READ | PROT_WRITE)

static int open_pagemap(void)
{
    return expect_ok(open("/proc/self/pagemap", O_RDONLY));
}

static uint64_t entry_from(int fd, const void *address)
{
    uint64_t entry = 0;
    off_t offset = (off_t)((uintptr_t)address / PAGE * sizeof(entry));

    CHECK_EQ(expect_ok(pread(fd, &entry, sizeof(entry), offset)), sizeof(entry));
    return entry;
}

/* The bits that everybody may see, of the page at address. */
static uint64_t bits(const void *address)
{
    int fd = open_pagemap();
    uint64_t entry = entry_from(fd, address);

    expect_ok(close(fd));
    return entry & (PRESENT | SWAPPED | OF_FILE | EXCLUSIVE);
}

static void *map(size_t pages, int flags, int fd)
{
    void *base = expect_ok(mmap(NULL, pages * PAGE, RW, flags, fd, 0));

    madvise(base, pages * PAGE, MADV_NOHUGEPAGE);
    return base;
}

static void anonymous_pages(void)
{
    volatile char *base = map(4, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    CHECK_EQ(bits((void *)base), 0);
    base[0] = 1;
    CHECK_EQ(base[PAGE], 0); /* the page of zeros, which everybody has */
    CHECK_EQ(bits((void *)base), PRESENT | EXCLUSIVE);
    CHECK_EQ(bits((void *)(base + PAGE)), PRESENT);
    CHECK_EQ(bits((void *)(base + 2 * PAGE)), 0);
    expect_ok(mprotect((void *)base, PAGE, PROT_NONE));
    CHECK_EQ(bits((void *)base), PRESENT | EXCLUSIVE);
    expect_ok(madvise((void *)base, PAGE, MADV_DONTNEED));
    CHECK_EQ(bits((void *)base), 0);
    expect_ok(munmap((void *)base, 4 * PAGE));
    CHECK_EQ(bits((void *)base), 0);
}

static void object_pages(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    volatile char *shared = map(4, MAP_SHARED, fd), *private = map(4, MAP_PRIVATE, fd);
    volatile char *memory = map(4, MAP_SHARED | MAP_ANONYMOUS, -1);

    shared[0] = private[PAGE] = memory[0] = 1;
    CHECK_EQ(bits((void *)shared), PRESENT | OF_FILE | EXCLUSIVE);
    CHECK_EQ(bits((void *)(private + PAGE)), PRESENT | EXCLUSIVE);
    CHECK_EQ(bits((void *)memory), PRESENT | OF_FILE | EXCLUSIVE);
    CHECK_EQ(private[0], 1);
    CHECK_EQ(bits((void *)shared), PRESENT | OF_FILE); /* mapped twice */
    CHECK_EQ(bits((void *)private), PRESENT | OF_FILE);
}

static void look_in_child(void *argument)
{
    char *base = argument;

    CHECK_EQ(bits(base), PRESENT);
    base[0] = 2;
    CHECK_EQ(bits(base), PRESENT | EXCLUSIVE);
    CHECK_EQ(bits(base + PAGE), PRESENT);
}

/* What a child has in common with its parent is there, and not exclusive. */
static void after_fork(void)
{
    char *base = map(2, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    memset(base, 1, 2 * PAGE);
    expect_child_ok(look_in_child, base);
    CHECK_EQ(bits(base), PRESENT | EXCLUSIVE);
}

static void look_unprivileged(void *argument)
{
    int before = open_pagemap();

    expect_ok(setuid(65534));
    expect_ok(prctl(PR_SET_DUMPABLE, 1));
    int fd = open_pagemap();
    CHECK_EQ(entry_from(fd, argument) & (PRESENT | FRAME), PRESENT);
    CHECK((entry_from(before, argument) & PRESENT) != 0);
}

/* Frames are told to the privileged only. */
static void frames(void)
{
    char *base = map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    if (geteuid() != 0)
        skip("needs root");
    base[0] = 1;
    int fd = open_pagemap();
    CHECK((entry_from(fd, base) & FRAME) != 0);
    expect_child_ok(look_unprivileged, base);
}

static void pagemap_arguments(void)
{
    uint64_t entries[4];
    void *volatile nowhere = (void *)8;
    int fd = open_pagemap();

    expect_errno(pread(fd, entries, 7, 0), EINVAL);
    expect_errno(pread(fd, entries, 8, 4), EINVAL);
    CHECK_EQ(pread(fd, entries, 0, 0), 0);
    CHECK_EQ(pread(fd, entries, sizeof(entries), 1ll << 58), 0);
    expect_errno(pread(fd, nowhere, 8, 0), EFAULT);
    CHECK_EQ(expect_ok(pread(fd, entries, sizeof(entries), 0)), sizeof(entries));
    expect_errno(write(fd, entries, 8), EBADF);
}

/* Pages across several mappings and holes, in one read. */
static void many_entries(void)
{
    enum { PAGES = 700 };
    static uint64_t entries[PAGES];
    char *base = map(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    for (size_t i = 0; i < PAGES; i += 3)
        base[i * PAGE] = 1;
    for (size_t i = 0; i < PAGES; i += 7)
        expect_ok(mprotect(base + i * PAGE, PAGE, PROT_READ));
    for (size_t i = 0; i < PAGES; i += 11)
        expect_ok(munmap(base + i * PAGE, PAGE));
    int fd = open_pagemap();
    CHECK_EQ(pread(fd, entries, sizeof(entries), (off_t)((uintptr_t)base / PAGE * 8)),
             sizeof(entries));
    for (size_t i = 0; i < PAGES; i++)
        CHECK_EQ((entries[i] & PRESENT) != 0, i % 3 == 0 && i % 11 != 0);
}

/* ---- clear_refs ---- */

static int clear_references(const char *what)
{
    int fd = expect_ok(open("/proc/self/clear_refs", O_WRONLY));
    ssize_t result = write(fd, what, strlen(what));
    int error = errno;

    expect_ok(close(fd));
    errno = error;
    return result < 0 ? -1 : result == (ssize_t)strlen(what) ? 0 : 1;
}

/* A field of the mapping at base, in KiB. */
static long field_of(const void *base, const char *name)
{
    char line[256], start[32], format[64];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps", "r");

    CHECK(file != NULL);
    snprintf(start, sizeof(start), "%08lx-", (unsigned long)(uintptr_t)base);
    snprintf(format, sizeof(format), "%s: %%ld kB", name);
    while (fgets(line, sizeof(line), file) && strncmp(line, start, strlen(start)) != 0)
        ;
    while (kib < 0 && fgets(line, sizeof(line), file))
        sscanf(line, format, &kib);
    fclose(file);
    return kib;
}

/* Linux clears the bits of references without a flush: what a TLB still has would be used unseen.
 * So many pages that go at once make it flush all. */
static void flush_translations(void)
{
    char *many = map(256, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    memset(many, 1, 256 * PAGE);
    expect_ok(munmap(many, 256 * PAGE));
}

static void references(void)
{
    int fd = pattern_file("file", 4 * PAGE);
    volatile char *memory = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1), *file = map(4, MAP_SHARED, fd);

    memset((void *)memory, 1, 8 * PAGE);
    memset((void *)file, 1, 4 * PAGE);
    CHECK_EQ(field_of((void *)memory, "Referenced"), 32);
    CHECK_EQ(field_of((void *)file, "Referenced"), 16);
    expect_ok(clear_references("3"));
    CHECK_EQ(field_of((void *)memory, "Referenced"), 32);
    CHECK_EQ(field_of((void *)file, "Referenced"), 0);
    expect_ok(clear_references("2\n"));
    CHECK_EQ(field_of((void *)memory, "Referenced"), 0);
    flush_translations();
    memory[0] = file[0] = 2;
    CHECK_EQ(memory[3 * PAGE], 1);
    CHECK_EQ(field_of((void *)memory, "Referenced"), 8);
    CHECK_EQ(field_of((void *)file, "Referenced"), 4);
    expect_ok(clear_references("1"));
    CHECK_EQ(field_of((void *)memory, "Referenced"), 0);
    CHECK_EQ(field_of((void *)file, "Referenced"), 0);
    CHECK_EQ(field_of((void *)memory, "Rss"), 32);
    expect_ok(clear_references("4"));
    expect_errno(clear_references("0"), EINVAL);
    expect_errno(clear_references("6"), EINVAL);
    expect_errno(clear_references("x"), EINVAL);
}

/* A field of /proc/self/status, in KiB. */
static long status_of(const char *name)
{
    static char text[8192];

    read_file("/proc/self/status", text, sizeof(text));
    const char *at = strstr(text, name);
    CHECK(at != NULL);
    return strtol(at + strlen(name) + 1, NULL, 10);
}

static void peak(void)
{
    enum { PAGES = 2048 };
    char *base = map(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    memset(base, 1, PAGES * PAGE);
    expect_ok(munmap(base, PAGES * PAGE));
    long before = status_of("VmHWM");
    CHECK(before - status_of("VmRSS") >= PAGES * 4 / 2);
    expect_ok(clear_references("5"));
    CHECK(before - status_of("VmHWM") >= PAGES * 4 / 2);
}

/* ---- many mappings ---- */

/* Every mapping has its entry, each with its own counts. */
static void very_many(void)
{
    enum { MAPPINGS = 3000 };
    char *base = map(2 * MAPPINGS, MAP_PRIVATE | MAP_ANONYMOUS, -1), line[256];
    unsigned long seen = 0, resident = 0, start, end;
    bool inside = false;
    long kib;

    for (size_t i = 0; i < 2 * MAPPINGS; i += 2) {
        expect_ok(mprotect(base + i * PAGE, PAGE, PROT_READ));
        base[(i + 1) * PAGE] = 1;
    }
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-') < line + 17) {
            inside = start >= (uintptr_t)base && end <= (uintptr_t)(base + 2 * MAPPINGS * PAGE);
            seen += inside;
        }
        if (inside && sscanf(line, "Rss: %ld kB", &kib) == 1)
            resident += (unsigned long)kib;
    }
    fclose(file);
    CHECK_EQ(seen, 2 * MAPPINGS);
    CHECK_EQ(resident, MAPPINGS * PAGE / 1024);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(anonymous_pages),   TEST(object_pages), TEST(after_fork), TEST(frames),
        TEST(pagemap_arguments), TEST(many_entries), TEST(references), TEST(peak),
        TEST(very_many),
    };
    return TAP_MAIN(argc, argv, tests);
}
