/*
 * AF_UNIX: how its sockets are connected, and what else the family does in its own way (unix(7)).
 */
#include "fs/socket_internal.h"
#include "abi/inet.h"
#include "abi/ioctl.h"
#include "core/process.h"
#include "vm/kmem.h"

#define BUFFER_SIZE 212992u /* of each direction, as Linux's default */

/* Connecting streams and packets */

static int check_connect(const struct socket *socket, const struct socket *listener)
{
    if (socket->state == SOCKET_CONNECTED)
        return -EISCONN;
    if (socket->state != SOCKET_UNCONNECTED)
        return -EINVAL;
    if (!socket_listens(listener))
        return -ECONNREFUSED;
    return socket_backlog_is_full(listener) ? -EAGAIN : 0;
}

/* The other end has the listener's name and credentials. */
static void inherit(struct socket *socket, struct socket *listener, struct socket *end)
{
    const struct credentials *credentials = credentials_current();

    end->peer_credentials =
        (struct ucred){current_process()->pid, credentials->euid, credentials->egid};
    socket->peer_credentials = listener->credentials;
    end->credentials = listener->credentials;
    end->passes_credentials = listener->passes_credentials;
    end->address = listener->address;
    __atomic_fetch_add(&end->address->references, 1, __ATOMIC_RELAXED);
}

/* Connect now: 0, -EAGAIN: the backlog is full, or an error of connect(2). */
static int try_connect(struct socket *socket, struct socket *listener)
{
    struct socket *end =
        socket_allocate(&(struct socket_kind){&local_protocol, AF_UNIX, socket->type});

    if (!end)
        return -ENOMEM;
    mutex_lock(&socket_lock);
    int error = check_connect(socket, listener);
    if (!error)
        socket_join(socket, listener, end);
    mutex_unlock(&socket_lock);
    if (error) {
        socket_discard(end);
    } else {
        socket_put(end);
        wake_events(&listener->changed, READABLE_EVENTS);
        wake_events(&socket->changed, WRITABLE_EVENTS);
    }
    return error;
}

static int connect_stream(struct socket *socket, const struct sockaddr_un *address, size_t length,
                          bool nonblocking)
{
    uint64_t timeout = socket->send_timeout, deadline = socket_deadline(timeout);
    struct socket *listener;
    int error;

    do {
        int waited = 0;
        error = socket_find(address, length, socket->type, &listener);
        if (error)
            return error;
        error = try_connect(socket, listener);
        if (error == -EAGAIN && !nonblocking) {
            waited = wait_event_until(
                &listener->room, !socket_listens(listener) || !socket_backlog_is_full(listener),
                WAIT_INTERRUPTIBLE, deadline);
            error = waited ? socket_wait_error(waited, timeout) : -EAGAIN;
        }
        socket_put(listener);
        if (waited)
            break;
    } while (error == -EAGAIN && !nonblocking);
    return error;
}

/* Connecting datagrams */

/* Who is connected takes datagrams from its peer only. */
static bool accepts_from(const struct socket *other, const struct socket *sender)
{
    const struct socket *peer = __atomic_load_n(&other->peer, __ATOMIC_RELAXED);
    return !peer || peer == sender;
}

/* Make other (NULL: nobody) the one that datagrams go to and come from. */
static int change_peer(struct socket *socket, struct socket *other)
{
    mutex_lock(&socket_lock);
    if (other && !accepts_from(other, socket)) {
        mutex_unlock(&socket_lock);
        return -EPERM;
    }
    struct socket *old = socket->peer;
    list_remove(&socket->sender_link);
    if (other) {
        socket_reference(other);
        list_push_back(&other->senders, &socket->sender_link);
    }
    spin_lock(&socket->lock);
    socket->peer = other;
    spin_unlock(&socket->lock);
    __atomic_store_n(&socket->state, other ? SOCKET_CONNECTED : SOCKET_UNCONNECTED,
                     __ATOMIC_RELEASE);
    /* What it has sent is lost, if it was connected in its turn. */
    bool left = old && old != other && old->peer == socket && socket->message_count;
    mutex_unlock(&socket_lock);
    if (left) {
        socket_set_error(old, ECONNRESET);
        wake_events(&old->changed, POLLERR);
    }
    if (old && old != other)
        message_purge(socket); /* from somebody who is not the peer any more */
    if (old)
        socket_put(old);
    wake_events(&socket->changed, WRITABLE_EVENTS);
    return 0;
}

