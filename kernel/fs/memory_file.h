/*
 * Files in memory that never have a name: memfd_create(2).
 */
#ifndef MAPIX_FS_MEMORY_FILE_H
#define MAPIX_FS_MEMORY_FILE_H

#include "fs/file.h"

/* Open a new one for reading and writing; name (at most MEMORY_FILE_NAME_MAX bytes) is for /proc
 * only. -ENOMEM. */
#define MEMORY_FILE_NAME_MAX 249u
int memory_file_create(const char *name, uint32_t mode, uint32_t seals, struct file **file);

/* Mount the tmpfs that they are in. Boot only. */
void memory_files_init(void);

#endif
