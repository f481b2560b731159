/*
 * What the system calls of sockets share: their descriptor and address arguments.
 */
#ifndef MAPIX_SYS_SOCKET_H
#define MAPIX_SYS_SOCKET_H

#include "fs/socket.h"

#define ADDRESS_LENGTH_MAX 128 /* of any family, on Linux */

/* A socket argument. */
struct socket_argument {
    struct file *file; /* referenced */
    struct socket *socket;
    bool nonblocking; /* O_NONBLOCK */
};

/* 0, -EBADF, -ENOTSOCK; on success the file is to be released. */
int socket_argument(int descriptor, struct socket_argument *argument);

/* Copy an address in: 0, -EFAULT, -EINVAL. One that is longer than any keeps its length. */
int socket_address_from_user(union sockaddr_any *address, uint64_t user_address, uint64_t length);

/* Copy an address out, cut to the room that is at user_length, which gets the whole length: 0,
 * -EFAULT, -EINVAL. */
int socket_address_to_user(const union sockaddr_any *address, size_t length, uint64_t user_address,
                           uint64_t user_length);

/* Take the control messages that go along: 0, -EINVAL, -EFAULT and what each of them gives. */
int socket_take_controls(const struct socket *socket, struct socket_send *send, uint64_t address,
                         uint64_t size);

/* The control buffer of a caller who receives, and putting what came along there: 0, -EFAULT. */
struct socket_control {
    uint64_t address, room, used;
    unsigned flags; /* MSG_CTRUNC */
};
int socket_put_controls(const struct socket *socket, struct socket_control *control,
                        struct socket_receive *receive);

#endif
