/*
 * The arguments of mmap, munmap, mprotect, msync and brk: each error of their manual pages, and
 * that a refused call changes nothing. The calls are made raw, so that no library check comes
 * first.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RW          (PROT_READ | PROT_WRITE)
#define ANONYMOUS   (MAP_PRIVATE | MAP_ANONYMOUS)
#define KERNEL_HALF 0xffffffc000000000ul
#define HUGE_LENGTH (1ul << 62)

static long do_mmap(uintptr_t address, size_t length, int prot, int flags, int fd, uint64_t offset)
{
    return syscall(SYS_mmap, address, length, prot, flags, fd, offset);
}

static long do_munmap(uintptr_t address, size_t length)
{
    return syscall(SYS_munmap, address, length);
}

static long do_mprotect(uintptr_t address, size_t length, unsigned long prot)
{
    return syscall(SYS_mprotect, address, length, prot);
}

static long do_msync(uintptr_t address, size_t length, int flags)
{
    return syscall(SYS_msync, address, length, flags);
}

static uintptr_t do_brk(uintptr_t end)
{
    return (uintptr_t)syscall(SYS_brk, end);
}

/* ---- mmap ---- */

static void mmap_length(void)
{
    int fd = pattern_file("file", PAGE);

    expect_errno(do_mmap(0, 0, RW, ANONYMOUS, -1, 0), EINVAL);
    expect_errno(do_mmap(0, 0, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
    expect_errno(do_mmap(0, HUGE_LENGTH, RW, ANONYMOUS, -1, 0), ENOMEM);
    expect_errno(do_mmap(0, HUGE_LENGTH, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0), ENOMEM);
    expect_errno(do_mmap(0, (size_t)-1, RW, ANONYMOUS, -1, 0), ENOMEM);
    expect_errno(do_mmap(0, (size_t)-PAGE, RW, ANONYMOUS, -1, 0), ENOMEM);
    expect_errno(do_mmap(0, (size_t)-1, PROT_READ, MAP_SHARED, fd, 0), ENOMEM);

    /* Any other length is rounded up to whole pages. */
    char *page = (char *)expect_ok(do_mmap(0, 1, RW, ANONYMOUS, -1, 0));
    page[PAGE - 1] = 1;
    char *pages = (char *)expect_ok(do_mmap(0, PAGE + 1, RW, ANONYMOUS, -1, 0));
    pages[2 * PAGE - 1] = 1;
}

static void mmap_offset_alignment(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    static const uint64_t offsets[] = {1, 511, 512, PAGE - 1, PAGE + 1, (uint64_t)-1};

    for (size_t i = 0; i < COUNT_OF(offsets); i++) {
        expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, offsets[i]), EINVAL);
        expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, offsets[i]), EINVAL);
        expect_errno(do_mmap(0, PAGE, PROT_READ, ANONYMOUS, -1, offsets[i]), EINVAL);
    }
}

