/* What goes along with messages of local sockets: open files, credentials (unix(7), cmsg(3)). */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];

static void pair(int type)
{
    expect_ok(socketpair(AF_UNIX, type, 0, ends));
}

/* Send text with these files. */
static ssize_t send_files(int fd, const char *text, const int *files, size_t count)
{
    struct iovec piece = {(void *)text, strlen(text)};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(300 * sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), files, count * sizeof(int));
    return sendmsg(fd, &message, 0);
}

struct received {
    char text[64];
    ssize_t size;
    int files[300];
    size_t count;
    int flags;
    bool has_credentials;
    struct ucred credentials;
};

/* Receive, with room for so many bytes of control messages. */
static struct received receive(int fd, size_t room, int flags)
{
    struct received result = {0};
    struct iovec piece = {result.text, sizeof(result.text)};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(300 * sizeof(int))];
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};

    result.size = expect_ok(recvmsg(fd, &message, flags));
    result.flags = message.msg_flags;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        CHECK_EQ(header->cmsg_level, SOL_SOCKET);
        if (header->cmsg_type == SCM_RIGHTS) {
            result.count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(result.files, CMSG_DATA(header), result.count * sizeof(int));
        } else if (header->cmsg_type == SCM_CREDENTIALS) {
            result.has_credentials = true;
            memcpy(&result.credentials, CMSG_DATA(header), sizeof(result.credentials));
        }
    }
    return result;
}

#define ROOM CMSG_SPACE(300 * sizeof(int))

static void files(void)
{
    char text[8];

    pair(SOCK_STREAM);
    int file = pattern_file("file", 0);
    write_all(file, "contents", 8);
    CHECK_EQ(send_files(ends[0], "take", (int[]){file, ends[0]}, 2), 4);
    expect_ok(close(file));
    struct received received = receive(ends[1], ROOM, MSG_CMSG_CLOEXEC);
    CHECK_EQ(received.size, 4);
    CHECK_EQ(received.count, 2);
    CHECK_EQ(received.flags, MSG_CMSG_CLOEXEC);
    CHECK_EQ(fcntl(received.files[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(lseek(received.files[0], 0, SEEK_CUR), 8); /* the same open file */
    CHECK_EQ(pread(received.files[0], text, 8, 0), 8);
    CHECK(memcmp(text, "contents", 8) == 0);
    write_all(received.files[1], "self", 4);
    CHECK_EQ(read(ends[1], text, 8), 4);
}

static void boundaries(void)
{
    char text[64];
    int file = expect_ok(open("/dev/null", O_RDONLY));

    pair(SOCK_STREAM);
    write_all(ends[0], "before", 6);
    CHECK_EQ(send_files(ends[0], "with", &file, 1), 4);
    write_all(ends[0], "after", 5);
    /* Bytes before it may come with it; what is behind does not. */
    struct received received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.size, 10);
    CHECK_EQ(received.count, 1);
    CHECK_EQ(read(ends[1], text, sizeof(text)), 5);
    CHECK_EQ(send_files(ends[0], "lost", &file, 1), 4);
    CHECK_EQ(read(ends[1], text, sizeof(text)), 4); /* read(2) closes them */
    CHECK_EQ(send_files(ends[0], "peek", &file, 1), 4);
    received = receive(ends[1], ROOM, MSG_PEEK);
    CHECK_EQ(received.count, 1);
    int first = received.files[0];
    received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.count, 1);
    CHECK(first != received.files[0]);
}

static void bad_files(void)
{
    int file = expect_ok(open("/dev/null", O_RDONLY)), many[300];

    pair(SOCK_STREAM);
    expect_errno(send_files(ends[0], "x", (int[]){file, 999}, 2), EBADF);
    for (int i = 0; i < 300; i++)
        many[i] = file;
    expect_errno(send_files(ends[0], "x", many, 254), EINVAL);
    CHECK_EQ(send_files(ends[0], "x", many, 253), 1);
    struct received received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.count, 253);
    for (size_t i = 0; i < received.count; i++)
        close(received.files[i]);
    CHECK_EQ(send_files(ends[0], "x", many, 3), 1);
    received = receive(ends[1], CMSG_LEN(2 * sizeof(int)), 0); /* no room for the third */
    CHECK_EQ(received.count, 2);
    CHECK_EQ(received.flags, MSG_CTRUNC);
    CHECK_EQ(send_files(ends[0], "x", many, 3), 1);
    received = receive(ends[1], 0, 0);
    CHECK_EQ(received.count, 0);
    CHECK_EQ(received.flags, MSG_CTRUNC);
    struct iovec piece = {"x", 1};
    struct cmsghdr header = {.cmsg_len = sizeof(header), .cmsg_level = SOL_SOCKET, .cmsg_type = 99};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &header,
                             .msg_controllen = sizeof(header)};
    expect_errno(sendmsg(ends[0], &message, 0), EINVAL);
    header.cmsg_len = 4;
    expect_errno(sendmsg(ends[0], &message, 0), EINVAL);
}

