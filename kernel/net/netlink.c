/*
 * Netlink (netlink(7)): sockets on which programs ask the kernel about interfaces and addresses
 * (rtnetlink(7)), as getifaddrs(3) and if_nameindex(3) do. Only NETLINK_ROUTE is there, and only
 * questions: there is one interface, lo, and nothing about it can be changed.
 *
 * A question is answered at once, with one message in the queue of the socket that asked.
 */
#include "abi/netlink.h"
#include "core/process.h"
#include "lib/string.h"
#include "net/inet.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define BUFFER_SIZE   212992u
#define QUESTION_MOST 4096u
#define ANSWER_MOST   512u /* what one question can be answered with */

struct netlink_socket {
    struct socket socket; /* bound_link in bound */
    uint32_t port;        /* (t) its address; 0: none */
    uint32_t groups;      /* (t) of which it would hear of changes */
};

static struct slab_cache cache;
static struct list bound = LIST_INITIALIZER(bound); /* (t) */

static struct netlink_socket *netlink_of(struct socket *socket)
{
    return container_of(socket, struct netlink_socket, socket);
}

/* Addresses */

static bool has_port(uint32_t port)
{
    list_for_each (link, &bound) {
        if (container_of(link, struct netlink_socket, socket.bound_link)->port == port)
            return true;
    }
    return false;
}

/* Give it the port, or if that is 0 the process's number, or another one that is free. socket_lock
 * held. */
static int take_port(struct netlink_socket *netlink, uint32_t port)
{
    if (netlink->port)
        return port && port != netlink->port ? -EINVAL : 0;
    if (port && has_port(port))
        return -EADDRINUSE;
    if (!port)
        port = (uint32_t)current_process()->pid;
    for (uint32_t other = UINT32_MAX - PAGE_SIZE; has_port(port); other--)
        port = other;
    netlink->port = port;
    list_push_back(&bound, &netlink->socket.bound_link);
    return 0;
}

static int check_address(const union sockaddr_any *address, size_t length)
{
    return length >= sizeof(address->netlink) && address->family == AF_NETLINK ? 0 : -EINVAL;
}

static int bind_to(struct socket *socket, const union sockaddr_any *address, size_t length)
{
    int error = check_address(address, length);

    if (error)
        return error;
    mutex_lock(&socket_lock);
    error = take_port(netlink_of(socket), address->netlink.port);
    if (!error)
        netlink_of(socket)->groups = address->netlink.groups;
    mutex_unlock(&socket_lock);
    return error;
}

/* Only the kernel, which has port 0, can be talked to. */
static int check_destination(const union sockaddr_any *address, size_t length)
{
    int error = check_address(address, length);

    if (error)
        return error;
    return address->netlink.port || address->netlink.groups ? -ECONNREFUSED : 0;
}

static int connect_to(struct socket *socket, const union sockaddr_any *address, size_t length,
                      bool nonblocking)
{
    (void)nonblocking;
    if (address->family == AF_UNSPEC)
        return 0;
    int error = check_destination(address, length);
    if (error)
        return error;
    mutex_lock(&socket_lock);
    error = take_port(netlink_of(socket), 0);
    mutex_unlock(&socket_lock);
    return error;
}

static size_t name(struct socket *socket, enum socket_name which, union sockaddr_any *address)
{
    const struct netlink_socket *netlink = netlink_of(socket);

    *address = (union sockaddr_any){.netlink = {.family = AF_NETLINK}};
    if (which == NAME_OWN) {
        address->netlink.port = netlink->port;
        address->netlink.groups = netlink->groups;
    }
    return sizeof(address->netlink);
}

static size_t describe(struct socket *socket, const struct message *message,
                       struct socket_receive *receive)
{
    (void)message;
    return name(socket, NAME_PEER, &receive->address);
}

static struct vnode *unbind(struct socket *socket)
{
    list_remove(&socket->bound_link);
    return NULL;
}

/* Answers */

struct answer {
    const struct nlmsghdr *question;
    uint32_t port; /* of whoever asks */
    size_t length;
    _Alignas(8) char bytes[ANSWER_MOST];
};

