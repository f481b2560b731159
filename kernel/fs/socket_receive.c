/*
 * Receiving (recv(2)): a stream's messages run together, others come one by one.
 *
 * Bytes of different senders (SO_PASSCRED), and those behind files that came along, are not run
 * together.
 */
#include "core/time.h"
#include "fs/socket_internal.h"
#include "lib/string.h"

static bool may_not_wait(const struct socket_receive *receive)
{
    return receive->nonblocking || (receive->flags & MSG_DONTWAIT);
}

/* There are no messages but those that were passed over: wait for some, with receive_lock dropped
 * meanwhile. 0: look again, -ENODATA: the end, or an error of recv(2). */
static int wait_for_message(struct socket *socket, const struct socket_receive *receive,
                            unsigned passed, uint64_t deadline)
{
    bool complete = __atomic_load_n(&socket->ended, __ATOMIC_ACQUIRE);
    int error = complete ? 0 : socket_take_error(socket);

    if (error)
        return error;
    bool ended = socket_shut(socket) & SHUT_RECEIVING;
    if (ended && !(socket->type == SOCK_DGRAM && may_not_wait(receive)))
        return __atomic_load_n(&socket->message_count, __ATOMIC_ACQUIRE) > passed ? 0 : -ENODATA;
    if (may_not_wait(receive))
        return -EAGAIN;
    mutex_unlock(&socket->receive_lock);
    error = wait_event_until(&socket->changed,
                             __atomic_load_n(&socket->message_count, __ATOMIC_ACQUIRE) > passed ||
                                 (socket_shut(socket) & SHUT_RECEIVING) ||
                                 __atomic_load_n(&socket->error, __ATOMIC_ACQUIRE),
                             WAIT_INTERRUPTIBLE, deadline);
    mutex_lock(&socket->receive_lock);
    return error ? socket_wait_error(error, socket->receive_timeout) : 0;
}

/* What comes along with the bytes: the sender's name and credentials, files. 0 or -ENOMEM. */
static int take_along(struct socket *socket, struct message *message,
                      struct socket_receive *receive)
{
    receive->credentials = message->credentials;
    receive->stamps = socket->type == SOCK_STREAM ? 0 : socket->stamps;
    if (receive->stamps)
        receive->arrival = message->arrival ? message->arrival : time_real();
    bool wanted = receive->address_wanted || !socket->protocol->is_local;
    if (wanted && receive->address_length == 0 && socket->protocol->describe)
        receive->address_length = socket->protocol->describe(socket, message, receive);
    if (!message->rights)
        return 0;
    if (receive->flags & MSG_PEEK)
        return rights_copy(message, &receive->rights);
    receive->rights = rights_arrive(message);
    return 0;
}

/* Streams */

/* A read of a stream, as far as it has come. */
struct stream_read {
    size_t done;
    struct message *peeked; /* MSG_PEEK: the message to go on behind; NULL: begin */
    unsigned passed;        /* MSG_PEEK: messages without a byte so far */
    struct ucred writer;    /* of the first bytes */
    bool complete;          /* nothing may be added */
};

static struct message *next_message(struct socket *socket, const struct stream_read *read)
{
    return read->peeked ? message_next(socket, read->peeked) : message_first(socket);
}

static bool is_of_other_writer(const struct stream_read *read, const struct message *message)
{
    return read->done && memcmp(&read->writer, &message->credentials, sizeof(read->writer));
}

/* MSG_TRUNC: bytes of a stream of the network are thrown away (tcp(7)). */
static bool discards(const struct socket *socket, const struct socket_receive *receive)
{
    return (receive->flags & MSG_TRUNC) && !socket->protocol->is_local;
}

/* Read from one message: 0, -EFAULT, -ENOMEM. */
static int read_message(struct socket *socket, struct socket_receive *receive,
                        struct stream_read *read, struct message *message)
{
    size_t rest = message->size - message->read, wanted = receive->transfer->remaining;
    size_t size = rest < wanted ? rest : wanted;
    size_t given = size;

    if (discards(socket, receive))
        receive->transfer->remaining -= size;
    else
        given = message_copy(message, message->read, size, receive->transfer);
    if (given < size && given == 0)
        return -EFAULT;
    read->writer = message->credentials;
    int error = take_along(socket, message, receive);
    read->done += given;
    read->passed += !rest;
    read->complete = receive->rights || given < rest;
    if (receive->flags & MSG_PEEK) {
        read->peeked = message;
        return error;
    }
    message_note_read(socket, message, given);
    if (given == rest)
        message_remove(socket, message);
    return error;
}

