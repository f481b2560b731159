#ifndef MAPIX_SYS_SYNC_H
#define MAPIX_SYS_SYNC_H

#include <stdbool.h>

struct file;

/* fsync(2) of an open file, for io_submit(2) too: 0, -EINVAL: it is of no such kind, -EIO, ... */
long file_sync(struct file *file, bool data_only);

#endif
