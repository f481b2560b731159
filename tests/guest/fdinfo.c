/*
 * What /proc/PID/fdinfo tells of files that are none on a disk (proc_pid_fdinfo(5)).
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <unistd.h>

static char text[512];

/* What there is to tell beside what all files have. */
static const char *told_of(int fd)
{
    char name[64];

    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    read_file(name, text, sizeof(text));
    return strchr(strstr(text, "ino:\t"), '\n') + 1;
}

static void counters(void)
{
    int fd = expect_ok(eventfd(0x1f, 0));

    CHECK(strncmp(told_of(fd), "eventfd-count:               1f\n", 32) == 0);
    CHECK(strstr(text, "eventfd-semaphore: 0\n") != NULL);
    fd = expect_ok(eventfd(2, EFD_SEMAPHORE));
    CHECK(strncmp(told_of(fd), "eventfd-count:                2\n", 32) == 0);
    CHECK(strstr(text, "eventfd-semaphore: 1\n") != NULL);
}

static void watched_files(void)
{
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLET, .data = {.u64 = 0xabcdef}};
    char expected[128];
    int event = expect_ok(eventfd(0, 0)), epoll = expect_ok(epoll_create1(0));

    CHECK_STRING(told_of(epoll), "");
    expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted));
    snprintf(expected, sizeof(expected),
             "tfd: %8d events: 80000019 data:           abcdef  pos:0 ino:", event);
    CHECK(strncmp(told_of(epoll), expected, strlen(expected)) == 0);
}

static void signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK_STRING(told_of(expect_ok(signalfd(-1, &set, 0))), "sigmask:\t0000000000000200\n");
}

static void leave(void *argument)
{
    (void)argument;
    _exit(0);
}

/* A process keeps its identifier until its status is collected. */
static void processes(void)
{
    char expected[128];
    pid_t child = spawn(leave, NULL);
    int fd = (int)expect_ok(syscall(SYS_pidfd_open, child, 0));

    snprintf(expected, sizeof(expected), "Pid:\t%d\nNSpid:\t%d\n", child, child);
    CHECK_STRING(told_of(fd), expected);
    expect_exited(reap(child), 0);
    CHECK_STRING(told_of(fd), "Pid:\t-1\nNSpid:\t-1\n");
}

static void timers(void)
{
    struct itimerspec once = {{0, 0}, {5, 0}}, often = {{0, 1000000}, {0, 1}},
                      at = {{3, 4}, {1, 0}};
    int fd = expect_ok(timerfd_create(CLOCK_MONOTONIC, 0));
    unsigned long seconds, nanoseconds;

    CHECK_STRING(told_of(fd), "clockid: 1\nticks: 0\nsettime flags: 00\nit_value: (0, 0)\n"
                              "it_interval: (0, 0)\n");
    expect_ok(timerfd_settime(fd, 0, &once, NULL));
    const char *value = strstr(told_of(fd), "it_value");
    CHECK_EQ(sscanf(value, "it_value: (%lu, %lu)", &seconds, &nanoseconds), 2);
    CHECK(seconds < 5 && nanoseconds < 1000000000);
    expect_ok(timerfd_settime(fd, 0, &often, NULL));
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    CHECK_EQ(poll(&poll_fd, 1, -1), 1);
    /* What nobody has read is one expiration, and the timer stands still. */
    CHECK_STRING(told_of(fd), "clockid: 1\nticks: 1\nsettime flags: 00\nit_value: (0, 0)\n"
                              "it_interval: (0, 1000000)\n");
    fd = expect_ok(timerfd_create(CLOCK_REALTIME, 0));
    expect_ok(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL));
    poll_fd.fd = fd;
    CHECK_EQ(poll(&poll_fd, 1, -1), 1);
    CHECK_STRING(told_of(fd), "clockid: 0\nticks: 1\nsettime flags: 03\nit_value: (0, 0)\n"
                              "it_interval: (3, 4)\n");
}

/* The newest first; what follows on some kernels is a handle. */
static void check_watch(const char *line, int number, const char *name, unsigned mask)
{
    struct stat status;
    char expected[128];

    expect_ok(stat(name, &status));
    snprintf(expected, sizeof(expected), "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 ",
             number, (unsigned long)status.st_ino,
             major(status.st_dev) << 20 | minor(status.st_dev), mask);
    if (strncmp(line, expected, strlen(expected)) != 0)
        fail("\"%s\", expected \"%s\"", line, expected);
}

static void watches(void)
{
    int fd = expect_ok(inotify_init1(0));

    CHECK_STRING(told_of(fd), "");
    expect_ok(mkdir("a", 0755));
    expect_ok(mkdir("b", 0755));
    int a = expect_ok(inotify_add_watch(fd, "a", IN_CREATE | IN_ONLYDIR));
    int b = expect_ok(inotify_add_watch(fd, "b", IN_DELETE | IN_ONESHOT));
    const char *lines = told_of(fd);
    check_watch(lines, b, "b", IN_DELETE | IN_ONESHOT);
    check_watch(strchr(lines, '\n') + 1, a, "a", IN_CREATE);
    expect_ok(inotify_rm_watch(fd, b));
    lines = told_of(fd);
    check_watch(lines, a, "a", IN_CREATE);
    CHECK_STRING(strchr(lines, '\n'), "\n");
}

/* What the line of a lock begins and ends with. */
static void check_lock(const char **line, const char *begin, const char *end)
{
    const char *stop = strchr(*line, '\n');

    if (!stop || strncmp(*line, begin, strlen(begin)) != 0 ||
        strncmp(stop - strlen(end), end, strlen(end)) != 0)
        fail("\"%s\", expected \"%s...%s\"", *line, begin, end);
    *line = stop + 1;
}

/* Those of the open file, and the process's that were asked for with it. */
static void locks(void)
{
    struct flock range = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
    int fd = pattern_file("file", PAGE), other = expect_ok(open("file", O_RDWR));

    CHECK_STRING(told_of(fd), "");
    expect_ok(fcntl(fd, F_SETLK, &range));
    range = (struct flock){.l_type = F_RDLCK, .l_start = 100};
    expect_ok(fcntl(fd, F_OFD_SETLK, &range));
    expect_ok(flock(fd, LOCK_EX));
    const char *line = told_of(fd);
    check_lock(&line, "lock:\t1: FLOCK  ADVISORY  WRITE ", " 0 EOF");
    check_lock(&line, "lock:\t2: POSIX  ADVISORY  WRITE ", " 10 14");
    check_lock(&line, "lock:\t3: OFDLCK ADVISORY  READ -1 ", " 100 EOF");
    CHECK_STRING(line, "");
    CHECK_STRING(told_of(other), "");
    range = (struct flock){.l_type = F_WRLCK, .l_start = 20, .l_len = 1};
    expect_ok(fcntl(other, F_SETLK, &range));
    line = told_of(other);
    check_lock(&line, "lock:\t1: POSIX  ADVISORY  WRITE ", " 20 20");
    CHECK_STRING(line, "");
    expect_ok(unlink("file"));
    fd = expect_ok(open("leased", O_RDONLY | O_CREAT, 0644));
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    line = told_of(fd);
    check_lock(&line, "lock:\t1: LEASE  ACTIVE    READ ", " 0 EOF");
    CHECK_STRING(line, "");
}

static const struct test tests[] = {
    TEST(counters), TEST(watched_files), TEST(signals), TEST(processes),
    TEST(timers),   TEST(watches),       TEST(locks),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
