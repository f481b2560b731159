/*
 * System V message queues. As with semaphores one lock, that of the table, is enough; who has to
 * wait notes how often the queue has changed, and looks again after the next change.
 */
#include "ipc/msg.h"
#include "abi/errno.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/wait.h"
#include "ipc/table.h"
#include "lib/string.h"
#include "vm/kmem.h"

struct queue {
    struct ipc_entry entry; /* first */
    unsigned references;    /* the table's, and one for each call that waits */
    uint64_t changes;       /* atomic: also read without the lock */
    bool removed;
    uint64_t bytes, count, bytes_most;
    int64_t send_time, receive_time, change_time;
    int32_t sender, receiver;
    struct list messages;
    struct wait_queue changed;
};

struct ipc_table msg_queues;
unsigned msg_size_limit = MSG_SIZE_MOST, msg_bytes_limit = MSG_BYTES_MOST;
static unsigned message_count, byte_count; /* in all queues */

void msg_init(void)
{
    ipc_table_init(&msg_queues, "message queues", MSG_QUEUES);
}

static struct queue *find(int id)
{
    struct ipc_entry *entry = ipc_find(&msg_queues, id);
    return entry ? container_of(entry, struct queue, entry) : NULL;
}

static void release(struct queue *queue)
{
    if (--queue->references == 0)
        kfree(queue);
}

static void announce(struct queue *queue)
{
    __atomic_fetch_add(&queue->changes, 1, __ATOMIC_RELEASE);
    wake_all(&queue->changed);
}

/* Table locked. */
static long create(int key, unsigned flags)
{
    struct queue *queue = kmalloc_zeroed(sizeof(*queue));

    if (!queue)
        return -ENOMEM;
    int error = ipc_insert(&msg_queues, &queue->entry, key, flags & 0777);
    if (error) {
        kfree(queue);
        return error;
    }
    queue->references = 1;
    queue->bytes_most = __atomic_load_n(&msg_bytes_limit, __ATOMIC_RELAXED);
    queue->change_time = time_stamp().seconds;
    list_init(&queue->messages);
    wait_queue_init(&queue->changed, "messages");
    return queue->entry.id;
}

static long get(int key, unsigned flags)
{
    struct ipc_entry *entry = key == IPC_PRIVATE ? NULL : ipc_find_key(&msg_queues, key);

    if (!entry)
        return key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(key, flags) : -ENOENT;
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    int error = ipc_permission(entry, flags & 0777);
    return error ? error : entry->id;
}

long msg_get(int key, unsigned flags)
{
    mutex_lock(&msg_queues.lock);
    long result = get(key, flags);
    mutex_unlock(&msg_queues.lock);
    return result;
}

/* Sleep until the queue changes, giving up the lock: 0, -EINTR_HANDLER, -EIDRM. */
static int await_change(struct queue *queue)
{
    uint64_t seen = __atomic_load_n(&queue->changes, __ATOMIC_ACQUIRE);

    queue->references++;
    mutex_unlock(&msg_queues.lock);
    int error = wait_event_interruptible(
        &queue->changed, __atomic_load_n(&queue->changes, __ATOMIC_ACQUIRE) != seen);
    mutex_lock(&msg_queues.lock);
    if (queue->removed)
        error = -EIDRM;
    release(queue);
    return error == -EINTR ? -EINTR_HANDLER : error;
}

/* Empty messages do not fill a queue: so their number is limited as well. */
static bool has_room(const struct queue *queue, size_t size)
{
    return queue->bytes + size <= queue->bytes_most && queue->count + 1 <= queue->bytes_most;
}

static void append(struct queue *queue, struct message *message)
{
    list_push_back(&queue->messages, &message->link);
    queue->bytes += message->size;
    queue->count++;
    queue->sender = current_process()->pid;
    queue->send_time = time_stamp().seconds;
    byte_count += (unsigned)message->size;
    message_count++;
    announce(queue);
}

int msg_send(int id, struct message *message, unsigned flags)
{
    mutex_lock(&msg_queues.lock);
    struct queue *queue = find(id);
    int error = queue ? ipc_permission(&queue->entry, 0222) : -EINVAL;
    while (!error && !has_room(queue, message->size))
        error = flags & IPC_NOWAIT ? -EAGAIN : await_change(queue);
    if (!error)
        append(queue, message);
    mutex_unlock(&msg_queues.lock);
    return error;
}

/* Does the type asked for mean this message? Of several with types at most -type, the lowest. */
static bool is_meant(const struct message *message, int64_t type, unsigned flags)
{
    if (type == 0)
        return true;
    if (type < 0)
        return type == INT64_MIN || message->type <= -type;
    return (message->type == type) != !!(flags & MSG_EXCEPT);
}

