/*
 * Small ELF programs made by the tests themselves: a header, one program header and a few
 * instructions, which a test may spoil before it writes them.
 */
#ifndef MAPIX_TESTS_SMALL_ELF_H
#define MAPIX_TESTS_SMALL_ELF_H

#include "tap.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SMALL_ELF_ADDRESS 0x10000000ul

struct small_elf {
    Elf64_Ehdr header;
    Elf64_Phdr segment[3];
    unsigned char code[64];
};

/* Instructions for exit(status), a status below 2048. */
static inline void small_elf_exit_code(unsigned char *code, int status)
{
#if defined(__riscv)
    const uint32_t text[] = {93u << 20 | 0x893 /* li a7, 93 */,
                             (uint32_t)status << 20 | 0x513 /* li a0, status */, 0x73 /* ecall */};
#elif defined(__x86_64__)
    unsigned char text[] = {0xb8, 60, 0, 0, 0, 0xbf, 0, 0, 0, 0, 0x0f, 0x05};
    memcpy(text + 6, &status, sizeof(status)); /* mov $60, %eax; mov $status, %edi; syscall */
#else
#error "no code for this machine"
#endif
    memcpy(code, text, sizeof(text));
}

/* A program that exits with status; type is ET_EXEC or ET_DYN. */
static inline void small_elf_make(struct small_elf *elf, int type, int status)
{
    const uint64_t base = type == ET_EXEC ? SMALL_ELF_ADDRESS : 0;

    memset(elf, 0, sizeof(*elf));
    memcpy(elf->header.e_ident, ELFMAG, SELFMAG);
    elf->header.e_ident[EI_CLASS] = ELFCLASS64;
    elf->header.e_ident[EI_DATA] = ELFDATA2LSB;
    elf->header.e_ident[EI_VERSION] = EV_CURRENT;
    elf->header.e_type = (Elf64_Half)type;
#if defined(__riscv)
    elf->header.e_machine = EM_RISCV;
#else
    elf->header.e_machine = EM_X86_64;
#endif
    elf->header.e_version = EV_CURRENT;
    elf->header.e_entry = base + offsetof(struct small_elf, code);
    elf->header.e_phoff = offsetof(struct small_elf, segment);
    elf->header.e_ehsize = sizeof(elf->header);
    elf->header.e_phentsize = sizeof(elf->segment[0]);
    elf->header.e_phnum = 1;
    elf->segment[0].p_type = PT_LOAD;
    elf->segment[0].p_flags = PF_R | PF_X;
    elf->segment[0].p_vaddr = elf->segment[0].p_paddr = base;
    elf->segment[0].p_filesz = elf->segment[0].p_memsz = sizeof(*elf);
    elf->segment[0].p_align = PAGE;
    small_elf_exit_code(elf->code, status);
}

/* Write it as an executable file. */
static inline void small_elf_write(const struct small_elf *elf, const char *name)
{
    int fd = expect_ok(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755));

    write_all(fd, elf, sizeof(*elf));
    expect_ok(close(fd));
}

#endif
