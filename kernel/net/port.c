/*
 * Ports: which sockets have one, and who gets what is sent to it.
 *
 * A port in use is a structure with two lists: sockets that took it, and ends of connections that
 * were made to one of them. The first list is short, and is all that is looked at to find who
 * listens, or gets a datagram; the second may be as long as there are connections, and is only
 * looked at when somebody wants to take the port too.
 */
#include "net/inet.h"
#include "core/random.h"
#include "lib/radix.h"
#include "vm/kmem.h"

struct inet_port {
    struct list owners, ends; /* (t) by bound_link */
    uint16_t number;
};

static struct radix tcp_ports, udp_ports;              /* (t) */
static unsigned first_port = 32768, last_port = 60999; /* (a) that are given out */

static struct radix *ports_of(const struct socket_protocol *protocol)
{
    return protocol == &tcp_protocol ? &tcp_ports : &udp_ports;
}

static struct inet_socket *of_link(struct list *link)
{
    return container_of(link, struct inet_socket, socket.bound_link);
}

void inet_get_range(unsigned *first, unsigned *last)
{
    mutex_lock(&socket_lock);
    *first = first_port;
    *last = last_port;
    mutex_unlock(&socket_lock);
}

int inet_set_range(uint64_t first, uint64_t last)
{
    if (first == 0 || first > last || last > UINT16_MAX)
        return -EINVAL;
    mutex_lock(&socket_lock);
    first_port = (unsigned)first;
    last_port = (unsigned)last;
    mutex_unlock(&socket_lock);
    return 0;
}

/* Having a port */

/* Put the socket, whose local address has the port's number, into its list. -ENOMEM */
static int enter(struct inet_socket *inet)
{
    struct radix *ports = ports_of(inet->socket.protocol);
    struct inet_port *port = radix_lookup(ports, inet->local.port);

    if (!port) {
        port = kmalloc(sizeof(*port));
        if (!port)
            return -ENOMEM;
        list_init(&port->owners);
        list_init(&port->ends);
        port->number = inet->local.port;
        int error = radix_insert(ports, port->number, port);
        if (error) {
            kfree(port);
            return error;
        }
    }
    list_push_back(&port->owners, &inet->socket.bound_link);
    inet->port = port;
    return 0;
}

void inet_share_port(struct inet_socket *end, const struct inet_socket *listener)
{
    list_push_back(&listener->port->ends, &end->socket.bound_link);
    end->port = listener->port;
}

void inet_release_port(struct inet_socket *inet)
{
    struct inet_port *port = inet->port;

    if (!port)
        return;
    list_remove(&inet->socket.bound_link);
    inet->port = NULL;
    if (!list_empty(&port->owners) || !list_empty(&port->ends))
        return;
    radix_remove(ports_of(inet->socket.protocol), port->number);
    kfree(port);
}

/* Conflicts */

/* Can only IPv4, or only IPv6, reach it? */
static bool is_only_v4(const struct inet_socket *inet)
{
    return inet->socket.family == AF_INET || inet_is_v4(&inet->local);
}

static bool is_only_v6(const struct inet_socket *inet)
{
    return !is_only_v4(inet) && (inet_value(inet, OPTION_V6ONLY) || !inet_is_any(&inet->local));
}

/* Is there an address that both have? */
static bool overlaps(const struct inet_socket *a, const struct inet_socket *b)
{
    if ((is_only_v4(a) && is_only_v6(b)) || (is_only_v6(a) && is_only_v4(b)))
        return false;
    return inet_is_any(&a->local) || inet_is_any(&b->local) || inet_is_same(&a->local, &b->local);
}

/* Does the other keep the socket from having its address? (socket(7), SO_REUSEADDR) */
static bool conflicts(const struct inet_socket *inet, const struct inet_socket *other)
{
    const struct socket *a = &inet->socket, *b = &other->socket;

    if (a == b || !overlaps(inet, other))
        return false;
    if (socket_has_option(a, SO_REUSEPORT) && socket_has_option(b, SO_REUSEPORT) &&
        a->owner == b->owner)
        return false;
    if (socket_has_option(a, SO_REUSEADDR) && socket_has_option(b, SO_REUSEADDR))
        return socket_state(b) == SOCKET_LISTENING;
    return true;
}

/* Is there one in the list that does? */
static bool is_kept_from(const struct inet_socket *inet, struct list *list)
{
    list_for_each (link, list) {
        if (conflicts(inet, of_link(link)))
            return true;
    }
    return false;
}

static bool port_conflicts(const struct inet_socket *inet, struct inet_port *port)
{
    return is_kept_from(inet, &port->owners) || is_kept_from(inet, &port->ends);
}

bool inet_port_is_taken(const struct inet_socket *inet)
{
    return port_conflicts(inet, inet->port);
}

/* Choosing */

/* May the socket have this port, which is in use? */
typedef bool may_share(const struct inet_socket *inet, struct inet_port *port);

/* Give the socket a port that is free, or, if none is, one that it may share: false: there is none.
 */
