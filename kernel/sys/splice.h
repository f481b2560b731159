/* Moving bytes from a file to a pipe, for sendfile(2) too. */
#ifndef MAPIX_SYS_SPLICE_H
#define MAPIX_SYS_SPLICE_H

#include "fs/file.h"

/* Move up to size bytes, as many as there is room for, from in, at *offset or its own offset, which
 * moves, to the pipe out: how many, 0 at the end, or an error of splice(2). */
long splice_to_pipe(struct file *in, uint64_t *offset, struct file *out, size_t size,
                    bool nonblocking);

#endif
