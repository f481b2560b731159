/*
 * Requests of asynchronous I/O that wait until a file is ready (IOCB_POLL).
 */
#ifndef MAPIX_FS_IO_POLL_H
#define MAPIX_FS_IO_POLL_H

#include <stdint.h>

struct io_context;
struct io_request;

/* Complete the request with the events (POLL*) that are ready, now or later: 0, or -ENOMEM,
 * -EINVAL (the context is dead); then the references stay the caller's. */
int io_poll_start(const struct io_request *request, unsigned events);

/* io_cancel(2): complete the request of an iocb with no events: 0, -EINVAL: none waits. */
int io_poll_cancel(struct io_context *context, uint64_t iocb);

/* The same with all requests of a context. */
void io_poll_end_all(struct io_context *context);

/* Start the thread that looks. Boot only. */
void io_poll_init(void);

#endif
