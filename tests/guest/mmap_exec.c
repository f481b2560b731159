/*
 * Executable memory: code made at run time, code in mapped files, the sequence of calls by which a
 * dynamic linker loads a library, and ETXTBSY.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define RX        (PROT_READ | PROT_EXEC)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

typedef int (*number_function)(void);

/* The machine code of: int f(void) { return value; }, value below 2048. */
static size_t make_code(void *memory, int value)
{
#if defined(__riscv)
    const uint32_t code[2] = {(uint32_t)value << 20 | 0x513 /* li a0, value */, 0x8067 /* ret */};
#elif defined(__x86_64__)
    unsigned char code[6] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $value, %eax; ret */
    memcpy(code + 1, &value, sizeof(value));
#else
#error "no code for this machine"
#endif
    memcpy(memory, code, sizeof(code));
    return sizeof(code);
}

static int call(const void *code)
{
    return ((number_function)(uintptr_t)code)();
}

static void flush_code(void *memory, size_t size)
{
    __builtin___clear_cache((char *)memory, (char *)memory + size);
}

/* ---- code made at run time ---- */

static void write_then_execute(void)
{
    char *page = map_pages(1);

    flush_code(page, make_code(page, 42));
    expect_fault(page, 'x', SIGSEGV);
    expect_ok(mprotect(page, PAGE, RX));
    CHECK_EQ(call(page), 42);
    expect_fault(page, 'w', SIGSEGV);
    expect_ok(mprotect(page, PAGE, PROT_READ));
    expect_fault(page, 'x', SIGSEGV);
    expect_ok(mprotect(page, PAGE, RW));
    flush_code(page, make_code(page, 43));
    expect_ok(mprotect(page, PAGE, RX));
    CHECK_EQ(call(page), 43);
}

static void write_and_execute(void)
{
    char *page = expect_ok((char *)mmap(NULL, PAGE, RW | PROT_EXEC, ANONYMOUS, -1, 0));

    for (int value = 0; value < 500; value++) {
        size_t size = make_code(page + value % 7 * 64, value);
        flush_code(page + value % 7 * 64, size);
        CHECK_EQ(call(page + value % 7 * 64), value);
    }
}

/* New code at an address where there was other code. */
static void same_address_other_page(void)
{
    char *page = find_hole(1);

    for (int value = 0; value < 100; value++) {
        CHECK(mmap(page, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == page);
        flush_code(page, make_code(page, value));
        expect_ok(mprotect(page, PAGE, RX));
        CHECK_EQ(call(page), value);
        expect_ok(munmap(page, PAGE));
    }
}

static void call_and_exit(void *argument)
{
    _exit(call(argument));
}

static void code_is_inherited(void)
{
    char *page = map_pages(1);

    flush_code(page, make_code(page, 17));
    expect_ok(mprotect(page, PAGE, RX));
    expect_exited(child_status(call_and_exit, page), 17);
    /* The child's own copy of the page can be changed without the parent's. */
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        expect_ok(mprotect(page, PAGE, RW));
        flush_code(page, make_code(page, 18));
        expect_ok(mprotect(page, PAGE, RX));
        _exit(call(page));
    }
    expect_exited(reap(pid), 18);
    CHECK_EQ(call(page), 17);
}

static void code_on_many_pages(void)
{
    enum { PAGES = 64 };
    char *base = map_pages(PAGES);

    for (int i = 0; i < PAGES; i++)
        make_code(base + i * PAGE + 4 * (size_t)i, i);
    flush_code(base, PAGES * PAGE);
    expect_ok(mprotect(base, PAGES * PAGE, RX));
    for (int i = PAGES - 1; i >= 0; i--)
        CHECK_EQ(call(base + i * PAGE + 4 * (size_t)i), i);
}

/* ---- code in files ---- */

static int code_file(const char *name, int value)
{
    char page[PAGE] = {0};
    int fd = expect_ok(open(name, O_RDWR | O_CREAT | O_TRUNC, 0755));

    make_code(page, value);
    write_all(fd, page, PAGE);
    return fd;
}

static void code_from_a_file(void)
{
    int fd = code_file("code", 99);
    char *private = expect_ok((char *)mmap(NULL, PAGE, RX, MAP_PRIVATE, fd, 0));
    char *shared = expect_ok((char *)mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0));
    char *readable = expect_ok((char *)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));

    CHECK_EQ(call(private), 99);
    CHECK_EQ(call(shared), 99);
    expect_fault(readable, 'x', SIGSEGV);
    expect_fault(private, 'w', SIGSEGV);
    expect_fault(shared, 'w', SIGSEGV);
}

