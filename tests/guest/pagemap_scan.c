/*
 * The ioctl PAGEMAP_SCAN of /proc/PID/pagemap: which pages are of which categories, and protecting
 * those that were stored to until they are again.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/* Here, because not every toolchain's linux/fs.h has them. */
struct found {
    uint64_t start, end, categories;
};

struct request {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t inverted, mask, any, returned;
};

#define SCAN    _IOWR('f', 16, struct request)
#define PROTECT 1ul /* PM_SCAN_WP_MATCHING */
#define MUST    2ul /* PM_SCAN_CHECK_WPASYNC */

enum { ALLOWED = 1, WRITTEN = 2, OF_FILE = 4, PRESENT = 8, SWAPPED = 16, ZERO = 32 };
#define CATEGORIES 63u

#define RW   (PROT_READ | PROT_WRITE)
#define ROOM 32u

static struct found found[ROOM];

static int open_pagemap(void)
{
    return expect_ok(open("/proc/self/pagemap", O_RDONLY));
}

/* A request for the pages from base on that tells all categories. */
static struct request all_of(const void *base, size_t pages)
{
    return (struct request){.size = sizeof(struct request),
                            .start = (uintptr_t)base,
                            .end = (uintptr_t)base + pages * PAGE,
                            .vec = (uintptr_t)found,
                            .vec_len = ROOM,
                            .returned = CATEGORIES};
}

static int scan(struct request *request)
{
    int fd = open_pagemap(), result = ioctl(fd, SCAN, request), error = errno;

    expect_ok(close(fd));
    errno = error;
    return result;
}

static void skip_without_scan(void)
{
    struct request request = all_of(found, 1);

    if (scan(&request) < 0 && errno == ENOTTY)
        skip("no PAGEMAP_SCAN here");
}

/* A letter for each page of a scan: W stored to, P protected, z and Z the same of the page of
 * zeros, f and F of a page of a file or of shared memory, . missing, m missing and protected,
 * blank: not found. */
static char letter_of(uint64_t categories)
{
    bool written = categories & WRITTEN;

    if (categories & ZERO)
        return written ? 'z' : 'Z';
    if (categories & OF_FILE)
        return written ? 'f' : 'F';
    if (categories & PRESENT)
        return written ? 'W' : 'P';
    return categories & SWAPPED ? 'm' : '.';
}

static void check_scan(struct request request, const char *expected, const char *file, int line)
{
    char picture[64] = "";
    size_t pages = strlen(expected);
    int count = scan(&request);

    if (count < 0)
        fail("%s:%d: scan: %s", file, line, error_name(errno));
    memset(picture, ' ', pages);
    for (int i = 0; i < count; i++) {
        CHECK(found[i].start < found[i].end && found[i].end <= request.end);
        CHECK(
            i == 0 || found[i].start > found[i - 1].end ||
            (found[i].start == found[i - 1].end && found[i].categories != found[i - 1].categories));
        for (uint64_t at = found[i].start; at < found[i].end; at += PAGE)
            picture[(at - request.start) / PAGE] = letter_of(found[i].categories);
    }
    if (strcmp(picture, expected) != 0)
        fail("%s:%d: pages are \"%s\", expected \"%s\"", file, line, picture, expected);
}

#define expect_scan(request, expected) check_scan(request, expected, __FILE__, __LINE__)

static char *map(size_t pages, int flags, int fd)
{
    char *base = expect_ok((char *)mmap(NULL, pages * PAGE, RW, flags, fd, 0));

    madvise(base, pages * PAGE, MADV_NOHUGEPAGE);
    return base;
}

/* ---- categories ---- */

static volatile char sink;

