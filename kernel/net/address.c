/*
 * Addresses of the internet families (net/address.h).
 */
#include "net/address.h"
#include "abi/errno.h"
#include "lib/string.h"

#define V6_LEAST 24u /* sockaddr_in6 as it was before it had a scope */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t loopback_v4[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
static const uint8_t loopback_v6[16] = {[15] = 1};

bool inet_is_v4(const struct inet_address *address)
{
    return !memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix));
}

bool inet_is_any(const struct inet_address *address)
{
    static const uint8_t zeros[16];

    if (inet_is_v4(address))
        return !memcmp(address->bytes + 12, zeros, 4);
    return !memcmp(address->bytes, zeros, sizeof(zeros));
}

bool inet_is_local(const struct inet_address *address)
{
    if (inet_is_v4(address))
        return address->bytes[12] == 127;
    return !memcmp(address->bytes, loopback_v6, sizeof(loopback_v6));
}

bool inet_is_multicast(const struct inet_address *address)
{
    if (inet_is_v4(address))
        return address->bytes[12] >> 4 == 14;
    return address->bytes[0] == 0xff;
}

bool inet_is_broadcast(const struct inet_address *address)
{
    const uint8_t *bytes = address->bytes + 12;

    return inet_is_v4(address) && (bytes[0] == 127 || bytes[0] == 255) && bytes[1] == 255 &&
           bytes[2] == 255 && bytes[3] == 255;
}

bool inet_is_same(const struct inet_address *a, const struct inet_address *b)
{
    return !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

void inet_set_v4(struct inet_address *address, const uint8_t bytes[4])
{
    memcpy(address->bytes, mapped_prefix, sizeof(mapped_prefix));
    memcpy(address->bytes + 12, bytes, 4);
}

void inet_choose_source(const struct inet_address *destination, struct inet_address *source)
{
    memcpy(source->bytes, inet_is_v4(destination) ? loopback_v4 : loopback_v6,
           sizeof(source->bytes));
}

static uint16_t port_of(const uint8_t bytes[2])
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put_port(uint8_t bytes[2], uint16_t port)
{
    bytes[0] = (uint8_t)(port >> 8);
    bytes[1] = (uint8_t)port;
}

int inet_from_structure(uint16_t family, const union sockaddr_any *structure, size_t length,
                        struct inet_address *address)
{
    if (length < (family == AF_INET ? sizeof(structure->v4) : V6_LEAST))
        return -EINVAL;
    if (structure->family != family)
        return -EAFNOSUPPORT;
    if (family == AF_INET) {
        inet_set_v4(address, structure->v4.address);
        address->port = port_of(structure->v4.port);
    } else {
        memcpy(address->bytes, structure->v6.address, sizeof(structure->v6.address));
        address->port = port_of(structure->v6.port);
    }
    return 0;
}

size_t inet_to_structure(uint16_t family, const struct inet_address *address,
                         union sockaddr_any *structure)
{
    *structure = (union sockaddr_any){.family = family};
    if (family == AF_INET) {
        memcpy(structure->v4.address, address->bytes + 12, sizeof(structure->v4.address));
        put_port(structure->v4.port, address->port);
        return sizeof(structure->v4);
    }
    memcpy(structure->v6.address, address->bytes, sizeof(structure->v6.address));
    put_port(structure->v6.port, address->port);
    return sizeof(structure->v6);
}
