/*
 * POSIX message queues; see posix_queue.h.
 *
 * One lock is enough for all of them: under it messages change hands, but are not copied. It comes
 * before no other sleeping lock than the one of the process tree, which is not taken here.
 *
 * Who sends into a full queue waits on "room", who receives from an empty one on "arrived"; poll
 * joins "changed", which is woken with both.
 */
#include "ipc/posix_queue.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "abi/stat.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/wait.h"
#include "fs/anonymous.h"
#include "ipc/table.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define MESSAGES_DEFAULT 10
#define SIZE_DEFAULT     8192
#define MESSAGE_OVERHEAD 96u /* what a message costs besides its bytes, for RLIMIT_MSGQUEUE */

struct posix_queue {
    struct list link;                  /* (lock) */
    bool named;                        /* (lock) */
    uint64_t files;                    /* (lock) that are open */
    struct ipc_entry identity;         /* (c) owner and mode */
    unsigned messages_most, size_most; /* (c) */
    unsigned count;                    /* (lock) */
    struct list messages; /* (lock) highest priority first, of one priority the oldest */
    unsigned receivers;   /* (lock) that wait */
    struct process *told; /* (lock) referenced: who gets the notification; NULL: nobody */
    int told_number;      /* (lock) its signal; 0: none */
    uint64_t told_value;  /* (lock) */
    struct wait_queue changed;
    char name[QUEUE_NAME_MAX + 1]; /* (c) */
};

unsigned posix_queues_limit = 256, posix_messages_limit = MESSAGES_DEFAULT,
         posix_size_limit = SIZE_DEFAULT;

static struct mutex lock;
static struct list queues = LIST_INITIALIZER(queues); /* (lock) with names, or open */

void posix_queues_init(void)
{
    mutex_init(&lock, "posix queues", RANK_NONE);
}

static struct posix_queue *queue_of(struct list *link)
{
    return container_of(link, struct posix_queue, link);
}

static struct posix_queue *find(const char *name)
{
    list_for_each (link, &queues) {
        struct posix_queue *queue = queue_of(link);
        if (queue->named && strcmp(queue->name, name) == 0)
            return queue;
    }
    return NULL;
}

/* Nobody has anything to do with the queue any more. Locked. */
static void free_if_unused(struct posix_queue *queue)
{
    if (queue->named || queue->files)
        return;
    list_remove(&queue->link);
    list_for_each_safe (link, &queue->messages)
        kfree(container_of(link, struct posix_message, link));
    if (queue->told)
        process_release(queue->told);
    kfree(queue);
}

/* Open files */

static unsigned queue_poll(struct file *file, struct wait_queue **wait)
{
    struct posix_queue *queue = file->state;
    unsigned count = __atomic_load_n(&queue->count, __ATOMIC_RELAXED);

    *wait = &queue->changed;
    return (count ? POLLIN | POLLRDNORM : 0) |
           (count < queue->messages_most ? POLLOUT | POLLWRNORM : 0);
}

static void queue_release(struct file *file)
{
    struct posix_queue *queue = file->state;

    mutex_lock(&lock);
    queue->files--;
    if (queue->told && queue->told == current_process()) { /* a kernel thread has none */
        process_release(queue->told);
        queue->told = NULL;
    }
    free_if_unused(queue);
    mutex_unlock(&lock);
}

static const struct file_operations queue_operations = {.poll = queue_poll,
                                                        .release = queue_release};

bool file_is_posix_queue(const struct file *file)
{
    return file->operations == &queue_operations;
}

size_t posix_queue_size_most(const struct file *file)
{
    return ((const struct posix_queue *)file->state)->size_most;
}

/* Opening */

/* What the user's queues may take up at most, as RLIMIT_MSGQUEUE counts it. */
static uint64_t cost_of(uint64_t messages, uint64_t size)
{
    return messages * (size + MESSAGE_OVERHEAD);
}

