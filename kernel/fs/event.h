/*
 * Event counters: the files of eventfd2(2).
 */
#ifndef MAPIX_FS_EVENT_H
#define MAPIX_FS_EVENT_H

#include "fs/file.h"

/* A counter's file. semaphore: a read takes 1, not all. flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *event_create(uint64_t count, bool semaphore, uint32_t flags);

/* Set up the memory. Boot only. */
void event_init(void);

#endif
