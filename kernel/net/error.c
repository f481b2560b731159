/*
 * Datagrams that came back (ip(7): IP_RECVERR; ipv6(7): IPV6_RECVERR): what would be in the ICMP
 * message that says so waits in a queue of the sender's, for recvmsg(2) with MSG_ERRQUEUE.
 */
#include "lib/string.h"
#include "net/inet.h"

#define QUOTED_V4 520u /* bytes of the datagram that the message has room for */
#define QUOTED_V6 1184u
#define OVERHEAD  768u /* what an entry counts beyond those */

static size_t charge_of(const struct message *message)
{
    return message->size + OVERHEAD;
}

void inet_note_error(struct inet_socket *inet, struct message *message)
{
    struct socket *socket = &inet->socket;
    size_t most = inet_is_v4(&message->destination) ? QUOTED_V4 : QUOTED_V6;

    if (message->size > most)
        message->size = most;
    spin_lock(&socket->lock);
    bool fits = inet->error_bytes + charge_of(message) <= socket->receive_size;
    if (fits) {
        inet->error_bytes += charge_of(message);
        list_push_back(&socket->errors, &message->link);
        __atomic_store_n(&socket->error_count, socket->error_count + 1, __ATOMIC_RELEASE);
    }
    spin_unlock(&socket->lock);
    if (!fits)
        message_free(message);
}

/* The first entry, off the queue; NULL: there is none. It was the one that the socket's error told
 * of, so the next one is now. */
static struct message *take_first(struct inet_socket *inet)
{
    struct socket *socket = &inet->socket;

    spin_lock(&socket->lock);
    struct list *link = list_pop_front(&socket->errors);
    struct message *message = link ? container_of(link, struct message, link) : NULL;
    if (message) {
        inet->error_bytes -= charge_of(message);
        __atomic_store_n(&socket->error_count, socket->error_count - 1, __ATOMIC_RELEASE);
        socket_set_error(socket, socket->error_count ? ECONNREFUSED : 0);
    }
    spin_unlock(&socket->lock);
    return message;
}

void inet_forget_errors(struct inet_socket *inet)
{
    struct message *message;

    while ((message = take_first(inet)))
        message_free(message);
}

long inet_receive_error(struct socket *socket, struct socket_receive *receive)
{
    struct message *message = take_first(inet_of(socket));
    size_t wanted = receive->transfer->remaining;

    if (!message)
        return -EAGAIN;
    size_t size = message->size < wanted ? message->size : wanted;
    long result = message_copy(message, 0, size, receive->transfer) < size ? -EFAULT : (long)size;
    receive->flags_out |= MSG_ERRQUEUE | (size < message->size ? MSG_TRUNC : 0);
    receive->address_length =
        inet_to_structure(socket->family, &message->destination, &receive->address);
    receive->controls =
        (struct inet_controls){.given = CONTROL_ERROR, .local = message->destination};
    receive->controls.local.port = 0;
    message_free(message);
    return result;
}
