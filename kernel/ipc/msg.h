/*
 * System V message queues (sysvipc(7)).
 */
#ifndef MAPIX_IPC_MSG_H
#define MAPIX_IPC_MSG_H

#include "abi/ipc.h"
#include "ipc/table.h"
#include "lib/list.h"
#include <stdbool.h>
#include <stddef.h>

#define MSG_QUEUES        32000u /* kernel.msgmni */
#define MSG_SIZE_MOST     8192u  /* kernel.msgmax at first */
#define MSG_SIZE_SETTABLE (1u << 20)
#define MSG_BYTES_MOST    16384u /* kernel.msgmnb at first */

struct message {
    struct list link;
    int64_t type;
    size_t size;
    char text[];
};

extern struct ipc_table msg_queues;
extern unsigned msg_size_limit;  /* atomic; kernel.msgmax: bytes in a message */
extern unsigned msg_bytes_limit; /* atomic; kernel.msgmnb: bytes in a new queue */

/* msgget(2): the identifier, or its errno. */
long msg_get(int key, unsigned flags);

/* msgsnd(2): the message, allocated with kmalloc, is the queue's if it succeeds. */
int msg_send(int id, struct message *message, unsigned flags);

/* msgrcv(2): *message is the caller's, to be freed; it may be longer than size with MSG_NOERROR. */
int msg_receive(int id, size_t size, int64_t type, unsigned flags, struct message **message);

/* Parts of msgctl(2). by_index: id is a place in the table. */
int msg_status(int id, bool by_index, bool any, struct msqid_ds *status, int *found);
int msg_set(int id, const struct msqid_ds *status);
int msg_remove(int id);

/* How many there are in all; the highest place in use. */
unsigned msg_totals(unsigned *queues, unsigned *messages, unsigned *bytes);

/* Boot only. */
void msg_init(void);

#endif
