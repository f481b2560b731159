/* Descriptors of signals (signalfd) and of processes (pidfd). */
#include "signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define CLONE_PIDFD_FLAG 0x1000

#define CALL_MRELEASE 448

static struct signalfd_siginfo records[4];

static int blocked_file(int first, int second, int flags)
{
    sigset_t set = set_of(first, second);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    return expect_ok(signalfd(-1, &set, flags));
}

static int ready(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    expect_ok(poll(&poller, 1, 0));
    return poller.revents;
}

static void errors(void)
{
    sigset_t set = set_of(SIGUSR1, 0);
    int ends[2];

    expect_errno(signalfd(-1, &set, 1), EINVAL);
    expect_errno(signalfd(1000, &set, 0), EBADF);
    expect_ok(pipe(ends));
    expect_errno(signalfd(ends[0], &set, 0), EINVAL);
    expect_errno(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
    expect_errno(syscall(SYS_signalfd4, -1, 8, 8, 0), EFAULT);
    int fd = blocked_file(SIGUSR1, 0, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_errno(read(fd, records, sizeof(records)), EAGAIN);
    expect_errno(read(fd, records, 127), EINVAL);
    expect_errno(write(fd, records, 128), EINVAL);
    CHECK_EQ(ready(fd), 0);
}

static void taking(void)
{
    int fd = blocked_file(SIGUSR1, SIGUSR2, SFD_NONBLOCK);

    expect_ok(kill(getpid(), SIGUSR2));
    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(ready(fd), POLLIN);
    CHECK_EQ(read(fd, records, 200), 128); /* whole ones only, the lower number first */
    CHECK_EQ(records[0].ssi_signo, SIGUSR1);
    CHECK_EQ(records[0].ssi_code, SI_USER);
    CHECK_EQ(records[0].ssi_pid, getpid());
    CHECK_EQ(records[0].ssi_uid, getuid());
    CHECK_EQ(read(fd, records, sizeof(records)), 128);
    CHECK_EQ(records[0].ssi_signo, SIGUSR2);
    CHECK_EQ(ready(fd), 0);
    union sigval value = {.sival_int = 77};
    expect_ok(sigqueue(getpid(), SIGUSR1, value));
    expect_ok(kill(getpid(), SIGUSR2));
    CHECK_EQ(read(fd, records, sizeof(records)), 256);
    CHECK_EQ(records[0].ssi_code, SI_QUEUE);
    CHECK_EQ(records[0].ssi_int, 77);
    CHECK_EQ(records[1].ssi_signo, SIGUSR2);
}

static void another_set(void)
{
    int fd = blocked_file(SIGUSR1, SIGUSR2, SFD_NONBLOCK);
    sigset_t set = set_of(SIGUSR2, 0);

    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(signalfd(fd, &set, 0), fd);
    CHECK_EQ(ready(fd), 0);
    expect_errno(read(fd, records, sizeof(records)), EAGAIN);
    set = set_of(SIGUSR1, 0);
    CHECK_EQ(signalfd(fd, &set, 0), fd);
    CHECK_EQ(ready(fd), POLLIN);
}

static void signal_parent(void *argument)
{
    usleep(30000);
    expect_ok(kill(getppid(), (int)(intptr_t)argument));
}

static void waiting(void)
{
    int fd = blocked_file(SIGUSR1, SIGCHLD, 0), epoll = expect_ok(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};

    pid_t pid = spawn(signal_parent, (void *)SIGUSR1);
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(records[0].ssi_signo, SIGUSR1);
    CHECK_EQ(records[0].ssi_pid, pid);
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(records[0].ssi_signo, SIGCHLD);
    CHECK_EQ(records[0].ssi_pid, pid);
    CHECK_EQ(records[0].ssi_code, CLD_EXITED);
    CHECK_EQ(records[0].ssi_status, 0);
    expect_exited(reap(pid), 0);
    expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    pid = spawn(signal_parent, (void *)SIGUSR1);
    CHECK_EQ(epoll_wait(epoll, &event, 1, -1), 1);
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(records[0].ssi_signo, SIGUSR1);
    expect_exited(reap(pid), 0);
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
}

/* A child reads its own signals. */
static void child_reads(void *argument)
{
    int fd = (int)(intptr_t)argument;

    CHECK_EQ(ready(fd), 0);
    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(ready(fd), POLLIN);
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(records[0].ssi_pid, getpid());
}

static void inherited(void)
{
    int fd = blocked_file(SIGUSR1, 0, SFD_NONBLOCK);

    expect_ok(kill(getpid(), SIGUSR1));
    expect_child_ok(child_reads, (void *)(intptr_t)fd);
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(records[0].ssi_pid, getpid());
}

static void of_a_timer(void)
{
    int fd = blocked_file(SIGRTMIN, 0, 0);
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 5};
    struct itimerspec times = {{0, 0}, {0, 1000000}};
    timer_t timer;

    expect_ok(timer_create(CLOCK_MONOTONIC, &event, &timer));
    expect_ok(timer_settime(timer, 0, &times, NULL));
    CHECK_EQ(read(fd, records, 128), 128);
    CHECK_EQ(records[0].ssi_code, SI_TIMER);
    CHECK_EQ(records[0].ssi_int, 5);
    CHECK_EQ(records[0].ssi_overrun, 0);
}

/* Processes */

static int open_process(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static long send_signal(int fd, int number, siginfo_t *information, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, number, information, flags);
}

static void sleep_on(void *argument)
{
    (void)argument;
    for (;;)
        pause();
}

/* To the first thread, the process, or the group that it leads. */
static void other_targets(void)
{
    sigset_t set;
    siginfo_t information;
    struct timespec time = {10, 0};
    int fd = open_process(getpid(), 0);

    CHECK(fd >= 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    if (send_signal(fd, SIGUSR1, NULL, 1) == -1 && errno == EINVAL)
        skip("no flags of pidfd_send_signal here");
    /* The library's function shows SI_TKILL as SI_USER. */
    CHECK_EQ(syscall(SYS_rt_sigtimedwait, &set, &information, &time, 8), SIGUSR1);
    CHECK_EQ(information.si_code, SI_TKILL);
    expect_ok(send_signal(fd, SIGUSR1, NULL, 2));
    CHECK_EQ(sigtimedwait(&set, &information, &time), SIGUSR1);
    CHECK_EQ(information.si_code, SI_USER);
    expect_errno(send_signal(fd, SIGUSR1, NULL, 3), EINVAL);
    expect_errno(send_signal(fd, SIGUSR1, NULL, 8), EINVAL);
    pid_t leader = spawn(sleep_on, NULL);
    expect_ok(setpgid(leader, leader));
    pid_t member = spawn(sleep_on, NULL);
    fd = open_process(leader, 0);
    int other = open_process(member, 0);
    expect_ok(setpgid(member, leader));
    expect_errno(send_signal(other, SIGTERM, NULL, 4), ESRCH);
    expect_ok(send_signal(fd, SIGTERM, NULL, 4));
    expect_signaled(reap(leader), SIGTERM);
    expect_signaled(reap(member), SIGTERM);
    expect_errno(send_signal(fd, SIGTERM, NULL, 4), ESRCH);
}

static void process_errors(void)
{
    siginfo_t information;
    int ends[2], self = expect_ok(open_process(getpid(), 0));

    memset(&information, 0, sizeof(information));
    expect_ok(pipe(ends));
    expect_errno(open_process(0, 0), EINVAL);
    expect_errno(open_process(-1, 0), EINVAL);
    expect_errno(open_process(4000000, 0), ESRCH);
    expect_errno(open_process(getpid(), 1), EINVAL);
    CHECK_EQ(fcntl(self, F_GETFD), FD_CLOEXEC);
    expect_errno(send_signal(self, 65, NULL, 0), EINVAL);
    expect_errno(send_signal(self, SIGUSR1, NULL, 8), EINVAL);
    expect_errno(send_signal(ends[0], SIGUSR1, NULL, 0), EBADF);
    expect_errno(send_signal(self, SIGUSR1, &information, 0), EINVAL);
    expect_errno(waitid(P_PIDFD, (id_t)self, &information, WEXITED), ECHILD);
    expect_errno(waitid(P_PIDFD, (id_t)ends[0], &information, WEXITED), EBADF);
    expect_errno(waitid(P_PIDFD, (id_t)-1, &information, WEXITED), EINVAL);
    expect_errno(syscall(SYS_pidfd_getfd, self, 0, 1), EINVAL);
    expect_errno(syscall(SYS_pidfd_getfd, self, 999, 0), EBADF);
    expect_errno(read(self, &information, 8), EINVAL);
}

static void end_of_a_process(void)
{
    pid_t pid = spawn(sleep_on, NULL);
    int fd = expect_ok(open_process(pid, 0));
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    siginfo_t information;

    CHECK_EQ(ready(fd), 0);
    expect_ok(send_signal(fd, 0, NULL, 0));
    memset(&information, 0, sizeof(information));
    information.si_signo = SIGUSR1;
    information.si_code = SI_USER;
    expect_errno(send_signal(fd, SIGUSR1, &information, 0), EPERM);
    expect_ok(waitid(P_PIDFD, (id_t)fd, &information, WEXITED | WNOHANG));
    CHECK_EQ(information.si_pid, 0);
    expect_ok(send_signal(fd, SIGTERM, NULL, 0));
    CHECK_EQ(poll(&poller, 1, -1), 1);
    CHECK_EQ(poller.revents, POLLIN);
    expect_ok(send_signal(fd, 0, NULL, 0)); /* a zombie is there still */
    expect_errno(syscall(SYS_pidfd_getfd, fd, 0, 0), ESRCH);
    expect_ok(waitid(P_PIDFD, (id_t)fd, &information, WEXITED));
    CHECK_EQ(information.si_pid, pid);
    CHECK_EQ(information.si_status, SIGTERM);
    CHECK_EQ(information.si_code, CLD_KILLED);
    CHECK(ready(fd) & POLLIN);
    expect_errno(send_signal(fd, 0, NULL, 0), ESRCH);
    expect_errno(waitid(P_PIDFD, (id_t)fd, &information, WEXITED), ECHILD);
}

/* A directory of /proc stands for its process too, but only for this call. */
static void by_directory(void)
{
    pid_t pid = spawn(sleep_on, NULL);
    char path[64];
    siginfo_t information;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    int directory = expect_ok(open(path, O_RDONLY | O_DIRECTORY));
    int by_path = expect_ok(open(path, O_PATH));
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    int inner = expect_ok(open(path, O_RDONLY | O_DIRECTORY));
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    int text = expect_ok(open(path, O_RDONLY));
    int root = expect_ok(open("/proc", O_RDONLY | O_DIRECTORY));

    expect_errno(send_signal(by_path, 0, NULL, 0), EBADF);
    expect_errno(send_signal(inner, 0, NULL, 0), EBADF);
    expect_errno(send_signal(text, 0, NULL, 0), EBADF);
    expect_errno(send_signal(root, 0, NULL, 0), EBADF);
    expect_errno(send_signal(directory, 65, NULL, 0), EINVAL);
    expect_errno(waitid(P_PIDFD, (id_t)directory, &information, WEXITED), EBADF);
    expect_errno(syscall(SYS_pidfd_getfd, directory, 0, 0), EBADF);
    expect_ok(send_signal(directory, 0, NULL, 0));
    expect_ok(send_signal(directory, SIGTERM, NULL, 0));
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT));
    expect_ok(send_signal(directory, 0, NULL, 0)); /* a zombie is there still */
    expect_signaled(reap(pid), SIGTERM);
    expect_errno(send_signal(directory, 0, NULL, 0), ESRCH);
}

