/*
 * What /proc/PID/fdinfo tells of files that are none on a disk (proc_pid_fdinfo(5)).
 */
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
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

static const struct test tests[] = {
    TEST(counters),
    TEST(watched_files),
    TEST(signals),
    TEST(processes),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
