/*
 * TCP between sockets of this machine (tcp(7)): a connection is two sockets, each with the queue of
 * what the other has sent (fs/socket_connect.c). What remains of the protocol is what programs see
 * of its states:
 *
 *   the end of what one side sends     `ended` of the other
 *   a reset                            an error, and both halves shut down: `reset`
 *   SYN-SENT                           CONNECTING, until the backlog has room
 *   a refused connection               FAILED, until connect(2) has told so
 *
 * Nothing gets lost, so there is no TIME-WAIT: a port is free when the sockets that had it are
 * closed.
 */
#include "abi/ioctl.h"
#include "core/process.h"
#include "net/inet.h"
#include "vm/kmem.h"

#define SEND_SIZE    16384u  /* SO_SNDBUF at first, as Linux's tcp_wmem */
#define SEND_GROWN   524288u /* and of a connection, unless it was set */
#define RECEIVE_SIZE 131072u

static struct slab_cache cache;

/* Ends */

void tcp_reset(struct socket *socket)
{
    bool ended = __atomic_load_n(&socket->ended, __ATOMIC_ACQUIRE);

    if (ended && (socket_shut(socket) & SHUT_SENDING))
        return;
    __atomic_store_n(&inet_of(socket)->reset, true, __ATOMIC_RELEASE);
    socket_set_error(socket, ended ? EPIPE : ECONNRESET);
    socket_shut_halves(socket, SHUT_BOTH);
}

/* The other end sends no more. */
static void finish(struct socket *peer)
{
    __atomic_store_n(&peer->ended, true, __ATOMIC_RELEASE);
    socket_shut_halves(peer, SHUT_RECEIVING);
}

static void end_connection(struct socket *socket, struct socket *peer, bool unread)
{
    if (unread || socket->linger == 0)
        tcp_reset(peer);
    else if (!__atomic_load_n(&peer->ended, __ATOMIC_ACQUIRE))
        finish(peer);
}

/* Has it ended in both directions, or with an error? */
static bool is_over(struct socket *socket)
{
    return __atomic_load_n(&inet_of(socket)->reset, __ATOMIC_ACQUIRE) ||
           (__atomic_load_n(&socket->ended, __ATOMIC_ACQUIRE) &&
            (socket_shut(socket) & SHUT_SENDING));
}

int tcp_state_of(struct socket *socket)
{
    switch (socket_state(socket)) {
    case SOCKET_LISTENING:
        return TCP_LISTEN;
    case SOCKET_CONNECTING:
        return TCP_SYN_SENT;
    case SOCKET_CONNECTED:
        break;
    default:
        return TCP_CLOSE;
    }
    if (is_over(socket))
        return TCP_CLOSE;
    if (__atomic_load_n(&socket->ended, __ATOMIC_ACQUIRE))
        return TCP_CLOSE_WAIT;
    return socket_shut(socket) & SHUT_SENDING ? TCP_FIN_WAIT2 : TCP_ESTABLISHED;
}

/* Make it a new socket again, but for the name that bind(2) gave it. socket_lock held; the peer,
 * whose connection is reset, is the caller's. */
static struct socket *forget_connection(struct socket *socket)
{
    struct socket *peer = socket->peer, *other_end = socket_other_end(socket);

    if (other_end && !is_over(socket))
        tcp_reset(other_end);
    spin_lock(&socket->lock);
    socket->peer = NULL;
    __atomic_store_n(&socket->shut, 0, __ATOMIC_RELEASE);
    spin_unlock(&socket->lock);
    socket->ended = inet_of(socket)->reset = inet_of(socket)->unreported = false;
    __atomic_store_n(&socket->state, SOCKET_UNCONNECTED, __ATOMIC_RELEASE);
    inet_forget_addresses(inet_of(socket));
    return peer;
}

static int disconnect(struct socket *socket)
{
    struct list pending = LIST_INITIALIZER(pending);

    mutex_lock(&socket_lock);
    bool was_connecting = socket->state == SOCKET_CONNECTING;
    socket_stop_listening(socket, &pending);
    struct socket *peer = forget_connection(socket);
    socket_set_error(socket, was_connecting ? ECONNRESET : 0);
    mutex_unlock(&socket_lock);
    socket_close_pending(&pending);
    if (peer)
        socket_put(peer);
    message_purge(socket);
    wake_events(&socket->changed, STATE_EVENTS);
    return 0;
}

