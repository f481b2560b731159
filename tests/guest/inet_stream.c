/* TCP on the loopback interface: bytes, events, threads and many clients (tcp(7)). */
#include "inet.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>

static int ends[2];

static void receiving(void)
{
    struct timeval soon = {0, 20000};
    char buffer[20];
    int count;

    connection(ends);
    CHECK_EQ(send(ends[0], "0123456789", 10, MSG_MORE), 10);
    CHECK_EQ(send(ends[0], "abcdef", 6, 0), 6);
    CHECK_EQ(recv(ends[1], buffer, 16, MSG_WAITALL | MSG_PEEK), 16);
    CHECK(!memcmp(buffer, "0123456789abcdef", 16));
    expect_ok(ioctl(ends[1], FIONREAD, &count));
    CHECK_EQ(count, 16);
    CHECK_EQ(recv(ends[1], NULL, 4, MSG_TRUNC), 4); /* thrown away */
    CHECK_EQ(recv(ends[1], buffer, 2, 0), 2);
    CHECK(!memcmp(buffer, "45", 2));
    CHECK_EQ(recv(ends[1], buffer, 20, MSG_DONTWAIT), 10);
    expect_errno(recv(ends[1], buffer, 1, MSG_DONTWAIT), EAGAIN);
    expect_errno(recv(ends[1], buffer, 1, MSG_ERRQUEUE), EAGAIN);
    expect_errno(recv(ends[1], buffer, 1, MSG_OOB), EINVAL);
    expect_ok(ioctl(ends[0], TIOCOUTQ, &count));
    expect_ok(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
    expect_errno(recv(ends[1], buffer, 1, 0), EAGAIN);
    expect_ok(set_option(ends[1], SOL_SOCKET, SO_RCVLOWAT, 3));
    CHECK_EQ(send(ends[0], "12", 2, 0), 2);
    usleep(20000);
    CHECK_EQ(events_of(ends[1]), POLLOUT);
    CHECK_EQ(send(ends[0], "3", 1, 0), 1);
    CHECK_EQ(events_with(ends[1], POLLIN), POLLIN | POLLOUT);
    union address from;
    socklen_t size = sizeof(from);
    CHECK_EQ(recvfrom(ends[1], buffer, 20, 0, &from.any, &size), 3);
    CHECK_EQ(size, 0);
    /* An address is of no use, and ignored. */
    from = address_of("203.0.113.9", 9);
    CHECK_EQ(sendto(ends[0], "x", 1, 0, &from.any, sizeof(from.v4)), 1);
    CHECK_EQ(recv(ends[1], buffer, 20, 0), 1);
}

static void full_buffer(void)
{
    static char buffer[65536];
    size_t sent = 0, got = 0;
    ssize_t count;

    connection(ends);
    expect_ok(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    while ((count = send(ends[0], buffer, sizeof(buffer), 0)) > 0)
        sent += (size_t)count;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(events_of(ends[0]), 0);
    CHECK(sent > 65536);
    while (got < sent) {
        count = expect_ok(recv(ends[1], buffer, sizeof(buffer), 0));
        CHECK(count > 0);
        got += (size_t)count;
    }
    CHECK_EQ(events_with(ends[0], POLLOUT), POLLOUT);
    expect_errno(recv(ends[1], buffer, 1, MSG_DONTWAIT), EAGAIN);
}

/* Edges of epoll(7): one for each event, no more. */
static void edges(void)
{
    int epoll = expect_ok(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    char byte;

    connection(ends);
    expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
    CHECK_EQ(epoll_wait(epoll, &event, 1, 10000), 1);
    CHECK_EQ(event.events, EPOLLOUT);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    CHECK_EQ(send(ends[1], "ab", 2, 0), 2);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 10000), 1);
    CHECK_EQ(event.events, EPOLLIN | EPOLLOUT);
    CHECK_EQ(recv(ends[0], &byte, 1, 0), 1);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    CHECK_EQ(send(ends[1], "c", 1, 0), 1);
    CHECK_EQ(epoll_wait(epoll, &event, 1, 10000), 1);
    expect_ok(shutdown(ends[1], SHUT_WR));
    CHECK_EQ(epoll_wait(epoll, &event, 1, 10000), 1);
    CHECK_EQ(event.events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
}

static void *accept_one(void *listener)
{
    return (void *)(intptr_t)accept((int)(intptr_t)listener, NULL, NULL);
}

/* Blocked calls: accept and recv go on when there is something, or when it is shut down. */
static void blocked(void)
{
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port);
    pthread_t thread;
    void *result;

    CHECK_EQ(pthread_create(&thread, NULL, accept_one, (void *)(intptr_t)listener), 0);
    usleep(10000);
    expect_ok(connect_to(tcp_socket(), LOOPBACK, port));
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK((intptr_t)result >= 0);
    CHECK_EQ(pthread_create(&thread, NULL, accept_one, (void *)(intptr_t)listener), 0);
    usleep(10000);
    expect_ok(shutdown(listener, SHUT_RDWR));
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_EQ((intptr_t)result, -1);
}

/* A file through sendfile(2), and on through a pipe by splice(2). */
static void moved(void)
{
    enum { SIZE = 50000 };
    static char buffer[SIZE];
    int file = pattern_file("file", SIZE), pipe_ends[2];

    connection(ends);
    expect_ok(pipe(pipe_ends));
    for (ssize_t done = 0; done < SIZE;)
        done += expect_ok(sendfile(ends[0], file, NULL, (size_t)(SIZE - done)));
    expect_ok(shutdown(ends[0], SHUT_WR));
    size_t got = 0;
    for (;;) {
        ssize_t count = expect_ok(splice(ends[1], NULL, pipe_ends[1], NULL, 8192, 0));
        if (!count)
            break;
        read_all(pipe_ends[0], buffer + got, (size_t)count);
        got += (size_t)count;
    }
    CHECK_EQ(got, SIZE);
    CHECK_PATTERN(buffer, 0, SIZE);
}

/* Many clients, some of whom hang up, against one server with epoll. */
enum { CLIENTS = 16, ROUNDS = 30, CHUNK = 3000 };

static void run_client(unsigned port, unsigned number)
{
    unsigned char out[CHUNK], in[CHUNK];

    for (unsigned round = 0; round < ROUNDS; round++) {
        int fd = tcp_socket();
        uint64_t place = number * 1000003ul + round * 7919;
        size_t size = 1 + (number * 31 + round * 577) % CHUNK;
        expect_ok(connect_to(fd, LOOPBACK, port));
        pattern_fill(out, place, size);
        write_all(fd, out, size);
        if (round % 5 == 4) { /* without waiting for the answer */
            expect_ok(close(fd));
            continue;
        }
        expect_ok(shutdown(fd, SHUT_WR));
        read_all(fd, in, size);
        CHECK(!memcmp(in, out, size));
        CHECK_EQ(read(fd, in, 1), 0);
        expect_ok(close(fd));
    }
}

/* Send back what comes, until the end: is there more? */
static bool echo(int fd)
{
    char buffer[1000];
    ssize_t count = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

    if (count < 0 && errno == EAGAIN)
        return true;
    if (count <= 0)
        return false;
    for (ssize_t done = 0; done < count;) {
        ssize_t now = send(fd, buffer + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (now < 0)
            return false;
        done += now;
    }
    return true;
}

static void many_clients(void)
{
    unsigned port, over = 0;
    int listener = listener_at("0.0.0.0", 64, &port), epoll = expect_ok(epoll_create1(0));
    struct epoll_event events[8], event = {.events = EPOLLIN, .data.fd = listener};

    expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event));
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (fork() == 0) {
            close(listener);
            run_client(port, i);
            _exit(0);
        }
    }
    while (over < CLIENTS * ROUNDS) {
        int count = expect_ok(epoll_wait(epoll, events, 8, -1));
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = expect_ok(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
                expect_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event));
            } else if (!echo(fd)) {
                expect_ok(close(fd));
                over++;
            }
        }
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        expect_exited(reap(-1), 0);
}

/* Threads that connect, are accepted, and close, all at once. */
static unsigned stress_port;

static void *connect_often(void *unused)
{
    for (int i = 0; i < 200; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect_to(fd, LOOPBACK, stress_port) == 0)
            send(fd, "x", 1, MSG_NOSIGNAL);
        close(fd);
    }
    return unused;
}

static void *accept_often(void *listener)
{
    char byte;
    int fd;

    while ((fd = accept((int)(intptr_t)listener, NULL, NULL)) >= 0) {
        recv(fd, &byte, 1, 0);
        close(fd);
    }
    return NULL;
}

static void open_and_close(void)
{
    int listener = listener_at(LOOPBACK, 2, &stress_port);
    pthread_t clients[4], servers[2];

    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&servers[i], NULL, accept_often, (void *)(intptr_t)listener), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&clients[i], NULL, connect_often, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(clients[i], NULL), 0);
    expect_ok(shutdown(listener, SHUT_RDWR));
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_join(servers[i], NULL), 0);
}

static const struct test tests[] = {
    TEST(receiving), TEST(full_buffer),  TEST(edges),          TEST(blocked),
    TEST(moved),     TEST(many_clients), TEST(open_and_close),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
