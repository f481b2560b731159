// sources: kernel/core/elf.c kernel/core/script.c kernel/lib/string.c
/*
 * ELF headers and script lines: what exec accepts, what it refuses, and what it makes of them.
 */
#include <string.h>
#include "abi/errno.h"
#include "abi/mman.h"
#include "check.h"
#include "core/elf.h"
#include "core/script.h"

#define LIMIT (1ul << 38)
#define COUNT 4

static struct elf_header header;
static struct elf_program programs[COUNT];
static struct elf_layout layout;

/*
 *   0x10000  text rx         0x11800   0x12f00 data rw  0x13080 bss 0x14100
 *   RRRRRRRRRRRRRRRRRRRRRRRR           DDDDDDDDDDDDDDDDDzzzz 0000000
 */
static void make_program(void)
{
    memset(&header, 0, sizeof(header));
    memset(programs, 0, sizeof(programs));
    memcpy(header.ident, "\177ELF\2\1\1", 7);
    header.type = ET_EXEC;
    header.machine = EM_RISCV;
    header.entry = 0x10100;
    header.program_offset = sizeof(header);
    header.program_size = sizeof(struct elf_program);
    header.program_count = COUNT;
    programs[0] = (struct elf_program){.type = PT_LOAD,
                                       .flags = PF_R | PF_X,
                                       .address = 0x10000,
                                       .file_size = 0x1800,
                                       .memory_size = 0x1800,
                                       .alignment = 0x1000};
    programs[1] = (struct elf_program){.type = PT_LOAD,
                                       .flags = PF_R | PF_W,
                                       .offset = 0x1f00,
                                       .address = 0x12f00,
                                       .file_size = 0x180,
                                       .memory_size = 0x1200,
                                       .alignment = 0x1000};
    programs[2] = (struct elf_program){.type = PT_GNU_STACK, .flags = PF_R | PF_W};
    programs[3] = (struct elf_program){.type = 4};
}

static int check_all(void)
{
    int result = elf_check_header(&header, sizeof(header));
    return result ? result : elf_check_programs(&header, programs, LIMIT, &layout);
}

static void good_program(void)
{
    struct elf_segment segment;
    make_program();
    CHECK(check_all() == 0);
    CHECK(layout.entry == 0x10100 && !layout.position_independent && !layout.executable_stack);
    CHECK(layout.start == 0x10000 && layout.end == 0x15000 && layout.break_start == 0x14100);
    CHECK(layout.programs == 0x10000 + sizeof(header) && layout.interpreter_length == 0);
    CHECK(layout.code_start == 0x10000 && layout.code_end == 0x11800);
    CHECK(layout.data_start == 0x12f00 && layout.data_end == 0x13080);
    CHECK(elf_segment_of(&programs[0], &segment));
    CHECK(segment.start == 0x10000 && segment.file_end == 0x12000 && segment.end == 0x12000);
    CHECK(segment.zero_from == 0x12000 && segment.access == (PROT_READ | PROT_EXEC));
    CHECK(elf_segment_of(&programs[1], &segment));
    CHECK(segment.start == 0x12000 && segment.file_end == 0x14000 && segment.end == 0x15000);
    CHECK(segment.offset == 0x1000 && segment.zero_from == 0x13080);
    CHECK(segment.access == (PROT_READ | PROT_WRITE));
    CHECK(!elf_segment_of(&programs[2], &segment));
}

static void only_zeros(void)
{
    struct elf_segment segment;
    make_program();
    programs[1].file_size = 0;
    CHECK(check_all() == 0);
    CHECK(elf_segment_of(&programs[1], &segment));
    CHECK(segment.start == 0x12000 && segment.file_end == 0x12000 && segment.end == 0x15000);
    CHECK(segment.zero_from == segment.file_end);
}

