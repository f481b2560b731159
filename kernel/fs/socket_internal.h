/*
 * Inside of sockets: what their files share.
 *
 *   socket.c          creation and end, files
 *   socket_events.c   what poll(2) sees
 *   socket_connect.c  listening, connections that wait, accepting
 *   socket_message.c  messages, and the queues that they wait in
 *   socket_send.c, socket_receive.c, socket_option.c
 *   socket_rights.c   open files on their way
 *   socket_local.c    AF_UNIX: how it connects; socket_name.c: its addresses
 *   net/              AF_INET and AF_INET6: TCP and UDP on the loopback interface
 *
 * A protocol is a table of what it does in its own way (struct socket_protocol); queues, waiting,
 * events and most options are the same for all. doc/sockets.md tells why TCP is one of them.
 *
 * A message waits in the queue of the socket that it is for, and is counted against the buffer of
 * the one that has sent it.
 *
 * Locks: socket_lock (mutex) is that of who is connected to whom, and of names. Each socket's
 * spinlock is that of its queue; two are never held at once. receive_lock (mutex) lets one reader
 * at a time take from the queue; it is not held while waiting for messages.
 *
 * A socket is referenced by its file, by those connected to it, and by messages that it has sent.
 * Its end comes with the file (socket_close); the structure stays until the last reference.
 */
#ifndef MAPIX_FS_SOCKET_INTERNAL_H
#define MAPIX_FS_SOCKET_INTERNAL_H

#include "abi/errno.h"
#include "abi/poll.h"
#include "fs/socket.h"

#define READABLE_EVENTS (POLLIN | POLLRDNORM)
#define WRITABLE_EVENTS (POLLOUT | POLLWRNORM | POLLWRBAND)
#define STATE_EVENTS    (READABLE_EVENTS | WRITABLE_EVENTS | POLLHUP | POLLRDHUP | POLLERR)

/* Halves that are shut down. */
enum { SHUT_RECEIVING = 1, SHUT_SENDING = 2, SHUT_BOTH = 3 };

/* CONNECTING: it waits for room in the backlog. FAILED: the connection was refused, and connect(2)
 * has not told so yet. Only TCP has these. */
enum socket_state {
    SOCKET_UNCONNECTED,
    SOCKET_CONNECTING,
    SOCKET_CONNECTED,
    SOCKET_FAILED,
    SOCKET_LISTENING,
    SOCKET_CLOSED
};

struct message;

/*
 * What a protocol does in its own way. (t): socket_lock is held.
 */
struct socket_protocol {
    unsigned number;                /* SO_PROTOCOL */
    struct slab_cache *cache;       /* of its structures, which begin with a struct socket */
    size_t send_size, receive_size; /* of the buffers, at first */
    bool is_local;                  /* AF_UNIX: the receiver may refuse what is sent */

    int (*bind)(struct socket *socket, const union sockaddr_any *address, size_t length);
    int (*connect)(struct socket *socket, const union sockaddr_any *address, size_t length,
                   bool nonblocking);
    int (*shutdown)(struct socket *socket, uint32_t halves);
    long (*send)(struct socket *socket, struct socket_send *send);

    /* (t) May it listen now? It gets a name if it must have one. */
    int (*prepare_listen)(struct socket *socket);

    /* (t) The end of a connection that socket has made to the listener has its name and options
     * from that. */
    void (*inherit)(struct socket *socket, struct socket *listener, struct socket *end);

    /* (t) As socket_name. */
    size_t (*name)(struct socket *socket, enum socket_name which, union sockaddr_any *address);

    /* The name of a datagram's sender, and what else comes along with it. NULL: nothing. */
    size_t (*describe)(struct socket *socket, const struct message *message,
                       struct socket_receive *receive);

    /* recvmsg(2) with MSG_ERRQUEUE, which does not wait. NULL: there is never anything. */
    long (*receive_error)(struct socket *socket, struct socket_receive *receive);

    /* (t) Nobody shall find it by its name any more: a vnode that is to be released, or NULL. */
    struct vnode *(*unbind)(struct socket *socket);

    /* (t) The socket is closed: what the other end of its connection sees. unread: it had not read
     * everything. */
    void (*end_connection)(struct socket *socket, struct socket *peer, bool unread);