static void kinds_of_pages(void)
{
    skip_without_scan();
    char *private = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    int fd = pattern_file("file", 4 * PAGE);
    char *copied = map(4, MAP_PRIVATE, fd), *memory = map(4, MAP_SHARED | MAP_ANONYMOUS, -1);

    private[PAGE] = private[2 * PAGE] = copied[2 * PAGE] = memory[PAGE] = 1;
    sink = private[5 * PAGE];
    sink = copied[0];
    expect_scan(all_of(private, 8), ".WW..z..");
    expect_scan(all_of(memory, 4), ".f..");
    struct request request = all_of(copied, 3);
    request.mask = PRESENT;
    expect_ok(scan(&request));
    CHECK_EQ(found[0].start, (uintptr_t)copied);
    CHECK_EQ(found[0].categories, PRESENT | WRITTEN | OF_FILE);
    expect_ok(munmap(private + 3 * PAGE, PAGE));
    expect_scan(all_of(private, 8), ".WW .z..");
    expect_ok(mprotect(private, 3 * PAGE, PROT_NONE));
    expect_scan(all_of(private, 8), ".WW .z..");
}

static void masks(void)
{
    skip_without_scan();
    char *base = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    struct request request = all_of(base, 8);

    base[PAGE] = base[2 * PAGE] = 1;
    sink = base[5 * PAGE];
    request.mask = PRESENT;
    expect_scan(request, " WW  z  ");
    request.mask = PRESENT | ZERO;
    expect_scan(request, "     z  ");
    request.inverted = ZERO;
    expect_scan(request, " WW     ");
    request.mask = PRESENT;
    request.any = ZERO | OF_FILE;
    expect_scan(request, " WW     ");
    request.inverted = PRESENT;
    request.any = 0;
    expect_scan(request, ".  .. ..");
    request.inverted = 0;
    request.mask = 0;
    request.any = ZERO | OF_FILE;
    expect_scan(request, "     z  ");
    request.any = 0;
    request.returned = 0; /* all are the same then */
    CHECK_EQ(scan(&request), 1);
    CHECK_EQ(found[0].end - found[0].start, 8 * PAGE);
    CHECK_EQ(found[0].categories, 0);
}

/* Where a scan ends: at what has no room, or is one page too many. */
static void limits(void)
{
    skip_without_scan();
    char *base = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1);

    base[0] = base[PAGE] = base[2 * PAGE] = base[5 * PAGE] = base[7 * PAGE] = 1;
    const struct {
        unsigned room, most;
        int count;
        unsigned pages, end;
    } cases[] = {{8, 0, 3, 5, 8}, {3, 5, 3, 5, 8}, {2, 0, 2, 4, 7},
                 {1, 0, 1, 3, 5}, {8, 1, 1, 1, 1}, {8, 2, 1, 2, 2},
                 {8, 3, 1, 3, 5}, {8, 4, 2, 4, 7}, {0, 1, 0, 0, 8}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct request request = all_of(base, 8);
        unsigned pages = 0;
        request.mask = PRESENT;
        request.vec_len = cases[i].room;
        request.max_pages = cases[i].most;
        int count = expect_ok(scan(&request));
        for (int k = 0; k < count; k++)
            pages += (found[k].end - found[k].start) / PAGE;
        if (count != cases[i].count || pages != cases[i].pages ||
            request.walk_end != request.start + cases[i].end * PAGE)
            fail("case %zu: %d runs, %u pages, up to page %llu", i, count, pages,
                 (unsigned long long)(request.walk_end - request.start) / PAGE);
    }
}

