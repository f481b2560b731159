/*
 * What every guest test shares: running named tests each in a process of its own, saying why one
 * failed, and looking at memory, processes and files from outside.
 *
 * A test is a function. It runs in a forked child, in an empty scratch directory, and passes when
 * it returns. The first failed check ends it and names the reason; a test that a signal kills has
 * failed too, and the others still run. Checks may be used in any child that a test forks: the
 * reason comes through, and the child ends with status 1.
 */
#ifndef MAPIX_TESTS_TAP_H
#define MAPIX_TESTS_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE            4096ul
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct test {
    const char *name;
    void (*run)(void);
};

#define TEST(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

enum outcome { PASSED, FAILED, SKIPPED };

/* Run the tests (all, or those named in the arguments; -l lists them) and print TAP. The exit
 * status of the program. */
int tap_main(int argc, char **argv, const struct test *tests, size_t count);

#define TAP_MAIN(argc, argv, tests) tap_main(argc, argv, tests, COUNT_OF(tests))

/* The same in parts, for programs with an output of their own: make the scratch directory, run one
 * test (why receives the reason if it did not pass), remove the scratch directory. */
void suite_begin(const char *name);
enum outcome suite_run(const struct test *test, char *why, size_t size);
void suite_end(void);

/* The absolute path of this program, for tests that execute it again. Valid after suite_begin or
 * tap_main. */
const char *self_path(void);

/* End this test: it failed, or cannot run here. Both take a printf format. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define FAIL_HERE(format, ...) fail("%s:%d: " format, __FILE__, __LINE__, ##__VA_ARGS__)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            FAIL_HERE("untrue: %s", #condition);                                                   \
    } while (0)

#define CHECK_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                \
        if (actual_ != expected_)                                                                  \
            FAIL_HERE("%s is %lld (%#llx), expected %lld (%#llx)", #actual, actual_, actual_,      \
                      expected_, expected_);                                                       \
    } while (0)

#define CHECK_STRING(actual, expected)                                                             \
    do {                                                                                           \
        const char *actual_ = (actual), *expected_ = (expected);                                   \
        if (strcmp(actual_, expected_) != 0)                                                       \
            FAIL_HERE("%s is \"%s\", expected \"%s\"", #actual, actual_, expected_);               \
    } while (0)

/* The call's value; the test fails if it is -1 (or MAP_FAILED). */
#define expect_ok(call)                                                                            \
    ({                                                                                             \
        __typeof__(call) result_ = (call);                                                         \
        if ((long)result_ == -1)                                                                   \
            FAIL_HERE("%s: %s", #call, error_name(errno));                                         \
        result_;                                                                                   \
    })

/* The call must return -1 with this errno. */
#define expect_errno(call, code)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result_ = (long)(call);                                                               \
        if (result_ != -1)                                                                         \
            FAIL_HERE("%s returned %ld, expected %s", #call, result_, error_name(code));           \
        if (errno != (code))                                                                       \
            FAIL_HERE("%s: %s, expected %s", #call, error_name(errno), error_name(code));          \
    } while (0)

/* "EINVAL", for messages. */
const char *error_name(int code);

/* Children. spawn forks one that runs function and exits with 0; reap waits and returns the wait
 * status; child_status does both. */
pid_t spawn(void (*function)(void *), void *argument);
int reap(pid_t pid);
int child_status(void (*function)(void *), void *argument);

/* Fail unless a wait status is an exit with this code, or a death by this signal. */
#define expect_exited(status, code)         check_exited(status, code, __FILE__, __LINE__)
#define expect_signaled(status, signal)     check_signaled(status, signal, __FILE__, __LINE__)
#define expect_child_ok(function, argument) expect_exited(child_status(function, argument), 0)
void check_exited(int status, int code, const char *file, int line);
void check_signaled(int status, int signal, const char *file, int line);

/* A child touches the byte at address: 'r' reads it, 'w' writes back what it read, 'x' calls it. */
int touch_status(const volatile void *address, char how);
#define expect_access(address, how)        expect_exited(touch_status(address, how), 0)
#define expect_fault(address, how, signal) expect_signaled(touch_status(address, how), signal)

/* One-way signs between processes, over a pipe: await returns when another process has sent. */
struct sign {
    int in, out;
};
void sign_open(struct sign *sign);
void sign_send(struct sign *sign);
void sign_await(struct sign *sign);

/* A byte that is never 0 and depends on its offset in the file; whole buffers of them. mismatch is
 * the index of the first byte that differs from the pattern at offset, or size. */
unsigned char pattern_byte(uint64_t offset);
void pattern_fill(void *buffer, uint64_t offset, size_t size);
size_t pattern_mismatch(const void *buffer, uint64_t offset, size_t size);
bool all_bytes(const void *buffer, unsigned char value, size_t size);

#define CHECK_PATTERN(buffer, offset, size)                                                        \
    do {                                                                                           \
        size_t size_ = (size), at_ = pattern_mismatch(buffer, offset, size_);                      \
        if (at_ != size_)                                                                          \
            FAIL_HERE("byte %zu of %s is not the file's", at_, #buffer);                           \
    } while (0)

/* A new file of pattern bytes (size may be 0), open for reading and writing. */
int pattern_file(const char *name, size_t size);

/* A new file with this text and mode; a file's text, NUL-terminated, its length returned. */
void write_file(const char *name, const char *text, mode_t mode);
size_t read_file(const char *name, char *buffer, size_t size);

/* A number that is a setting, a file below /proc/sys. And another value for it: the old one; the
 * test is skipped if that is not allowed. */
long read_setting(const char *name);
long change_setting(const char *name, long value);

/* All of it, or the test fails. */
void write_all(int fd, const void *buffer, size_t size);
void read_all(int fd, void *buffer, size_t size);

/* End the test if the scratch directory is in a file system that lives in memory: Linux's tmpfs
 * lets stores behind the end of a file be seen later, and does not date mapped stores. */
void skip_on_tmpfs(void);

/* A line of /proc/self/maps. */
struct map_line {
    unsigned long start, end;
    char perms[5];
    unsigned long long offset;
    unsigned major, minor;
    unsigned long inode;
    char path[256];
};

/* The lines that overlap [start, end), max at the most; how many there are. */
size_t read_maps(uintptr_t start, uintptr_t end, struct map_line *lines, size_t max);

/*
 * A picture of pages: one letter a page, '|' where two mappings touch.
 *
 *     R W X   private, read-only, read and write, executable     -   private, PROT_NONE
 *     r w x   the same, shared                                   =   shared, PROT_NONE
 *     .       nothing
 */
void draw_pages(const void *base, size_t pages, char *picture, size_t size);
#define expect_picture(base, pages, expected)                                                      \
    check_picture(base, pages, expected, __FILE__, __LINE__)
void check_picture(const void *base, size_t pages, const char *expected, const char *file,
                   int line);

/* A hole of pages that nothing maps: reserved, then unmapped. */
char *find_hole(size_t pages);

/* Private anonymous memory, readable and writable. */
char *map_pages(size_t pages);

/* A field of /proc/meminfo in KiB, or -1. */
long memory_kib(const char *field);

/* A file with space for size bytes and, if prepared, the header of mkswap(8): version 1, no bad
 * pages. */
void make_swap_area(const char *name, size_t size, bool prepared);

/* A random number, the same sequence in every run; each process has its own state. */
void random_seed(uint64_t seed);
uint32_t random_below(uint32_t bound);

#endif
