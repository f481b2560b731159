/* timerfd: clocks, intervals, reading, readiness, and setting the clock. */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000l
#define SECOND      1000000000l

static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};

static long now(clockid_t clock)
{
    struct timespec time;
    expect_ok(clock_gettime(clock, &time));
    return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec timespec(long nanoseconds)
{
    return (struct timespec){nanoseconds / SECOND, nanoseconds % SECOND};
}

static void set(int fd, int flags, long value, long interval)
{
    struct itimerspec setting = {timespec(interval), timespec(value)};
    expect_ok(timerfd_settime(fd, flags, &setting, NULL));
}

static uint64_t ticks(int fd)
{
    uint64_t count;
    CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
    return count;
}

static void errors(void)
{
    struct itimerspec setting = {{0, 0}, {0, SECOND}};
    uint64_t count;
    int fd, ends[2];

    expect_errno(timerfd_create(77, 0), EINVAL);
    expect_errno(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    expect_errno(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_errno(timerfd_settime(fd, 0, &setting, NULL), EINVAL);
    setting.it_value.tv_nsec = 1;
    expect_errno(timerfd_settime(fd, 4, &setting, NULL), EINVAL);
    setting.it_interval.tv_sec = -1;
    expect_errno(timerfd_settime(fd, 0, &setting, NULL), EINVAL);
    setting.it_interval.tv_sec = 0;
    expect_errno(timerfd_settime(1000, 0, &setting, NULL), EBADF);
    expect_ok(pipe(ends));
    expect_errno(timerfd_settime(ends[0], 0, &setting, NULL), EINVAL);
    expect_errno(timerfd_gettime(ends[0], &setting), EINVAL);
    expect_errno(read(fd, &count, 8), EAGAIN);
    expect_errno(read(fd, &count, 4), EINVAL);
    expect_errno(write(fd, &count, 8), EINVAL);
}

static void once(void)
{
    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        int fd = expect_ok(timerfd_create(clocks[i], 0));
        long before = now(CLOCK_MONOTONIC);
        set(fd, 0, 20 * MILLISECOND, 0);
        CHECK_EQ(ticks(fd), 1);
        CHECK(now(CLOCK_MONOTONIC) - before >= 20 * MILLISECOND);
        expect_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
        uint64_t count;
        expect_errno(read(fd, &count, 8), EAGAIN);
    }
}

static void absolute(void)
{
    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        int fd = expect_ok(timerfd_create(clocks[i], 0));
        long when = now(clocks[i]) + 20 * MILLISECOND;
        set(fd, TFD_TIMER_ABSTIME, when, 0);
        CHECK_EQ(ticks(fd), 1);
        CHECK(now(clocks[i]) >= when);
        /* A moment that has passed: at once. */
        set(fd, TFD_TIMER_ABSTIME, 1, 0);
        CHECK_EQ(ticks(fd), 1);
    }
}

static void intervals(void)
{
    int fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, 0));
    long before = now(CLOCK_MONOTONIC);
    uint64_t sum = 0;

    set(fd, 0, 5 * MILLISECOND, 5 * MILLISECOND);
    while (sum < 4)
        sum += ticks(fd);
    CHECK(now(CLOCK_MONOTONIC) - before >= 20 * MILLISECOND);
    /* What nobody has read is counted. */
    before = now(CLOCK_MONOTONIC);
    set(fd, 0, MILLISECOND, MILLISECOND);
    usleep(30000);
    CHECK(ticks(fd) >= 30);
    CHECK(now(CLOCK_MONOTONIC) - before >= 30 * MILLISECOND);
    /* Absolute, from long ago: all intervals since. */
    set(fd, TFD_TIMER_ABSTIME, before - 100 * MILLISECOND, 10 * MILLISECOND);
    CHECK(ticks(fd) >= 10);
}

static void remaining(void)
{
    struct itimerspec setting, old;
    int fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));

    expect_ok(timerfd_gettime(fd, &setting));
    CHECK_EQ(setting.it_value.tv_sec, 0);
    CHECK_EQ(setting.it_value.tv_nsec, 0);
    set(fd, 0, 1000 * SECOND, 7 * SECOND);
    expect_ok(timerfd_gettime(fd, &setting));
    CHECK_EQ(setting.it_interval.tv_sec, 7);
    CHECK(setting.it_value.tv_sec <= 1000 && setting.it_value.tv_sec > 900);
    setting = (struct itimerspec){{0, 0}, {0, 0}};
    expect_ok(timerfd_settime(fd, 0, &setting, &old));
    CHECK_EQ(old.it_interval.tv_sec, 7);
    CHECK(old.it_value.tv_sec <= 1000 && old.it_value.tv_sec > 900);
    expect_ok(timerfd_gettime(fd, &setting));
    CHECK_EQ(setting.it_value.tv_sec, 0);
    CHECK_EQ(setting.it_interval.tv_sec, 0);
}

static void stopping(void)
{
    int fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    uint64_t count;

    set(fd, 0, MILLISECOND, 0);
    CHECK_EQ(poll(&poller, 1, -1), 1);
    set(fd, 0, 0, 0); /* forgets what has expired */
    CHECK_EQ(poll(&poller, 1, 0), 0);
    expect_errno(read(fd, &count, 8), EAGAIN);
}

