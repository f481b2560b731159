/*
 * The image of a core dump: an ELF file (System V ABI, "Object Files"; core(5)).
 *
 *   header | program headers | notes | ... page | mappings, those that are dumped | (section
 * header)
 *
 * Headers and notes are put together first. Then the mappings are copied, a page at a time, as the
 * headers say; pages of zeros are holes in the file. Another process may share the memory and
 * change its mappings meanwhile: what is no longer there becomes a hole.
 *
 * A section header is there only to tell the number of program headers where the header has no room
 * for it.
 */
#include "abi/elf.h"
#include "abi/stat.h"
#include "arch/riscv/hart.h"
#include "core/core_dump.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/text.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"
#include "vm/region.h"

struct image {
    struct aspace *aspace;
    struct text notes, programs;
    uint64_t count; /* of program headers */
    uint64_t end;   /* of the mappings in the file */
    struct file *file;
    uint64_t offset, size; /* where the next byte goes; RLIMIT_CORE */
    bool stopped;          /* by the limit, an error, or SIGKILL: nothing more is written */
    char *page;            /* to work in */
};

/* What is dumped */

/* Does the mapping begin with the header of an ELF file? */
static bool begins_as_elf(struct aspace *aspace, vaddr_t address)
{
    char magic[4];

    return aspace_read_forced(aspace, address, magic, sizeof(magic)) == sizeof(magic) &&
           !memcmp(magic, "\177ELF", sizeof(magic));
}

/* Has the file of a mapping, if it has one, no name? */
static bool is_nameless(const struct region_info *info)
{
    struct stat status;

    if (!info->vnode)
        return true;
    vnode_status(info->vnode, &status);
    return status.links == 0;
}

/* How much of a mapping is dumped: core(5), "Controlling which mappings are written". */
static uint64_t dumped_size(struct aspace *aspace, const struct region_info *info)
{
    unsigned filter = current_process()->core_filter;
    uint64_t whole = info->end - info->start;

    if (info->name && !strcmp(info->name, "[vdso]"))
        return whole;
    if (info->flags & REGION_NO_DUMP || (info->name && !strcmp(info->name, "[vvar]")))
        return 0;
    if (info->shared)
        return filter & (is_nameless(info) ? CORE_ANONYMOUS_SHARED : CORE_FILE_SHARED) ? whole : 0;
    if (info->stored && filter & CORE_ANONYMOUS_PRIVATE)
        return whole;
    if (!info->vnode)
        return 0;
    if (filter & CORE_FILE_PRIVATE)
        return whole;
    return filter & CORE_ELF_HEADERS && info->offset == 0 && info->access & ACCESS_READ &&
                   begins_as_elf(aspace, info->start)
               ? PAGE_SIZE
               : 0;
}

static uint32_t flags_of(unsigned access)
{
    return (access & ACCESS_READ ? PF_R : 0u) | (access & ACCESS_WRITE ? PF_W : 0u) |
           (access & ACCESS_EXECUTE ? PF_X : 0u);
}

/* Headers */

static void add_program(struct image *image, const struct elf_program *program)
{
    text_add(&image->programs, (const char *)program, sizeof(*program));
    image->count++;
}

/* The offsets are counted from the first mapping's. */
static void add_mappings(struct image *image)
{
    struct region_info info;

    for (vaddr_t address = 0;
         aspace_region_info(image->aspace, address, REGION_LAYOUT, NULL, &info) &&
         !image->programs.error;
         address = info.end) {
        struct elf_program program = {.type = PT_LOAD,
                                      .flags = flags_of(info.access),
                                      .offset = image->end,
                                      .address = info.start,
                                      .file_size = dumped_size(image->aspace, &info),
                                      .memory_size = info.end - info.start,
                                      .alignment = PAGE_SIZE};
        add_program(image, &program);
        image->end += program.file_size;
        if (info.vnode)
            vnode_release(info.vnode);
    }
}

static uint64_t notes_offset(const struct image *image)
{
    return sizeof(struct elf_header) + (image->count + 1) * sizeof(struct elf_program);
}

static uint64_t mappings_offset(const struct image *image)
{
    return page_round_up(notes_offset(image) + image->notes.length);
}

