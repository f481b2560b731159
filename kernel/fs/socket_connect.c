/*
 * Connections of sockets.
 *
 *   connect: a new socket is made for the other end, and both know each other at once;
 *            it waits in the list of the listening socket          (pending)
 *   accept:  it gets a file
 *
 * So data may be sent before the connection is accepted. When the list is longer than the backlog,
 * connect waits.
 */
#include "fs/socket_internal.h"
#include "abi/fcntl.h"
#include "core/process.h"

#define BACKLOG_MAX 4096 /* as Linux's somaxconn */

int socket_listen(struct socket *socket, int backlog)
{
    int error = 0;

    if (!socket_is_connecting(socket))
        return -EOPNOTSUPP;
    mutex_lock(&socket_lock);
    if (!socket->address ||
        (socket->state != SOCKET_UNCONNECTED && socket->state != SOCKET_LISTENING)) {
        error = -EINVAL;
    } else {
        const struct credentials *credentials = credentials_current();
        socket->backlog = (unsigned)backlog < BACKLOG_MAX ? (unsigned)backlog : BACKLOG_MAX;
        socket->credentials =
            (struct ucred){current_process()->pid, credentials->euid, credentials->egid};
        __atomic_store_n(&socket->state, SOCKET_LISTENING, __ATOMIC_RELEASE);
    }
    mutex_unlock(&socket_lock);
    if (!error)
        wake_all(&socket->room);
    return error;
}

/* Connecting streams and packets */

static bool backlog_is_full(const struct socket *listener)
{
    return __atomic_load_n(&listener->pending_count, __ATOMIC_ACQUIRE) >
           __atomic_load_n(&listener->backlog, __ATOMIC_ACQUIRE);
}

/* Does it wait for connections? */
static bool listens(const struct socket *listener)
{
    return socket_state(listener) == SOCKET_LISTENING && !(socket_shut(listener) & SHUT_RECEIVING);
}

static int check_connect(const struct socket *socket, const struct socket *listener)
{
    if (socket->state == SOCKET_CONNECTED)
        return -EISCONN;
    if (socket->state != SOCKET_UNCONNECTED)
        return -EINVAL;
    if (!listens(listener))
        return -ECONNREFUSED;
    return backlog_is_full(listener) ? -EAGAIN : 0;
}

static void set_peer(struct socket *socket, struct socket *peer)
{
    socket_reference(peer);
    spin_lock(&socket->lock);
    socket->peer = peer;
    spin_unlock(&socket->lock);
}

/* Connect with the other end, which nobody else knows, and hand that to the listener. socket_lock
 * held. */
static void join(struct socket *socket, struct socket *listener, struct socket *end)
{
    const struct credentials *credentials = credentials_current();

    set_peer(socket, end);
    set_peer(end, socket);
    end->peer_credentials =
        (struct ucred){current_process()->pid, credentials->euid, credentials->egid};
    socket->peer_credentials = listener->credentials;
    end->credentials = listener->credentials;
    end->passes_credentials = listener->passes_credentials;
    end->address = listener->address;
    __atomic_fetch_add(&end->address->references, 1, __ATOMIC_RELAXED);
    end->state = SOCKET_CONNECTED;
    __atomic_store_n(&socket->state, SOCKET_CONNECTED, __ATOMIC_RELEASE);
    socket_reference(end); /* of the list */
    list_push_back(&listener->pending, &end->pending_link);
    __atomic_store_n(&listener->pending_count, listener->pending_count + 1, __ATOMIC_RELEASE);
}

/* Connect now: 0, -EAGAIN: the backlog is full, or an error of connect(2). */
static int try_connect(struct socket *socket, struct socket *listener)
{
    struct socket *end = socket_allocate(socket->type);

    if (!end)
        return -ENOMEM;
    mutex_lock(&socket_lock);
    int error = check_connect(socket, listener);
    if (!error)
        join(socket, listener, end);
    mutex_unlock(&socket_lock);
    socket_put(end);
    if (!error) {
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
            waited =
                wait_event_until(&listener->room, !listens(listener) || !backlog_is_full(listener),
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

int socket_connect(struct socket *socket, const struct sockaddr_un *address, size_t length,
                   bool nonblocking)
{
    if (socket->type == SOCK_DGRAM && address->family == AF_UNSPEC)
        return change_peer(socket, NULL);
    int error = socket_check_address(address, length);
    if (!error && socket->passes_credentials)
        error = socket_autobind(socket);
    if (error)
        return error;
    if (socket->type == SOCK_DGRAM)
        return connect_datagrams(socket, address, length);
    return connect_stream(socket, address, length, nonblocking);
}

/* Accepting */

/* The connection that waits longest, whose reference is the caller's; NULL: none. */
static struct socket *take_pending(struct socket *listener)
{
    struct socket *end = NULL;

    mutex_lock(&socket_lock);
    struct list *link = list_pop_front(&listener->pending);
    if (link) {
        end = container_of(link, struct socket, pending_link);
        __atomic_store_n(&listener->pending_count, listener->pending_count - 1, __ATOMIC_RELEASE);
    }
    mutex_unlock(&socket_lock);
    if (end)
        wake_all(&listener->room);
    return end;
}

/* Wait for a connection. */
static int wait_pending(struct socket *listener, bool nonblocking, struct socket **end)
{
    uint64_t timeout = listener->receive_timeout, deadline = socket_deadline(timeout);

    while (!(*end = take_pending(listener))) {
        if (!listens(listener))
            return -EINVAL;
        if (nonblocking)
            return -EAGAIN;
        int error = wait_event_until(&listener->changed,
                                     __atomic_load_n(&listener->pending_count, __ATOMIC_ACQUIRE) ||
                                         !listens(listener),
                                     WAIT_INTERRUPTIBLE, deadline);
        if (error)
            return socket_wait_error(error, timeout);
    }
    return 0;
}

int socket_accept(struct socket *socket, uint32_t flags, bool nonblocking, struct file **file)
{
    struct socket *end;

    if (!socket_is_connecting(socket))
        return -EOPNOTSUPP;
    if (socket_state(socket) != SOCKET_LISTENING)
        return -EINVAL;
    int error = wait_pending(socket, nonblocking, &end);
    if (error)
        return error;
    error = socket_make_file(end, flags, file);
    if (error) {
        socket_close(end);
        socket_put(end);
    }
    return error;
}

/* Shutting down */

int socket_shutdown(struct socket *socket, int how)
{
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    uint32_t halves = (uint32_t)how + 1;
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
