/*
 * Connections of sockets.
 *
 *   connect: a new socket is made for the other end, and both know each other at once;
 *            it waits in the list of the listening socket          (pending)
 *   accept:  it gets a file
 *
 * So data may be sent before the connection is accepted. When the list is longer than the backlog,
 * connect waits: a local socket in the call, one of TCP in a list of the listening socket
 * (waiting), from which it is connected when another connection has been accepted.
 */
#include "fs/socket_internal.h"
#include "abi/fcntl.h"
#include "core/process.h"

#define BACKLOG_MAX 4096 /* as Linux's somaxconn */

/* Listening */

bool socket_backlog_is_full(const struct socket *listener)
{
    return __atomic_load_n(&listener->pending_count, __ATOMIC_ACQUIRE) >
           __atomic_load_n(&listener->backlog, __ATOMIC_ACQUIRE);
}

bool socket_listens(const struct socket *listener)
{
    return socket_state(listener) == SOCKET_LISTENING && !(socket_shut(listener) & SHUT_RECEIVING);
}

void socket_set_peer(struct socket *socket, struct socket *peer)
{
    socket_reference(peer);
    spin_lock(&socket->lock);
    socket->peer = peer;
    spin_unlock(&socket->lock);
}

void socket_join(struct socket *socket, struct socket *listener, struct socket *end)
{
    socket_set_peer(socket, end);
    socket_set_peer(end, socket);
    socket->protocol->inherit(socket, listener, end);
    end->state = SOCKET_CONNECTED;
    __atomic_store_n(&socket->state, SOCKET_CONNECTED, __ATOMIC_RELEASE);
    socket_reference(end); /* of the list */
    list_push_back(&listener->pending, &end->pending_link);
    __atomic_store_n(&listener->pending_count, listener->pending_count + 1, __ATOMIC_RELEASE);
}

/* Connect those that wait as long as there is room: have there been any? socket_lock held. */
static bool admit_waiting(struct socket *listener)
{
    bool admitted = false;

    while (!list_empty(&listener->waiting) && !socket_backlog_is_full(listener)) {
        struct list *link = list_pop_front(&listener->waiting);
        struct socket *socket = container_of(link, struct socket, pending_link);
        struct socket *end = socket->spare;
        socket->spare = NULL;
        socket_join(socket, listener, end);
        socket_put(end);
        wake_events(&socket->changed, WRITABLE_EVENTS);
        admitted = true;
    }
    return admitted;
}

int socket_listen(struct socket *socket, int backlog)
{
    bool admitted = false;
    int error = 0;

    if (!socket_is_connecting(socket))
        return -EOPNOTSUPP;
    mutex_lock(&socket_lock);
    if (socket->state != SOCKET_UNCONNECTED && socket->state != SOCKET_LISTENING)
        error = -EINVAL;
    else
        error = socket->protocol->prepare_listen(socket);
    if (!error) {
        const struct credentials *credentials = credentials_current();
        socket->backlog = (unsigned)backlog < BACKLOG_MAX ? (unsigned)backlog : BACKLOG_MAX;
        socket->credentials =
            (struct ucred){current_process()->pid, credentials->euid, credentials->egid};
        __atomic_store_n(&socket->state, SOCKET_LISTENING, __ATOMIC_RELEASE);
        admitted = admit_waiting(socket);
    }
    mutex_unlock(&socket_lock);
    if (!error)
        wake_all(&socket->room);
    if (admitted)
        wake_events(&socket->changed, READABLE_EVENTS);
    return error;
}

/* What each protocol does in its own way */

int socket_bind(struct socket *socket, const union sockaddr_any *address, size_t length)
{
    return socket->protocol->bind(socket, address, length);
}

int socket_connect(struct socket *socket, const union sockaddr_any *address, size_t length,
                   bool nonblocking)
{
    return socket->protocol->connect(socket, address, length, nonblocking);
}

size_t socket_name(struct socket *socket, enum socket_name which, union sockaddr_any *address)
{
    mutex_lock(&socket_lock);
    size_t length = socket->protocol->name(socket, which, address);
    mutex_unlock(&socket_lock);
    return length;
}

int socket_shutdown(struct socket *socket, int how)
{
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    return socket->protocol->shutdown(socket, (uint32_t)how + 1);
}

/* Accepting */

/* The connection that waits longest, whose reference is the caller's; NULL: none. */
static struct socket *take_pending(struct socket *listener)
{
    struct socket *end = NULL;
    bool admitted = false;

    mutex_lock(&socket_lock);
    struct list *link = list_pop_front(&listener->pending);
    if (link) {
        end = container_of(link, struct socket, pending_link);
        __atomic_store_n(&listener->pending_count, listener->pending_count - 1, __ATOMIC_RELEASE);
        admitted = admit_waiting(listener);
    }
    mutex_unlock(&socket_lock);
    if (end)
        wake_all(&listener->room);
    if (admitted)
        wake_events(&listener->changed, READABLE_EVENTS);
    return end;
}

/* Wait for a connection. */
static int wait_pending(struct socket *listener, bool nonblocking, struct socket **end)
{
    uint64_t timeout = listener->receive_timeout, deadline = socket_deadline(timeout);

    while (!(*end = take_pending(listener))) {
        if (!socket_listens(listener))
            return -EINVAL;
        if (nonblocking)
            return -EAGAIN;
        int error = wait_event_until(&listener->changed,
                                     __atomic_load_n(&listener->pending_count, __ATOMIC_ACQUIRE) ||
                                         !socket_listens(listener),
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
