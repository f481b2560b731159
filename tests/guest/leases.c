/* Leases: F_SETLEASE, F_GETLEASE, and what breaks them (fcntl(2)); hints, and who set the owner. */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

#define USER 54321

static siginfo_t information;

static void block(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

static int wait_for(int number, long seconds)
{
    struct timespec time = {seconds, 0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    return sigtimedwait(&set, &information, &time);
}

/* A new file, opened so. */
static int new_file(int flags)
{
    write_file("leased", "text", 0600);
    return expect_ok(open("leased", flags));
}

static void set_break_time(const char *seconds)
{
    int fd = open("/proc/sys/fs/lease-break-time", O_WRONLY);

    if (fd == -1)
        skip("needs the privilege to set lease-break-time");
    write_all(fd, seconds, strlen(seconds));
    close(fd);
}

static void taking(void)
{
    int fd = new_file(O_RDWR), other;

    CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
    expect_errno(fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
    expect_errno(fcntl(fd, F_SETLEASE, F_RDLCK), EAGAIN);
    expect_ok(fcntl(fd, F_SETLEASE, F_WRLCK));
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
    CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
    expect_errno(fcntl(fd, F_SETLEASE, F_RDLCK), EAGAIN);
    other = expect_ok(dup(fd));
    CHECK_EQ(fcntl(other, F_GETLEASE), F_WRLCK);
    close(fd);
    CHECK_EQ(fcntl(other, F_GETLEASE), F_WRLCK);
    expect_ok(fcntl(other, F_SETLEASE, F_UNLCK));
    CHECK_EQ(fcntl(other, F_GETLEASE), F_UNLCK);
    CHECK_EQ(fcntl(other, F_GETOWN), 0);
}

static void sharing(void)
{
    int first = new_file(O_RDONLY), second;

    expect_ok(fcntl(first, F_SETLEASE, F_WRLCK));
    expect_ok(fcntl(first, F_SETLEASE, F_RDLCK));
    second = expect_ok(open("leased", O_RDONLY));
    expect_ok(fcntl(second, F_SETLEASE, F_RDLCK));
    expect_errno(fcntl(first, F_SETLEASE, F_WRLCK), EAGAIN);
    close(second);
    expect_ok(fcntl(first, F_SETLEASE, F_WRLCK));
    expect_ok(fcntl(first, F_SETLEASE, F_UNLCK));
    second = expect_ok(open("leased", O_WRONLY));
    expect_errno(fcntl(first, F_SETLEASE, F_RDLCK), EAGAIN);
    expect_errno(fcntl(first, F_SETLEASE, F_WRLCK), EAGAIN);
    expect_errno(fcntl(second, F_SETLEASE, F_WRLCK), EAGAIN);
    close(first);
    expect_ok(fcntl(second, F_SETLEASE, F_WRLCK));
}

static void refused(void)
{
    int fd = new_file(O_RDONLY), directory = expect_ok(open(".", O_RDONLY)), ends[2];

    expect_ok(pipe(ends));
    expect_errno(fcntl(fd, F_SETLEASE, 7), EINVAL);
    expect_errno(fcntl(directory, F_SETLEASE, F_RDLCK), EINVAL);
    expect_errno(fcntl(ends[0], F_SETLEASE, F_UNLCK), EINVAL);
    CHECK_EQ(fcntl(ends[0], F_GETLEASE), F_UNLCK);
    close(fd);
    fd = expect_ok(open("leased", O_PATH));
    expect_errno(fcntl(fd, F_GETLEASE), EBADF);
    if (geteuid())
        return;
    fd = expect_ok(open("leased", O_RDONLY));
    expect_ok(setresuid(USER, USER, USER));
    expect_errno(fcntl(fd, F_SETLEASE, F_RDLCK), EACCES);
    expect_errno(fcntl(fd, F_SETLEASE, F_UNLCK), EACCES);
    expect_errno(fcntl(directory, F_SETLEASE, F_RDLCK), EACCES);
    expect_errno(fcntl(fd, F_SETLEASE, 7), EINVAL);
}

/* The breaker does not wait; the holder is told once, of the descriptor that took the lease. */
static void not_waiting(void)
{
    int fd = new_file(O_RDONLY);

    block(SIGRTMIN);
    expect_ok(fcntl(fd, F_SETSIG, SIGRTMIN));
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    close(expect_ok(open("leased", O_RDONLY | O_NONBLOCK)));
    CHECK_EQ(wait_for(SIGRTMIN, 0), -1);
    expect_errno(open("leased", O_WRONLY | O_NONBLOCK), EAGAIN);
    CHECK_EQ(wait_for(SIGRTMIN, 10), SIGRTMIN);
    CHECK_EQ(information.si_fd, fd);
    CHECK_EQ(information.si_code, POLL_MSG);
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
    expect_errno(open("leased", O_RDWR | O_NONBLOCK), EAGAIN);
    CHECK_EQ(wait_for(SIGRTMIN, 0), -1);
    expect_ok(fcntl(fd, F_SETLEASE, F_UNLCK));
    CHECK_EQ(fcntl(fd, F_GETSIG), 0);
    close(expect_ok(open("leased", O_WRONLY | O_NONBLOCK)));
}

static void downgrading(void)
{
    int fd = new_file(O_RDONLY), other;

    block(SIGIO);
    expect_ok(fcntl(fd, F_SETLEASE, F_WRLCK));
    expect_errno(open("leased", O_RDONLY | O_NONBLOCK), EAGAIN);
    CHECK_EQ(wait_for(SIGIO, 10), SIGIO);
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_RDLCK);
    expect_errno(open("leased", O_RDONLY | O_NONBLOCK), EAGAIN);
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    other = expect_ok(open("leased", O_RDONLY | O_NONBLOCK));
    CHECK_EQ(wait_for(SIGIO, 0), -1);
    close(other);
}

static void open_for_writing(void *argument)
{
    int fd = expect_ok(open("leased", O_WRONLY | (int)(intptr_t)argument));

    write_all(fd, "more", 4);
}

static void truncate_it(void *argument)
{
    (void)argument;
    expect_ok(truncate("leased", 1));
}

/* The breaker goes on when the lease is given up, by whatever means. */
static void waiting(void)
{
    int fd = new_file(O_RDONLY);
    pid_t pid;

    block(SIGIO);
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    pid = spawn(open_for_writing, (void *)O_TRUNC);
    CHECK_EQ(wait_for(SIGIO, 20), SIGIO);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 4);
    expect_ok(fcntl(fd, F_SETLEASE, F_UNLCK));
    expect_exited(reap(pid), 0);
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    pid = spawn(truncate_it, NULL);
    CHECK_EQ(wait_for(SIGIO, 20), SIGIO);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 4);
    /* The child has inherited the open file: it ends with the last descriptor. */
    expect_ok(fcntl(fd, F_SETLEASE, F_UNLCK));
    expect_exited(reap(pid), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 1);
    expect_ok(truncate("leased", 0));
    expect_ok(ftruncate(expect_ok(open("leased", O_RDWR)), 3));
}

