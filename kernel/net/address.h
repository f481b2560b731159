/*
 * Addresses of the internet families. Those of IPv4 are kept as IPv6 has them, ::ffff:a.b.c.d, so
 * that one comparison does for both.
 *
 * This machine has one interface, `lo`, with 127.0.0.0/8 and ::1: they are all that can be reached.
 */
#ifndef MAPIX_NET_ADDRESS_H
#define MAPIX_NET_ADDRESS_H

#include "abi/socket.h"
#include <stdbool.h>
#include <stddef.h>

#define INTERFACE_NAME   "lo"
#define INTERFACE_NUMBER 1
#define INTERFACE_MTU    65536
#define INTERFACE_QUEUE  1000 /* packets that it would hold */

struct inet_address {
    uint8_t bytes[16];
    uint16_t port; /* 0: none */
};

bool inet_is_v4(const struct inet_address *address);
bool inet_is_any(const struct inet_address *address); /* 0.0.0.0, or :: */
bool inet_is_local(const struct inet_address *address);
bool inet_is_multicast(const struct inet_address *address);
bool inet_is_broadcast(const struct inet_address *address); /* 255.255.255.255, or that of lo */

/* Are they the same, but for the port? */
bool inet_is_same(const struct inet_address *a, const struct inet_address *b);

/* The address of IPv4 with these bytes; the port stays. */
void inet_set_v4(struct inet_address *address, const uint8_t bytes[4]);

/* What a socket of the family that has no address yet uses to reach the destination; the port
 * stays. */
void inet_choose_source(const struct inet_address *destination, struct inet_address *source);

/* The structure as an address: 0, -EINVAL: too short, -EAFNOSUPPORT: of another family. */
int inet_from_structure(uint16_t family, const union sockaddr_any *structure, size_t length,
                        struct inet_address *address);

/* The address as a structure of the family: its length. */
size_t inet_to_structure(uint16_t family, const struct inet_address *address,
                         union sockaddr_any *structure);

#endif
