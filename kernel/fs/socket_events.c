/*
 * What poll(2) sees of a socket.
 */
#include "fs/socket_internal.h"

/* Is the socket for datagrams connected to one that takes no more? That one tells its senders. */
static bool peer_is_full(struct socket *socket)
{
    struct socket *peer = socket->type == SOCK_DGRAM ? socket_peer(socket) : NULL;

    if (!peer)
        return false;
    bool full = __atomic_load_n(&peer->peer, __ATOMIC_RELAXED) != socket && socket_is_full(peer);
    socket_put(peer);
    return full;
}

/* Is there something to be received, and for a stream of the network so much that a call would not
 * wait? */
static bool has_input(struct socket *socket)
{
    if (__atomic_load_n(&socket->pending_count, __ATOMIC_ACQUIRE))
        return true;
    if (!__atomic_load_n(&socket->message_count, __ATOMIC_ACQUIRE))
        return false;
    if (socket->protocol->is_local || socket->type == SOCK_DGRAM)
        return true;
    size_t wanted = (size_t)__atomic_load_n(&socket->low_water, __ATOMIC_RELAXED);
    return __atomic_load_n(&socket->byte_count, __ATOMIC_ACQUIRE) >=
           wanted + socket_skips_mark(socket);
}

static bool can_send(struct socket *socket)
{
    if (socket_is_writable(socket) && !peer_is_full(socket))
        return true;
    return !socket->protocol->is_local && (socket_shut(socket) & SHUT_SENDING);
}

unsigned socket_poll(struct file *file, struct wait_queue **queue)
{
    struct socket *socket = file->state;
    enum socket_state state = socket_state(socket);
    uint32_t shut = socket_shut(socket);
    unsigned events = 0;

    *queue = &socket->changed;
    if (__atomic_load_n(&socket->error, __ATOMIC_ACQUIRE) ||
        __atomic_load_n(&socket->error_count, __ATOMIC_ACQUIRE))
        events |= POLLERR;
    if (shut == SHUT_BOTH)
        events |= POLLHUP;
    if (shut & SHUT_RECEIVING)
        events |= POLLRDHUP | READABLE_EVENTS;
    if (has_input(socket))
        events |= READABLE_EVENTS;
    if (socket_has_urgent(socket))
        events |= POLLPRI;
    if (socket_is_connecting(socket) && state == SOCKET_UNCONNECTED)
        events |= POLLHUP;
    if (state != SOCKET_CONNECTING && can_send(socket))
        events |= WRITABLE_EVENTS;
    if (!socket->protocol->is_local && socket_is_connecting(socket))
        events &= ~(unsigned)POLLWRBAND;
    return events;
}
