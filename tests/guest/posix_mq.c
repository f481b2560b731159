/* POSIX message queues (mq_overview(7)). */
#include "tap.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES 4
#define SIZE     64

static char text[9000];

/* A queue of this process only. */
static mqd_t make(int flags)
{
    struct mq_attr attributes = {.mq_maxmsg = MESSAGES, .mq_msgsize = SIZE};
    char name[64];

    snprintf(name, sizeof(name), "/queue-%d", getpid());
    mqd_t queue = expect_ok(mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &attributes));
    expect_ok(mq_unlink(name));
    return queue;
}

static struct timespec after(long milliseconds)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    long nanoseconds = now.tv_nsec + milliseconds * 1000000;
    return (struct timespec){now.tv_sec + nanoseconds / 1000000000, nanoseconds % 1000000000};
}

/* The highest priority first, and of one priority the oldest. */
static void order(void)
{
    static const char *const sent[] = {"low", "high", "second", "urgent"};
    static const unsigned priorities[] = {0, 7, 7, 32767};
    static const int expected[] = {3, 1, 2, 0};
    mqd_t queue = make(O_NONBLOCK);
    struct mq_attr attributes;
    unsigned priority;

    for (size_t i = 0; i < COUNT_OF(sent); i++)
        expect_ok(mq_send(queue, sent[i], strlen(sent[i]), priorities[i]));
    expect_errno(mq_send(queue, "x", 1, 0), EAGAIN);
    expect_ok(mq_getattr(queue, &attributes));
    CHECK(attributes.mq_curmsgs == 4 && attributes.mq_maxmsg == MESSAGES);
    CHECK(attributes.mq_msgsize == SIZE && attributes.mq_flags == O_NONBLOCK);
    for (size_t i = 0; i < COUNT_OF(sent); i++) {
        const char *message = sent[expected[i]];
        CHECK_EQ(mq_receive(queue, text, SIZE, &priority), (ssize_t)strlen(message));
        CHECK(memcmp(text, message, strlen(message)) == 0);
        CHECK_EQ(priority, priorities[expected[i]]);
    }
    expect_errno(mq_receive(queue, text, SIZE, NULL), EAGAIN);
}

static void errors_of_messages(void)
{
    mqd_t queue = make(0);
    struct timespec bad = {0, 1000000000}, past = {0, 0};

    expect_errno(mq_send(queue, text, SIZE + 1, 0), EMSGSIZE);
    expect_errno(mq_send(queue, text, 1, 32768), EINVAL);
    expect_errno(mq_send(queue, (char *)-1, 1, 0), EFAULT);
    expect_errno(mq_send(-1, text, 1, 0), EBADF);
    expect_errno(mq_send(expect_ok(open("/dev/null", O_RDWR)), text, 1, 0), EBADF);
    expect_errno(mq_receive(queue, text, SIZE - 1, NULL), EMSGSIZE);
    expect_errno(mq_timedreceive(queue, text, SIZE, NULL, &bad), EINVAL);
    expect_errno(mq_timedreceive(queue, text, SIZE, NULL, &past), ETIMEDOUT);
    expect_ok(mq_send(queue, text, 0, 0));
    CHECK_EQ(mq_receive(queue, text, SIZE, NULL), 0);
}

static void errors_of_names(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 0, .mq_msgsize = 10};
    char name[300] = "/";

    expect_errno(mq_open("/absent", O_RDONLY), ENOENT);
    expect_errno(mq_open("/a/b", O_CREAT | O_RDONLY, 0600, NULL), EACCES);
    expect_errno(mq_open("/", O_CREAT | O_RDONLY, 0600, NULL), ENOENT);
    memset(name + 1, 'n', 256);
    expect_errno(mq_open(name, O_CREAT | O_RDONLY, 0600, NULL), ENAMETOOLONG);
    expect_errno(mq_open("/none", O_CREAT | O_RDONLY, 0600, &attributes), EINVAL);
    attributes = (struct mq_attr){.mq_maxmsg = 65537, .mq_msgsize = 10};
    expect_errno(mq_open("/none", O_CREAT | O_RDONLY, 0600, &attributes), EINVAL);
    expect_errno(mq_unlink("/none"), ENOENT);
}

