/* epoll_ctl(2): its structure, operations and events; the other events are those of poll(2). */
#ifndef MAPIX_ABI_EPOLL_H
#define MAPIX_ABI_EPOLL_H

#include <stdint.h>

#define EPOLL_CLOEXEC 02000000

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET        (1u << 31)

struct epoll_event {
    uint32_t events;
    uint64_t data;
};

#endif
