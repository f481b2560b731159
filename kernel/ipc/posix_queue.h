/*
 * POSIX message queues (mq_overview(7)): named queues of messages with priorities, used through
 * descriptors.
 *
 * The names are in a set of their own, not in a file system. A queue lives as long as it has a name
 * or an open file. Who may open it is judged by its owner and mode.
 */
#ifndef MAPIX_IPC_POSIX_QUEUE_H
#define MAPIX_IPC_POSIX_QUEUE_H

#include "abi/mqueue.h"
#include "abi/signal.h"
#include "lib/list.h"
#include <stdbool.h>
#include <stddef.h>

struct file;

#define QUEUE_NAME_MAX 255

/* Limits of those without CAP_SYS_RESOURCE (/proc/sys/fs/mqueue), and of all. */
extern unsigned posix_queues_limit;   /* atomic: queues */
extern unsigned posix_messages_limit; /* atomic: messages in a queue */
extern unsigned posix_size_limit;     /* atomic: bytes in a message */
#define POSIX_QUEUES_SETTABLE   65536u
#define POSIX_MESSAGES_SETTABLE 65536u
#define POSIX_SIZE_SETTABLE     (1u << 24)

struct posix_message {
    struct list link;
    unsigned priority;
    size_t size;
    char text[];
};

/*
 * Open the queue of this name, or make it (O_CREAT of flags): mode has the umask applied;
 * attributes may be NULL. *file is referenced. -EACCES, -EEXIST, -EINVAL, -EMFILE
 * (RLIMIT_MSGQUEUE), -ENOENT, -ENOMEM, -ENOSPC.
 */
int posix_queue_open(const char *name, unsigned flags, uint32_t mode,
                     const struct mq_attr *attributes, struct file **file);

/* Take the name away: -ENOENT, -EPERM. */
int posix_queue_unlink(const char *name);

bool file_is_posix_queue(const struct file *file);

/* The most bytes of a message of the queue. */
size_t posix_queue_size_most(const struct file *file);

/* Put a message in, or take the first of the highest priority out, waiting until the deadline: the
 * message becomes the queue's, or the caller's, if it succeeds. -EAGAIN, -ETIMEDOUT, -EINTR. */
int posix_queue_send(struct file *file, struct posix_message *message, uint64_t deadline);
int posix_queue_receive(struct file *file, struct posix_message **message, uint64_t deadline);

/* Tell the current process once of a message that comes into the empty queue while nobody waits for
 * it: with a signal, or number 0: with none. -EBUSY: somebody is to be told already. */
int posix_queue_notify(struct file *file, int number, uint64_t value);
void posix_queue_stop_notifying(struct file *file);

void posix_queue_get_attributes(struct file *file, struct mq_attr *attributes);

/* Set up the memory and locks. Boot only. */
void posix_queues_init(void);

#endif
