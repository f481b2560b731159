/*
 * Open files on their way through sockets (SCM_RIGHTS of unix(7)).
 *
 * A file in a message is referenced by it. If the message waits in the queue of a socket whose own
 * file is only referenced by messages, and so on in a circle, nobody can ever receive any of them:
 *
 *     socket A: message with the file of B        no descriptor anywhere
 *     socket B: message with the file of A
 *
 * rights_collect finds those: sockets in flight whose files have no reference but from messages
 * are suspects. What a suspect's queue references is explained by a suspect; a suspect with
 * references that are not explained so can be reached, and then what is in its queue can, too.
 * The others are garbage; taking the files out of their queues ends them.
 *
 * Files of messages are released by one thread at a time, from a list: the end of a socket releases
 * the files in its queue, and a chain of sockets in each other's queues would be followed by
 * recursion else.
 */
#include "abi/resource.h"
#include "core/process.h"
#include "fs/socket_internal.h"
#include "vm/kmem.h"

static struct mutex rights_lock;
static struct list in_flight = LIST_INITIALIZER(in_flight); /* (rights_lock) sockets */
static struct list dying = LIST_INITIALIZER(dying);         /* (rights_lock) to be released */
static bool releasing;                                      /* (rights_lock) somebody does that */

void rights_init(void)
{
    mutex_init(&rights_lock, "rights", RANK_NONE);
}

/* No files yet; NULL: no memory. */
static struct rights *allocate(unsigned count)
{
    struct rights *rights = kmalloc_zeroed(sizeof(*rights) + count * sizeof(struct file *));

    if (!rights)
        return NULL;
    list_init(&rights->link);
    rights->sender = credentials_reference(credentials_current());
    return rights;
}

/* Without its files. */
static void free_rights(struct rights *rights)
{
    credentials_release(rights->sender);
    kfree(rights);
}

int rights_extend(struct rights **rights, unsigned count)
{
    struct rights *old = *rights, *new = allocate((old ? old->count : 0) + count);

    if (!new)
        return -ENOMEM;
    for (unsigned i = 0; old && i < old->count; i++)
        new->files[new->count++] = old->files[i];
    if (old)
        free_rights(old);
    *rights = new;
    return 0;
}

int rights_check(void)
{
    const struct account *account = credentials_current()->account;

    if (__atomic_load_n(&account->in_flight, __ATOMIC_RELAXED) <= process_limit(RLIMIT_NOFILE) ||
        credentials_capable(CAP_SYS_RESOURCE) || credentials_capable(CAP_SYS_ADMIN))
        return 0;
    return -ETOOMANYREFS;
}

static void release_files(struct rights *rights)
{
    for (unsigned i = 0; i < rights->count; i++)
        file_release(rights->files[i]);
    free_rights(rights);
}

void rights_release(struct rights *rights)
{
    struct list *link;

    if (!rights)
        return;
    mutex_lock(&rights_lock);
    list_push_back(&dying, &rights->link);
    if (!releasing) {
        releasing = true;
        while ((link = list_pop_front(&dying))) {
            mutex_unlock(&rights_lock);
            release_files(container_of(link, struct rights, link));
            mutex_lock(&rights_lock);
        }
        releasing = false;
    }
    mutex_unlock(&rights_lock);
}

/* Departure and arrival */

static void count(struct file *file, int change)
{
    struct socket *socket = socket_of_file(file);

    if (!socket)
        return;
    socket->in_flight += (unsigned)change;
    list_remove(&socket->in_flight_link);
    if (socket->in_flight)
        list_push_back(&in_flight, &socket->in_flight_link);
}

static void count_all(struct rights *rights, int change)
{
    for (unsigned i = 0; i < rights->count; i++)
        count(rights->files[i], change);
    __atomic_fetch_add(&rights->sender->account->in_flight,
                       (uint64_t)((int64_t)change * rights->count), __ATOMIC_RELAXED);
}

void rights_depart(struct rights *rights)
{
    mutex_lock(&rights_lock);
    count_all(rights, 1);
    mutex_unlock(&rights_lock);
}

struct rights *rights_arrive(struct message *message)
{
    mutex_lock(&rights_lock);
    struct rights *rights = message->rights;
    message->rights = NULL;
    if (rights && message->sender)
        count_all(rights, -1);
    mutex_unlock(&rights_lock);
    return rights;
}

