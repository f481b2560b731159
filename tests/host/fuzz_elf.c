// sources: kernel/core/elf.c kernel/core/script.c kernel/lib/string.c
/*
 * Any bytes as the beginning of an executable: nothing is read outside of them, and a layout that
 * is accepted lies in user space, its segments in order and whole.
 */
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "core/elf.h"
#include "core/script.h"

#define LIMIT (1ul << 38)
#define PAGE  4096ul

static void check_segment(const struct elf_program *program, const struct elf_layout *layout,
                          uint64_t *end)
{
    struct elf_segment segment;
    if (!elf_segment_of(program, &segment))
        return;
    REQUIRE(segment.start % PAGE == 0 && segment.file_end % PAGE == 0 && segment.end % PAGE == 0);
    REQUIRE(segment.start <= segment.file_end && segment.file_end <= segment.end);
    REQUIRE(segment.zero_from <= segment.file_end && segment.file_end - segment.zero_from < PAGE);
    REQUIRE(segment.start >= layout->start && segment.end <= layout->end);
    REQUIRE(segment.end <= LIMIT && segment.start < segment.end);
    REQUIRE(program->address >= *end);
    REQUIRE(segment.offset % PAGE == 0);
    REQUIRE(segment.offset + (segment.file_end - segment.start) <= (1ul << 63));
    *end = program->address + program->memory_size;
}

static void try_elf(const uint8_t *data, size_t size)
{
    struct elf_header header;
    struct elf_layout layout;
    struct elf_program *programs;
    uint64_t end = 0;
    memcpy(&header, data, sizeof(header));
    /* Most inputs should get past the first checks. */
    memcpy(header.ident, "\177ELF\2\1\1", 7);
    header.machine = EM_RISCV;
    header.type = ET_EXEC + (header.type & 1);
    header.program_size = sizeof(struct elf_program);
    header.program_count = (uint16_t)((size - sizeof(header)) / sizeof(struct elf_program));
    if (elf_check_header(&header, size))
        return;
    /* A block of exactly the right size: the sanitizer sees every read outside. */
    programs = malloc(header.program_count * sizeof(*programs));
    memcpy(programs, data + sizeof(header), header.program_count * sizeof(*programs));
    for (unsigned i = 0; i < header.program_count; i++)
        programs[i].type &= programs[i].type < 16 ? 3u : UINT32_MAX;
    if (elf_check_programs(&header, programs, LIMIT, &layout) == 0) {
        REQUIRE(layout.start < layout.end && layout.end <= LIMIT);
        REQUIRE((layout.alignment & (layout.alignment - 1)) == 0);
        for (unsigned i = 0; i < header.program_count; i++)
            check_segment(&programs[i], &layout, &end);
    }
    free(programs);
}

static void try_script(const uint8_t *data, size_t size)
{
    char line[SCRIPT_LINE_MAX] = {0}, *interpreter, *argument;
    memcpy(line, data, size < sizeof(line) ? size : sizeof(line));
    if (script_parse(line, &interpreter, &argument))
        return;
    REQUIRE(interpreter >= line + 2 && *interpreter);
    REQUIRE(interpreter + strlen(interpreter) < line + sizeof(line));
    if (argument) {
        REQUIRE(argument > interpreter && *argument);
        REQUIRE(argument + strlen(argument) < line + sizeof(line));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_header header;
    if (size >= sizeof(struct elf_header)) {
        memcpy(&header, data, sizeof(header));
        (void)elf_check_header(&header, size);
        try_elf(data, size);
    }
    try_script(data, size);
    return 0;
}
