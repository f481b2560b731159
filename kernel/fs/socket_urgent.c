/*
 * Urgent data (tcp(7), unix(7): MSG_OOB): the last byte that is sent so is a message of its own,
 * and a mark in the stream that no read goes across.
 *
 *   send "abc" urgently, "de"     | ab | c | de |      `urgent` is c
 *   recv                            ab                 up to the mark
 *   recv MSG_OOB                         c             once, wherever the reader is
 *   recv                                     de        the mark is passed, with c if nobody took it
 *
 * With SO_OOBINLINE the byte is read like others, but the mark is there. A newer byte that is
 * urgent makes an ordinary one of the older; at the beginning of a stream of TCP it makes an end of
 * it.
 *
 * What was taken is of the stream no more in AF_UNIX; in TCP it would still be read with
 * SO_OOBINLINE, and is counted.
 */
#include "core/process.h"
#include "fs/asynchronous.h"
#include "fs/file.h"
#include "fs/socket_internal.h"

static bool is_inline(const struct socket *socket)
{
    return socket_has_option(socket, SO_OOBINLINE);
}

/* The first message with something that was not read, or the mark; NULL: none. Locked. */
static struct message *first_that_counts(struct socket *socket)
{
    list_for_each (link, &socket->messages) {
        struct message *message = container_of(link, struct message, link);
        if (message->read < message->size || message == socket->urgent)
            return message;
    }
    return NULL;
}

/* Nobody can have a byte of the message any more. Locked. */
static void empty(struct socket *socket, struct message *message)
{
    __atomic_store_n(&socket->byte_count, socket->byte_count - (message->size - message->read),
                     __ATOMIC_RELEASE);
    message->read = message->size;
}

void socket_set_urgent(struct socket *socket, struct message *message)
{
    struct message *older = socket->urgent;

    if (older && !socket->protocol->is_local && !is_inline(socket) &&
        first_that_counts(socket) == older)
        empty(socket, older);
    __atomic_store_n(&socket->urgent_taken, false, __ATOMIC_RELEASE);
    __atomic_store_n(&socket->urgent, message, __ATOMIC_RELEASE);
}

bool socket_has_urgent(const struct socket *socket)
{
    return __atomic_load_n(&socket->urgent, __ATOMIC_ACQUIRE) &&
           !__atomic_load_n(&socket->urgent_taken, __ATOMIC_ACQUIRE);
}

bool socket_is_at_mark(struct socket *socket)
{
    if (!__atomic_load_n(&socket->urgent, __ATOMIC_ACQUIRE))
        return false;
    spin_lock(&socket->lock);
    bool is = socket->urgent && first_that_counts(socket) == socket->urgent;
    spin_unlock(&socket->lock);
    return is;
}

bool socket_skips_mark(struct socket *socket)
{
    return !is_inline(socket) && socket_is_at_mark(socket);
}

size_t socket_count_to_mark(struct socket *socket)
{
    size_t count = 0;

    spin_lock(&socket->lock);
    bool stops = socket->urgent && !is_inline(socket) && !socket->protocol->is_local;
    if (!stops)
        count = socket->byte_count;
    list_for_each (link, &socket->messages) {
        const struct message *message = container_of(link, struct message, link);
        if (!stops || message == socket->urgent)
            break;
        count += message->size - message->read;
    }
    spin_unlock(&socket->lock);
    return count;
}

enum mark socket_find_mark(struct socket *socket, const struct message *message)
{
    bool taken =
        socket->protocol->is_local && __atomic_load_n(&socket->urgent_taken, __ATOMIC_ACQUIRE);

    if (__atomic_load_n(&socket->urgent, __ATOMIC_ACQUIRE) != message)
        return NO_MARK;
    return is_inline(socket) && !taken ? MARK_BEFORE_BYTE : MARK;
}

/* The byte, which stays where it is; with receive_lock held, so that it does. */
static long copy_urgent(struct socket *socket, struct socket_receive *receive,
                        const struct message *message)
{
    bool is_local = socket->protocol->is_local;
    size_t size = receive->transfer->remaining ? 1 : 0;

    receive->flags_out |= MSG_OOB;
    if (!size && !is_local)
        receive->flags_out |= MSG_TRUNC;
    if (!is_local && (receive->flags & MSG_TRUNC))
        return (long)size;
    if (message_copy(message, 0, size, receive->transfer) < size)
        return -EFAULT;
    return is_local ? 1 : (long)size;
}

/* Somebody has it now. */
static void take(struct socket *socket, struct message *message)
{
    spin_lock(&socket->lock);
    if (socket->urgent == message) {
        __atomic_store_n(&socket->urgent_taken, true, __ATOMIC_RELEASE);
        if (socket->protocol->is_local)
            empty(socket, message);
    }
    spin_unlock(&socket->lock);
}

long socket_receive_urgent(struct socket *socket, struct socket_receive *receive)
{
    long result = -EINVAL;

    mutex_lock(&socket->receive_lock);
    spin_lock(&socket->lock);
    struct message *message = socket->urgent;
    if (is_inline(socket) || socket->urgent_taken)
        message = NULL;
    spin_unlock(&socket->lock);
    if (message)
        result = copy_urgent(socket, receive, message);
    if (result >= 0 && !(receive->flags & MSG_PEEK))
        take(socket, message);
    mutex_unlock(&socket->receive_lock);
    return result;
}

void socket_tell_urgent(struct socket *socket)
{
    struct file *file = rights_get_file(socket);

    if (!file)
        return;
    file_urge_owner(file);
    file_release(file);
}
