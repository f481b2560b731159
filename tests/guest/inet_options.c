/* Options of sockets of the internet families, and what there is to be read about them. */
#include "inet.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>

static void general(void)
{
    struct linger linger = {1, 5};
    socklen_t size = sizeof(linger);
    int fd = tcp_socket();

    static const int switches[] = {SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE,
                                   SO_BROADCAST, SO_OOBINLINE, SO_DONTROUTE};
    for (size_t i = 0; i < COUNT_OF(switches); i++) {
        CHECK_EQ(option_of(fd, SOL_SOCKET, switches[i]), 0);
        expect_ok(set_option(fd, SOL_SOCKET, switches[i], 7));
        CHECK_EQ(option_of(fd, SOL_SOCKET, switches[i]), 1);
    }
    expect_ok(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    linger = (struct linger){0, 0};
    expect_ok(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size));
    CHECK(linger.l_onoff == 1 && linger.l_linger == 5);
    expect_errno(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4), EINVAL);
    expect_ok(set_option(fd, SOL_SOCKET, SO_SNDBUF, 5000));
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_SNDBUF), 10000);
    expect_ok(set_option(fd, SOL_SOCKET, SO_RCVBUF, 5000));
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_RCVBUF), 10000);
    expect_ok(set_option(fd, SOL_SOCKET, SO_PRIORITY, 3));
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_PRIORITY), 3);
    expect_ok(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
    expect_errno(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "no0", 4), ENODEV);
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
    expect_ok(listen(fd, 1));
    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    expect_errno(set_option(fd, SOL_SOCKET, 999, 1), ENOPROTOOPT);
    expect_errno(
        set_option(expect_ok(socket(AF_UNIX, SOCK_STREAM, 0)), SOL_SOCKET, SO_REUSEPORT, 1),
        EOPNOTSUPP);
}

static void levels(void)
{
    int value, tcp = tcp_socket(), udp = udp_socket();
    socklen_t size = sizeof(value);

    static const int all[] = {IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6, 255, 99};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        expect_errno(set_option(tcp, all[i], 999, 1), ENOPROTOOPT);
        expect_errno(set_option(udp, all[i], 999, 1), ENOPROTOOPT);
    }
    expect_errno(getsockopt(tcp, IPPROTO_TCP, 999, &value, &size), ENOPROTOOPT);
    expect_errno(getsockopt(tcp, IPPROTO_UDP, 1, &value, &size), EOPNOTSUPP);
    expect_errno(getsockopt(tcp, IPPROTO_IPV6, IPV6_V6ONLY, &value, &size), EOPNOTSUPP);
    expect_errno(getsockopt(udp, IPPROTO_TCP, TCP_NODELAY, &value, &size), EOPNOTSUPP);
}

/* A number, what it is at first, values that can be set, and that cannot. */
static const struct number {
    int level, name, initial, good, bad; /* bad: 0 where there is none */
} of_tcp[] =
    {
        {IPPROTO_TCP, TCP_NODELAY, 0, 1, 0},          {IPPROTO_TCP, TCP_CORK, 0, 1, 0},
        {IPPROTO_TCP, TCP_MAXSEG, 536, 1000, 87},     {IPPROTO_TCP, TCP_KEEPIDLE, 7200, 60, 32768},
        {IPPROTO_TCP, TCP_KEEPINTVL, 75, 10, 32768},  {IPPROTO_TCP, TCP_KEEPCNT, 9, 5, 128},
        {IPPROTO_TCP, TCP_SYNCNT, 6, 3, 128},         {IPPROTO_TCP, TCP_LINGER2, 60, 5, 0},
        {IPPROTO_TCP, TCP_QUICKACK, 1, 1, 0},         {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 5000, -1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0, 4096, 0},
},
  of_v4[] =
      {
          {IPPROTO_IP, IP_TOS, 0, 16, 0},           {IPPROTO_IP, IP_TTL, 64, 3, 256},
          {IPPROTO_IP, IP_MTU_DISCOVER, 1, 0, 9},   {IPPROTO_IP, IP_PKTINFO, 0, 1, 0},
          {IPPROTO_IP, IP_RECVTTL, 0, 1, 0},        {IPPROTO_IP, IP_RECVTOS, 0, 1, 0},
          {IPPROTO_IP, IP_FREEBIND, 0, 1, 0},       {IPPROTO_IP, IP_MULTICAST_TTL, 1, 7, 256},
          {IPPROTO_IP, IP_MULTICAST_LOOP, 1, 0, 0}, {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, 1, 0},
},
  of_v6[] = {
      {IPPROTO_IPV6, IPV6_V6ONLY, 0, 1, 0},         {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64, 3, 256},
      {IPPROTO_IPV6, IPV6_TCLASS, 0, 16, 256},      {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, 7, 256},
      {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, 0, 2}, {IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, 1, 0},
      {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0, 1, 0},   {IPPROTO_IPV6, IPV6_RECVTCLASS, 0, 1, 0},
      {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 1, 0, 9},   {IPPROTO_IPV6, IPV6_DONTFRAG, 0, 1, 0},
};

