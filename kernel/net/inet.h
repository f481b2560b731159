/*
 * Sockets of the internet families, AF_INET and AF_INET6 (ip(7), ipv6(7)): TCP and UDP between
 * sockets of this machine.
 *
 *   kind.c        what can be made
 *   address.c     addresses
 *   bind.c        names
 *   port.c        who has which port, and who gets what is sent to it
 *   tcp.c, udp.c  the protocols: fs/socket_internal.h tells what that is
 *   error.c       datagrams that came back
 *   option.c      options
 *   interface.c   requests of ioctl(2) about the only interface, lo
 *   netlink.c     AF_NETLINK: the same questions as messages
 *
 * There are no packets: a message goes into the queue of the socket that it is for. doc/sockets.md
 * tells what follows from that.
 */
#ifndef MAPIX_NET_INET_H
#define MAPIX_NET_INET_H

#include "abi/inet.h"
#include "fs/socket_internal.h"

struct inet_port;

/* Options that are numbers; net/option.c has their names and limits. */
enum inet_option {
    OPTION_TOS,
    OPTION_TTL,
    OPTION_PKTINFO,
    OPTION_RECVERR,
    OPTION_MTU_DISCOVER,
    OPTION_RECVTTL,
    OPTION_RECVTOS,
    OPTION_FREEBIND,
    OPTION_RECVORIGDSTADDR,
    OPTION_MINTTL,
    OPTION_NO_PORT,
    OPTION_MULTICAST_TTL,
    OPTION_MULTICAST_LOOP,
    OPTION_MULTICAST_ALL,
    OPTION_V6ONLY,
    OPTION_UNICAST_HOPS,
    OPTION_MULTICAST_IF6,
    OPTION_MULTICAST_HOPS,
    OPTION_MULTICAST_LOOP6,
    OPTION_MTU_DISCOVER6,
    OPTION_RECVERR6,
    OPTION_RECVPKTINFO6,
    OPTION_RECVHOPLIMIT,
    OPTION_DONTFRAG,
    OPTION_RECVTCLASS,
    OPTION_TCLASS,
    OPTION_RECVORIGDSTADDR6,
    OPTION_NODELAY,
    OPTION_MAXSEG,
    OPTION_CORK,
    OPTION_KEEPIDLE,
    OPTION_KEEPINTVL,
    OPTION_KEEPCNT,
    OPTION_SYNCNT,
    OPTION_LINGER2,
    OPTION_QUICKACK,
    OPTION_USER_TIMEOUT,
    OPTION_NOTSENT_LOWAT,
    OPTIONS
};

/* Letters as in struct socket. */
struct inet_socket {
    struct socket socket;
    struct inet_address local, remote; /* (t) a port that is 0: none */
    struct inet_port *port;            /* (t) of local; NULL: none */
    bool address_chosen, port_chosen;  /* (t) named in bind(2): they stay when it is disconnected */
    bool unreported;      /* (t) TCP: it is connected, and no connect(2) has told so yet */
    bool reset;           /* (a) TCP: the connection has ended with an error */
    size_t error_bytes;   /* (l) what the queue of errors counts */
    int options[OPTIONS]; /* (a) each as the difference to its initial value */
};

static inline struct inet_socket *inet_of(struct socket *socket)
{
    return container_of(socket, struct inet_socket, socket);
}

extern const struct socket_protocol tcp_protocol, udp_protocol;

/* As socket_find_kind. */
int inet_find_kind(uint16_t family, unsigned type, int protocol, struct socket_kind *kind);
void inet_init(void);

/* tcp.c */

/* The other end answers to something with an error: the connection is over. */
void tcp_reset(struct socket *socket);

/* The state as the protocol calls it: TCP_*. */
int tcp_state_of(struct socket *socket);

/* How many bytes of it have not been received: what the other end has in its queue counts as
 * received up to its SO_RCVBUF. */
unsigned tcp_count_unsent(struct socket *socket);

void tcp_init(void);
void udp_init(void);
void netlink_init(void);

/* netlink.c, AF_NETLINK: as socket_find_kind. */
int netlink_find_kind(unsigned type, int protocol, struct socket_kind *kind);

/* error.c: a datagram of the socket's came back, which is the queue's then; nobody wants those that
 * there are; recvmsg(2) with MSG_ERRQUEUE. */
void inet_note_error(struct inet_socket *inet, struct message *message);
void inet_forget_errors(struct inet_socket *inet);
long inet_receive_error(struct socket *socket, struct socket_receive *receive);

/* bind.c: bind(2), and an address to be connected to: 0 or an error of connect(2). */
int inet_bind(struct socket *socket, const union sockaddr_any *address, size_t length);
int inet_destination(struct inet_socket *inet, const union sockaddr_any *address, size_t length,
                     struct inet_address *destination);

/* As the operation name. */
size_t inet_name(struct socket *socket, enum socket_name which, union sockaddr_any *address);
struct vnode *inet_unbind(struct socket *socket);

/* Give addresses and ports back that bind(2) has not chosen. socket_lock held. */
void inet_forget_addresses(struct inet_socket *inet);

/* port.c; socket_lock held */

/* Give the socket the address and its port, or a free one if that is 0: -EADDRINUSE, -ENOMEM. */
int inet_take_port(struct inet_socket *inet, const struct inet_address *address);

/* Give the socket, whose addresses are set, a port from which the remote one can be reached:
 * -EADDRNOTAVAIL, -ENOMEM. */
int inet_take_port_for_connection(struct inet_socket *inet);

/* Has another socket of its port the address too, so that it cannot listen? */
bool inet_port_is_taken(const struct inet_socket *inet);

/* The end of a connection shares the port of the socket that listens. */
void inet_share_port(struct inet_socket *end, const struct inet_socket *listener);
void inet_release_port(struct inet_socket *inet);

/* Who listens there, or gets a datagram; NULL: nobody. */
struct inet_socket *inet_find_receiver(const struct socket_protocol *protocol,
                                       const struct inet_address *destination,
                                       const struct inet_address *source);

/* The ports that are given out: /proc/sys/net/ipv4/ip_local_port_range. -EINVAL */
void inet_get_range(unsigned *first, unsigned *last);
int inet_set_range(uint64_t first, uint64_t last);

/* option.c */

int inet_value(const struct inet_socket *inet, enum inet_option option);
int inet_get_option(struct socket *socket, unsigned level, unsigned name, void *value,
                    size_t *size);
int inet_set_option(struct socket *socket, unsigned level, unsigned name, const void *value,
                    size_t size);

/* interface.c: requests of ioctl(2) that any socket takes: -ENOTTY: another one. */
long interface_control(unsigned request, uint64_t argument);

#endif
