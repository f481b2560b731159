/*
 * Options of sockets of the internet families (ip(7), ipv6(7), tcp(7), udp(7)).
 *
 * Most are numbers with limits, kept as the difference to the initial value, so that zeros are a
 * new socket's options. Many tell of packets or of timers; where there are none they can have no
 * effect, and are kept for whoever asks.
 */
#include "net/inet.h"
#include "lib/string.h"

#define ON_OFF 0, 1
#define BYTE   0, 255

#define SEGMENT_UNCONNECTED 536
#define SEGMENT_CONNECTED   65483 /* of an interface whose packets have 65536 bytes */
#define PACKET_MOST         65535
#define ECN_BITS            3
#define HOPS                64

struct option_rule {
    uint8_t level, name;
    int initial, least, most;
};

static const struct option_rule rules[OPTIONS] = {
    [OPTION_TOS] = {SOL_IP, IP_TOS, 0, INT32_MIN, INT32_MAX},
    [OPTION_TTL] = {SOL_IP, IP_TTL, HOPS, 1, 255},
    [OPTION_PKTINFO] = {SOL_IP, IP_PKTINFO, 0, ON_OFF},
    [OPTION_MTU_DISCOVER] = {SOL_IP, IP_MTU_DISCOVER, 1, 0, 5},
    [OPTION_RECVERR] = {SOL_IP, IP_RECVERR, 0, ON_OFF},
    [OPTION_RECVTTL] = {SOL_IP, IP_RECVTTL, 0, ON_OFF},
    [OPTION_RECVTOS] = {SOL_IP, IP_RECVTOS, 0, ON_OFF},
    [OPTION_FREEBIND] = {SOL_IP, IP_FREEBIND, 0, ON_OFF},
    [OPTION_RECVORIGDSTADDR] = {SOL_IP, IP_RECVORIGDSTADDR, 0, ON_OFF},
    [OPTION_MINTTL] = {SOL_IP, IP_MINTTL, 0, BYTE},
    [OPTION_NO_PORT] = {SOL_IP, IP_BIND_ADDRESS_NO_PORT, 0, ON_OFF},
    [OPTION_MULTICAST_TTL] = {SOL_IP, IP_MULTICAST_TTL, 1, BYTE},
    [OPTION_MULTICAST_LOOP] = {SOL_IP, IP_MULTICAST_LOOP, 1, ON_OFF},
    [OPTION_MULTICAST_ALL] = {SOL_IP, IP_MULTICAST_ALL, 1, ON_OFF},
    [OPTION_V6ONLY] = {SOL_IPV6, IPV6_V6ONLY, 0, ON_OFF},
    [OPTION_UNICAST_HOPS] = {SOL_IPV6, IPV6_UNICAST_HOPS, HOPS, BYTE},
    [OPTION_MULTICAST_IF6] = {SOL_IPV6, IPV6_MULTICAST_IF, 0, 0, INTERFACE_NUMBER},
    [OPTION_MULTICAST_HOPS] = {SOL_IPV6, IPV6_MULTICAST_HOPS, 1, BYTE},
    [OPTION_MULTICAST_LOOP6] = {SOL_IPV6, IPV6_MULTICAST_LOOP, 1, 0, 1},
    [OPTION_MTU_DISCOVER6] = {SOL_IPV6, IPV6_MTU_DISCOVER, 1, 0, 5},
    [OPTION_RECVERR6] = {SOL_IPV6, IPV6_RECVERR, 0, ON_OFF},
    [OPTION_RECVPKTINFO6] = {SOL_IPV6, IPV6_RECVPKTINFO, 0, ON_OFF},
    [OPTION_RECVHOPLIMIT] = {SOL_IPV6, IPV6_RECVHOPLIMIT, 0, ON_OFF},
    [OPTION_DONTFRAG] = {SOL_IPV6, IPV6_DONTFRAG, 0, ON_OFF},
    [OPTION_RECVTCLASS] = {SOL_IPV6, IPV6_RECVTCLASS, 0, ON_OFF},
    [OPTION_TCLASS] = {SOL_IPV6, IPV6_TCLASS, 0, BYTE},
    [OPTION_RECVORIGDSTADDR6] = {SOL_IPV6, IPV6_RECVORIGDSTADDR, 0, ON_OFF},
    [OPTION_NODELAY] = {SOL_TCP, TCP_NODELAY, 0, ON_OFF},
    [OPTION_MAXSEG] = {SOL_TCP, TCP_MAXSEG, 0, 88, 32767},
    [OPTION_CORK] = {SOL_TCP, TCP_CORK, 0, ON_OFF},
    [OPTION_KEEPIDLE] = {SOL_TCP, TCP_KEEPIDLE, 7200, 1, 32767},
    [OPTION_KEEPINTVL] = {SOL_TCP, TCP_KEEPINTVL, 75, 1, 32767},
    [OPTION_KEEPCNT] = {SOL_TCP, TCP_KEEPCNT, 9, 1, 127},
    [OPTION_SYNCNT] = {SOL_TCP, TCP_SYNCNT, 6, 1, 127},
    [OPTION_LINGER2] = {SOL_TCP, TCP_LINGER2, 60, INT32_MIN, INT32_MAX},
    [OPTION_QUICKACK] = {SOL_TCP, TCP_QUICKACK, 1, ON_OFF},
    [OPTION_USER_TIMEOUT] = {SOL_TCP, TCP_USER_TIMEOUT, 0, 0, INT32_MAX},
    [OPTION_NOTSENT_LOWAT] = {SOL_TCP, TCP_NOTSENT_LOWAT, 0, INT32_MIN, INT32_MAX},
};

