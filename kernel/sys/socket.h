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
int socket_address_from_user(struct sockaddr_un *address, uint64_t user_address, uint64_t length);

/* Copy an address out, cut to the room that is at user_length, which gets the whole length: 0,
 * -EFAULT, -EINVAL. */
int socket_address_to_user(const struct sockaddr_un *address, size_t length, uint64_t user_address,
                           uint64_t user_length);

#endif
