/*
 * Urgent data of streams, of TCP and of AF_UNIX: MSG_OOB, the mark, SO_OOBINLINE, SIGURG, POLLPRI.
 */
#include "inet.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static int ends[2]; /* what is sent to the first is received from the second */
static volatile sig_atomic_t urged;

static void note(int number)
{
    (void)number;
    urged++;
}

static void connect_ends(bool local)
{
    if (local) {
        expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    } else {
        int listener = expect_ok(socket(AF_INET, SOCK_STREAM, 0));
        union address address;
        socklen_t size = sizeof(address);
        expect_ok(bind_to(listener, LOOPBACK, 0));
        expect_ok(listen(listener, 1));
        expect_ok(getsockname(listener, &address.any, &size));
        ends[0] = expect_ok(socket(AF_INET, SOCK_STREAM, 0));
        expect_ok(connect_to(ends[0], LOOPBACK, port_of(&address)));
        ends[1] = expect_ok(accept(listener, NULL, NULL));
        expect_ok(close(listener));
    }
    expect_ok(fcntl(ends[1], F_SETFL, O_NONBLOCK));
}

/* Send, and wait until the last byte is there. */
static void send_urgent(const char *text)
{
    struct pollfd readable = {.fd = ends[1], .events = POLLPRI};

    CHECK_EQ(send(ends[0], text, strlen(text), MSG_OOB), strlen(text));
    CHECK_EQ(poll(&readable, 1, -1), 1);
}

static void send_more(const char *text)
{
    CHECK_EQ(send(ends[0], text, strlen(text), 0), strlen(text));
    usleep(1000); /* TCP of Linux may hand it over a little later */
}

#define expect_received(flags, expected) check_received(flags, expected, __LINE__)

static void check_received(int flags, const char *expected, int line)
{
    char text[32] = "";
    ssize_t got = recv(ends[1], text, sizeof(text) - 1, flags);

    if (got != (ssize_t)strlen(expected) || strcmp(text, expected) != 0)
        fail("%s:%d: %zd \"%s\", expected \"%s\"", __FILE__, line, got, text, expected);
}

static bool at_mark(void)
{
    int is;

    expect_ok(ioctl(ends[1], SIOCATMARK, &is));
    return is;
}

static int ready(void)
{
    struct pollfd poller = {.fd = ends[1], .events = POLLIN | POLLPRI};

    expect_ok(poll(&poller, 1, 0));
    return poller.revents;
}

static void set_inline(int on)
{
    expect_ok(setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)));
}

static void the_mark(bool local)
{
    char byte;

    connect_ends(local);
    expect_errno(recv(ends[1], &byte, 1, MSG_OOB), EINVAL);
    CHECK(!at_mark());
    send_urgent("hello");
    send_more("world");
    CHECK_EQ(ready(), POLLIN | POLLPRI);
    CHECK(!at_mark());
    expect_received(MSG_OOB | MSG_PEEK, "o");
    expect_received(MSG_PEEK, "hell");
    expect_received(0, "hell");
    CHECK(at_mark());
    expect_received(MSG_PEEK, "world");
    expect_received(MSG_OOB, "o");
    CHECK_EQ(ready(), POLLIN);
    CHECK(at_mark());
    expect_errno(recv(ends[1], &byte, 1, MSG_OOB), EINVAL);
    expect_received(0, "world");
    CHECK(!at_mark());
    CHECK_EQ(ready(), 0);
    /* A byte that nobody took is passed, and then gone. */
    send_urgent("abc");
    send_more("de");
    expect_received(MSG_WAITALL, "ab");
    CHECK_EQ(recv(ends[1], &byte, 1, 0), 1);
    CHECK_EQ(byte, 'd');
    CHECK(!at_mark());
    expect_errno(recv(ends[1], &byte, 1, MSG_OOB), EINVAL);
    expect_received(0, "e");
}

static void the_mark_last(bool local)
{
    char byte;

    connect_ends(local);
    send_urgent("x");
    CHECK(at_mark());
    CHECK_EQ(ready(), local ? POLLIN | POLLPRI : POLLPRI);
    expect_errno(recv(ends[1], &byte, 1, MSG_PEEK), EAGAIN);
    expect_errno(recv(ends[1], &byte, 1, 0), EAGAIN);
    CHECK(!at_mark());
    CHECK_EQ(ready(), 0);
    send_urgent("hello");
    expect_ok(close(ends[0]));
    expect_received(0, "hell");
    expect_received(MSG_OOB, "o");
    CHECK_EQ(recv(ends[1], &byte, 1, 0), 0);
}

/* The older of two is an ordinary byte; one that stands at the beginning of TCP's is lost. */
static void one_after_another(bool local)
{
    char byte;

    connect_ends(local);
    send_urgent("hello");
    send_urgent("world");
    usleep(1000);
    expect_received(MSG_OOB, "d");
    expect_received(0, "helloworl");
    CHECK(at_mark());
    expect_errno(recv(ends[1], &byte, 1, 0), EAGAIN);
    send_urgent("x");
    send_urgent("y");
    usleep(1000);
    expect_received(MSG_OOB, "y");
    if (local)
        expect_received(0, "x");
    expect_errno(recv(ends[1], &byte, 1, 0), EAGAIN);
    /* One that was taken. */
    send_urgent("ax");
    expect_received(MSG_OOB, "x");
    send_urgent("by");
    usleep(1000);
    expect_received(0, local ? "ab" : "axb");
    CHECK(at_mark());
}

