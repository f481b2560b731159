/*
 * A file that is being executed: opened, checked, mapped.
 */
#ifndef MAPIX_CORE_PROGRAM_H
#define MAPIX_CORE_PROGRAM_H

#include "core/elf.h"
#include "core/script.h"
#include "fs/place.h"

struct aspace;

struct program {
    struct place place; /* referenced, and executed (vnode_execute_begin) */
    union {
        char line[SCRIPT_LINE_MAX]; /* the first bytes, padded with zeros */
        struct elf_header header;
    };
    size_t line_size;
    struct elf_program *programs;
    struct elf_layout layout;
    uint64_t bias; /* what is added to addresses as linked */
};

/* Begin to execute a file: takes a reference of its own. -EACCES, -ETXTBSY, -EIO, -ENOMEM. The
 * program is zeroed before, and program_close is right after any result. */
int program_open(struct program *program, const struct place *place);
void program_close(struct program *program);

/* Read and check the headers of an ELF program. -ENOEXEC, -EINVAL, -EIO, -ENOMEM. */
int program_read_headers(struct program *program);

/* Map all segments at their addresses plus bias. -ENOMEM, -EINVAL, -EFAULT. */
int program_map(const struct program *program, struct aspace *aspace);

/* Find room for a position-independent program where mmap would put it, as its bias. -ENOMEM. */
int program_place(struct program *program, struct aspace *aspace);

#endif