int rights_copy(struct message *message, struct rights **copy)
{
    int error = 0;

    *copy = NULL;
    mutex_lock(&rights_lock);
    const struct rights *rights = message->rights;
    if (rights) {
        *copy = allocate(rights->count);
        error = *copy ? 0 : -ENOMEM;
    }
    for (unsigned i = 0; *copy && i < rights->count; i++) {
        file_reference(rights->files[i]);
        (*copy)->files[(*copy)->count++] = rights->files[i];
    }
    mutex_unlock(&rights_lock);
    return error;
}

void rights_set_file(struct socket *socket, struct file *file)
{
    mutex_lock(&rights_lock);
    socket->file = file;
    mutex_unlock(&rights_lock);
}

struct file *rights_get_file(struct socket *socket)
{
    mutex_lock(&rights_lock);
    struct file *file = socket->file;
    if (file && !file_try_reference(file))
        file = NULL;
    mutex_unlock(&rights_lock);
    return file;
}

/* Collection; socket_lock and rights_lock held */

typedef void target_function(struct socket *target);

/* For each suspect whose file is in the queue. */
static void visit_queue(struct socket *socket, target_function *function)
{
    spin_lock(&socket->lock);
    list_for_each (link, &socket->messages) {
        const struct rights *rights = container_of(link, struct message, link)->rights;
        for (unsigned i = 0; rights && i < rights->count; i++) {
            struct socket *target = socket_of_file(rights->files[i]);
            if (target && target->suspect)
                function(target);
        }
    }
    spin_unlock(&socket->lock);
}

/* The messages for connections that are not accepted yet belong to the listening socket. */
static void visit(struct socket *socket, target_function *function)
{
    visit_queue(socket, function);
    list_for_each (link, &socket->pending)
        visit_queue(container_of(link, struct socket, pending_link), function);
}

static void explain(struct socket *target)
{
    target->unexplained--;
}

static void unexplain(struct socket *target)
{
    target->unexplained++;
}

static void find_suspects(void)
{
    list_for_each (link, &in_flight) {
        struct socket *socket = container_of(link, struct socket, in_flight_link);
        uint64_t references =
            socket->file ? __atomic_load_n(&socket->file->references, __ATOMIC_ACQUIRE) : 0;
        socket->suspect = references == socket->in_flight;
        socket->unexplained = socket->in_flight;
    }
    list_for_each (link, &in_flight) {
        struct socket *socket = container_of(link, struct socket, in_flight_link);
        if (socket->suspect)
            visit(socket, explain);
    }
}

/* Clear those that can be reached, until nothing changes. */
static void clear_reachable(void)
{
    bool changed = true;

    while (changed) {
        changed = false;
        list_for_each (link, &in_flight) {
            struct socket *socket = container_of(link, struct socket, in_flight_link);
            if (!socket->suspect || !socket->unexplained)
                continue;
            socket->suspect = false;
            changed = true;
            visit(socket, unexplain);
        }
    }
}

/* Take the files out of a queue. */
static void empty_queue(struct socket *socket, struct list *garbage)
{
    spin_lock(&socket->lock);
    list_for_each (link, &socket->messages) {
        struct message *message = container_of(link, struct message, link);
        if (message->rights)
            list_push_back(garbage, &message->rights->link);
        message->rights = NULL;
    }
    spin_unlock(&socket->lock);
}

static void take_garbage(struct list *garbage)
{
    list_for_each (link, &in_flight) {
        struct socket *socket = container_of(link, struct socket, in_flight_link);
        if (!socket->suspect)
            continue;
        empty_queue(socket, garbage);
        list_for_each (pending, &socket->pending)
            empty_queue(container_of(pending, struct socket, pending_link), garbage);
    }
    list_for_each (link, garbage)
        count_all(container_of(link, struct rights, link), -1);
}

void rights_collect(void)
{
    struct list garbage = LIST_INITIALIZER(garbage), *link;

    mutex_lock(&socket_lock);
    mutex_lock(&rights_lock);
    if (!list_empty(&in_flight)) {
        find_suspects();
        clear_reachable();
        take_garbage(&garbage);
    }
    mutex_unlock(&rights_lock);
    mutex_unlock(&socket_lock);
    while ((link = list_pop_front(&garbage)))
        rights_release(container_of(link, struct rights, link));
}