static void check_numbers(int fd, const struct number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct number *one = &numbers[i];
        CHECK_EQ(option_of(fd, one->level, one->name), one->initial);
        expect_ok(set_option(fd, one->level, one->name, one->good));
        CHECK_EQ(option_of(fd, one->level, one->name), one->good);
        if (one->bad)
            expect_errno(set_option(fd, one->level, one->name, one->bad), EINVAL);
        CHECK_EQ(option_of(fd, one->level, one->name), one->good);
    }
}

static void numbers(void)
{
    char byte = 5;
    socklen_t size = 1;
    int fd = udp_socket();

    check_numbers(tcp_socket(), of_tcp, COUNT_OF(of_tcp));
    check_numbers(udp_socket(), of_v4, COUNT_OF(of_v4));
    check_numbers(expect_ok(socket(AF_INET6, SOCK_DGRAM, 0)), of_v6, COUNT_OF(of_v6));
    expect_errno(setsockopt(tcp_socket(), IPPROTO_TCP, TCP_NODELAY, &byte, 1), EINVAL);
    expect_ok(setsockopt(fd, IPPROTO_IP, IP_TTL, &byte, 1));
    CHECK_EQ(option_of(fd, IPPROTO_IP, IP_TTL), 5);
    byte = 0;
    expect_ok(getsockopt(fd, IPPROTO_IP, IP_TTL, &byte, &size));
    CHECK_EQ(byte, 5);
    CHECK_EQ(size, 1);
    expect_ok(set_option(fd, IPPROTO_IP, IP_TTL, -1));
    CHECK_EQ(option_of(fd, IPPROTO_IP, IP_TTL), 64);
}

static uint8_t state_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);

    expect_ok(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
    return info.tcpi_state;
}

static void states(void)
{
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port), fd = tcp_socket();

    CHECK_EQ(state_of(listener), TCP_LISTEN);
    CHECK_EQ(state_of(fd), TCP_CLOSE);
    expect_ok(connect_to(fd, LOOPBACK, port));
    CHECK_EQ(state_of(fd), TCP_ESTABLISHED);
    int end = expect_ok(accept(listener, NULL, NULL));
    expect_ok(shutdown(fd, SHUT_WR));
    events_with(end, POLLRDHUP);
    CHECK_EQ(state_of(end), TCP_CLOSE_WAIT);
    for (int i = 0; i < 100 && state_of(fd) != TCP_FIN_WAIT2; i++)
        usleep(1000);
    CHECK_EQ(state_of(fd), TCP_FIN_WAIT2);
}

