/* Netlink: the structures and numbers of netlink(7) and rtnetlink(7). */
#ifndef MAPIX_ABI_NETLINK_H
#define MAPIX_ABI_NETLINK_H

#include <stdint.h>

#define NETLINK_ROUTE 0
#define NETLINK_MAX   32

struct nlmsghdr {
    uint32_t length; /* this header included */
    uint16_t type, flags;
    uint32_t sequence, port;
};

#define NLMSG_ALIGNMENT 4u

#define NLMSG_ERROR 2
#define NLMSG_DONE  3

#define NLM_F_REQUEST 0x1
#define NLM_F_MULTI   0x2
#define NLM_F_ACK     0x4
#define NLM_F_DUMP    0x300

#define RTM_BASE     16 /* those below are netlink's own */
#define RTM_NEWLINK  16
#define RTM_GETLINK  18
#define RTM_NEWADDR  20
#define RTM_GETADDR  22
#define RTM_GETROUTE 26

struct ifinfomsg {
    uint8_t family, padding;
    uint16_t type;
    int32_t index;
    uint32_t flags, change;
};

#define IFLA_ADDRESS    1
#define IFLA_BROADCAST  2
#define IFLA_IFNAME     3
#define IFLA_MTU        4
#define IFLA_QDISC      6
#define IFLA_TXQLEN     13
#define IFLA_OPERSTATE  16
#define IFLA_LINKMODE   17
#define IFLA_GROUP      27
#define IFLA_ALT_IFNAME 53

struct ifaddrmsg {
    uint8_t family, prefix, flags, scope;
    uint32_t index;
};

#define IFA_ADDRESS     1
#define IFA_LOCAL       2
#define IFA_LABEL       3
#define IFA_CACHEINFO   6
#define IFA_FLAGS       8
#define IFA_F_PERMANENT 0x80
#define RT_SCOPE_HOST   254

struct ifa_cacheinfo {
    uint32_t preferred, valid; /* seconds; UINT32_MAX: for ever */
    uint32_t created, updated; /* hundredths of seconds */
};

struct rtattr {
    uint16_t length, type; /* this header included */
};

#endif