    /* ioctl(2): -ENOTTY: another request. */
    long (*control)(struct socket *socket, unsigned request, uint64_t argument);

    /* Options that are not SOL_SOCKET's, and those that are its own: -ENOPROTOOPT. */
    int (*get_option)(struct socket *socket, unsigned level, unsigned name, void *value,
                      size_t *size);
    int (*set_option)(struct socket *socket, unsigned level, unsigned name, const void *value,
                      size_t size);
};

/* A name, which sockets that come from a listening one share with it. */
struct socket_address {
    uint32_t references; /* (a) */
    uint32_t length;     /* of address, as bind(2) has it */
    struct sockaddr_un address;
};

/* Letters: (c) constant, (t) socket_lock, (l) lock, (a) atomic, (r) lock of rights. */
struct socket {
    uint64_t references;                    /* (a) */
    const struct socket_protocol *protocol; /* (c) */
    uint16_t family;                        /* (c) */
    unsigned type;                          /* (c) */
    struct list all_link;                   /* (t) all sockets that are not closed */
    uint64_t number;                        /* (a) of its file's vnode; 0: it has none */
    uint32_t owner;                         /* (a) the user who has made the file */
    enum socket_state state;                /* (t), (a) */
    struct socket_address *address;         /* (t) NULL: no name. Stays from then on */
    struct vnode *vnode;                    /* (t) the file that is its name, referenced */
    struct list bound_link;                 /* (t) sockets that can be found by name */
    struct socket *peer;                    /* (t)(l) referenced; stays when that is closed */
    struct list senders;           /* (t) datagrams: sockets that are connected to this one */
    struct list sender_link;       /* (t) */
    struct ucred credentials;      /* (t) of whoever listens, or has connected */
    struct ucred peer_credentials; /* (t) SO_PEERCRED */
    unsigned backlog;              /* (t) */
    struct list pending;           /* (t) listening: ends of connections not accepted yet */
    struct list pending_link;      /* (t) */
    unsigned pending_count;        /* (t), (a) */
    struct list waiting;           /* (t) listening: CONNECTING sockets, by pending_link */
    struct socket *spare;          /* (t) CONNECTING: the end of the connection to be */

    struct spinlock lock;
    struct list messages;   /* (l) */
    unsigned message_count; /* (l), (a) */
    size_t byte_count;      /* (l), (a) unread ones in the messages */
    struct message *urgent; /* (l), (a) in the queue: the last byte sent with MSG_OOB; NULL: none */
    bool urgent_taken;      /* (l), (a) by a call with MSG_OOB */
    uint32_t shut;          /* (l), (a) SHUT_* */
    bool ended;             /* (a) all has been sent to it: what comes behind is no error */
    int32_t error;          /* (a) errno for the next call, as SO_ERROR */
    struct list errors;     /* (l) messages that came back */
    unsigned error_count;   /* (l), (a) */
    size_t charged;         /* (a) size of the messages that it has sent and nobody has read */
    struct mutex receive_lock;
    struct wait_queue changed; /* for its own users */
    struct wait_queue room;    /* for others: the queue, or the backlog, has become shorter */

    size_t send_size, receive_size;         /* (a) options */
    uint64_t send_timeout, receive_timeout; /* (a) nanoseconds; WAIT_FOREVER */
    int low_water;                          /* (a) SO_RCVLOWAT */
    bool passes_credentials;                /* (a) SO_PASSCRED */
    uint32_t flags;                         /* (a) SO_* that are on, by number */
    int priority;                           /* (a) SO_PRIORITY */
    uint64_t cookie;                        /* (a) SO_COOKIE; 0: nobody has asked yet */
    unsigned stamps;                        /* (a) SO_TIMESTAMP or one of its like; 0: none */
    int linger;                             /* (a) seconds of SO_LINGER; -1: off */
    bool bound_to_interface;                /* (a) SO_BINDTODEVICE */

    struct file *file;          /* (r) NULL: not accepted yet, or closed */
    unsigned in_flight;         /* (r) how often its file is in a message */
    struct list in_flight_link; /* (r) */
    bool suspect;               /* (r) of being garbage, in a collection */
    unsigned unexplained;       /* (r) references from elsewhere than suspects' messages */
};

