/*
 * Sending (send(2)): streams piece by piece, datagrams and packets as a whole.
 */
#include "fs/socket_internal.h"
#include "abi/signal.h"
#include "core/process.h"

#define STREAM_PIECE 16384u /* of a stream, in one message */
#define HEADER       32u    /* of the buffer, that a message cannot use */

static bool has_buffer(const struct socket *socket)
{
    return __atomic_load_n(&socket->charged, __ATOMIC_ACQUIRE) <
           __atomic_load_n(&socket->send_size, __ATOMIC_RELAXED);
}

/* Wait until the socket's buffer has room: 0, or what send(2) gives. */
static int wait_for_buffer(struct socket *socket, const struct socket_send *send, uint64_t deadline)
{
    for (;;) {
        int error = socket_take_error(socket);
        if (error)
            return error;
        if (socket_shut(socket) & SHUT_SENDING)
            return -EPIPE;
        if (has_buffer(socket))
            return 0;
        if (send->nonblocking || (send->flags & MSG_DONTWAIT))
            return -EAGAIN;
        error = wait_event_until(&socket->changed,
                                 has_buffer(socket) || (socket_shut(socket) & SHUT_SENDING) ||
                                     __atomic_load_n(&socket->error, __ATOMIC_ACQUIRE),
                                 WAIT_INTERRUPTIBLE, deadline);
        if (error)
            return socket_wait_error(error, socket->send_timeout);
    }
}

/* A message with the next bytes; what goes along goes with the first. */
static int make_message(struct socket_send *send, size_t size, struct message **message)
{
    int error = message_create(send->transfer, size, message);

    if (error)
        return error;
    (*message)->credentials = send->credentials;
    (*message)->rights = send->rights;
    send->rights = NULL;
    return 0;
}

/* Streams */

/* Send one piece: bytes, or an error. */
static long send_piece(struct socket *socket, struct socket *peer, struct socket_send *send,
                       uint64_t deadline)
{
    size_t size = send->transfer->remaining;
    struct message *message;
    int error = wait_for_buffer(socket, send, deadline);

    if (size > STREAM_PIECE)
        size = STREAM_PIECE;
    if (!error)
        error = make_message(send, size, &message);
    if (error)
        return error;
    if (message_deliver(socket, peer, message))
        return (long)size;
    message_free(message);
    return -EPIPE;
}

static long send_stream(struct socket *socket, struct socket_send *send)
{
    uint64_t deadline = socket_deadline(socket->send_timeout);
    size_t done = 0;
    long result = 0;

    if (send->address_length)
        return socket_state(socket) == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    struct socket *peer = socket_peer(socket);
    if (!peer)
        return -ENOTCONN;
    if (socket_shut(socket) & SHUT_SENDING)
        result = -EPIPE;
    while (send->transfer->remaining && result >= 0) {
        result = send_piece(socket, peer, send, deadline);
        if (result > 0)
            done += (size_t)result;
    }
    socket_put(peer);
    if (done)
        return (long)done;
    if (result == -EPIPE && !(send->flags & MSG_NOSIGNAL))
        signal_send(current_process(), SIGPIPE);
    return result;
}

/* Datagrams and packets */

/* The one that the message is for, referenced. */
static int find_destination(struct socket *socket, const struct socket_send *send,
                            struct socket **destination)
{
    if (send->address_length && socket->type == SOCK_DGRAM)
        return socket_find(&send->address, send->address_length, socket->type, destination);
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
    int error = wait_for_buffer(socket, send, deadline);
    if (!error)
        error = wait_for_room(socket, destination, send, deadline);
    if (!error)
        error = make_message(send, size, &message);
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

long socket_send(struct socket *socket, struct socket_send *send)
{
    if ((send->flags & MSG_OOB) && socket->type != SOCK_SEQPACKET)
        return -EOPNOTSUPP;
    if (send->address_length && socket->type == SOCK_DGRAM) {
        int error = socket_check_address(&send->address, send->address_length);
        if (error)
            return error;
    }
    return socket->type == SOCK_STREAM ? send_stream(socket, send) : send_whole(socket, send);
}
