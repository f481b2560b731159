/*
 * Sockets: creation, end, and what any file can do (socket.h).
 */
#include "fs/socket_internal.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "core/process.h"
#include "core/syscall.h"
#include "core/time.h"
#include "fs/vnode.h"
#include "net/inet.h"
#include "vm/kmem.h"

struct mutex socket_lock;
struct list sockets = LIST_INITIALIZER(sockets);

static struct slab_cache vnode_cache;
static uint64_t next_number; /* atomic: of vnodes */

void socket_init(void)
{
    slab_cache_init(&vnode_cache, "socket vnode", sizeof(struct vnode), 8);
    mutex_init(&socket_lock, "sockets", RANK_NONE);
    socket_local_init();
    inet_init();
    rights_init();
}

/* The structure */

struct ucred socket_credentials(void)
{
    const struct credentials *credentials = credentials_current();

    return (struct ucred){current_process()->pid, credentials->uid, credentials->gid};
}

/* Those that SO_PEERCRED tells the other end. */
static struct ucred effective_credentials(void)
{
    const struct credentials *credentials = credentials_current();

    return (struct ucred){current_process()->pid, credentials->euid, credentials->egid};
}

static void init_lists(struct socket *socket)
{
    list_init(&socket->all_link);
    list_init(&socket->messages);
    list_init(&socket->errors);
    list_init(&socket->senders);
    list_init(&socket->sender_link);
    list_init(&socket->pending);
    list_init(&socket->pending_link);
    list_init(&socket->waiting);
    list_init(&socket->bound_link);
    list_init(&socket->in_flight_link);
}

struct socket *socket_allocate(const struct socket_kind *kind)
{
    struct socket *socket = slab_allocate_zeroed(kind->protocol->cache);

    if (!socket)
        return NULL;
    socket->references = 1;
    socket->protocol = kind->protocol;
    socket->family = kind->family;
    socket->type = kind->type;
    socket->credentials = effective_credentials();
    socket->peer_credentials = (struct ucred){0, UINT32_MAX, UINT32_MAX};
    socket->send_size = kind->protocol->send_size;
    socket->receive_size = kind->protocol->receive_size;
    socket->send_timeout = socket->receive_timeout = WAIT_FOREVER;
    socket->low_water = 1;
    socket->linger = -1;
    spin_init(&socket->lock, "socket", RANK_PIPE);
    mutex_init(&socket->receive_lock, "socket receiving", RANK_NONE);
    wait_queue_init(&socket->changed, "socket");
    wait_queue_init(&socket->room, "socket room");
    init_lists(socket);
    mutex_lock(&socket_lock);
    list_push_back(&sockets, &socket->all_link);
    mutex_unlock(&socket_lock);
    return socket;
}

void socket_reference(struct socket *socket)
{
    __atomic_fetch_add(&socket->references, 1, __ATOMIC_RELAXED);
}