struct message {
    struct list link;
    struct socket *sender; /* referenced; NULL: not charged */
    size_t size, read;     /* bytes; of them, those that have been read from a stream */
    bool urgent;           /* it was sent with MSG_OOB */
    uint64_t arrival;      /* time_real() of it, if somebody wanted that; else 0 */
    struct ucred credentials;
    struct inet_address source, destination; /* datagrams of the internet families */
    int limit, class;
    struct rights *rights; /* (r) when it is in a queue */
    unsigned piece_count;
    char *pieces[];
};

extern struct mutex socket_lock;
extern struct list sockets; /* (socket_lock) by all_link */

extern const struct socket_protocol local_protocol;

static inline bool socket_is_connecting(const struct socket *socket)
{
    return socket->type != SOCK_DGRAM;
}

static inline enum socket_state socket_state(const struct socket *socket)
{
    return __atomic_load_n(&socket->state, __ATOMIC_ACQUIRE);
}

static inline uint32_t socket_shut(const struct socket *socket)
{
    return __atomic_load_n(&socket->shut, __ATOMIC_ACQUIRE);
}

static inline bool socket_has_option(const struct socket *socket, unsigned name)
{
    return __atomic_load_n(&socket->flags, __ATOMIC_RELAXED) >> name & 1;
}

/* socket.c */

/* A socket with one reference and no file; NULL: no memory. */
struct socket *socket_allocate(const struct socket_kind *kind);
void socket_reference(struct socket *socket);
void socket_put(struct socket *socket);

/* A file for it, which takes over the reference. -ENOMEM: the reference is the caller's. */
int socket_make_file(struct socket *socket, uint32_t flags, struct file **file);

/* End its connection and empty its queue: no file refers to it, or ever will. */
void socket_close(struct socket *socket);

/* Give back one that nobody knows and that has no file. */
void socket_discard(struct socket *socket);

/* Refuse those that wait to be connected, and give up waiting; *pending gets the connections that
 * were not accepted, and spares, to be closed by socket_close_pending without the lock.
 * socket_lock held. */
void socket_stop_listening(struct socket *socket, struct list *pending);
void socket_close_pending(struct list *pending);

/* File operations, and its part in socket_events.c. */
extern const struct file_operations socket_operations;
unsigned socket_poll(struct file *file, struct wait_queue **queue);

/* The peer, referenced; NULL: none. */
struct socket *socket_peer(struct socket *socket);

/* The other end of a connection; NULL: it has been closed, or is that of another one by now.
 * socket_lock held. */
struct socket *socket_other_end(const struct socket *socket);

/* Take the error that waits for a call: 0 or a negated errno. */
int socket_take_error(struct socket *socket);
void socket_set_error(struct socket *socket, int error);

/* Shut halves down and tell its users. */
void socket_shut_halves(struct socket *socket, uint32_t halves);

/* A wait's deadline, and the error of one that ended with -ETIMEDOUT or -EINTR. */
uint64_t socket_deadline(uint64_t timeout);
int socket_wait_error(int error, uint64_t timeout);

/* socket_connect.c */

/* Connect with the other end, which nobody else knows, and hand that to the listener. socket_lock
 * held. */
void socket_join(struct socket *socket, struct socket *listener, struct socket *end);
void socket_set_peer(struct socket *socket, struct socket *peer); /* (t) referenced by it then */

/* Does it wait for connections; for less of them than there are? */
bool socket_listens(const struct socket *listener);
bool socket_backlog_is_full(const struct socket *listener);

/* socket_local.c */

void socket_local_init(void);
int socket_find_local_kind(unsigned type, int protocol, struct socket_kind *kind);

/* socket_datagram.c */

long socket_send_local(struct socket *socket, struct socket_send *send);

/* socket_name.c, of AF_UNIX */

int socket_bind_local(struct socket *socket, const union sockaddr_any *address, size_t length);
size_t socket_local_name(struct socket *socket, enum socket_name which,
                         union sockaddr_any *address);

/* Is it an address of the family? 0, -EINVAL. */
int socket_check_address(const struct sockaddr_un *address, size_t length);

/* Take the name away, so that nobody finds the socket: the vnode to be released after, or NULL.
 * socket_lock held. */
