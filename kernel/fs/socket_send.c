/*
 * Sending (send(2)), as all families do it: the sender's buffer, and streams, which are sent piece
 * by piece. Datagrams are each protocol's own.
 */
#include "fs/socket_internal.h"
#include "abi/signal.h"
#include "core/process.h"
#include "net/inet.h"

#define STREAM_PIECE 16384u /* of a stream, in one message */

static bool has_buffer(const struct socket *socket)
{
    return __atomic_load_n(&socket->charged, __ATOMIC_ACQUIRE) <
           __atomic_load_n(&socket->send_size, __ATOMIC_RELAXED);
}

int socket_wait_for_buffer(struct socket *socket, const struct socket_send *send, uint64_t deadline)
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

int socket_make_message(struct socket_send *send, size_t size, struct message **message)
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

/* The peer takes no more: what remains to be told. A socket of the network learns it from the
 * answer to what it has sent, which is lost. */
static long fail_to_deliver(struct socket *socket, size_t size)
{
    if (socket->protocol->is_local)
        return -EPIPE;
    tcp_reset(socket);
    return (long)size;
}

/* Send one piece, the last byte of urgent ones by itself: bytes, or an error. */
static long send_piece(struct socket *socket, struct socket *peer, struct socket_send *send,
                       uint64_t deadline)
{
    size_t size = send->transfer->remaining;
    bool urgent = (send->flags & MSG_OOB) && size == 1;
    struct message *message;
    int error = socket_wait_for_buffer(socket, send, deadline);

    if ((send->flags & MSG_OOB) && !urgent)
        size--;
    if (size > STREAM_PIECE)
        size = STREAM_PIECE;
    if (!error)
        error = socket_make_message(send, size, &message);
    if (error)
        return error;
    message->urgent = urgent;
    if (message_deliver(socket, peer, message)) {
        if (urgent)
            socket_tell_urgent(peer);
        return (long)size;
    }
    message_free(message);
    return fail_to_deliver(socket, size);
}

int socket_broken_pipe(const struct socket_send *send)
{
    if (!(send->flags & MSG_NOSIGNAL))
        signal_send(current_process(), SIGPIPE);
    return -EPIPE;
}

long socket_send_stream(struct socket *socket, struct socket *peer, struct socket_send *send)
{
    uint64_t deadline = socket_deadline(socket->send_timeout);
    size_t done = 0;
    long result = 0;

    if (socket_shut(socket) & SHUT_SENDING) {
        if (!socket->protocol->is_local)
            result = socket_take_error(socket);
        result = result ? result : -EPIPE;
    }
    while (send->transfer->remaining && result >= 0) {
        result = send_piece(socket, peer, send, deadline);
        if (result > 0)
            done += (size_t)result;
    }
    if (done)
        return (long)done;
    return result == -EPIPE ? socket_broken_pipe(send) : result;
}

long socket_send(struct socket *socket, struct socket_send *send)
{
    return socket->protocol->send(socket, send);
}
