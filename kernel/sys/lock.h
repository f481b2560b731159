/* Locks as fcntl(2) takes them: the part of it that is in lock.c. */
#ifndef MAPIX_SYS_LOCK_H
#define MAPIX_SYS_LOCK_H

#include <stdint.h>

struct file;

/* F_GETLK, F_SETLK, F_SETLKW and the same for open files; file is what was at the descriptor. */
long fcntl_lock(struct file *file, int descriptor, unsigned command, uint64_t address);

#endif
