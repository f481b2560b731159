/*
 * Sockets: streams, datagrams and sequenced packets between processes of this machine, whose names
 * are files (unix(7)), or addresses and ports of the loopback interface (ip(7), ipv6(7)).
 */
#ifndef MAPIX_FS_SOCKET_H
#define MAPIX_FS_SOCKET_H

#include "abi/socket.h"
#include "fs/file.h"
#include "net/controls.h"

struct rights;
struct socket;
struct socket_protocol;

/* A kind of socket. */
struct socket_kind {
    const struct socket_protocol *protocol;
    uint16_t family;
    unsigned type;
};

/* The kind that the arguments of socket(2) name, or its error. */
int socket_find_kind(int family, unsigned type, int protocol, struct socket_kind *kind);

/* A file that is a new socket, or two that are connected to each other; flags may hold O_NONBLOCK.
 * -ENOMEM; -EOPNOTSUPP: there are no pairs of the kind. */
int socket_create(const struct socket_kind *kind, uint32_t flags, struct file **file);
int socket_create_pair(const struct socket_kind *kind, uint32_t flags, struct file *files[2]);

uint16_t socket_family(const struct socket *socket);
unsigned socket_type(const struct socket *socket);

/* The socket that the file is; NULL: it is something else. */
struct socket *socket_of_file(const struct file *file);

/* bind(2), listen(2), connect(2), accept(2), shutdown(2), with their errors. An address is 0 behind
 * its length. */
int socket_bind(struct socket *socket, const union sockaddr_any *address, size_t length);
int socket_listen(struct socket *socket, int backlog);
int socket_connect(struct socket *socket, const union sockaddr_any *address, size_t length,
                   bool nonblocking);
int socket_accept(struct socket *socket, uint32_t flags, bool nonblocking, struct file **file);
int socket_shutdown(struct socket *socket, int how);

/* The name of the socket itself, of the other end of the connection, or of the one that a socket
 * was accepted from, even if it has gone: its length, 0: there is none. */
enum socket_name { NAME_OWN, NAME_PEER, NAME_ACCEPTED };
size_t socket_name(struct socket *socket, enum socket_name which, union sockaddr_any *address);

/* What send(2) and its relatives ask for. */
struct socket_send {
    struct transfer *transfer;
    union sockaddr_any address;
    size_t address_length; /* 0: none is given */
    unsigned flags;        /* MSG_* */
    bool nonblocking;
    struct ucred credentials;
    struct inet_controls controls; /* of the internet families */
    struct rights *rights; /* files that go along, or NULL; taken over if anything is sent */
};
long socket_send(struct socket *socket, struct socket_send *send);

/* What recv(2) and its relatives ask for, and get. */
struct socket_receive {
    struct transfer *transfer;
    unsigned flags; /* MSG_* */
    bool nonblocking, address_wanted;
    /* What came: */
    union sockaddr_any address;
    size_t address_length; /* 0: the sender has no name */
    unsigned flags_out;    /* MSG_TRUNC */
    struct inet_controls controls;
    unsigned stamps;  /* SO_TIMESTAMP or one of its like: how to tell of arrival; 0: not at all */
    uint64_t arrival; /* nanoseconds since 1970 */
    bool credentials_wanted;
    struct ucred credentials;
    struct rights *rights; /* the caller's then; or NULL */
};
long socket_receive(struct socket *socket, struct socket_receive *receive);

/* Credentials of the current process, for a message; may it send those? */
struct ucred socket_credentials(void);
bool socket_may_claim(const struct ucred *credentials);

/* getsockopt(2): *size is the room at value, then the size of the value; and setsockopt(2). */
#define SOCKET_OPTION_MAX 256
int socket_get_option(struct socket *socket, unsigned level, unsigned name, void *value,
                      size_t *size);
int socket_set_option(struct socket *socket, unsigned level, unsigned name, const void *value,
                      size_t size);

/*
 * Files on their way through a socket (SCM_RIGHTS): references to open files. A message that holds
 * some is told of (rights_depart) before others can find it, and when it is not on its way any more
 * (rights_arrive), for sockets that are only reachable from each other's messages are collected.
 */
struct rights {
    struct list link;
    struct credentials *sender; /* referenced: to whom they count while they are on their way */
    unsigned count;
    struct file *files[];
};

/* Room for count files, more than there are already in *rights (NULL: none). -ENOMEM. */
int rights_extend(struct rights **rights, unsigned count);
void rights_release(struct rights *rights); /* with its files; NULL is allowed */

/* May the current process's user send more of them? 0, -ETOOMANYREFS (RLIMIT_NOFILE). */
int rights_check(void);

/* Set up sockets. Boot only. */
void socket_init(void);

#endif
