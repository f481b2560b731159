/*
 * UDP between sockets of this machine (udp(7)): a datagram goes into the queue of whoever has the
 * address and port that it is sent to. If nobody has, or that queue is full, it is lost; a sender
 * that is connected is told of the former.
 */
#include "abi/ioctl.h"
#include "net/inet.h"
#include "vm/kmem.h"

#define BUFFER_SIZE  212992u
#define SIZE_MOST_V4 65507u /* what a packet of IPv4 has room for, */
#define SIZE_MOST_V6 65527u /* and of IPv6, whose header does not count */
#define LENGTH_MOST  65535u
#define HOPS         64

static struct slab_cache cache;

/* Connecting: who is sent to, and received from, unless told otherwise */

/* Give it a port if it has none. socket_lock held. */
static int autobind(struct inet_socket *inet)
{
    struct inet_address address = inet->local;

    if (inet->port)
        return 0;
    int error = inet_take_port(inet, &address);
    return error == -EADDRINUSE ? -EAGAIN : error;
}

/* socket_lock held. */
static int set_remote(struct inet_socket *inet, const struct inet_address *remote)
{
    int error = autobind(inet);

    if (error)
        return error;
    inet->remote = *remote;
    if (inet_is_any(&inet->local) || !inet->address_chosen) {
        uint16_t port = inet->local.port;
        inet_choose_source(remote, &inet->local);
        inet->local.port = port;
    }
    __atomic_store_n(&inet->socket.state, SOCKET_CONNECTED, __ATOMIC_RELEASE);
    return 0;
}

static int connect_to(struct socket *socket, const union sockaddr_any *address, size_t length,
                      bool nonblocking)
{
    struct inet_socket *inet = inet_of(socket);
    struct inet_address remote;
    int error = 0;

    (void)nonblocking;
    mutex_lock(&socket_lock);
    if (address->family == AF_UNSPEC) {
        inet_forget_addresses(inet);
        __atomic_store_n(&socket->state, SOCKET_UNCONNECTED, __ATOMIC_RELEASE);
    } else {
        error = inet_destination(inet, address, length, &remote);
        if (!error)
            error = set_remote(inet, &remote);
    }
    mutex_unlock(&socket_lock);
    return error;
}

/* Also one that is not connected is shut down, for those that wait in a call. */
static int shut_down(struct socket *socket, uint32_t halves)
{
    socket_shut_halves(socket, halves);
    return socket_state(socket) == SOCKET_CONNECTED ? 0 : -ENOTCONN;
}

/* Sending */

/* Where a datagram goes, and from where. */
struct flow {
    struct inet_address source, destination;
    struct inet_socket *receiver; /* referenced; NULL: nobody */
    bool connected;
};

/* The source that a control message names must be this machine's. */
static int choose_source(const struct inet_socket *inet, const struct socket_send *send,
                         struct flow *flow)
{
    flow->source = inet->local;
    if ((send->controls.given & CONTROL_PACKET) && !inet_is_any(&send->controls.local)) {
        flow->source = send->controls.local;
        flow->source.port = inet->local.port;
        return inet_is_local(&flow->source) &&
                       inet_is_v4(&flow->source) == inet_is_v4(&flow->destination)
                   ? 0
                   : -ENETUNREACH;
    }
    if (inet_is_any(&flow->source))
        inet_choose_source(&flow->destination, &flow->source);
    return 0;
}

/* socket_lock held. */
static int find_flow(struct inet_socket *inet, const struct socket_send *send, struct flow *flow)
{
    int error = 0;

    flow->receiver = NULL;
    flow->connected = send->address_length == 0;
    if (send->address_length)
        error = inet_destination(inet, &send->address, send->address_length, &flow->destination);
    else if (socket_state(&inet->socket) != SOCKET_CONNECTED)
        error = -EDESTADDRREQ;
    else
        flow->destination = inet->remote;
    if (!error && flow->destination.port == 0)
        error = -EINVAL;
    if (!error)
        error = autobind(inet);
    if (!error)
        error = choose_source(inet, send, flow);
    if (error)
        return error;
    if (!flow->connected)
        flow->connected = inet->remote.port == flow->destination.port &&
                          inet_is_same(&inet->remote, &flow->destination);
    flow->receiver = inet_find_receiver(&udp_protocol, &flow->destination, &flow->source);
    if (flow->receiver)
        socket_reference(&flow->receiver->socket);
    return 0;
}

static bool has_room(const struct socket *receiver)
{
    return message_queue_charge(receiver) <=
           __atomic_load_n(&receiver->receive_size, __ATOMIC_RELAXED);
}