/* Add bytes, aligned; they fit. */
static void put(struct answer *answer, const void *bytes, size_t size)
{
    memcpy(answer->bytes + answer->length, bytes, size);
    answer->length += (size + NLMSG_ALIGNMENT - 1) & ~(size_t)(NLMSG_ALIGNMENT - 1);
}

static void put_attribute(struct answer *answer, uint16_t type, const void *bytes, size_t size)
{
    struct rtattr header = {(uint16_t)(sizeof(header) + size), type};

    put(answer, &header, sizeof(header));
    put(answer, bytes, size);
}

/* Begin a message: where it begins; and end it. */
static size_t begin(struct answer *answer, uint16_t type, uint16_t flags)
{
    struct nlmsghdr header = {0, type, flags, answer->question->sequence, answer->port};
    size_t start = answer->length;

    put(answer, &header, sizeof(header));
    return start;
}

static void end(struct answer *answer, size_t start)
{
    uint32_t length = (uint32_t)(answer->length - start);

    memcpy(answer->bytes + start, &length, sizeof(length));
}

static void put_link(struct answer *answer, uint16_t flags)
{
    static const uint8_t no_address[6];
    const struct ifinfomsg link = {.type = ARPHRD_LOOPBACK,
                                   .index = INTERFACE_NUMBER,
                                   .flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP};
    const uint32_t size = INTERFACE_MTU, queue = INTERFACE_QUEUE, group = 0;
    const uint8_t unknown = 0; /* nothing watches the line, nor decides by it */
    size_t start = begin(answer, RTM_NEWLINK, flags);

    put(answer, &link, sizeof(link));
    put_attribute(answer, IFLA_IFNAME, INTERFACE_NAME, sizeof(INTERFACE_NAME));
    put_attribute(answer, IFLA_TXQLEN, &queue, sizeof(queue));
    put_attribute(answer, IFLA_OPERSTATE, &unknown, sizeof(unknown));
    put_attribute(answer, IFLA_LINKMODE, &unknown, sizeof(unknown));
    put_attribute(answer, IFLA_MTU, &size, sizeof(size));
    put_attribute(answer, IFLA_GROUP, &group, sizeof(group));
    put_attribute(answer, IFLA_QDISC, "noqueue", sizeof("noqueue"));
    put_attribute(answer, IFLA_ADDRESS, no_address, sizeof(no_address));
    put_attribute(answer, IFLA_BROADCAST, no_address, sizeof(no_address));
    end(answer, start);
}

static void put_lifetime(struct answer *answer)
{
    const struct ifa_cacheinfo forever = {.preferred = UINT32_MAX, .valid = UINT32_MAX};
    const uint32_t flags = IFA_F_PERMANENT;

    put_attribute(answer, IFA_FLAGS, &flags, sizeof(flags));
    put_attribute(answer, IFA_CACHEINFO, &forever, sizeof(forever));
}

static void put_v4(struct answer *answer)
{
    static const uint8_t address[4] = {127, 0, 0, 1};
    const struct ifaddrmsg header = {AF_INET, 8, IFA_F_PERMANENT, RT_SCOPE_HOST, INTERFACE_NUMBER};
    size_t start = begin(answer, RTM_NEWADDR, NLM_F_MULTI);

    put(answer, &header, sizeof(header));
    put_attribute(answer, IFA_ADDRESS, address, sizeof(address));
    put_attribute(answer, IFA_LOCAL, address, sizeof(address));
    put_attribute(answer, IFA_LABEL, INTERFACE_NAME, sizeof(INTERFACE_NAME));
    put_lifetime(answer);
    end(answer, start);
}

static void put_v6(struct answer *answer)
{
    static const uint8_t address[16] = {[15] = 1};
    const struct ifaddrmsg header = {AF_INET6, 128, IFA_F_PERMANENT, RT_SCOPE_HOST,
                                     INTERFACE_NUMBER};
    size_t start = begin(answer, RTM_NEWADDR, NLM_F_MULTI);

    put(answer, &header, sizeof(header));
    put_attribute(answer, IFA_ADDRESS, address, sizeof(address));
    put_lifetime(answer);
    end(answer, start);
}

