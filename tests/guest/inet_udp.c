/* UDP on the loopback interface: datagrams, who gets them, and what comes along (udp(7)). */
#include "inet.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

static int receiver_at(const char *text, unsigned *port)
{
    union address address = address_of(text, 0);
    int fd = expect_ok(socket(address.any.sa_family, SOCK_DGRAM, 0));

    expect_ok(bind_to(fd, text, 0));
    *port = own_port(fd);
    return fd;
}

static ssize_t send_to(int fd, const char *text, unsigned port, const void *bytes, size_t size)
{
    union address address = address_of(text, port);
    return sendto(fd, bytes, size, 0, &address.any, size_of(&address));
}

/* The next datagram must be this text; its sender. */
static union address receive_text(int fd, const char *text)
{
    union address from;
    socklen_t size = sizeof(from);
    char buffer[100];

    events_with(fd, POLLIN);
    ssize_t length = expect_ok(recvfrom(fd, buffer, sizeof(buffer), 0, &from.any, &size));
    CHECK_EQ(length, (ssize_t)strlen(text));
    CHECK(!memcmp(buffer, text, (size_t)length));
    CHECK_EQ(size, size_of(&from));
    return from;
}

static void datagrams(void)
{
    unsigned port;
    int receiver = receiver_at(LOOPBACK, &port), fd = udp_socket(), count;
    char buffer[20];

    expect_errno(send(fd, "x", 1, 0), EDESTADDRREQ);
    expect_errno(recv(fd, buffer, 1, MSG_DONTWAIT), EAGAIN);
    expect_errno(send_to(fd, LOOPBACK, 0, "x", 1), EINVAL);
    CHECK_EQ(send_to(fd, LOOPBACK, port, "one", 3), 3);
    CHECK_EQ(send_to(fd, "0.0.0.0", port, "three", 5), 5);
    CHECK_EQ(send_to(fd, LOOPBACK, port, "", 0), 0);
    CHECK_EQ(events_with(receiver, POLLIN), POLLIN | POLLOUT);
    expect_ok(ioctl(receiver, FIONREAD, &count));
    CHECK_EQ(count, 3);
    union address from = receive_text(receiver, "one");
    check_address(&from, LOOPBACK, own_port(fd));
    CHECK_EQ(recv(receiver, buffer, 2, MSG_PEEK | MSG_TRUNC), 5);
    CHECK_EQ(recv(receiver, buffer, 2, 0), 2); /* and the rest is lost */
    CHECK_EQ(recv(receiver, buffer, 20, 0), 0);
    CHECK_EQ(events_of(receiver), POLLOUT);
    CHECK_EQ(send_to(fd, "127.0.0.2", port, "nobody", 6), 6);
    expect_errno(recv(receiver, buffer, 1, MSG_DONTWAIT), EAGAIN);
    expect_errno(recv(receiver, buffer, 1, MSG_ERRQUEUE), EAGAIN);
    expect_errno(send(fd, "x", 1, MSG_OOB), EOPNOTSUPP);
    expect_errno(send_to(fd, "127.255.255.255", port, "x", 1), EACCES);
    CHECK_EQ(send_to(receiver, LOOPBACK, port, "self", 4), 4);
    receive_text(receiver, "self");
}

static void sizes(void)
{
    static char buffer[70000], got[70000];
    unsigned port, port6;
    int receiver = receiver_at(LOOPBACK, &port), receiver6 = receiver_at("::1", &port6);
    int fd = udp_socket(), fd6 = expect_ok(socket(AF_INET6, SOCK_DGRAM, 0));

    pattern_fill(buffer, 0, sizeof(buffer));
    CHECK_EQ(send_to(fd, LOOPBACK, port, buffer, 65507), 65507);
    CHECK_EQ(recv(receiver, got, sizeof(got), 0), 65507);
    CHECK_PATTERN(got, 0, 65507);
    expect_errno(send_to(fd, LOOPBACK, port, buffer, 65508), EMSGSIZE);
    expect_errno(send_to(fd, LOOPBACK, port, buffer, 70000), EMSGSIZE);
    CHECK_EQ(send_to(fd6, "::1", port6, buffer, 65527), 65527);
    CHECK_EQ(recv(receiver6, got, sizeof(got), 0), 65527);
    expect_errno(send_to(fd6, "::1", port6, buffer, 65528), EMSGSIZE);
    expect_errno(send_to(fd6, "::ffff:127.0.0.1", port, buffer, 65508), EMSGSIZE);
}

