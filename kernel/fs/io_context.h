/*
 * Contexts of asynchronous I/O (io_setup(2)): a ring of events in memory that the program maps, in
 * which the kernel tells what has become of requests.
 *
 *   io_context_begin     a place of the ring is kept for a request
 *   io_context_complete  the event is in the ring, and waiters are woken
 *   io_context_take      events go to who asks; or the program takes them out of the ring
 *
 * A context belongs to a process, and ends with its address space. Its identifier is the address of
 * the ring, as programs expect who look into it.
 */
#ifndef MAPIX_FS_IO_CONTEXT_H
#define MAPIX_FS_IO_CONTEXT_H

#include "abi/aio.h"
#include "core/lock.h"
#include "core/wait.h"

struct file;
struct object;
struct page;
struct process;

struct io_context {
    struct list link;      /* process->io_contexts, under the lock of all contexts */
    struct list polls;     /* fs/io_poll.c, under its lock */
    uint64_t references;   /* atomic */
    uint64_t address;      /* constant */
    unsigned requests;     /* constant: how many were asked for */
    unsigned count;        /* constant: places of the ring */
    struct object *object; /* constant */
    struct page **pages;   /* constant, referenced: of the ring */
    unsigned page_count;   /* constant */
    struct mutex taking;   /* taking events out */
    struct spinlock lock;
    unsigned tail;             /* (lock) where the next event goes */
    unsigned pending;          /* (lock) requests that have begun */
    bool dead;                 /* atomic */
    struct wait_queue changed; /* an event has come, or it is dead */
};

/* A request as its event shows it, and who is told of it. */
struct io_request {
    struct io_context *context; /* referenced */
    struct file *file;          /* referenced */
    struct file *event;         /* referenced: an eventfd(2) that counts events; or NULL */
    uint64_t data, iocb;
};

/* A context of the current process for so many requests: -EAGAIN (too many in the system),
 * -EINVAL, -ENOMEM. */
int io_context_create(unsigned requests, uint64_t *id);

/* That of the current process with this identifier, referenced; NULL: none. */
struct io_context *io_context_get(uint64_t id);
void io_context_reference(struct io_context *context);
void io_context_release(struct io_context *context);

/* Keep a place for a request: -EAGAIN. Then it is completed, with its references released, or it is
 * given up and nothing is told. */
int io_context_begin(struct io_context *context);
void io_context_complete(const struct io_request *request, int64_t result);
void io_context_give_up(struct io_context *context);

/* Copy up to count events to user memory: how many, -EFAULT, -EINVAL: dead. */
long io_context_take(struct io_context *context, uint64_t address, unsigned count);

/* Is there something for io_context_take? */
bool io_context_has_events(struct io_context *context);

/* io_destroy(2), of a referenced context of the current process: -EINVAL: somebody was first. */
int io_context_destroy(struct io_context *context);

/* The address space of the current process has ended, and all contexts with it. */
void io_context_end_all(struct process *process);

/* How many requests the contexts of all processes are for, and may be for: fs.aio-nr,
 * fs.aio-max-nr. Atomic. */
extern uint64_t io_requests, io_requests_most;

/* Set up the locks. Boot only. */
void io_context_init(void);

#endif
