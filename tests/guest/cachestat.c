/* How much of a file is in memory (cachestat(2)). */
#include "tap.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL_CACHESTAT 451

struct range {
    uint64_t offset, length;
};

struct state {
    uint64_t cached, dirty, writing, evicted, recently_evicted;
};

static long cachestat(int fd, const struct range *range, struct state *state, unsigned flags)
{
    return syscall(CALL_CACHESTAT, fd, range, state, flags);
}

static struct state state_of(int fd, uint64_t offset, uint64_t length)
{
    struct range range = {offset, length};
    struct state state;
    if (cachestat(fd, &range, &state, 0) == -1 && errno == ENOSYS)
        skip("this kernel does not have the call");
    expect_ok(cachestat(fd, &range, &state, 0));
    return state;
}

static void a_file(void)
{
    int fd = pattern_file("f", 10 * PAGE);
    CHECK_EQ(state_of(fd, 0, 0).cached, 10);
    CHECK_EQ(state_of(fd, 0, 10 * PAGE).cached, 10);
    CHECK_EQ(state_of(fd, 0, 1).cached, 1);
    CHECK_EQ(state_of(fd, PAGE - 1, 2).cached, 2);
    CHECK_EQ(state_of(fd, 7 * PAGE, 0).cached, 3);
    CHECK_EQ(state_of(fd, 10 * PAGE, 0).cached, 0);
    expect_ok(ftruncate(fd, 4 * PAGE));
    CHECK_EQ(state_of(fd, 0, 0).cached, 4);
}

static void dirty_pages(void)
{
    int fd = pattern_file("f", 10 * PAGE);
    skip_on_tmpfs();
    expect_ok(fsync(fd));
    CHECK_EQ(state_of(fd, 0, 0).dirty, 0);
    expect_ok(pwrite(fd, "x", 1, 3 * PAGE));
    struct state state = state_of(fd, 0, 0);
    CHECK_EQ(state.cached, 10);
    CHECK_EQ(state.dirty + state.writing, 1);
}

static void memory_file(void)
{
    int fd = expect_ok(memfd_create("m", 0));
    expect_ok(ftruncate(fd, 10 * PAGE));
    CHECK_EQ(state_of(fd, 0, 0).cached, 0);
    expect_ok(pwrite(fd, "x", 1, 3 * PAGE));
    expect_ok(pwrite(fd, "x", 1, 5 * PAGE));
    struct state state = state_of(fd, 0, 0);
    CHECK_EQ(state.cached + state.evicted, 2);
}

static void errors(void)
{
    int fd = pattern_file("f", PAGE), path = expect_ok(open("f", O_PATH)), fds[2];
    struct range range = {0, 0};
    struct state state;
    (void)state_of(fd, 0, 0);
    expect_errno(cachestat(-1, &range, &state, 0), EBADF);
    expect_errno(cachestat(path, &range, &state, 0), EBADF);
    expect_errno(cachestat(fd, NULL, &state, 0), EFAULT);
    expect_errno(cachestat(fd, &range, NULL, 0), EFAULT);
    expect_errno(cachestat(fd, &range, &state, 1), EINVAL);
    expect_ok(pipe(fds));
    CHECK_EQ(state_of(fds[0], 0, 0).cached, 0);
}

static const struct test tests[] = {
    TEST(a_file),
    TEST(dirty_pages),
    TEST(memory_file),
    TEST(errors),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
