/*
 * Checking and reading the headers of ELF executables. Pure functions of the bytes: no input makes
 * them read outside of what they are given, and what they accept lies below the limit.
 */
#ifndef MAPIX_CORE_ELF_H
#define MAPIX_CORE_ELF_H

#include "abi/elf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_PROGRAMS_MAX (65536 / sizeof(struct elf_program)) /* as Linux has it */

/* What a file's program headers say as a whole. Addresses are as linked. */
struct elf_layout {
    bool position_independent, executable_stack;
    uint64_t entry;
    uint64_t start, end;           /* all segments, whole pages */
    uint64_t alignment;            /* the largest that a segment asks for */
    uint64_t programs;             /* where the headers are in memory, 0: not */
    uint64_t code_start, code_end; /* first and last byte of executable segments */
    uint64_t data_start, data_end; /* and of the last segment's file part */
    uint64_t break_start;          /* the first byte behind all segments */
    uint64_t interpreter_offset, interpreter_length; /* path in the file, NUL included; 0: none */
};

/* One PT_LOAD segment in pages: [start, file_end) from the file, [file_end, end) zeros. */
struct elf_segment {
    uint64_t start, file_end, end;
    uint64_t offset;    /* of start, in the file */
    uint64_t zero_from; /* bytes from here to file_end have to be cleared */
    unsigned access;    /* ACCESS_*, which are PROT_* */
};

/* Is this the header of a program for this machine? size bytes of the file are at header.
 * -ENOEXEC. */
int elf_check_header(const struct elf_header *header, size_t size);

/* Check the program headers (header->program_count of them), for segments in [page size, limit).
 * -ENOEXEC, -EINVAL. */
int elf_check_programs(const struct elf_header *header, const struct elf_program *programs,
                       uint64_t limit, struct elf_layout *layout);

/* How a checked PT_LOAD header is mapped; false: it takes no memory. */
bool elf_segment_of(const struct elf_program *program, struct elf_segment *segment);

#endif