static bool choose(struct inet_socket *inet, may_share *may_share)
{
    struct radix *ports = ports_of(inet->socket.protocol);
    unsigned count = last_port - first_port + 1;
    uint32_t start;

    random_bytes(&start, sizeof(start));
    start %= count;
    for (unsigned i = 0; i < 2 * count; i++) {
        unsigned number = first_port + (start + i) % count;
        struct inet_port *port = radix_lookup(ports, number);
        if (!port || (i >= count && may_share(inet, port))) {
            inet->local.port = (uint16_t)number;
            return true;
        }
    }
    return false;
}

static bool may_bind(const struct inet_socket *inet, struct inet_port *port)
{
    return !port_conflicts(inet, port);
}

/* Is there a connection between the socket's two addresses already? */
static bool is_connected(const struct inet_socket *inet, struct list *list)
{
    list_for_each (link, list) {
        const struct inet_socket *other = of_link(link);
        if (other != inet && other->remote.port == inet->remote.port &&
            inet_is_same(&other->remote, &inet->remote) &&
            inet_is_same(&other->local, &inet->local))
            return true;
    }
    return false;
}

/* May the socket connect from there? Only if all who have the port have connected, too. */
static bool may_connect(const struct inet_socket *inet, struct inet_port *port)
{
    list_for_each (link, &port->owners) {
        const struct inet_socket *other = of_link(link);
        if (other->port_chosen || other->remote.port == 0)
            return false;
    }
    return list_empty(&port->ends) && !is_connected(inet, &port->owners);
}

int inet_take_port(struct inet_socket *inet, const struct inet_address *address)
{
    struct inet_address old = inet->local;
    int error = 0;

    inet->local = *address;
    struct inet_port *port =
        address->port ? radix_lookup(ports_of(inet->socket.protocol), address->port) : NULL;
    if (address->port == 0 ? !choose(inet, may_bind) : port && port_conflicts(inet, port))
        error = -EADDRINUSE;
    if (!error)
        error = enter(inet);
    if (error)
        inet->local = old;
    return error;
}

int inet_take_port_for_connection(struct inet_socket *inet)
{
    if (inet->port)
        return is_connected(inet, &inet->port->owners) || is_connected(inet, &inet->port->ends)
                   ? -EADDRNOTAVAIL
                   : 0;
    if (!choose(inet, may_connect))
        return -EADDRNOTAVAIL;
    int error = enter(inet);
    if (error)
        inet->local.port = 0;
    return error;
}

/* Finding */

static bool has_address(const struct inet_socket *inet, const struct inet_address *address)
{
    if (inet_is_v4(address) ? is_only_v6(inet) : is_only_v4(inet))
        return false;
    return inet_is_any(&inet->local) || inet_is_same(&inet->local, address);
}

/* How well the socket fits: 0: not at all. */
static unsigned fitness(const struct inet_socket *inet, const struct inet_address *destination,
                        const struct inet_address *source)
{
    bool is_stream = inet->socket.type == SOCK_STREAM;
    unsigned result = inet->socket.family == AF_INET ? 2 : 1;

    if (!has_address(inet, destination))
        return 0;
    if (is_stream && socket_state(&inet->socket) != SOCKET_LISTENING)
        return 0;
    if (!inet_is_any(&inet->local))
        result += 2;
    if (is_stream || inet->remote.port == 0)
        return result;
    return inet->remote.port == source->port && inet_is_same(&inet->remote, source) ? result + 4
                                                                                    : 0;
}

/* A number that is the same for all that goes from the source to the destination. */
static uint32_t hash_of_flow(const struct inet_address *destination,
                             const struct inet_address *source)
{
    uint32_t hash = source->port;

    for (unsigned i = 0; i < sizeof(source->bytes); i++)
        hash = (hash ^ source->bytes[i] ^ (uint32_t)destination->bytes[i] << 8) * 16777619u;
    hash = (hash ^ hash >> 16) * 0x9e3779b1u;
    return hash ^ hash >> 16;
}

struct inet_socket *inet_find_receiver(const struct socket_protocol *protocol,
                                       const struct inet_address *destination,
                                       const struct inet_address *source)
{
    struct inet_port *port = radix_lookup(ports_of(protocol), destination->port);
    struct inet_socket *best = NULL;
    unsigned best_fitness = 0, equals = 0;

    if (!port)
        return NULL;
    list_for_each (link, &port->owners) {
        struct inet_socket *inet = of_link(link);
        unsigned fit = fitness(inet, destination, source);
        equals = fit > best_fitness ? 1 : equals + (fit && fit == best_fitness);
        /* Those that share a port by SO_REUSEPORT share what comes; else the last one gets it. */
        if (fit > best_fitness || (fit && fit == best_fitness &&
                                   (!socket_has_option(&inet->socket, SO_REUSEPORT) ||
                                    hash_of_flow(destination, source) % equals == 0)))
            best = inet;
        if (fit > best_fitness)
            best_fitness = fit;
    }
    return best;
}
