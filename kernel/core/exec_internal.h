/*
 * A program that is being started, which exec.c and exec_stack.c share.
 */
#ifndef MAPIX_CORE_EXEC_INTERNAL_H
#define MAPIX_CORE_EXEC_INTERNAL_H

#include "core/arguments.h"
#include "core/exec.h"
#include "core/program.h"

#define PREFIX_MAX (2 * SCRIPT_DEPTH_MAX + 2)

struct exec {
    const struct exec_request *request;
    struct program program, loader; /* loader: the ELF interpreter, if there is one */
    char *prefix[PREFIX_MAX];       /* arguments in place of the first, last one first */
    unsigned prefix_count;
    struct arguments arguments;
    struct aspace *aspace;
    struct file_table *files;        /* a copy, if the old table is shared; else NULL */
    struct signal_actions *actions;  /* a copy, if the old ones are, or may get shared; else NULL */
    struct credentials *credentials; /* of the new program */
    bool secure;                     /* it has gained by them: AT_SECURE */
    bool readable;                   /* by the caller: others may look into it */
    vaddr_t entry, stack, strings;   /* of the new program */
    uint64_t stack_gap;              /* unused bytes below the strings */
};

/* Map the stack of the new address space and fill it with what the program starts with; the stack
 * pointer is in exec->stack. => -ENOMEM, -EFAULT */
int exec_build_stack(struct exec *exec);

#endif
