/*
 * The lab's test of mmap and munmap: files mapped privately and shared, read and written through
 * memory, lazily, two at a time, over fork, and children that die where they should.
 */
#include "../guest/tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RW   (PROT_READ | PROT_WRITE)
#define NAME "mmap.dur"

enum { FILE_SIZE = 4096 + 2048 };

/* A file of a page and a half: 'A' in the first page, 'B' in the rest. */
static void make_file(void)
{
    char page[PAGE];
    int fd = expect_ok(open(NAME, O_WRONLY | O_CREAT | O_TRUNC, 0644));

    memset(page, 'A', PAGE);
    write_all(fd, page, PAGE);
    memset(page, 'B', PAGE / 2);
    write_all(fd, page, PAGE / 2);
    expect_ok(close(fd));
}

/* A page and a half as in the file, the rest of the second page zero. */
static void check_content(const char *map)
{
    CHECK(all_bytes(map, 'A', PAGE));
    CHECK(all_bytes(map + PAGE, 'B', PAGE / 2));
    CHECK(all_bytes(map + PAGE + PAGE / 2, 0, PAGE / 2));
}

static void check_file(void)
{
    char buffer[2 * PAGE + 1];

    CHECK_EQ(read_file(NAME, buffer, sizeof(buffer)), FILE_SIZE);
    memset(buffer + FILE_SIZE, 0, 2 * PAGE - FILE_SIZE);
    check_content(buffer);
}

static char *map(int fd, size_t pages, int prot, int flags)
{
    return expect_ok((char *)mmap(NULL, pages * PAGE, prot, flags, fd, 0));
}

/* The mapping is there after the file is closed, and after it is unlinked. */
static void basic_mmap(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDONLY));
    char *memory = map(fd, 2, PROT_READ, MAP_PRIVATE);
    expect_ok(close(fd));
    check_content(memory);
    expect_ok(munmap(memory, 2 * PAGE));

    fd = expect_ok(open(NAME, O_RDONLY));
    memory = map(fd, 2, PROT_READ, MAP_SHARED);
    expect_ok(close(fd));
    expect_ok(unlink(NAME));
    check_content(memory);
    expect_ok(munmap(memory, 2 * PAGE));
}

/* A file that is open for reading only may be mapped writable if it is private. */
static void mmap_private(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDONLY));
    char *memory = map(fd, 2, RW, MAP_PRIVATE);
    expect_ok(close(fd));
    check_content(memory);
    memset(memory, 'Z', 2 * PAGE);
    CHECK(all_bytes(memory, 'Z', 2 * PAGE));
    expect_ok(munmap(memory, 2 * PAGE));
    check_file();
}

static void mmap_read_only(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDONLY));
    expect_errno(mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), EACCES);
    char *memory = map(fd, 2, PROT_READ, MAP_SHARED);
    check_content(memory);
    expect_errno(mprotect(memory, PAGE, RW), EACCES);
    expect_ok(munmap(memory, 2 * PAGE));
    expect_ok(close(fd));
}

/* Stores through a shared mapping; the first two of its three pages are then unmapped. */
static void mmap_read_write(void)
{
    char buffer[FILE_SIZE + 1];

    make_file();
    int fd = expect_ok(open(NAME, O_RDWR));
    char *memory = map(fd, 3, RW, MAP_SHARED);
    expect_ok(close(fd));
    check_content(memory);
    memset(memory, 'Z', FILE_SIZE);
    expect_ok(munmap(memory, 2 * PAGE));
    CHECK_EQ(read_file(NAME, buffer, sizeof(buffer)), FILE_SIZE);
    CHECK(all_bytes(buffer, 'Z', FILE_SIZE));
    expect_ok(munmap(memory + 2 * PAGE, PAGE));
}

/* Only pages that were stored to are changed in the file, and nothing behind its end. */
static void mmap_dirty(void)
{
    char buffer[2 * PAGE];
    struct stat status;

    make_file();
    int fd = expect_ok(open(NAME, O_RDWR));
    char *memory = map(fd, 2, RW, MAP_SHARED);
    memory[PAGE + 1] = 'd';
    memory[FILE_SIZE + 1] = 'e';
    expect_ok(munmap(memory, 2 * PAGE));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, FILE_SIZE);
    CHECK_EQ(read(fd, buffer, sizeof(buffer)), FILE_SIZE);
    CHECK_EQ(buffer[PAGE + 1], 'd');
    buffer[PAGE + 1] = 'B';
    memset(buffer + FILE_SIZE, 0, 2 * PAGE - FILE_SIZE);
    check_content(buffer);
    expect_ok(close(fd));
}

/* Unmapping pages that were never touched, mapped or not. */
static void not_mapped_unmap(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDWR));
    char *memory = map(fd, 3, RW, MAP_SHARED);
    expect_ok(munmap(memory, PAGE));
    expect_ok(munmap(memory, PAGE));
    expect_ok(munmap(memory, 3 * PAGE));
    expect_fault(memory + 2 * PAGE, 'r', SIGSEGV);
    expect_ok(close(fd));
    check_file();
}

