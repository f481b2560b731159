/*
 * Names of sockets of the internet families: bind(2), and what connect(2) may name.
 */
#include "abi/capability.h"
#include "core/credentials.h"
#include "lib/string.h"
#include "net/inet.h"

#define FIRST_UNPRIVILEGED 1024u

/* Addresses of one link (fe80::/10) or group mean something only with an interface. */
static bool needs_scope(const struct inet_address *address)
{
    return (address->bytes[0] == 0xfe && address->bytes[1] >> 6 == 2) || address->bytes[0] == 0xff;
}

/* May a socket be bound to the address? 0, -EADDRNOTAVAIL, -EINVAL. */
static int check_v4(const struct inet_socket *inet, const struct inet_address *address)
{
    return inet_is_any(address) || inet_is_local(address) || inet_is_multicast(address) ||
                   inet_is_broadcast(address) || inet_value(inet, OPTION_FREEBIND)
               ? 0
               : -EADDRNOTAVAIL;
}

static int check_v6(const struct inet_socket *inet, const struct inet_address *address,
                    uint32_t scope)
{
    if (inet_is_v4(address))
        return inet_value(inet, OPTION_V6ONLY) ? -EINVAL : check_v4(inet, address);
    if (inet_is_multicast(address) && inet->socket.type == SOCK_STREAM)
        return -EINVAL;
    if (needs_scope(address) && !scope)
        return -EINVAL;
    if (needs_scope(address) && scope != INTERFACE_NUMBER)
        return -ENODEV;
    return inet_is_any(address) || inet_is_local(address) || inet_is_multicast(address) ||
                   inet_value(inet, OPTION_FREEBIND)
               ? 0
               : -EADDRNOTAVAIL;
}

/* The address that bind(2) names. AF_UNSPEC stands for AF_INET with 0.0.0.0, as ever. */
static int take_address(const struct inet_socket *inet, const union sockaddr_any *structure,
                        size_t length, struct inet_address *address)
{
    union sockaddr_any copy = *structure;
    bool is_v4 = inet->socket.family == AF_INET;

    if (is_v4 && copy.family == AF_UNSPEC)
        copy.family = AF_INET;
    int error = inet_from_structure(inet->socket.family, &copy, length, address);
    if (error)
        return error;
    if (structure->family == AF_UNSPEC && !inet_is_any(address))
        return -EAFNOSUPPORT;
    return is_v4 ? check_v4(inet, address) : check_v6(inet, address, structure->v6.scope);
}

/* socket_lock held. */
static int bind_to(struct inet_socket *inet, const struct inet_address *address)
{
    if (inet->port || inet->address_chosen || socket_state(&inet->socket) != SOCKET_UNCONNECTED)
        return -EINVAL;
    bool later = address->port == 0 && inet_value(inet, OPTION_NO_PORT);
    int error = later ? 0 : inet_take_port(inet, address);
    if (error)
        return error;
    if (later)
        inet->local = *address;
    inet->address_chosen = !inet_is_any(address);
    inet->port_chosen = address->port != 0;
    return 0;
}

int inet_bind(struct socket *socket, const union sockaddr_any *structure, size_t length)
{
    struct inet_address address;
    int error = take_address(inet_of(socket), structure, length, &address);

    if (error)
        return error;
    if (address.port && address.port < FIRST_UNPRIVILEGED &&
        !credentials_capable(CAP_NET_BIND_SERVICE))
        return -EACCES;
    mutex_lock(&socket_lock);
    error = bind_to(inet_of(socket), &address);
    mutex_unlock(&socket_lock);
    return error;
}

/* What the structure names, for a socket of either family: those for datagrams of IPv6 take both
 * structures. */
static int take_destination(const struct inet_socket *inet, const union sockaddr_any *structure,
                            size_t length, struct inet_address *address)
{
    uint16_t family = inet->socket.family;

    if (family == AF_INET6 && structure->family == AF_INET && inet->socket.type == SOCK_DGRAM)
        family = inet_value(inet, OPTION_V6ONLY) ? family : AF_INET;
    int error = inet_from_structure(family, structure, length, address);
    if (!error && family == AF_INET6 && inet_is_v4(address) && inet_value(inet, OPTION_V6ONLY))
        error = -ENETUNREACH;
    return error;
}

int inet_destination(struct inet_socket *inet, const union sockaddr_any *structure, size_t length,
                     struct inet_address *destination)
{
    int error = take_destination(inet, structure, length, destination);

    if (error)
        return error;
    if (inet_is_any(destination)) { /* this machine */
        if (inet_is_any(&inet->local))
            inet_choose_source(destination, destination);
        else
            memcpy(destination->bytes, inet->local.bytes, sizeof(destination->bytes));
    }
    if (needs_scope(destination) && !structure->v6.scope)
        return -EINVAL;
    if (!inet_is_local(destination))
        return -ENETUNREACH;
    if (inet->address_chosen && inet_is_v4(&inet->local) != inet_is_v4(destination))
        return -ENETUNREACH;
    if (!inet_is_broadcast(destination))
        return 0;
    if (inet->socket.type == SOCK_STREAM)
        return -ENETUNREACH;
    return socket_has_option(&inet->socket, SO_BROADCAST) ? 0 : -EACCES;
}

size_t inet_name(struct socket *socket, enum socket_name which, union sockaddr_any *address)
{
    struct inet_socket *inet = inet_of(socket);

    if (which == NAME_OWN)
        return inet_to_structure(socket->family, &inet->local, address);
    if (which == NAME_PEER && inet->remote.port == 0)
        return 0;
    return inet_to_structure(socket->family, &inet->remote, address);
}

struct vnode *inet_unbind(struct socket *socket)
{
    inet_release_port(inet_of(socket));
    return NULL;
}

void inet_forget_addresses(struct inet_socket *inet)
{
    uint16_t port = inet->local.port;

    inet->remote = (struct inet_address){.port = 0};
    if (!inet->address_chosen)
        inet->local = (struct inet_address){.port = 0};
    inet->local.port = port;
    if (!inet->port_chosen) {
        inet_release_port(inet);
        inet->local.port = 0;
    }
}
