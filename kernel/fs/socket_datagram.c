/*
 * Sending through sockets of AF_UNIX: streams with the rules of the family, datagrams and packets
 * as a whole, to somebody who may have to make room first.
 */
#include "fs/socket_internal.h"

#define HEADER 32u /* of the buffer, that a message cannot use */

static long send_stream(struct socket *socket, struct socket_send *send)
{
    if (send->address_length)
        return socket_state(socket) == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if ((send->flags & MSG_OOB) && !send->transfer->remaining)
        return -EOPNOTSUPP;
    struct socket *peer = socket_peer(socket);
    if (!peer)
        return -ENOTCONN;
    long result = socket_send_stream(socket, peer, send);
    socket_put(peer);
    return result;
}

/* Datagrams and packets */

/* The one that the message is for, referenced. */
static int find_destination(struct socket *socket, const struct socket_send *send,
                            struct socket **destination)
{
    if (send->address_length && socket->type == SOCK_DGRAM)
        return socket_find(&send->address.local, send->address_length, socket->type, destination);
    *destination = socket_peer(socket);
    return *destination ? 0 : -ENOTCONN;
}

/* May it take the message, now or later? 0 or an error. */
static int check_destination(const struct socket *socket, const struct socket *destination)
{
    const struct socket *peer = __atomic_load_n(&destination->peer, __ATOMIC_RELAXED);

    if (socket_state(destination) == SOCKET_CLOSED)
        return socket->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    if (socket->type == SOCK_DGRAM && peer && peer != socket)
        return -EPERM;
    return socket_shut(destination) & SHUT_RECEIVING ? -EPIPE : 0;
}

/* Is its queue too long? Not for the one that it is connected to. */
static bool must_wait(const struct socket *socket, const struct socket *destination)
{
    return destination != socket &&
           __atomic_load_n(&destination->peer, __ATOMIC_RELAXED) != socket &&
           socket_is_full(destination);
}

static int wait_for_room(struct socket *socket, struct socket *destination,
                         const struct socket_send *send, uint64_t deadline)
{
    int error = check_destination(socket, destination);

    while (!error && must_wait(socket, destination)) {
        if (send->nonblocking || (send->flags & MSG_DONTWAIT))
            return -EAGAIN;
        error = wait_event_until(&destination->room,
                                 !must_wait(socket, destination) ||
                                     check_destination(socket, destination),
                                 WAIT_INTERRUPTIBLE, deadline);
        if (error)
            return socket_wait_error(error, socket->send_timeout);
        error = check_destination(socket, destination);
    }
    return error;
}

static long send_to(struct socket *socket, struct socket *destination, struct socket_send *send)
{
    uint64_t deadline = socket_deadline(socket->send_timeout);
    size_t size = send->transfer->remaining;
    struct message *message;

    if (size > socket->send_size - HEADER)
        return -EMSGSIZE;
    int error = socket_wait_for_buffer(socket, send, deadline);
    if (!error)
        error = wait_for_room(socket, destination, send, deadline);
    if (!error)
        error = socket_make_message(send, size, &message);
    if (error)
        return error;
    if (message_deliver(socket, destination, message))
        return (long)size;
    message_free(message);
    return check_destination(socket, destination);
}

/* The peer of a connected socket for datagrams has been closed: it is connected no more. */
static void forget_peer(struct socket *socket, struct socket *peer)
{
    mutex_lock(&socket_lock);
    bool is_peer = socket->peer == peer;
    spin_lock(&socket->lock);
    if (is_peer)
        socket->peer = NULL;
    spin_unlock(&socket->lock);
    if (is_peer) {
        list_remove(&socket->sender_link);
        __atomic_store_n(&socket->state, SOCKET_UNCONNECTED, __ATOMIC_RELEASE);
    }
    mutex_unlock(&socket_lock);
    if (is_peer)
        socket_put(peer);
}

static long send_whole(struct socket *socket, struct socket_send *send)
{
    struct socket *destination;
    int error = 0;

    if (socket->type == SOCK_SEQPACKET) {
        error = socket_take_error(socket);
        if (!error && socket_state(socket) != SOCKET_CONNECTED)
            error = -ENOTCONN;
        if (!error && (send->flags & MSG_OOB))
            error = -EOPNOTSUPP;
    } else if (socket->passes_credentials) {
        error = socket_autobind(socket);
    }
    if (!error)
        error = find_destination(socket, send, &destination);
    if (error)
        return error;
    long result = send_to(socket, destination, send);
    if (result == -ECONNREFUSED)
        forget_peer(socket, destination);
    socket_put(destination);
    return result;
}

long socket_send_local(struct socket *socket, struct socket_send *send)
{
    if ((send->flags & MSG_OOB) && socket->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    if (send->address_length && socket->type == SOCK_DGRAM) {
        int error = socket_check_address(&send->address.local, send->address_length);
        if (error)
            return error;
    }
    return socket->type == SOCK_STREAM ? send_stream(socket, send) : send_whole(socket, send);
}