/* Writing */

/* Bytes that are at the current offset; with NULL, a hole. */
static void put(struct image *image, const void *bytes, uint64_t size)
{
    struct transfer_piece piece;
    struct transfer transfer;

    image->stopped = image->stopped || thread_killed() || size > image->size ||
                     image->offset > image->size - size;
    if (image->stopped)
        return;
    if (bytes) {
        uint64_t offset = image->offset;
        transfer_init(&transfer, &piece, (uint64_t)bytes, size, true);
        image->stopped = file_write(image->file, &transfer, &offset) != (long)size;
    }
    image->offset += size;
}

static void put_text(struct image *image, const struct text *text)
{
    for (size_t done = 0, size; done < text->length; done += size) {
        size = text->length - done < PAGE_SIZE ? text->length - done : PAGE_SIZE;
        text_get(text, done, image->page, size);
        put(image, image->page, size);
    }
}

static void put_header(struct image *image)
{
    uint64_t count = image->count + 1; /* that of the notes */
    struct elf_header header = {
        .ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .type = ET_CORE,
        .machine = EM_RISCV,
        .version = EV_CURRENT,
        .program_offset = sizeof(header),
        .header_size = sizeof(header),
        .program_size = sizeof(struct elf_program),
        .program_count = (uint16_t)count,
    };
    struct elf_program notes = {.type = PT_NOTE,
                                .offset = notes_offset(image),
                                .file_size = image->notes.length,
                                .alignment = 4};

    if (count >= PN_XNUM) {
        header.program_count = PN_XNUM;
        header.section_offset = mappings_offset(image) + image->end;
        header.section_size = sizeof(struct elf_section);
        header.section_count = 1;
    }
    put(image, &header, sizeof(header));
    put(image, &notes, sizeof(notes));
}

/* The number of the mapping's header. */
static struct elf_program get_program(const struct image *image, uint64_t number)
{
    struct elf_program program;

    text_get(&image->programs, number * sizeof(program), &program, sizeof(program));
    return program;
}

static void put_programs(struct image *image)
{
    for (uint64_t i = 0; i < image->count && !image->stopped; i++) {
        struct elf_program program = get_program(image, i);
        program.offset += mappings_offset(image);
        put(image, &program, sizeof(program));
    }
}

static bool is_zero(const char *page)
{
    const uint64_t *words = (const uint64_t *)page;

    for (size_t i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
        if (words[i])
            return false;
    }
    return true;
}

static void put_mapping(struct image *image, const struct elf_program *program)
{
    for (uint64_t done = 0; done < program->file_size && !image->stopped; done += PAGE_SIZE) {
        bool there = aspace_read_forced(image->aspace, program->address + done, image->page,
                                        PAGE_SIZE) == PAGE_SIZE;
        put(image, there && !is_zero(image->page) ? image->page : NULL, PAGE_SIZE);
    }
}

static void put_section(struct image *image)
{
    struct elf_section section = {.information = (uint32_t)image->count + 1};

    if (image->count + 1 >= PN_XNUM)
        put(image, &section, sizeof(section));
}

static void put_all(struct image *image)
{
    put_header(image);
    put_programs(image);
    put_text(image, &image->notes);
    put(image, NULL, mappings_offset(image) - image->offset);
    for (uint64_t i = 0; i < image->count && !image->stopped; i++) {
        struct elf_program program = get_program(image, i);
        put_mapping(image, &program);
    }
    put_section(image);
    (void)vfs_resize(image->file->vnode, image->offset); /* if it ends in a hole */
}

bool core_image_write(struct file *file, uint64_t size,
                      const struct signal_information *information)
{
    struct image image = {.aspace = current_thread()->aspace, .file = file, .size = size};
    bool ready;

    image.page = kmalloc(PAGE_SIZE);
    text_init(&image.notes);
    text_init(&image.programs);
    add_mappings(&image);
    core_notes_add(&image.notes, information);
    ready = image.page && !image.programs.error && !image.notes.error;
    if (ready)
        put_all(&image);
    text_free(&image.programs);
    text_free(&image.notes);
    kfree(image.page);
    return ready;
}