static struct message *choose(struct queue *queue, int64_t type, unsigned flags)
{
    struct message *best = NULL;

    if (flags & MSG_COPY) {
        uint64_t place = (uint64_t)type; /* of the message; a negative one is behind all */
        list_for_each (link, &queue->messages) {
            if (place-- == 0)
                return container_of(link, struct message, link);
        }
        return NULL;
    }
    list_for_each (link, &queue->messages) {
        struct message *message = container_of(link, struct message, link);
        if (!is_meant(message, type, flags) || (best && message->type >= best->type))
            continue;
        best = message;
        if (type >= 0)
            break;
    }
    return best;
}

static void take(struct queue *queue, struct message *message)
{
    list_remove(&message->link);
    queue->bytes -= message->size;
    queue->count--;
    queue->receiver = current_process()->pid;
    queue->receive_time = time_stamp().seconds;
    byte_count -= (unsigned)message->size;
    message_count--;
    announce(queue);
}

/* Take the message, or a copy (MSG_COPY): 0, -E2BIG, -ENOMEM. */
static int receive(struct queue *queue, struct message *found, size_t size, unsigned flags,
                   struct message **message)
{
    if (found->size > size && !(flags & MSG_NOERROR))
        return -E2BIG;
    if (!(flags & MSG_COPY)) {
        take(queue, found);
        *message = found;
        return 0;
    }
    size_t whole = sizeof(*found) + found->size;
    if (!(*message = kmalloc(whole)))
        return -ENOMEM;
    memcpy(*message, found, whole);
    return 0;
}

int msg_receive(int id, size_t size, int64_t type, unsigned flags, struct message **message)
{
    struct message *found = NULL;

    mutex_lock(&msg_queues.lock);
    struct queue *queue = find(id);
    int error = queue ? ipc_permission(&queue->entry, 0444) : -EINVAL;
    while (!error && !(found = choose(queue, type, flags)))
        error = flags & IPC_NOWAIT ? -ENOMSG : await_change(queue);
    if (!error)
        error = receive(queue, found, size, flags, message);
    mutex_unlock(&msg_queues.lock);
    return error;
}

int msg_status(int id, bool by_index, bool any, struct msqid_ds *status, int *found)
{
    int error = -EINVAL;

    mutex_lock(&msg_queues.lock);
    struct ipc_entry *entry = !by_index ? ipc_find(&msg_queues, id)
                              : id >= 0 ? ipc_at(&msg_queues, (unsigned)id)
                                        : NULL;
    if (entry && !(error = any ? 0 : ipc_permission(entry, 0444))) {
        const struct queue *queue = container_of(entry, struct queue, entry);
        *found = entry->id;
        *status = (struct msqid_ds){.send_time = queue->send_time,
                                    .receive_time = queue->receive_time,
                                    .change_time = queue->change_time,
                                    .bytes = queue->bytes,
                                    .count = queue->count,
                                    .bytes_most = queue->bytes_most,
                                    .sender = queue->sender,
                                    .receiver = queue->receiver};
        ipc_status(entry, &status->perm);
    }
    mutex_unlock(&msg_queues.lock);
    return error;
}

int msg_set(int id, const struct msqid_ds *status)
{
    mutex_lock(&msg_queues.lock);
    struct queue *queue = find(id);
    int error = queue ? ipc_control_permission(&queue->entry) : -EINVAL;
    if (!error && status->bytes_most > msg_bytes_limit && !credentials_capable(CAP_SYS_RESOURCE))
        error = -EPERM;
    if (!error) {
        ipc_set(&queue->entry, &status->perm);
        queue->bytes_most = status->bytes_most;
        queue->change_time = time_stamp().seconds;
        announce(queue);
    }
    mutex_unlock(&msg_queues.lock);
    return error;
}

int msg_remove(int id)
{
    struct list *link;

    mutex_lock(&msg_queues.lock);
    struct queue *queue = find(id);
    int error = queue ? ipc_control_permission(&queue->entry) : -EINVAL;
    if (!error) {
        ipc_remove(&msg_queues, &queue->entry);
        byte_count -= (unsigned)queue->bytes;
        message_count -= (unsigned)queue->count;
        while ((link = list_pop_front(&queue->messages)))
            kfree(container_of(link, struct message, link));
        queue->removed = true;
        announce(queue);
        release(queue);
    }
    mutex_unlock(&msg_queues.lock);
    return error;
}

unsigned msg_totals(unsigned *queue_count, unsigned *messages, unsigned *bytes)
{
    mutex_lock(&msg_queues.lock);
    unsigned highest = ipc_highest(&msg_queues);
    *queue_count = msg_queues.count;
    *messages = message_count;
    *bytes = byte_count;
    mutex_unlock(&msg_queues.lock);
    return highest;
}
