/* A file that is being executed (program.h). */
#include "core/program.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/user.h"
#include "fs/lease.h"
#include "fs/mount.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

static const uint8_t zeros[PAGE_SIZE];

/* Read into kernel memory: the bytes there are, or an error. */
static long read_file(struct vnode *vnode, uint64_t offset, void *buffer, size_t size)
{
    struct transfer_piece piece;
    struct transfer transfer;
    transfer_init(&transfer, &piece, (uint64_t)buffer, size, true);
    return object_read(&vnode->object, offset, &transfer);
}

int program_open(struct program *program, const struct place *place)
{
    struct vnode *vnode = place->vnode;
    int result;
    long size;
    if (vnode_type(vnode) != S_IFREG)
        return -EACCES;
    result = mount_has_flag(place->mount, MS_NOEXEC) ? -EACCES : vnode_permission(vnode, 1);
    if (result == 0)
        result = lease_break(vnode, O_RDONLY);
    if (result == 0)
        result = vnode_execute_begin(vnode);
    if (result)
        return result;
    place_reference(place);
    program->place = *place;
    size = read_file(vnode, 0, program->line, sizeof(program->line));
    if (size < 0)
        return (int)size;
    program->line_size = (size_t)size;
    return 0;
}

void program_close(struct program *program)
{
    kfree(program->programs);
    if (program->place.vnode) {
        vnode_execute_end(program->place.vnode);
        place_release(&program->place);
    }
    memset(program, 0, sizeof(*program));
}

int program_read_headers(struct program *program)
{
    int result = elf_check_header(&program->header, program->line_size);
    size_t size = program->header.program_count * sizeof(struct elf_program);
    long got;
    if (result)
        return result;
    if (program->header.program_offset > INT64_MAX - size)
        return -ENOEXEC;
    program->programs = kmalloc(size);
    if (!program->programs)
        return -ENOMEM;
    got = read_file(program->place.vnode, program->header.program_offset, program->programs, size);
    if (got < 0)
        return (int)got;
    if ((size_t)got != size)
        return -ENOEXEC;
    return elf_check_programs(&program->header, program->programs, user_end, &program->layout);
}

/* The pages of a segment that come from the file, and the rest of the last of them. */
static int map_file_part(const struct program *program, const struct elf_segment *segment,
                         struct aspace *aspace)
{
    uint64_t tail = segment->file_end - segment->zero_from;
    struct map_request request = {
        .address = segment->start + program->bias,
        .length = segment->file_end - segment->start,
        .access = segment->access,
        .max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
        .flags = MAPPING_FIXED,
        .object = &program->place.vnode->object,
        .vnode = program->place.vnode,
        .offset = segment->offset,
    };
    vaddr_t address;
    int result = request.length ? aspace_map(aspace, &request, &address) : 0;
    if (result || tail == 0 || !(segment->access & ACCESS_WRITE))
        return result;
    return aspace_write(aspace, segment->zero_from + program->bias, zeros, tail) == tail ? 0
                                                                                         : -EFAULT;
}

static int map_zero_part(const struct program *program, const struct elf_segment *segment,
                         struct aspace *aspace)
{
    struct map_request request = {
        .address = segment->file_end + program->bias,
        .length = segment->end - segment->file_end,
        .access = segment->access,
        .max_access = ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE,
        .flags = MAPPING_FIXED,
    };
    vaddr_t address;
    return segment->end > segment->file_end ? aspace_map(aspace, &request, &address) : 0;
}

int program_map(const struct program *program, struct aspace *aspace)
{
    for (unsigned i = 0; i < program->header.program_count; i++) {
        struct elf_segment segment;
        int result;
        if (!elf_segment_of(&program->programs[i], &segment))
            continue;
        if (segment.end + program->bias > user_end)
            return -ENOMEM;
        result = map_file_part(program, &segment, aspace);
        if (result == 0)
            result = map_zero_part(program, &segment, aspace);
        if (result)
            return result;
    }
    return 0;
}

int program_place(struct program *program, struct aspace *aspace)
{
    const struct elf_layout *layout = &program->layout;
    struct map_request request = {.length = layout->end - layout->start + layout->alignment};
    vaddr_t address;
    int result = aspace_map(aspace, &request, &address);
    if (result == 0)
        result = aspace_unmap(aspace, address, request.length);
    if (result)
        return result;
    address += request.length - (layout->end - layout->start);
    program->bias = (address - layout->start) & ~(layout->alignment - 1);
    return 0;
}
