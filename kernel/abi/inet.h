/* The internet families: numbers and structures of ip(7), ipv6(7), tcp(7), udp(7) and netdevice(7).
 */
#ifndef MAPIX_ABI_INET_H
#define MAPIX_ABI_INET_H

#include <stdint.h>

#define IPPROTO_ICMP   1
#define IPPROTO_TCP    6
#define IPPROTO_UDP    17
#define IPPROTO_ICMPV6 58
#define IPPROTO_MAX    263

/* Of SOL_IP. */
#define IP_TOS                  1
#define IP_TTL                  2
#define IP_PKTINFO              8
#define IP_MTU_DISCOVER         10
#define IP_RECVERR              11
#define IP_RECVTTL              12
#define IP_RECVTOS              13
#define IP_MTU                  14
#define IP_FREEBIND             15
#define IP_RECVORIGDSTADDR      20
#define IP_MINTTL               21
#define IP_BIND_ADDRESS_NO_PORT 24
#define IP_MULTICAST_IF         32
#define IP_MULTICAST_TTL        33
#define IP_MULTICAST_LOOP       34
#define IP_ADD_MEMBERSHIP       35
#define IP_DROP_MEMBERSHIP      36
#define IP_MULTICAST_ALL        49

/* Of SOL_IPV6. */
#define IPV6_UNICAST_HOPS    16
#define IPV6_MULTICAST_IF    17
#define IPV6_MULTICAST_HOPS  18
#define IPV6_MULTICAST_LOOP  19
#define IPV6_ADD_MEMBERSHIP  20
#define IPV6_DROP_MEMBERSHIP 21
#define IPV6_MTU_DISCOVER    23
#define IPV6_MTU             24
#define IPV6_RECVERR         25
#define IPV6_V6ONLY          26
#define IPV6_RECVPKTINFO     49
#define IPV6_PKTINFO         50
#define IPV6_RECVHOPLIMIT    51
#define IPV6_HOPLIMIT        52
#define IPV6_DONTFRAG        62
#define IPV6_RECVTCLASS      66
#define IPV6_TCLASS          67
#define IPV6_RECVORIGDSTADDR 74

/* Of SOL_TCP. */
#define TCP_NODELAY       1
#define TCP_MAXSEG        2
#define TCP_CORK          3
#define TCP_KEEPIDLE      4
#define TCP_KEEPINTVL     5
#define TCP_KEEPCNT       6
#define TCP_SYNCNT        7
#define TCP_LINGER2       8
#define TCP_INFO          11
#define TCP_QUICKACK      12
#define TCP_CONGESTION    13
#define TCP_USER_TIMEOUT  18
#define TCP_NOTSENT_LOWAT 25

enum {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT = 2,
    TCP_FIN_WAIT2 = 5,
    TCP_CLOSE = 7,
    TCP_CLOSE_WAIT = 8,
    TCP_LISTEN = 10
};

struct tcp_info {
    uint8_t state, congestion_state, retransmits, probes, backoff, options, scales, limits;
    uint32_t timeout, acknowledge_timeout, send_segment, receive_segment;
    uint32_t unacknowledged, selective; /* listening: connections that wait, and the backlog */
    uint32_t rest[18];
};

struct in_pktinfo {
    int32_t interface;
    uint8_t source[4], destination[4];
};

struct in6_pktinfo {
    uint8_t address[16];
    uint32_t interface;
};

/* Why a datagram came back, before the address of who says so. */
struct sock_extended_err {
    uint32_t error;
    uint8_t origin, type, code, padding; /* type and code of ICMP */
    uint32_t info, data;
};
#define SO_EE_ORIGIN_ICMP  2
#define SO_EE_ORIGIN_ICMP6 3
#define ICMP_UNREACHABLE   3
#define ICMP_NO_PORT       3
#define ICMP6_UNREACHABLE  1
#define ICMP6_NO_PORT      4

_Static_assert(sizeof(struct sock_extended_err) == 16, "sock_extended_err");
_Static_assert(sizeof(struct tcp_info) == 104, "tcp_info");
_Static_assert(sizeof(struct in_pktinfo) == 12, "in_pktinfo");
_Static_assert(sizeof(struct in6_pktinfo) == 20, "in6_pktinfo");

/* Requests of ioctl(2). */
#define SIOCATMARK          0x8905
#define SIOCGIFNAME         0x8910
#define SIOCGIFCONF         0x8912
#define SIOCGIFFLAGS        0x8913
#define SIOCGIFADDR         0x8915
#define SIOCGIFDSTADDR      0x8917
#define SIOCGIFBRDADDR      0x8919
#define SIOCGIFNETMASK      0x891b
#define SIOCGIFMETRIC       0x891d
#define SIOCGIFMTU          0x8921
#define SIOCGIFHWADDR       0x8927
#define SIOCGIFINDEX        0x8933
#define SIOCGIFTXQLEN       0x8942
#define SIOCOUTQNSD         0x894b
#define INTERFACE_NAME_SIZE 16

#define IFF_UP          0x1
#define IFF_LOOPBACK    0x8
#define IFF_RUNNING     0x40
#define IFF_LOWER_UP    0x10000
#define ARPHRD_LOOPBACK 772

struct ifreq {
    char name[INTERFACE_NAME_SIZE];
    union {
        struct {
            uint16_t family;
            uint8_t port[2], address[4], padding[16];
        } address;
        int32_t number;
        int16_t flags;
    };
};

struct ifconf {
    int32_t length, padding;
    uint64_t requests;
};

_Static_assert(sizeof(struct ifreq) == 40, "ifreq");
_Static_assert(sizeof(struct ifconf) == 16, "ifconf");

#endif
