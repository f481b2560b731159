/*
 * Checking and reading the headers of ELF executables (elf.h).
 *
 *   address   start        address+file_size    file_end        address+memory_size    end
 *                |  file ........... |  cleared ...  |  zero pages ........ |  ........... |
 *
 * Segments come in rising order (ELF: "Program Loading") and do not overlap, though the last page
 * of one may be the first of the next.
 */
#include "core/elf.h"
#include "abi/errno.h"
#include "abi/mman.h"

#define ELF_PAGE 4096ul

static uint64_t page_down(uint64_t address)
{
    return address & ~(ELF_PAGE - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + ELF_PAGE - 1);
}

int elf_check_header(const struct elf_header *header, size_t size)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    if (size < sizeof(*header))
        return -ENOEXEC;
    for (unsigned i = 0; i < sizeof(magic); i++) {
        if (header->ident[i] != magic[i])
            return -ENOEXEC;
    }
    if (header->ident[EI_CLASS] != ELFCLASS64 || header->ident[EI_DATA] != ELFDATA2LSB ||
        header->machine != EM_RISCV || (header->type != ET_EXEC && header->type != ET_DYN))
        return -ENOEXEC;
    if (header->program_size != sizeof(struct elf_program) || header->program_count == 0 ||
        header->program_count > ELF_PROGRAMS_MAX)
        return -ENOEXEC;
    return 0;
}

bool elf_segment_of(const struct elf_program *program, struct elf_segment *segment)
{
    uint64_t file_end = program->address + program->file_size;
    if (program->type != PT_LOAD || program->memory_size == 0)
        return false;
    segment->start = page_down(program->address);
    segment->file_end = program->file_size ? page_up(file_end) : segment->start;
    segment->end = page_up(program->address + program->memory_size);
    segment->offset = page_down(program->offset);
    segment->zero_from = segment->file_end;
    if (program->memory_size > program->file_size && program->file_size)
        segment->zero_from = file_end;
    segment->access = (program->flags & PF_R ? PROT_READ : 0) |
                      (program->flags & PF_W ? PROT_WRITE : 0) |
                      (program->flags & PF_X ? PROT_EXEC : 0);
    return true;
}

/* One PT_LOAD header behind those that end at end: -EINVAL, -ENOEXEC. */
static int check_load(const struct elf_program *program, uint64_t end, uint64_t limit,
                      bool position_independent)
{
    uint64_t lowest = position_independent ? 0 : ELF_PAGE;
    if (program->file_size > program->memory_size || program->memory_size > limit ||
        program->address > limit - program->memory_size || page_down(program->address) < lowest ||
        page_up(program->address + program->memory_size) > limit)
        return -EINVAL;
    if (program->file_size > INT64_MAX || program->offset > INT64_MAX - program->file_size)
        return -EINVAL;
    if ((program->address - program->offset) % ELF_PAGE && program->file_size)
        return -EINVAL;
    if (program->address < end)
        return -ENOEXEC;
    return 0;
}

/* Let the layout know of a checked PT_LOAD header. */
static void add_load(struct elf_layout *layout, const struct elf_header *header,
                     const struct elf_program *program)
{
    uint64_t alignment = program->alignment;
    uint64_t end = program->address + program->memory_size;
    uint64_t file_end = program->address + program->file_size;
    if (layout->end == 0)
        layout->start = page_down(program->address);
    layout->end = page_up(end);
    layout->break_start = end;
    if ((alignment & (alignment - 1)) == 0 && alignment > layout->alignment)
        layout->alignment = alignment;
    if (header->program_offset >= program->offset &&
        header->program_offset - program->offset < program->file_size)
        layout->programs = header->program_offset - program->offset + program->address;
    if (program->flags & PF_X) {
        if (layout->code_end == 0)
            layout->code_start = program->address;
        layout->code_end = file_end;
    }
    layout->data_start = program->address;
    layout->data_end = file_end;
}

int elf_check_programs(const struct elf_header *header, const struct elf_program *programs,
                       uint64_t limit, struct elf_layout *layout)
{
    uint64_t end = 0;
    *layout = (struct elf_layout){.entry = header->entry,
                                  .position_independent = header->type == ET_DYN,
                                  .alignment = ELF_PAGE};
    for (unsigned i = 0; i < header->program_count; i++) {
        const struct elf_program *program = &programs[i];
        if (program->type == PT_LOAD && program->memory_size) {
            int result = check_load(program, end, limit, layout->position_independent);
            if (result)
                return result;
            end = program->address + program->memory_size;
            add_load(layout, header, program);
        } else if (program->type == PT_INTERP && layout->interpreter_length == 0) {
            if (program->file_size < 2 || program->file_size > 4096 || program->offset > INT64_MAX)
                return -ENOEXEC;
            layout->interpreter_offset = program->offset;
            layout->interpreter_length = program->file_size;
        } else if (program->type == PT_GNU_STACK) {
            layout->executable_stack = program->flags & PF_X;
        }
    }
    if (end == 0 || layout->alignment > limit / 2)
        return -ENOEXEC;
    return 0;
}
