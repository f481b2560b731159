/*
 * Files that signals are read from: those of signalfd(2).
 */
#ifndef MAPIX_FS_SIGNAL_FILE_H
#define MAPIX_FS_SIGNAL_FILE_H

#include "fs/file.h"

/* A file for the signals of the set. flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *signal_file_create(uint64_t set, uint32_t flags);
bool file_is_signal(const struct file *file);

/* Give it another set. */
void signal_file_set(struct file *file, uint64_t set);

/* Set up the memory. Boot only. */
void signal_files_init(void);

#endif
