/*
 * Messages: a process that answers each byte with a byte, or takes all that it gets.
 */
#include "beside.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

static int out, in, pair[2];

static void answer(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
        continue;
    _exit(0);
}

static void swallow(int from)
{
    while (read(from, buffer, 16 * PAGE) > 0)
        continue;
    _exit(0);
}

static void prepare_pipe(void)
{
    int to[2], back[2];
    MUST(pipe(to));
    MUST(pipe(back));
    if (MUST(fork()) == 0) {
        close(to[1]);
        answer(to[0], back[1]);
    }
    out = to[1], in = back[0];
}

static void prepare_wide_pipe(void)
{
    int to[2];
    MUST(pipe(to));
    if (MUST(fork()) == 0) {
        close(to[1]);
        swallow(to[0]);
    }
    out = to[1];
}

static void prepare_local(void)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    if (MUST(fork()) == 0) {
        close(pair[0]);
        answer(pair[1], pair[1]);
    }
    out = in = pair[0];
}

static void prepare_tcp(void)
{
    connect_pair(pair);
    if (MUST(fork()) == 0) {
        close(pair[0]);
        answer(pair[1], pair[1]);
    }
    out = in = pair[0];
}

static void prepare_wide_tcp(void)
{
    connect_pair(pair);
    if (MUST(fork()) == 0) {
        close(pair[0]);
        swallow(pair[1]);
    }
    out = pair[0];
}

static void round_trip(void)
{
    char byte = 1;
    MUST(write(out, &byte, 1));
    MUST(read(in, &byte, 1));
}

static void send_64k(void)
{
    MUST(write(out, buffer, 16 * PAGE));
}

static void prepare_wide_local(void)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    if (MUST(fork()) == 0) {
        close(pair[0]);
        swallow(pair[1]);
    }
    out = pair[0];
}

static void prepare_packets(void)
{
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    if (MUST(fork()) == 0)
        answer(pair[1], pair[1]);
    out = in = pair[0];
}

static void prepare_udp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in places[2];
    socklen_t size = sizeof(address);
    for (int i = 0; i < 2; i++) {
        pair[i] = MUST(socket(AF_INET, SOCK_DGRAM, 0));
        MUST(bind(pair[i], (struct sockaddr *)&address, size));
        MUST(getsockname(pair[i], (struct sockaddr *)&places[i], &size));
    }
    for (int i = 0; i < 2; i++)
        MUST(connect(pair[i], (struct sockaddr *)&places[!i], size));
    if (MUST(fork()) == 0)
        answer(pair[1], pair[1]);
    out = in = pair[0];
}

static void answer_events(int from, int to)
{
    uint64_t count;
    while (read(from, &count, sizeof(count)) > 0 && write(to, &count, sizeof(count)) > 0)
        continue;
    _exit(0);
}

static void prepare_events(void)
{
    out = MUST(eventfd(0, 0)), in = MUST(eventfd(0, 0));
    if (MUST(fork()) == 0)
        answer_events(out, in);
}

static void event_round_trip(void)
{
    uint64_t count = 1;
    MUST(write(out, &count, sizeof(count)));
    MUST(read(in, &count, sizeof(count)));
}

static void make_pipe(void)
{
    MUST(pipe(pair));
    close(pair[0]);
    close(pair[1]);
}

static void make_pair(void)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    close(pair[0]);
    close(pair[1]);
}

static union {
    struct sockaddr any;
    struct sockaddr_in internet;
    struct sockaddr_un local;
} address;
static socklen_t address_size;

static void prepare_listener(int family)
{
    address.any.sa_family = (sa_family_t)family;
    if (family == AF_INET)
        address.internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address_size = family == AF_INET ? sizeof(address.internet) : sizeof(sa_family_t);
    in = MUST(socket(family, SOCK_STREAM, 0));
    MUST(bind(in, &address.any, address_size)); /* a local one gets a name of its own */
    address_size = sizeof(address);
    MUST(getsockname(in, &address.any, &address_size));
    MUST(listen(in, 8));
}

static void prepare_tcp_listener(void)
{
    prepare_listener(AF_INET);
}

static void prepare_local_listener(void)
{
    prepare_listener(AF_UNIX);
}

/* With a reset in the end: ports that are kept would run out. */
static void connect_accept(void)
{
    struct linger none = {.l_onoff = 1};
    int one = MUST(socket(address.any.sa_family, SOCK_STREAM, 0));
    MUST(connect(one, &address.any, address_size));
    int other = MUST(accept(in, NULL, NULL));
    MUST(setsockopt(one, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
    close(one);
    close(other);
}

static void pass_descriptor(void)
{
    char byte = 1, space[CMSG_SPACE(sizeof(int))] = "";
    struct iovec piece = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &piece, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    *control = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(control), &pair[0], sizeof(int));
    MUST(sendmsg(pair[0], &message, 0));
    MUST(recvmsg(pair[1], &message, 0));
    memcpy(&in, CMSG_DATA(control), sizeof(int));
    close(in);
}

static void prepare_rights(void)
{
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

const struct operation messages_operations[] = {
    {"pipe", prepare_pipe, round_trip, "a byte to another process and back, by pipes"},
    {"pipe-64k", prepare_wide_pipe, send_64k, "64 KiB to another process, by a pipe"},
    {"unix", prepare_local, round_trip, "a byte there and back, by a local socket"},
    {"tcp", prepare_tcp, round_trip, "the same by TCP"},
    {"tcp-64k", prepare_wide_tcp, send_64k, "64 KiB by TCP"},
    {"unix-64k", prepare_wide_local, send_64k, "64 KiB by a local socket"},
    {"unix-packet", prepare_packets, round_trip, "a byte there and back, by local datagrams"},
    {"udp", prepare_udp, round_trip, "the same by UDP"},
    {"eventfd", prepare_events, event_round_trip, "the same with two eventfd"},
    {"make-pipe", NULL, make_pipe, "make a pipe, close it"},
    {"make-sockets", NULL, make_pair, "make a pair of local sockets, close them"},
    {"connect-unix", prepare_local_listener, connect_accept,
     "connect to a local socket, accept, close"},
    {"connect-tcp", prepare_tcp_listener, connect_accept, "the same by TCP"},
    {"pass-file", prepare_rights, pass_descriptor, "send a descriptor to oneself, close it"},
    {0},
};
