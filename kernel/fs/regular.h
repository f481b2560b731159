/*
 * The operations of open regular files and directories of any file system.
 */
#ifndef MAPIX_FS_REGULAR_H
#define MAPIX_FS_REGULAR_H

#include "fs/file.h"

extern const struct file_operations regular_operations;
extern const struct file_operations directory_operations;

#endif
