/*
 * Sockets: the structures and flags of socket(7), unix(7), ip(7), ipv6(7), send(2), recv(2) and
 * cmsg(3).
 */
#ifndef MAPIX_ABI_SOCKET_H
#define MAPIX_ABI_SOCKET_H

#include <stdint.h>

#define AF_UNSPEC  0
#define AF_UNIX    1
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_MAX     46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5
#define SOCK_PACKET    10
#define SOCK_MAX       11
#define SOCK_TYPE_MASK 0xf
#define SOCK_NONBLOCK  04000
#define SOCK_CLOEXEC   02000000

#define SOCKET_PATH_SIZE 108

struct sockaddr_un {
    uint16_t family;
    char path[SOCKET_PATH_SIZE];
};

/* Ports and addresses of the internet families have the most significant byte first. */
struct sockaddr_in {
    uint16_t family;
    uint8_t port[2], address[4], padding[8];
};

struct sockaddr_in6 {
    uint16_t family;
    uint8_t port[2];
    uint32_t flow;
    uint8_t address[16];
    uint32_t scope; /* number of an interface */
};

struct sockaddr_nl {
    uint16_t family, padding;
    uint32_t port, groups;
};

/* An address of any family. */
union sockaddr_any {
    uint16_t family;
    struct sockaddr_un local;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_nl netlink;
};

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define MSG_OOB          0x01
#define MSG_PEEK         0x02
#define MSG_CTRUNC       0x08
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_WAITALL      0x100
#define MSG_ERRQUEUE     0x2000
#define MSG_NOSIGNAL     0x4000
#define MSG_MORE         0x8000
#define MSG_WAITFORONE   0x10000
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT  0x80000000u

#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD      253

struct ucred {
    int32_t pid;
    uint32_t uid, gid;
};

struct msghdr {
    uint64_t name;
    uint32_t name_length, padding;
    uint64_t pieces, piece_count;
    uint64_t control, control_length;
    uint32_t flags, padding_2;
};

struct mmsghdr {
    struct msghdr header;
    uint32_t length, padding;
};

struct cmsghdr {
    uint64_t length; /* this header included */
    int32_t level, type;
};

#define CMSG_ALIGNMENT 8u
#define UIO_MAXIOV     1024u

_Static_assert(sizeof(struct msghdr) == 56, "msghdr");
_Static_assert(sizeof(struct mmsghdr) == 64, "mmsghdr");
_Static_assert(sizeof(struct sockaddr_un) == 110, "sockaddr_un");
_Static_assert(sizeof(struct sockaddr_in) == 16, "sockaddr_in");
_Static_assert(sizeof(struct sockaddr_in6) == 28, "sockaddr_in6");

#define SOL_IP     0
#define SOL_SOCKET 1
#define SOL_TCP    6
#define SOL_UDP    17
#define SOL_IPV6   41

#define SO_DEBUG           1
#define SO_REUSEADDR       2
#define SO_TYPE            3
#define SO_ERROR           4
#define SO_DONTROUTE       5
#define SO_BROADCAST       6
#define SO_SNDBUF          7
#define SO_RCVBUF          8
#define SO_KEEPALIVE       9
#define SO_OOBINLINE       10
#define SO_PRIORITY        12
#define SO_LINGER          13
#define SO_REUSEPORT       15
#define SO_PASSCRED        16
#define SO_PEERCRED        17
#define SO_RCVLOWAT        18
#define SO_SNDLOWAT        19
#define SO_RCVTIMEO        20
#define SO_SNDTIMEO        21
#define SO_BINDTODEVICE    25
#define SO_TIMESTAMP       29
#define SO_ACCEPTCONN      30
#define SO_SNDBUFFORCE     32
#define SO_RCVBUFFORCE     33
#define SO_TIMESTAMPNS     35
#define SO_PROTOCOL        38
#define SO_DOMAIN          39
#define SO_COOKIE          57
#define SO_TIMESTAMP_NEW   63
#define SO_TIMESTAMPNS_NEW 64
#define SO_RCVTIMEO_NEW    66
#define SO_SNDTIMEO_NEW    67

#endif