/* Files in several control messages are received in one. */
static void several_controls(void)
{
    int file = expect_ok(open("/dev/null", O_RDONLY));
    struct iovec piece = {"x", 1};
    _Alignas(struct cmsghdr) char control[2 * CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};

    pair(SOCK_STREAM);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &file, sizeof(file));
        if ((char *)header > control)
            break;
        ((struct cmsghdr *)(control + CMSG_SPACE(sizeof(int))))->cmsg_len = CMSG_LEN(sizeof(int));
    }
    CHECK_EQ(sendmsg(ends[0], &message, 0), 1);
    struct received received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.count, 2);
}

static void limit_of_files(void)
{
    struct rlimit limit;
    int file = expect_ok(open("/dev/null", O_RDONLY));

    pair(SOCK_DGRAM);
    CHECK_EQ(send_files(ends[0], "x", (int[]){file, file, file}, 3), 1);
    expect_ok(getrlimit(RLIMIT_NOFILE, &limit));
    int next = expect_ok(dup(file));
    expect_ok(close(next));
    limit.rlim_cur = (rlim_t)next + 1;
    expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    struct received received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.count, 1);
    CHECK_EQ(received.flags, MSG_CTRUNC);
}

static void send_too_many(void *argument)
{
    struct rlimit limit = {30, 30};
    int file = expect_ok(open("/dev/null", O_RDONLY)), sent = 0, files[10];

    (void)argument;
    pair(SOCK_STREAM);
    for (int i = 0; i < 10; i++)
        files[i] = file;
    expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    if (getuid() == 0)
        expect_ok(setuid(54321));
    while (sent < 10 && send_files(ends[0], "x", files, 10) == 1)
        sent++;
    CHECK_EQ(sent, 4); /* the limit has been passed then */
    CHECK_EQ(errno, ETOOMANYREFS);
    struct received received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.count, 10);
    CHECK_EQ(send_files(ends[0], "x", files, 10), 1);
}

/* How many files a user may have on their way. */
static void limit_in_flight(void)
{
    expect_child_ok(send_too_many, NULL);
}

static void credentials(void)
{
    int on = 1;
    struct ucred peer;
    socklen_t size = sizeof(peer);

    pair(SOCK_STREAM);
    expect_ok(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
    CHECK_EQ(peer.pid, getpid());
    CHECK_EQ(peer.uid, geteuid());
    expect_ok(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
    write_all(ends[0], "who", 3);
    struct received received = receive(ends[1], ROOM, 0);
    CHECK(received.has_credentials);
    CHECK_EQ(received.credentials.pid, getpid());
    CHECK_EQ(received.credentials.uid, getuid());
    CHECK_EQ(received.credentials.gid, getgid());
    /* Bytes of different writers do not run together. */
    write_all(ends[0], "mine", 4);
    pid_t pid = fork();
    if (pid == 0) {
        write_all(ends[0], "child", 5);
        _exit(0);
    }
    expect_exited(reap(pid), 0);
    received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.size, 4);
    CHECK_EQ(received.credentials.pid, getpid());
    received = receive(ends[1], ROOM, 0);
    CHECK_EQ(received.size, 5);
    CHECK_EQ(received.credentials.pid, pid);
}

static void claim(void *argument)
{
    struct ucred claimed = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    struct iovec piece = {"x", 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(claimed))] = {0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    (void)argument;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_CREDENTIALS;
    header->cmsg_len = CMSG_LEN(sizeof(claimed));
    memcpy(CMSG_DATA(header), &claimed, sizeof(claimed));
    CHECK_EQ(sendmsg(ends[0], &message, 0), 1);
    if (getuid() == 0)
        expect_ok(setuid(1000));
    claimed.pid = 1;
    claimed.uid = getuid();
    memcpy(CMSG_DATA(header), &claimed, sizeof(claimed));
    expect_errno(sendmsg(ends[0], &message, 0), EPERM);
    claimed.pid = getpid();
    claimed.uid = 0;
    memcpy(CMSG_DATA(header), &claimed, sizeof(claimed));
    expect_errno(sendmsg(ends[0], &message, 0), EPERM);
}

static void claims(void)
{
    pair(SOCK_DGRAM);
    expect_child_ok(claim, NULL);
}

static void server(void *argument)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    int listener = *(int *)argument;

    int fd = expect_ok(accept(listener, NULL, NULL));
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    CHECK_EQ(peer.pid, getppid());
}

static void credentials_of_connection(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "listener"};
    struct ucred peer;
    socklen_t size = sizeof(peer);

    int listener = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_ok(bind(listener, (struct sockaddr *)&name, sizeof(name)));
    expect_ok(listen(listener, 1));
    pid_t pid = spawn(server, &listener);
    int fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    CHECK_EQ(peer.pid, 0);
    expect_ok(connect(fd, (struct sockaddr *)&name, sizeof(name)));
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    CHECK_EQ(peer.pid, getpid()); /* who listens */
    expect_exited(reap(pid), 0);
}