int inet_value(const struct inet_socket *inet, enum inet_option option)
{
    return __atomic_load_n(&inet->options[option], __ATOMIC_RELAXED) ^ rules[option].initial;
}

static void set_value(struct inet_socket *inet, enum inet_option option, int value)
{
    __atomic_store_n(&inet->options[option], value ^ rules[option].initial, __ATOMIC_RELAXED);
}

/* Does the socket have options of the level? */
static bool has_level(const struct socket *socket, unsigned level)
{
    switch (level) {
    case SOL_IP:
        return true;
    case SOL_IPV6:
        return socket->family == AF_INET6;
    case SOL_TCP:
        return socket->protocol == &tcp_protocol;
    case SOL_UDP:
        return socket->protocol == &udp_protocol;
    default:
        return false;
    }
}

/* OPTIONS: there is none. */
static enum inet_option find_option(unsigned level, unsigned name)
{
    enum inet_option option = 0;

    while (option < OPTIONS && (rules[option].level != level || rules[option].name != name))
        option++;
    return option;
}

/* Getting */

static int get_info(struct socket *socket, void *value, size_t *size)
{
    struct tcp_info info = {.state = (uint8_t)tcp_state_of(socket),
                            .send_segment = SEGMENT_UNCONNECTED};

    if (info.state == TCP_LISTEN) {
        info.unacknowledged = __atomic_load_n(&socket->pending_count, __ATOMIC_RELAXED);
        info.selective = __atomic_load_n(&socket->backlog, __ATOMIC_RELAXED);
    } else if (info.state == TCP_ESTABLISHED) {
        info.send_segment = info.receive_segment = SEGMENT_CONNECTED;
    }
    return socket_give_option(&info, sizeof(info), value, size);
}

/* There is no control of congestion: what TCP without an extension does is called so. */
static const char congestion[16] = "reno";

/* The options that are no numbers, or not kept: -ENOPROTOOPT: it is none of them. */
static int get_special(struct socket *socket, unsigned level, unsigned name, void *value,
                       size_t *size)
{
    static const uint8_t no_address[4];
    int number = PACKET_MOST;

    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return socket_give_option(INTERFACE_NAME, socket->bound_to_interface ? 3 : 0, value, size);
    if (level == SOL_TCP && name == TCP_INFO)
        return get_info(socket, value, size);
    if (level == SOL_TCP && name == TCP_CONGESTION)
        return socket_give_option(congestion, sizeof(congestion), value, size);
    if (level == SOL_IP && name == IP_MULTICAST_IF)
        return socket_give_option(no_address, sizeof(no_address), value, size);
    if ((level == SOL_IP && name == IP_MTU) || (level == SOL_IPV6 && name == IPV6_MTU))
        return socket_state(socket) == SOCKET_CONNECTED
                   ? socket_give_option(&number, sizeof(number), value, size)
                   : -ENOTCONN;
    return -ENOPROTOOPT;
}

int inet_get_option(struct socket *socket, unsigned level, unsigned name, void *value, size_t *size)
{
    struct inet_socket *inet = inet_of(socket);

    if (level != SOL_SOCKET && !has_level(socket, level))
        return -EOPNOTSUPP;
    enum inet_option option = find_option(level, name);
    if (option == OPTIONS)
        return get_special(socket, level, name, value, size);
    int number = inet_value(inet, option);
    if (option == OPTION_MAXSEG && !number)
        number = socket_state(socket) == SOCKET_CONNECTED ? SEGMENT_CONNECTED : SEGMENT_UNCONNECTED;
    uint8_t byte = (uint8_t)number;
    if (level == SOL_IP && *size > 0 && *size < sizeof(number) && number >= 0 && number <= 255)
        return socket_give_option(&byte, sizeof(byte), value, size);
    return socket_give_option(&number, sizeof(number), value, size);
}