static void wait_with_epoll(void)
{
    int epoll = expect_ok(epoll_create1(0));
    unsigned seen = 0;
    pid_t pids[3];

    for (uint32_t i = 0; i < 3; i++) {
        pids[i] = spawn(signal_parent, (void *)0);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, expect_ok(open_process(pids[i], 0)), &event));
    }
    while (seen != 7) {
        struct epoll_event event;
        CHECK_EQ(epoll_wait(epoll, &event, 1, -1), 1);
        seen |= 1u << event.data.u32;
    }
    for (int i = 0; i < 3; i++)
        expect_exited(reap(pids[i]), 0);
}

static void without_waiting(void)
{
    pid_t pid = spawn(sleep_on, NULL);
    int fd = expect_ok(open_process(pid, O_NONBLOCK));
    siginfo_t information;

    expect_errno(waitid(P_PIDFD, (id_t)fd, &information, WEXITED), EAGAIN);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void get_a_file(void)
{
    int ends[2], unseen[2];

    expect_ok(pipe(ends));
    expect_ok(pipe(unseen));
    pid_t pid = fork();
    if (pid == 0) {
        close(unseen[0]);
        dup2(unseen[1], 50);
        write_all(ends[1], "r", 1);
        sleep_on(NULL);
    }
    expect_ok(close(unseen[1]));
    char byte;
    read_all(ends[0], &byte, 1);
    int copy = (int)expect_ok(syscall(SYS_pidfd_getfd, expect_ok(open_process(pid, 0)), 50, 0));
    CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
    write_all(copy, "x", 1);
    read_all(unseen[0], &byte, 1);
    CHECK_EQ(byte, 'x');
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void made_by_clone(void)
{
    int fd = -1;
    siginfo_t information;
    long pid = syscall(SYS_clone, CLONE_PIDFD_FLAG | SIGCHLD, 0, &fd, 0, 0);
    expect_ok(pid);
    if (pid == 0)
        _exit(9);
    CHECK(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_ok(waitid(P_PIDFD, (id_t)fd, &information, WEXITED));
    CHECK_EQ(information.si_pid, pid);
    CHECK_EQ(information.si_status, 9);
    /* Both identifiers would be stored at one place. */
    expect_errno(syscall(SYS_clone, CLONE_PIDFD_FLAG | 0x100000 | SIGCHLD, 0, &fd, 0, 0), EINVAL);
}

/* The memory of a process that is being killed (process_mrelease(2)). */
static void memory_of_the_killed(void)
{
    pid_t pid = spawn(sleep_on, NULL);
    int fd = (int)expect_ok(open_process(pid, 0));
    expect_errno(syscall(CALL_MRELEASE, fd, 1), EINVAL);
    expect_errno(syscall(CALL_MRELEASE, -1, 0), EBADF);
    expect_errno(syscall(CALL_MRELEASE, expect_ok(open("/", O_RDONLY)), 0), EBADF);
    expect_errno(syscall(CALL_MRELEASE, fd, 0), EINVAL);
    expect_ok(kill(pid, SIGKILL));
    if (syscall(CALL_MRELEASE, fd, 0) == -1)
        CHECK_EQ(errno, ESRCH);
    expect_signaled(reap(pid), SIGKILL);
    expect_errno(syscall(CALL_MRELEASE, fd, 0), ESRCH);
}

static const struct test tests[] = {
    TEST(errors),        TEST(taking),          TEST(another_set),          TEST(waiting),
    TEST(inherited),     TEST(of_a_timer),      TEST(process_errors),       TEST(end_of_a_process),
    TEST(by_directory),  TEST(wait_with_epoll), TEST(without_waiting),      TEST(get_a_file),
    TEST(made_by_clone), TEST(other_targets),   TEST(memory_of_the_killed),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
