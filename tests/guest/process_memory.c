/*
 * process_vm_readv and process_vm_writev.
 */
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct other {
    char *base; /* 4 pages: data, read-only, a hole, data */
    struct sign ready, go;
    pid_t pid;
};

static void stay(void *argument)
{
    struct other *other = argument;

    pattern_fill(other->base, 0, 2 * PAGE);
    pattern_fill(other->base + 3 * PAGE, 3 * PAGE, PAGE);
    expect_ok(mprotect(other->base + PAGE, PAGE, PROT_READ));
    expect_ok(munmap(other->base + 2 * PAGE, PAGE));
    sign_send(&other->ready);
    sign_await(&other->go);
    CHECK(all_bytes(other->base + 100, 7, 50));
    CHECK_PATTERN(other->base, 0, 100);
    CHECK_PATTERN(other->base + PAGE, PAGE, PAGE);
}

static void start(struct other *other)
{
    other->base = map_pages(4);
    sign_open(&other->ready);
    sign_open(&other->go);
    other->pid = spawn(stay, other);
    sign_await(&other->ready);
}

static void finish(struct other *other)
{
    struct iovec here = {(char[50]){0}, 50}, there = {other->base + 100, 50};

    memset(here.iov_base, 7, 50);
    CHECK_EQ(process_vm_writev(other->pid, &here, 1, &there, 1, 0), 50);
    sign_send(&other->go);
    expect_exited(reap(other->pid), 0);
}

static void pieces(void)
{
    struct other other;
    char a[3000], b[3000];
    struct iovec here[] = {{a, 1000}, {NULL, 0}, {b, 3000}};

    start(&other);
    struct iovec there[] = {
        {other.base + 10, 1}, {other.base + 11, 2000}, {other.base + 2011, 9999}};
    CHECK_EQ(process_vm_readv(other.pid, here, 3, there, 3, 0), 4000);
    CHECK_PATTERN(a, 10, 1000);
    CHECK_PATTERN(b, 1010, 3000);
    finish(&other);
}

static void stops_at_a_hole(void)
{
    struct other other;
    char buffer[4 * PAGE];
    struct iovec here = {buffer, sizeof(buffer)};

    start(&other);
    struct iovec there[] = {{other.base + PAGE / 2, 4 * PAGE}, {other.base + 3 * PAGE, PAGE}};
    CHECK_EQ(process_vm_readv(other.pid, &here, 1, there, 2, 0), PAGE + PAGE / 2);
    CHECK_PATTERN(buffer, PAGE / 2, PAGE + PAGE / 2);
    there[0].iov_base = other.base + 2 * PAGE;
    expect_errno(process_vm_readv(other.pid, &here, 1, there, 2, 0), EFAULT);
    there[0] = (struct iovec){other.base + PAGE, 10}; /* read-only */
    expect_errno(process_vm_writev(other.pid, &here, 1, there, 1, 0), EFAULT);
    finish(&other);
}

/* What may only be written to is not read, though the processor would. */
static void write_only(void)
{
    char byte = 1, *page = mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec here = {&byte, 1}, there = {page, 1};

    CHECK_EQ(process_vm_writev(getpid(), &here, 1, &there, 1, 0), 1);
    expect_errno(process_vm_readv(getpid(), &here, 1, &there, 1, 0), EFAULT);
    expect_ok(munmap(page, PAGE));
}