/* Two views of one page: code stored through the writable one runs in the executable one. */
static void two_views_of_code(void)
{
    int fd = code_file("code", 0);
    char *writable = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    char *executable = expect_ok((char *)mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0));
    char code[16];

    for (int value = 1; value < 50; value++) {
        make_code(writable, value);
        flush_code(executable, 64);
        CHECK_EQ(call(executable), value);
        size_t size = make_code(code, value + 1000);
        CHECK_EQ(pwrite(fd, code, size, 0), size);
        flush_code(executable, 64);
        CHECK_EQ(call(executable), value + 1000);
    }
}

struct shared_code {
    char *writable, *executable;
    struct sign ready, done;
};

static void run_shared_code(void *argument)
{
    struct shared_code *code = argument;

    for (int value = 0; value < 100; value++) {
        sign_await(&code->ready);
        flush_code(code->executable, 64);
        CHECK_EQ(call(code->executable), value);
        sign_send(&code->done);
    }
}

/* The same between two processes, on different harts if there are any. */
static void code_for_another_process(void)
{
    int fd = code_file("code", 0);
    struct shared_code code;

    code.writable = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    code.executable = expect_ok((char *)mmap(NULL, PAGE, RX, MAP_SHARED, fd, 0));
    sign_open(&code.ready);
    sign_open(&code.done);
    pid_t pid = spawn(run_shared_code, &code);
    for (int value = 0; value < 100; value++) {
        flush_code(code.writable, make_code(code.writable, value));
        sign_send(&code.ready);
        sign_await(&code.done);
    }
    expect_exited(reap(pid), 0);
}

/* ---- a library ---- */

/*  file   T T R D d          text, read-only data, data of a page and a half
 *  map    X X R - W W W      a hole between, and bss behind the data
 */
static void like_a_dynamic_linker(void)
{
    const size_t file_size = 4 * PAGE + 1000, data_end = 6 * PAGE + 1000;
    char page[PAGE] = {0};
    int fd = pattern_file("library", file_size);

    make_code(page, 321);
    CHECK_EQ(pwrite(fd, page, PAGE, PAGE), PAGE);
    /* The whole span with the first segment's rights, ... */
    char *base = expect_ok((char *)mmap(NULL, 8 * PAGE, RX, MAP_PRIVATE | MAP_DENYWRITE, fd, 0));
    /* ... the hole made inaccessible, ... */
    expect_ok(mprotect(base + 3 * PAGE, 5 * PAGE, PROT_NONE));
    /* ... the other segments over it, ... */
    const int flags = MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE;
    CHECK(mmap(base + 2 * PAGE, PAGE, PROT_READ, flags, fd, 2 * PAGE) == base + 2 * PAGE);
    CHECK(mmap(base + 5 * PAGE, 2 * PAGE, RW, flags, fd, 3 * PAGE) == base + 5 * PAGE);
    /* ... the rest of the last page of data cleared, and anonymous memory behind it. */
    memset(base + data_end, 0, 7 * PAGE - data_end);
    CHECK(mmap(base + 7 * PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0) == base + 7 * PAGE);
    expect_ok(close(fd));

    char picture[32];
    draw_pages(base, 8, picture, sizeof(picture));
    CHECK_STRING(picture, "XX|R|--|WW|W");
    CHECK_PATTERN(base, 0, PAGE);
    CHECK_EQ(call(base + PAGE), 321);
    CHECK_PATTERN(base + 2 * PAGE, 2 * PAGE, PAGE);
    CHECK_PATTERN(base + 5 * PAGE, 3 * PAGE, PAGE + 1000);
    CHECK(all_bytes(base + data_end, 0, 8 * PAGE - data_end));
    expect_fault(base + 4 * PAGE, 'r', SIGSEGV);
    expect_fault(base + 5 * PAGE, 'x', SIGSEGV);
    memset(base + 5 * PAGE, 1, 3 * PAGE);
    /* Relocated read-only data is protected at the end. */
    expect_ok(mprotect(base + 5 * PAGE, PAGE, PROT_READ));
    expect_fault(base + 5 * PAGE, 'w', SIGSEGV);
    CHECK(all_bytes(base + 5 * PAGE, 1, 3 * PAGE));
    fd = expect_ok(open("library", O_RDONLY));
    CHECK_EQ(pread(fd, page, PAGE, 3 * PAGE), PAGE);
    CHECK_PATTERN(page, 3 * PAGE, PAGE);
}

