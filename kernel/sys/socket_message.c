/*
 * System calls that send and receive messages.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/time.h"
#include "core/user.h"
#include "sys/buffers.h"
#include "sys/convert.h"
#include "sys/socket.h"
#include "sys/table.h"

/* Sending */

static struct socket_send send_of(const struct socket_argument *socket, struct buffers *buffers,
                                  unsigned flags)
{
    return (struct socket_send){.transfer = &buffers->transfer,
                                .flags = flags,
                                .nonblocking = socket->nonblocking,
                                .credentials = socket_credentials()};
}

/* The name, the control messages, and then the bytes. */
static long send_header(const struct socket_argument *socket, const struct msghdr *header,
                        unsigned flags)
{
    struct buffers buffers;

    if (header->piece_count > UIO_MAXIOV)
        return -EMSGSIZE;
    if ((int)header->name_length < 0)
        return -EINVAL;
    long result = buffers_several(&buffers, header->pieces, header->piece_count);
    if (result)
        return result;
    struct socket_send send = send_of(socket, &buffers, flags);
    if (header->name && header->name_length) {
        send.address_length =
            header->name_length < ADDRESS_LENGTH_MAX ? header->name_length : ADDRESS_LENGTH_MAX;
        result = socket_address_from_user(&send.address, header->name, send.address_length);
    }
    if (!result && header->control_length)
        result =
            socket_take_controls(socket->socket, &send, header->control, header->control_length);
    if (!result)
        result = socket_send(socket->socket, &send);
    rights_release(send.rights);
    buffers_release(&buffers);
    return result;
}

long sys_sendto(const uint64_t argument[6])
{
    struct socket_argument socket;
    struct buffers buffers;
    long result = buffers_one(&buffers, argument[1], argument[2]);

    if (result)
        return result;
    result = socket_argument((int)argument[0], &socket);
    if (result)
        return result;
    struct socket_send send = send_of(&socket, &buffers, (unsigned)argument[3]);
    if (argument[4]) {
        send.address_length = (uint32_t)argument[5];
        result = socket_address_from_user(&send.address, argument[4], send.address_length);
    }
    if (!result)
        result = socket_send(socket.socket, &send);
    file_release(socket.file);
    return result;
}

static long send_from_user(const struct socket_argument *socket, uint64_t address, unsigned flags)
{
    struct msghdr header;

    if (flags & MSG_CMSG_COMPAT)
        return -EINVAL;
    if (copy_from_user(&header, address, sizeof(header)))
        return -EFAULT;
    return send_header(socket, &header, flags);
}

long sys_sendmsg(const uint64_t argument[6])
{
    struct socket_argument socket;
    long result = socket_argument((int)argument[0], &socket);

    if (result)
        return result;
    result = send_from_user(&socket, argument[1], (unsigned)argument[2]);
    file_release(socket.file);
    return result;
}

/* Tell how long message number i of an array was. */
static int put_length(uint64_t address, unsigned i, long length)
{
    uint32_t value = (uint32_t)length;
    uint64_t place = address + i * sizeof(struct mmsghdr) + offsetof(struct mmsghdr, length);

    return copy_to_user(place, &value, sizeof(value));
}

long sys_sendmmsg(const uint64_t argument[6])
{
    unsigned count = (unsigned)argument[2], done = 0;
    struct socket_argument socket;
    long result = socket_argument((int)argument[0], &socket);

    if (result)
        return result;
    if (count > UIO_MAXIOV)
        count = UIO_MAXIOV;
    while (done < count && result >= 0) {
        uint64_t address = argument[1] + done * sizeof(struct mmsghdr);
        result = send_from_user(&socket, address, (unsigned)argument[3]);
        if (result >= 0 && put_length(argument[1], done, result))
            result = -EFAULT;
        done += result >= 0;
    }
    file_release(socket.file);
    return done ? done : result;
}

/* Receiving */

