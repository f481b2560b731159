/*
 * What execve lays on the new stack: arguments, environment and the auxiliary vector, and the state
 * of the machine when a program starts.
 *
 *     high   path, environment strings, argument strings, 16 random bytes
 *            auxiliary vector, AT_NULL last
 *            envp[0] ... NULL
 *            argv[0] ... NULL
 *     sp ->  argc                                 sp is a multiple of 16
 */
#include "tap.h"
#include "small_elf.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern char __executable_start[];
void _start(void);

static char **arguments;

/* ---- this program's own stack ---- */

static Elf64_auxv_t *auxiliary_vector(void)
{
    char **at = environ;

    while (*at != NULL)
        at++;
    return (Elf64_auxv_t *)(at + 1);
}

/* The value of an entry, which must be there once. */
static uint64_t entry(uint64_t type)
{
    uint64_t value = 0;
    int count = 0;

    for (Elf64_auxv_t *at = auxiliary_vector(); at->a_type != AT_NULL; at++) {
        if (at->a_type == type) {
            value = at->a_un.a_val;
            count++;
        }
    }
    if (count != 1)
        FAIL_HERE("entry %d is there %d times", (int)type, count);
    return value;
}

static void vectors_are_adjacent(void)
{
    int64_t *stack = (int64_t *)arguments - 1;
    int argc = (int)*stack;

    CHECK(argc >= 1);
    CHECK(arguments[argc] == NULL);
    CHECK(environ == arguments + argc + 1);
    CHECK_EQ((uintptr_t)stack % 16, 0);
    CHECK_EQ((uintptr_t)auxiliary_vector() % 8, 0);
}

static void strings_are_above(void)
{
    struct map_line line;
    Elf64_auxv_t *last = auxiliary_vector();
    char *previous = NULL;

    while (last->a_type != AT_NULL)
        last++;
    CHECK_EQ(read_maps((uintptr_t)arguments, (uintptr_t)arguments + 1, &line, 1), 1);
    CHECK_STRING(line.path, "[stack]");
    /* Each string follows the one before, arguments first. */
    for (char **at = arguments; *at != NULL; at++) {
        CHECK(*at > (char *)last && (uintptr_t)*at < line.end);
        CHECK(previous == NULL || *at == previous + strlen(previous) + 1);
        previous = *at;
    }
    for (char **at = environ; *at != NULL; at++) {
        CHECK(*at == previous + strlen(previous) + 1);
        previous = *at;
    }
    const char *path = (const char *)entry(AT_EXECFN);
    CHECK(path == previous + strlen(previous) + 1);
    CHECK((uintptr_t)path + strlen(path) + 1 + 8 == line.end); /* and eight zero bytes */
}

static void auxiliary_values(void)
{
    CHECK_EQ(entry(AT_PAGESZ), PAGE);
    CHECK_EQ(entry(AT_UID), getuid());
    CHECK_EQ(entry(AT_EUID), geteuid());
    CHECK_EQ(entry(AT_GID), getgid());
    CHECK_EQ(entry(AT_EGID), getegid());
    CHECK_EQ(entry(AT_SECURE), 0);
    CHECK_EQ(entry(AT_FLAGS), 0);
    CHECK_EQ(entry(AT_BASE), 0); /* no interpreter */
    CHECK_EQ(entry(AT_CLKTCK), sysconf(_SC_CLK_TCK));
    CHECK_EQ(entry(AT_CLKTCK), 100);
    CHECK_EQ(entry(AT_ENTRY), (uintptr_t)_start);
    entry(AT_HWCAP);
}

static void program_headers(void)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)__executable_start;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)entry(AT_PHDR);
    size_t count = entry(AT_PHNUM);
    bool found = false;

    CHECK(memcmp(header->e_ident, ELFMAG, SELFMAG) == 0);
    CHECK_EQ(entry(AT_PHENT), sizeof(Elf64_Phdr));
    CHECK_EQ(count, header->e_phnum);
    CHECK((const char *)segments == __executable_start + header->e_phoff);
    for (size_t i = 0; i < count; i++)
        found |= segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X);
    CHECK(found);
}

static char initialised[5000] = {1, 2, 3};
static char uninitialised[50000];

static void data_and_bss(void)
{
    CHECK(initialised[0] == 1 && initialised[2] == 3);
    CHECK(all_bytes(initialised + 3, 0, sizeof(initialised) - 3));
    CHECK(all_bytes(uninitialised, 0, sizeof(uninitialised)));
    uninitialised[sizeof(uninitialised) - 1] = initialised[0] = 9;
    /* The break begins behind the bss, not far. */
    char *start = sbrk(0);
    CHECK(start > uninitialised + sizeof(uninitialised) - 1);
}

/* ---- what another program gets ---- */

/* @random, @arguments and @path print something for the parent to look at. */
static int print_mode(int argc, char **argv)
{
    if (strcmp(argv[1], "@random") == 0)
        write_all(1, (const void *)getauxval(AT_RANDOM), 16);
    else if (strcmp(argv[1], "@path") == 0)
        write_all(1, (const char *)getauxval(AT_EXECFN), strlen((char *)getauxval(AT_EXECFN)));
    else
        for (int i = 0; i < argc; i++)
            write_all(1, argv[i], strlen(argv[i]) + 1);
    /* The stack is aligned whatever the strings are. */
    return (uintptr_t)(argv - 1) % 16;
}