static void connected(void)
{
    unsigned port, closed;
    int receiver = receiver_at(LOOPBACK, &port), fd = receiver_at(LOOPBACK, &closed);
    union address nobody = {.any.sa_family = AF_UNSPEC}, name;
    char byte;

    expect_ok(close(fd));
    fd = udp_socket();
    expect_ok(connect_to(fd, LOOPBACK, closed));
    name = peer_of(fd);
    check_address(&name, LOOPBACK, closed);
    name = name_of(fd);
    check_address(&name, LOOPBACK, port_of(&name));
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    CHECK_EQ(events_with(fd, POLLERR), POLLERR | POLLOUT);
    expect_errno(send(fd, "x", 1, 0), ECONNREFUSED);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    events_with(fd, POLLERR);
    expect_errno(recv(fd, &byte, 1, 0), ECONNREFUSED);
    CHECK_EQ(send(fd, "x", 1, 0), 1);
    events_with(fd, POLLERR);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    /* Only the peer is heard. */
    expect_ok(connect_to(fd, LOOPBACK, port));
    CHECK_EQ(send_to(udp_socket(), LOOPBACK, own_port(fd), "other", 5), 5);
    CHECK_EQ(send_to(receiver, LOOPBACK, own_port(fd), "mine", 4), 4);
    receive_text(fd, "mine");
    CHECK_EQ(send(fd, "answer", 6, 0), 6);
    receive_text(receiver, "answer");
    CHECK_EQ(send_to(fd, LOOPBACK, port, "again", 5), 5);
    receive_text(receiver, "again");
    expect_ok(connect(fd, &nobody.any, sizeof(nobody.any.sa_family)));
    expect_no_peer(fd);
    name = name_of(fd);
    check_address(&name, "0.0.0.0", 0);
    expect_errno(send(fd, "x", 1, 0), EDESTADDRREQ);
}

static void both_families(void)
{
    unsigned port;
    int receiver = receiver_at("::", &port), fd = expect_ok(socket(AF_INET6, SOCK_DGRAM, 0));
    union address from;

    CHECK_EQ(send_to(udp_socket(), LOOPBACK, port, "four", 4), 4);
    from = receive_text(receiver, "four");
    check_address(&from, "::ffff:127.0.0.1", port_of(&from));
    CHECK_EQ(send_to(fd, "::1", port, "six", 3), 3);
    from = receive_text(receiver, "six");
    check_address(&from, "::1", own_port(fd));
    CHECK_EQ(send_to(fd, LOOPBACK, port, "mixed", 5), 5); /* with the structure of IPv4 */
    from = receive_text(receiver, "mixed");
    check_address(&from, "::ffff:127.0.0.1", own_port(fd));
    expect_ok(connect_to(fd, "::ffff:127.0.0.1", port));
    from = name_of(fd);
    check_address(&from, "::ffff:127.0.0.1", port_of(&from));
    expect_ok(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) == -1 ? 0 : -1);
}

/* The one with the address itself is preferred, and one that is connected to the sender even more.
 */
static void preference(void)
{
    unsigned port;
    int any = udp_socket(), exact = udp_socket(), peer = udp_socket(), sender = udp_socket();

    expect_ok(bind_to(sender, LOOPBACK, 0));
    expect_ok(set_option(any, SOL_SOCKET, SO_REUSEADDR, 1));
    expect_ok(set_option(exact, SOL_SOCKET, SO_REUSEADDR, 1));
    expect_ok(set_option(peer, SOL_SOCKET, SO_REUSEADDR, 1));
    expect_ok(bind_to(any, "0.0.0.0", 0));
    port = own_port(any);
    expect_errno(bind_to(udp_socket(), LOOPBACK, port), EADDRINUSE);
    expect_ok(bind_to(exact, LOOPBACK, port));
    CHECK_EQ(send_to(sender, LOOPBACK, port, "exact", 5), 5);
    receive_text(exact, "exact");
    CHECK_EQ(send_to(sender, "127.0.0.9", port, "any", 3), 3);
    receive_text(any, "any");
    expect_ok(bind_to(peer, LOOPBACK, port));
    expect_ok(connect_to(peer, LOOPBACK, own_port(sender)));
    CHECK_EQ(send_to(sender, LOOPBACK, port, "peer", 4), 4);
    receive_text(peer, "peer");
}

