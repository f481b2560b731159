/*
 * The signal mask that ppoll(2), pselect(2) and epoll_pwait(2) put in force while they wait.
 */
#ifndef MAPIX_SYS_WAIT_MASK_H
#define MAPIX_SYS_WAIT_MASK_H

#include "arch/riscv/layout.h"
#include <stdbool.h>
#include <stdint.h>

struct wait_mask {
    bool given;
    uint64_t mask;
};

/* Read the set of size bytes at address (0: none): 0, -EINVAL, -EFAULT. */
int wait_mask_read(struct wait_mask *mask, vaddr_t address, uint64_t size);

/* Around the wait, whose result is given to the second: a signal that ended it is acted on with the
 * mask of the wait. */
void wait_mask_begin(const struct wait_mask *mask);
void wait_mask_end(const struct wait_mask *mask, long result);

#endif