/* Accepted sockets have the options of the one that listens. */
static void inherited(void)
{
    unsigned port;
    int listener = listener_at(LOOPBACK, 5, &port), fd = tcp_socket();

    expect_ok(set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1));
    expect_ok(set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1));
    expect_ok(set_option(listener, IPPROTO_TCP, TCP_KEEPIDLE, 77));
    expect_ok(connect_to(fd, LOOPBACK, port));
    int end = expect_ok(accept(listener, NULL, NULL));
    CHECK_EQ(option_of(end, IPPROTO_TCP, TCP_NODELAY), 1);
    CHECK_EQ(option_of(end, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_EQ(option_of(end, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    CHECK_EQ(option_of(end, SOL_SOCKET, SO_ACCEPTCONN), 0);
    CHECK_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
}

static void groups(void)
{
    struct ip_mreq request = {{inet_addr("127.0.0.5")}, {INADDR_ANY}};
    int fd = udp_socket();

    expect_errno(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)), EINVAL);
    request = (struct ip_mreq){{inet_addr("224.0.0.5")}, {inet_addr("203.0.113.9")}};
    expect_errno(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)), ENODEV);
}

static void congestion(void)
{
    char name[16] = "";
    socklen_t size = sizeof(name);
    int fd = tcp_socket();

    expect_ok(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
    expect_ok(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size));
    CHECK_STRING(name, "reno");
    expect_errno(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "none", 4), ENOENT);
}

/* The interface */

static void interface(void)
{
    struct ifreq request = {.ifr_name = "lo"}, list[16];
    struct ifconf all = {.ifc_len = sizeof(list), .ifc_req = list};
    int fd = udp_socket();
    bool found = false;

    expect_ok(ioctl(fd, SIOCGIFFLAGS, &request));
    CHECK_EQ(request.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING),
             IFF_UP | IFF_LOOPBACK | IFF_RUNNING);
    expect_ok(ioctl(fd, SIOCGIFADDR, &request));
    CHECK_EQ(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr, inet_addr(LOOPBACK));
    expect_ok(ioctl(fd, SIOCGIFNETMASK, &request));
    CHECK_EQ(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr, inet_addr("255.0.0.0"));
    expect_ok(ioctl(fd, SIOCGIFMTU, &request));
    CHECK_EQ(request.ifr_mtu, 65536);
    expect_ok(ioctl(fd, SIOCGIFINDEX, &request));
    CHECK_EQ(request.ifr_ifindex, 1);
    memset(request.ifr_name, 0, sizeof(request.ifr_name));
    expect_ok(ioctl(fd, SIOCGIFNAME, &request));
    CHECK_STRING(request.ifr_name, "lo");
    strcpy(request.ifr_name, "no0");
    expect_errno(ioctl(fd, SIOCGIFFLAGS, &request), ENODEV);
    expect_ok(ioctl(fd, SIOCGIFCONF, &all));
    for (size_t i = 0; i < (size_t)all.ifc_len / sizeof(list[0]); i++)
        found |= !strcmp(list[i].ifr_name, "lo");
    CHECK(found);
    CHECK_EQ(if_nametoindex("lo"), 1);
}

/* What the C library asks by netlink(7). */
static void addresses(void)
{
    struct if_nameindex *interfaces = if_nameindex();
    struct ifaddrs *list;
    bool named = false, v4 = false, v6 = false;

    CHECK(interfaces != NULL);
    for (size_t i = 0; interfaces[i].if_index; i++)
        named |= interfaces[i].if_index == 1 && !strcmp(interfaces[i].if_name, "lo");
    CHECK(named);
    if_freenameindex(interfaces);
    expect_ok(getifaddrs(&list));
    for (struct ifaddrs *one = list; one; one = one->ifa_next) {
        if (!one->ifa_addr || strcmp(one->ifa_name, "lo"))
            continue;
        CHECK(one->ifa_flags & IFF_LOOPBACK);
        if (one->ifa_addr->sa_family == AF_INET)
            v4 |=
                ((struct sockaddr_in *)one->ifa_addr)->sin_addr.s_addr == inet_addr(LOOPBACK) &&
                ((struct sockaddr_in *)one->ifa_netmask)->sin_addr.s_addr == inet_addr("255.0.0.0");
        if (one->ifa_addr->sa_family == AF_INET6)
            v6 |= IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr);
    }
    CHECK(v4 && v6);
    freeifaddrs(list);
}

