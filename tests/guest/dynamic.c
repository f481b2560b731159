/*
 * Dynamic programs: the ELF interpreter that PT_INTERP names is loaded and started in the program's
 * place; one that cannot be is an error of execve(2), each of its own. Pages of a library's text
 * are in memory once, however many programs run.
 */
#include "small_elf.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PROGRAM_STATUS     17
#define INTERPRETER_STATUS 29

/* A program that names an interpreter: size bytes of path. */
struct interpreted {
    struct small_elf elf;
    char path[32];
};

static void write_program(const char *path, size_t size)
{
    struct interpreted program;
    small_elf_make(&program.elf, ET_EXEC, PROGRAM_STATUS);
    program.elf.header.e_phnum = 2;
    program.elf.segment[1].p_type = PT_INTERP;
    program.elf.segment[1].p_flags = PF_R;
    program.elf.segment[1].p_offset = offsetof(struct interpreted, path);
    program.elf.segment[1].p_filesz = size;
    memset(program.path, 0, sizeof(program.path));
    memcpy(program.path, path, strlen(path));
    int fd = expect_ok(open("program", O_WRONLY | O_CREAT | O_TRUNC, 0755));
    write_all(fd, &program, sizeof(program));
    expect_ok(close(fd));
}

static void run_program(void *unused)
{
    (void)unused;
    execl("./program", "program", (char *)NULL);
    _exit(errno);
}

static void interpreter_runs(void)
{
    struct small_elf interpreter;
    write_program("./interpreter", sizeof("./interpreter"));
    small_elf_make(&interpreter, ET_DYN, INTERPRETER_STATUS);
    small_elf_write(&interpreter, "interpreter");
    check_exited(child_status(run_program, NULL), INTERPRETER_STATUS, __FILE__, __LINE__);
    small_elf_make(&interpreter, ET_EXEC, INTERPRETER_STATUS);
    interpreter.header.e_entry += SMALL_ELF_ADDRESS;
    interpreter.segment[0].p_vaddr = 2 * SMALL_ELF_ADDRESS;
    small_elf_write(&interpreter, "interpreter");
    check_exited(child_status(run_program, NULL), INTERPRETER_STATUS, __FILE__, __LINE__);
}

static void interpreters_that_cannot_be_opened(void)
{
    write_program("./absent", sizeof("./absent"));
    expect_errno(execl("./program", "program", (char *)NULL), ENOENT);
    write_program("/", sizeof("/"));
    expect_errno(execl("./program", "program", (char *)NULL), EACCES);
    write_program("./program/x", sizeof("./program/x"));
    expect_errno(execl("./program", "program", (char *)NULL), ENOTDIR);
    struct small_elf interpreter;
    small_elf_make(&interpreter, ET_DYN, INTERPRETER_STATUS);
    small_elf_write(&interpreter, "interpreter");
    expect_ok(chmod("interpreter", 0644));
    write_program("./interpreter", sizeof("./interpreter"));
    expect_errno(execl("./program", "program", (char *)NULL), EACCES);
    int fd = expect_ok(open("interpreter", O_RDWR));
    expect_ok(chmod("interpreter", 0755));
    expect_errno(execl("./program", "program", (char *)NULL), ETXTBSY);
    expect_ok(close(fd));
}

static void paths_that_are_none(void)
{
    write_program("./interpreter", sizeof("./interpreter") - 1); /* without its end */
    expect_errno(execl("./program", "program", (char *)NULL), ENOEXEC);
    write_program("", 1);
    expect_errno(execl("./program", "program", (char *)NULL), ENOEXEC);
    write_program("./interpreter", 100000);
    expect_errno(execl("./program", "program", (char *)NULL), ENOEXEC);
}

static void interpreters_that_are_no_programs(void)
{
    struct small_elf interpreter;
    char text[200] = "#!/bin/sh\nexit 3\n";
    write_program("./interpreter", sizeof("./interpreter"));
    write_file("interpreter", "", 0755);
    expect_errno(execl("./program", "program", (char *)NULL), EIO);
    write_file("interpreter", "short", 0755);
    expect_errno(execl("./program", "program", (char *)NULL), EIO);
    memset(text + strlen(text), '#', sizeof(text) - strlen(text) - 1);
    write_file("interpreter", text, 0755);
    expect_errno(execl("./program", "program", (char *)NULL), ELIBBAD);
    small_elf_make(&interpreter, ET_DYN, INTERPRETER_STATUS);
    interpreter.header.e_machine ^= 1;
    small_elf_write(&interpreter, "interpreter");
    expect_errno(execl("./program", "program", (char *)NULL), ELIBBAD);
    small_elf_make(&interpreter, ET_DYN, INTERPRETER_STATUS);
    interpreter.header.e_phentsize = 7;
    small_elf_write(&interpreter, "interpreter");
    expect_errno(execl("./program", "program", (char *)NULL), ELIBBAD);
}

/* The name of the dynamic program, which lies beside this one. */
static void helper_path(char *path, size_t size)
{
    const char *self = self_path();
    int directory = (int)(strrchr(self, '/') - self);
    snprintf(path, size, "%.*s/helper_dynamic", directory, self);
}

static void run_helper(void *unused)
{
    char path[512];
    (void)unused;
    helper_path(path, sizeof(path));
    execl(path, path, (char *)NULL);
    _exit(99);
}

static void what_a_program_is_told(void)
{
    check_exited(child_status(run_helper, NULL), 0, __FILE__, __LINE__);
}

/* Start a helper that tells its frame and stays until the write end of its input is closed. */
static pid_t start_helper(int *input, unsigned long long *frame)
{
    int in[2], out[2];
    char path[512], text[32] = "";
    helper_path(path, sizeof(path));
    expect_ok(pipe(in));
    expect_ok(pipe(out));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        execl(path, path, "wait", (char *)NULL);
        _exit(99);
    }
    expect_ok(close(in[0]));
    expect_ok(close(out[1]));
    CHECK(read(out[0], text, sizeof(text) - 1) > 0);
    expect_ok(close(out[0]));
    *input = in[1];
    expect_ok(fcntl(*input, F_SETFD, FD_CLOEXEC));
    *frame = strtoull(text, NULL, 10);
    return pid;
}

static void text_of_libc_is_there_once(void)
{
    pid_t pids[3];
    int inputs[3];
    unsigned long long frames[3];
    for (size_t i = 0; i < COUNT_OF(pids); i++)
        pids[i] = start_helper(&inputs[i], &frames[i]);
    for (size_t i = 0; i < COUNT_OF(pids); i++) {
        expect_ok(close(inputs[i]));
        check_exited(reap(pids[i]), 0, __FILE__, __LINE__);
    }
    if (frames[0] == 0)
        skip("the numbers of frames are not told");
    CHECK_EQ(frames[1], frames[0]);
    CHECK_EQ(frames[2], frames[0]);
}

static const struct test tests[] = {
    TEST(interpreter_runs),       TEST(interpreters_that_cannot_be_opened),
    TEST(paths_that_are_none),    TEST(interpreters_that_are_no_programs),
    TEST(what_a_program_is_told), TEST(text_of_libc_is_there_once),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