void socket_put(struct socket *socket)
{
    if (__atomic_fetch_sub(&socket->references, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    if (socket->address)
        socket_address_release(socket->address);
    slab_free(socket->protocol->cache, socket);
}

struct socket *socket_peer(struct socket *socket)
{
    spin_lock(&socket->lock);
    struct socket *peer = socket->peer;
    if (peer)
        socket_reference(peer);
    spin_unlock(&socket->lock);
    return peer;
}

struct socket *socket_other_end(const struct socket *socket)
{
    struct socket *peer = socket_is_connecting(socket) ? socket->peer : NULL;
    return peer && peer->peer == socket && peer->state == SOCKET_CONNECTED ? peer : NULL;
}

void socket_set_error(struct socket *socket, int error)
{
    __atomic_store_n(&socket->error, error, __ATOMIC_RELEASE);
}

int socket_take_error(struct socket *socket)
{
    if (!__atomic_load_n(&socket->error, __ATOMIC_ACQUIRE))
        return 0;
    return -__atomic_exchange_n(&socket->error, 0, __ATOMIC_ACQ_REL);
}

void socket_shut_halves(struct socket *socket, uint32_t halves)
{
    spin_lock(&socket->lock);
    __atomic_store_n(&socket->shut, socket->shut | halves, __ATOMIC_RELEASE);
    spin_unlock(&socket->lock);
    wake_events(&socket->changed, STATE_EVENTS);
    wake_all(&socket->room);
}

/* Waiting */

uint64_t socket_deadline(uint64_t timeout)
{
    return timeout == WAIT_FOREVER ? WAIT_FOREVER : time_now() + timeout;
}

int socket_wait_error(int error, uint64_t timeout)
{
    if (error == -ETIMEDOUT)
        return -EAGAIN;
    /* signal(7): with a timeout, the call is never repeated. */
    return error == -EINTR && timeout != WAIT_FOREVER ? -EINTR_ALWAYS : error;
}

/* The end */

/* It will not need the end of the connection to be. */
static void give_up_spare(struct socket *socket, struct list *pending)
{
    if (socket->spare)
        list_push_back(pending, &socket->spare->pending_link);
    socket->spare = NULL;
}

/* Those that wait for room in a backlog will not get it. */
static void refuse_waiting(struct socket *listener, struct list *pending)
{
    struct list *link;

    while ((link = list_pop_front(&listener->waiting))) {
        struct socket *socket = container_of(link, struct socket, pending_link);
        give_up_spare(socket, pending);
        socket_set_error(socket, ECONNREFUSED);
        __atomic_store_n(&socket->state, SOCKET_FAILED, __ATOMIC_RELEASE);
        socket_shut_halves(socket, SHUT_BOTH);
    }
}

void socket_stop_listening(struct socket *socket, struct list *pending)
{
    refuse_waiting(socket, pending);
    list_splice_back(pending, &socket->pending);
    __atomic_store_n(&socket->pending_count, 0, __ATOMIC_RELEASE);
    list_remove(&socket->pending_link); /* if it waits itself */
    give_up_spare(socket, pending);
}

void socket_close_pending(struct list *pending)
{
    struct list *link;

    while ((link = list_first(pending)) != NULL) {
        struct socket *other = container_of(link, struct socket, pending_link);
        socket_close(other); /* it has none pending itself; takes it off the list */
        socket_put(other);
    }
}

/* Leave everything through which the socket can be found. What it had is the caller's. */
static struct vnode *detach(struct socket *socket, struct list *pending)
{
    mutex_lock(&socket_lock);
    struct vnode *vnode = socket->protocol->unbind(socket);
    bool was_new = socket->state == SOCKET_CONNECTED && !list_empty(&socket->pending_link);
    __atomic_store_n(&socket->state, SOCKET_CLOSED, __ATOMIC_RELEASE);
    list_remove(&socket->all_link);
    list_remove(&socket->sender_link);
    socket_stop_listening(socket, pending);
    bool unread = __atomic_load_n(&socket->message_count, __ATOMIC_ACQUIRE) || was_new;
    struct socket *peer = socket_other_end(socket);
    if (peer)
        socket->protocol->end_connection(socket, peer, unread);
    mutex_unlock(&socket_lock);
    return vnode;
}

/* Those that are connected to a socket for datagrams have nobody there. */
static void release_senders(struct socket *socket)
{
    struct list *link;

    mutex_lock(&socket_lock);
    while ((link = list_pop_front(&socket->senders)))
        wake_events(&container_of(link, struct socket, sender_link)->changed, WRITABLE_EVENTS);
    struct socket *peer = socket->peer;
    spin_lock(&socket->lock);
    socket->peer = NULL;
    spin_unlock(&socket->lock);
    mutex_unlock(&socket_lock);
    if (peer)
        socket_put(peer);
}

void socket_close(struct socket *socket)
{
    struct list pending = LIST_INITIALIZER(pending);
    struct vnode *vnode = detach(socket, &pending);

    if (vnode)
        vnode_release(vnode);
    socket_shut_halves(socket, SHUT_BOTH);
    socket_close_pending(&pending);
    message_purge(socket);
    release_senders(socket);
}

void socket_discard(struct socket *socket)
{
    mutex_lock(&socket_lock);
    list_remove(&socket->all_link);
    mutex_unlock(&socket_lock);
    socket_put(socket);
}

static void socket_release(struct file *file)
{
    struct socket *socket = file->state;

    rights_set_file(socket, NULL);
    socket_close(socket);
    socket_put(socket);
    rights_collect();
}

/* Files */

static void free_vnode(struct vnode *vnode)
{
    slab_free(&vnode_cache, vnode);
}

static const struct vnode_operations vnode_operations = {
    .label = "socket:[%lu]", .set_attributes = vnode_take_attributes, .free = free_vnode};

struct socket *socket_of_file(const struct file *file)
{
    return file->operations == &socket_operations ? file->state : NULL;
}

uint16_t socket_family(const struct socket *socket)
{
    return socket->family;
}

unsigned socket_type(const struct socket *socket)
{
    return socket->type;
}

int socket_make_file(struct socket *socket, uint32_t flags, struct file **file)
{
    struct vnode *vnode = slab_allocate(&vnode_cache);

    if (!vnode)
        return -ENOMEM;
    vnode_init(vnode, NULL, &vnode_operations,
               __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED), S_IFSOCK | 0777);
    vnode->uid = credentials_current()->fsuid;
    vnode->gid = credentials_current()->fsgid;
    *file = file_create(vnode, &socket_operations, O_RDWR | (flags & O_NONBLOCK));
    if (!*file) {
        vnode_discard(vnode);
        return -ENOMEM;
    }
    (*file)->state = socket;
    __atomic_store_n(&socket->number, vnode->number, __ATOMIC_RELAXED);
    __atomic_store_n(&socket->owner, vnode->uid, __ATOMIC_RELAXED);
    rights_set_file(socket, *file);
    return 0;
}

int socket_find_kind(int family, unsigned type, int protocol, struct socket_kind *kind)
{
    if (family == AF_UNIX)
        return socket_find_local_kind(type, protocol, kind);
    if (family == AF_INET || family == AF_INET6)
        return inet_find_kind((uint16_t)family, type, protocol, kind);
    if (family == AF_NETLINK)
        return netlink_find_kind(type, protocol, kind);
    return -EAFNOSUPPORT;
}

int socket_create(const struct socket_kind *kind, uint32_t flags, struct file **file)
{
    struct socket *socket = socket_allocate(kind);

    if (!socket)
        return -ENOMEM;
    int error = socket_make_file(socket, flags, file);
    if (error)
        socket_discard(socket);
    return error;
}

/* Connect two sockets that nobody else knows. */
static void join(struct socket *a, struct socket *b)
{
    mutex_lock(&socket_lock);
    socket_reference(a);
    socket_reference(b);
    a->peer = b;
    b->peer = a;
    a->peer_credentials = b->credentials;
    b->peer_credentials = a->credentials;
    a->state = b->state = SOCKET_CONNECTED;
    if (!socket_is_connecting(a)) {
        list_push_back(&a->senders, &b->sender_link);
        list_push_back(&b->senders, &a->sender_link);
    }
    mutex_unlock(&socket_lock);
}

int socket_create_pair(const struct socket_kind *kind, uint32_t flags, struct file *files[2])
{
    if (!kind->protocol->is_local)
        return -EOPNOTSUPP;
    int error = socket_create(kind, flags, &files[0]);
    if (error)
        return error;
    error = socket_create(kind, flags, &files[1]);
    if (error) {
        file_release(files[0]);
        files[0] = NULL;
        return error;
    }
    join(files[0]->state, files[1]->state);
    return 0;
}

static long socket_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct socket_receive receive = {.transfer = transfer,
                                     .nonblocking = file_flags(file, transfer) & O_NONBLOCK};

    (void)offset;
    if (transfer->remaining == 0)
        return 0; /* of datagrams too: none is taken */
    long result = socket_receive(file->state, &receive);
    rights_release(receive.rights);
    return result;
}

