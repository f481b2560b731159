/*
 * mlock and its family, msync(MS_INVALIDATE) on locked memory, mseal, and the protections that
 * reach to the end of a stack.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif
#define SYS_MSEAL 462

static size_t resident(char *base, size_t pages)
{
    unsigned char vector[64];
    size_t count = 0;

    expect_ok(mincore(base, pages * PAGE, vector));
    for (size_t i = 0; i < pages; i++)
        count += vector[i] & 1;
    return count;
}

static void lock_brings_in(void)
{
    char *base = map_pages(8);

    expect_ok(mlock(base + PAGE + 1, 2 * PAGE)); /* three pages have a part of it */
    CHECK_EQ(resident(base, 8), 3);
    expect_picture(base, 8, "W|WWW|WWWW");
    expect_ok(munlock(base, 8 * PAGE));
    expect_picture(base, 8, "WWWWWWWW");
    expect_ok(mlock2(base, 8 * PAGE, MLOCK_ONFAULT));
    CHECK_EQ(resident(base, 8), 3);
    expect_ok(mlock2(base, 8 * PAGE, 0));
    CHECK_EQ(resident(base, 8), 8);
}

static void lock_arguments(void)
{
    char *base = map_pages(4);
    int fd = pattern_file("file", PAGE);
    char *file = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));

    expect_errno(mlock2(base, PAGE, 2), EINVAL);
    expect_ok(mlock(base, 0));
    expect_errno(mlock((void *)-PAGE, 2 * PAGE), EINVAL);
    expect_errno(munlock((void *)-PAGE, 2 * PAGE), EINVAL);
    expect_errno(mlockall(0), EINVAL);
    expect_errno(mlockall(MCL_ONFAULT), EINVAL);
    expect_errno(mlockall(8), EINVAL);
    expect_errno(mlock(file, 2 * PAGE), ENOMEM); /* behind the end */
    expect_ok(mprotect(base + PAGE, PAGE, PROT_NONE));
    expect_errno(mlock(base, 2 * PAGE), ENOMEM);
    expect_ok(munmap(base + 2 * PAGE, PAGE));
    expect_errno(mlock(base, 4 * PAGE), ENOMEM);
    expect_errno(munlock(base, 4 * PAGE), ENOMEM);
    expect_errno(munlock(base + 2 * PAGE, PAGE), ENOMEM);
}

static void locked_refuses(void)
{
    char *base = map_pages(4);
    int fd = pattern_file("file", 2 * PAGE);
    char *file = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));

    expect_ok(mlock(base, 2 * PAGE));
    base[0] = 1;
    expect_errno(madvise(base, PAGE, MADV_DONTNEED), EINVAL);
    expect_errno(madvise(base, PAGE, MADV_FREE), EINVAL);
    expect_errno(madvise(base, PAGE, MADV_COLD), EINVAL);
    expect_errno(madvise(base, PAGE, MADV_PAGEOUT), EINVAL);
    CHECK_EQ(base[0], 1);
    expect_ok(mlock(file, PAGE));
    expect_errno(msync(file, PAGE, MS_INVALIDATE), EBUSY);
    expect_errno(msync(file, 2 * PAGE, MS_SYNC | MS_INVALIDATE), EBUSY);
    expect_ok(msync(file, 2 * PAGE, MS_SYNC));
    expect_ok(msync(file + PAGE, PAGE, MS_SYNC | MS_INVALIDATE));
}

static void look_at_locks(void *argument)
{
    expect_ok(madvise(argument, 4 * PAGE, MADV_DONTNEED)); /* locks are not inherited */
}

static void locks_and_fork(void)
{
    char *base = map_pages(4);

    expect_ok(mlock(base + PAGE, PAGE));
    expect_picture(base, 4, "W|W|WW");
    expect_child_ok(look_at_locks, base);
}

