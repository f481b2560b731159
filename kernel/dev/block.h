/*
 * Block devices: requests of consecutive 512-byte sectors against scattered pieces of memory.
 */
#ifndef MAPIX_DEV_BLOCK_H
#define MAPIX_DEV_BLOCK_H

#include "core/wait.h"
#include "lib/list.h"
#include "vm/object.h"

#define SECTOR_SIZE        512u
#define BLOCK_SEGMENTS_MAX 32

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };

struct block_device;

struct block_segment {
    struct page *page;
    uint32_t offset, length; /* bytes in the page; length a multiple of 512 */
};

/* One request. The memory is the caller's, and must stay until done is called. */
struct block_request {
    struct list link; /* of the driver */
    struct block_device *device;
    enum block_operation operation;
    uint64_t sector;
    unsigned count;
    struct block_segment segments[BLOCK_SEGMENTS_MAX];
    void (*done)(struct block_request *request,
                 int error); /* any context, interrupts off; 0 or -EIO */
    void *context;
    uint64_t started; /* of block.c: time_now() */
};

/* What a device has done, for /proc/diskstats; by operation. Times are in nanoseconds, from the
 * submission to the end. */
struct block_counts {
    uint64_t requests[3], sectors[3], time[3];
    uint64_t in_flight, busy_time; /* now; how long at least one was */
    uint64_t busy_since;           /* while in_flight > 0 */
};

struct block_device {
    const char *name; /* "vda" */
    uint64_t sectors;
    bool read_only;
    uint64_t number; /* device number: makedev(254, n * 16) for disk n */
    /* Its pages: the metadata cache of a file system on it, and reads of /dev/NAME. Only the KiB
     * of a page whose bit is set in block_flags (bit n: KiB n) are written; the pager takes and
     * clears them with the object locked. */
    struct object object;
    void (*submit)(struct block_device *device,
                   struct block_request *request); /* may sleep when the queue is full */
    /* The last user has gone (block_let_go); may be NULL, may sleep. */
    void (*unused)(struct block_device *device);
    uint64_t users; /* atomic: open files, mounts, swap areas */
    void *driver;
    struct list link;
    struct spinlock count_lock;
    struct block_counts counts; /* (count_lock) */
};

/* Make a device known; its object is set up here, with a pager over submit. Boot only. */
void block_register(struct block_device *device);
struct block_device *block_find(const char *name);
struct block_device *block_find_number(uint64_t number);
struct block_device *block_next(struct block_device *previous); /* NULL: the first */

/* Begin and end to use a device: its file, if it is a loop device, stays meanwhile. */
void block_hold(struct block_device *device);
void block_let_go(struct block_device *device);
uint64_t block_users(const struct block_device *device);

/* Pages of disks as such in memory: metadata of file systems, mostly. */
uint64_t block_cached_pages(void);

/* Start a request; -EIO requests (behind the end, write to a read-only disk) are finished at once.
 */
void block_submit(struct block_request *request);

/* A driver has done the request, with 0 or -EIO: count it and call done. Interrupts off. */
void block_finish(struct block_request *request, int error);

/* A copy of the counts. */
void block_get_counts(struct block_device *device, struct block_counts *counts);

/* Submit a request, whose done and context are set here, and wait for it: sleeps. 0 or -EIO. */
int block_perform(struct block_request *request);

/* Make everything written so far durable: sleeps. 0 or -EIO. */
int block_flush(struct block_device *device);

void virtio_init(void); /* find and start all virtio devices */

#endif