static int shut_down(struct socket *socket, uint32_t halves)
{
    enum socket_state state = socket_state(socket);

    if (state == SOCKET_CONNECTING || (state == SOCKET_LISTENING && (halves & SHUT_RECEIVING)))
        return disconnect(socket);
    if (state == SOCKET_LISTENING)
        return 0;
    if (state != SOCKET_CONNECTED || is_over(socket))
        return -ENOTCONN;
    mutex_lock(&socket_lock);
    struct socket *peer = socket_other_end(socket);
    socket_shut_halves(socket, halves);
    if (peer && (halves & SHUT_SENDING) && !__atomic_load_n(&peer->ended, __ATOMIC_ACQUIRE))
        finish(peer);
    mutex_unlock(&socket_lock);
    return 0;
}

/* Connecting */

/* Connect with the one who listens at the remote address, using *spare for the other end, which is
 * NULL then. socket_lock held. */
static int connect_to_listener(struct inet_socket *inet, struct socket **spare,
                               struct inet_socket **listener)
{
    struct socket *socket = &inet->socket;

    *listener = inet_find_receiver(&tcp_protocol, &inet->remote, &inet->local);
    if (!*listener)
        return -ECONNREFUSED;
    if (socket_backlog_is_full(&(*listener)->socket)) {
        socket->spare = *spare;
        __atomic_store_n(&socket->state, SOCKET_CONNECTING, __ATOMIC_RELEASE);
        list_push_back(&(*listener)->socket.waiting, &socket->pending_link);
        *listener = NULL;
    } else {
        socket_join(socket, &(*listener)->socket, *spare);
        socket_reference(&(*listener)->socket);
        socket_put(*spare);
    }
    *spare = NULL;
    return 0;
}

/* Begin to connect an unconnected socket. *listener: the one that has got a connection, referenced.
 * -ECONNREFUSED: it is FAILED. socket_lock held. */
static int begin(struct inet_socket *inet, const union sockaddr_any *address, size_t length,
                 struct socket **spare, struct inet_socket **listener)
{
    struct inet_address remote;
    int error = inet_destination(inet, address, length, &remote);

    if (error)
        return error;
    socket_set_error(&inet->socket, 0);
    inet->remote = remote;
    if (inet_is_any(&inet->local))
        inet_choose_source(&remote, &inet->local);
    error = inet_take_port_for_connection(inet);
    if (error) {
        inet_forget_addresses(inet);
        return error;
    }
    inet->unreported = true;
    error = connect_to_listener(inet, spare, listener);
    if (error) {
        socket_set_error(&inet->socket, ECONNREFUSED);
        __atomic_store_n(&inet->socket.state, SOCKET_FAILED, __ATOMIC_RELEASE);
        socket_shut_halves(&inet->socket, SHUT_BOTH);
    }
    return error;
}

/* What connect(2) tells about a connection that was begun: 0 or an error; -EALREADY: it is not made
 * yet. socket_lock held. */
static int report(struct inet_socket *inet)
{
    struct socket *socket = &inet->socket;
    int error;

    switch (socket->state) {
    case SOCKET_CONNECTING:
        return -EALREADY;
    case SOCKET_FAILED:
        error = socket_take_error(socket);
        forget_connection(socket); /* there is no peer */
        return error ? error : -ECONNABORTED;
    case SOCKET_CONNECTED:
        error = inet->unreported ? 0 : -EISCONN;
        inet->unreported = false;
        return error;
    default:
        return -EISCONN;
    }
}

/* Wait until the connection is made or refused. */
static int wait_for_connection(struct socket *socket, uint64_t timeout)
{
    int error = wait_event_until(&socket->changed, socket_state(socket) != SOCKET_CONNECTING,
                                 WAIT_INTERRUPTIBLE, socket_deadline(timeout));

    if (error == -ETIMEDOUT)
        return -EINPROGRESS;
    return error ? socket_wait_error(error, timeout) : 0;
}

/* Begin, or say how it goes. */
static int start(struct socket *socket, const union sockaddr_any *address, size_t length,
                 bool nonblocking)
{
    struct socket *spare =
        socket_allocate(&(struct socket_kind){&tcp_protocol, socket->family, SOCK_STREAM});
    struct inet_socket *listener = NULL;

    if (!spare)
        return -ENOBUFS;
    mutex_lock(&socket_lock);
    bool is_new = socket->state == SOCKET_UNCONNECTED;
    int error = is_new ? begin(inet_of(socket), address, length, &spare, &listener) : 0;
    if (!error || error == -ECONNREFUSED)
        error = is_new && nonblocking ? -EINPROGRESS : report(inet_of(socket));
    mutex_unlock(&socket_lock);
    if (spare)
        socket_discard(spare);
    if (listener) {
        wake_events(&listener->socket.changed, READABLE_EVENTS);
        socket_put(&listener->socket);
        wake_events(&socket->changed, WRITABLE_EVENTS);
    }
    return error;
}