static void shut_down(void)
{
    unsigned port;
    int receiver = receiver_at(LOOPBACK, &port), fd = udp_socket();
    char byte;

    expect_ok(connect_to(fd, LOOPBACK, port));
    expect_ok(shutdown(fd, SHUT_RD));
    CHECK_EQ(events_of(fd), POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(recv(fd, &byte, 1, 0), 0);
    expect_errno(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
    expect_ok(shutdown(fd, SHUT_WR));
    expect_errno(send(fd, "x", 1, 0), EPIPE);
    CHECK_EQ(events_of(fd), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    expect_errno(shutdown(receiver, SHUT_RDWR), ENOTCONN); /* and yet: */
    CHECK_EQ(recv(receiver, &byte, 1, 0), 0);
}

static void *receive_one(void *fd)
{
    char byte;
    return (void *)recv((int)(intptr_t)fd, &byte, 1, 0);
}

static void woken(void)
{
    unsigned port;
    int receiver = receiver_at(LOOPBACK, &port);
    pthread_t thread;
    void *result;

    CHECK_EQ(pthread_create(&thread, NULL, receive_one, (void *)(intptr_t)receiver), 0);
    usleep(10000);
    expect_errno(shutdown(receiver, SHUT_RD), ENOTCONN);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK_EQ((intptr_t)result, 0);
}

/* What has no room is lost, and the sender does not wait. */
static void overflow(void)
{
    unsigned port, kept = 0;
    int receiver = receiver_at(LOOPBACK, &port), fd = udp_socket();
    char buffer[100] = {0};

    expect_ok(set_option(receiver, SOL_SOCKET, SO_RCVBUF, 4096));
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(send_to(fd, LOOPBACK, port, buffer, sizeof(buffer)), sizeof(buffer));
    usleep(10000);
    while (recv(receiver, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
        kept++;
    CHECK(kept > 0 && kept < 100);
    CHECK_EQ(send_to(fd, LOOPBACK, port, "room", 4), 4);
    receive_text(receiver, "room");
}

/* Control messages */

union controls {
    struct cmsghdr header;
    char bytes[256];
};

static struct cmsghdr *find_control(struct msghdr *message, int level, int type)
{
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one))
        if (one->cmsg_level == level && one->cmsg_type == type)
            return one;
    FAIL_HERE("no control message %d of level %d", type, level);
}

static void controls_received(void)
{
    unsigned port;
    int receiver = receiver_at("0.0.0.0", &port), fd = udp_socket(), number;
    union controls controls;
    struct iovec piece = {controls.bytes, 0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &controls,
                             .msg_controllen = sizeof(controls)};
    struct in_pktinfo packet;

    expect_ok(set_option(receiver, IPPROTO_IP, IP_PKTINFO, 1));
    expect_ok(set_option(receiver, IPPROTO_IP, IP_RECVTTL, 1));
    expect_ok(set_option(receiver, IPPROTO_IP, IP_RECVTOS, 1));
    expect_ok(set_option(fd, IPPROTO_IP, IP_TTL, 7));
    expect_ok(set_option(fd, IPPROTO_IP, IP_TOS, 8));
    CHECK_EQ(send_to(fd, "127.0.0.5", port, "", 0), 0);
    events_with(receiver, POLLIN);
    CHECK_EQ(recvmsg(receiver, &message, 0), 0);
    memcpy(&packet, CMSG_DATA(find_control(&message, IPPROTO_IP, IP_PKTINFO)), sizeof(packet));
    CHECK_EQ(packet.ipi_ifindex, 1);
    CHECK_EQ(packet.ipi_addr.s_addr, inet_addr("127.0.0.5"));
    memcpy(&number, CMSG_DATA(find_control(&message, IPPROTO_IP, IP_TTL)), sizeof(number));
    CHECK_EQ(number, 7);
    CHECK_EQ(*CMSG_DATA(find_control(&message, IPPROTO_IP, IP_TOS)), 8);
    CHECK_EQ(message.msg_flags, 0);
    message.msg_controllen = 20; /* too small */
    CHECK_EQ(send_to(fd, LOOPBACK, port, "", 0), 0);
    events_with(receiver, POLLIN);
    CHECK_EQ(recvmsg(receiver, &message, 0), 0);
    CHECK_EQ(message.msg_flags, MSG_CTRUNC);
}

static void controls_received_v6(void)
{
    unsigned port;
    int receiver = receiver_at("::", &port), fd = expect_ok(socket(AF_INET6, SOCK_DGRAM, 0));
    int number;
    union controls controls;
    struct iovec piece = {controls.bytes, 0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &controls,
                             .msg_controllen = sizeof(controls)};
    struct in6_pktinfo packet;

    expect_ok(set_option(receiver, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
    expect_ok(set_option(receiver, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1));
    expect_ok(set_option(receiver, IPPROTO_IPV6, IPV6_RECVTCLASS, 1));
    expect_ok(set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9));
    CHECK_EQ(send_to(fd, "::1", port, "", 0), 0);
    events_with(receiver, POLLIN);
    CHECK_EQ(recvmsg(receiver, &message, 0), 0);
    memcpy(&packet, CMSG_DATA(find_control(&message, IPPROTO_IPV6, IPV6_PKTINFO)), sizeof(packet));
    CHECK_EQ(packet.ipi6_ifindex, 1);
    CHECK(IN6_IS_ADDR_LOOPBACK(&packet.ipi6_addr));
    memcpy(&number, CMSG_DATA(find_control(&message, IPPROTO_IPV6, IPV6_HOPLIMIT)), sizeof(number));
    CHECK_EQ(number, 9);
    find_control(&message, IPPROTO_IPV6, IPV6_TCLASS);
}

/* Send an empty datagram with one control message. */
static ssize_t send_control(int fd, unsigned port, int type, const void *data, size_t size)
{
    union address address = address_of(LOOPBACK, port);
    union controls controls = {.header = {CMSG_LEN(size), IPPROTO_IP, type}};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = sizeof(address.v4),
                             .msg_control = &controls,
                             .msg_controllen = CMSG_SPACE(size)};

    memcpy(CMSG_DATA(&controls.header), data, size);
    return sendmsg(fd, &message, 0);
}

static void controls_sent(void)
{
    unsigned port;
    int receiver = receiver_at(LOOPBACK, &port), fd = udp_socket();
    struct in_pktinfo packet = {.ipi_spec_dst.s_addr = inet_addr("127.0.0.5")};

    expect_ok(send_control(fd, port, IP_PKTINFO, &packet, sizeof(packet)));
    union address from = receive_text(receiver, "");
    check_address(&from, "127.0.0.5", own_port(fd));
    packet.ipi_spec_dst.s_addr = inet_addr("203.0.113.9");
    CHECK_EQ(send_control(fd, port, IP_PKTINFO, &packet, sizeof(packet)), -1);
    packet = (struct in_pktinfo){.ipi_ifindex = 77};
    expect_errno(send_control(fd, port, IP_PKTINFO, &packet, sizeof(packet)), ENODEV);
    expect_errno(send_control(fd, port, IP_PKTINFO, &packet, 4), EINVAL);
    expect_ok(send_control(fd, port, IP_TTL, &(int){9}, sizeof(int)));
    expect_errno(send_control(fd, port, IP_TTL, &(int){0}, sizeof(int)), EINVAL);
    expect_errno(send_control(fd, port, 99, &(int){1}, sizeof(int)), EINVAL);
}

/* A control message whose header can be read, but not the byte behind it. */
static void control_out_of_reach(void)
{
    unsigned port;
    int fd = receiver_at(LOOPBACK, &port);
    union address address = address_of(LOOPBACK, port);
    char *map =
        expect_ok(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    struct cmsghdr *header = (struct cmsghdr *)(map + PAGE - sizeof(*header));
    struct iovec piece = {"x", 1};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = size_of(&address),
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = header,
                             .msg_controllen = CMSG_LEN(1)};

    *header =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(1), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL};
    expect_ok(mprotect(map + PAGE, PAGE, PROT_NONE));
    expect_errno(sendmsg(fd, &message, 0), EFAULT);
    close(fd);
}

static void several(void)
{
    unsigned port;
    int receiver = receiver_at(LOOPBACK, &port), fd = udp_socket();
    char text[3][4] = {"one", "two", "six"}, got[3][10];
    struct iovec pieces[3];
    struct mmsghdr messages[3] = {0};

    expect_ok(connect_to(fd, LOOPBACK, port));
    for (int i = 0; i < 3; i++) {
        pieces[i] = (struct iovec){text[i], 3};
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK_EQ(sendmmsg(fd, messages, 3, 0), 3);
    for (int i = 0; i < 3; i++)
        pieces[i] = (struct iovec){got[i], 10};
    events_with(receiver, POLLIN);
    CHECK_EQ(recvmmsg(receiver, messages, 3, 0, NULL), 3);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(messages[i].msg_len, 3);
        CHECK(!memcmp(got[i], text[i], 3));
    }
}

/* Threads send to each other, each counting what it has got; nothing is lost while there is room,
 * and no datagram is torn. */
enum { THREADS = 4, DATAGRAMS = 100 };

static int crowd[THREADS];
static unsigned crowd_ports[THREADS];

/* Receive until nothing is there, or until all have come. */
static int receive_around(int fd, int got, int flags)
{
    unsigned char buffer[64];

    while (got < DATAGRAMS && recv(fd, buffer, sizeof(buffer), flags) > 0) {
        CHECK(all_bytes(buffer, buffer[0], sizeof(buffer)));
        got++;
    }
    return got;
}

static void *send_around(void *own)
{
    int number = (int)(intptr_t)own, got = 0;
    unsigned char buffer[64];

    for (int i = 0; i < DATAGRAMS; i++) {
        memset(buffer, i & 0xff, sizeof(buffer));
        send_to(crowd[number], LOOPBACK, crowd_ports[(number + 1) % THREADS], buffer,
                sizeof(buffer));
        got = receive_around(crowd[number], got, MSG_DONTWAIT);
    }
    receive_around(crowd[number], got, 0);
    return NULL;
}

static void around(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        crowd[i] = receiver_at(LOOPBACK, &crowd_ports[i]);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, send_around, (void *)(intptr_t)i), 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* What an error queue gives: its text, whose name, and why. */
static void expect_returned(int fd, const char *text, const union address *to, int origin)
{
    union controls controls;
    union address name;
    char buffer[20] = "";
    struct iovec piece = {buffer, sizeof(buffer)};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof(name),
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &controls,
                             .msg_controllen = sizeof(controls)};
    bool is_v4 = to->any.sa_family == AF_INET;
    struct {
        struct sock_extended_err error;
        union address offender;
    } why;

    CHECK_EQ(recvmsg(fd, &message, MSG_ERRQUEUE), strlen(text));
    CHECK_STRING(buffer, text);
    CHECK(message.msg_flags & MSG_ERRQUEUE);
    CHECK_EQ(message.msg_namelen, size_of(to));
    CHECK_EQ(port_of(&name), port_of(to));
    struct cmsghdr *control = find_control(&message, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                           is_v4 ? IP_RECVERR : IPV6_RECVERR);
    CHECK_EQ(control->cmsg_len, CMSG_LEN(sizeof(why.error) + size_of(to)));
    memcpy(&why, CMSG_DATA(control), sizeof(why.error) + size_of(to));
    CHECK_EQ(why.error.ee_errno, ECONNREFUSED);
    CHECK_EQ(why.error.ee_origin, origin);
    CHECK_EQ(why.error.ee_type, is_v4 ? 3 : 1);
    CHECK_EQ(why.error.ee_code, is_v4 ? 3 : 4);
    CHECK_EQ(why.offender.any.sa_family, to->any.sa_family);
    CHECK_EQ(port_of(&why.offender), 0);
}

static void returned_to(const char *where, int level, int option, int origin)
{
    unsigned port;
    int closed = receiver_at(where, &port);
    union address to = address_of(where, port);
    int fd = expect_ok(socket(to.any.sa_family, SOCK_DGRAM, 0));
    char byte;

    expect_ok(close(closed));
    CHECK_EQ(send_to(fd, where, port, "unwanted", 8), 8);
    expect_ok(set_option(fd, level, option, 1));
    CHECK_EQ(option_of(fd, level, option), 1);
    expect_errno(recv(fd, &byte, 1, MSG_ERRQUEUE), EAGAIN);
    /* Though it is not connected. */
    CHECK_EQ(send_to(fd, where, port, "one", 3), 3);
    CHECK_EQ(events_with(fd, POLLERR) & (POLLERR | POLLIN), POLLERR);
    expect_errno(send_to(fd, where, port, "x", 1), ECONNREFUSED);
    CHECK_EQ(send_to(fd, where, port, "two", 3), 3);
    events_with(fd, POLLERR);
    expect_returned(fd, "one", &to, origin);
    CHECK_EQ(events_of(fd) & POLLERR, POLLERR);
    expect_returned(fd, "two", &to, origin);
    expect_errno(recv(fd, &byte, 1, MSG_ERRQUEUE), EAGAIN);
    CHECK_EQ(events_of(fd), POLLOUT);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ERROR), 0);
    /* Nobody wants them any more. */
    CHECK_EQ(send_to(fd, where, port, "three", 5), 5);
    events_with(fd, POLLERR);
    expect_ok(set_option(fd, level, option, 0));
    expect_errno(recv(fd, &byte, 1, MSG_ERRQUEUE), EAGAIN);
}

