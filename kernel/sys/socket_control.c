/*
 * Control messages: what goes along with the bytes of a message (cmsg(3)).
 */
#include "abi/errno.h"
#include "abi/inet.h"
#include "core/user.h"
#include "lib/string.h"
#include "sys/convert.h"
#include "sys/socket.h"

/* Sending */

/* Take the files of SCM_RIGHTS, which may come in several control messages: 0, -EINVAL, -EBADF,
 * -ENOMEM, -EFAULT, -ETOOMANYREFS. */
static int take_rights(struct rights **rights, uint64_t address, size_t size)
{
    unsigned count = (unsigned)(size / sizeof(int));
    int descriptors[SCM_MAX_FD];

    if (count > SCM_MAX_FD - (*rights ? (*rights)->count : 0))
        return -EINVAL;
    if (copy_from_user(descriptors, address, count * sizeof(int)))
        return -EFAULT;
    if (count == 0)
        return 0;
    int error = rights_check();
    if (error)
        return error;
    error = rights_extend(rights, count);
    if (error)
        return error;
    for (unsigned i = 0; i < count; i++) {
        struct file *file = file_get(descriptors[i]);
        if (!file)
            return -EBADF;
        (*rights)->files[(*rights)->count++] = file;
    }
    return 0;
}

static int take_credentials(struct ucred *credentials, uint64_t address, size_t size)
{
    struct ucred claimed;

    if (size != sizeof(claimed))
        return -EINVAL;
    if (copy_from_user(&claimed, address, sizeof(claimed)))
        return -EFAULT;
    if (!socket_may_claim(&claimed))
        return -EPERM;
    *credentials = claimed;
    return 0;
}

/* The source of a datagram. */
static int take_packet(struct socket_send *send, bool is_v6, uint64_t address, size_t size)
{
    struct inet_address *local = &send->controls.local;
    struct in6_pktinfo v6 = {.interface = 0};
    struct in_pktinfo v4 = {.interface = 0};

    if (size < (is_v6 ? sizeof(v6) : sizeof(v4)))
        return -EINVAL;
    if (is_v6 ? copy_from_user(&v6, address, sizeof(v6)) : copy_from_user(&v4, address, sizeof(v4)))
        return -EFAULT;
    if (is_v6 ? v6.interface > INTERFACE_NUMBER
              : v4.interface < 0 || v4.interface > INTERFACE_NUMBER)
        return -ENODEV;
    if (is_v6)
        memcpy(local->bytes, v6.address, sizeof(local->bytes));
    else
        inet_set_v4(local, v4.source);
    send->controls.given |= CONTROL_PACKET;
    return 0;
}

/* One of the numbers, between least and most; those of IPv4 may be bytes. */
static int take_number(struct socket_send *send, unsigned control, int least, uint64_t address,
                       size_t size)
{
    int number = 0; /* of a byte, the lowest */

    if (size != sizeof(uint8_t) && size != sizeof(number))
        return -EINVAL;
    if (copy_from_user(&number, address, size))
        return -EFAULT;
    if (number < least || number > UINT8_MAX)
        return -EINVAL;
    *(control == CONTROL_LIMIT ? &send->controls.limit : &send->controls.class) = number;
    send->controls.given |= control;
    return 0;
}

/* A control message of the internet families. Streams take none of their own. */
static int take_inet_control(const struct socket *socket, struct socket_send *send,
                             const struct cmsghdr *header, uint64_t address)
{
    size_t size = header->length - sizeof(*header);

    if (header->level == SOL_SOCKET)
        return header->type == SCM_RIGHTS || header->type == SCM_CREDENTIALS ? 0 : -EINVAL;
    if (socket_type(socket) == SOCK_STREAM)
        return 0;
    if (header->level == SOL_IP) {
        switch (header->type) {
        case IP_PKTINFO:
            return take_packet(send, false, address, size);
        case IP_TTL:
            return take_number(send, CONTROL_LIMIT, 1, address, size);
        case IP_TOS:
            return take_number(send, CONTROL_CLASS, 0, address, size);
        default:
            return -EINVAL;
        }
    }
    if (header->level != SOL_IPV6 || socket_family(socket) != AF_INET6)
        return 0;
    switch (header->type) {
    case IPV6_PKTINFO:
        return take_packet(send, true, address, size);
    case IPV6_HOPLIMIT:
        return take_number(send, CONTROL_LIMIT, -1, address, size);
    case IPV6_TCLASS:
        return take_number(send, CONTROL_CLASS, -1, address, size);
    default:
        return -EINVAL;
    }
}