static void in_line(bool local)
{
    char byte;
    int count;

    connect_ends(local);
    set_inline(1);
    send_urgent("hello");
    send_more("world");
    expect_errno(recv(ends[1], &byte, 1, MSG_OOB), EINVAL);
    expect_ok(ioctl(ends[1], FIONREAD, &count));
    CHECK_EQ(count, 10);
    expect_received(0, "hell");
    CHECK(at_mark());
    CHECK_EQ(ready(), POLLIN | POLLPRI);
    expect_received(0, "oworld");
    CHECK(!at_mark());
    CHECK_EQ(ready(), 0);
    /* Turned off in between, and on. */
    send_urgent("hello");
    send_more("world");
    set_inline(0);
    expect_ok(ioctl(ends[1], FIONREAD, &count));
    CHECK_EQ(count, local ? 10 : 4);
    expect_received(0, "hell");
    expect_received(MSG_OOB, "o");
    set_inline(1);
    expect_received(0, local ? "world" : "oworld");
}

static void of_nothing(bool local)
{
    struct iovec piece = {"", 0};
    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};

    connect_ends(local);
    if (local)
        expect_errno(send(ends[0], "", 0, MSG_OOB), EOPNOTSUPP);
    else
        CHECK_EQ(send(ends[0], "", 0, MSG_OOB), 0);
    send_urgent("x");
    if (!local) {
        CHECK_EQ(recvmsg(ends[1], &header, MSG_OOB), 0);
        CHECK_EQ(header.msg_flags & (MSG_OOB | MSG_TRUNC), MSG_OOB | MSG_TRUNC);
        CHECK(at_mark());
    }
    char byte;
    piece = (struct iovec){&byte, 1};
    send_urgent("y");
    CHECK_EQ(recvmsg(ends[1], &header, MSG_OOB), 1);
    CHECK(header.msg_flags & MSG_OOB);
    CHECK_EQ(byte, 'y');
}

static void signals(bool local)
{
    struct epoll_event wanted = {.events = EPOLLPRI | EPOLLET}, got;

    connect_ends(local);
    signal(SIGURG, note);
    urged = 0;
    send_urgent("a");
    CHECK_EQ(urged, 0); /* nobody owns the socket */
    expect_ok(fcntl(ends[1], F_SETOWN, getpid()));
    int set = expect_ok(epoll_create1(0));
    expect_ok(epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &wanted));
    CHECK_EQ(epoll_wait(set, &got, 1, 0), 1);
    CHECK_EQ(epoll_wait(set, &got, 1, 0), 0);
    CHECK_EQ(send(ends[0], "b", 1, MSG_OOB), 1);
    while (!urged)
        usleep(1000);
    CHECK_EQ(epoll_wait(set, &got, 1, -1), 1);
    CHECK_EQ(got.events, EPOLLPRI);
    CHECK_EQ(urged, 1);
    expect_received(MSG_OOB, "b");
    CHECK_EQ(epoll_wait(set, &got, 1, 0), 0);
}

static void reader(void *argument)
{
    char text[8] = "";

    (void)argument;
    expect_ok(fcntl(ends[1], F_SETFL, 0));
    CHECK_EQ(recv(ends[1], text, sizeof(text), 0), 2);
    CHECK_STRING(text, "in");
}

/* Who waits for bytes is not woken for good by one that is urgent. */
static void waiting(bool local)
{
    connect_ends(local);
    pid_t child = spawn(reader, NULL);
    CHECK_EQ(send(ends[0], "x", 1, MSG_OOB), 1);
    usleep(20000);
    CHECK_EQ(send(ends[0], "in", 2, 0), 2);
    expect_exited(reap(child), 0);
}

#define BOTH(function)                                                                             \
    static void function##_local(void)                                                             \
    {                                                                                              \
        function(true);                                                                            \
    }                                                                                              \
    static void function##_tcp(void)                                                               \
    {                                                                                              \
        function(false);                                                                           \
    }

BOTH(the_mark)
BOTH(the_mark_last)
BOTH(one_after_another)
BOTH(in_line)
BOTH(of_nothing)
BOTH(signals)
BOTH(waiting)

static void other_types(void)
{
    char byte;
    int is;

    expect_ok(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
    expect_errno(send(ends[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    expect_errno(recv(ends[1], &byte, 1, MSG_OOB), EOPNOTSUPP);
    expect_ok(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
    expect_errno(send(ends[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    expect_errno(recv(ends[1], &byte, 1, MSG_OOB), EOPNOTSUPP);
    CHECK_EQ(ioctl(ends[1], SIOCATMARK, &is), -1);
}

#define TEST_BOTH(function) TEST(function##_local), TEST(function##_tcp)

static const struct test tests[] = {
    TEST_BOTH(the_mark), TEST_BOTH(the_mark_last), TEST_BOTH(one_after_another),
    TEST_BOTH(in_line),  TEST_BOTH(of_nothing),    TEST_BOTH(signals),
    TEST_BOTH(waiting),  TEST(other_types),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
