/*
 * /proc/net: the sockets that there are, and the interface, as netstat(8) and ss(8) read them
 * (proc(5)). Columns that tell of packets, timers or addresses in the kernel are zeros.
 */
#include "fs/procfs.h"
#include "fs/socket_internal.h"
#include "lib/format.h"
#include "lib/string.h"
#include "net/inet.h"

#define V4_TCP_WIDTH 149 /* of a line, which is filled with blanks */
#define V4_UDP_WIDTH 127
#define LINE_SIZE    256
#define NO_PADDING   0

/* Lines */

/* One line, filled up to the width. */
static void put_line(struct text *text, const char *line, int width)
{
    text_format(text, "%-*s\n", width, line);
}

/* Addresses are words as a little-endian machine has them, in hexadecimal. */
static void format_address(char *buffer, size_t size, uint16_t family,
                           const struct inet_address *address)
{
    const uint8_t *bytes = address->bytes;
    size_t length = 0;

    for (unsigned i = family == AF_INET ? 12 : 0; i < sizeof(address->bytes); i += 4)
        length += format(buffer + length, size - length, "%02X%02X%02X%02X", bytes[i + 3],
                         bytes[i + 2], bytes[i + 1], bytes[i]);
    format(buffer + length, size - length, ":%04X", address->port);
}

/* Everything up to the inode; rest is what comes behind it. socket_lock held. */
static void put_socket(struct text *text, struct socket *socket, unsigned number, int state,
                       const char *rest, int width)
{
    struct inet_socket *inet = inet_of(socket);
    char local[48], remote[48], line[LINE_SIZE];
    bool is_stream = socket->type == SOCK_STREAM;
    size_t received = is_stream ? socket->byte_count : message_queue_charge(socket);

    if (state == TCP_LISTEN)
        received = socket->pending_count;
    format_address(local, sizeof(local), socket->family, &inet->local);
    format_address(remote, sizeof(remote), socket->family, &inet->remote);
    format(line, sizeof(line),
           "%*u: %s %s %02X %08X:%08X 00:00000000 00000000 %5u        0 %lu %lu %016lx %s",
           is_stream ? 4 : 5, number, local, remote, state,
           is_stream ? tcp_count_unsent(socket) : 0, (unsigned)received, socket->owner,
           __atomic_load_n(&socket->number, __ATOMIC_RELAXED),
           __atomic_load_n(&socket->references, __ATOMIC_RELAXED), 0ul, rest);
    put_line(text, line, width);
}

static void put_tcp(struct text *text, uint16_t family)
{
    unsigned number = 0;

    mutex_lock(&socket_lock);
    list_for_each (link, &sockets) {
        struct socket *socket = container_of(link, struct socket, all_link);
        if (socket->protocol != &tcp_protocol || socket->family != family)
            continue;
        int state = tcp_state_of(socket);
        if (inet_of(socket)->port && state != TCP_CLOSE)
            put_socket(text, socket, number++, state,
                       state == TCP_LISTEN ? "100 0 0 10 0" : "20 4 0 10 -1",
                       family == AF_INET ? V4_TCP_WIDTH : NO_PADDING);
    }
    mutex_unlock(&socket_lock);
}

static void put_udp(struct text *text, uint16_t family)
{
    mutex_lock(&socket_lock);
    list_for_each (link, &sockets) {
        struct socket *socket = container_of(link, struct socket, all_link);
        if (socket->protocol == &udp_protocol && socket->family == family && inet_of(socket)->port)
            put_socket(text, socket, inet_of(socket)->local.port,
                       socket->state == SOCKET_CONNECTED ? TCP_ESTABLISHED : TCP_CLOSE, "0",
                       family == AF_INET ? V4_UDP_WIDTH : NO_PADDING);
    }
    mutex_unlock(&socket_lock);
}

/* Files */

#define V6_HEADER                                                                                  \
    "  sl  local_address                         remote_address                        st "        \
    "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

/* Up to the inode. */
#define V4_HEADER                                                                                  \
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "  \
    "inode"

static int write_tcp(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text, V4_HEADER, V4_TCP_WIDTH);
    put_tcp(text, AF_INET);
    return 0;
}

static int write_tcp6(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text, V6_HEADER, NO_PADDING);
    put_tcp(text, AF_INET6);
    return 0;
}

static int write_udp(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text, " " V4_HEADER " ref pointer drops", V4_UDP_WIDTH);
    put_udp(text, AF_INET);
    return 0;
}

static int write_udp6(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text, V6_HEADER " ref pointer drops", NO_PADDING);
    put_udp(text, AF_INET6);
    return 0;
}

/* There are no raw sockets: the headers alone. */

static int write_raw(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text, V4_HEADER " ref pointer drops", NO_PADDING);
    return 0;
}

static int write_raw6(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text, V6_HEADER " ref pointer drops", NO_PADDING);
    return 0;
}

/* A name of AF_UNIX; the NULs of an abstract one are shown as '@'. */
static void put_name(struct text *text, const struct socket_address *name)
{
    size_t length = name->length - offsetof(struct sockaddr_un, path);
    const char *path = name->address.path;

    text_add(text, " ", 1);
    if (path[0])
        text_format(text, "%.*s", (int)length, path);
    else
        for (size_t i = 0; i < length; i++)
            text_add(text, path[i] ? &path[i] : "@", 1);
}