static long socket_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct socket_send send = {.transfer = transfer,
                               .nonblocking = file_flags(file, transfer) & O_NONBLOCK,
                               .credentials = socket_credentials()};

    (void)offset;
    return socket_send(file->state, &send);
}

/* FIONREAD: of a stream all that can be read, else the size of the first message. */
static long count_input(struct socket *socket)
{
    if (socket_state(socket) == SOCKET_LISTENING)
        return -EINVAL;
    if (socket->type != SOCK_DGRAM)
        return (long)socket_count_to_mark(socket);
    spin_lock(&socket->lock);
    struct list *link = list_first(&socket->messages);
    long size = link ? (long)container_of(link, struct message, link)->size : 0;
    spin_unlock(&socket->lock);
    return size;
}

static long socket_control(struct file *file, unsigned request, uint64_t argument)
{
    struct socket *socket = file->state;

    if (request == FIONREAD) {
        long count = count_input(socket);
        int number = (int)count;
        return count < 0 ? count : copy_to_user(argument, &number, sizeof(number));
    }
    long result = socket->protocol->control(socket, request, argument);
    return result == -ENOTTY ? interface_control(request, argument) : result;
}

const struct file_operations socket_operations = {
    .read = socket_read,
    .write = socket_write,
    .read_nowait = true,
    .write_nowait = true,
    .control = socket_control,
    .poll = socket_poll,
    .tells = true,
    .release = socket_release,
};