/* Receive into what the header describes; *header is what goes back to the caller. */
static long receive_header(const struct socket_argument *socket, struct msghdr *header,
                           unsigned flags, bool nonblocking)
{
    struct socket_control control = {.address = header->control, .room = header->control_length};
    struct buffers buffers;

    if (header->piece_count > UIO_MAXIOV)
        return -EMSGSIZE;
    if ((int)header->name_length < 0)
        return -EINVAL;
    long result = buffers_several(&buffers, header->pieces, header->piece_count);
    if (result)
        return result;
    struct socket_receive receive = {.transfer = &buffers.transfer,
                                     .flags = flags,
                                     .nonblocking = nonblocking,
                                     .address_wanted = header->name != 0};
    result = socket_receive(socket->socket, &receive);
    if (result >= 0 && socket_put_controls(socket->socket, &control, &receive))
        result = -EFAULT;
    rights_release(receive.rights);
    buffers_release(&buffers);
    uint32_t room = header->name_length;
    if (result >= 0 && header->name &&
        copy_to_user(header->name, &receive.address,
                     receive.address_length < room ? receive.address_length : room))
        result = -EFAULT;
    header->name_length = (uint32_t)receive.address_length;
    header->control_length = control.used;
    header->flags = receive.flags_out | control.flags | (flags & MSG_CMSG_CLOEXEC);
    return result;
}

static long receive_to_user(const struct socket_argument *socket, uint64_t address, unsigned flags,
                            bool nonblocking)
{
    struct msghdr header;

    if (flags & MSG_CMSG_COMPAT)
        return -EINVAL;
    if (copy_from_user(&header, address, sizeof(header)))
        return -EFAULT;
    long result = receive_header(socket, &header, flags, nonblocking);
    if (result < 0)
        return result;
    if ((header.name && copy_to_user(address + offsetof(struct msghdr, name_length),
                                     &header.name_length, sizeof(header.name_length))) ||
        copy_to_user(address + offsetof(struct msghdr, control_length), &header.control_length,
                     sizeof(header.control_length)) ||
        copy_to_user(address + offsetof(struct msghdr, flags), &header.flags, sizeof(header.flags)))
        return -EFAULT;
    return result;
}

long sys_recvfrom(const uint64_t argument[6])
{
    struct socket_argument socket;
    struct buffers buffers;
    long result = buffers_one(&buffers, argument[1], argument[2]);

    if (result)
        return result;
    result = socket_argument((int)argument[0], &socket);
    if (result)
        return result;
    struct socket_receive receive = {.transfer = &buffers.transfer,
                                     .flags = (unsigned)argument[3],
                                     .nonblocking = socket.nonblocking,
                                     .address_wanted = argument[4] != 0};
    result = socket_receive(socket.socket, &receive);
    rights_release(receive.rights);
    if (result >= 0 && argument[4] &&
        socket_address_to_user(&receive.address, receive.address_length, argument[4], argument[5]))
        result = -EFAULT;
    file_release(socket.file);
    return result;
}

long sys_recvmsg(const uint64_t argument[6])
{
    struct socket_argument socket;
    long result = socket_argument((int)argument[0], &socket);

    if (result)
        return result;
    result = receive_to_user(&socket, argument[1], (unsigned)argument[2], socket.nonblocking);
    file_release(socket.file);
    return result;
}

/* Messages until there are enough, or the time, which is looked at after each, is over. */
static unsigned receive_several(const struct socket_argument *socket, const uint64_t argument[6],
                                uint64_t deadline, long *error)
{
    unsigned count = (unsigned)argument[2], flags = (unsigned)argument[3], done = 0;
    bool nonblocking = socket->nonblocking;

    if (count > UIO_MAXIOV)
        count = UIO_MAXIOV;
    while (done < count) {
        uint64_t address = argument[1] + done * sizeof(struct mmsghdr);
        *error = receive_to_user(socket, address, flags & ~MSG_WAITFORONE, nonblocking);
        if (*error >= 0 && put_length(argument[1], done, *error))
            *error = -EFAULT;
        if (*error < 0)
            break;
        done++;
        if (flags & MSG_WAITFORONE)
            nonblocking = true;
        if (time_now() >= deadline)
            break;
    }
    return done;
}

long sys_recvmmsg(const uint64_t argument[6])
{
    uint64_t timeout = argument[4], duration, deadline = WAIT_FOREVER, now = time_now();
    struct socket_argument socket;
    long error = 0;

    if (timeout) {
        error = timespec_from_user(timeout, &duration);
        if (error)
            return error;
        deadline = duration < WAIT_FOREVER - now ? now + duration : WAIT_FOREVER;
    }
    error = socket_argument((int)argument[0], &socket);
    if (error)
        return error;
    unsigned done = receive_several(&socket, argument, deadline, &error);
    file_release(socket.file);
    now = time_now();
    if (timeout && done && timespec_to_user(timeout, deadline > now ? deadline - now : 0))
        return -EFAULT;
    return done ? done : error;
}