/* More runs than any buffer of a kernel has, and a range that is mostly empty. */
static void large_ranges(void)
{
    skip_without_scan();
    enum { RUNS = 1500 };
    static struct found many[RUNS + 1];
    char *base = map(2 * RUNS, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    struct request request = all_of(base, 2 * RUNS);

    for (size_t i = 0; i < RUNS; i++)
        base[2 * i * PAGE] = 1;
    request.mask = PRESENT;
    request.vec = (uintptr_t)many;
    request.vec_len = RUNS + 1;
    CHECK_EQ(expect_ok(scan(&request)), RUNS);
    for (size_t i = 0; i < RUNS; i++)
        CHECK(many[i].start == (uintptr_t)base + 2 * i * PAGE &&
              many[i].end == many[i].start + PAGE);
    request.start = 0;
    request.end = 1ul << 38;
    request.mask = request.any = 0;
    request.max_pages = 1;
    expect_ok(scan(&request));
}

static void arguments(void)
{
    skip_without_scan();
    char *base = map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    const struct {
        int error;
        size_t field;
        uint64_t value;
    } cases[] = {
        {EINVAL, offsetof(struct request, size), sizeof(struct request) - 8},
        {EINVAL, offsetof(struct request, flags), 4},
        {EINVAL, offsetof(struct request, mask), 1ull << 40},
        {EINVAL, offsetof(struct request, any), 1ull << 40},
        {EINVAL, offsetof(struct request, returned), 1ull << 40},
        {EINVAL, offsetof(struct request, inverted), 1ull << 40},
        {EINVAL, offsetof(struct request, start), (uintptr_t)base + 1},
        {EINVAL, offsetof(struct request, vec), 0},
        {EFAULT, offsetof(struct request, vec), 8},
        {EFAULT, offsetof(struct request, vec), 1ull << 63},
        {EFAULT, offsetof(struct request, vec_len), 1ull << 62},
        {EFAULT, offsetof(struct request, start), 1ull << 63},
        {EFAULT, offsetof(struct request, end), (uintptr_t)base - PAGE},
        {0, offsetof(struct request, end), (uintptr_t)base},
        {0, offsetof(struct request, end), (uintptr_t)base + 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct request request = all_of(base, 1);
        base[0] = 1;
        memcpy((char *)&request + cases[i].field, &cases[i].value, sizeof(uint64_t));
        int error = scan(&request) < 0 ? errno : 0;
        if (error != cases[i].error)
            fail("case %zu: %s, expected %s", i, error_name(error), error_name(cases[i].error));
    }
    struct request request = all_of(base, 1);
    request.end = request.start + 1;
    CHECK_EQ(scan(&request), 1);
    CHECK_EQ(request.walk_end, request.start + PAGE);
    int fd = open_pagemap();
    expect_errno(ioctl(fd, SCAN, 8), EFAULT);
    expect_errno(ioctl(fd, SCAN + 1, &request), EINVAL);
}

/* ---- protection ---- */

/* Memory whose stores may be watched without anybody being asked. */
static char *map_watched(size_t pages, int flags)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC};

    skip_without_scan();
    if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
        skip("no UFFD_FEATURE_WP_ASYNC here");
    char *base = map(pages, flags | MAP_ANONYMOUS, -1);
    struct uffdio_register request = {.range = {(uintptr_t)base, pages * PAGE},
                                      .mode = UFFDIO_REGISTER_MODE_WP};
    expect_ok(ioctl(fd, UFFDIO_REGISTER, &request));
    return base;
}

/* What was stored to since the last call, which it protects again. */
static struct request take_written(const void *base, size_t pages)
{
    struct request request = all_of(base, pages);

    request.flags = PROTECT | MUST;
    request.mask = WRITTEN;
    return request;
}

static void stores_since(void)
{
    char *base = map_watched(8, MAP_PRIVATE);

    base[0] = base[PAGE] = base[2 * PAGE] = 1;
    sink = base[4 * PAGE];
    expect_scan(all_of(base, 8), "WWW.z...");
    struct request request = take_written(base, 3);
    request.mask = 0; /* what is not stored to stays as it is */
    expect_scan(request, "WWW");
    expect_scan(take_written(base, 8), "   .z...");
    expect_scan(all_of(base, 8), "PPPmZmmm");
    expect_scan(take_written(base, 8), "        ");
    base[PAGE] = base[4 * PAGE] = base[6 * PAGE] = 2;
    expect_scan(all_of(base, 8), "PWPmWmWm");
    request = take_written(base, 8);
    request.max_pages = 2; /* the third is not protected, as nobody was told */
    expect_scan(request, " W  W   ");
    expect_scan(take_written(base, 8), "      W ");
    int zero = expect_ok(open("/dev/zero", O_RDONLY));
    CHECK_EQ(read(zero, base + 2 * PAGE, 1), 1);
    expect_scan(take_written(base, 8), "  W     ");
    CHECK(base[PAGE] == 2 && base[4 * PAGE] == 2 && base[2 * PAGE] == 0);
}