/* The end of a list; or an error, 0: it is done, with the question's header. */
static void put_done(struct answer *answer)
{
    const int32_t none = 0;
    size_t start = begin(answer, NLMSG_DONE, NLM_F_MULTI);

    put(answer, &none, sizeof(none));
    end(answer, start);
}

static void put_error(struct answer *answer, int32_t error)
{
    size_t start = begin(answer, NLMSG_ERROR, 0);

    put(answer, &error, sizeof(error));
    put(answer, answer->question, sizeof(*answer->question));
    end(answer, start);
}

/* Questions */

/* All of a kind that are of the family, or of any. */
static int list_all(struct answer *answer, uint8_t family)
{
    switch (answer->question->type) {
    case RTM_GETLINK:
        put_link(answer, NLM_F_MULTI);
        break;
    case RTM_GETADDR:
        if (family == AF_UNSPEC || family == AF_INET)
            put_v4(answer);
        if (family == AF_UNSPEC || family == AF_INET6)
            put_v6(answer);
        break;
    case RTM_GETROUTE: /* but to this machine itself there are none */
        break;
    default:
        return -EOPNOTSUPP;
    }
    put_done(answer);
    return 0;
}

/* Is the interface called as the attributes say? -ENODEV if not, -EINVAL if they name none. */
static int check_name(const char *attributes, size_t size)
{
    struct rtattr header;
    int error = -EINVAL;

    while (size >= sizeof(header)) {
        memcpy(&header, attributes, sizeof(header));
        if (header.length < sizeof(header) || header.length > size)
            break;
        const char *name = attributes + sizeof(header);
        size_t length = header.length - sizeof(header);
        if (header.type == IFLA_IFNAME || header.type == IFLA_ALT_IFNAME)
            error = length >= sizeof(INTERFACE_NAME) &&
                            memcmp(name, INTERFACE_NAME, sizeof(INTERFACE_NAME)) == 0
                        ? 0
                        : -ENODEV;
        size_t step = (header.length + NLMSG_ALIGNMENT - 1) & ~(size_t)(NLMSG_ALIGNMENT - 1);
        size = step < size ? size - step : 0;
        attributes += step;
    }
    return error;
}

/* One interface, by its number or else by its name. */
static int show_link(struct answer *answer, const char *payload, size_t size)
{
    struct ifinfomsg link;
    int error = 0;

    if (size < sizeof(link))
        return -EINVAL;
    memcpy(&link, payload, sizeof(link));
    if (link.index <= 0)
        error = check_name(payload + sizeof(link), size - sizeof(link));
    else if (link.index != INTERFACE_NUMBER)
        error = -ENODEV;
    if (!error)
        put_link(answer, 0);
    return error;
}

/* Make the answer to one question, which has size bytes behind its header. */
static void make_answer(struct answer *answer, const char *payload, size_t size)
{
    const struct nlmsghdr *question = answer->question;
    int error = -EOPNOTSUPP;

    if (size < 1)
        error = -EINVAL;
    else if ((question->flags & NLM_F_DUMP) == NLM_F_DUMP)
        error = list_all(answer, (uint8_t)*payload);
    else if (question->type == RTM_GETLINK)
        error = show_link(answer, payload, size);
    if (error || (question->flags & NLM_F_ACK))
        put_error(answer, error);
}

static int deliver(struct socket *socket, struct answer *answer)
{
    struct transfer_piece piece;
    struct transfer transfer;
    struct message *message;

    if (!answer->length)
        return 0;
    if (message_queue_charge(socket) > socket->receive_size)
        return -ENOBUFS;
    transfer_init(&transfer, &piece, (uint64_t)answer->bytes, answer->length, true);
    int error = message_create(&transfer, answer->length, &message);
    if (!error && !message_deliver(NULL, socket, message))
        message_free(message);
    return error;
}