/* ---- ETXTBSY ---- */

static void copy_program(const char *name)
{
    char buffer[16384];
    int from = expect_ok(open(self_path(), O_RDONLY));
    int to = expect_ok(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    ssize_t count;

    while ((count = expect_ok(read(from, buffer, sizeof(buffer)))) > 0)
        write_all(to, buffer, (size_t)count);
    expect_ok(close(from));
    expect_ok(close(to));
}

/* Execute the program so that it exits with 5 at once; the errno of execve if that fails. */
static void execute(void *argument)
{
    execl(argument, argument, "@exit", NULL);
    _exit(errno);
}

static void open_for_writing_is_busy(void)
{
    copy_program("program");
    expect_exited(child_status(execute, "program"), 5);
    int fd = expect_ok(open("program", O_WRONLY));
    expect_exited(child_status(execute, "program"), ETXTBSY);
    expect_ok(close(fd));
    expect_exited(child_status(execute, "program"), 5);
}

static void mapped_for_writing_is_busy(void)
{
    copy_program("program");
    int fd = expect_ok(open("program", O_RDWR));
    char *map = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    expect_ok(close(fd));
    expect_exited(child_status(execute, "program"), ETXTBSY);
    expect_ok(munmap(map, PAGE));
    expect_exited(child_status(execute, "program"), 5);
    /* A private mapping, or one that only reads, is no obstacle. */
    fd = expect_ok(open("program", O_RDONLY));
    char *private = expect_ok((char *)mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
    expect_ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    private[0] = 0;
    expect_exited(child_status(execute, "program"), 5);
}

struct running {
    pid_t pid;
    int started, stop;
};

/* Run the program until it is told to stop. */
static void start_program(struct running *running)
{
    int started[2], stop[2];
    char byte;

    expect_ok(pipe2(started, O_CLOEXEC));
    expect_ok(pipe2(stop, O_CLOEXEC));
    running->pid = expect_ok(fork());
    if (running->pid == 0) {
        dup2(stop[0], 0);
        dup2(started[1], 1);
        execl("./program", "program", "@wait", NULL);
        _exit(1);
    }
    expect_ok(close(started[1]));
    read_all(started[0], &byte, 1);
    running->stop = stop[1];
}

static void running_is_busy(void)
{
    struct running running;
    struct stat status;

    copy_program("program");
    start_program(&running);
    expect_errno(open("program", O_WRONLY), ETXTBSY);
    expect_errno(open("program", O_RDWR), ETXTBSY);
    expect_errno(open("program", O_WRONLY | O_TRUNC), ETXTBSY);
    expect_errno(truncate("program", 0), ETXTBSY);
    expect_ok(stat("program", &status));
    CHECK(status.st_size > 0);
    expect_ok(close(expect_ok(open("program", O_RDONLY))));
    expect_exited(child_status(execute, "program"), 5); /* it can run twice */
    /* It may be unlinked, and its name used again. */
    expect_ok(unlink("program"));
    write_file("program", "another file", 0644);
    write_all(running.stop, "!", 1);
    expect_exited(reap(running.pid), 6);
    expect_ok(close(expect_ok(open("program", O_RDWR))));
}

static const struct test tests[] = {
    TEST(write_then_execute),       TEST(write_and_execute),          TEST(same_address_other_page),
    TEST(code_is_inherited),        TEST(code_on_many_pages),         TEST(code_from_a_file),
    TEST(two_views_of_code),        TEST(code_for_another_process),   TEST(like_a_dynamic_linker),
    TEST(open_for_writing_is_busy), TEST(mapped_for_writing_is_busy), TEST(running_is_busy),
};

int main(int argc, char **argv)
{
    char byte;

    if (argc == 2 && strcmp(argv[1], "@exit") == 0)
        return 5;
    if (argc == 2 && strcmp(argv[1], "@wait") == 0)
        return write(1, "!", 1) == 1 && read(0, &byte, 1) == 1 ? 6 : 7;
    return TAP_MAIN(argc, argv, tests);
}