static int connect_datagrams(struct socket *socket, const struct sockaddr_un *address,
                             size_t length)
{
    struct socket *other;
    int error = socket_find(address, length, socket->type, &other);

    if (error)
        return error;
    error = change_peer(socket, other);
    socket_put(other);
    return error;
}

static int connect_local(struct socket *socket, const union sockaddr_any *address, size_t length,
                         bool nonblocking)
{
    if (socket->type == SOCK_DGRAM && address->family == AF_UNSPEC)
        return change_peer(socket, NULL);
    int error = socket_check_address(&address->local, length);
    if (!error && socket->passes_credentials)
        error = socket_autobind(socket);
    if (error)
        return error;
    if (socket->type == SOCK_DGRAM)
        return connect_datagrams(socket, &address->local, length);
    return connect_stream(socket, &address->local, length, nonblocking);
}

static int prepare_listen(struct socket *socket)
{
    return socket->address ? 0 : -EINVAL;
}

/* Ending */

/* What the other end of a connection sees: no more bytes, and an error if some were not read. */
static void end_connection(struct socket *socket, struct socket *peer, bool unread)
{
    (void)socket;
    if (unread)
        socket_set_error(peer, ECONNRESET);
    socket_shut_halves(peer, SHUT_BOTH);
}

static int shut_down(struct socket *socket, uint32_t halves)
{
    uint32_t others =
        (halves & SHUT_RECEIVING ? SHUT_SENDING : 0) | (halves & SHUT_SENDING ? SHUT_RECEIVING : 0);
    struct socket *peer = socket_is_connecting(socket) ? socket_peer(socket) : NULL;

    socket_shut_halves(socket, halves);
    if (peer) {
        socket_shut_halves(peer, others);
        socket_put(peer);
    }
    return 0;
}

/* The protocol */

static size_t describe(struct socket *socket, const struct message *message,
                       struct socket_receive *receive)
{
    (void)socket;
    size_t length = socket_name(message->sender, NAME_OWN, &receive->address);
    return length > offsetof(struct sockaddr_un, path) ? length : 0;
}

static long control(struct socket *socket, unsigned request, uint64_t argument)
{
    int number;

    if (request == SIOCATMARK && socket->type != SOCK_STREAM)
        return -EOPNOTSUPP;
    if (request == SIOCATMARK)
        number = socket_is_at_mark(socket);
    else if (request == TIOCOUTQ)
        number = (int)__atomic_load_n(&socket->charged, __ATOMIC_ACQUIRE);
    else
        return -ENOTTY;
    return copy_to_user(argument, &number, sizeof(number));
}

static int get_option(struct socket *socket, unsigned level, unsigned name, void *value,
                      size_t *size)
{
    (void)socket, (void)name, (void)value, (void)size;
    return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
}

static int set_option(struct socket *socket, unsigned level, unsigned name, const void *value,
                      size_t size)
{
    (void)socket, (void)name, (void)value, (void)size;
    return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
}

static struct slab_cache cache;

const struct socket_protocol local_protocol = {
    .number = 0,
    .cache = &cache,
    .send_size = BUFFER_SIZE,
    .receive_size = BUFFER_SIZE,
    .is_local = true,
    .bind = socket_bind_local,
    .connect = connect_local,
    .shutdown = shut_down,
    .send = socket_send_local,
    .prepare_listen = prepare_listen,
    .inherit = inherit,
    .name = socket_local_name,
    .describe = describe,
    .unbind = socket_unbind_local,
    .end_connection = end_connection,
    .control = control,
    .get_option = get_option,
    .set_option = set_option,
};

int socket_find_local_kind(unsigned type, int protocol, struct socket_kind *kind)
{
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type == SOCK_RAW)
        type = SOCK_DGRAM; /* BSD's name for them */
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    *kind = (struct socket_kind){&local_protocol, AF_UNIX, type};
    return 0;
}

void socket_local_init(void)
{
    slab_cache_init(&cache, "socket", sizeof(struct socket), 8);
    socket_names_init();
}
