/*
 * Which sockets of the internet families there are (socket(2), ip(7), ipv6(7)).
 */
#include "abi/capability.h"
#include "core/credentials.h"
#include "net/inet.h"

/* Raw sockets would see and send packets, and there are none. */
static int refuse_raw(void)
{
    return credentials_capable(CAP_NET_RAW) ? -EPROTONOSUPPORT : -EPERM;
}

/* Datagrams of ICMP are for members of net.ipv4.ping_group_range, which is empty. */
static int refuse_datagrams(uint16_t family, int protocol)
{
    return protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6) ? -EACCES
                                                                           : -EPROTONOSUPPORT;
}

int inet_find_kind(uint16_t family, unsigned type, int protocol, struct socket_kind *kind)
{
    if (type == SOCK_PACKET && family == AF_INET)
        return -EAFNOSUPPORT; /* an old name of AF_PACKET */
    if (protocol < 0 || protocol >= IPPROTO_MAX)
        return -EINVAL;
    *kind = (struct socket_kind){.family = family, .type = type};
    switch (type) {
    case SOCK_STREAM:
        kind->protocol = &tcp_protocol;
        return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
    case SOCK_DGRAM:
        kind->protocol = &udp_protocol;
        return protocol == 0 || protocol == IPPROTO_UDP ? 0 : refuse_datagrams(family, protocol);
    case SOCK_RAW:
        return protocol == 0 ? -EPROTONOSUPPORT : refuse_raw();
    default:
        return -ESOCKTNOSUPPORT;
    }
}

void inet_init(void)
{
    tcp_init();
    udp_init();
    netlink_init();
}
