/* Local sockets: kinds, names, connections, messages, ends (unix(7)). */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAMILY_SIZE offsetof(struct sockaddr_un, sun_path)

static int ends[2];

static void pair(int type)
{
    expect_ok(socketpair(AF_UNIX, type, 0, ends));
}

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    return name;
}

/* A name that is not a path; unlike that of other processes. */
static socklen_t abstract_name(struct sockaddr_un *name, int number)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "test-%d-%d", getpid(), number);
    return (socklen_t)(FAMILY_SIZE + 1 + (size_t)length);
}

static int bound(int type, const char *path)
{
    struct sockaddr_un name = name_of(path);
    int fd = expect_ok(socket(AF_UNIX, type, 0));

    expect_ok(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    return fd;
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un name = name_of(path);
    return connect(fd, (struct sockaddr *)&name, sizeof(name));
}

static short events_of(int fd)
{
    struct pollfd entry = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    expect_ok(poll(&entry, 1, 0));
    return entry.revents;
}

static void kinds(void)
{
    int value, fd;
    socklen_t size = sizeof(value);
    struct stat status;

    expect_errno(socket(AF_UNIX, 77, 0), EINVAL);
    expect_errno(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    expect_errno(socket(AF_UNIX, SOCK_STREAM, 17), EPROTONOSUPPORT);
    expect_errno(socket(AF_MAX, SOCK_STREAM, 0), EAFNOSUPPORT);
    fd = expect_ok(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size));
    CHECK_EQ(value, SOCK_SEQPACKET);
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &size));
    CHECK_EQ(value, AF_UNIX);
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &size));
    CHECK_EQ(value, 0);
    expect_ok(fstat(fd, &status));
    CHECK(S_ISSOCK(status.st_mode));
    expect_errno(lseek(fd, 0, SEEK_SET), ESPIPE);
    expect_errno(getsockopt(fd, SOL_SOCKET, 9999, &value, &size), ENOPROTOOPT);
    expect_errno(bind(0, (struct sockaddr *)&(struct sockaddr_un){0}, 2), ENOTSOCK);
    expect_errno(listen(999, 1), EBADF);
    fd = expect_ok(socket(AF_UNIX, SOCK_RAW, 0));
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size));
    CHECK_EQ(value, SOCK_DGRAM);
}