/* Answer the questions in the buffer, one after the other. */
static int answer_all(struct socket *socket, const char *buffer, size_t size, uint32_t port)
{
    struct nlmsghdr question;
    int error = 0;

    while (!error && size >= sizeof(question)) {
        struct answer answer = {.question = &question, .port = port};
        memcpy(&question, buffer, sizeof(question));
        if (question.length < sizeof(question) || question.length > size)
            break;
        if ((question.flags & NLM_F_REQUEST) && question.type >= RTM_BASE)
            make_answer(&answer, buffer + sizeof(question), question.length - sizeof(question));
        else if (question.flags & NLM_F_ACK)
            put_error(&answer, 0);
        error = deliver(socket, &answer);
        size_t step = (question.length + NLMSG_ALIGNMENT - 1) & ~(size_t)(NLMSG_ALIGNMENT - 1);
        size = step < size ? size - step : 0;
        buffer += step;
    }
    return error;
}

static long send_question(struct socket *socket, struct socket_send *send)
{
    struct netlink_socket *netlink = netlink_of(socket);
    size_t size = send->transfer->remaining;
    int error = 0;

    if (send->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (send->address_length)
        error = check_destination(&send->address, send->address_length);
    if (!error && size > QUESTION_MOST)
        error = -EMSGSIZE;
    if (error)
        return error;
    mutex_lock(&socket_lock);
    error = take_port(netlink, netlink->port);
    uint32_t port = netlink->port;
    mutex_unlock(&socket_lock);
    char *buffer = error ? NULL : kmalloc(QUESTION_MOST);
    if (!buffer)
        return error ? error : -ENOBUFS;
    if (transfer_take(send->transfer, buffer, size) < size)
        error = -EFAULT;
    else
        error = answer_all(socket, buffer, size, port);
    kfree(buffer);
    return error ? error : (long)size;
}

/* The rest */

static int shut_down(struct socket *socket, uint32_t halves)
{
    (void)socket, (void)halves;
    return -EOPNOTSUPP;
}

static long control(struct socket *socket, unsigned request, uint64_t argument)
{
    (void)socket, (void)request, (void)argument;
    return -ENOTTY;
}

static const struct socket_protocol raw_protocol;

static int get_option(struct socket *socket, unsigned level, unsigned name, void *value,
                      size_t *size)
{
    const int type = SOCK_RAW;

    if (level == SOL_SOCKET && name == SO_TYPE && socket->protocol == &raw_protocol)
        return socket_give_option(&type, sizeof(type), value, size);
    return -ENOPROTOOPT;
}

static int set_option(struct socket *socket, unsigned level, unsigned name, const void *value,
                      size_t size)
{
    (void)socket, (void)level, (void)name, (void)value, (void)size;
    return -ENOPROTOOPT;
}

/* SOCK_RAW and SOCK_DGRAM are the same, but for what they are called. */
#define NETLINK_PROTOCOL                                                                           \
    {                                                                                              \
        .number = NETLINK_ROUTE, .cache = &cache, .send_size = BUFFER_SIZE,                        \
        .receive_size = BUFFER_SIZE, .bind = bind_to, .connect = connect_to,                       \
        .shutdown = shut_down, .send = send_question, .name = name, .describe = describe,          \
        .unbind = unbind, .control = control, .get_option = get_option, .set_option = set_option   \
    }

static const struct socket_protocol raw_protocol = NETLINK_PROTOCOL;
static const struct socket_protocol datagram_protocol = NETLINK_PROTOCOL;

int netlink_find_kind(unsigned type, int protocol, struct socket_kind *kind)
{
    if (type != SOCK_RAW && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != NETLINK_ROUTE)
        return -EPROTONOSUPPORT;
    *kind = (struct socket_kind){type == SOCK_RAW ? &raw_protocol : &datagram_protocol, AF_NETLINK,
                                 SOCK_DGRAM};
    return 0;
}

void netlink_init(void)
{
    slab_cache_init(&cache, "netlink", sizeof(struct netlink_socket), 8);
}
