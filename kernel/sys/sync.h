/* fsync(2) of an open file, for io_submit(2) as well: 0, -EINVAL: it is of no such kind, -EIO, ...
 */
#ifndef MAPIX_SYS_SYNC_H
#define MAPIX_SYS_SYNC_H

#include <stdbool.h>

struct file;

long file_sync(struct file *file, bool data_only);

#endif