/* May there be one more, with this cost? Locked. */
static int check_limits(uint64_t cost)
{
    uint32_t user = credentials_current()->uid;
    unsigned count = 0;

    list_for_each (link, &queues) {
        const struct posix_queue *queue = queue_of(link);
        count++;
        if (queue->identity.cuid == user)
            cost += cost_of(queue->messages_most, queue->size_most);
    }
    if (count >= posix_queues_limit && !credentials_capable(CAP_SYS_RESOURCE))
        return -ENOSPC;
    return cost > process_limit(RLIMIT_MSGQUEUE) ? -EMFILE : 0;
}

static int check_attributes(const struct mq_attr *attributes)
{
    bool privileged = credentials_capable(CAP_SYS_RESOURCE);
    int64_t messages = privileged ? POSIX_MESSAGES_SETTABLE : posix_messages_limit;
    int64_t size = privileged ? POSIX_SIZE_SETTABLE : posix_size_limit;

    return attributes->messages_most <= 0 || attributes->size_most <= 0 ||
                   attributes->messages_most > messages || attributes->size_most > size
               ? -EINVAL
               : 0;
}

static struct mq_attr default_attributes(void)
{
    unsigned messages = posix_messages_limit, size = posix_size_limit;
    return (struct mq_attr){.messages_most =
                                messages < MESSAGES_DEFAULT ? messages : MESSAGES_DEFAULT,
                            .size_most = size < SIZE_DEFAULT ? size : SIZE_DEFAULT};
}

/* Locked. */
static int create(const char *name, uint32_t mode, const struct mq_attr *attributes,
                  struct posix_queue **result)
{
    const struct credentials *credentials = credentials_current();
    struct mq_attr chosen = attributes ? *attributes : default_attributes();
    int error = check_attributes(&chosen);

    if (!error)
        error = check_limits(cost_of((uint64_t)chosen.messages_most, (uint64_t)chosen.size_most));
    if (error)
        return error;
    struct posix_queue *queue = kmalloc_zeroed(sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    queue->identity = (struct ipc_entry){.uid = credentials->euid,
                                         .gid = credentials->egid,
                                         .cuid = credentials->uid,
                                         .cgid = credentials->egid,
                                         .mode = mode & 0777};
    queue->messages_most = (unsigned)chosen.messages_most;
    queue->size_most = (unsigned)chosen.size_most;
    list_init(&queue->messages);
    wait_queue_init(&queue->changed, "posix queue");
    format(queue->name, sizeof(queue->name), "%s", name);
    queue->named = true;
    list_push_back(&queues, &queue->link);
    *result = queue;
    return 0;
}

/* May a queue that is there be opened so? */
static int check_open(const struct posix_queue *queue, unsigned flags)
{
    unsigned mode = flags & O_ACCMODE;

    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (mode == O_ACCMODE)
        return -EINVAL;
    return ipc_permission(&queue->identity, mode == O_RDONLY   ? 0444
                                            : mode == O_WRONLY ? 0222
                                                               : 0666);
}

int posix_queue_open(const char *name, unsigned flags, uint32_t mode,
                     const struct mq_attr *attributes, struct file **file)
{
    int error = -ENOENT;

    mutex_lock(&lock);
    struct posix_queue *queue = find(name);
    bool is_new = !queue;
    if (queue)
        error = check_open(queue, flags);
    else if (flags & O_CREAT)
        error = create(name, mode, attributes, &queue);
    if (!error) {
        *file = anonymous_file(ANONYMOUS_QUEUE, &queue_operations, queue,
                               flags & (O_ACCMODE | O_NONBLOCK));
        queue->files += *file != NULL;
        error = *file ? 0 : -ENOMEM;
        if (error && is_new) {
            queue->named = false;
            free_if_unused(queue);
        }
    }
    mutex_unlock(&lock);
    return error;
}

int posix_queue_unlink(const char *name)
{
    int error = -ENOENT;

    mutex_lock(&lock);
    struct posix_queue *queue = find(name);
    if (queue) {
        bool owner = queue->identity.uid == credentials_current()->euid;
        error = owner || credentials_capable(CAP_FOWNER) ? 0 : -EPERM;
    }
    if (!error) {
        queue->named = false;
        free_if_unused(queue);
    }
    mutex_unlock(&lock);
    return error;
}

/* Messages */

/* Wait until a condition of the queue may hold, unlocked. */
static int wait_for_change(struct file *file, unsigned events, uint64_t deadline)
{
    struct posix_queue *queue = file->state;
    struct wait_queue *wait;
    int result;

    if (file->flags & O_NONBLOCK)
        return -EAGAIN;
    mutex_unlock(&lock);
    result = wait_event_until(&queue->changed, queue_poll(file, &wait) & events, WAIT_INTERRUPTIBLE,
                              deadline);
    mutex_lock(&lock);
    return result;
}

/* The first message has come, and nobody waits: tell who wants to know, once. Locked. */
static void notify(struct posix_queue *queue)
{
    struct process *told = queue->told;
    struct signal_information information = {.number = queue->told_number,
                                             .code = SI_MESGQ,
                                             .pid = current_process()->pid,
                                             .uid = credentials_current()->uid,
                                             .value = queue->told_value};
    if (!told)
        return;
    queue->told = NULL;
    if (queue->told_number)
        (void)signal_send_information(told, queue->told_number, &information);
    process_release(told);
}

/* Behind those of the same priority. Locked. */
static void put(struct posix_queue *queue, struct posix_message *message)
{
    struct list *place = queue->messages.next;

    while (place != &queue->messages &&
           container_of(place, struct posix_message, link)->priority >= message->priority)
        place = place->next;
    list_push_back(place, &message->link); /* before it */
    __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_RELAXED);
    if (queue->count == 1 && queue->receivers == 0)
        notify(queue);
    wake_events(&queue->changed, POLLIN | POLLRDNORM);
}