static void on_alarm(int number)
{
    (void)number;
}

static void be_interrupted(void *argument)
{
    struct sigaction action = {.sa_handler = on_alarm};

    (void)argument;
    expect_ok(sigaction(SIGALRM, &action, NULL));
    expect_ok(kill(getppid(), SIGUSR1));
    expect_errno(open("leased", O_WRONLY), EINTR);
}

static void interrupted(void)
{
    int fd = new_file(O_RDONLY);

    block(SIGIO);
    block(SIGUSR1);
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    pid_t pid = spawn(be_interrupted, NULL);
    CHECK_EQ(wait_for(SIGIO, 20), SIGIO);
    /* It is told before it sleeps, so one signal may come too early. */
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        kill(pid, SIGALRM);
        usleep(10000);
    }
    expect_exited(status, 0);
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
    expect_ok(fcntl(fd, F_SETLEASE, F_UNLCK));
}

/* A holder that does nothing loses its lease. */
static void forced(void)
{
    int fd = new_file(O_RDONLY);

    block(SIGIO);
    set_break_time("1");
    expect_ok(fcntl(fd, F_SETLEASE, F_WRLCK));
    close(expect_ok(open("leased", O_RDONLY)));
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_RDLCK);
    close(expect_ok(open("leased", O_WRONLY)));
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
    expect_errno(fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
    set_break_time("45");
}

static void listed(void)
{
    int fd = new_file(O_RDONLY);
    char text[8192], line[64];

    block(SIGIO);
    expect_ok(fcntl(fd, F_SETLEASE, F_RDLCK));
    snprintf(line, sizeof(line), "LEASE  ACTIVE    READ %d ", getpid());
    read_file("/proc/locks", text, sizeof(text));
    CHECK(strstr(text, line));
    expect_errno(open("leased", O_WRONLY | O_NONBLOCK), EAGAIN);
    read_file("/proc/locks", text, sizeof(text));
    CHECK(strstr(text, "LEASE  BREAKING  UNLCK "));
}

static void hints(void)
{
    uint64_t hint = 99;
    int fd = new_file(O_RDONLY), other = expect_ok(open("leased", O_RDONLY));

    expect_ok(fcntl(fd, F_GET_RW_HINT, &hint));
    CHECK_EQ(hint, 0);
    hint = 5;
    expect_ok(fcntl(fd, F_SET_RW_HINT, &hint));
    hint = 6;
    expect_errno(fcntl(fd, F_SET_RW_HINT, &hint), EINVAL);
    expect_ok(fcntl(other, F_GET_RW_HINT, &hint));
    CHECK_EQ(hint, 5);
    expect_errno(fcntl(fd, F_GET_RW_HINT, -1l), EFAULT);
    expect_errno(fcntl(fd, F_SET_RW_HINT, -1l), EFAULT);
    if (geteuid())
        return;
    expect_ok(setresuid(USER, USER, USER));
    expect_errno(fcntl(fd, F_SET_RW_HINT, -1l), EPERM);
}

static void owner_users(void)
{
    int fd = new_file(O_RDONLY);
    uid_t users[2] = {9, 9};

    expect_ok(fcntl(fd, F_GETOWNER_UIDS, users));
    CHECK(users[0] == 0 && users[1] == 0);
    if (geteuid() == 0)
        expect_ok(setresuid(USER, USER + 1, 0));
    expect_ok(fcntl(fd, F_SETOWN, getpid()));
    expect_ok(fcntl(fd, F_GETOWNER_UIDS, users));
    CHECK(users[0] == getuid() && users[1] == geteuid());
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(taking),      TEST(sharing), TEST(refused),     TEST(not_waiting),
        TEST(downgrading), TEST(waiting), TEST(interrupted), TEST(forced),
        TEST(listed),      TEST(hints),   TEST(owner_users),
    };

    return TAP_MAIN(argc, argv, tests);
}