/* Take one control message. */
static int take_control(const struct socket *socket, struct socket_send *send,
                        const struct cmsghdr *header, uint64_t address)
{
    size_t size = header->length - sizeof(*header);

    if (socket_family(socket) != AF_UNIX)
        return take_inet_control(socket, send, header, address);
    if (header->level != SOL_SOCKET)
        return 0;
    if (header->type == SCM_RIGHTS)
        return take_rights(&send->rights, address, size);
    if (header->type == SCM_CREDENTIALS)
        return take_credentials(&send->credentials, address, size);
    return -EINVAL;
}

int socket_take_controls(const struct socket *socket, struct socket_send *send, uint64_t address,
                         uint64_t size)
{
    struct cmsghdr header;
    int error = 0;

    while (!error && size >= sizeof(header)) {
        if (copy_from_user(&header, address, sizeof(header)))
            return -EFAULT;
        if (header.length < sizeof(header) || header.length > size)
            return -EINVAL;
        error = take_control(socket, send, &header, address + sizeof(header));
        uint64_t step = (header.length + CMSG_ALIGNMENT - 1) & ~(uint64_t)(CMSG_ALIGNMENT - 1);
        if (step >= size)
            break;
        address += step;
        size -= step;
    }
    return error;
}

/* Receiving */

/* Add a control message; what has no room is cut off. */
static int put_control(struct socket_control *control, int level, int type, const void *data,
                       size_t size)
{
    struct cmsghdr header = {sizeof(header) + size, level, type};
    uint64_t place = control->address + control->used, room = control->room - control->used;

    if (room < sizeof(header)) {
        control->flags |= MSG_CTRUNC;
        return 0;
    }
    if (room < header.length) {
        control->flags |= MSG_CTRUNC;
        header.length = room;
    }
    if (copy_to_user(place, &header, sizeof(header)) ||
        copy_to_user(place + sizeof(header), data, header.length - sizeof(header)))
        return -EFAULT;
    uint64_t step = (header.length + CMSG_ALIGNMENT - 1) & ~(uint64_t)(CMSG_ALIGNMENT - 1);
    control->used += step < room ? step : room;
    return 0;
}

/* Give the files that came along descriptors; those without one are lost, and closed. */
static int put_rights(struct socket_control *control, struct rights *rights, bool close_on_exec)
{
    uint64_t room = control->room - control->used;
    int descriptors[SCM_MAX_FD];
    unsigned count = 0, fit = 0;

    if (room > sizeof(struct cmsghdr))
        fit = (unsigned)((room - sizeof(struct cmsghdr)) / sizeof(int));
    while (count < rights->count && count < fit) {
        file_reference(rights->files[count]);
        descriptors[count] = file_install(rights->files[count], 0, close_on_exec);
        if (descriptors[count] < 0) {
            file_release(rights->files[count]);
            break;
        }
        count++;
    }
    if (count < rights->count)
        control->flags |= MSG_CTRUNC;
    return count ? put_control(control, SOL_SOCKET, SCM_RIGHTS, descriptors, count * sizeof(int))
                 : 0;
}