/* Is the other end of a pipe, whose write end has gone into sockets that nobody can reach, closed?
 * On Linux the collection of such sockets may take a moment. */
static void expect_collected(int reading)
{
    char byte;

    CHECK_EQ(read(reading, &byte, 1), 0);
}

static void lone_circle(void)
{
    int ways[2];

    expect_ok(pipe(ways));
    pair(SOCK_STREAM);
    CHECK_EQ(send_files(ends[0], "x", (int[]){ends[1], ways[1]}, 2), 1); /* into itself */
    expect_ok(close(ways[1]));
    expect_ok(close(ends[0]));
    expect_ok(close(ends[1]));
    pair(SOCK_STREAM); /* closing any socket looks for garbage */
    expect_ok(close(ends[0]));
    expect_collected(ways[0]);
}

static void circle_of_two(void)
{
    int ways[2], a[2], b[2];

    expect_ok(pipe(ways));
    expect_ok(socketpair(AF_UNIX, SOCK_DGRAM, 0, a));
    expect_ok(socketpair(AF_UNIX, SOCK_DGRAM, 0, b));
    CHECK_EQ(send_files(a[0], "x", (int[]){b[1], ways[1]}, 2), 1); /* a[1] holds b[1] */
    CHECK_EQ(send_files(b[0], "x", &a[1], 1), 1);                  /* b[1] holds a[1] */
    expect_ok(close(ways[1]));
    expect_ok(close(a[1]));
    expect_ok(close(b[1]));
    /* Both are only in each other's queues now: nobody can read them. */
    expect_ok(close(a[0]));
    expect_ok(close(b[0]));
    pair(SOCK_STREAM);
    expect_ok(close(ends[0]));
    expect_collected(ways[0]);
}

/* In flight, but within reach: by a socket that somebody has open. */
static void reachable(void)
{
    int a[2], b[2];
    char text[8];

    expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, a));
    expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, b));
    CHECK_EQ(send_files(a[0], "x", &b[1], 1), 1);
    expect_ok(close(b[1]));
    write_all(b[0], "through", 7);
    for (int i = 0; i < 10; i++) {
        pair(SOCK_STREAM);
        expect_ok(close(ends[0]));
        expect_ok(close(ends[1]));
    }
    struct received received = receive(a[1], ROOM, 0);
    CHECK_EQ(received.count, 1);
    CHECK_EQ(read(received.files[0], text, 8), 7);
}

/* Each socket of a long chain is in the queue of the one before; closing the first ends all. */
static void chain(void)
{
    int ways[2], outer;

    expect_ok(pipe(ways));
    pair(SOCK_DGRAM);
    CHECK_EQ(send_files(ends[0], "x", &ways[1], 1), 1);
    expect_ok(close(ways[1]));
    expect_ok(close(ends[0]));
    outer = ends[1];
    for (int i = 0; i < 500; i++) {
        pair(SOCK_DGRAM);
        CHECK_EQ(send_files(ends[0], "x", &outer, 1), 1);
        expect_ok(close(outer));
        expect_ok(close(ends[0]));
        outer = ends[1];
    }
    expect_ok(close(outer));
    expect_collected(ways[0]);
}

static void pass(void *argument)
{
    (void)argument;
    for (int i = 0; i < 300; i++) {
        int file = expect_ok(open("/dev/null", O_RDONLY));
        CHECK_EQ(send_files(ends[0], "x", (int[]){file, ends[0]}, 2), 1);
        expect_ok(close(file));
    }
}

static void churn(void *argument)
{
    int other[2];

    (void)argument;
    for (int i = 0; i < 200; i++) {
        expect_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, other));
        CHECK_EQ(send_files(other[0], "x", &other[1], 1), 1);
        expect_ok(close(other[0]));
        expect_ok(close(other[1]));
    }
}

/* Files are passed while circles are made and collected. */
static void stress(void)
{
    pid_t pids[3];

    pair(SOCK_SEQPACKET);
    pids[0] = spawn(pass, NULL);
    pids[1] = spawn(churn, NULL);
    pids[2] = spawn(churn, NULL);
    for (int i = 0; i < 300; i++) {
        struct received received = receive(ends[1], ROOM, 0);
        CHECK_EQ(received.count, 2);
        expect_ok(close(received.files[0]));
        expect_ok(close(received.files[1]));
    }
    for (int i = 0; i < 3; i++)
        expect_exited(reap(pids[i]), 0);
}

static const struct test tests[] = {
    TEST(files),
    TEST(boundaries),
    TEST(bad_files),
    TEST(several_controls),
    TEST(limit_of_files),
    TEST(limit_in_flight),
    TEST(credentials),
    TEST(claims),
    TEST(credentials_of_connection),
    TEST(lone_circle),
    TEST(circle_of_two),
    TEST(reachable),
    TEST(chain),
    TEST(stress),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