/* Put the message into the receiver's queue, or lose it. */
static void deliver(const struct inet_socket *inet, const struct socket_send *send,
                    const struct flow *flow, struct message *message)
{
    bool is_v4 = inet_is_v4(&flow->destination);

    message->source = flow->source;
    message->destination = flow->destination;
    message->limit = send->controls.given & CONTROL_LIMIT
                         ? send->controls.limit
                         : inet_value(inet, is_v4 ? OPTION_TTL : OPTION_UNICAST_HOPS);
    if (message->limit < 0)
        message->limit = HOPS;
    message->class = send->controls.given & CONTROL_CLASS
                         ? send->controls.class
                         : inet_value(inet, is_v4 ? OPTION_TOS : OPTION_TCLASS);
    if (!has_room(&flow->receiver->socket) ||
        !message_deliver(NULL, &flow->receiver->socket, message))
        message_free(message);
}

/* Nobody has the port: a connected socket hears of it, and one that wants to know. */
static void refuse(struct socket *socket, const struct flow *flow, struct message *message)
{
    bool is_v4 = inet_is_v4(&flow->destination);
    bool wanted = inet_value(inet_of(socket), is_v4 ? OPTION_RECVERR : OPTION_RECVERR6);

    message->destination = flow->destination;
    if (wanted)
        inet_note_error(inet_of(socket), message);
    else
        message_free(message);
    if (!flow->connected && !wanted)
        return;
    socket_set_error(socket, ECONNREFUSED);
    wake_events(&socket->changed, STATE_EVENTS);
}

static long send_along(struct socket *socket, struct socket_send *send, const struct flow *flow)
{
    size_t size = send->transfer->remaining;
    struct message *message;
    int error = socket_take_error(socket);

    if (!error && (socket_shut(socket) & SHUT_SENDING))
        error = -EPIPE;
    if (!error && size > (inet_is_v4(&flow->destination) ? SIZE_MOST_V4 : SIZE_MOST_V6))
        error = -EMSGSIZE;
    if (!error)
        error = socket_make_message(send, size, &message);
    if (error)
        return error;
    if (flow->receiver)
        deliver(inet_of(socket), send, flow, message);
    else
        refuse(socket, flow, message);
    return (long)size;
}

static long send_datagram(struct socket *socket, struct socket_send *send)
{
    struct flow flow;

    if (send->transfer->remaining > LENGTH_MOST)
        return -EMSGSIZE;
    if (send->flags & (MSG_OOB | MSG_MORE))
        return -EOPNOTSUPP;
    mutex_lock(&socket_lock);
    int error = find_flow(inet_of(socket), send, &flow);
    mutex_unlock(&socket_lock);
    if (error)
        return error;
    long result = send_along(socket, send, &flow);
    if (flow.receiver)
        socket_put(&flow.receiver->socket);
    return result;
}

/* Receiving */

static unsigned wanted_controls(const struct inet_socket *inet, bool is_v4)
{
    bool is_v6_socket = inet->socket.family == AF_INET6;
    unsigned result = 0;

    if (inet_value(inet, is_v6_socket ? OPTION_RECVPKTINFO6 : OPTION_PKTINFO))
        result |= CONTROL_PACKET;
    if (inet_value(inet, is_v4 ? OPTION_RECVTTL : OPTION_RECVHOPLIMIT))
        result |= CONTROL_LIMIT;
    if (inet_value(inet, is_v4 ? OPTION_RECVTOS : OPTION_RECVTCLASS))
        result |= CONTROL_CLASS;
    if (inet_value(inet, is_v6_socket ? OPTION_RECVORIGDSTADDR6 : OPTION_RECVORIGDSTADDR))
        result |= CONTROL_DESTINATION;
    return result;
}

static size_t describe(struct socket *socket, const struct message *message,
                       struct socket_receive *receive)
{
    receive->controls = (struct inet_controls){
        .given = wanted_controls(inet_of(socket), inet_is_v4(&message->destination)),
        .local = message->destination,
        .limit = message->limit,
        .class = message->class,
    };
    return inet_to_structure(socket->family, &message->source, &receive->address);
}

static struct vnode *unbind(struct socket *socket)
{
    inet_forget_errors(inet_of(socket));
    return inet_unbind(socket);
}

/* ioctl(2): what was sent has arrived. */
static long control(struct socket *socket, unsigned request, uint64_t argument)
{
    int number = 0;

    (void)socket;
    return request == TIOCOUTQ ? copy_to_user(argument, &number, sizeof(number)) : -ENOTTY;
}

const struct socket_protocol udp_protocol = {
    .number = IPPROTO_UDP,
    .cache = &cache,
    .send_size = BUFFER_SIZE,
    .receive_size = BUFFER_SIZE,
    .bind = inet_bind,
    .connect = connect_to,
    .shutdown = shut_down,
    .send = send_datagram,
    .name = inet_name,
    .describe = describe,
    .receive_error = inet_receive_error,
    .unbind = unbind,
    .control = control,
    .get_option = inet_get_option,
    .set_option = inet_set_option,
};

void udp_init(void)
{
    slab_cache_init(&cache, "UDP", sizeof(struct inet_socket), 8);
}