/* The second page is touched and the first never; a mapping behind the file costs nothing. */
static void lazy_access(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDWR));
    char *memory = map(fd, 2, RW, MAP_SHARED);
    char *large = expect_ok((char *)mmap(NULL, 1ul << 30, RW, MAP_SHARED, fd, 0));
    memory[PAGE] = 'l';
    CHECK_EQ(large[PAGE], 'l');
    memory[PAGE] = 'B';
    expect_ok(munmap(memory, 2 * PAGE));
    expect_fault(large + (1ul << 29), 'r', SIGBUS);
    expect_ok(munmap(large, 1ul << 30));
    expect_ok(close(fd));
    check_file();
}

static char *map_text(const char *name, const char *text)
{
    write_file(name, text, 0644);
    int fd = expect_ok(open(name, O_RDWR));
    char *memory = map(fd, 1, PROT_READ, MAP_PRIVATE);
    expect_ok(close(fd));
    expect_ok(unlink(name));
    return memory;
}

static void two_files(void)
{
    char *first = map_text("mmap1", "12345"), *second = map_text("mmap2", "67890");

    CHECK_STRING(first, "12345");
    CHECK_STRING(second, "67890");
    expect_ok(munmap(first, PAGE));
    CHECK_STRING(second, "67890");
    expect_ok(munmap(second, PAGE));
}

struct two_mappings {
    char *first, *second;
};

static void check_and_unmap(void *argument)
{
    struct two_mappings *memory = argument;

    check_content(memory->first);
    expect_ok(munmap(memory->first, PAGE));
    expect_fault(memory->first, 'r', SIGSEGV);
    check_content(memory->second);
}

/* The child has the parent's mappings; that it unmaps a page is its own affair. */
static void over_fork(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDONLY));
    struct two_mappings memory = {map(fd, 2, PROT_READ, MAP_SHARED),
                                  map(fd, 2, PROT_READ, MAP_SHARED)};
    expect_ok(unlink(NAME));
    expect_ok(close(fd));
    CHECK_EQ(memory.first[0], 'A'); /* resident before the fork; the second mapping is not */
    expect_child_ok(check_and_unmap, &memory);
    check_content(memory.first);
    check_content(memory.second);
}

/* Children that touch what was unmapped die, and only they. */
static void munmap_prevents_access(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDWR));
    char *memory = map(fd, 3, RW, MAP_SHARED);
    check_content(memory);
    expect_ok(munmap(memory + PAGE, PAGE));
    expect_access(memory, 'w');
    expect_fault(memory + PAGE, 'r', SIGSEGV);
    expect_fault(memory + PAGE, 'w', SIGSEGV);
    expect_fault(memory + 2 * PAGE - 1, 'r', SIGSEGV);
    CHECK(all_bytes(memory, 'A', PAGE));
    expect_ok(munmap(memory, PAGE));
    expect_fault(memory, 'r', SIGSEGV);
    expect_ok(munmap(memory + 2 * PAGE, PAGE));
    expect_ok(close(fd));
    check_file();
}

static void writes_to_read_only(void)
{
    make_file();
    int fd = expect_ok(open(NAME, O_RDWR));
    char *shared = map(fd, 2, PROT_READ, MAP_SHARED);
    char *private = map(fd, 2, PROT_READ, MAP_PRIVATE);
    for (size_t at = 0; at < FILE_SIZE; at += 1000) {
        expect_fault(shared + at, 'w', SIGSEGV);
        expect_fault(private + at, 'w', SIGSEGV);
    }
    check_content(shared);
    check_content(private);
    expect_ok(munmap(shared, 2 * PAGE));
    expect_ok(munmap(private, 2 * PAGE));
    expect_ok(close(fd));
    check_file();
}

static const struct test tests[] = {
    {"basic mmap", basic_mmap},
    {"mmap private", mmap_private},
    {"mmap read-only", mmap_read_only},
    {"mmap read/write", mmap_read_write},
    {"mmap dirty", mmap_dirty},
    {"not-mapped unmap", not_mapped_unmap},
    {"lazy access", lazy_access},
    {"mmap two files", two_files},
    {"fork", over_fork},
    {"munmap prevents access", munmap_prevents_access},
    {"writes to read-only mapped memory", writes_to_read_only},
};

int main(void)
{
    char why[600];
    size_t failed = 0;

    suite_begin("mmaptest");
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        printf("test %s\n", tests[i].name);
        if (suite_run(&tests[i], why, sizeof(why)) == PASSED) {
            printf("test %s: OK\n", tests[i].name);
        } else {
            printf("test %s: FAILED: %s\n", tests[i].name, why);
            failed++;
        }
    }
    suite_end();
    if (failed == 0)
        printf("mmaptest: all tests succeeded\n");
    else
        printf("mmaptest: %zu tests failed\n", failed);
    return failed != 0;
}
