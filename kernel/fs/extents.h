/*
 * Extents: which bytes of a file have space, and where (FS_IOC_FIEMAP).
 */
#ifndef MAPIX_FS_EXTENTS_H
#define MAPIX_FS_EXTENTS_H

#include "fs/file.h"

long extents_control(struct file *file, uint64_t address);

#endif
