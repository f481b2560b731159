/* Asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2). */
#ifndef MAPIX_ABI_AIO_H
#define MAPIX_ABI_AIO_H

#include <stdint.h>

enum {
    IOCB_PREAD = 0,
    IOCB_PWRITE,
    IOCB_FSYNC,
    IOCB_FDSYNC,
    IOCB_POLL = 5,
    IOCB_PREADV = 7,
    IOCB_PWRITEV
};

#define IOCB_FLAG_RESFD  1
#define IOCB_FLAG_IOPRIO 2

struct iocb {
    uint64_t data;
    uint32_t key; /* written by io_submit, looked at by io_cancel: 0 */
    uint32_t transfer_flags;
    uint16_t operation;
    int16_t priority;
    int32_t descriptor;
    uint64_t buffer, size;
    int64_t offset;
    uint64_t reserved;
    uint32_t flags;
    int32_t event_descriptor;
};
_Static_assert(sizeof(struct iocb) == 64, "struct iocb");

struct io_event {
    uint64_t data, iocb;
    int64_t result, unused;
};

/* At the address that is the identifier of a context; the events are behind it. The program may
 * take events by itself, from head on. */
struct io_ring {
    uint32_t id, count, head, tail;
    uint32_t magic, compatible, incompatible, header_length;
};
_Static_assert(sizeof(struct io_ring) == sizeof(struct io_event), "the header takes a place");

#define IO_RING_MAGIC      0xa10a10a1u
#define IO_RING_COMPATIBLE 1u

#endif
