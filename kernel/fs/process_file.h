/*
 * Files that stand for processes: those of pidfd_open(2).
 */
#ifndef MAPIX_FS_PROCESS_FILE_H
#define MAPIX_FS_PROCESS_FILE_H

#include "fs/file.h"

struct process;

/* The file of a process, which is referenced: it is ready for reading when the process has ended.
 * flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *process_file_create(struct process *process, uint32_t flags);

/* The file of a process that a descriptor is for, referenced: 0 or -EBADF. */
int process_file_get(int descriptor, struct file **file);

/* The process of such a file, good as long as the file is; NULL: it is another file. */
struct process *process_of_file(const struct file *file);

#endif
