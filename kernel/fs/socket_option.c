/*
 * Options of sockets (socket(7)).
 */
#include "abi/time.h"
#include "core/process.h"
#include "core/time.h"
#include "fs/socket_internal.h"
#include "lib/string.h"

#define SECOND             1000000000ul /* in nanoseconds */
#define SEND_SIZE_LEAST    4608u        /* Linux's least values, */
#define RECEIVE_SIZE_LEAST 2304u
#define SIZE_MOST          212992u /* and its most without a privilege, before it is doubled */
#define SIZE_MOST_FORCED   0x3fffffffu
#define PRIORITY_MOST      6

/* Options that are on or off. Most mean something to a network only, or to none that loses nothing.
 */
static bool is_switch(unsigned name)
{
    return name == SO_DEBUG || name == SO_REUSEADDR || name == SO_DONTROUTE ||
           name == SO_BROADCAST || name == SO_KEEPALIVE || name == SO_OOBINLINE ||
           name == SO_REUSEPORT;
}

static struct timeval time_of(uint64_t timeout)
{
    if (timeout == WAIT_FOREVER)
        return (struct timeval){0, 0};
    return (struct timeval){(int64_t)(timeout / SECOND), (int64_t)(timeout % SECOND / 1000)};
}

/* The options that are numbers: 0 or -ENOPROTOOPT. */
static int get_number(struct socket *socket, unsigned name, int *number)
{
    switch (name) {
    case SO_TYPE:
        *number = (int)socket->type;
        return 0;
    case SO_DOMAIN:
        *number = socket->family;
        return 0;
    case SO_PROTOCOL:
        *number = (int)socket->protocol->number;
        return 0;
    case SO_PRIORITY:
        *number = socket->priority;
        return 0;
    case SO_ERROR:
        *number = -socket_take_error(socket);
        return 0;
    case SO_ACCEPTCONN:
        *number = socket_state(socket) == SOCKET_LISTENING;
        return 0;
    case SO_PASSCRED:
        *number = socket->passes_credentials;
        return socket->protocol->is_local ? 0 : -EOPNOTSUPP;
    case SO_SNDBUF:
        *number = (int)socket->send_size;
        return 0;
    case SO_RCVBUF:
        *number = (int)socket->receive_size;
        return 0;
    case SO_RCVLOWAT:
        *number = socket->low_water;
        return 0;
    case SO_SNDLOWAT:
        *number = 1;
        return 0;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_NEW:
        *number = socket->stamps == name ||
                  (name == SO_TIMESTAMP_NEW && socket->stamps == SO_TIMESTAMPNS_NEW);
        return 0;
    default:
        *number = (socket->flags >> (name & 31)) & 1;
        return is_switch(name) ? 0 : -ENOPROTOOPT;
    }
}

int socket_give_option(const void *from, size_t length, void *value, size_t *size)
{
    if (*size > length)
        *size = length;
    memcpy(value, from, *size);
    return 0;
}

