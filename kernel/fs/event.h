/*
 * Event counters: the files of eventfd2(2).
 */
#ifndef MAPIX_FS_EVENT_H
#define MAPIX_FS_EVENT_H

#include "fs/file.h"

/* A counter's file. semaphore: a read takes 1, not all. flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *event_create(uint64_t count, bool semaphore, uint32_t flags);

/* Is it one? Then add 1, as a write would that never waits: what does not fit is lost. */
bool file_is_event(const struct file *file);
void event_count(struct file *file);

/* Set up the memory. Boot only. */
void event_init(void);

#endif