/* To which address the datagram came; a socket of IPv6 is told so even if that is one of IPv4. */
static int put_packet(struct socket_control *control, bool is_v6, const struct inet_address *local)
{
    struct in6_pktinfo v6 = {.interface = INTERFACE_NUMBER};
    struct in_pktinfo v4 = {.interface = INTERFACE_NUMBER};

    if (is_v6) {
        memcpy(v6.address, local->bytes, sizeof(v6.address));
        return put_control(control, SOL_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
    }
    memcpy(v4.source, local->bytes + 12, sizeof(v4.source));
    memcpy(v4.destination, local->bytes + 12, sizeof(v4.destination));
    return put_control(control, SOL_IP, IP_PKTINFO, &v4, sizeof(v4));
}

/* That the datagram was refused by who has the address. */
static int put_error(struct socket_control *control, bool is_v6, const struct inet_address *from)
{
    bool is_v4 = inet_is_v4(from);
    struct {
        struct sock_extended_err error;
        union sockaddr_any offender;
    } value = {.error = {.error = ECONNREFUSED,
                         .origin = is_v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
                         .type = is_v4 ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE,
                         .code = is_v4 ? ICMP_NO_PORT : ICMP6_NO_PORT}};
    size_t size = inet_to_structure(is_v6 ? AF_INET6 : AF_INET, from, &value.offender);

    return put_control(control, is_v6 ? SOL_IPV6 : SOL_IP, is_v6 ? IPV6_RECVERR : IP_RECVERR,
                       &value, offsetof(typeof(value), offender) + size);
}

static int put_inet_controls(const struct socket *socket, struct socket_control *control,
                             const struct inet_controls *controls)
{
    bool is_v6 = socket_family(socket) == AF_INET6, is_v4_packet = inet_is_v4(&controls->local);
    union sockaddr_any address;
    uint8_t class = (uint8_t)controls->class;
    int error = 0;

    if (controls->given & CONTROL_ERROR)
        return put_error(control, is_v6, &controls->local);
    if (controls->given & CONTROL_PACKET)
        error = put_packet(control, is_v6, &controls->local);
    if (!error && (controls->given & CONTROL_LIMIT))
        error = put_control(control, is_v4_packet ? SOL_IP : SOL_IPV6,
                            is_v4_packet ? IP_TTL : IPV6_HOPLIMIT, &controls->limit,
                            sizeof(controls->limit));
    if (!error && (controls->given & CONTROL_CLASS))
        error = is_v4_packet ? put_control(control, SOL_IP, IP_TOS, &class, sizeof(class))
                             : put_control(control, SOL_IPV6, IPV6_TCLASS, &controls->class,
                                           sizeof(controls->class));
    if (!error && (controls->given & CONTROL_DESTINATION)) {
        size_t size = inet_to_structure(is_v6 ? AF_INET6 : AF_INET, &controls->local, &address);
        error = put_control(control, is_v6 ? SOL_IPV6 : SOL_IP,
                            is_v6 ? IPV6_RECVORIGDSTADDR : IP_RECVORIGDSTADDR, &address, size);
    }
    return error;
}

/* When it came. */
static int put_arrival(struct socket_control *control, unsigned name, uint64_t arrival)
{
    bool nanoseconds = name == SO_TIMESTAMPNS || name == SO_TIMESTAMPNS_NEW;
    int64_t value[2] = {(int64_t)(arrival / NANOSECONDS_PER_SECOND),
                        (int64_t)(arrival % NANOSECONDS_PER_SECOND)};

    if (!nanoseconds)
        value[1] /= 1000;
    return put_control(control, SOL_SOCKET, (int)name, value, sizeof(value));
}

int socket_put_controls(const struct socket *socket, struct socket_control *control,
                        struct socket_receive *receive)
{
    int error = 0;

    if (receive->stamps)
        error = put_arrival(control, receive->stamps, receive->arrival);
    if (!error && receive->credentials_wanted)
        error = put_control(control, SOL_SOCKET, SCM_CREDENTIALS, &receive->credentials,
                            sizeof(receive->credentials));
    if (!error && receive->rights)
        error = put_rights(control, receive->rights, receive->flags & MSG_CMSG_CLOEXEC);
    if (!error && receive->controls.given)
        error = put_inet_controls(socket, control, &receive->controls);
    return error;
}