static void readiness(void)
{
    int fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, 0)), epoll = expect_ok(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};

    expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    set(fd, 0, 2 * MILLISECOND, 2 * MILLISECOND);
    CHECK_EQ(epoll_wait(epoll, &event, 1, -1), 1);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 20), 0); /* one edge until it is read */
    CHECK(ticks(fd) >= 2);
    CHECK_EQ(epoll_wait(epoll, &event, 1, -1), 1);
    CHECK_EQ(event.events, EPOLLIN);
}

static void forked(void *argument)
{
    CHECK_EQ(ticks((int)(intptr_t)argument), 1);
}

static void shared_by_fork(void)
{
    int fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, 0));

    set(fd, 0, 10 * MILLISECOND, 0);
    expect_child_ok(forked, (void *)(intptr_t)fd);
    expect_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
    uint64_t count;
    expect_errno(read(fd, &count, 8), EAGAIN);
}

/* Many at once, each in its order. */
static void many(void)
{
    enum { COUNT = 200 };
    int fds[COUNT], epoll = expect_ok(epoll_create1(0)), found = 0;
    long start = now(CLOCK_MONOTONIC) + 20 * MILLISECOND;

    random_seed(5);
    for (int i = 0; i < COUNT; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
        fds[i] = expect_ok(timerfd_create(i % 2 ? CLOCK_MONOTONIC : CLOCK_BOOTTIME, 0));
        set(fds[i], TFD_TIMER_ABSTIME, start + (long)random_below(20) * MILLISECOND, 0);
        expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event));
    }
    while (found < COUNT) {
        struct epoll_event events[16];
        int count = expect_ok(epoll_wait(epoll, events, 16, -1));
        for (int i = 0; i < count; i++) {
            CHECK_EQ(ticks(fds[events[i].data.fd]), 1);
            expect_ok(close(fds[events[i].data.fd]));
        }
        found += count;
    }
    CHECK_EQ(epoll_wait(epoll, &(struct epoll_event){0}, 1, 0), 0);
}

/* Not on a machine where others look at the clock, unless that is asked for. */
static void may_set_clock(void)
{
    struct utsname system;
    expect_ok(uname(&system));
    if (!strstr(system.version, "mapix") && !getenv("MAY_SET_CLOCK"))
        skip("would set the clock of the machine");
}

static void move_clock(long seconds)
{
    struct timespec time;
    expect_ok(clock_gettime(CLOCK_REALTIME, &time));
    time.tv_sec += seconds;
    if (clock_settime(CLOCK_REALTIME, &time) != 0)
        skip("may not set the clock: %s", error_name(errno));
}

static void set_clock_late(void *argument)
{
    usleep(30000);
    move_clock((long)(intptr_t)argument);
}

/* The clock jumps an hour ahead, and back again: absolute times of it come, others do not. */
static void clock_jumps(void)
{
    int real = expect_ok(timerfd_create(CLOCK_REALTIME, 0));
    int relative = expect_ok(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
    int boot = expect_ok(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    uint64_t count;

    may_set_clock();
    set(real, TFD_TIMER_ABSTIME, now(CLOCK_REALTIME) + 1800 * SECOND, 0);
    set(relative, 0, 1800 * SECOND, 0);
    set(boot, TFD_TIMER_ABSTIME, now(CLOCK_MONOTONIC) + 1800 * SECOND, 0);
    pid_t pid = spawn(set_clock_late, (void *)3600);
    CHECK_EQ(ticks(real), 1);
    expect_exited(reap(pid), 0);
    expect_errno(read(relative, &count, 8), EAGAIN);
    expect_errno(read(boot, &count, 8), EAGAIN);
    set(real, TFD_TIMER_ABSTIME, now(CLOCK_REALTIME) + 20 * MILLISECOND, 0);
    move_clock(-3600);
    struct pollfd poller = {.fd = real, .events = POLLIN};
    CHECK_EQ(poll(&poller, 1, 40), 0);
    struct itimerspec left;
    expect_ok(timerfd_gettime(real, &left));
    CHECK(left.it_value.tv_sec > 3000);
}

static void cancelled(void)
{
    int fd = expect_ok(timerfd_create(CLOCK_REALTIME, 0));
    struct itimerspec setting = {{0, 0}, timespec(now(CLOCK_REALTIME) + 1800 * SECOND)};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    uint64_t count;

    may_set_clock();
    expect_ok(timerfd_settime(fd, flags, &setting, NULL));
    pid_t pid = spawn(set_clock_late, (void *)1);
    expect_errno(read(fd, &count, 8), ECANCELED);
    expect_exited(reap(pid), 0);
    move_clock(-1);
    expect_errno(timerfd_settime(fd, flags, &setting, NULL), ECANCELED);
    expect_ok(timerfd_settime(fd, flags, &setting, NULL));
    expect_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
    expect_errno(read(fd, &count, 8), EAGAIN);
}

static const struct test tests[] = {
    TEST(errors),    TEST(once),        TEST(absolute),  TEST(intervals),
    TEST(remaining), TEST(stopping),    TEST(readiness), TEST(shared_by_fork),
    TEST(many),      TEST(clock_jumps), TEST(cancelled),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
