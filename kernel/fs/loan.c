/*
 * Loans (loan.h).
 */
#include "fs/loan.h"
#include "abi/errno.h"

size_t loan_size(const struct loan *loan, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += loan->pieces[i].size;
    return size;
}

/* Give back what is behind the first size bytes. */
static void cut(struct loan *loan, size_t size)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < loan->count; i++) {
        struct page_piece *piece = &loan->pieces[i];
        piece->size = piece->size < size ? piece->size : (uint32_t)size;
        size -= piece->size;
        if (piece->size)
            kept++;
        else
            page_release(piece->page);
    }
    loan->count = kept;
}

void loan_return(struct loan *loan)
{
    cut(loan, 0);
}

/* New pages for size bytes, as many as can be had: false: none. */
static bool allocate(struct loan *loan, size_t size, unsigned most)
{
    loan->count = 0;
    while (loan->count < most && size) {
        uint32_t piece = size < PAGE_SIZE ? (uint32_t)size : PAGE_SIZE;
        struct page *page = page_allocate(0, PAGE_USER);
        if (!page)
            break;
        loan->pieces[loan->count++] = (struct page_piece){page, 0, piece};
        size -= piece;
    }
    return loan->count;
}

/* A transfer of all bytes; pieces is the caller's storage. */
static void begin_transfer(const struct loan *loan, struct transfer *transfer,
                           struct transfer_piece *pieces)
{
    for (unsigned i = 0; i < loan->count; i++) {
        const struct page_piece *piece = &loan->pieces[i];
        const char *data = page_data(piece->page);
        pieces[i] = (struct transfer_piece){(uint64_t)(data + piece->start), piece->size};
    }
    *transfer = (struct transfer){.pieces = pieces,
                                  .count = loan->count,
                                  .remaining = loan_size(loan, loan->count),
                                  .kernel = true};
}

static long read_into_new(struct loan *loan, struct file *file, uint64_t offset, size_t size,
                          unsigned most)
{
    struct transfer_piece pieces[LOAN_PIECES];
    struct transfer transfer;

    if (!allocate(loan, size, most))
        return -ENOMEM;
    begin_transfer(loan, &transfer, pieces);
    long got = file_read(file, &transfer, file->operations->seekable ? &offset : NULL);
    cut(loan, got > 0 ? (size_t)got : 0);
    return got;
}

long loan_take(struct loan *loan, struct file *file, uint64_t offset, size_t size, unsigned most)
{
    if (!file->operations->borrow)
        return read_into_new(loan, file, offset, size, most);
    int count = file_borrow(file, offset, size, loan->pieces, most);
    loan->count = count > 0 ? (unsigned)count : 0;
    return count > 0 ? (long)loan_size(loan, loan->count) : count;
}

long loan_write(const struct loan *loan, struct file *file, uint64_t *offset)
{
    struct transfer_piece pieces[LOAN_PIECES];
    struct transfer transfer;

    begin_transfer(loan, &transfer, pieces);
    return file_write(file, &transfer, offset);
}
