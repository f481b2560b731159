/*
 * Inside of sockets: what their files share.
 *
 *   socket.c          creation and end, files, events
 *   socket_name.c     addresses, and which socket has one
 *   socket_connect.c  connections
 *   socket_message.c  messages, and the queues that they wait in
 *   socket_send.c, socket_receive.c, socket_option.c
 *   socket_rights.c   open files on their way
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

enum socket_state { SOCKET_UNCONNECTED, SOCKET_CONNECTED, SOCKET_LISTENING, SOCKET_CLOSED };

/* A name, which sockets that come from a listening one share with it. */
struct socket_address {
    uint32_t references; /* (a) */
    uint32_t length;     /* of address, as bind(2) has it */
    struct sockaddr_un address;
};

/* Letters: (c) constant, (t) socket_lock, (l) lock, (a) atomic, (r) lock of rights. */
struct socket {
    uint64_t references;            /* (a) */
    unsigned type;                  /* (c) */
    enum socket_state state;        /* (t), (a) */
    struct socket_address *address; /* (t) NULL: no name. Stays from then on */
    struct vnode *vnode;            /* (t) the file that is its name, referenced */
    struct list bound_link;         /* (t) sockets that can be found by name */
    struct socket *peer;            /* (t)(l) referenced; stays when that is closed */
    struct list senders;            /* (t) datagrams: sockets that are connected to this one */
    struct list sender_link;        /* (t) */
    struct ucred credentials;       /* (t) of whoever listens, or has connected */
    struct ucred peer_credentials;  /* (t) SO_PEERCRED */
    unsigned backlog;               /* (t) */
    struct list pending;            /* (t) listening: ends of connections not accepted yet */
    struct list pending_link;       /* (t) */
    unsigned pending_count;         /* (t), (a) */

    struct spinlock lock;
    struct list messages;   /* (l) */
    unsigned message_count; /* (l), (a) */
    size_t byte_count;      /* (l), (a) unread ones in the messages */
    uint32_t shut;          /* (l), (a) SHUT_* */
    int32_t error;          /* (a) errno for the next call, as SO_ERROR */
    size_t charged;         /* (a) size of the messages that it has sent and nobody has read */
    struct mutex receive_lock;
    struct wait_queue changed; /* for its own users */
    struct wait_queue room;    /* for others: the queue, or the backlog, has become shorter */

    size_t send_size, receive_size;         /* (a) options */
    uint64_t send_timeout, receive_timeout; /* (a) nanoseconds; WAIT_FOREVER */
    int low_water;                          /* (a) SO_RCVLOWAT */
    bool passes_credentials;                /* (a) SO_PASSCRED */
    uint32_t flags;                         /* (a) options that have no effect here, by number */

    struct file *file;          /* (r) NULL: not accepted yet, or closed */
    unsigned in_flight;         /* (r) how often its file is in a message */
    struct list in_flight_link; /* (r) */
    bool suspect;               /* (r) of being garbage, in a collection */
    unsigned unexplained;       /* (r) references from elsewhere than suspects' messages */
};

struct message {
    struct list link;
    struct socket *sender; /* referenced; NULL: not charged yet */
    size_t size, read;     /* bytes; of them, those that have been read from a stream */
    struct ucred credentials;
    struct rights *rights; /* (r) when it is in a queue */
    unsigned piece_count;
    char *pieces[];
};

extern struct mutex socket_lock;

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

/* socket.c */

/* A socket with one reference and no file; NULL: no memory. */
struct socket *socket_allocate(unsigned type);
void socket_reference(struct socket *socket);
void socket_put(struct socket *socket);

/* A file for it, which takes over the reference. -ENOMEM: the reference is the caller's. */
int socket_make_file(struct socket *socket, uint32_t flags, struct file **file);

/* End its connection and empty its queue: no file refers to it, or ever will. */
void socket_close(struct socket *socket);

/* The other end, referenced; NULL: none. */
struct socket *socket_peer(struct socket *socket);

/* Take the error that waits for a call: 0 or a negated errno. */
int socket_take_error(struct socket *socket);
void socket_set_error(struct socket *socket, int error);

/* Shut halves down and tell its users. */
void socket_shut_halves(struct socket *socket, uint32_t halves);

/* A wait's deadline, and the error of one that ended with -ETIMEDOUT or -EINTR. */
uint64_t socket_deadline(uint64_t timeout);
int socket_wait_error(int error, uint64_t timeout);

/* socket_name.c */

/* Take the name away, so that nobody finds the socket: the vnode to be released after, or NULL.
 * socket_lock held. */
struct vnode *socket_unbind(struct socket *socket);

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

/* Put a message of the sender's into the queue of another: false: that takes none any more, the
 * message is the caller's. */
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

/* Throw away all messages. */
void message_purge(struct socket *socket);

/* Can it send, as poll(2) has it: is a quarter of its buffer at most in use? */
bool socket_is_writable(const struct socket *socket);

/* Would one datagram more be one too many? */
bool socket_is_full(const struct socket *socket);

/* socket_rights.c */

void rights_depart(struct rights *rights);
struct rights *rights_arrive(struct message *message); /* off the message */
/* Those of a message that is only looked at: *rights is NULL if it has none. -ENOMEM. */
int rights_copy(struct message *message, struct rights **rights);
void rights_collect(void); /* sockets that only messages of each other can reach */
void rights_forget_file(struct socket *socket);
void rights_set_file(struct socket *socket, struct file *file);
void rights_init(void);

/* File operations of sockets. */
extern const struct file_operations socket_operations;

#endif