static void bad_header(void)
{
    make_program();
    CHECK(elf_check_header(&header, sizeof(header) - 1) == -ENOEXEC);
    header.ident[1] = 'e';
    CHECK(check_all() == -ENOEXEC);
    make_program();
    header.ident[EI_CLASS] = 1;
    CHECK(check_all() == -ENOEXEC);
    make_program();
    header.machine = 62;
    CHECK(check_all() == -ENOEXEC);
    make_program();
    header.type = 1;
    CHECK(check_all() == -ENOEXEC);
    make_program();
    header.program_count = 0;
    CHECK(check_all() == -ENOEXEC);
    make_program();
    header.program_size = 32;
    CHECK(check_all() == -ENOEXEC);
    make_program();
    header.program_count = ELF_PROGRAMS_MAX + 1;
    CHECK(check_all() == -ENOEXEC);
}

static void bad_segments(void)
{
    make_program();
    programs[1].file_size = programs[1].memory_size + 1;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[1].address = 0x12f08;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[1].address = LIMIT - 0x100;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[1].address = UINT64_MAX - 0xff;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[1].memory_size = UINT64_MAX;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[1].offset = UINT64_MAX - 0xff;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[0].address = 0;
    CHECK(check_all() == -EINVAL);
    make_program();
    programs[1].address = 0x11700;
    programs[1].offset = 0x1700;
    CHECK(check_all() == -ENOEXEC);
    make_program();
    programs[0].type = programs[1].type = 0;
    CHECK(check_all() == -ENOEXEC);
}

static void position_independent(void)
{
    make_program();
    header.type = ET_DYN;
    programs[0].address = 0;
    programs[1].address = 0x2f00;
    programs[1].alignment = 0x200000;
    programs[2].flags |= PF_X;
    programs[3] = (struct elf_program){.type = PT_INTERP, .offset = 0x300, .file_size = 20};
    CHECK(check_all() == 0);
    CHECK(layout.position_independent && layout.start == 0 && layout.end == 0x5000);
    CHECK(layout.alignment == 0x200000 && layout.executable_stack);
    CHECK(layout.interpreter_offset == 0x300 && layout.interpreter_length == 20);
    programs[3].file_size = 4097;
    CHECK(check_all() == -ENOEXEC);
    programs[3].file_size = 1;
    CHECK(check_all() == -ENOEXEC);
}

/* Scripts */

static char line[SCRIPT_LINE_MAX];
static char *interpreter, *argument;

static int parse(const char *text)
{
    memset(line, 0, sizeof(line));
    memcpy(line, text, strlen(text) < sizeof(line) ? strlen(text) : sizeof(line));
    return script_parse(line, &interpreter, &argument);
}

static void scripts(void)
{
    CHECK(parse("#!/bin/sh\necho\n") == 0 && !strcmp(interpreter, "/bin/sh") && !argument);
    CHECK(parse("#! \t/bin/sh \t -e  x \t\n") == 0);
    CHECK(!strcmp(interpreter, "/bin/sh") && !strcmp(argument, "-e  x"));
    CHECK(parse("#!/bin/sh") == 0 && !strcmp(interpreter, "/bin/sh") && !argument);
    CHECK(parse("#!/bin/sh -x") == 0 && !strcmp(argument, "-x"));
    CHECK(parse("#!\n/bin/sh") == -ENOEXEC);
    CHECK(parse("#!   ") == -ENOEXEC);
    CHECK(parse("#!") == -ENOEXEC);
    CHECK(parse("echo") == -ENOEXEC);
    CHECK(parse("") == -ENOEXEC);
}

static void long_lines(void)
{
    char text[400];
    memset(text, 'a', sizeof(text));
    memcpy(text, "#!/", 3);
    text[399] = '\0';
    CHECK(parse(text) == -ENOEXEC);
    text[100] = ' ';
    CHECK(parse(text) == 0 && strlen(interpreter) == 98);
    CHECK(argument && strlen(argument) == SCRIPT_LINE_MAX - 1 - 101);
    text[254] = '\n';
    CHECK(parse(text) == 0 && strlen(argument) == 153);
}

int main(void)
{
    check_case("a static program", good_program);
    check_case("a segment without file", only_zeros);
    check_case("bad headers", bad_header);
    check_case("bad segments", bad_segments);
    check_case("position-independent, with interpreter", position_independent);
    check_case("first lines of scripts", scripts);
    check_case("long first lines", long_lines);
    return check_done();
}