/* By its name, as ip(8) asks: the type of the answer, or a negative errno. */
static int ask_for(int fd, const char *name)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
        struct rtattr attribute;
        char name[16];
    } question = {.header = {0, RTM_GETLINK, NLM_F_REQUEST, 8, 0}};
    struct {
        struct nlmsghdr header;
        int error;
        char bytes[8192];
    } answer;
    size_t length = strlen(name) + 1;

    question.attribute.rta_len = (unsigned short)RTA_LENGTH(length);
    question.attribute.rta_type = IFLA_IFNAME;
    strcpy(question.name, name);
    question.header.nlmsg_len = (unsigned)(NLMSG_LENGTH(sizeof(question.link)) + RTA_SPACE(length));
    CHECK_EQ(send(fd, &question, question.header.nlmsg_len, 0), question.header.nlmsg_len);
    CHECK(recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(int)));
    return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error : answer.header.nlmsg_type;
}

static void netlink(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } question = {.header = {sizeof(question), RTM_GETLINK, NLM_F_REQUEST, 7, 0},
                  .link = {.ifi_index = 1}};
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    socklen_t size = sizeof(name);
    union {
        struct nlmsghdr header;
        char bytes[8192];
    } answer;
    int fd = expect_ok(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));

    CHECK_EQ(option_of(fd, SOL_SOCKET, SO_TYPE), SOCK_RAW);
    expect_errno(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
    expect_errno(bind(fd, (struct sockaddr *)&name, 2), EINVAL);
    expect_ok(bind(fd, (struct sockaddr *)&name, sizeof(name)));
    expect_ok(getsockname(fd, (struct sockaddr *)&name, &size));
    CHECK_EQ(size, sizeof(name));
    CHECK(name.nl_pid != 0);
    expect_errno(recv(fd, &answer, sizeof(answer), MSG_DONTWAIT), EAGAIN);
    CHECK_EQ(send(fd, &question, sizeof(question), 0), sizeof(question));
    CHECK(recv(fd, &answer, sizeof(answer), 0) > (ssize_t)sizeof(question));
    CHECK_EQ(answer.header.nlmsg_type, RTM_NEWLINK);
    CHECK_EQ(answer.header.nlmsg_seq, 7);
    CHECK_EQ(answer.header.nlmsg_pid, name.nl_pid);
    question.link.ifi_index = 12345;
    CHECK_EQ(send(fd, &question, sizeof(question), 0), sizeof(question));
    CHECK(recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)NLMSG_LENGTH(sizeof(int)));
    CHECK_EQ(answer.header.nlmsg_type, NLMSG_ERROR);
    CHECK_EQ(((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error, -ENODEV);
    CHECK_EQ(ask_for(fd, "lo"), RTM_NEWLINK);
    CHECK_EQ(ask_for(fd, "nothing"), -ENODEV);
}

/* A line of /proc/net/NAME that begins, behind its number, with the two addresses. */
static bool has_line(const char *name, const char *addresses, char *line, size_t size)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/net/%s", name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    bool found = false;
    while (!found && fgets(line, (int)size, file)) {
        const char *colon = strchr(line, ':');
        found = colon && !strncmp(colon + 2, addresses, strlen(addresses));
    }
    fclose(file);
    return found;
}