enum { UNCONNECTED = 1, CONNECTING = 2, CONNECTED = 3 };

static int write_unix(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    mutex_lock(&socket_lock);
    list_for_each (link, &sockets) {
        struct socket *socket = container_of(link, struct socket, all_link);
        uint64_t number = __atomic_load_n(&socket->number, __ATOMIC_RELAXED);
        int state = socket->state != SOCKET_CONNECTED ? UNCONNECTED
                    : number                          ? CONNECTED
                                                      : CONNECTING;
        if (!socket->protocol->is_local)
            continue;
        text_format(text, "%016lx: %08X 00000000 %08X %04X %02X %5lu", 0ul,
                    (unsigned)__atomic_load_n(&socket->references, __ATOMIC_RELAXED),
                    socket->state == SOCKET_LISTENING ? 1u << 16 : 0, socket->type, state, number);
        if (socket->address)
            put_name(text, socket->address);
        text_add(text, "\n", 1);
    }
    mutex_unlock(&socket_lock);
    return 0;
}

/* How many sockets of a protocol have a port; of any family if that is 0. */
static unsigned count_sockets(const struct socket_protocol *protocol, uint16_t family)
{
    unsigned count = 0;

    mutex_lock(&socket_lock);
    list_for_each (link, &sockets) {
        struct socket *socket = container_of(link, struct socket, all_link);
        count += !protocol || (socket->protocol == protocol && socket->family == family &&
                               inet_of(socket)->port);
    }
    mutex_unlock(&socket_lock);
    return count;
}

static int write_counts(uint64_t key, struct text *text)
{
    unsigned tcp = count_sockets(&tcp_protocol, AF_INET);

    (void)key;
    text_format(text,
                "sockets: used %u\nTCP: inuse %u orphan 0 tw 0 alloc %u mem 0\n"
                "UDP: inuse %u mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n",
                count_sockets(NULL, 0), tcp, tcp, count_sockets(&udp_protocol, AF_INET));
    return 0;
}

static int write_counts6(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text,
                "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse 0\n"
                "FRAG6: inuse 0 memory 0\n",
                count_sockets(&tcp_protocol, AF_INET6), count_sockets(&udp_protocol, AF_INET6));
    return 0;
}

/* No packets go through the interface. */
static int write_interfaces(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text,
                "Inter-|   Receive                                                |  Transmit\n"
                " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets"
                " errs drop fifo colls carrier compressed\n"
                "%6s: %7u %7u    0    0    0     0          0         0 %8u %7u    0    0    0"
                "     0       0          0\n",
                INTERFACE_NAME, 0, 0, 0, 0);
    return 0;
}

static int write_addresses(uint64_t key, struct text *text)
{
    (void)key;
    text_format(text, "00000000000000000000000000000001 %02x 80 10 80 %8s\n", INTERFACE_NUMBER,
                INTERFACE_NAME);
    return 0;
}

/* Only to the addresses of this machine, which are not listed here. */
static int write_routes(uint64_t key, struct text *text)
{
    (void)key;
    put_line(text,
             "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
             127);
    return 0;
}

#define NET_TEXT(name, offset, function)                                                           \
    static const struct pseudo_type name = {.number = PROCFS_NET_TYPES + 1 + (offset),             \
                                            .mode = S_IFREG | 0444,                                \
                                            .keyed = true,                                         \
                                            .owner = procfs_owner,                                 \
                                            .write_text = function}

NET_TEXT(interfaces_type, 0, write_interfaces);
NET_TEXT(addresses_type, 1, write_addresses);
NET_TEXT(routes_type, 2, write_routes);
NET_TEXT(counts_type, 3, write_counts);
NET_TEXT(counts6_type, 4, write_counts6);
NET_TEXT(tcp_type, 5, write_tcp);
NET_TEXT(tcp6_type, 6, write_tcp6);
NET_TEXT(udp_type, 7, write_udp);
NET_TEXT(udp6_type, 8, write_udp6);
NET_TEXT(unix_type, 9, write_unix);
NET_TEXT(raw_type, 10, write_raw);
NET_TEXT(raw6_type, 11, write_raw6);

static const struct pseudo_entry entries[] = {
    {"dev", &interfaces_type, 0},
    {"if_inet6", &addresses_type, 0},
    {"raw", &raw_type, 0},
    {"raw6", &raw6_type, 0},
    {"route", &routes_type, 0},
    {"sockstat", &counts_type, 0},
    {"sockstat6", &counts6_type, 0},
    {"tcp", &tcp_type, 0},
    {"tcp6", &tcp6_type, 0},
    {"udp", &udp_type, 0},
    {"udp6", &udp6_type, 0},
    {"unix", &unix_type, 0},
    {NULL, NULL, 0},
};

const struct pseudo_type procfs_net = {.number = PROCFS_NET_TYPES,
                                       .mode = S_IFDIR | 0555,
                                       .parent = &procfs_process_directory,
                                       .keyed = true,
                                       .owner = procfs_owner,
                                       .entries = entries};