static void returned(void)
{
    returned_to(LOOPBACK, IPPROTO_IP, IP_RECVERR, SO_EE_ORIGIN_ICMP);
    returned_to("::1", IPPROTO_IPV6, IPV6_RECVERR, SO_EE_ORIGIN_ICMP6);
}

/* When the next datagram came, in nanoseconds since 1970: what the option tells. */
static int64_t arrival_of(int fd, int option, int64_t unit)
{
    union controls controls;
    char buffer[20];
    struct iovec piece = {buffer, sizeof(buffer)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &controls,
                             .msg_controllen = sizeof(controls)};
    int64_t value[2];

    expect_ok(recvmsg(fd, &message, 0));
    struct cmsghdr *control = find_control(&message, SOL_SOCKET, option);
    CHECK_EQ(control->cmsg_len, CMSG_LEN(sizeof(value)));
    memcpy(value, CMSG_DATA(control), sizeof(value));
    CHECK(value[1] >= 0 && value[1] * unit < 1000000000);
    return value[0] * 1000000000 + value[1] * unit;
}

static int64_t real_time(void)
{
    struct timespec now;

    expect_ok(clock_gettime(CLOCK_REALTIME, &now));
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void check_arrivals(int from, int to)
{
    static const int options[] = {SO_TIMESTAMP, SO_TIMESTAMPNS, 63 /* _NEW */, 64};

    for (size_t i = 0; i < COUNT_OF(options); i++) {
        int64_t unit = i % 2 ? 1 : 1000, before = real_time();
        expect_ok(set_option(to, SOL_SOCKET, options[i], 1));
        for (size_t j = 0; j < COUNT_OF(options); j++)
            CHECK_EQ(option_of(to, SOL_SOCKET, options[j]), i == j || (i == 3 && j == 2));
        /* Linux begins to look at the clock a moment after somebody wants it. */
        int64_t arrival, after;
        do {
            CHECK_EQ(send(from, "x", 1, 0), 1);
            events_with(to, POLLIN);
            after = real_time();
            usleep(2000);
            arrival = arrival_of(to, options[i], unit);
            CHECK(arrival > before - unit && arrival <= real_time());
        } while (arrival > after);
    }
    expect_ok(set_option(to, SOL_SOCKET, SO_TIMESTAMP, 0));
    CHECK_EQ(option_of(to, SOL_SOCKET, SO_TIMESTAMP), 0);
}

static void arrivals(void)
{
    unsigned port;
    int receiver = receiver_at(LOOPBACK, &port), fd = udp_socket(), pair[2];

    expect_ok(connect_to(fd, LOOPBACK, port));
    check_arrivals(fd, receiver);
    expect_ok(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    check_arrivals(pair[0], pair[1]);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(datagrams),
        TEST(sizes),
        TEST(connected),
        TEST(both_families),
        TEST(preference),
        TEST(shut_down),
        TEST(woken),
        TEST(overflow),
        TEST(controls_received),
        TEST(controls_received_v6),
        TEST(controls_sent),
        TEST(returned),
        TEST(arrivals),
        TEST(control_out_of_reach),
        TEST(several),
        TEST(around),
    };
    return TAP_MAIN(argc, argv, tests);
}