/* A user with a small limit. */
static void within_limit(void *argument)
{
    struct rlimit limit = {8 * PAGE, 8 * PAGE};
    char *base = argument;

    expect_ok(setrlimit(RLIMIT_MEMLOCK, &limit));
    expect_ok(setuid(65534));
    expect_ok(mlock(base, 6 * PAGE));
    expect_ok(mlock(base + 2 * PAGE, 6 * PAGE)); /* pages count once */
    expect_errno(mlock(base + 8 * PAGE, PAGE), ENOMEM);
    expect_errno(mlockall(MCL_CURRENT), ENOMEM);
    expect_errno(mmap(NULL, PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0), EAGAIN);
    expect_errno(mremap(base + 16 * PAGE - 8 * PAGE, 8 * PAGE, 8 * PAGE, 8), EINVAL);
    expect_ok(munlock(base, 4 * PAGE));
    CHECK_EQ(
        resident(expect_ok((char *)mmap(NULL, 4 * PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0)), 4), 4);
    expect_errno(mremap(base + 4 * PAGE, 4 * PAGE, 20 * PAGE, MREMAP_MAYMOVE), EAGAIN);
    limit = (struct rlimit){0, 0};
    expect_ok(setrlimit(RLIMIT_MEMLOCK, &limit));
    expect_errno(mlock(base, PAGE), EPERM);
    expect_errno(mlockall(MCL_FUTURE), EPERM);
    expect_errno(mmap(NULL, PAGE, RW, ANONYMOUS | MAP_LOCKED, -1, 0), EPERM);
    expect_ok(munlockall());
}

static void limit(void)
{
    if (geteuid() != 0)
        skip("needs root to have a limit to give up");
    expect_child_ok(within_limit, map_pages(16));
}

static void future(void)
{
    expect_ok(mlockall(MCL_FUTURE));
    char *base = map_pages(4);
    CHECK_EQ(resident(base, 4), 4);
    expect_ok(mlockall(MCL_FUTURE | MCL_ONFAULT));
    char *later = map_pages(4);
    CHECK_EQ(resident(later, 4), 0);
    expect_errno(madvise(later, PAGE, MADV_DONTNEED), EINVAL);
    expect_ok(munlockall());
    expect_ok(madvise(later, PAGE, MADV_DONTNEED));
    CHECK_EQ(resident(map_pages(4), 4), 0);
}

static void everything(void)
{
    char *base = map_pages(4);

    expect_ok(mlockall(MCL_CURRENT));
    CHECK_EQ(resident(base, 4), 4);
    expect_errno(madvise(base, PAGE, MADV_DONTNEED), EINVAL);
    expect_ok(munlockall());
    expect_ok(madvise(base, PAGE, MADV_DONTNEED));
}

/* Locked memory that grows brings its new pages in. */
static void locked_grows(void)
{
    char *base = (char *)find_hole(20) + PAGE;

    expect_ok(mmap(base, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1, 0));
    CHECK(mremap(base, 2 * PAGE, 6 * PAGE, 0) == base);
    CHECK_EQ(resident(base, 6), 6);
}

/* Locked private pages of a file are copied as soon as they can be stored to. */
static void locked_becomes_writable(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *base = expect_ok((char *)mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));

    expect_ok(mlock(base, PAGE));
    expect_ok(mprotect(base, 2 * PAGE, RW));
    CHECK_EQ(expect_ok(pwrite(fd, "new", 3, 0)), 3);
    CHECK_EQ(expect_ok(pwrite(fd, "new", 3, (off_t)PAGE)), 3);
    CHECK_PATTERN(base, 0, PAGE);
    CHECK(memcmp(base + PAGE, "new", 3) == 0);
}

/* A mapping that MREMAP_DONTUNMAP leaves behind is not locked, not even where its pages stayed. */
static void kept_is_unlocked(void)
{
    char *base = map_pages(3);

    memset(base, 1, 3 * PAGE);
    expect_ok(mlock(base, 3 * PAGE));
    char *moved = expect_ok((char *)mremap(base + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | 4, NULL));
    expect_ok(madvise(base, 3 * PAGE, MADV_DONTNEED));
    expect_errno(madvise(moved, PAGE, MADV_DONTNEED), EINVAL);
    CHECK_EQ(moved[0], 1);
}