/* Pass the mark of urgent data, with its byte if nobody has taken it. */
static void pass_mark(struct socket *socket, const struct socket_receive *receive,
                      struct stream_read *read, struct message *message)
{
    if (receive->flags & MSG_PEEK) {
        read->peeked = message;
        read->passed++;
    } else {
        message_remove(socket, message);
    }
}

/* How many bytes a call waits for. */
static size_t target_of(const struct socket *socket, const struct socket_receive *receive)
{
    size_t wanted = receive->transfer->remaining, low = (size_t)socket->low_water;

    if (receive->flags & MSG_WAITALL)
        return wanted;
    return low < wanted ? low : wanted;
}

/* receive_lock held. */
static long read_stream(struct socket *socket, struct socket_receive *receive)
{
    uint64_t deadline = socket_deadline(socket->receive_timeout);
    size_t target = target_of(socket, receive);
    struct stream_read read = {0};
    int error = 0;

    while (!error && !read.complete && receive->transfer->remaining) {
        struct message *message = next_message(socket, &read);
        enum mark mark = message ? socket_find_mark(socket, message) : NO_MARK;
        if (message && socket->passes_credentials && is_of_other_writer(&read, message))
            break;
        if (mark && read.done)
            break;
        if (mark == MARK) {
            pass_mark(socket, receive, &read, message);
        } else if (message) {
            error = read_message(socket, receive, &read, message);
        } else if (read.done >= (target ? target : 1) || (read.peeked && read.done)) {
            break;
        } else {
            error = wait_for_message(socket, receive, read.passed, deadline);
            read.peeked = NULL; /* it may be gone, and nothing was read of it */
            read.passed = 0;
        }
    }
    return read.done || error == -ENODATA ? (long)read.done : error;
}

/* Datagrams and packets; receive_lock held. */

static long read_whole(struct socket *socket, struct socket_receive *receive)
{
    uint64_t deadline = socket_deadline(socket->receive_timeout);
    struct message *message = NULL;
    int error = 0;

    if (!socket->protocol->is_local)
        error = socket_take_error(socket);
    while (!error && !(message = message_first(socket)))
        error = wait_for_message(socket, receive, 0, deadline);
    if (error)
        return error == -ENODATA ? 0 : error;
    size_t wanted = receive->transfer->remaining;
    size_t size = message->size < wanted ? message->size : wanted, whole = message->size;
    if (message_copy(message, 0, size, receive->transfer) < size)
        error = -EFAULT;
    else
        error = take_along(socket, message, receive);
    if (size < whole)
        receive->flags_out |= MSG_TRUNC;
    if (!(receive->flags & MSG_PEEK))
        message_remove(socket, message);
    if (error)
        return error;
    return (long)(receive->flags & MSG_TRUNC ? whole : size);
}

/* What the protocol does not receive: 0 or an error of recv(2). */
static int check_receive(const struct socket *socket, const struct socket_receive *receive)
{
    enum socket_state state = socket_state(socket);
    bool is_local = socket->protocol->is_local, is_stream = socket->type == SOCK_STREAM;

    if ((receive->flags & MSG_OOB) && is_local && !is_stream)
        return -EOPNOTSUPP;
    if ((receive->flags & MSG_OOB) && is_stream && (is_local || state != SOCKET_LISTENING))
        return 0;
    if (socket->type == SOCK_DGRAM || state == SOCKET_CONNECTED)
        return 0;
    if (is_local)
        return is_stream ? -EINVAL : -ENOTCONN;
    return state == SOCKET_CONNECTING || state == SOCKET_FAILED ? 0 : -ENOTCONN;
}

long socket_receive(struct socket *socket, struct socket_receive *receive)
{
    if (!socket->protocol->is_local && (receive->flags & MSG_ERRQUEUE))
        return socket->protocol->receive_error ? socket->protocol->receive_error(socket, receive)
                                               : -EAGAIN;
    int error = check_receive(socket, receive);
    if (error)
        return error;
    if ((receive->flags & MSG_OOB) && socket->type == SOCK_STREAM)
        return socket_receive_urgent(socket, receive);
    receive->credentials_wanted = socket->passes_credentials;
    mutex_lock(&socket->receive_lock);
    long result =
        socket->type == SOCK_STREAM ? read_stream(socket, receive) : read_whole(socket, receive);
    mutex_unlock(&socket->receive_lock);
    return result;
}