static void streams(void)
{
    char buffer[20];

    pair(SOCK_STREAM);
    write_all(ends[0], "hello ", 6);
    write_all(ends[0], "world", 5);
    CHECK_EQ(events_of(ends[1]), POLLIN | POLLOUT);
    CHECK_EQ(read(ends[1], buffer, 3), 3);
    CHECK_EQ(read(ends[1], buffer, 20), 8); /* messages run together */
    CHECK(memcmp(buffer, "lo world", 8) == 0);
    expect_errno(recv(ends[1], buffer, 1, MSG_DONTWAIT), EAGAIN);
    write_all(ends[1], "back", 4);
    CHECK_EQ(recv(ends[0], buffer, 2, MSG_PEEK), 2);
    CHECK_EQ(recv(ends[0], buffer, 20, MSG_PEEK), 4);
    CHECK_EQ(recv(ends[0], buffer, 20, 0), 4);
    CHECK(memcmp(buffer, "back", 4) == 0);
    expect_ok(close(ends[0]));
    CHECK_EQ(read(ends[1], buffer, 20), 0);
    CHECK_EQ(events_of(ends[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
}

static void packets(void)
{
    char buffer[20];

    pair(SOCK_SEQPACKET);
    write_all(ends[0], "first", 5);
    write_all(ends[0], "second", 6);
    CHECK_EQ(send(ends[0], "", 0, 0), 0);
    CHECK_EQ(recv(ends[1], buffer, 3, MSG_PEEK | MSG_TRUNC), 5);
    CHECK_EQ(recv(ends[1], buffer, 3, 0), 3); /* the rest is lost */
    CHECK_EQ(recv(ends[1], buffer, 20, 0), 6);
    CHECK_EQ(recv(ends[1], buffer, 20, 0), 0);
    struct iovec piece = {buffer, 2};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    write_all(ends[0], "third", 5);
    CHECK_EQ(recvmsg(ends[1], &message, 0), 2);
    CHECK_EQ(message.msg_flags, MSG_TRUNC);
    expect_ok(close(ends[0]));
    CHECK_EQ(recv(ends[1], buffer, 20, 0), 0);
    signal(SIGPIPE, SIG_IGN);
    expect_errno(send(ends[1], "x", 1, 0), EPIPE);
}

static void datagrams(void)
{
    char buffer[20];
    int reader = bound(SOCK_DGRAM, "reader"), writer = bound(SOCK_DGRAM, "writer");
    struct sockaddr_un to = name_of("reader"), from;
    socklen_t length = sizeof(from);

    expect_errno(send(writer, "x", 1, 0), ENOTCONN);
    CHECK_EQ(sendto(writer, "one", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
    CHECK_EQ(sendto(writer, "", 0, 0, (struct sockaddr *)&to, sizeof(to)), 0);
    CHECK_EQ(recvfrom(reader, buffer, 20, 0, (struct sockaddr *)&from, &length), 3);
    CHECK_EQ(length, FAMILY_SIZE + 7);
    CHECK_STRING(from.sun_path, "writer");
    CHECK_EQ(recv(reader, buffer, 20, 0), 0);
    expect_errno(connect_to(writer, "nobody"), ENOENT);
    expect_ok(connect_to(writer, "reader"));
    CHECK_EQ(send(writer, "two", 3, 0), 3);
    CHECK_EQ(recv(reader, buffer, 20, 0), 3);
    expect_ok(connect_to(reader, "writer"));
    int third = expect_ok(socket(AF_UNIX, SOCK_DGRAM, 0));
    expect_errno(connect_to(third, "reader"), EPERM); /* it talks to another */
    expect_errno(sendto(third, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), EPERM);
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    expect_ok(connect(reader, &nobody, sizeof(nobody)));
    length = sizeof(from);
    CHECK_EQ(sendto(third, "three", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
    CHECK_EQ(recvfrom(reader, buffer, 20, 0, (struct sockaddr *)&from, &length), 5);
    CHECK_EQ(length, 0); /* it has no name */
    expect_ok(close(reader));
    expect_errno(send(writer, "x", 1, 0), ECONNREFUSED);
    expect_errno(send(writer, "x", 1, 0), ENOTCONN);
    expect_errno(sendto(third, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), ECONNREFUSED);
}

static void names(void)
{
    struct sockaddr_un name, other;
    socklen_t length = sizeof(name);
    struct stat status;

    int fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_ok(getsockname(fd, (struct sockaddr *)&name, &length));
    CHECK_EQ(length, FAMILY_SIZE);
    expect_errno(getpeername(fd, (struct sockaddr *)&name, &length), ENOTCONN);
    umask(027);
    name = name_of("path");
    expect_errno(bind(fd, (struct sockaddr *)&name, 1), EINVAL);
    expect_errno(bind(fd, (struct sockaddr *)&name, sizeof(name) + 1), EINVAL);
    expect_ok(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    expect_ok(stat("path", &status));
    CHECK_EQ(status.st_mode, S_IFSOCK | 0750);
    expect_errno(open("path", O_RDWR), ENXIO);
    expect_errno(bind(fd, (struct sockaddr *)&name, sizeof(name)), EADDRINUSE);
    name = name_of("second");
    expect_errno(bind(fd, (struct sockaddr *)&name, sizeof(name)), EINVAL);
    expect_errno(stat("second", &status), ENOENT);
    name = name_of("path");
    length = sizeof(other);
    expect_ok(getsockname(fd, (struct sockaddr *)&other, &length));
    CHECK_EQ(length, FAMILY_SIZE + 5);
    CHECK_STRING(other.sun_path, "path");
    length = 4;
    expect_ok(getsockname(fd, (struct sockaddr *)&other, &length)); /* cut off */
    CHECK_EQ(length, FAMILY_SIZE + 5);
    int second = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_errno(bind(second, (struct sockaddr *)&name, sizeof(name)), EADDRINUSE);
    expect_ok(unlink("path"));
    expect_ok(bind(second, (struct sockaddr *)&name, sizeof(name)));
    name = name_of("missing/path");
    fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_errno(bind(fd, (struct sockaddr *)&name, sizeof(name)), ENOENT);
    write_file("plain", "", 0600);
    expect_errno(connect_to(fd, "plain"), ECONNREFUSED);
    expect_errno(connect_to(fd, "missing"), ENOENT);
    int reader = bound(SOCK_DGRAM, "reader");
    expect_errno(connect_to(fd, "reader"), EPROTOTYPE);
    expect_ok(close(reader));
    expect_errno(connect_to(fd, "reader"), ECONNREFUSED); /* the file stays */
}

static void abstract_names(void)
{
    struct sockaddr_un name, other;
    socklen_t length = abstract_name(&name, 1), size = sizeof(other);
    int listener = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    int fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));

    expect_ok(bind(listener, (struct sockaddr *)&name, length));
    expect_errno(bind(fd, (struct sockaddr *)&name, length), EADDRINUSE);
    expect_errno(connect(fd, (struct sockaddr *)&name, length), ECONNREFUSED);
    expect_ok(listen(listener, 1));
    expect_errno(connect(fd, (struct sockaddr *)&name, length - 1), ECONNREFUSED);
    expect_ok(connect(fd, (struct sockaddr *)&name, length));
    expect_ok(getpeername(fd, (struct sockaddr *)&other, &size));
    CHECK_EQ(size, length);
    CHECK(memcmp(&name, &other, length) == 0);
    expect_ok(close(listener));
    listener = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_ok(bind(listener, (struct sockaddr *)&name, length)); /* the name went with it */
    int chosen = expect_ok(socket(AF_UNIX, SOCK_DGRAM, 0));
    expect_ok(bind(chosen, (struct sockaddr *)&name, FAMILY_SIZE)); /* a name of its own choice */
    size = sizeof(other);
    expect_ok(getsockname(chosen, (struct sockaddr *)&other, &size));
    CHECK_EQ(size, FAMILY_SIZE + 6);
    CHECK_EQ(other.sun_path[0], 0);
}

static void connections(void)
{
    struct sockaddr_un peer;
    socklen_t length = sizeof(peer);
    char buffer[10];
    int value;
    socklen_t size = sizeof(value);

    int listener = bound(SOCK_STREAM, "listener");
    expect_errno(accept(listener, NULL, NULL), EINVAL);
    int early = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_errno(connect_to(early, "listener"), ECONNREFUSED);
    expect_errno(listen(early, 1), EINVAL); /* it has no name */
    CHECK_EQ(events_of(early), POLLOUT | POLLHUP);
    expect_ok(listen(listener, 5));
    expect_ok(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &size));
    CHECK_EQ(value, 1);
    CHECK_EQ(events_of(listener), 0);
    int client = bound(SOCK_STREAM, "client");
    expect_ok(connect_to(client, "listener"));
    CHECK_EQ(events_of(listener), POLLIN);
    expect_errno(connect_to(client, "listener"), EISCONN);
    write_all(client, "early", 5);
    int server = expect_ok(
        accept4(listener, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    CHECK_EQ(length, FAMILY_SIZE + 7);
    CHECK_STRING(peer.sun_path, "client");
    CHECK_EQ(fcntl(server, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(read(server, buffer, 10), 5);
    expect_errno(read(server, buffer, 10), EAGAIN);
    length = sizeof(peer);
    expect_ok(getpeername(client, (struct sockaddr *)&peer, &length));
    CHECK_STRING(peer.sun_path, "listener");
    length = sizeof(peer);
    expect_ok(getsockname(server, (struct sockaddr *)&peer, &length));
    CHECK_STRING(peer.sun_path, "listener");
    expect_ok(fcntl(listener, F_SETFL, O_NONBLOCK));
    expect_errno(accept(listener, NULL, NULL), EAGAIN);
    expect_ok(connect_to(early, "listener"));
    expect_ok(close(listener)); /* with one connection that was not accepted */
    expect_errno(read(early, buffer, 10), ECONNRESET);
    CHECK_EQ(read(early, buffer, 10), 0);
    int late = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_errno(connect_to(late, "listener"), ECONNREFUSED);
    write_all(server, "still", 5);
    CHECK_EQ(read(client, buffer, 10), 5);
}

static void backlog(void)
{
    int listener = bound(SOCK_STREAM, "listener"), fds[4];

    expect_ok(listen(listener, 1));
    for (int i = 0; i < 4; i++)
        fds[i] = expect_ok(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    expect_ok(connect_to(fds[0], "listener"));
    expect_ok(connect_to(fds[1], "listener"));
    expect_errno(connect_to(fds[2], "listener"), EAGAIN);
    expect_ok(accept(listener, NULL, NULL));
    expect_ok(connect_to(fds[2], "listener"));
    expect_errno(connect_to(fds[3], "listener"), EAGAIN);
    struct timeval time = {0, 50000};
    expect_ok(setsockopt(fds[3], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
    expect_ok(fcntl(fds[3], F_SETFL, 0));
    expect_errno(connect_to(fds[3], "listener"), EAGAIN);
}

static void connect_late(void *path)
{
    int fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    char byte;

    expect_ok(connect_to(fd, path));
    CHECK_EQ(read(fd, &byte, 1), 1);
}

/* More wait for a connection than the backlog holds. */
static void waiting_connections(void)
{
    int listener = bound(SOCK_STREAM, "listener");
    pid_t pids[5];

    expect_ok(listen(listener, 0));
    for (int i = 0; i < 5; i++)
        pids[i] = spawn(connect_late, "listener");
    for (int i = 0; i < 5; i++) {
        int fd = expect_ok(accept(listener, NULL, NULL));
        write_all(fd, "x", 1);
        expect_ok(close(fd));
    }
    for (int i = 0; i < 5; i++)
        expect_exited(reap(pids[i]), 0);
}

static void shutdowns(void)
{
    char buffer[10];

    signal(SIGPIPE, SIG_IGN);
    pair(SOCK_STREAM);
    write_all(ends[0], "last", 4);
    expect_errno(shutdown(ends[0], 3), EINVAL);
    expect_ok(shutdown(ends[0], SHUT_WR));
    expect_errno(write(ends[0], "x", 1), EPIPE);
    CHECK_EQ(events_of(ends[1]), POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(read(ends[1], buffer, 10), 4);
    CHECK_EQ(read(ends[1], buffer, 10), 0);
    write_all(ends[1], "back", 4);
    CHECK_EQ(read(ends[0], buffer, 10), 4);
    expect_ok(shutdown(ends[0], SHUT_RD));
    expect_errno(write(ends[1], "x", 1), EPIPE);
    CHECK_EQ(read(ends[0], buffer, 10), 0);
    CHECK_EQ(events_of(ends[0]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
}

static volatile sig_atomic_t caught;

static void note(int number)
{
    caught = number;
}

static void ends_and_errors(void)
{
    char buffer[10];
    int value;
    socklen_t size = sizeof(value);

    signal(SIGPIPE, note);
    pair(SOCK_STREAM);
    write_all(ends[0], "unread", 6);
    write_all(ends[1], "read", 4);
    expect_ok(close(ends[1]));
    CHECK_EQ(read(ends[0], buffer, 10), 4); /* what came before comes first */
    expect_errno(read(ends[0], buffer, 10), ECONNRESET);
    CHECK_EQ(read(ends[0], buffer, 10), 0);
    expect_errno(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(caught, 0);
    expect_errno(send(ends[0], "x", 1, 0), EPIPE);
    CHECK_EQ(caught, SIGPIPE);
    pair(SOCK_STREAM);
    write_all(ends[0], "unread", 6);
    expect_ok(close(ends[1]));
    expect_ok(getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, &size));
    CHECK_EQ(value, ECONNRESET);
    expect_ok(getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, &size));
    CHECK_EQ(value, 0);
    int alone = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_errno(read(alone, buffer, 1), EINVAL);
    expect_errno(write(alone, buffer, 1), ENOTCONN);
    alone = expect_ok(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    expect_errno(read(alone, buffer, 1), ENOTCONN);
    expect_errno(recv(alone, NULL, 1, MSG_DONTWAIT), ENOTCONN);
    alone = expect_ok(socket(AF_UNIX, SOCK_DGRAM, 0));
    expect_errno(send(alone, buffer, 1, MSG_OOB), EOPNOTSUPP);
    struct sockaddr_un name = name_of("x");
    pair(SOCK_STREAM);
    expect_errno(sendto(ends[0], "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), EISCONN);
}

static void buffers(void)
{
    static char block[4096];
    int value = 10000;
    socklen_t size = sizeof(value);
    long total = 0;

    pair(SOCK_STREAM);
    expect_ok(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)));
    expect_ok(getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &value, &size));
    CHECK_EQ(value, 20000);
    while (send(ends[0], block, sizeof(block), MSG_DONTWAIT) > 0)
        total++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(total > 1 && total < 20);
    CHECK_EQ(events_of(ends[0]), 0);
    expect_ok(ioctl(ends[1], FIONREAD, &value));
    CHECK(value >= (total - 1) * (long)sizeof(block));
    expect_ok(ioctl(ends[0], TIOCOUTQ, &value));
    CHECK(value >= (total - 1) * (long)sizeof(block));
    struct timeval time = {0, 30000};
    expect_ok(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
    expect_errno(write(ends[0], block, sizeof(block)), EAGAIN);
    while (recv(ends[1], block, sizeof(block), MSG_DONTWAIT) > 0)
        ;
    CHECK_EQ(events_of(ends[0]), POLLOUT);
    expect_ok(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
    expect_errno(read(ends[1], block, 1), EAGAIN);
    pair(SOCK_DGRAM);
    value = 3000;
    expect_ok(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)));
    static char large[10000];
    expect_errno(send(ends[0], large, sizeof(large), 0), EMSGSIZE);
}

/* A datagram socket that is not read takes a few, and tells when there is room. */
static void full_queue(void)
{
    int reader = bound(SOCK_DGRAM, "reader");
    int writer = expect_ok(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    char byte;
    int total = 0;

    expect_ok(connect_to(writer, "reader"));
    while (send(writer, "x", 1, 0) == 1)
        total++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(total >= 10);
    CHECK_EQ(events_of(writer), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct pollfd entry = {writer, POLLOUT, 0};
        _exit(poll(&entry, 1, 10000) == 1 ? 0 : 1);
    }
    usleep(20000);
    CHECK_EQ(read(reader, &byte, 1), 1);
    expect_exited(reap(pid), 0);
    CHECK_EQ(send(writer, "x", 1, 0), 1);
}

static void write_in_parts(void *argument)
{
    (void)argument;
    for (int i = 0; i < 10; i++) {
        usleep(2000);
        write_all(ends[1], "0123456789", 10);
    }
}

static void waiting_for_all(void)
{
    char buffer[100];

    pair(SOCK_STREAM);
    pid_t pid = spawn(write_in_parts, NULL);
    CHECK_EQ(recv(ends[0], buffer, 100, MSG_WAITALL), 100);
    expect_exited(reap(pid), 0);
}

static void several_messages(void)
{
    char in[3][10], out[3][4] = {"aaa", "bbb", "ccc"};
    struct iovec pieces[3], spaces[3];
    struct mmsghdr messages[3] = {0}, received[3] = {0};

    pair(SOCK_DGRAM);
    for (int i = 0; i < 3; i++) {
        pieces[i] = (struct iovec){out[i], (size_t)i + 1};
        spaces[i] = (struct iovec){in[i], 10};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
        received[i].msg_hdr = (struct msghdr){.msg_iov = &spaces[i], .msg_iovlen = 1};
    }
    CHECK_EQ(sendmmsg(ends[0], messages, 3, 0), 3);
    CHECK_EQ(messages[2].msg_len, 3);
    CHECK_EQ(recvmmsg(ends[1], received, 2, 0, NULL), 2);
    CHECK_EQ(received[1].msg_len, 2);
    CHECK_EQ(recvmmsg(ends[1], received, 3, MSG_WAITFORONE, NULL), 1);
    CHECK_EQ(received[0].msg_len, 3);
    expect_errno(recvmmsg(ends[1], received, 3, MSG_DONTWAIT, NULL), EAGAIN);
}

/* Much through small buffers, in both directions, by several at once. */
static void echo(void *argument)
{
    char buffer[3000];
    ssize_t count;

    (void)argument;
    close(ends[0]);
    while ((count = read(ends[1], buffer, sizeof(buffer))) > 0)
        write_all(ends[1], buffer, (size_t)count);
    CHECK_EQ(count, 0);
}

static void flood_one(void *argument)
{
    static char block[7000], back[7000];
    uint64_t sent = 0, got = 0, total = 1000000;

    (void)argument;
    pair(SOCK_STREAM);
    pid_t pid = spawn(echo, NULL);
    expect_ok(close(ends[1]));
    expect_ok(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    while (got < total) {
        struct pollfd entry = {ends[0], (short)(POLLIN | (sent < total ? POLLOUT : 0)), 0};
        CHECK_EQ(poll(&entry, 1, 20000), 1);
        if ((entry.revents & POLLOUT) && sent < total) {
            pattern_fill(block, sent, sizeof(block));
            size_t size = total - sent < sizeof(block) ? total - sent : sizeof(block);
            ssize_t count = write(ends[0], block, size);
            CHECK(count > 0 || errno == EAGAIN);
            sent += count > 0 ? (uint64_t)count : 0;
        }
        if (entry.revents & POLLIN) {
            ssize_t count = read(ends[0], back, sizeof(back));
            CHECK(count > 0);
            CHECK_PATTERN(back, got, (size_t)count);
            got += (uint64_t)count;
        }
    }
    expect_ok(close(ends[0]));
    expect_exited(reap(pid), 0);
}

static void flood(void)
{
    pid_t pids[3];

    for (int i = 0; i < 3; i++)
        pids[i] = spawn(flood_one, NULL);
    for (int i = 0; i < 3; i++)
        expect_exited(reap(pids[i]), 0);
}

/* Processes that connect, send a word and hang up, and one that answers. */
static void call(void *argument)
{
    char buffer[8];

    (void)argument;
    for (int i = 0; i < 200; i++) {
        int fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
        expect_ok(connect_to(fd, "listener"));
        write_all(fd, "question", 8);
        read_all(fd, buffer, 6);
        CHECK(memcmp(buffer, "answer", 6) == 0);
        expect_ok(close(fd));
    }
}

static void many_connections(void)
{
    int listener = bound(SOCK_STREAM, "listener");
    pid_t pids[4];
    char buffer[8];

    expect_ok(listen(listener, 3));
    for (int i = 0; i < 4; i++)
        pids[i] = spawn(call, NULL);
    for (int i = 0; i < 800; i++) {
        int fd = expect_ok(accept(listener, NULL, NULL));
        read_all(fd, buffer, 8);
        write_all(fd, "answer", 6);
        expect_ok(close(fd));
    }
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);

    expect_ok(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size));
    CHECK_EQ(size, sizeof(cookie));
    return cookie;
}

/* A number for each socket, which stays. */
static void cookies(void)
{
    uint64_t cookie;
    socklen_t size = 4;

    pair(SOCK_STREAM);
    cookie = cookie_of(ends[0]);
    CHECK(cookie != 0 && cookie != cookie_of(ends[1]));
    CHECK(cookie == cookie_of(dup(ends[0])));
    CHECK(cookie != cookie_of(expect_ok(socket(AF_INET, SOCK_DGRAM, 0))));
    expect_errno(getsockopt(ends[0], SOL_SOCKET, SO_COOKIE, &cookie, &size), EINVAL);
    expect_errno(setsockopt(ends[0], SOL_SOCKET, SO_COOKIE, &cookie, sizeof(cookie)), ENOPROTOOPT);
}

static const struct test tests[] = {
    TEST(cookies),         TEST(kinds),
    TEST(streams),         TEST(packets),
    TEST(datagrams),       TEST(names),
    TEST(abstract_names),  TEST(connections),
    TEST(backlog),         TEST(waiting_connections),
    TEST(shutdowns),       TEST(ends_and_errors),
    TEST(buffers),         TEST(full_queue),
    TEST(waiting_for_all), TEST(several_messages),
    TEST(flood),           TEST(many_connections),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