/* Locked memory gets its pages as it becomes writable, one mapping after the other; so the first of
 * two has pages that the one behind them does not continue. */
static void locked_part_by_part(void)
{
    char *base = find_hole(3);

    expect_ok(mmap(base, 3 * PAGE, PROT_NONE, ANONYMOUS | MAP_FIXED | MAP_LOCKED, -1, 0));
    expect_ok(mprotect(base + 2 * PAGE, PAGE, RW));
    expect_ok(mprotect(base, PAGE, PROT_READ));
    expect_ok(mprotect(base, 2 * PAGE, RW));
    expect_picture(base, 3, "WW|W");
}

/* ---- mseal ---- */

static long seal(void *start, size_t size, unsigned long flags)
{
    return syscall(SYS_MSEAL, start, size, flags);
}

static void sealed(void)
{
    char *base = map_pages(6);

    memset(base, 1, 6 * PAGE);
    if (seal(base, 0, 0) < 0 && errno == ENOSYS)
        skip("mseal came with Linux 6.10");
    expect_errno(seal(base, PAGE, 1), EINVAL);
    expect_errno(seal(base + 1, PAGE, 0), EINVAL);
    expect_ok(seal(base + 2 * PAGE, 2 * PAGE, 0));
    expect_errno(munmap(base + 3 * PAGE, PAGE), EPERM);
    expect_errno(munmap(base, 6 * PAGE), EPERM);
    expect_errno(mprotect(base + 2 * PAGE, PAGE, PROT_READ), EPERM);
    expect_errno(mremap(base + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EPERM);
    expect_errno(mremap(base, 6 * PAGE, PAGE, 0), EPERM);
    expect_errno(mremap(base, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 3 * PAGE),
                 EPERM);
    expect_errno(mmap(base + 3 * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
    expect_ok(madvise(base + 2 * PAGE, PAGE, MADV_DONTNEED)); /* it could be stored to as well */
    CHECK(all_bytes(base, 1, 2 * PAGE));
    CHECK(all_bytes(base + 3 * PAGE, 1, 3 * PAGE));
    expect_ok(munmap(base + 4 * PAGE, 2 * PAGE));
    char *rest = map_pages(3);
    expect_ok(munmap(rest + PAGE, PAGE));
    expect_errno(seal(rest, 3 * PAGE, 0), ENOMEM);
    expect_ok(munmap(rest, PAGE)); /* nothing was sealed */
    char *constant = map_pages(1);
    constant[0] = 1;
    expect_ok(mprotect(constant, PAGE, PROT_READ));
    expect_ok(seal(constant, PAGE, 0));
    expect_errno(madvise(constant, PAGE, MADV_DONTNEED), EPERM);
    expect_errno(madvise(constant, PAGE, MADV_REMOVE), EPERM);
    CHECK_EQ(constant[0], 1);
}

/* Pages of a file can be had again, so they are discarded even if they are sealed. */
static void sealed_file(void)
{
    char *map = mmap(NULL, PAGE, RW, MAP_PRIVATE, pattern_file("file", PAGE), 0);

    map[0] = 0;
    expect_ok(mprotect(map, PAGE, PROT_READ));
    if (seal(map, PAGE, 0) < 0 && errno == ENOSYS)
        skip("mseal came with Linux 6.10");
    expect_ok(madvise(map, PAGE, MADV_DONTNEED));
    CHECK_PATTERN(map, 0, PAGE);
    expect_errno(munmap(map, PAGE), EPERM);
}

/* munmap cuts what lies at its start before it comes to the part that is sealed. */
static void sealed_cuts(void)
{
    char *base = find_hole(6);

    expect_ok(mmap(base, 6 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    if (seal(base + 4 * PAGE, PAGE, 0) < 0 && errno == ENOSYS)
        skip("mseal came with Linux 6.10");
    expect_picture(base, 6, "WWWW|W|W");
    expect_errno(munmap(base + PAGE, 4 * PAGE), EPERM);
    expect_picture(base, 6, "W|WWW|W|W");
    expect_errno(munmap(base + PAGE, 5 * PAGE), EPERM);
    expect_picture(base, 6, "W|WWW|W|W");
    expect_errno(mmap(base + 3 * PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
    expect_picture(base, 6, "W|WW|W|W|W");
}

/* mremap to a place asked for has lost what was there when it finds that the end, which is to be
 * cut off, is sealed. */
static void sealed_end(void)
{
    char *base = find_hole(8);

    expect_ok(mmap(base, 3 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    expect_ok(mmap(base + 4 * PAGE, 4 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    if (seal(base + 2 * PAGE, PAGE, 0) < 0 && errno == ENOSYS)
        skip("mseal came with Linux 6.10");
    expect_errno(mremap(base, 3 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + 5 * PAGE) ==
                         MAP_FAILED
                     ? -1
                     : 0,
                 EPERM);
    expect_picture(base, 8, "W|W|W.W.WW");
}

/* ---- mprotect ---- */

static void protect_downwards(void)
{
    char *base = (char *)find_hole(600) + 500 * PAGE;

    expect_ok(mmap(base, 4 * PAGE, RW, ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
    expect_ok(mprotect(base + 2 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN));
    expect_picture(base, 4, "RRR|W");
    char *plain = map_pages(2);
    expect_errno(mprotect(plain, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
    expect_errno(mprotect(plain, PAGE, PROT_READ | PROT_GROWSUP), EINVAL);
    expect_errno(mprotect(plain, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN), EINVAL);
    expect_ok(munmap(plain, PAGE));
    expect_errno(mprotect(plain, PAGE, PROT_READ | PROT_GROWSDOWN), ENOMEM);
    expect_ok(mprotect(plain + PAGE, PAGE, RW | 8)); /* PROT_SEM */
}

/* A mapping that grows down does so page by page, down to the guard gap of what is below. */
static void grow_down(void)
{
    char *hole = find_hole(600), *base = hole + 500 * PAGE;

    expect_ok(mmap(base, PAGE, RW, ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
    base[-1] = 1;
    expect_picture(base - 2 * PAGE, 3, ".WW");
    base[-10 * (long)PAGE] = 2;
    CHECK_EQ(base[-10 * (long)PAGE], 2);
    CHECK_EQ(base[-1], 1);
    expect_ok(mmap(hole + 200 * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    hole[457 * PAGE] = 3; /* 256 pages above the neighbour's end */
    expect_fault(hole + 456 * PAGE, 'w', SIGSEGV);
    expect_ok(mprotect(hole + 200 * PAGE, PAGE, PROT_NONE));
    hole[456 * PAGE] = 4; /* who cannot be used needs no guard */
    expect_ok(munmap(hole, 600 * PAGE));
}

/* What has grown, if only by a load, keeps the numbers of its pages where it moves. */
static void grown_stays_apart(void)
{
    char *hole = find_hole(600), *base = hole + 500 * PAGE, *other = hole + 10 * PAGE;
    int flags = ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;

    expect_ok(mmap(base, PAGE, RW, flags, -1, 0));
    CHECK_EQ(base[-1], 0);
    expect_ok(mmap(other, 2 * PAGE, RW, flags, -1, 0));
    expect_ok(mmap(hole + 550 * PAGE, 2 * PAGE, RW, flags, -1, 0));
    CHECK(mremap(base - PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                 other + 2 * PAGE) == other + 2 * PAGE);
    CHECK(mremap(hole + 550 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                 other - 2 * PAGE) == other - 2 * PAGE);
    expect_picture(other - 2 * PAGE, 6, "WWWW|WW");
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(lock_brings_in),
        TEST(lock_arguments),
        TEST(locked_refuses),
        TEST(locks_and_fork),
        TEST(limit),
        TEST(future),
        TEST(everything),
        TEST(locked_grows),
        TEST(locked_becomes_writable),
        TEST(kept_is_unlocked),
        TEST(sealed),
        TEST(protect_downwards),
        TEST(grow_down),
        TEST(sealed_file),
        TEST(sealed_cuts),
        TEST(sealed_end),
        TEST(grown_stays_apart),
        TEST(locked_part_by_part),
    };
    return TAP_MAIN(argc, argv, tests);
}