struct execution {
    const char *path;
    char **argv, **envp;
    int ends[2];
};

static void execute(void *argument)
{
    struct execution *execution = argument;

    dup2(execution->ends[1], 1);
    execve(execution->path, execution->argv, execution->envp);
    _exit(99);
}

static size_t output_of(const char *path, char **argv, char **envp, char *buffer, size_t size)
{
    struct execution execution = {path, argv, envp, {-1, -1}};
    size_t length = 0;
    ssize_t count;

    expect_ok(pipe2(execution.ends, O_CLOEXEC));
    pid_t pid = spawn(execute, &execution);
    expect_ok(close(execution.ends[1]));
    while ((count = expect_ok(read(execution.ends[0], buffer + length, size - length))) > 0)
        length += (size_t)count;
    expect_ok(close(execution.ends[0]));
    expect_exited(reap(pid), 0);
    return length;
}

static void random_bytes(void)
{
    char *argv[] = {"x", "@random", NULL}, *envp[] = {NULL};
    char first[16], second[16];

    CHECK_EQ(output_of(self_path(), argv, envp, first, 16), 16);
    CHECK_EQ(output_of(self_path(), argv, envp, second, 16), 16);
    CHECK(memcmp(first, second, 16) != 0);
    CHECK(!all_bytes(first, 0, 16));
}

static void path_of_the_program(void)
{
    char *argv[] = {"another name", "@path", NULL}, *envp[] = {NULL};
    char path[PATH_MAX];

    size_t length = output_of(self_path(), argv, envp, path, sizeof(path));
    CHECK_EQ(length, strlen(self_path()));
    CHECK(memcmp(path, self_path(), length) == 0);
    expect_ok(symlink(self_path(), "link"));
    length = output_of("./link", argv, envp, path, sizeof(path)); /* as it was given */
    CHECK_EQ(length, 6);
    CHECK(memcmp(path, "./link", 6) == 0);
}

/* Strings of all lengths, so that the stack would be misaligned in every way. */
static void alignment(void)
{
    char long_one[40], found[128];
    char *argv[] = {"x", "@arguments", long_one, NULL, NULL}, *envp[] = {long_one, NULL, NULL};

    for (size_t length = 0; length < 34; length++) {
        memset(long_one, 'a', length);
        long_one[length] = '\0';
        argv[3] = length % 2 ? "odd" : NULL;
        envp[1] = length % 3 ? "VARIABLE=3" : NULL;
        size_t expected = 2 + 11 + length + 1 + (length % 2 ? 4 : 0);
        CHECK_EQ(output_of(self_path(), argv, envp, found, sizeof(found)), expected);
        CHECK_STRING(found + 13, long_one);
    }
}

static void no_environment(void)
{
    char *argv[] = {"x", "@arguments", NULL};
    char found[32];

    CHECK_EQ(output_of(self_path(), argv, NULL, found, sizeof(found)), 13);
}

/* ---- segments ---- */

static void execute_small(void *argument)
{
    char *argv[] = {argument, NULL}, *envp[] = {NULL};

    execve(argument, argv, envp);
    _exit(errno);
}

/* The program's segment need not begin at the start of a page, in the file or in memory. */
static void unaligned_segments(void)
{
    struct small_elf elf;

    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_offset = offsetof(struct small_elf, code);
    elf.segment[0].p_vaddr = SMALL_ELF_ADDRESS + offsetof(struct small_elf, code);
    elf.segment[0].p_filesz = elf.segment[0].p_memsz = sizeof(elf.code);
    small_elf_write(&elf, "program");
    expect_exited(child_status(execute_small, "program"), 42);
    /* A zero-sized one, one that is only bss, and one of another kind are no obstacle. */
    small_elf_make(&elf, ET_EXEC, 43);
    elf.header.e_phnum = 3;
    elf.segment[1] = elf.segment[0];
    elf.segment[1].p_type = PT_NOTE;
    elf.segment[1].p_filesz = 0;
    elf.segment[2].p_type = PT_LOAD;
    elf.segment[2].p_flags = PF_R | PF_W;
    elf.segment[2].p_vaddr = SMALL_ELF_ADDRESS + 10 * PAGE;
    elf.segment[2].p_memsz = 3 * PAGE;
    elf.segment[2].p_align = PAGE;
    small_elf_write(&elf, "program");
    expect_exited(child_status(execute_small, "program"), 43);
}

/* The file may be changed in place between two executions: the new text runs. */
static void replaced_text(void)
{
    struct small_elf elf;

    for (int status = 1; status < 30; status++) {
        small_elf_make(&elf, status % 2 ? ET_EXEC : ET_DYN, status);
        small_elf_write(&elf, "program");
        expect_exited(child_status(execute_small, "program"), status);
    }
}

static const struct test tests[] = {
    TEST(vectors_are_adjacent), TEST(strings_are_above), TEST(auxiliary_values),
    TEST(program_headers),      TEST(data_and_bss),      TEST(random_bytes),
    TEST(path_of_the_program),  TEST(alignment),         TEST(no_environment),
    TEST(unaligned_segments),   TEST(replaced_text),
};

int main(int argc, char **argv)
{
    if (argc > 1 && argv[1][0] == '@')
        return print_mode(argc, argv);
    arguments = argv;
    return TAP_MAIN(argc, argv, tests);
}