struct vnode *socket_unbind_local(struct socket *socket);

/* Give it a name of its own choice, if it has none (unix(7), "Autobind feature"). */
int socket_autobind(struct socket *socket);

/* The socket of that name and type, referenced: -ECONNREFUSED, -EPROTOTYPE, errors of paths. */
int socket_find(const struct sockaddr_un *address, size_t length, unsigned type,
                struct socket **result);
void socket_address_release(struct socket_address *address);
void socket_names_init(void);

/* socket_message.c */

/* A message with the next size bytes of the transfer: -EFAULT, -ENOBUFS. */
int message_create(struct transfer *transfer, size_t size, struct message **message);
void message_free(struct message *message); /* with its rights; its sender gets the room back */

/* Put a message of the sender's (NULL: its buffer is not charged) into the queue of another: false:
 * that takes none any more, the message is the caller's. */
bool message_deliver(struct socket *sender, struct socket *socket, struct message *message);

/* The first message, or the one behind; NULL: no more. receive_lock held, so it stays. */
struct message *message_first(struct socket *socket);
struct message *message_next(struct socket *socket, struct message *message);

/* Copy size bytes from offset on to the transfer: bytes copied. */
size_t message_copy(const struct message *message, size_t offset, size_t size,
                    struct transfer *transfer);

/* size bytes of the first message have been read; or it is taken off the queue and freed.
 * receive_lock held. */
void message_note_read(struct socket *socket, struct message *message, size_t size);
void message_remove(struct socket *socket, struct message *message);

/* What the messages in the queue count against a buffer. */
size_t message_queue_charge(const struct socket *socket);

/* Throw away all messages. */
void message_purge(struct socket *socket);

/* Can it send, as poll(2) has it: is a quarter of its buffer at most in use? */
bool socket_is_writable(const struct socket *socket);

/* Would one datagram more be one too many? */
bool socket_is_full(const struct socket *socket);

/* socket_send.c */

/* Send what is left of the transfer to the peer, piece by piece: bytes, or an error. */
long socket_send_stream(struct socket *socket, struct socket *peer, struct socket_send *send);

/* -EPIPE, and SIGPIPE unless that is not wanted. */
int socket_broken_pipe(const struct socket_send *send);

/* Wait until the socket's buffer has room: 0, or what send(2) gives. */
int socket_wait_for_buffer(struct socket *socket, const struct socket_send *send,
                           uint64_t deadline);

/* A message with the next bytes; what goes along goes with the first. */
int socket_make_message(struct socket_send *send, size_t size, struct message **message);

/* socket_urgent.c */

/* The message, which comes into the queue, is the urgent one now. Locked. */
void socket_set_urgent(struct socket *socket, struct message *message);

/* Is there a byte for MSG_OOB? Is the next one at the mark? Is it there, and passed over? */
bool socket_has_urgent(const struct socket *socket);
bool socket_is_at_mark(struct socket *socket);
bool socket_skips_mark(struct socket *socket);

/* How much can be read before the mark, as FIONREAD has it. */
size_t socket_count_to_mark(struct socket *socket);

/* What a reader who has come to the message finds: a mark, with a byte to be read behind it or not.
 */
enum mark { NO_MARK, MARK, MARK_BEFORE_BYTE };
enum mark socket_find_mark(struct socket *socket, const struct message *message);

/* recv(2) with MSG_OOB. */
long socket_receive_urgent(struct socket *socket, struct socket_receive *receive);

/* SIGURG for the owner of the file. */
void socket_tell_urgent(struct socket *socket);

/* socket_option.c */

/* Give the value of an option, cut to the room: 0. */
int socket_give_option(const void *from, size_t length, void *value, size_t *size);

/* socket_rights.c */

void rights_depart(struct rights *rights);
struct rights *rights_arrive(struct message *message); /* off the message */
/* Those of a message that is only looked at: *rights is NULL if it has none. -ENOMEM. */
int rights_copy(struct message *message, struct rights **rights);
void rights_collect(void); /* sockets that only messages of each other can reach */
void rights_set_file(struct socket *socket, struct file *file);
struct file *rights_get_file(struct socket *socket); /* referenced; NULL: none */
void rights_init(void);

#endif