int posix_queue_send(struct file *file, struct posix_message *message, uint64_t deadline)
{
    struct posix_queue *queue = file->state;
    int error = 0;

    mutex_lock(&lock);
    while (!error && queue->count == queue->messages_most)
        error = wait_for_change(file, POLLOUT, deadline);
    if (!error)
        put(queue, message);
    mutex_unlock(&lock);
    return error;
}

int posix_queue_receive(struct file *file, struct posix_message **message, uint64_t deadline)
{
    struct posix_queue *queue = file->state;
    int error = 0;

    mutex_lock(&lock);
    queue->receivers++;
    while (!error && queue->count == 0)
        error = wait_for_change(file, POLLIN, deadline);
    queue->receivers--;
    if (!error) {
        *message = container_of(queue->messages.next, struct posix_message, link);
        list_remove(&(*message)->link);
        __atomic_store_n(&queue->count, queue->count - 1, __ATOMIC_RELAXED);
        wake_events(&queue->changed, POLLOUT | POLLWRNORM);
    }
    mutex_unlock(&lock);
    return error;
}

/* Notification */

/* Has the process to be told that is to be told? The end of one takes it back. Locked. */
static bool somebody_is_told(struct posix_queue *queue)
{
    if (queue->told && __atomic_load_n(&queue->told->state, __ATOMIC_RELAXED) == PROCESS_ZOMBIE) {
        process_release(queue->told);
        queue->told = NULL;
    }
    return queue->told;
}

int posix_queue_notify(struct file *file, int number, uint64_t value)
{
    struct posix_queue *queue = file->state;
    int error = -EBUSY;

    mutex_lock(&lock);
    if (!somebody_is_told(queue)) {
        queue->told = current_process();
        process_reference(queue->told);
        queue->told_number = number;
        queue->told_value = value;
        error = 0;
    }
    mutex_unlock(&lock);
    return error;
}

void posix_queue_stop_notifying(struct file *file)
{
    struct posix_queue *queue = file->state;

    mutex_lock(&lock);
    if (queue->told == current_process()) {
        process_release(queue->told);
        queue->told = NULL;
    }
    mutex_unlock(&lock);
}

void posix_queue_get_attributes(struct file *file, struct mq_attr *attributes)
{
    const struct posix_queue *queue = file->state;

    *attributes = (struct mq_attr){
        .flags = __atomic_load_n(&file->flags, __ATOMIC_RELAXED) & O_NONBLOCK,
        .messages_most = queue->messages_most,
        .size_most = queue->size_most,
        .messages = __atomic_load_n(&queue->count, __ATOMIC_RELAXED),
    };
}
