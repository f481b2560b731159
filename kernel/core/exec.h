/*
 * execve(2): a new program in the current process.
 */
#ifndef MAPIX_CORE_EXEC_H
#define MAPIX_CORE_EXEC_H

#include "arch/riscv/layout.h"

struct place;

struct exec_request {
    const struct place *file; /* the program; the references stay the caller's */
    const char *path;         /* what it was called */
    vaddr_t arguments;        /* user arrays of pointers to strings, ended by NULL */
    vaddr_t environment;
    const char *const *initial[2]; /* for the first process: the same of the kernel's, or NULL */
};

/*
 * Replace the current program. 0: the thread's frame is that of the new program's start. An error
 * leaves everything as it was: -ENOEXEC, -EACCES, -ETXTBSY, -E2BIG, -ELOOP, -EFAULT, -ENOMEM, -EIO,
 * -EINVAL.
 */
int exec_program(const struct exec_request *request);

/* The same for the first process, from the kernel: its environment has the boot arguments of the
 * form name=value. */
int exec_first(const char *path);

#endif
