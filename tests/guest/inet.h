/*
 * What the tests of sockets of the internet families share.
 */
#ifndef MAPIX_TESTS_INET_H
#define MAPIX_TESTS_INET_H

#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK "127.0.0.1"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t size_of(const union address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static inline union address address_of(const char *text, unsigned port)
{
    union address address = {.any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET};

    if (address.any.sa_family == AF_INET) {
        address.v4.sin_port = htons((uint16_t)port);
        CHECK_EQ(inet_pton(AF_INET, text, &address.v4.sin_addr), 1);
    } else {
        address.v6.sin6_port = htons((uint16_t)port);
        CHECK_EQ(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
    }
    return address;
}

static inline unsigned port_of(const union address *address)
{
    return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

static inline int bind_to(int fd, const char *text, unsigned port)
{
    union address address = address_of(text, port);
    return bind(fd, &address.any, size_of(&address));
}

static inline int connect_to(int fd, const char *text, unsigned port)
{
    union address address = address_of(text, port);
    return connect(fd, &address.any, size_of(&address));
}

static inline union address name_of(int fd)
{
    union address address;
    socklen_t size = sizeof(address);

    expect_ok(getsockname(fd, &address.any, &size));
    CHECK_EQ(size, size_of(&address));
    return address;
}

static inline union address peer_of(int fd)
{
    union address address;
    socklen_t size = sizeof(address);

    expect_ok(getpeername(fd, &address.any, &size));
    CHECK_EQ(size, size_of(&address));
    return address;
}

static inline void expect_no_peer(int fd)
{
    union address address;
    socklen_t size = sizeof(address);

    expect_errno(getpeername(fd, &address.any, &size), ENOTCONN);
}

static inline unsigned own_port(int fd)
{
    union address address = name_of(fd);
    return port_of(&address);
}

/* Is it the address with the port, as text "127.0.0.1:80"? */
static inline void check_address(const union address *address, const char *text, unsigned port)
{
    char buffer[INET6_ADDRSTRLEN];
    const void *bytes = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
                                                          : (const void *)&address->v6.sin6_addr;

    CHECK_STRING(inet_ntop(address->any.sa_family, bytes, buffer, sizeof(buffer)), text);
    CHECK_EQ(port_of(address), port);
}

static inline int tcp_socket(void)
{
    return expect_ok(socket(AF_INET, SOCK_STREAM, 0));
}

static inline int udp_socket(void)
{
    return expect_ok(socket(AF_INET, SOCK_DGRAM, 0));
}

static inline int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);

    expect_ok(getsockopt(fd, level, name, &value, &size));
    CHECK_EQ(size, sizeof(value));
    return value;
}

static inline int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

static inline short events_of(int fd)
{
    struct pollfd entry = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0};
    expect_ok(poll(&entry, 1, 0));
    return entry.revents;
}

/* The same, once there are any of those: what is sent over a network may take its time. */
static inline short events_with(int fd, short wanted)
{
    struct pollfd entry = {fd, wanted, 0};
    CHECK_EQ(poll(&entry, 1, 10000), 1);
    return events_of(fd);
}

/* A socket that listens at the address, its port in *port. */
static inline int listener_at(const char *text, int backlog, unsigned *port)
{
    union address address = address_of(text, 0);
    int fd = expect_ok(socket(address.any.sa_family, SOCK_STREAM, 0));

    expect_ok(bind_to(fd, text, 0));
    expect_ok(listen(fd, backlog));
    *port = own_port(fd);
    return fd;
}

/* Two ends of a connection: [0] has connected, [1] was accepted. */
static inline void connection(int ends[2])
{
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port);

    ends[0] = tcp_socket();
    expect_ok(connect_to(ends[0], LOOPBACK, port));
    ends[1] = expect_ok(accept(listener, NULL, NULL));
    expect_ok(close(listener));
}

#endif