static int connect_to(struct socket *socket, const union sockaddr_any *address, size_t length,
                      bool nonblocking)
{
    uint64_t timeout = socket->send_timeout;

    if (address->family == AF_UNSPEC)
        return disconnect(socket);
    int error = start(socket, address, length, nonblocking);
    if (error != -EALREADY || nonblocking)
        return error;
    error = wait_for_connection(socket, timeout);
    if (error)
        return error;
    mutex_lock(&socket_lock);
    error = report(inet_of(socket));
    mutex_unlock(&socket_lock);
    return error;
}

static int prepare_listen(struct socket *socket)
{
    struct inet_socket *inet = inet_of(socket);

    if (!inet->port) {
        struct inet_address address = inet->local;
        return inet_take_port(inet, &address);
    }
    return inet_port_is_taken(inet) ? -EADDRINUSE : 0;
}

static void grow_buffer(struct socket *socket)
{
    if (socket->send_size == SEND_SIZE)
        socket->send_size = SEND_GROWN;
}

static void inherit(struct socket *socket, struct socket *listener, struct socket *end)
{
    struct inet_socket *child = inet_of(end);

    child->local = inet_of(socket)->remote;
    child->remote = inet_of(socket)->local;
    inet_share_port(child, inet_of(listener));
    for (unsigned i = 0; i < OPTIONS; i++)
        child->options[i] = inet_of(listener)->options[i];
    end->family = listener->family;
    end->owner = listener->owner;
    end->flags = listener->flags;
    end->linger = listener->linger;
    end->priority = listener->priority;
    end->low_water = listener->low_water;
    end->send_size = listener->send_size;
    end->receive_size = listener->receive_size;
    end->send_timeout = listener->send_timeout;
    end->receive_timeout = listener->receive_timeout;
    grow_buffer(socket);
    grow_buffer(end);
}

/* Sending */

/* The other end, once there is a connection: 0 or what send(2) gives. */
static int await_peer(struct socket *socket, const struct socket_send *send, struct socket **peer)
{
    if (socket_state(socket) == SOCKET_CONNECTING) {
        if (send->nonblocking || (send->flags & MSG_DONTWAIT))
            return -EAGAIN;
        int error = wait_for_connection(socket, socket->send_timeout);
        if (error)
            return error == -EINPROGRESS ? -EAGAIN : error;
    }
    *peer = socket_peer(socket);
    if (*peer)
        return 0;
    int error = socket_take_error(socket);
    return error ? error : socket_broken_pipe(send);
}

static long send_bytes(struct socket *socket, struct socket_send *send)
{
    struct socket *peer;
    int error = await_peer(socket, send, &peer);
    if (error)
        return error;
    long result = socket_send_stream(socket, peer, send);
    socket_put(peer);
    return result;
}

/* ioctl(2) */

unsigned tcp_count_unsent(struct socket *socket)
{
    struct socket *peer = socket_peer(socket);

    if (!peer)
        return 0;
    size_t unread = __atomic_load_n(&peer->byte_count, __ATOMIC_ACQUIRE), room = peer->receive_size;
    socket_put(peer);
    return unread > room ? (unsigned)(unread - room) : 0;
}

static long control(struct socket *socket, unsigned request, uint64_t argument)
{
    int number = 0;

    if (request != TIOCOUTQ && request != SIOCOUTQNSD && request != SIOCATMARK)
        return -ENOTTY;
    if (request != SIOCATMARK && socket_state(socket) == SOCKET_LISTENING)
        return -EINVAL;
    if (request == TIOCOUTQ)
        number = (int)tcp_count_unsent(socket);
    else if (request == SIOCATMARK)
        number = socket_is_at_mark(socket);
    return copy_to_user(argument, &number, sizeof(number));
}

static size_t name(struct socket *socket, enum socket_name which, union sockaddr_any *address)
{
    if (which == NAME_PEER && (socket_state(socket) != SOCKET_CONNECTED || is_over(socket)))
        return 0;
    return inet_name(socket, which, address);
}

const struct socket_protocol tcp_protocol = {
    .number = IPPROTO_TCP,
    .cache = &cache,
    .send_size = SEND_SIZE,
    .receive_size = RECEIVE_SIZE,
    .bind = inet_bind,
    .connect = connect_to,
    .shutdown = shut_down,
    .send = send_bytes,
    .prepare_listen = prepare_listen,
    .inherit = inherit,
    .name = name,
    .unbind = inet_unbind,
    .end_connection = end_connection,
    .control = control,
    .get_option = inet_get_option,
    .set_option = inet_set_option,
};

void tcp_init(void)
{
    slab_cache_init(&cache, "TCP", sizeof(struct inet_socket), 8);
}
