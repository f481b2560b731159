/*
 * process_vm_readv and process_vm_writev.
 */
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
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

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(pieces),
        TEST(stops_at_a_hole),
        TEST(arguments),
        TEST(permission),
    };
    return TAP_MAIN(argc, argv, tests);
}
