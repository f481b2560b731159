/*
 * Memory in pipes: vmsplice(2).
 *
 *   memory   | page A | page B |      the pipe has pieces of the very pages, until a store has to
 * be \      \            made to a copy pipe         [a...] [b..]
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIPE = 65536 };

static char back[2 * PIPE];
static int ends[2];

static char *memory(size_t pages)
{
    char *start =
        mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED);
    expect_ok(pipe(ends));
    return start;
}

static ssize_t lend(void *start, size_t size, unsigned flags)
{
    struct iovec piece = {start, size};
    return vmsplice(ends[1], &piece, 1, flags);
}

static void there_and_back(void)
{
    unsigned char *start = (unsigned char *)memory(1);
    struct iovec pieces[] = {{start, 1000}, {start + 1000, 0}, {start + 1000, 2000}};
    struct iovec to = {back, sizeof(back)};

    pattern_fill(start, 0, 3000);
    CHECK_EQ(vmsplice(ends[1], pieces, 3, 0), 3000);
    CHECK_EQ(vmsplice(ends[0], &to, 1, 0), 3000);
    CHECK_PATTERN((unsigned char *)back, 0, 3000);
    expect_errno(vmsplice(ends[0], &to, 1, SPLICE_F_NONBLOCK), EAGAIN);
}

static void stores_are_seen(void)
{
    char *start = memory(1);

    memcpy(start, "before", 7);
    CHECK_EQ(lend(start, 7, 0), 7);
    memcpy(start, "behind", 7);
    CHECK_EQ(write(ends[1], " and more", 10), 10);
    CHECK_EQ(read(ends[0], back, sizeof(back)), 17);
    CHECK_STRING(back, "behind");
    CHECK_STRING(back + 7, " and more");
    CHECK_STRING(start, "behind");
}

static void not_after_fork(void)
{
    char *start = memory(1);

    memcpy(start, "before", 7);
    CHECK_EQ(lend(start, 7, 0), 7);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    expect_exited(reap(child), 0);
    memcpy(start, "behind", 7);
    CHECK_EQ(read(ends[0], back, sizeof(back)), 7);
    CHECK_STRING(back, "before");
}

/* A page that was only read is one of zeros that all have. */
static void not_of_zeros(void)
{
    char *start = memory(1);

    CHECK_EQ(lend(start, 7, 0), 7);
    memcpy(start, "behind", 7);
    back[0] = 'x';
    CHECK_EQ(read(ends[0], back, sizeof(back)), 7);
    CHECK_STRING(back, "");
}

static void memory_may_go(void)
{
    char *start = memory(2);

    memset(start, 'a', 2 * PAGE);
    CHECK_EQ(lend(start + 10, 2 * PAGE - 10, 0), 2 * PAGE - 10);
    expect_ok(munmap(start, 2 * PAGE));
    CHECK_EQ(read(ends[0], back, sizeof(back)), 2 * PAGE - 10);
    for (unsigned i = 0; i < 2 * PAGE - 10; i++)
        CHECK_EQ(back[i], 'a');
}

/* Each piece of a page takes a place of the pipe; what there is no room for is not waited for. */
static void room(void)
{
    char *start = memory(32);
    struct iovec pieces[20];

    for (int i = 0; i < 20; i++)
        pieces[i] = (struct iovec){start + i, 1};
    CHECK_EQ(vmsplice(ends[1], pieces, 20, 0), 16);
    CHECK_EQ(read(ends[0], back, sizeof(back)), 16);
    CHECK_EQ(lend(start + 100, PIPE, 0), PIPE - 100);
    expect_errno(lend(start, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(lend(start, 0, 0), 0);
    CHECK_EQ(read(ends[0], back, sizeof(back)), PIPE - 100);
    CHECK_EQ(expect_ok(fcntl(ends[1], F_SETPIPE_SZ, 2 * PIPE)), 2 * PIPE);
    CHECK_EQ(lend(start, 2 * PIPE, 0), 2 * PIPE);
}

static void open_nonblocking(void)
{
    char *start = memory(17);

    /* Only the flags of the call say whether it waits. */
    expect_ok(fcntl(ends[1], F_SETFL, O_NONBLOCK));
    CHECK_EQ(lend(start, 17 * PAGE, 0), PIPE);
    pid_t child = fork();
    if (child == 0) {
        usleep(100000);
        _exit(read(ends[0], back, PIPE) != PIPE);
    }
    CHECK_EQ(lend(start, 5, 0), 5);
    expect_exited(reap(child), 0);
}

static void errors(void)
{
    char *start = memory(2);
    struct iovec pieces[] = {{start + PAGE, 10}, {start, 10}};

    expect_ok(munmap(start, PAGE));
    expect_errno(vmsplice(ends[1], pieces + 1, 1, 0), EFAULT);
    CHECK_EQ(vmsplice(ends[1], pieces, 2, 0), 10);
    CHECK_EQ(read(ends[0], back, sizeof(back)), 10);
    expect_errno(vmsplice(ends[1], pieces, 1, 0x1000), EINVAL);
    expect_errno(vmsplice(0x7fff, pieces, 1, 0), EBADF);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    CHECK_EQ(vmsplice(ends[1], pieces, 0, 0), 0);
    expect_errno(vmsplice(ends[1], pieces, 1, 0), EPIPE);
}

static const struct test tests[] = {
    TEST(there_and_back),   TEST(stores_are_seen), TEST(not_after_fork),
    TEST(not_of_zeros),     TEST(memory_may_go),   TEST(room),
    TEST(open_nonblocking), TEST(errors),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
