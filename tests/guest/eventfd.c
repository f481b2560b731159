/* eventfd: a counter that is read and written. */
#include "tap.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How many events the set has now. */
static int ready(int set)
{
    struct epoll_event event;
    return expect_ok(epoll_wait(set, &event, 1, 0));
}

static void counter(void)
{
    uint64_t value, values[4] = {5};
    int fd = expect_ok(eventfd(3, EFD_NONBLOCK));

    expect_errno(eventfd(0, 0x40000000), EINVAL);
    CHECK_EQ(read(fd, &value, 8), 8);
    CHECK_EQ(value, 3);
    expect_errno(read(fd, &value, 8), EAGAIN);
    expect_errno(read(fd, &value, 7), EINVAL);
    value = 5;
    CHECK_EQ(write(fd, &value, 8), 8);
    CHECK_EQ(write(fd, &value, 8), 8);
    expect_errno(write(fd, values, sizeof(values)), EINVAL);
    expect_errno(write(fd, &value, 4), EINVAL);
    value = UINT64_MAX;
    expect_errno(write(fd, &value, 8), EINVAL);
    value = UINT64_MAX - 1;
    expect_errno(write(fd, &value, 8), EAGAIN);
    CHECK_EQ(read(fd, &value, 8), 8);
    CHECK_EQ(value, 10);
    value = UINT64_MAX - 1;
    CHECK_EQ(write(fd, &value, 8), 8);
    value = 1;
    expect_errno(write(fd, &value, 8), EAGAIN);
    expect_errno(pread(fd, &value, 8, 0), ESPIPE);
    CHECK_EQ(lseek(fd, 5, SEEK_SET), 0); /* which has no effect */
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(lseek(expect_ok(epoll_create1(0)), 5, SEEK_END), 0);
}

static void semaphore(void)
{
    uint64_t value;
    int fd = expect_ok(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(read(fd, &value, 8), 8);
        CHECK_EQ(value, 1);
    }
    expect_errno(read(fd, &value, 8), EAGAIN);
}

static void counter_readiness(void)
{
    int fd = expect_ok(eventfd(0, 0));
    int set = expect_ok(epoll_create1(0));
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLET};
    struct pollfd poller = {.fd = fd, .events = POLLIN | POLLOUT};
    uint64_t value = 1;

    expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, fd, &wanted));
    CHECK_EQ(poll(&poller, 1, 0), 1);
    CHECK_EQ(poller.revents, POLLOUT);
    CHECK_EQ(ready(set), 0);
    write_all(fd, &value, 8);
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(ready(set), 0);
    write_all(fd, &value, 8); /* each write is an edge */
    CHECK_EQ(ready(set), 1);
    CHECK_EQ(poll(&poller, 1, 0), 1);
    CHECK_EQ(poller.revents, POLLIN | POLLOUT);
    value = UINT64_MAX - 3;
    write_all(fd, &value, 8);
    CHECK_EQ(poll(&poller, 1, 0), 1);
    CHECK_EQ(poller.revents, POLLIN);
}

static void add_late(void *argument)
{
    uint64_t value = 7;
    usleep(30000);
    write_all((int)(intptr_t)argument, &value, 8);
}

static void counter_blocks(void)
{
    uint64_t value;
    int fd = expect_ok(eventfd(0, 0));
    pid_t pid = spawn(add_late, (void *)(intptr_t)fd);

    CHECK_EQ(read(fd, &value, 8), 8);
    CHECK_EQ(value, 7);
    expect_exited(reap(pid), 0);
}

static const struct test tests[] = {
    TEST(counter),
    TEST(semaphore),
    TEST(counter_readiness),
    TEST(counter_blocks),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
