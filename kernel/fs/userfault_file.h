/*
 * Files of userfaultfd(2): faults are read from them, and pages supplied by ioctl(2).
 */
#ifndef MAPIX_FS_USERFAULT_FILE_H
#define MAPIX_FS_USERFAULT_FILE_H

#include "fs/file.h"

/* May those without privilege have their kernel faults told (vm.unprivileged_userfaultfd)? */
extern uint32_t userfault_unprivileged;

/* A file for the current address space; flags: O_NONBLOCK or 0. NULL: no memory. */
struct file *userfault_file_create(bool users_only, uint32_t flags);

#endif