static void tables(void)
{
    char line[300], wanted[100], path[64], status[20];
    struct stat file;
    unsigned port, port6, udp_port, state, received, owner;
    unsigned long inode;
    int listener = listener_at(LOOPBACK, 5, &port), fd = tcp_socket(), udp = udp_socket();
    int listener6 = listener_at("::1", 5, &port6);

    (void)listener6;
    expect_ok(connect_to(fd, LOOPBACK, port));
    CHECK_EQ(send(fd, "12345", 5, 0), 5);
    snprintf(wanted, sizeof(wanted), "0100007F:%04X 00000000:0000 0A", port);
    CHECK(has_line("tcp", wanted, line, sizeof(line)));
    CHECK_EQ(strlen(line), 150);
    CHECK_EQ(sscanf(strchr(line, ':') + 2, "%*s %*s %x %*x:%x %*s %*s %u %*u %lu", &state,
                    &received, &owner, &inode),
             4);
    CHECK_EQ(received, 1); /* connections that wait */
    CHECK_EQ(owner, getuid());
    expect_ok(fstat(listener, &file));
    CHECK_EQ(inode, file.st_ino);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", listener);
    ssize_t length = expect_ok(readlink(path, status, sizeof(status) - 1));
    status[length] = '\0';
    snprintf(path, sizeof(path), "socket:[%lu]", inode);
    CHECK_STRING(status, path);
    snprintf(wanted, sizeof(wanted), "0100007F:%04X 0100007F:%04X 01", port, own_port(fd));
    CHECK(has_line("tcp", wanted, line, sizeof(line)));
    snprintf(wanted, sizeof(wanted),
             "00000000000000000000000001000000:%04X 00000000000000000000000000000000:0000 0A",
             port6);
    CHECK(has_line("tcp6", wanted, line, sizeof(line)));
    expect_ok(bind_to(udp, "0.0.0.0", 0));
    udp_port = own_port(udp);
    snprintf(wanted, sizeof(wanted), "00000000:%04X 00000000:0000 07", udp_port);
    CHECK(has_line("udp", wanted, line, sizeof(line)));
    CHECK_EQ(strlen(line), 128);
    CHECK(!has_line("raw", wanted, line, sizeof(line)));
    CHECK(!has_line("raw6", wanted, line, sizeof(line)));
    char *text = malloc(1 << 16);
    read_file("/proc/net/if_inet6", text, 1 << 16);
    CHECK(strstr(text, "00000000000000000000000000000001 01 80 10 80       lo\n"));
    read_file("/proc/net/dev", text, 1 << 16);
    CHECK(strstr(text, "    lo: "));
}

static void local_table(void)
{
    static char text[1 << 16];
    char name[20], wanted[60];
    int fd = expect_ok(socket(AF_UNIX, SOCK_STREAM, 0));
    struct stat file;
    struct {
        sa_family_t family;
        char path[20];
    } address = {.family = AF_UNIX};

    snprintf(name, sizeof(name), "test%d", getpid());
    strcpy(address.path + 1, name);
    expect_ok(bind(fd, (struct sockaddr *)&address, (socklen_t)(3 + strlen(name))));
    expect_ok(listen(fd, 1));
    expect_ok(fstat(fd, &file));
    read_file("/proc/net/unix", text, sizeof(text));
    snprintf(wanted, sizeof(wanted), "00010000 0001 01 %5lu @%s\n", (unsigned long)file.st_ino,
             name);
    CHECK(strstr(text, wanted));
}

static void port_range(void)
{
    char old[40];

    if (getuid() != 0)
        skip("needs root");
    read_file("/proc/sys/net/ipv4/ip_local_port_range", old, sizeof(old));
    int file = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
    if (file < 0)
        skip("cannot be written here");
    CHECK_EQ(write(file, "40000 40009\n", 12), 12);
    int fd = tcp_socket();
    int error = bind_to(fd, "127.0.0.77", 0);
    expect_errno(pwrite(file, "40009 40000\n", 12, 0), EINVAL);
    CHECK_EQ(pwrite(file, old, strlen(old), 0), (ssize_t)strlen(old));
    expect_ok(error);
    CHECK(own_port(fd) >= 40000 && own_port(fd) <= 40009);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(general),    TEST(levels),     TEST(numbers),   TEST(states), TEST(inherited),
        TEST(groups),     TEST(congestion), TEST(interface), TEST(tables), TEST(local_table),
        TEST(port_range), TEST(addresses),  TEST(netlink),
    };
    return TAP_MAIN(argc, argv, tests);
}
