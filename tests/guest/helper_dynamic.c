/*
 * A dynamic program, for the test dynamic. Without arguments it checks what it was started with;
 * otherwise it prints the frame that holds a page of libc's text (0: it may not know) and waits for
 * the end of its input.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define PAGE       4096
#define FRAME_MASK ((1ull << 55) - 1)

int main(int argc, char **argv);

static int initialised;

static void __attribute__((constructor)) initialise(void)
{
    initialised = 42;
}

/* Which check fails; 0: none. */
static int check(void)
{
    const char *loader = (const char *)getauxval(AT_BASE);
    const ElfW(Phdr) *program = (const void *)getauxval(AT_PHDR);
    unsigned long count = getauxval(AT_PHNUM);
    uintptr_t entry = getauxval(AT_ENTRY), bias = 0;
    int inside = 0, interpreted = 0;

    if (!loader || memcmp(loader, ELFMAG, SELFMAG) != 0)
        return 1;
    for (unsigned long i = 0; i < count; i++) {
        if (program[i].p_type == PT_PHDR)
            bias = (uintptr_t)program - program[i].p_vaddr;
        interpreted |= program[i].p_type == PT_INTERP;
    }
    for (unsigned long i = 0; i < count; i++) {
        uintptr_t start = bias + program[i].p_vaddr;
        inside |=
            program[i].p_type == PT_LOAD && entry >= start && entry < start + program[i].p_memsz;
    }
    if (!interpreted || !inside)
        return 2;
    if (initialised != 42)
        return 3;
    return strcmp((const char *)getauxval(AT_EXECFN), program_invocation_name) == 0 ? 0 : 4;
}

static unsigned long long frame_of(const void *address)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    uint64_t entry = 0;

    (void)*(const volatile char *)address; /* so that it is there */
    if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)address / PAGE * 8)) != 8)
        return 0;
    close(fd);
    return entry & FRAME_MASK;
}

int main(int argc, char **argv)
{
    char byte;

    (void)argv;
    if (argc < 2)
        return check();
    printf("%llu\n", frame_of((const void *)(uintptr_t)qsort));
    fflush(stdout);
    return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 5;
}
