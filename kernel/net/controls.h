/*
 * What goes along with a datagram of the internet families, in control messages (ip(7), ipv6(7)).
 */
#ifndef MAPIX_NET_CONTROLS_H
#define MAPIX_NET_CONTROLS_H

#include "net/address.h"

enum {
    CONTROL_PACKET = 1,      /* IP_PKTINFO, IPV6_PKTINFO */
    CONTROL_LIMIT = 2,       /* IP_TTL, IPV6_HOPLIMIT */
    CONTROL_CLASS = 4,       /* IP_TOS, IPV6_TCLASS */
    CONTROL_DESTINATION = 8, /* IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR */
    CONTROL_ERROR = 16,      /* IP_RECVERR, IPV6_RECVERR: local refused it */
};

struct inet_controls {
    unsigned given;            /* CONTROL_* */
    struct inet_address local; /* the source of what is sent, the destination of what came */
    int limit, class;
};

#endif