/* One name, two processes; it goes, and the queue stays for who has it. */
static void names(void)
{
    char name[64];

    snprintf(name, sizeof(name), "/named-%d", getpid());
    mqd_t queue = expect_ok(mq_open(name, O_CREAT | O_RDWR, 0640, NULL));
    CHECK_EQ(fcntl(queue, F_GETFD), FD_CLOEXEC);
    expect_errno(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
    mqd_t writer = expect_ok(mq_open(name, O_WRONLY)), reader = expect_ok(mq_open(name, O_RDONLY));
    expect_errno(mq_send(reader, "x", 1, 0), EBADF);
    expect_errno(mq_receive(writer, text, 8192, NULL), EBADF);
    pid_t child = fork();
    if (child == 0) {
        expect_ok(setgid(65534));
        expect_ok(setuid(65534));
        expect_errno(mq_open(name, O_RDONLY), EACCES);
        expect_errno(mq_unlink(name), EACCES); /* the library's word for EPERM */
        expect_ok(mq_send(writer, "inherited", 9, 1));
        _exit(0);
    }
    expect_exited(reap(child), 0);
    expect_ok(mq_unlink(name));
    expect_errno(mq_open(name, O_RDONLY), ENOENT);
    CHECK_EQ(mq_receive(reader, text, 8192, NULL), 9);
    CHECK(memcmp(text, "inherited", 9) == 0);
}

static void limits(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    struct rlimit limit = {10000, 10000};

    expect_ok(setrlimit(RLIMIT_MSGQUEUE, &limit));
    expect_errno(mq_open("/large", O_CREAT | O_RDWR, 0600, &attributes), EMFILE);
    expect_ok(setgid(65534));
    expect_ok(setuid(65534));
    attributes.mq_maxmsg = 11;
    expect_errno(mq_open("/large", O_CREAT | O_RDWR, 0600, &attributes), EINVAL);
    attributes = (struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 8193};
    expect_errno(mq_open("/large", O_CREAT | O_RDWR, 0600, &attributes), EINVAL);
}

/* A queue that cannot be opened is not made. */
static void no_descriptor(void)
{
    struct rlimit limit, none;

    expect_ok(getrlimit(RLIMIT_NOFILE, &limit));
    none = (struct rlimit){0, limit.rlim_max};
    expect_ok(setrlimit(RLIMIT_NOFILE, &none));
    expect_errno(mq_open("/unopened", O_CREAT | O_RDWR, 0600, NULL), EMFILE);
    expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    expect_errno(mq_unlink("/unopened"), ENOENT);
}

/* A receiver waits until the sender has sent; a sender until there is room. */
static void waiting(void)
{
    mqd_t queue = make(0);
    unsigned priority;
    struct timespec soon;
    pid_t child = fork();

    if (child == 0) {
        for (int i = 0; i < 3 * MESSAGES; i++)
            expect_ok(mq_send(queue, (char *)&i, sizeof(i), 5));
        _exit(0);
    }
    for (int i = 0, got; i < 3 * MESSAGES; i++) {
        CHECK_EQ(mq_receive(queue, text, SIZE, &priority), (ssize_t)sizeof(got));
        memcpy(&got, text, sizeof(got));
        CHECK(got == i && priority == 5);
    }
    expect_exited(reap(child), 0);
    soon = after(20);
    expect_errno(mq_timedreceive(queue, text, SIZE, NULL, &soon), ETIMEDOUT);
    for (int i = 0; i < MESSAGES; i++)
        expect_ok(mq_send(queue, "x", 1, 0));
    soon = after(20);
    expect_errno(mq_timedsend(queue, "x", 1, 0, &soon), ETIMEDOUT);
}

static void nothing(int number)
{
    (void)number;
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = nothing};
    mqd_t queue = make(0);

    expect_ok(sigaction(SIGALRM, &action, NULL));
    ualarm(20000, 20000);
    expect_errno(mq_receive(queue, text, SIZE, NULL), EINTR);
}

/* One process is told, once, of a message that comes into the empty queue. */
static void notification(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct timespec second = {10, 0}, no_time = {0, 0};
    mqd_t queue = make(0);
    siginfo_t information;
    sigset_t set;

    event.sigev_value.sival_int = 77;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    expect_ok(mq_notify(queue, &event));
    expect_errno(mq_notify(queue, &event), EBUSY);
    pid_t child = fork();
    if (child == 0) {
        expect_errno(mq_notify(queue, &event), EBUSY);
        expect_ok(mq_send(queue, "x", 1, 0));
        _exit(0);
    }
    CHECK_EQ(sigtimedwait(&set, &information, &second), SIGUSR1);
    CHECK(information.si_code == SI_MESGQ && information.si_pid == child);
    CHECK_EQ(information.si_value.sival_int, 77);
    expect_exited(reap(child), 0);
    expect_ok(mq_notify(queue, &event)); /* it is not empty: nothing comes */
    expect_ok(mq_send(queue, "x", 1, 0));
    expect_errno(sigtimedwait(&set, NULL, &no_time), EAGAIN);
    expect_ok(mq_notify(queue, NULL));
    expect_ok(mq_notify(queue, &event));
    expect_ok(mq_notify(queue, NULL));
    event.sigev_signo = 99;
    expect_errno(mq_notify(queue, &event), EINVAL);
    expect_errno(mq_notify(-1, NULL), EBADF);
}

/* Who was to be told has died: somebody else can be. */
static void told_and_dead(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    mqd_t queue = make(0);
    pid_t child = fork();

    if (child == 0) {
        expect_ok(mq_notify(queue, &event));
        _exit(0);
    }
    expect_exited(reap(child), 0);
    expect_ok(mq_notify(queue, &event));
}

static void polled(void)
{
    mqd_t queue = make(0);
    struct pollfd entry = {.fd = queue, .events = POLLIN | POLLOUT};
    struct mq_attr attributes = {.mq_flags = O_NONBLOCK}, old;

    CHECK_EQ(poll(&entry, 1, 0), 1);
    CHECK_EQ(entry.revents, POLLOUT);
    for (int i = 0; i < MESSAGES; i++)
        expect_ok(mq_send(queue, "x", 1, 0));
    CHECK_EQ(poll(&entry, 1, 0), 1);
    CHECK_EQ(entry.revents, POLLIN);
    expect_ok(mq_setattr(queue, &attributes, &old));
    CHECK(old.mq_flags == 0 && old.mq_curmsgs == MESSAGES);
    CHECK(fcntl(queue, F_GETFL) & O_NONBLOCK);
    attributes.mq_flags = O_APPEND;
    expect_errno(mq_setattr(queue, &attributes, NULL), EINVAL);
}

static const struct test tests[] = {
    TEST(order),           TEST(errors_of_messages),
    TEST(errors_of_names), TEST(names),
    TEST(limits),          TEST(no_descriptor),
    TEST(waiting),         TEST(interrupted),
    TEST(notification),    TEST(polled),
    TEST(told_and_dead),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