static void mmap_type(void)
{
    int fd = pattern_file("file", PAGE);

    expect_errno(do_mmap(0, PAGE, RW, 0, fd, 0), EINVAL);
    expect_errno(do_mmap(0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    expect_errno(do_mmap((uintptr_t)find_hole(1), PAGE, RW, MAP_FIXED, fd, 0), EINVAL);
    /* MAP_SHARED_VALIDATE is for files. */
    expect_errno(do_mmap(0, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    expect_ok(do_mmap(0, PAGE, RW, MAP_SHARED, fd, 0));
    expect_ok(do_mmap(0, PAGE, RW, MAP_PRIVATE, fd, 0));
    expect_ok(do_mmap(0, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0));
    expect_ok(do_mmap(0, PAGE, RW, MAP_SHARED_VALIDATE | 0x7c000000, fd, 0)); /* huge sizes */
}

static void mmap_unknown_flags(void)
{
    int fd = pattern_file("file", PAGE);
    const int unknown = 0x02200000;

    /* Only MAP_SHARED_VALIDATE looks at them. */
    expect_errno(do_mmap(0, PAGE, RW, MAP_SHARED_VALIDATE | unknown, fd, 0), EOPNOTSUPP);
    expect_ok(do_mmap(0, PAGE, RW, MAP_SHARED | unknown, fd, 0));
    expect_ok(do_mmap(0, PAGE, RW, MAP_PRIVATE | unknown, fd, 0));
    expect_ok(do_mmap(0, PAGE, RW, ANONYMOUS | unknown, -1, 0));
    /* The flags that mean nothing any more. */
    expect_ok(do_mmap(0, PAGE, RW, ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE, -1, 0));
    expect_ok(do_mmap(0, PAGE, RW, ANONYMOUS | MAP_STACK, -1, 0));
}

static void mmap_descriptor(void)
{
    int fd = pattern_file("file", PAGE);
    int closed = expect_ok(dup(fd));

    expect_ok(close(closed));
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, closed, 0), EBADF);
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, 1 << 30, 0), EBADF);
    /* It is looked at before the length. */
    expect_errno(do_mmap(0, 0, PROT_READ, MAP_SHARED, closed, 0), EBADF);
    /* Anonymous memory ignores it. */
    expect_ok(do_mmap(0, PAGE, RW, ANONYMOUS, closed, 0));
    char *zero = (char *)expect_ok(do_mmap(0, PAGE, RW, ANONYMOUS, fd, 0));
    CHECK(all_bytes(zero, 0, PAGE));
}

static void mmap_open_mode(void)
{
    expect_ok(close(pattern_file("file", PAGE)));
    int readable = expect_ok(open("file", O_RDONLY)), writable = expect_ok(open("file", O_WRONLY));

    /* Every mapping reads; only a shared one needs leave to write. */
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, writable, 0), EACCES);
    expect_errno(do_mmap(0, PAGE, PROT_WRITE, MAP_SHARED, writable, 0), EACCES);
    expect_errno(do_mmap(0, PAGE, PROT_WRITE, MAP_PRIVATE, writable, 0), EACCES);
    expect_errno(do_mmap(0, PAGE, PROT_NONE, MAP_PRIVATE, writable, 0), EACCES);
    expect_errno(do_mmap(0, PAGE, RW, MAP_SHARED, readable, 0), EACCES);
    expect_errno(do_mmap(0, PAGE, PROT_WRITE, MAP_SHARED, readable, 0), EACCES);
    expect_errno(do_mmap(0, PAGE, RW, MAP_SHARED_VALIDATE, readable, 0), EACCES);
    expect_ok(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, readable, 0));
    expect_ok(do_mmap(0, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, readable, 0));
    expect_ok(do_mmap(0, PAGE, RW, MAP_PRIVATE, readable, 0));
}

static void mmap_wrong_files(void)
{
    int ends[2];
    int directory = expect_ok(open(".", O_RDONLY));

    expect_ok(pipe(ends));
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, directory, 0), ENODEV);
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_PRIVATE, directory, 0), ENODEV);
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, ends[0], 0), ENODEV);
    expect_errno(do_mmap(0, PAGE, PROT_WRITE, MAP_PRIVATE, ends[1], 0), EACCES);
    int null = expect_ok(open("/dev/null", O_RDWR));
    expect_errno(do_mmap(0, PAGE, RW, MAP_SHARED, null, 0), ENODEV);
}

static void mmap_offset_overflow(void)
{
    int fd = pattern_file("file", PAGE);

    /* The largest offset, and one whose end is 2^63 or more. */
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, -PAGE), EOVERFLOW);
    expect_errno(do_mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, (1ul << 63) - PAGE), EOVERFLOW);
    expect_errno(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 1ul << 63), EOVERFLOW);
    /* Anonymous memory has no offset. */
    expect_ok(do_mmap(0, PAGE, RW, ANONYMOUS, -1, (1ul << 63) - PAGE));
    /* Behind the end of the file is no error. */
    expect_ok(do_mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 1ul << 30));