/* Nothing grows down to what another process reaches for. */
static void nothing_grows(void)
{
    char byte = 1, *base = map_pages(8);
    struct iovec here = {&byte, 1}, there = {base + 5 * PAGE, 1};

    expect_ok(munmap(base, 8 * PAGE));
    CHECK(mmap(base + 6 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == base + 6 * PAGE);
    expect_errno(process_vm_writev(getpid(), &here, 1, &there, 1, 0), EFAULT);
    expect_errno(process_vm_readv(getpid(), &here, 1, &there, 1, 0), EFAULT);
    expect_picture(base, 8, "......WW");
    base[5 * PAGE] = 1;
    CHECK_EQ(process_vm_writev(getpid(), &here, 1, &there, 1, 0), 1);
    expect_picture(base, 8, ".....WWW");
}

static void arguments(void)
{
    char byte = 1, other = 2;
    struct iovec here = {&byte, 1}, there = {&other, 1}, nothing = {&byte, 0};

    CHECK_EQ(process_vm_readv(getpid(), &here, 1, &there, 1, 0), 1);
    CHECK_EQ(byte, 2);
    CHECK_EQ(process_vm_readv(getpid(), &nothing, 1, &there, 1, 0), 0);
    CHECK_EQ(process_vm_readv(-1, &nothing, 1, &there, 1, 0), 0);
    CHECK_EQ(process_vm_readv(getpid(), &here, 0, &there, 1, 0), 0);
    expect_errno(process_vm_readv(getpid(), &here, 1, &there, 1, 1), EINVAL);
    expect_errno(process_vm_readv(getpid(), &here, 1025, &there, 1, 0), EINVAL);
    expect_errno(process_vm_readv(getpid(), &here, 1, &there, 1025, 0), EINVAL);
    expect_errno(process_vm_readv(getpid(), (void *)8, 1, &there, 1, 0), EFAULT);
    expect_errno(process_vm_readv(0x3fffffff, &here, 1, &there, 1, 0), ESRCH);
}

static void not_permitted(void *argument)
{
    struct other *other = argument;
    char byte;
    struct iovec here = {&byte, 1}, there = {other->base, 1};

    expect_ok(setuid(65534));
    expect_errno(process_vm_readv(other->pid, &here, 1, &there, 1, 0), EPERM);
}

static void permission(void)
{
    struct other other;

    if (geteuid() != 0)
        skip("needs root to become somebody else");
    start(&other);
    expect_child_ok(not_permitted, &other);
    finish(&other);
}

/* ---- advice about the memory of others ---- */

#ifndef MADV_COLD
#define MADV_COLD    20
#define MADV_PAGEOUT 21
#endif

static long advise(int process, struct iovec *ranges, size_t count, int advice, unsigned flags)
{
    return syscall(SYS_process_madvise, process, ranges, count, advice, flags);
}

static int open_process(pid_t pid)
{
    return (int)expect_ok(syscall(SYS_pidfd_open, pid, 0));
}

static void advise_other(void)
{
    struct other other;

    start(&other);
    struct iovec ranges[] = {{other.base, PAGE}, {other.base + PAGE, PAGE}};
    int process = open_process(other.pid);
    if (advise(process, ranges, 1, MADV_COLD, 0) < 0 && errno == EPERM)
        skip("needs CAP_SYS_NICE");
    CHECK_EQ(advise(process, ranges, 2, MADV_COLD, 0), 2 * PAGE);
    CHECK_EQ(advise(process, ranges, 2, MADV_WILLNEED, 0), 2 * PAGE);
    CHECK_EQ(advise(process, ranges, 2, MADV_PAGEOUT, 0), 2 * PAGE);
    expect_errno(advise(process, ranges, 2, MADV_DONTNEED, 0), EINVAL);
    expect_errno(advise(process, ranges, 0, MADV_FREE, 0), EINVAL);
    expect_errno(advise(process, ranges, 2, MADV_DONTFORK, 0), EINVAL);
    expect_errno(advise(process, ranges, 2, 99, 0), EINVAL);
    char buffer[PAGE];
    struct iovec here = {buffer, PAGE};
    CHECK_EQ(process_vm_readv(other.pid, &here, 1, ranges, 1, 0), PAGE);
    CHECK_PATTERN(buffer, 0, PAGE);
    finish(&other);
    expect_errno(advise(process, ranges, 1, MADV_COLD, 0), ESRCH);
}

static void advise_partly(void)
{
    char *base = map_pages(6), *hole = find_hole(1);
    int self = open_process(getpid());
    struct iovec ranges[] = {{base, PAGE}, {base + 2 * PAGE, 2 * PAGE}};

    memset(base, 1, 6 * PAGE);
    CHECK_EQ(advise(self, ranges, 2, MADV_COLD, 0), 3 * PAGE);
    ranges[1].iov_base = base + 1;
    CHECK_EQ(advise(self, ranges, 2, MADV_COLD, 0), PAGE);
    ranges[1].iov_base = hole;
    CHECK_EQ(advise(self, ranges, 2, MADV_COLD, 0), PAGE);
    expect_errno(advise(self, &ranges[1], 1, MADV_COLD, 0), ENOMEM);
    ranges[0].iov_base = base + 1;
    expect_errno(advise(self, ranges, 2, MADV_COLD, 0), EINVAL);
    ranges[0] = (struct iovec){base, 1}; /* as much as is told is not a whole page */
    CHECK_EQ(advise(self, ranges, 1, MADV_COLD, 0), 1);
    CHECK(all_bytes(base, 1, 6 * PAGE));
}

static void advise_arguments(void)
{
    char *base = map_pages(1);
    int self = open_process(getpid());
    struct iovec ranges[] = {{base, PAGE}, {base, PAGE}};

    expect_errno(advise(self, ranges, 1, MADV_COLD, 1), EINVAL);
    expect_errno(advise(-1, ranges, 1, MADV_COLD, 0), EBADF);
    expect_errno(advise(0, ranges, 1, MADV_COLD, 0), EBADF);
    expect_errno(advise(self, ranges, 1025, MADV_COLD, 0), EINVAL);
    expect_errno(advise(self, (void *)8, 1, MADV_COLD, 0), EFAULT);
    expect_errno(advise(-1, (void *)8, 1, MADV_COLD, 0), EFAULT);
    expect_errno(advise(self, ranges, 1, 99, 0), EINVAL);
    CHECK_EQ(advise(self, ranges, 0, MADV_COLD, 0), 0);
    ranges[1].iov_base = (void *)(1ul << 63);
    expect_errno(advise(self, ranges, 2, MADV_COLD, 0), EFAULT);
    ranges[1].iov_len = SIZE_MAX;
    expect_errno(advise(self, ranges, 2, MADV_COLD, 0), EINVAL);
}

static void advise_not_permitted(void *argument)
{
    struct other *other = argument;
    struct iovec range = {other->base, PAGE};
    int process = open_process(other->pid);

    expect_ok(setuid(65534));
    expect_errno(advise(process, &range, 1, MADV_COLD, 0), EACCES);
    expect_errno(advise(process, &range, 1, MADV_DONTNEED, 0), EACCES);
}

static void advise_permission(void)
{
    struct other other;

    if (geteuid() != 0)
        skip("needs root to become somebody else");
    start(&other);
    expect_child_ok(advise_not_permitted, &other);
    finish(&other);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(pieces),        TEST(stops_at_a_hole),  TEST(arguments),
        TEST(permission),    TEST(write_only),       TEST(advise_other),
        TEST(advise_partly), TEST(advise_arguments), TEST(advise_permission),
        TEST(nothing_grows),
    };
    return TAP_MAIN(argc, argv, tests);
}
