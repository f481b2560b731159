/* TCP on the loopback interface: names, connections and how they end (tcp(7), ip(7), ipv6(7)). */
#include "inet.h"

#include <fcntl.h>
#include <sys/wait.h>

static int ends[2];

static void kinds(void)
{
    expect_errno(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    expect_errno(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    expect_errno(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMP), EPROTONOSUPPORT);
    expect_errno(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
    expect_errno(socket(AF_INET, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    expect_errno(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
    expect_errno(socket(AF_INET6, SOCK_STREAM, 1000), EINVAL);
    expect_errno(socket(AF_INET6, 11, 0), EINVAL);
    expect_errno(socketpair(AF_INET, SOCK_STREAM, 0, ends), EOPNOTSUPP);
    for (int i = 0; i < 4; i++) {
        int family = i & 1 ? AF_INET : AF_INET6, type = i & 2 ? SOCK_STREAM : SOCK_DGRAM;
        int fd = expect_ok(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
        CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
        CHECK_EQ(option_of(fd, SOL_SOCKET, SO_DOMAIN), family);
        CHECK_EQ(option_of(fd, SOL_SOCKET, SO_TYPE), type);
        CHECK_EQ(option_of(fd, SOL_SOCKET, SO_PROTOCOL), i & 2 ? IPPROTO_TCP : IPPROTO_UDP);
        CHECK_EQ(events_of(fd), POLLOUT | (i & 2 ? POLLHUP : 0));
        CHECK_EQ(own_port(fd), 0);
    }
}

static void raw_needs_a_privilege(void)
{
    if (getuid() == 0)
        expect_ok(setuid(1000));
    expect_errno(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
    expect_errno(bind_to(tcp_socket(), LOOPBACK, 80), EACCES);
    expect_errno(bind_to(udp_socket(), LOOPBACK, 1023), EACCES);
}

static void binding(void)
{
    union address name = address_of(LOOPBACK, 0);
    unsigned first, last;
    char range[100];

    expect_errno(bind(tcp_socket(), &name.any, 8), EINVAL);
    name.any.sa_family = AF_UNIX;
    expect_errno(bind(tcp_socket(), &name.any, sizeof(name.v4)), EAFNOSUPPORT);
    name = address_of("0.0.0.0", 0);
    name.any.sa_family = AF_UNSPEC;
    expect_ok(bind(tcp_socket(), &name.any, sizeof(name.v4)));
    expect_errno(bind_to(tcp_socket(), "203.0.113.9", 0), EADDRNOTAVAIL);
    expect_ok(bind_to(tcp_socket(), "127.9.8.7", 0));
    int fd = tcp_socket();
    expect_ok(bind_to(fd, LOOPBACK, 0));
    expect_errno(bind_to(fd, LOOPBACK, 0), EINVAL);
    expect_errno(bind_to(fd, "203.0.113.9", 0), EADDRNOTAVAIL);
    name = name_of(fd);
    check_address(&name, LOOPBACK, own_port(fd));
    read_file("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof(range));
    CHECK_EQ(sscanf(range, "%u %u", &first, &last), 2);
    CHECK(own_port(fd) >= first && own_port(fd) <= last);
    expect_errno(bind_to(tcp_socket(), LOOPBACK, own_port(fd)), EADDRINUSE);
    expect_errno(bind_to(tcp_socket(), "0.0.0.0", own_port(fd)), EADDRINUSE);
    expect_ok(bind_to(tcp_socket(), "127.0.0.2", own_port(fd)));
    expect_ok(bind_to(udp_socket(), LOOPBACK, own_port(fd)));
    unsigned port = own_port(fd);
    expect_ok(close(fd));
    expect_ok(bind_to(tcp_socket(), LOOPBACK, port));
}

static void binding_v6(void)
{
    int fd = expect_ok(socket(AF_INET6, SOCK_STREAM, 0)), other;
    union address name = address_of("::1", 0);

    expect_errno(bind(fd, &name.any, 23), EINVAL);
    expect_errno(bind_to(fd, "2001:db8::1", 0), EADDRNOTAVAIL);
    expect_errno(bind_to(fd, "fe80::1", 0), EINVAL);
    expect_errno(bind_to(fd, "ff02::1", 0), EINVAL);
    expect_errno(bind_to(fd, "::ffff:203.0.113.9", 0), EADDRNOTAVAIL);
    expect_errno(bind_to(fd, LOOPBACK, 0), EINVAL);
    expect_ok(bind_to(fd, "::", 0)); /* of IPv4 too */
    expect_errno(bind_to(tcp_socket(), LOOPBACK, own_port(fd)), EADDRINUSE);
    expect_errno(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), EINVAL);
    other = expect_ok(socket(AF_INET6, SOCK_STREAM, 0));
    expect_ok(set_option(other, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    CHECK_EQ(option_of(other, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    expect_errno(bind_to(other, "::ffff:127.0.0.1", 0), EINVAL);
    expect_ok(bind_to(other, "::", 0));
    expect_ok(bind_to(tcp_socket(), LOOPBACK, own_port(other)));
    fd = expect_ok(socket(AF_INET6, SOCK_STREAM, 0));
    expect_ok(bind_to(fd, "::ffff:127.0.0.1", 0));
    expect_errno(bind_to(tcp_socket(), LOOPBACK, own_port(fd)), EADDRINUSE);
}

/* Who may share a port, and when. */
static void reuse(void)
{
    int first = tcp_socket(), second = tcp_socket(), third = tcp_socket();

    expect_ok(set_option(first, SOL_SOCKET, SO_REUSEADDR, 1));
    expect_ok(bind_to(first, LOOPBACK, 0));
    unsigned port = own_port(first);
    expect_errno(bind_to(second, LOOPBACK, port), EADDRINUSE);
    expect_ok(set_option(second, SOL_SOCKET, SO_REUSEADDR, 1));
    expect_ok(bind_to(second, LOOPBACK, port));
    expect_ok(listen(first, 1));
    expect_errno(listen(second, 1), EADDRINUSE);
    expect_ok(set_option(third, SOL_SOCKET, SO_REUSEADDR, 1));
    expect_errno(bind_to(third, LOOPBACK, port), EADDRINUSE);
    /* A connection keeps the port, but not from one that may share it. */
    expect_ok(close(second));
    int client = tcp_socket();
    expect_ok(connect_to(client, LOOPBACK, port));
    expect_ok(accept(first, NULL, NULL));
    expect_ok(close(first));
    expect_errno(bind_to(tcp_socket(), LOOPBACK, port), EADDRINUSE);
    expect_ok(bind_to(third, LOOPBACK, port));
    expect_ok(listen(third, 1));
}

static void reuse_port(void)
{
    int servers[4];
    unsigned port = 0;

    for (int i = 0; i < 4; i++) {
        servers[i] = tcp_socket();
        expect_ok(set_option(servers[i], SOL_SOCKET, SO_REUSEPORT, 1));
        expect_ok(bind_to(servers[i], LOOPBACK, port));
        expect_ok(listen(servers[i], 100));
        port = own_port(servers[i]);
    }
    expect_errno(bind_to(tcp_socket(), LOOPBACK, port), EADDRINUSE);
    for (int i = 0; i < 100; i++)
        expect_ok(connect_to(tcp_socket(), LOOPBACK, port));
    int got = 0;
    for (int i = 0; i < 4; i++) {
        expect_ok(fcntl(servers[i], F_SETFL, O_NONBLOCK));
        int before = got;
        while (accept(servers[i], NULL, NULL) >= 0)
            got++;
        CHECK_EQ(errno, EAGAIN);
        CHECK(got > before); /* each has a share */
    }
    CHECK_EQ(got, 100);
}

static void connecting(void)
{
    char buffer[20];
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port), fd = tcp_socket();
    union address name = address_of(LOOPBACK, port);

    expect_errno(connect(fd, &name.any, 8), EINVAL);
    expect_errno(connect(fd, &name.any, 1), EINVAL);
    name.any.sa_family = AF_INET6;
    expect_errno(connect(fd, &name.any, sizeof(name.v4)), EAFNOSUPPORT);
    expect_errno(connect_to(fd, "255.255.255.255", port), ENETUNREACH);
    expect_no_peer(fd);
    expect_ok(connect_to(fd, LOOPBACK, port));
    CHECK_EQ(send(fd, "early", 5, 0), 5); /* before it is accepted */
    CHECK_EQ(events_with(listener, POLLIN), POLLIN);
    socklen_t size = sizeof(name);
    int end = expect_ok(accept4(listener, &name.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    CHECK_EQ(size, sizeof(name.v4));
    check_address(&name, LOOPBACK, own_port(fd));
    name = peer_of(end);
    check_address(&name, LOOPBACK, own_port(fd));
    name = peer_of(fd);
    check_address(&name, LOOPBACK, port);
    CHECK_EQ(own_port(end), port);
    CHECK_EQ(fcntl(end, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_EQ(events_with(end, POLLIN), POLLIN | POLLOUT);
    CHECK_EQ(recv(end, buffer, 20, 0), 5);
    expect_errno(recv(end, buffer, 20, 0), EAGAIN);
    expect_errno(connect_to(fd, LOOPBACK, port), EISCONN);
    expect_errno(connect_to(listener, LOOPBACK, port), EISCONN);
    expect_errno(accept(fd, NULL, NULL), EINVAL);
    expect_errno(listen(fd, 1), EINVAL);
    expect_errno(accept(udp_socket(), NULL, NULL), EOPNOTSUPP);
    expect_errno(listen(udp_socket(), 1), EOPNOTSUPP);
}

/* Addresses that lead to this machine in other ways. */
static void destinations(void)
{
    unsigned port;
    int listener = expect_ok(socket(AF_INET6, SOCK_STREAM, 0)), fd = tcp_socket();
    union address name;

    expect_ok(listen(listener, 5)); /* at :: and a port of its choice */
    port = own_port(listener);
    CHECK(port != 0);
    expect_ok(connect_to(fd, "0.0.0.0", port));
    name = peer_of(fd);
    check_address(&name, LOOPBACK, port);
    name = peer_of(expect_ok(accept(listener, NULL, NULL)));
    check_address(&name, "::ffff:127.0.0.1", own_port(fd));
    fd = tcp_socket();
    expect_ok(bind_to(fd, "127.0.0.3", 0));
    expect_ok(connect_to(fd, "127.0.0.2", port));
    name = name_of(expect_ok(accept(listener, NULL, NULL)));
    check_address(&name, "::ffff:127.0.0.2", port);
    name = name_of(fd);
    check_address(&name, "127.0.0.3", own_port(fd));
    fd = expect_ok(socket(AF_INET6, SOCK_STREAM, 0));
    expect_ok(connect_to(fd, "::", port));
    name = peer_of(fd);
    check_address(&name, "::1", port);
    fd = expect_ok(socket(AF_INET6, SOCK_STREAM, 0));
    expect_ok(connect_to(fd, "::ffff:127.0.0.1", port));
    name = name_of(fd);
    check_address(&name, "::ffff:127.0.0.1", own_port(fd));
    fd = expect_ok(socket(AF_INET6, SOCK_STREAM, 0));
    expect_ok(bind_to(fd, "::1", 0));
    expect_errno(connect_to(fd, "::ffff:127.0.0.1", port), ENETUNREACH);
    fd = expect_ok(socket(AF_INET6, SOCK_STREAM, 0));
    expect_ok(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    expect_errno(connect_to(fd, "::ffff:127.0.0.1", port), ENETUNREACH);
}

/* A port at which nobody listens, for a while at least. */
static unsigned unused_port(void)
{
    int fd = tcp_socket();

    expect_ok(bind_to(fd, LOOPBACK, 0));
    unsigned port = own_port(fd);
    expect_ok(close(fd));
    return port;
}

static void refused(void)
{
    unsigned port, nobody = unused_port();
    int listener = listener_at(LOOPBACK, 5, &port), fd = tcp_socket();
    char byte;

    (void)listener;
    expect_errno(connect_to(fd, LOOPBACK, nobody), ECONNREFUSED);
    CHECK_EQ(events_of(fd), POLLOUT | POLLHUP);
    expect_ok(connect_to(fd, LOOPBACK, port)); /* and try again */
    /* One that does not wait hears of it later: */
    fd = expect_ok(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    expect_errno(connect_to(fd, LOOPBACK, nobody), EINPROGRESS);
    CHECK_EQ(events_with(fd, POLLERR), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ERROR), 0);
    CHECK_EQ(recv(fd, &byte, 1, 0), 0);
    expect_errno(connect_to(fd, LOOPBACK, port), ECONNABORTED);
    expect_errno(connect_to(fd, LOOPBACK, nobody), EINPROGRESS);
    events_with(fd, POLLERR);
    expect_errno(connect_to(fd, LOOPBACK, port), ECONNREFUSED);
    expect_errno(connect_to(fd, LOOPBACK, nobody), EINPROGRESS);
    events_with(fd, POLLERR);
    expect_errno(recv(fd, &byte, 1, 0), ECONNREFUSED);
}

static void without_waiting(void)
{
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port);
    int fd = expect_ok(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

    expect_errno(connect_to(fd, LOOPBACK, port), EINPROGRESS);
    CHECK_EQ(events_with(fd, POLLOUT), POLLOUT);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ERROR), 0);
    expect_ok(connect_to(fd, LOOPBACK, port));
    expect_errno(connect_to(fd, LOOPBACK, port), EISCONN);
    expect_ok(fcntl(listener, F_SETFL, O_NONBLOCK));
    expect_ok(accept(listener, NULL, NULL));
    expect_errno(accept(listener, NULL, NULL), EAGAIN);
}

/* Connections beyond the backlog wait until another one has been accepted. */
static void full_backlog(void)
{
    unsigned port;
    int listener = listener_at(LOOPBACK, 0, &port), fd[2];
    struct timeval soon = {0, 20000};
    char byte;

    for (int i = 0; i < 2; i++) {
        fd[i] = expect_ok(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        expect_errno(connect_to(fd[i], LOOPBACK, port), EINPROGRESS);
        if (i == 0)
            events_with(fd[0], POLLOUT);
    }
    CHECK_EQ(events_of(fd[1]), 0);
    expect_errno(connect_to(fd[1], LOOPBACK, port), EALREADY);
    expect_errno(send(fd[1], "x", 1, 0), EAGAIN);
    expect_errno(recv(fd[1], &byte, 1, 0), EAGAIN);
    expect_no_peer(fd[1]);
    int slow = tcp_socket();
    expect_ok(setsockopt(slow, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)));
    expect_errno(connect_to(slow, LOOPBACK, port), EINPROGRESS);
    expect_ok(shutdown(slow, SHUT_RDWR));
    expect_ok(close(slow));
    for (int i = 0; i < 2; i++)
        expect_ok(accept(listener, NULL, NULL));
    for (int i = 0; i < 2; i++)
        CHECK_EQ(events_with(fd[i], POLLOUT), POLLOUT);
}

static void unconnected(void)
{
    int fd = tcp_socket();
    char byte;

    signal(SIGPIPE, SIG_IGN);
    expect_errno(recv(fd, &byte, 1, 0), ENOTCONN);
    expect_errno(send(fd, "x", 1, 0), EPIPE);
    for (int how = SHUT_RD; how <= SHUT_RDWR; how++)
        expect_errno(shutdown(tcp_socket(), how), ENOTCONN);
    expect_errno(shutdown(fd, 3), EINVAL);
    expect_ok(listen(fd, 1));
    expect_errno(recv(fd, &byte, 1, 0), ENOTCONN);
    expect_errno(send(fd, "x", 1, 0), EPIPE);
    CHECK_EQ(events_of(fd), 0);
}

/* The other end is closed: the end of file; what is sent then is answered with a reset. */
static void closed(void)
{
    char buffer[20];

    signal(SIGPIPE, SIG_IGN);
    connection(ends);
    CHECK_EQ(send(ends[1], "last", 4, 0), 4);
    expect_ok(close(ends[1]));
    CHECK_EQ(events_with(ends[0], POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(recv(ends[0], buffer, 20, 0), 4);
    CHECK_EQ(recv(ends[0], buffer, 20, 0), 0);
    CHECK_EQ(send(ends[0], "x", 1, 0), 1);
    CHECK_EQ(events_with(ends[0], POLLERR), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    CHECK_EQ(recv(ends[0], buffer, 20, 0), 0);
    expect_errno(send(ends[0], "x", 1, 0), EPIPE);
    expect_no_peer(ends[0]);
    expect_errno(shutdown(ends[0], SHUT_WR), ENOTCONN);
    CHECK_EQ(events_of(ends[0]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
}

static void pipe_signal(void)
{
    connection(ends);
    expect_ok(close(ends[1]));
    events_with(ends[0], POLLRDHUP);
    send(ends[0], "x", 1, MSG_NOSIGNAL);
    events_with(ends[0], POLLERR);
    expect_errno(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    send(ends[0], "x", 1, 0);
    fail("SIGPIPE did not come");
}

static void broken_pipe(void)
{
    pid_t child = fork();

    if (child == 0) {
        pipe_signal();
        _exit(0);
    }
    expect_signaled(reap(child), SIGPIPE);
}

/* Closed with unread bytes, or without lingering: a reset. What was sent before can be read. */
static void resets(void)
{
    struct linger at_once = {1, 0};
    char buffer[20];

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        connection(ends);
        if (i)
            expect_ok(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
        else
            CHECK_EQ(send(ends[0], "unread", 6, 0), 6);
        events_with(ends[1], i ? POLLOUT : POLLIN);
        CHECK_EQ(send(ends[1], "data", 4, 0), 4);
        events_with(ends[0], POLLIN);
        expect_ok(close(ends[1]));
        CHECK_EQ(events_with(ends[0], POLLERR), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
        CHECK_EQ(recv(ends[0], buffer, 20, 0), 4);
        expect_errno(recv(ends[0], buffer, 20, 0), ECONNRESET);
        CHECK_EQ(recv(ends[0], buffer, 20, 0), 0);
        expect_errno(send(ends[0], "x", 1, 0), EPIPE);
    }
    connection(ends);
    expect_ok(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)));
    expect_ok(close(ends[1]));
    events_with(ends[0], POLLERR);
    expect_errno(send(ends[0], "x", 1, 0), ECONNRESET);
    expect_errno(send(ends[0], "x", 1, 0), EPIPE);
}

static void half_closed(void)
{
    char buffer[20];

    signal(SIGPIPE, SIG_IGN);
    connection(ends);
    expect_ok(shutdown(ends[0], SHUT_WR));
    CHECK_EQ(events_with(ends[1], POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(events_of(ends[0]), POLLOUT);
    CHECK_EQ(recv(ends[1], buffer, 20, 0), 0);
    CHECK_EQ(send(ends[1], "back", 4, 0), 4);
    CHECK_EQ(recv(ends[0], buffer, 20, 0), 4);
    expect_errno(send(ends[0], "x", 1, 0), EPIPE);
    expect_ok(shutdown(ends[0], SHUT_WR));
    expect_ok(shutdown(ends[1], SHUT_WR));
    events_with(ends[0], POLLHUP);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(events_of(ends[i]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
        expect_errno(shutdown(ends[i], SHUT_RDWR), ENOTCONN);
    }
    /* The other half is this side's own business. */
    connection(ends);
    expect_ok(shutdown(ends[0], SHUT_RD));
    CHECK_EQ(events_of(ends[0]), POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(events_of(ends[1]), POLLOUT);
    CHECK_EQ(recv(ends[0], buffer, 20, 0), 0);
    CHECK_EQ(send(ends[1], "still", 5, 0), 5);
    CHECK_EQ(send(ends[0], "too", 3, 0), 3);
    CHECK_EQ(recv(ends[1], buffer, 20, 0), 3);
}

static void listener_ends(void)
{
    unsigned port = unused_port();
    int listener = tcp_socket(), fd = tcp_socket();
    char byte;

    expect_ok(bind_to(listener, LOOPBACK, port));
    expect_ok(listen(listener, 5));
    expect_ok(connect_to(fd, LOOPBACK, port));
    expect_ok(shutdown(listener, SHUT_WR)); /* nothing */
    events_with(listener, POLLIN);
    expect_ok(shutdown(listener, SHUT_RD));
    events_with(fd, POLLERR);
    expect_errno(recv(fd, &byte, 1, 0), ECONNRESET);
    expect_errno(accept(listener, NULL, NULL), EINVAL);
    CHECK_EQ(own_port(listener), port);
    expect_errno(connect_to(tcp_socket(), LOOPBACK, port), ECONNREFUSED);
    expect_ok(listen(listener, 1));
    expect_ok(connect_to(tcp_socket(), LOOPBACK, port));
}

/* connect(2) with AF_UNSPEC makes it a new socket. */
static void disconnected(void)
{
    union address nobody = {.any.sa_family = AF_UNSPEC};
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port);
    char byte;

    connection(ends);
    expect_ok(connect(ends[0], &nobody.any, sizeof(nobody.v4)));
    events_with(ends[1], POLLERR);
    expect_errno(recv(ends[1], &byte, 1, 0), ECONNRESET);
    expect_no_peer(ends[0]);
    expect_ok(connect_to(ends[0], LOOPBACK, port));
    CHECK_EQ(send(ends[0], "x", 1, 0), 1);
    CHECK_EQ(recv(expect_ok(accept(listener, NULL, NULL)), &byte, 1, 0), 1);
}

/* One that has a new connection has nothing to do with the end of the old one. */
static void connected_anew(void)
{
    union address nobody = {.any.sa_family = AF_UNSPEC};
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port);
    char byte;

    for (int i = 0; i < 3; i++) {
        connection(ends);
        expect_ok(connect(ends[0], &nobody.any, sizeof(nobody.v4)));
        events_with(ends[1], POLLERR);
        expect_ok(connect_to(ends[0], LOOPBACK, port));
        int new = expect_ok(accept(listener, NULL, NULL));
        if (i == 0)
            CHECK_EQ(send(ends[0], "unread", 6, 0), 6);
        if (i == 1)
            expect_errno(shutdown(ends[1], SHUT_RDWR), ENOTCONN);
        expect_ok(close(ends[1]));
        CHECK_EQ(events_of(ends[0]), POLLOUT);
        expect_errno(recv(ends[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
        CHECK_EQ(send(new, "x", 1, 0), 1);
        CHECK_EQ(recv(ends[0], &byte, 1, 0), 1);
    }
}

static unsigned sockets_used(void)
{
    char text[64];
    unsigned used;
    FILE *file = fopen("/proc/net/sockstat", "r");

    CHECK(file && fgets(text, sizeof(text), file));
    CHECK_EQ(sscanf(text, "sockets: used %u", &used), 1);
    expect_ok(fclose(file));
    return used;
}

/* Whoever waited for a listener that was closed may wait for another one. */
static void waits_again(void)
{
    enum { CLIENTS = 50 };
    unsigned port, before = sockets_used();
    int fd[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        fd[i] = expect_ok(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    for (int round = 0; round < 2; round++) {
        int listener = listener_at(LOOPBACK, 0, &port), first = tcp_socket();
        expect_ok(connect_to(first, LOOPBACK, port));
        for (int i = 0; i < CLIENTS; i++)
            expect_errno(connect_to(fd[i], LOOPBACK, port), EINPROGRESS);
        expect_ok(close(listener));
        expect_ok(close(first));
        for (int i = 0; i < CLIENTS; i++) {
            events_with(fd[i], POLLERR);
            expect_errno(connect_to(fd[i], LOOPBACK, port), ECONNREFUSED);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        expect_ok(close(fd[i]));
    CHECK(sockets_used() < before + CLIENTS);
}

static const struct test tests[] = {
    TEST(kinds),          TEST(raw_needs_a_privilege),
    TEST(binding),        TEST(binding_v6),
    TEST(reuse),          TEST(reuse_port),
    TEST(connecting),     TEST(destinations),
    TEST(refused),        TEST(without_waiting),
    TEST(full_backlog),   TEST(unconnected),
    TEST(closed),         TEST(broken_pipe),
    TEST(resets),         TEST(half_closed),
    TEST(listener_ends),  TEST(disconnected),
    TEST(connected_anew), TEST(waits_again),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
