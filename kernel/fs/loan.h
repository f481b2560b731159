/*
 * A loan: pages with bytes that are on their way from one file to another. Those of a regular file
 * are its own, and not copied; other files are read into new ones.
 */
#ifndef MAPIX_FS_LOAN_H
#define MAPIX_FS_LOAN_H

#include "fs/file.h"
#include "vm/page.h"

#define LOAN_PIECES 16u

struct loan {
    struct page_piece pieces[LOAN_PIECES]; /* their pages are referenced */
    unsigned count;
};

/* Take up to size bytes of a file, in most pieces at the most (LOAN_PIECES or fewer), at offset, if
 * it has such a thing: how many bytes, 0 at the end, or an error of read(2), with nothing taken. */
long loan_take(struct loan *loan, struct file *file, uint64_t offset, size_t size, unsigned most);

/* Write them to a file, as file_write does: bytes, or an error. */
long loan_write(const struct loan *loan, struct file *file, uint64_t *offset);

/* The bytes of the first count pieces. */
size_t loan_size(const struct loan *loan, unsigned count);

/* Give the pages back. */
void loan_return(struct loan *loan);

#endif
