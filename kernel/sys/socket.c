/*
 * System calls that make, connect and ask about sockets.
 */
#include "sys/socket.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/user.h"
#include "lib/string.h"
#include "sys/at.h"
#include "sys/table.h"

#define FAMILY_SIZE sizeof(uint16_t)

/* Arguments */

int socket_argument(int descriptor, struct socket_argument *argument)
{
    int error = file_get_usable(descriptor, &argument->file);

    if (error)
        return error;
    argument->socket = socket_of_file(argument->file);
    argument->nonblocking = __atomic_load_n(&argument->file->flags, __ATOMIC_RELAXED) & O_NONBLOCK;
    if (argument->socket)
        return 0;
    file_release(argument->file);
    return -ENOTSOCK;
}

int socket_address_from_user(union sockaddr_any *address, uint64_t user_address, uint64_t length)
{
    size_t size = length < sizeof(*address) ? length : sizeof(*address);

    if (length > ADDRESS_LENGTH_MAX)
        return -EINVAL;
    memset(address, 0, sizeof(*address));
    return copy_from_user(address, user_address, size);
}

int socket_address_to_user(const union sockaddr_any *address, size_t length, uint64_t user_address,
                           uint64_t user_length)
{
    int room, whole = (int)length;

    if (copy_from_user(&room, user_length, sizeof(room)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_to_user(user_address, address, room < whole ? (size_t)room : length))
        return -EFAULT;
    return copy_to_user(user_length, &whole, sizeof(whole));
}

/* Making */

/* Check what is to be made. */
static int find_kind(int family, uint32_t argument, int protocol, struct socket_kind *kind)
{
    unsigned type = argument & SOCK_TYPE_MASK;

    if (argument & ~(uint32_t)(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    if (family < 0 || family >= AF_MAX)
        return -EAFNOSUPPORT;
    if (type >= SOCK_MAX)
        return -EINVAL;
    return socket_find_kind(family, type, protocol, kind);
}

long sys_socket(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[1];
    struct socket_kind kind;
    struct file *file;
    int error = find_kind((int)argument[0], flags, (int)argument[2], &kind);

    if (!error)
        error = socket_create(&kind, flags & SOCK_NONBLOCK, &file);
    return error ? error : file_install_new(file, flags & SOCK_CLOEXEC);
}

long sys_socketpair(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[1];
    struct file *files[2] = {NULL, NULL};
    int descriptors[2];
    struct socket_kind kind;
    int error = find_kind((int)argument[0], flags, (int)argument[2], &kind);

    if (error)
        return error;
    descriptors[0] = file_reserve(flags & SOCK_CLOEXEC);
    if (descriptors[0] < 0)
        return descriptors[0];
    descriptors[1] = file_reserve(flags & SOCK_CLOEXEC);
    error = descriptors[1];
    if (error >= 0) {
        error = copy_to_user(argument[3], descriptors, sizeof(descriptors));
        if (!error)
            error = socket_create_pair(&kind, flags & SOCK_NONBLOCK, files);
        file_fill(descriptors[1], files[1]);
    }
    file_fill(descriptors[0], files[0]);
    return error;
}

/* Connecting */

long sys_bind(const uint64_t argument[6])
{
    struct socket_argument socket;
    union sockaddr_any address;
    int error = socket_argument((int)argument[0], &socket);

    if (error)
        return error;
    uint64_t length = (uint32_t)argument[2];
    error = socket_address_from_user(&address, argument[1], length);
    if (!error)
        error = socket_bind(socket.socket, &address, length);
    file_release(socket.file);
    return error;
}

long sys_listen(const uint64_t argument[6])
{
    struct socket_argument socket;
    int error = socket_argument((int)argument[0], &socket);

    if (error)
        return error;
    error = socket_listen(socket.socket, (int)argument[1]);
    file_release(socket.file);
    return error;
}

long sys_connect(const uint64_t argument[6])
{
    struct socket_argument socket;
    union sockaddr_any address;
    int error = socket_argument((int)argument[0], &socket);

    if (error)
        return error;
    uint64_t length = (uint32_t)argument[2];
    error = socket_address_from_user(&address, argument[1], length);
    if (!error && length < FAMILY_SIZE)
        error = -EINVAL;
    if (!error)
        error = socket_connect(socket.socket, &address, length, socket.nonblocking);
    file_release(socket.file);
    return error;
}

/* The address of the other end, where the caller wants it. */
static int give_peer(struct file *file, uint64_t address, uint64_t length)
{
    union sockaddr_any peer;

    if (!address)
        return 0;
    size_t size = socket_name(socket_of_file(file), NAME_ACCEPTED, &peer);
    return socket_address_to_user(&peer, size, address, length);
}

static long accept(const uint64_t argument[6], uint32_t flags)
{
    struct socket_argument socket;
    struct file *file = NULL;

    if (flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    int error = socket_argument((int)argument[0], &socket);
    if (error)
        return error;
    int descriptor = file_reserve(flags & SOCK_CLOEXEC);
    if (descriptor >= 0) {
        error = socket_accept(socket.socket, flags & SOCK_NONBLOCK, socket.nonblocking, &file);
        if (!error)
            error = give_peer(file, argument[1], argument[2]);
        if (error && file)
            file_release(file);
        file_fill(descriptor, error ? NULL : file);
    }
    file_release(socket.file);
    return error ? error : descriptor;
}

long sys_accept(const uint64_t argument[6])
{
    return accept(argument, 0);
}

long sys_accept4(const uint64_t argument[6])
{
    return accept(argument, (uint32_t)argument[3]);
}

long sys_shutdown(const uint64_t argument[6])
{
    struct socket_argument socket;
    int error = socket_argument((int)argument[0], &socket);

    if (error)
        return error;
    error = socket_shutdown(socket.socket, (int)argument[1]);
    file_release(socket.file);
    return error;
}

/* Asking */

long sys_getsockname(const uint64_t argument[6])
{
    struct socket_argument socket;
    union sockaddr_any address;
    int error = socket_argument((int)argument[0], &socket);

    if (error)
        return error;
    size_t length = socket_name(socket.socket, NAME_OWN, &address);
    file_release(socket.file);
    return socket_address_to_user(&address, length, argument[1], argument[2]);
}

long sys_getpeername(const uint64_t argument[6])
{
    struct socket_argument socket;
    union sockaddr_any address;
    int error = socket_argument((int)argument[0], &socket);

    if (error)
        return error;
    size_t length = socket_name(socket.socket, NAME_PEER, &address);
    file_release(socket.file);
    if (length == 0)
        return -ENOTCONN;
    return socket_address_to_user(&address, length, argument[1], argument[2]);
}

static long set_option(struct socket *socket, const uint64_t argument[6])
{
    char value[SOCKET_OPTION_MAX];
    int size = (int)argument[4];

    if (size < 0)
        return -EINVAL;
    if (size > SOCKET_OPTION_MAX)
        size = SOCKET_OPTION_MAX;
    if (copy_from_user(value, argument[3], (size_t)size))
        return -EFAULT;
    return socket_set_option(socket, (unsigned)argument[1], (unsigned)argument[2], value,
                             (size_t)size);
}

static long get_option(struct socket *socket, const uint64_t argument[6])
{
    char value[SOCKET_OPTION_MAX];
    int room;

    if (copy_from_user(&room, argument[4], sizeof(room)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    size_t size = (size_t)room < SOCKET_OPTION_MAX ? (size_t)room : SOCKET_OPTION_MAX;
    int error =
        socket_get_option(socket, (unsigned)argument[1], (unsigned)argument[2], value, &size);
    if (error)
        return error;
    int given = (int)size;
    if (copy_to_user(argument[3], value, size))
        return -EFAULT;
    return copy_to_user(argument[4], &given, sizeof(given));
}

static long with_socket(const uint64_t argument[6],
                        long (*function)(struct socket *socket, const uint64_t argument[6]))
{
    struct socket_argument socket;
    long result = socket_argument((int)argument[0], &socket);

    if (result)
        return result;
    result = function(socket.socket, argument);
    file_release(socket.file);
    return result;
}

long sys_setsockopt(const uint64_t argument[6])
{
    return with_socket(argument, set_option);
}

long sys_getsockopt(const uint64_t argument[6])
{
    return with_socket(argument, get_option);
}
