/*
 * Loop devices: disks whose sectors are the bytes of a file (loop(4)).
 */
#ifndef MAPIX_DEV_LOOP_H
#define MAPIX_DEV_LOOP_H

#include "abi/loop.h"
#include "dev/block.h"

struct file;

#define LOOP_MAJOR 7

/* Is it one of them? */
bool block_is_loop(const struct block_device *device);

/* Make the device the file (referenced by it from then on), or the part of it that info tells:
 * -EBUSY: it has one, -EINVAL: no file that has sectors, -ENOMEM. file is not writable: the device
 * is read-only, too. */
int loop_attach(struct block_device *device, struct file *file, const struct loop_info64 *info);

/* Take the file away, or let the last user of the device do it. -ENXIO: it has none. */
int loop_detach(struct block_device *device);

/* Which file and which part of it: -ENXIO. */
int loop_status(struct block_device *device, struct loop_info64 *info);
/* The path of its file, with a NUL: the length, -ENOENT, -ENAMETOOLONG. */
long loop_file_path(struct block_device *device, char *buffer, size_t size);

int loop_set_status(struct block_device *device, const struct loop_info64 *info);

/* The file has another size now. -ENXIO. */
int loop_set_capacity(struct block_device *device);

/* The number of a device without a file: -ENOSPC: each has one. */
int loop_find_free(void);

/* Make them known. Boot only. */
void loop_init(void);

#endif
