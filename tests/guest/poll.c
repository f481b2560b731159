/* poll, ppoll, select and pselect: what each kind of file says, time left, masks, large sets. */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ALL (POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND)

static int ends[2];

static int events_of(int fd, short events)
{
    struct pollfd poller = {.fd = fd, .events = events, .revents = 0x7fff};
    int count = expect_ok(poll(&poller, 1, 0));
    CHECK_EQ(count, poller.revents != 0);
    return poller.revents;
}

static long now(void)
{
    struct timespec time;
    expect_ok(clock_gettime(CLOCK_MONOTONIC, &time));
    return time.tv_sec * 1000000000l + time.tv_nsec;
}

static void files(void)
{
    int file = pattern_file("file", 1);

    CHECK_EQ(events_of(file, ALL), POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    CHECK_EQ(events_of(file, POLLIN), POLLIN);
    CHECK_EQ(events_of(file, 0), 0);
    CHECK_EQ(events_of(expect_ok(open(".", O_RDONLY)), POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQ(events_of(expect_ok(open("/dev/null", O_RDWR)), POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQ(events_of(expect_ok(open("/dev/zero", O_RDWR)), POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQ(events_of(expect_ok(open("file", O_PATH)), POLLIN), POLLNVAL);
    CHECK_EQ(events_of(1000, 0), POLLNVAL);
    CHECK_EQ(events_of(-1, POLLIN), 0);
}

static void pipes(void)
{
    static char block[65536];

    expect_ok(pipe(ends));
    CHECK_EQ(events_of(ends[0], ALL), 0);
    CHECK_EQ(events_of(ends[1], ALL), POLLOUT | POLLWRNORM);
    write_all(ends[1], block, sizeof(block));
    CHECK_EQ(events_of(ends[0], ALL), POLLIN | POLLRDNORM);
    CHECK_EQ(events_of(ends[1], ALL), 0);
    read_all(ends[0], block, 4096);
    CHECK_EQ(events_of(ends[1], ALL), POLLOUT | POLLWRNORM);
    expect_ok(close(ends[1]));
    CHECK_EQ(events_of(ends[0], ALL), POLLIN | POLLRDNORM | POLLHUP);
    read_all(ends[0], block, 65536 - 4096);
    CHECK_EQ(events_of(ends[0], ALL), POLLHUP);
    CHECK_EQ(events_of(ends[0], 0), POLLHUP);
    expect_ok(pipe(ends));
    expect_ok(close(ends[0]));
    CHECK_EQ(events_of(ends[1], 0), POLLERR);
    CHECK_EQ(events_of(ends[1], ALL), POLLOUT | POLLWRNORM | POLLERR);
}

/* A FIFO that had no writer yet says nothing; one that lost it, that it has hung up. */
static void fifos(void)
{
    expect_ok(mkfifo("fifo", 0600));
    int reader = expect_ok(open("fifo", O_RDONLY | O_NONBLOCK));
    CHECK_EQ(events_of(reader, ALL), 0);
    int writer = expect_ok(open("fifo", O_WRONLY));
    CHECK_EQ(events_of(reader, ALL), 0);
    expect_ok(close(writer));
    CHECK_EQ(events_of(reader, ALL), POLLHUP);
    writer = expect_ok(open("fifo", O_WRONLY));
    CHECK_EQ(events_of(reader, ALL), 0);
    int both = expect_ok(open("fifo", O_RDWR));
    CHECK_EQ(events_of(both, ALL), POLLOUT | POLLWRNORM);
}

static void sockets(void)
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1)
        skip("no local sockets");
    CHECK_EQ(events_of(ends[0], POLLIN | POLLOUT | POLLRDHUP), POLLOUT);
    write_all(ends[1], "x", 1);
    CHECK_EQ(events_of(ends[0], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT);
    expect_ok(shutdown(ends[1], SHUT_WR));
    CHECK_EQ(events_of(ends[0], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
    expect_ok(close(ends[1]));
    CHECK_EQ(events_of(ends[0], POLLRDHUP), POLLHUP | POLLRDHUP);
}

static void errors(void)
{
    struct pollfd poller = {.fd = 0, .events = POLLIN};
    struct timespec bad = {0, 1000000000};
    struct rlimit limit = {10, 10};

    expect_errno(ppoll(&poller, 1, &bad, NULL), EINVAL);
    expect_errno(syscall(SYS_ppoll, &poller, 1, NULL, &poller, 4), EINVAL);
    expect_errno(syscall(SYS_ppoll, 8, 1, NULL, NULL, 8), EFAULT);
    expect_errno(select(-1, NULL, NULL, NULL, NULL), EINVAL);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(40, &set);
    expect_errno(select(41, &set, NULL, NULL, NULL), EBADF);
    expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    expect_errno(syscall(SYS_ppoll, &poller, 11, NULL, NULL, 8), EINVAL);
    CHECK_EQ(poll(NULL, 0, 0), 0);
}

/* Entries that cross pages, at any alignment; nothing but their results is written. */
static void across_pages(void)
{
    enum { COUNT = 600 };
    struct rlimit limit = {1024, 1024};
    struct pollfd entry;
    int ends[2];

    expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    expect_ok(pipe(ends));
    for (size_t shift = 0; shift < sizeof(entry); shift++) {
        char *memory = map_pages(3), *entries = memory + PAGE - 80 - shift;
        for (int i = 0; i < COUNT; i++) {
            entry = (struct pollfd){i % 3 == 0 ? ends[1] : i % 3 == 1 ? -1 : 999, POLLOUT, 7};
            memcpy(entries + (size_t)i * sizeof(entry), &entry, sizeof(entry));
        }
        CHECK_EQ(syscall(SYS_ppoll, entries, COUNT, NULL, NULL, 8), COUNT / 3 * 2);
        for (int i = 0; i < COUNT; i++) {
            memcpy(&entry, entries + (size_t)i * sizeof(entry), sizeof(entry));
            CHECK_EQ(entry.fd, i % 3 == 0 ? ends[1] : i % 3 == 1 ? -1 : 999);
            CHECK_EQ(entry.events, POLLOUT);
            CHECK_EQ(entry.revents, i % 3 == 0 ? POLLOUT : i % 3 == 1 ? 0 : POLLNVAL);
        }
        expect_ok(mprotect(memory + PAGE, PAGE, PROT_READ));
        expect_errno(syscall(SYS_ppoll, entries, COUNT, NULL, NULL, 8), EFAULT);
        expect_ok(munmap(memory, 3 * PAGE));
    }
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static void handle(int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    expect_ok(sigaction(number, &action, NULL));
}

static void signal_late(void *argument)
{
    usleep(30000);
    kill(getppid(), (int)(intptr_t)argument);
}

static void timeouts(void)
{
    struct timespec duration = {0, 20000000};
    struct pollfd poller;

    expect_ok(pipe(ends));
    poller = (struct pollfd){.fd = ends[0], .events = POLLIN};
    long before = now();
    CHECK_EQ(poll(&poller, 1, 20), 0);
    CHECK_EQ(ppoll(&poller, 1, &duration, NULL), 0);
    CHECK_EQ(poll(NULL, 0, 20), 0);
    CHECK(now() - before >= 60000000);
    /* The system call stores what is left; SA_RESTART does not restart it. */
    handle(SIGUSR1);
    pid_t pid = spawn(signal_late, (void *)SIGUSR1);
    duration = (struct timespec){1000, 0};
    expect_errno(syscall(SYS_ppoll, &poller, 1, &duration, NULL, 8), EINTR);
    CHECK(duration.tv_sec >= 900 && duration.tv_sec < 1000);
    expect_exited(reap(pid), 0);
    write_all(ends[1], "x", 1);
    duration = (struct timespec){1000, 0};
    CHECK_EQ(syscall(SYS_ppoll, &poller, 1, &duration, NULL, 8), 1);
    CHECK(duration.tv_sec >= 900);
}

/* The mask is in force during the wait and no longer: what it lets in ends the wait. */
static void masks(void)
{
    sigset_t blocked, none, after;
    struct timespec zero = {0, 0};

    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    handle(SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &blocked, NULL));
    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(caught, 0);
    expect_errno(ppoll(NULL, 0, NULL, &none), EINTR);
    CHECK_EQ(caught, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, NULL, &after));
    CHECK(sigismember(&after, SIGUSR1));
    caught = 0;
    expect_ok(kill(getpid(), SIGUSR1));
    expect_errno(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
    CHECK_EQ(caught, SIGUSR1);
    caught = 0;
    CHECK_EQ(ppoll(NULL, 0, &zero, &blocked), 0);
    /* Also if there is no wait: but what is ready comes first. */
    expect_ok(pipe(ends));
    struct pollfd poller = {.fd = ends[0], .events = POLLIN};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    expect_ok(kill(getpid(), SIGUSR1));
    expect_errno(ppoll(&poller, 1, &zero, &none), EINTR);
    CHECK_EQ(caught, SIGUSR1);
    caught = 0;
    expect_ok(kill(getpid(), SIGUSR1));
    expect_errno(pselect(ends[0] + 1, &set, NULL, NULL, &zero, &none), EINTR);
    CHECK_EQ(caught, SIGUSR1);
    CHECK(FD_ISSET(ends[0], &set));
    caught = 0;
    write_all(ends[1], "x", 1);
    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(ppoll(&poller, 1, &zero, &none), 1);
    CHECK_EQ(pselect(ends[0] + 1, &set, NULL, NULL, &zero, &none), 1);
    CHECK_EQ(caught, 0);
    expect_ok(sigprocmask(SIG_BLOCK, NULL, &after));
    CHECK(sigismember(&after, SIGUSR1));
}

static void stop_and_continue(void *argument)
{
    (void)argument;
    usleep(20000);
    kill(getppid(), SIGSTOP);
    usleep(20000);
    kill(getppid(), SIGCONT);
}

/* Stopped and continued, the wait goes on to its end. */
static void waits_in_child(void *argument)
{
    (void)argument;
    pid_t pid = spawn(stop_and_continue, NULL);
    long before = now();
    CHECK_EQ(poll(NULL, 0, 100), 0);
    CHECK(now() - before >= 100000000);
    expect_exited(reap(pid), 0);
}

static void stopped(void)
{
    expect_child_ok(waits_in_child, NULL);
}

static void selecting(void)
{
    fd_set readers, writers, others;
    struct timeval duration = {0, 20000};
    int file = pattern_file("file", 1);

    expect_ok(pipe(ends));
    FD_ZERO(&readers);
    FD_SET(ends[0], &readers);
    FD_SET(file, &readers);
    FD_ZERO(&writers);
    FD_SET(ends[1], &writers);
    FD_SET(file, &writers);
    FD_ZERO(&others);
    FD_SET(ends[0], &others);
    CHECK_EQ(select(64, &readers, &writers, &others, NULL), 3);
    CHECK(FD_ISSET(file, &readers) && !FD_ISSET(ends[0], &readers));
    CHECK(FD_ISSET(file, &writers) && FD_ISSET(ends[1], &writers));
    CHECK(!FD_ISSET(ends[0], &others));
    FD_ZERO(&readers);
    FD_SET(ends[0], &readers);
    long before = now();
    CHECK_EQ(select(64, &readers, NULL, NULL, &duration), 0);
    CHECK(now() - before >= 20000000);
    CHECK(!FD_ISSET(ends[0], &readers));
    CHECK_EQ(duration.tv_sec, 0);
    CHECK_EQ(duration.tv_usec, 0);
    expect_ok(close(ends[1])); /* the end of the file can be read */
    FD_SET(ends[0], &readers);
    CHECK_EQ(select(64, &readers, NULL, NULL, NULL), 1);
}

static void write_late(void *argument)
{
    usleep(30000);
    write_all((int)(intptr_t)argument, "x", 1);
}

static void many(void)
{
    enum { COUNT = 10000 };
    struct rlimit limit = {COUNT + 100, COUNT + 100};
    struct pollfd *pollers = calloc(COUNT, sizeof(*pollers));

    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        skip("no more descriptors: %s", error_name(errno));
    CHECK(pollers != NULL);
    expect_ok(pipe(ends));
    int other[2];
    expect_ok(pipe(other));
    for (int i = 0; i < COUNT; i++) {
        int fd = i == 7777 ? other[0] : expect_ok(dup(ends[0]));
        pollers[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    CHECK_EQ(poll(pollers, COUNT, 0), 0);
    pid_t pid = spawn(write_late, (void *)(intptr_t)other[1]);
    CHECK_EQ(poll(pollers, COUNT, -1), 1);
    CHECK_EQ(pollers[7777].revents, POLLIN);
    expect_exited(reap(pid), 0);
    write_all(ends[1], "x", 1);
    CHECK_EQ(poll(pollers, COUNT, -1), COUNT);
}

static const struct test tests[] = {
    TEST(files),    TEST(pipes), TEST(fifos),   TEST(sockets),   TEST(errors), TEST(across_pages),
    TEST(timeouts), TEST(masks), TEST(stopped), TEST(selecting), TEST(many),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
