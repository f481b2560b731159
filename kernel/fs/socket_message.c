/*
 * Messages and queues. The bytes of a message are in pieces of a page each; the last may be
 * smaller.
 */
#include "core/time.h"
#include "fs/socket_internal.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define OVERHEAD     256u /* what a message counts beyond its bytes */
#define DATAGRAM_MAX 10u  /* messages in a queue, as Linux's max_dgram_qlen */

/* Making */

static size_t piece_size(const struct message *message, unsigned number)
{
    size_t rest = message->size - number * PAGE_SIZE;
    return rest < PAGE_SIZE ? rest : PAGE_SIZE;
}

/* A piece is memory of kmalloc, which is pages for such sizes; if none is free, wait for it. */
static char *allocate_piece(size_t size)
{
    char *piece = kmalloc(size);

    if (!piece) {
        struct page *page = page_allocate(0, PAGE_USER);
        if (page) {
            page_release(page);
            piece = kmalloc(size);
        }
    }
    return piece;
}

static void free_pieces(struct message *message)
{
    for (unsigned i = 0; i < message->piece_count; i++)
        kfree(message->pieces[i]);
    kfree(message);
}

static struct message *allocate(size_t size)
{
    unsigned count = (unsigned)((size + PAGE_SIZE - 1) / PAGE_SIZE);
    struct message *message = kmalloc_zeroed(sizeof(*message) + count * sizeof(char *));

    if (!message)
        return NULL;
    list_init(&message->link);
    message->size = size;
    message->piece_count = count;
    for (unsigned i = 0; i < count; i++) {
        message->pieces[i] = allocate_piece(piece_size(message, i));
        if (!message->pieces[i]) {
            free_pieces(message);
            return NULL;
        }
    }
    return message;
}

int message_create(struct transfer *transfer, size_t size, struct message **result)
{
    struct message *message = allocate(size);

    if (!message)
        return -ENOBUFS;
    for (unsigned i = 0; i < message->piece_count; i++) {
        size_t piece = piece_size(message, i);
        if (transfer_take(transfer, message->pieces[i], piece) < piece) {
            free_pieces(message);
            return -EFAULT;
        }
    }
    *result = message;
    return 0;
}

/* The buffer of the sender */

static size_t charge_of(const struct message *message)
{
    return message->size + OVERHEAD;
}

bool socket_is_writable(const struct socket *socket)
{
    return socket_state(socket) != SOCKET_LISTENING &&
           __atomic_load_n(&socket->charged, __ATOMIC_ACQUIRE) * 4 <=
               __atomic_load_n(&socket->send_size, __ATOMIC_RELAXED);
}

static void give_room_back(struct message *message)
{
    struct socket *sender = message->sender;

    __atomic_fetch_sub(&sender->charged, charge_of(message), __ATOMIC_ACQ_REL);
    wake_events(&sender->changed, WRITABLE_EVENTS);
    socket_put(sender);
}

void message_free(struct message *message)
{
    if (message->rights)
        rights_release(rights_arrive(message));
    if (message->sender)
        give_room_back(message);
    free_pieces(message);
}

/* Queues */

bool message_deliver(struct socket *sender, struct socket *socket, struct message *message)
{
    if (message->rights)
        rights_depart(message->rights);
    if (sender) {
        socket_reference(sender);
        message->sender = sender;
        __atomic_fetch_add(&sender->charged, charge_of(message), __ATOMIC_ACQ_REL);
    }
    if (__atomic_load_n(&socket->stamps, __ATOMIC_RELAXED))
        message->arrival = time_real();
    unsigned events = message->urgent ? READABLE_EVENTS | POLLPRI : READABLE_EVENTS;
    spin_lock(&socket->lock);
    bool open = socket_state(socket) != SOCKET_CLOSED &&
                !(socket->protocol->is_local && (socket->shut & SHUT_RECEIVING)) &&
                !(socket_is_connecting(socket) && socket->peer != sender);
    if (open) {
        if (message->urgent)
            socket_set_urgent(socket, message);
        list_push_back(&socket->messages, &message->link);
        __atomic_store_n(&socket->message_count, socket->message_count + 1, __ATOMIC_RELEASE);
        __atomic_store_n(&socket->byte_count, socket->byte_count + message->size, __ATOMIC_RELEASE);
    }
    spin_unlock(&socket->lock);
    if (open)
        wake_events(&socket->changed, events);
    return open;
}

static struct message *message_of(const struct socket *socket, struct list *link)
{
    return link == &socket->messages ? NULL : container_of(link, struct message, link);
}

struct message *message_first(struct socket *socket)
{
    spin_lock(&socket->lock);
    struct message *message = message_of(socket, socket->messages.next);
    spin_unlock(&socket->lock);
    return message;
}

struct message *message_next(struct socket *socket, struct message *message)
{
    spin_lock(&socket->lock);
    struct message *next = message_of(socket, message->link.next);
    spin_unlock(&socket->lock);
    return next;
}

size_t message_copy(const struct message *message, size_t offset, size_t size,
                    struct transfer *transfer)
{
    size_t done = 0;

    while (done < size) {
        size_t inside = (offset + done) % PAGE_SIZE, piece = PAGE_SIZE - inside;
        if (piece > size - done)
            piece = size - done;
        char *bytes = message->pieces[(offset + done) / PAGE_SIZE] + inside;
        size_t given = transfer_give(transfer, bytes, piece);
        done += given;
        if (given < piece)
            break;
    }
    return done;
}

void message_note_read(struct socket *socket, struct message *message, size_t size)
{
    spin_lock(&socket->lock);
    message->read += size;
    __atomic_store_n(&socket->byte_count, socket->byte_count - size, __ATOMIC_RELEASE);
    spin_unlock(&socket->lock);
}

size_t message_queue_charge(const struct socket *socket)
{
    return __atomic_load_n(&socket->byte_count, __ATOMIC_ACQUIRE) +
           __atomic_load_n(&socket->message_count, __ATOMIC_ACQUIRE) * (size_t)OVERHEAD;
}

bool socket_is_full(const struct socket *socket)
{
    return __atomic_load_n(&socket->message_count, __ATOMIC_ACQUIRE) > DATAGRAM_MAX;
}

/* The queue of datagrams has room again: for those that wait to send, and those that poll. */
static void tell_senders(struct socket *socket)
{
    wake_all(&socket->room);
    mutex_lock(&socket_lock);
    list_for_each (link, &socket->senders) {
        struct socket *sender = container_of(link, struct socket, sender_link);
        wake_events(&sender->changed, WRITABLE_EVENTS);
    }
    mutex_unlock(&socket_lock);
}

void message_remove(struct socket *socket, struct message *message)
{
    spin_lock(&socket->lock);
    bool was_full = socket_is_full(socket);
    list_remove(&message->link);
    if (socket->urgent == message)
        __atomic_store_n(&socket->urgent, NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&socket->message_count, socket->message_count - 1, __ATOMIC_RELEASE);
    __atomic_store_n(&socket->byte_count, socket->byte_count - (message->size - message->read),
                     __ATOMIC_RELEASE);
    spin_unlock(&socket->lock);
    message_free(message);
    if (was_full && socket->type == SOCK_DGRAM)
        tell_senders(socket);
}

void message_purge(struct socket *socket)
{
    struct message *message;

    mutex_lock(&socket->receive_lock);
    while ((message = message_first(socket)))
        message_remove(socket, message);
    mutex_unlock(&socket->receive_lock);
}