/* A number that no other socket has or had. */
static uint64_t cookie_of(struct socket *socket)
{
    static uint64_t last; /* atomic */
    uint64_t cookie = __atomic_load_n(&socket->cookie, __ATOMIC_RELAXED);

    if (cookie)
        return cookie;
    uint64_t fresh = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    bool first = __atomic_compare_exchange_n(&socket->cookie, &cookie, fresh, false,
                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return first ? fresh : cookie;
}

/* An option of SOL_SOCKET. */
static int get_general(struct socket *socket, unsigned name, void *value, size_t *size)
{
    int numbers[2] = {0, 0};
    struct timeval time;
    struct ucred peer;
    uint64_t cookie;

    switch (name) {
    case SO_COOKIE:
        cookie = cookie_of(socket);
        return *size < sizeof(cookie) ? -EINVAL
                                      : socket_give_option(&cookie, sizeof(cookie), value, size);
    case SO_PEERCRED:
        mutex_lock(&socket_lock);
        peer = socket->peer_credentials;
        mutex_unlock(&socket_lock);
        return socket_give_option(&peer, sizeof(peer), value, size);
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
        time = time_of(socket->receive_timeout);
        return socket_give_option(&time, sizeof(time), value, size);
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW:
        time = time_of(socket->send_timeout);
        return socket_give_option(&time, sizeof(time), value, size);
    case SO_LINGER:
        numbers[0] = socket->linger >= 0;
        numbers[1] = socket->linger >= 0 ? socket->linger : 0;
        return socket_give_option(numbers, sizeof(numbers), value, size);
    default:
        break;
    }
    int error = get_number(socket, name, numbers);
    return error ? error : socket_give_option(numbers, sizeof(numbers[0]), value, size);
}

int socket_get_option(struct socket *socket, unsigned level, unsigned name, void *value,
                      size_t *size)
{
    int error = socket->protocol->get_option(socket, level, name, value, size);

    if (error == -ENOPROTOOPT && level == SOL_SOCKET)
        error = get_general(socket, name, value, size);
    return error;
}

static int set_timeout(uint64_t *timeout, const void *value, size_t size)
{
    struct timeval time;

    if (size < sizeof(time))
        return -EINVAL;
    memcpy(&time, value, sizeof(time));
    if (time.microseconds < 0 || time.microseconds >= 1000000)
        return -EDOM;
    uint64_t wait = WAIT_FOREVER;
    if (time.seconds < 0)
        wait = 0;
    else if ((time.seconds || time.microseconds) && (uint64_t)time.seconds < INT64_MAX / SECOND - 1)
        wait = (uint64_t)time.seconds * SECOND + (uint64_t)time.microseconds * 1000;
    __atomic_store_n(timeout, wait, __ATOMIC_RELAXED);
    return 0;
}

/* The size of a buffer: twice what is asked for, which leaves room for what Linux counts too. */
static int set_size(size_t *place, int number, unsigned least, bool forced)
{
    unsigned most = forced ? SIZE_MOST_FORCED : SIZE_MOST, size = (unsigned)number;

    if (forced && !credentials_capable(CAP_NET_ADMIN))
        return -EPERM;
    if (forced && number < 0)
        size = 0;
    if (size > most)
        size = most;
    size *= 2;
    __atomic_store_n(place, size > least ? size : least, __ATOMIC_RELAXED);
    return 0;
}

static int set_number(struct socket *socket, unsigned name, int number)
{
    switch (name) {
    case SO_PASSCRED:
        if (!socket->protocol->is_local)
            return -EOPNOTSUPP;
        socket->passes_credentials = number != 0;
        return 0;
    case SO_PRIORITY:
        if ((number < 0 || number > PRIORITY_MOST) && !credentials_capable(CAP_NET_ADMIN))
            return -EPERM;
        socket->priority = number;
        return 0;
    case SO_SNDBUF:
    case SO_SNDBUFFORCE: {
        int error = set_size(&socket->send_size, number, SEND_SIZE_LEAST, name == SO_SNDBUFFORCE);
        wake_events(&socket->changed, WRITABLE_EVENTS);
        return error;
    }
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        return set_size(&socket->receive_size, number, RECEIVE_SIZE_LEAST, name == SO_RCVBUFFORCE);
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_NEW:
        __atomic_store_n(&socket->stamps, number ? name : 0, __ATOMIC_RELAXED);
        return 0;
    case SO_RCVLOWAT:
        socket->low_water = number < 0 ? INT32_MAX : number ? number : 1;
        return 0;
    default:
        break;
    }
    if (!is_switch(name))
        return -ENOPROTOOPT;
    if (name == SO_REUSEPORT && number && socket->protocol->is_local)
        return -EOPNOTSUPP;
    uint32_t bit = 1u << (name & 31);
    if (number)
        __atomic_fetch_or(&socket->flags, bit, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&socket->flags, ~bit, __ATOMIC_RELAXED);
    return 0;
}

/* Two numbers: on or off, and how long; the second is kept while it is on. */
static int set_linger(struct socket *socket, const void *value, size_t size)
{
    int numbers[2];

    if (size < sizeof(numbers))
        return -EINVAL;
    memcpy(numbers, value, sizeof(numbers));
    socket->linger = numbers[0] ? numbers[1] & INT32_MAX : -1;
    return 0;
}

static int set_general(struct socket *socket, unsigned name, const void *value, size_t size)
{
    int number;

    if (size < sizeof(number))
        return -EINVAL;
    switch (name) {
    case SO_RCVTIMEO:
    case SO_RCVTIMEO_NEW:
        return set_timeout(&socket->receive_timeout, value, size);
    case SO_SNDTIMEO:
    case SO_SNDTIMEO_NEW:
        return set_timeout(&socket->send_timeout, value, size);
    case SO_LINGER:
        return set_linger(socket, value, size);
    default:
        memcpy(&number, value, sizeof(number));
        return set_number(socket, name, number);
    }
}

int socket_set_option(struct socket *socket, unsigned level, unsigned name, const void *value,
                      size_t size)
{
    int error = socket->protocol->set_option(socket, level, name, value, size);

    if (error == -ENOPROTOOPT && level == SOL_SOCKET)
        error = set_general(socket, name, value, size);
    return error;
}

/* Credentials that a process may send: its own ones, unless it is privileged. */
bool socket_may_claim(const struct ucred *claimed)
{
    const struct credentials *own = credentials_current();
    bool user = claimed->uid == own->uid || claimed->uid == own->euid ||
                claimed->uid == own->suid || credentials_capable(CAP_SETUID);
    bool group = claimed->gid == own->gid || claimed->gid == own->egid ||
                 claimed->gid == own->sgid || credentials_capable(CAP_SETGID);

    return user && group &&
           (claimed->pid == current_process()->pid || credentials_capable(CAP_SYS_ADMIN));
}
