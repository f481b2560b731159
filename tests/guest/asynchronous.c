/* Signals that tell of files: F_SETOWN, F_SETSIG, O_ASYNC (fcntl(2)). */
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static siginfo_t information;

static int wait_for(int number, long seconds)
{
    struct timespec time = {seconds, 0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return sigtimedwait(&set, &information, &time);
}

static void block(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void become_asynchronous(int fd)
{
    expect_ok(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
}

static void owners(void)
{
    struct f_owner_ex owner = {F_OWNER_TID, 0}, found;
    int fds[2];

    expect_ok(pipe(fds));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), 0);
    expect_ok(fcntl(fds[0], F_SETOWN, getpid()));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), getpid());
    CHECK_EQ(fcntl(fds[1], F_GETOWN), 0);
    expect_ok(fcntl(fds[0], F_SETOWN, -getpgrp()));
    expect_ok(fcntl(fds[0], F_GETOWN_EX, &found));
    CHECK(found.type == F_OWNER_PGRP && found.pid == getpgrp());
    owner.pid = (pid_t)syscall(SYS_gettid);
    expect_ok(fcntl(fds[0], F_SETOWN_EX, &owner));
    expect_ok(fcntl(fds[0], F_GETOWN_EX, &found));
    CHECK(found.type == F_OWNER_TID && found.pid == owner.pid);
    expect_errno(fcntl(fds[0], F_SETOWN, 0x3ffffff0), ESRCH);
    expect_errno(fcntl(fds[0], F_SETOWN, INT_MIN), EINVAL);
    owner.type = 9;
    expect_errno(fcntl(fds[0], F_SETOWN_EX, &owner), EINVAL);
    expect_errno(fcntl(fds[0], F_SETOWN_EX, (void *)-1), EFAULT);
    CHECK_EQ(fcntl(fds[0], F_GETSIG), 0);
    expect_ok(fcntl(fds[0], F_SETSIG, SIGUSR1));
    CHECK_EQ(fcntl(fds[0], F_GETSIG), SIGUSR1);
    expect_errno(fcntl(fds[0], F_SETSIG, 65), EINVAL);
}

/* Bytes come: SIGIO, and nothing without O_ASYNC. */
static void plain(void)
{
    int fds[2];

    block(SIGIO);
    expect_ok(pipe(fds));
    expect_ok(fcntl(fds[0], F_SETOWN, getpid()));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGIO, 0), -1);
    become_asynchronous(fds[0]);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGIO, 10), SIGIO);
    expect_ok(fcntl(fds[0], F_SETFL, 0));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGIO, 0), -1);
}

/* A chosen signal says which descriptor, and what may be done with it. */
static void chosen(void)
{
    int fds[2];

    block(SIGRTMIN + 1);
    expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    expect_ok(fcntl(fds[0], F_SETOWN, getpid()));
    expect_ok(fcntl(fds[0], F_SETSIG, SIGRTMIN + 1));
    become_asynchronous(fds[0]);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGRTMIN + 1, 10), SIGRTMIN + 1);
    CHECK(information.si_code == POLL_IN && information.si_fd == fds[0]);
    CHECK(information.si_band & 1);
}

/* The owner may be another process, a group, or a thread. */
static void others(void)
{
    struct f_owner_ex owner = {F_OWNER_TID, (pid_t)syscall(SYS_gettid)};
    int fds[2];

    block(SIGIO);
    expect_ok(pipe(fds));
    become_asynchronous(fds[0]);
    pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(wait_for(SIGIO, 10), SIGIO);
        _exit(0);
    }
    expect_ok(fcntl(fds[0], F_SETOWN, child));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    expect_exited(reap(child), 0);
    CHECK_EQ(wait_for(SIGIO, 0), -1);
    expect_ok(fcntl(fds[0], F_SETOWN_EX, &owner));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGIO, 10), SIGIO);
    expect_ok(setpgid(0, 0));
    expect_ok(fcntl(fds[0], F_SETOWN, -getpid()));
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGIO, 10), SIGIO);
}

static void by_ioctl(void)
{
    int fds[2], on = 1, owner = getpid(), found = 0;

    block(SIGIO);
    expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    expect_ok(ioctl(fds[0], FIOSETOWN, &owner));
    expect_ok(ioctl(fds[0], FIOGETOWN, &found));
    CHECK_EQ(found, owner);
    expect_ok(ioctl(fds[0], FIOASYNC, &on));
    CHECK(fcntl(fds[0], F_GETFL) & O_ASYNC);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(wait_for(SIGIO, 10), SIGIO);
    expect_errno(ioctl(open("/dev/null", O_RDONLY), FIOSETOWN, &owner), ENOTTY);
}

/* Files that can be waited for, and yet tell nobody: asked without a process, one of signals ended
 * the kernel. */
static void others_tell_nothing(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t set;
    int fds[3], on = 1, off = 0;

    block(SIGIO);
    block(SIGUSR1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    fds[0] = expect_ok(signalfd(-1, &set, 0));
    fds[1] = expect_ok(epoll_create1(0));
    fds[2] = expect_ok(eventfd(0, 0));
    expect_ok(epoll_ctl(fds[1], EPOLL_CTL_ADD, fds[0], &event));
    for (int i = 0; i < 3; i++) {
        expect_ok(fcntl(fds[i], F_SETOWN, getpid()));
        become_asynchronous(fds[i]);
        CHECK(!(fcntl(fds[i], F_GETFL) & O_ASYNC));
        expect_errno(ioctl(fds[i], FIOASYNC, &on), ENOTTY);
        expect_ok(ioctl(fds[i], FIOASYNC, &off));
    }
    expect_ok(raise(SIGUSR1));
    CHECK_EQ(write(fds[2], "12345678", 8), 8);
    CHECK_EQ(wait_for(SIGUSR1, 10), SIGUSR1);
    CHECK_EQ(wait_for(SIGIO, 0), -1);
}

/* Closing while signals are on their way. */
static void closing(void)
{
    expect_ok(signal(SIGIO, SIG_IGN) == SIG_ERR ? -1 : 0);
    for (int i = 0; i < 200; i++) {
        int fds[2];
        expect_ok(pipe(fds));
        expect_ok(fcntl(fds[0], F_SETOWN, getpid()));
        become_asynchronous(fds[0]);
        CHECK_EQ(write(fds[1], "x", 1), 1);
        close(fds[0]);
        close(fds[1]);
    }
}

static const struct test tests[] = {
    TEST(owners),
    TEST(plain),
    TEST(chosen),
    TEST(others),
    TEST(by_ioctl),
    TEST(closing),
    TEST(others_tell_nothing),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
