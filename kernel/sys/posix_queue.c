/*
 * mq_open(2), mq_unlink(2), mq_timedsend(2), mq_timedreceive(2), mq_notify(2), mq_getsetattr(2).
 */
#include "ipc/posix_queue.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/path_context.h"
#include "lib/string.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "vm/kmem.h"

/* A name, as the C library hands it over, without the slash before it. */
static int read_name(vaddr_t address, char name[QUEUE_NAME_MAX + 1])
{
    long length = copy_string_from_user(name, address, QUEUE_NAME_MAX + 1);

    if (length < 0)
        return (int)length;
    if (length == 1)
        return -ENOENT; /* only the NUL */
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    for (const char *c = name; *c; c++)
        dots |= *c == '/';
    return dots ? -EACCES : 0;
}

long sys_mq_open(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[1];
    uint32_t mode = (uint32_t)argument[2] & ~current_thread()->path_context->umask;
    char name[QUEUE_NAME_MAX + 1];
    struct mq_attr attributes;
    struct file *file = NULL;

    if (argument[3] && copy_from_user(&attributes, argument[3], sizeof(attributes)))
        return -EFAULT;
    int error = read_name(argument[0], name);
    if (error)
        return error;
    /* Without a descriptor, no queue may be made. */
    int descriptor = file_reserve(true);
    if (descriptor < 0)
        return descriptor;
    error = posix_queue_open(name, flags, mode, argument[3] ? &attributes : NULL, &file);
    file_fill(descriptor, error ? NULL : file);
    return error ? error : descriptor;
}

long sys_mq_unlink(const uint64_t argument[6])
{
    char name[QUEUE_NAME_MAX + 1];
    int error = read_name(argument[0], name);

    return error ? error : posix_queue_unlink(name);
}

/* The queue at a descriptor that is open for this, referenced: -EBADF. access: O_RDONLY or
 * O_WRONLY, or O_ACCMODE: any. */
static int get_queue(uint64_t descriptor, unsigned access, struct file **file)
{
    *file = file_get((int)descriptor);
    if (!*file)
        return -EBADF;
    unsigned mode = (*file)->flags & O_ACCMODE;
    if (file_is_posix_queue(*file) && (access == O_ACCMODE || mode == access || mode == O_RDWR))
        return 0;
    file_release(*file);
    return -EBADF;
}

/* A moment of the real-time clock; without one: never. */
static int read_deadline(vaddr_t address, uint64_t *deadline)
{
    uint64_t moment, real = time_real(), now = time_now();

    *deadline = WAIT_FOREVER;
    if (!address)
        return 0;
    int error = timespec_from_user(address, &moment);
    if (error)
        return error;
    moment = moment > real ? moment - real : 0;
    *deadline = moment < WAIT_FOREVER - now ? now + moment : WAIT_FOREVER;
    return 0;
}

static int send(struct file *file, vaddr_t text, size_t size, unsigned priority, uint64_t deadline)
{
    int error = 0;

    if (size > posix_queue_size_most(file))
        return -EMSGSIZE;
    struct posix_message *message = kmalloc(sizeof(*message) + size);
    if (!message)
        return -ENOMEM;
    message->priority = priority;
    message->size = size;
    if (copy_from_user(message->text, text, size))
        error = -EFAULT;
    if (!error)
        error = posix_queue_send(file, message, deadline);
    if (error)
        kfree(message);
    return error;
}

long sys_mq_timedsend(const uint64_t argument[6])
{
    unsigned priority = (unsigned)argument[3];
    uint64_t deadline;
    struct file *file;
    int error = read_deadline(argument[4], &deadline);

    if (!error && priority >= MQ_PRIO_MAX)
        error = -EINVAL;
    if (!error)
        error = get_queue(argument[0], O_WRONLY, &file);
    if (error)
        return error;
    error = send(file, argument[1], argument[2], priority, deadline);
    file_release(file);
    return error;
}

static long receive(struct file *file, vaddr_t text, size_t size, vaddr_t priority,
                    uint64_t deadline)
{
    struct posix_message *message;

    if (size < posix_queue_size_most(file))
        return -EMSGSIZE;
    long result = posix_queue_receive(file, &message, deadline);
    if (result)
        return result;
    result = (long)message->size;
    if (copy_to_user(text, message->text, message->size) ||
        (priority && copy_to_user(priority, &message->priority, sizeof(message->priority))))
        result = -EFAULT;
    kfree(message);
    return result;
}

long sys_mq_timedreceive(const uint64_t argument[6])
{
    uint64_t deadline;
    struct file *file;
    long result = read_deadline(argument[4], &deadline);

    if (!result)
        result = get_queue(argument[0], O_RDONLY, &file);
    if (result)
        return result;
    result = receive(file, argument[1], argument[2], argument[3], deadline);
    file_release(file);
    return result;
}

/* SIGEV_THREAD tells over a socket of netlink, which is not here. */
static int check_event(const struct sigevent *event)
{
    bool known = event->notify == SIGEV_NONE || event->notify == SIGEV_SIGNAL;
    bool number = event->number >= 0 && event->number <= SIGMAX;

    return known && (event->notify != SIGEV_SIGNAL || number) ? 0 : -EINVAL;
}

long sys_mq_notify(const uint64_t argument[6])
{
    struct sigevent event;
    struct file *file;

    if (argument[1] && copy_from_user(&event, argument[1], sizeof(event)))
        return -EFAULT;
    int error = argument[1] ? check_event(&event) : 0;
    if (!error)
        error = get_queue(argument[0], O_ACCMODE, &file);
    if (error)
        return error;
    if (argument[1])
        error =
            posix_queue_notify(file, event.notify == SIGEV_SIGNAL ? event.number : 0, event.value);
    else
        posix_queue_stop_notifying(file);
    file_release(file);
    return error;
}

static void set_blocking(struct file *file, bool nonblocking)
{
    if (nonblocking)
        __atomic_fetch_or(&file->flags, O_NONBLOCK, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&file->flags, ~(uint32_t)O_NONBLOCK, __ATOMIC_RELAXED);
}

long sys_mq_getsetattr(const uint64_t argument[6])
{
    struct mq_attr wanted = {0}, old;
    struct file *file;

    if (argument[1] && copy_from_user(&wanted, argument[1], sizeof(wanted)))
        return -EFAULT;
    if (wanted.flags & ~(int64_t)O_NONBLOCK)
        return -EINVAL;
    int error = get_queue(argument[0], O_ACCMODE, &file);
    if (error)
        return error;
    posix_queue_get_attributes(file, &old);
    if (argument[1])
        set_blocking(file, wanted.flags);
    file_release(file);
    return argument[2] ? copy_to_user(argument[2], &old, sizeof(old)) : 0;
}