#ifdef __riscv
    /* To RISC-V's Linux, unlike to others, an offset is a signed number: this end overflows, which
     * comes before the length, and concerns anonymous memory, too. */
    expect_errno(do_mmap(0, -PAGE, PROT_READ, MAP_SHARED, fd, -PAGE), EOVERFLOW);
    expect_errno(do_mmap(0, PAGE, RW, ANONYMOUS, -1, -PAGE), EOVERFLOW);
#endif
}

static void mmap_fixed_address(void)
{
    uintptr_t hole = (uintptr_t)find_hole(4);

    expect_errno(do_mmap(hole + 1, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    expect_errno(do_mmap(hole + 512, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
    expect_errno(do_mmap(hole + 8, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EINVAL);
    expect_errno(do_mmap(KERNEL_HALF, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    expect_errno(do_mmap(-PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    expect_errno(do_mmap(-PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    expect_errno(do_mmap(1ul << 63, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), ENOMEM);
    expect_errno(do_mmap(hole, HUGE_LENGTH, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    CHECK_EQ(do_mmap(hole, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), hole);
}

/* A failed MAP_FIXED leaves what was there. */
static void mmap_fixed_fails(void)
{
    char *page = map_pages(1);
    int fd = pattern_file("file", PAGE);
    int readable = expect_ok(open("file", O_RDONLY));
    uintptr_t at = (uintptr_t)page;

    page[0] = 42;
    expect_errno(do_mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED, readable, 0), EACCES);
    expect_errno(do_mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 1), EINVAL);
    expect_errno(do_mmap(at, PAGE, RW, MAP_FIXED, fd, 0), EINVAL);
    expect_errno(do_mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED, 1 << 30, 0), EBADF);
    expect_errno(do_mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, -PAGE), EOVERFLOW);
    expect_errno(do_mmap(at, HUGE_LENGTH, RW, ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    CHECK_EQ(page[0], 42);
    page[1] = 43;
}

/*  A A A      mapped
 *  . F .      MAP_FIXED over the middle: the rest stays
 */
static void mmap_fixed_replaces(void)
{
    char *base = map_pages(3);
    int fd = pattern_file("file", 3 * PAGE);

    memset(base, 1, 3 * PAGE);
    char *middle =
        expect_ok((char *)mmap(base + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 2 * PAGE));
    CHECK(middle == base + PAGE);
    CHECK(all_bytes(base, 1, PAGE));
    CHECK_PATTERN(base + PAGE, 2 * PAGE, PAGE);
    CHECK(all_bytes(base + 2 * PAGE, 1, PAGE));
    expect_fault(base + PAGE, 'w', SIGSEGV);
    expect_access(base, 'w');
    expect_access(base + 2 * PAGE, 'w');

    /* The same again with another offset, then anonymous: fresh zeros. */
    expect_ok(mmap(middle, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, PAGE));
    CHECK_PATTERN(middle, PAGE, PAGE);
    expect_ok(mmap(base, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    CHECK(all_bytes(base, 0, 2 * PAGE));
    CHECK(all_bytes(base + 2 * PAGE, 1, PAGE));
}

static void mmap_fixed_noreplace(void)
{
    char *base = find_hole(5);
    uintptr_t at = (uintptr_t)base;
    const int flags = ANONYMOUS | MAP_FIXED_NOREPLACE;

    CHECK_EQ(do_mmap(at + 2 * PAGE, PAGE, RW, flags, -1, 0), at + 2 * PAGE);
    base[2 * PAGE] = 9;
    /*  . . A . .   each of these ranges touches A */
    expect_errno(do_mmap(at + 2 * PAGE, PAGE, RW, flags, -1, 0), EEXIST);
    expect_errno(do_mmap(at, 5 * PAGE, RW, flags, -1, 0), EEXIST);
    expect_errno(do_mmap(at + PAGE, 2 * PAGE, RW, flags, -1, 0), EEXIST);
    expect_errno(do_mmap(at + 2 * PAGE, 2 * PAGE, RW, flags, -1, 0), EEXIST);
    expect_errno(do_mmap(at + PAGE, PAGE + 1, RW, flags, -1, 0), EEXIST);
    expect_errno(do_mmap(at + 2 * PAGE, PAGE, RW, flags | MAP_FIXED, -1, 0), EEXIST);
    /* The place is looked at before the kind of mapping, and what the descriptor allows. */
    expect_errno(do_mmap(at + 2 * PAGE, PAGE, RW,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0),
                 EEXIST);
    close(pattern_file("file", PAGE));
    int readable = expect_ok(open("file", O_RDONLY));
    expect_errno(do_mmap(at + 2 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, readable, 0),
                 EEXIST);
    expect_errno(do_mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, readable, 0), EACCES);
    CHECK_EQ(base[2 * PAGE], 9);
    expect_fault(base + PAGE, 'r', SIGSEGV);
    CHECK_EQ(do_mmap(at, 2 * PAGE, RW, flags, -1, 0), at);
    CHECK_EQ(do_mmap(at + 3 * PAGE, 2 * PAGE, RW, flags, -1, 0), at + 3 * PAGE);
}

static void mmap_hint(void)
{
    char *base = find_hole(4);
    uintptr_t at = (uintptr_t)base;

    /* A free hint is taken, rounded down to its page. */
    CHECK_EQ(do_mmap(at, PAGE, RW, ANONYMOUS, -1, 0), at);
    CHECK_EQ(do_mmap(at + 2 * PAGE + 123, PAGE, RW, ANONYMOUS, -1, 0), at + 2 * PAGE);
    base[0] = 1;
    /* A taken one is not, and what is there stays; also when only the end of the range is. */
    long other = expect_ok(do_mmap(at, PAGE, RW, ANONYMOUS, -1, 0));
    CHECK((uintptr_t)other != at);
    other = expect_ok(do_mmap(at + PAGE, 2 * PAGE, RW, ANONYMOUS, -1, 0));
    CHECK((uintptr_t)other != at + PAGE);
    CHECK_EQ(base[0], 1);
    /* An impossible one is ignored. */
    static const uintptr_t bad[] = {KERNEL_HALF, -PAGE, 1ul << 63, (uintptr_t)-1};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char *page = (char *)expect_ok(do_mmap(bad[i], PAGE, RW, ANONYMOUS, -1, 0));
        page[0] = 1;
    }
}

static void mmap_unknown_protection(void)
{
    /* Protection bits that nobody knows are ignored here (and refused by mprotect). */
    char *page = (char *)expect_ok(do_mmap(0, PAGE, RW | 0x100, ANONYMOUS, -1, 0));
    page[0] = 1;
}

/* ---- munmap ---- */

static void munmap_arguments(void)
{
    char *base = map_pages(2);
    uintptr_t at = (uintptr_t)base;

    expect_errno(do_munmap(at + 1, PAGE), EINVAL);
    expect_errno(do_munmap(at + 2048, PAGE), EINVAL);
    expect_errno(do_munmap(at, 0), EINVAL);
    expect_errno(do_munmap(at, (size_t)-1), EINVAL);
    expect_errno(do_munmap(at, (size_t)-PAGE), EINVAL);
    expect_errno(do_munmap(at, 1ul << 63), EINVAL);
    expect_errno(do_munmap(KERNEL_HALF, PAGE), EINVAL);
    expect_errno(do_munmap(-PAGE, PAGE), EINVAL);
    expect_errno(do_munmap(-PAGE, 2 * PAGE), EINVAL);
    base[0] = base[PAGE] = 1;
    /* Part of a page takes the page. */
    expect_ok(do_munmap(at, 1));
    expect_fault(base, 'r', SIGSEGV);
    expect_access(base + PAGE, 'w');
}

/*  A . B . C   one munmap of all of it, holes included */
static void munmap_holes(void)
{
    char *base = map_pages(5);

    expect_ok(munmap(base + PAGE, PAGE));
    expect_ok(munmap(base + 3 * PAGE, PAGE));
    expect_ok(munmap(base + PAGE, PAGE)); /* nothing there: no error */
    expect_ok(munmap(base, 5 * PAGE));
    for (int i = 0; i < 5; i++)
        expect_fault(base + i * PAGE, 'r', SIGSEGV);
}

/* ---- mprotect ---- */

static void mprotect_arguments(void)
{
    char *base = map_pages(2);
    uintptr_t at = (uintptr_t)base;

    expect_errno(do_mprotect(at + 1, PAGE, PROT_READ), EINVAL);
    expect_errno(do_mprotect(at, PAGE, 0x10), EINVAL);
    expect_errno(do_mprotect(at, PAGE, RW | 0x100), EINVAL);
    expect_errno(do_mprotect(at, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    expect_errno(do_mprotect(at, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
    expect_errno(do_mprotect(at, (size_t)-PAGE, PROT_READ), ENOMEM);
    expect_errno(do_mprotect(at, (size_t)-1, PROT_READ), ENOMEM);
    expect_errno(do_mprotect(KERNEL_HALF, PAGE, PROT_READ), ENOMEM);
    expect_errno(do_mprotect(-PAGE, PAGE, PROT_READ), ENOMEM);
    expect_access(base, 'w');
    expect_ok(do_mprotect(at, 0, PROT_NONE)); /* nothing to do */
    expect_access(base, 'w');
    expect_ok(do_mprotect(at, 1, PROT_READ)); /* the whole page */
    expect_fault(base + PAGE - 1, 'w', SIGSEGV);
    expect_access(base + PAGE, 'w');
}

/*  A . B      the hole is an error; what lies behind it is not changed.
 *  Whether A is changed, POSIX leaves open. */
static void mprotect_hole(void)
{
    char *base = map_pages(3);

    expect_ok(munmap(base + PAGE, PAGE));
    expect_errno(mprotect(base, 3 * PAGE, PROT_NONE), ENOMEM);
    expect_access(base + 2 * PAGE, 'w');
    expect_errno(mprotect(base + PAGE, PAGE, PROT_READ), ENOMEM);
    expect_errno(mprotect(base + PAGE, 2 * PAGE, PROT_READ), ENOMEM);
    expect_access(base + 2 * PAGE, 'w');
    expect_fault(base + PAGE, 'r', SIGSEGV);
}

static void mprotect_read_only_file(void)
{
    expect_ok(close(pattern_file("file", 2 * PAGE)));
    int readable = expect_ok(open("file", O_RDONLY));
    char *shared = expect_ok((char *)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, readable, 0));
    char *private = expect_ok((char *)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, readable, 0));

    expect_errno(mprotect(shared, PAGE, RW), EACCES);
    expect_errno(mprotect(shared, PAGE, PROT_WRITE), EACCES);
    expect_ok(mprotect(shared, PAGE, PROT_NONE));
    expect_fault(shared, 'r', SIGSEGV);
    expect_ok(mprotect(shared, PAGE, PROT_READ));
    CHECK_PATTERN(shared, 0, PAGE);
    expect_fault(shared, 'w', SIGSEGV);
    expect_ok(mprotect(private, PAGE, RW));
    private[0] = 0;
    CHECK_PATTERN(shared, 0, PAGE);
}

/* ---- msync ---- */

static void msync_arguments(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    char *base = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
    uintptr_t at = (uintptr_t)base;

    expect_errno(do_msync(at + 1, PAGE, MS_SYNC), EINVAL);
    expect_errno(do_msync(at, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    expect_errno(do_msync(at, PAGE, 8), EINVAL);
    expect_errno(do_msync(at, PAGE, -1), EINVAL);
    expect_errno(do_msync(at, (size_t)-PAGE, MS_SYNC), ENOMEM);
    expect_errno(do_msync(KERNEL_HALF, PAGE, MS_SYNC), ENOMEM);
    expect_ok(do_msync(at, 0, MS_SYNC));
    expect_ok(do_msync(at, (size_t)-1, MS_SYNC)); /* rounds up to 0 */
    expect_ok(do_msync(at, 1, MS_SYNC));
    expect_ok(do_msync(at, 2 * PAGE, MS_ASYNC));
    expect_ok(do_msync(at, 2 * PAGE, MS_SYNC | MS_INVALIDATE));
    expect_ok(do_msync(at, 2 * PAGE, MS_INVALIDATE));
    expect_ok(do_msync(at, 2 * PAGE, 0));

    /* A hole is reported, after the rest was done. */
    expect_ok(do_munmap(at, PAGE));
    expect_errno(do_msync(at, PAGE, MS_SYNC), ENOMEM);
    expect_errno(do_msync(at, 2 * PAGE, MS_SYNC), ENOMEM);
    expect_ok(do_msync(at + PAGE, PAGE, MS_SYNC));
    /* Anonymous and private memory has nothing to write. */
    expect_ok(msync(map_pages(1), PAGE, MS_SYNC));
}

/* ---- brk ---- */

/* The raw call never fails: it returns the break as it is. */
static void brk_arguments(void)
{
    uintptr_t start = do_brk(0);

    CHECK(start > PAGE);
    CHECK_EQ(do_brk(1), start);
    CHECK_EQ(do_brk(KERNEL_HALF), start);
    CHECK_EQ(do_brk(-1), start);
    CHECK_EQ(do_brk(1ul << 62), start);
    CHECK_EQ(do_brk(start), start);
    /* Any byte will do, and is remembered exactly. */
    CHECK_EQ(do_brk(start + 5 * PAGE + 123), start + 5 * PAGE + 123);
    CHECK_EQ(do_brk(0), start + 5 * PAGE + 123);
    CHECK_EQ(do_brk(start), start);
}

/* The break does not run into another mapping. */
static void brk_obstructed(void)
{
    uintptr_t start = do_brk(0);
    uintptr_t wall = (start + 16 * PAGE) & -PAGE;
    char *page =
        expect_ok((char *)mmap((void *)wall, PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));

    page[0] = 7;
    CHECK_EQ(do_brk(wall + 1), start);
    CHECK_EQ(do_brk(wall + 4 * PAGE), start);
    CHECK_EQ(page[0], 7);
    uintptr_t below = wall - 4 * PAGE;
    CHECK_EQ(do_brk(below), below);
    CHECK_EQ(do_brk(start), start);
    /* A page must stay free below the other mapping. */
    CHECK_EQ(do_brk(wall), start);
    CHECK_EQ(do_brk(wall - PAGE), wall - PAGE);
    CHECK_EQ(do_brk(start), start);
}

/* What somebody else has unmapped cannot be given back; what he has mapped there is. */
static void brk_emptied(void)
{
    uintptr_t start = (do_brk(0) + PAGE - 1) & -PAGE, end = start + 4 * PAGE;

    CHECK_EQ(do_brk(start), start);
    CHECK_EQ(do_brk(end), end);
    expect_ok(munmap((void *)(start + PAGE), 3 * PAGE));
    CHECK_EQ(do_brk(start + 2 * PAGE), end);
    CHECK_EQ(do_mmap(start + 3 * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0), start + 3 * PAGE);
    CHECK_EQ(do_brk(start + 2 * PAGE), start + 2 * PAGE);
    expect_fault((char *)start + 3 * PAGE, 'r', SIGSEGV);
    CHECK_EQ(do_brk(start), start);
}

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif

/* There are no huge pages; a size that no machine of this kind has is told from those it could
 * have.
 */
static void mmap_huge(void)
{
    int fd = pattern_file("file", PAGE), huge = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;

    expect_errno(mmap(NULL, PAGE, PROT_READ, huge | 13 << 26, -1, 0), EINVAL);
    expect_errno(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_HUGETLB, fd, 0), EINVAL);
    expect_errno(mmap(NULL, PAGE, PROT_READ, huge | 21 << 26, -1, 0), ENOMEM);
}

static void look_at_dropped(void *argument)
{
    CHECK(all_bytes(argument, 0, 4 * PAGE));
}

/* Memory that may go at any time; while there is enough, it stays. It is never inherited, dumped or
 * locked. */
static void mmap_droppable(void)
{
    int protection = PROT_READ | PROT_WRITE, flags = MAP_DROPPABLE | MAP_ANONYMOUS;
    int fd = pattern_file("file", PAGE);
    char *base = mmap(NULL, 4 * PAGE, protection, flags, -1, 0);

    if (base == MAP_FAILED)
        skip("this Linux has no MAP_DROPPABLE");
    memset(base, 1, 4 * PAGE);
    expect_picture(base, 4, "WWWW");
    for (size_t i = 0; i < 4; i++)
        CHECK(all_bytes(base + i * PAGE, 1, PAGE) || all_bytes(base + i * PAGE, 0, PAGE));
    expect_child_ok(look_at_dropped, base);
    expect_ok(mlock(base, 4 * PAGE));
    expect_ok(madvise(base, 4 * PAGE, MADV_DONTNEED)); /* it was not locked */
    CHECK(all_bytes(base, 0, 4 * PAGE));
    expect_errno(madvise(base, PAGE, 19 /* KEEPONFORK */), EINVAL);
    expect_errno(madvise(base, PAGE, MADV_DODUMP), EINVAL);
    expect_errno(mmap(NULL, PAGE, protection, MAP_DROPPABLE, fd, 0), EINVAL);
    expect_errno(mmap(NULL, PAGE, protection, flags | MAP_LOCKED, -1, 0), EINVAL);
    expect_errno(mmap(NULL, PAGE, protection, flags | MAP_GROWSDOWN, -1, 0), EINVAL);
}

/* More droppable memory than there is can be filled. */
static void mmap_droppable_dropped(void)
{
    long total = memory_kib("MemTotal"), most = 256l << 10;
    size_t size = (size_t)(total + total / 4 < most ? total + total / 4 : most) * 1024;
    char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        skip("this Linux has no MAP_DROPPABLE");
    memset(base, 1, size);
    for (size_t at = 0; at < size; at += PAGE)
        CHECK((base[at] == 0 || base[at] == 1) && base[at + 99] == base[at]);
}

static const struct test tests[] = {
    TEST(mmap_length),
    TEST(mmap_offset_alignment),
    TEST(mmap_type),
    TEST(mmap_unknown_flags),
    TEST(mmap_descriptor),
    TEST(mmap_open_mode),
    TEST(mmap_wrong_files),
    TEST(mmap_offset_overflow),
    TEST(mmap_fixed_address),
    TEST(mmap_fixed_fails),
    TEST(mmap_fixed_replaces),
    TEST(mmap_fixed_noreplace),
    TEST(mmap_hint),
    TEST(mmap_unknown_protection),
    TEST(mmap_huge),
    TEST(mmap_droppable),
    TEST(mmap_droppable_dropped),
    TEST(munmap_arguments),
    TEST(munmap_holes),
    TEST(mprotect_arguments),
    TEST(mprotect_hole),
    TEST(mprotect_read_only_file),
    TEST(msync_arguments),
    TEST(brk_arguments),
    TEST(brk_obstructed),
    TEST(brk_emptied),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
