/*
 * Copies between the kernel and user memory: the only place where user addresses are followed.
 *
 * Each page of the user's buffer is found by walking the page tables in software, with interrupts
 * off, and copied through the direct map (arch/riscv/pmap.h tells why the frame stays). A page that
 * is not there is faulted in and the copy goes on.
 */
#ifndef MAPIX_CORE_USER_H
#define MAPIX_CORE_USER_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stddef.h>

struct page_piece;

/* Copy size bytes; 0, or -EFAULT when any of them cannot be reached. May sleep; holds no lock above
 * RANK_ASPACE when called. */
int copy_from_user(void *destination, vaddr_t source, size_t size);
int copy_to_user(vaddr_t destination, const void *source, size_t size);

/* Copy count values to every stride-th byte from destination on, as fields of structures: as
 * copy_to_user. */
int copy_halves_to_user(vaddr_t destination, size_t stride, const int16_t *values, unsigned count);

/* As the first two, returning how many bytes were copied. */
size_t copy_from_user_partly(void *destination, vaddr_t source, size_t size);
size_t copy_to_user_partly(vaddr_t destination, const void *source, size_t size);

/* As the last one, but without faulting: stop at the first byte whose page is not mapped. Never
 * sleeps. */
size_t copy_to_user_resident(vaddr_t destination, const void *source, size_t size);

/*
 * Atomic operations on an aligned word of user memory, without faulting; false: it is not resident,
 * or not for writing. user_exchange_word_resident stores next if the word is *expected, which
 * becomes what was there. Never sleep.
 */
bool user_load_word_resident(vaddr_t address, uint32_t *value);
bool user_exchange_word_resident(vaddr_t address, uint32_t *expected, uint32_t next);

/* Fault in the page that holds address for access (ACCESS_READ or ACCESS_WRITE): 0 or -EFAULT. */
int user_fault_in(vaddr_t address, unsigned access);

/* Copy a NUL-terminated string, the NUL included: its length, -ENAMETOOLONG if longer than size -
 * 1, -EFAULT. */
long copy_string_from_user(char *destination, vaddr_t source, size_t size);

/*
 * A transfer: the memory side of read and write, user or kernel, of one or more pieces.
 */
struct transfer_piece {
    uint64_t address; /* user address, or kernel pointer */
    uint64_t size;
};

struct transfer {
    const struct transfer_piece *pieces;
    unsigned count;                  /* pieces left, the current one included */
    size_t offset;                   /* done in the current piece */
    size_t remaining;                /* bytes in all pieces */
    bool kernel;                     /* addresses are kernel pointers */
    uint32_t set_flags, clear_flags; /* O_*: the open file acts with and without these */
};

/* Initialise for one buffer (piece is the caller's storage). */
static inline void transfer_init(struct transfer *transfer, struct transfer_piece *piece,
                                 uint64_t address, size_t size, bool kernel)
{
    *piece = (struct transfer_piece){.address = address, .size = size};
    *transfer = (struct transfer){.pieces = piece, .count = 1, .remaining = size, .kernel = kernel};
}

/*
 * Move up to size bytes from the transfer's memory to destination (take), or from source to it
 * (give), advancing the transfer by what was copied, which is returned; less than size: a fault.
 * The _resident forms never fault or sleep.
 */
size_t transfer_take(struct transfer *transfer, void *destination, size_t size);
size_t transfer_give(struct transfer *transfer, const void *source, size_t size);
size_t transfer_take_resident(struct transfer *transfer, void *destination, size_t size);
size_t transfer_give_resident(struct transfer *transfer, const void *source, size_t size);

/*
 * The next bytes that are in one page of user memory, as they are now and will be until somebody
 * stores to them: *piece tells where, with a reference to the page, and the transfer is behind
 * them. false: they cannot be read, or there are none.
 */
bool transfer_lend(struct transfer *transfer, struct page_piece *piece);

/* Fault in the first byte that comes next: 0 or -EFAULT. */
int transfer_fault_in(struct transfer *transfer, unsigned access);

#endif