/* Pages that are given back and come again were written. */
static void pages_given_back(void)
{
    char *base = map_watched(4, MAP_PRIVATE);

    memset(base, 1, 4 * PAGE);
    expect_scan(take_written(base, 4), "WWWW");
    expect_ok(madvise(base + PAGE, PAGE, MADV_DONTNEED));
    expect_scan(take_written(base, 4), " .  ");
    base[PAGE] = 1;
    expect_scan(take_written(base, 4), " W  ");
}

static void shared_memory(void)
{
    char *base = map_watched(4, MAP_SHARED);

    base[0] = base[PAGE] = 1;
    struct request request = take_written(base, 4);
    request.vec = request.vec_len = 0;
    CHECK_EQ(expect_ok(scan(&request)), 0);
    CHECK_EQ(request.walk_end, request.end);
    expect_scan(all_of(base, 2), "FF");
    base[PAGE] = 2;
    expect_scan(take_written(base, 2), " f");
    expect_scan(take_written(base, 2), "  ");
}

/* Who may not protect is told so, or left out. */
static void memory_not_watched(void)
{
    char *base = map_watched(4, MAP_PRIVATE);
    struct request request;

    memset(base, 1, 4 * PAGE);
    expect_ok(mmap(base + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    base[PAGE] = 1;
    request = take_written(base + PAGE, 3);
    expect_errno(scan(&request), EPERM);
    CHECK_EQ(request.walk_end, request.end);
    request.flags = MUST;
    expect_errno(scan(&request), EPERM);
    request = take_written(base, 4);
    request.flags = PROTECT;
    expect_scan(request, "W WW");
    request = all_of(base, 4);
    expect_scan(request, "PWPP");
    request.mask = ALLOWED;
    expect_scan(request, "P PP");
}

/* A child's pages, protected from outside. */
static void another_process(void)
{
    char *base = map_watched(4, MAP_PRIVATE);
    struct sign begin, done;
    char name[64];

    sign_open(&begin);
    sign_open(&done);
    pid_t child = fork();
    if (!child) {
        char *own = map_watched(4, MAP_PRIVATE);
        memset(own, 1, 4 * PAGE);
        write_all(done.out, &own, sizeof(own));
        sign_await(&begin);
        own[2 * PAGE] = 2;
        write_all(done.out, &own, sizeof(own));
        pause();
    }
    read_all(done.in, &base, sizeof(base));
    snprintf(name, sizeof(name), "/proc/%d/pagemap", child);
    int fd = expect_ok(open(name, O_RDONLY));
    struct request request = take_written(base, 4);
    CHECK_EQ(ioctl(fd, SCAN, &request), 1);
    CHECK_EQ(found[0].end - found[0].start, 4 * PAGE);
    sign_send(&begin);
    read_all(done.in, &base, sizeof(base));
    CHECK_EQ(ioctl(fd, SCAN, &request), 1);
    CHECK_EQ(found[0].start, (uintptr_t)base + 2 * PAGE);
    CHECK_EQ(found[0].end - found[0].start, PAGE);
    expect_ok(kill(child, SIGKILL));
    expect_signaled(reap(child), SIGKILL);
    expect_errno(ioctl(fd, SCAN, &request), ESRCH);
}

static const struct test tests[] = {
    TEST(kinds_of_pages),     TEST(masks),           TEST(limits),           TEST(large_ranges),
    TEST(arguments),          TEST(stores_since),    TEST(pages_given_back), TEST(shared_memory),
    TEST(memory_not_watched), TEST(another_process),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