/* Setting */

/* The number of a value: those of IPv4 may be bytes. */
static int take_number(unsigned level, const void *value, size_t size, int *number)
{
    *number = 0;
    if (size >= sizeof(*number)) {
        memcpy(number, value, sizeof(*number));
        return 0;
    }
    if (level != SOL_IP)
        return -EINVAL;
    if (size)
        *number = *(const uint8_t *)value;
    return 0;
}

/* What stands for the initial value. */
static bool is_initial(enum inet_option option, int number)
{
    switch (option) {
    case OPTION_TTL:
    case OPTION_MULTICAST_TTL:
    case OPTION_UNICAST_HOPS:
    case OPTION_MULTICAST_HOPS:
    case OPTION_TCLASS:
        return number == -1;
    case OPTION_MAXSEG:
        return number == 0;
    default:
        return false;
    }
}

/* The value that is kept: 0 or -EINVAL. */
static int adjust(const struct inet_socket *inet, enum inet_option option, int *number)
{
    const struct option_rule *rule = &rules[option];
    bool is_switch = rule->least == 0 && rule->most == 1 && option != OPTION_MULTICAST_LOOP6 &&
                     option != OPTION_MULTICAST_IF6;

    if (option == OPTION_V6ONLY && inet->port)
        return -EINVAL;
    if (is_initial(option, *number))
        *number = rule->initial;
    else if (is_switch)
        *number = *number != 0;
    else if (option == OPTION_TOS)
        *number &= inet->socket.type == SOCK_STREAM ? 0xff & ~ECN_BITS : 0xff;
    else if (option == OPTION_LINGER2)
        *number = *number < 0 ? -1 : *number > 120 ? 120 : *number;
    else if (*number < rule->least || *number > rule->most)
        return -EINVAL;
    return 0;
}

/* SO_BINDTODEVICE: there is one interface. */
static int bind_to_interface(struct socket *socket, const char *name, size_t size)
{
    size_t length = 0;

    while (length < size && name[length])
        length++;
    bool is_ours = length == strlen(INTERFACE_NAME) && !memcmp(name, INTERFACE_NAME, length);
    if (length && !is_ours)
        return -ENODEV;
    socket->bound_to_interface = length;
    return 0;
}

/* Groups need an interface that can send to many. */
static int refuse_group(const struct socket *socket, unsigned level, const void *value, size_t size)
{
    const uint8_t *bytes = value;

    if (socket->type == SOCK_STREAM)
        return -EPROTO;
    if (size < (level == SOL_IP ? 8 : 20))
        return -EINVAL;
    bool is_group = level == SOL_IP ? bytes[0] >> 4 == 14 : bytes[0] == 0xff;
    return is_group ? -ENODEV : -EINVAL;
}

static int set_special(struct socket *socket, unsigned level, unsigned name, const void *value,
                       size_t size)
{
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return bind_to_interface(socket, value, size);
    if (level == SOL_TCP && name == TCP_CONGESTION) {
        size_t length = strlen(congestion);
        bool is_ours = size >= length && !memcmp(value, congestion, length) &&
                       (size == length || ((const char *)value)[length] == '\0');
        return is_ours ? 0 : -ENOENT;
    }
    if ((level == SOL_IP && name == IP_ADD_MEMBERSHIP) ||
        (level == SOL_IPV6 && name == IPV6_ADD_MEMBERSHIP))
        return refuse_group(socket, level, value, size);
    return -ENOPROTOOPT;
}

int inet_set_option(struct socket *socket, unsigned level, unsigned name, const void *value,
                    size_t size)
{
    struct inet_socket *inet = inet_of(socket);
    int number;

    if (level != SOL_SOCKET && !has_level(socket, level))
        return -ENOPROTOOPT;
    enum inet_option option = find_option(level, name);
    if (option == OPTIONS)
        return set_special(socket, level, name, value, size);
    int error = take_number(level, value, size, &number);
    if (error)
        return error;
    mutex_lock(&socket_lock);
    error = adjust(inet, option, &number);
    if (!error)
        set_value(inet, option, number);
    mutex_unlock(&socket_lock);
    if (!error && !number && (option == OPTION_RECVERR || option == OPTION_RECVERR6))
        inet_forget_errors(inet);
    return error;
}
