/*
 * Moving bytes within the kernel: splice(2), tee(2), sendfile(2), copy_file_range(2);
 * and reads and writes with flags: preadv2(2), O_DIRECT, O_APPEND.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

enum { SIZE = 200000, PIPE = 65536 };

static unsigned char buffer[SIZE + 4096];

static void pipe_ends(int ends[2], int flags)
{
    expect_ok(pipe2(ends, flags));
}

/* The file's bytes [0, size) are the pattern from offset on. */
static void check_file(const char *name, size_t size, uint64_t offset)
{
    struct stat status;
    int fd = expect_ok(open(name, O_RDONLY));

    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, size);
    CHECK_EQ(read(fd, buffer, size), size);
    CHECK_PATTERN(buffer, offset, size);
    close(fd);
}

static void file_to_pipe(void)
{
    int fd = pattern_file("in", SIZE), ends[2];
    off_t offset = 1000;

    pipe_ends(ends, 0);
    CHECK_EQ(splice(fd, NULL, ends[1], NULL, 5000, 0), 5000);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5000);
    CHECK_EQ(splice(fd, &offset, ends[1], NULL, 3000, 0), 3000);
    CHECK_EQ(offset, 4000);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5000);
    CHECK_EQ(read(ends[0], buffer, SIZE), 8000);
    CHECK_PATTERN(buffer, 0, 5000);
    CHECK_PATTERN(buffer + 5000, 1000, 3000);
    /* As much as there is room for, and the end of the file. */
    offset = 0;
    CHECK_EQ(splice(fd, &offset, ends[1], NULL, SIZE, 0), PIPE);
    expect_errno(splice(fd, &offset, ends[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(read(ends[0], buffer, SIZE), PIPE);
    CHECK_PATTERN(buffer, 0, PIPE);
    offset = SIZE;
    CHECK_EQ(splice(fd, &offset, ends[1], NULL, 10, 0), 0);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    offset = 0;
    expect_errno(splice(fd, &offset, ends[1], NULL, 10, 0), EPIPE);
}

static void pipe_to_file(void)
{
    int ends[2], fd = expect_ok(open("out", O_RDWR | O_CREAT, 0600));
    off_t offset = 0;

    pipe_ends(ends, 0);
    pattern_fill(buffer, 0, 50000);
    CHECK_EQ(write(ends[1], buffer, 50000), 50000);
    CHECK_EQ(splice(ends[0], NULL, fd, NULL, 10000, 0), 10000);
    CHECK_EQ(splice(ends[0], NULL, fd, NULL, 1 << 20, 0), 40000); /* what there is */
    check_file("out", 50000, 0);
    expect_errno(splice(ends[0], NULL, fd, NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    CHECK_EQ(splice(ends[0], NULL, fd, &offset, 3, 0), 3);
    CHECK_EQ(offset, 3);
    CHECK_EQ(pread(fd, buffer, 4, 0), 4);
    CHECK(memcmp(buffer, "abc", 3) == 0);
    close(ends[1]);
    CHECK_EQ(splice(ends[0], NULL, fd, NULL, 10, 0), 0);
}

/* Several splice into one pipe, which has room for one of them at a time: none is told of an end of
 * the file that is not there. */
static void into_a_narrow_pipe(void)
{
    enum { WRITERS = 3, ROUNDS = 2000, PIECE = 4096 };
    int fd = pattern_file("in", PIECE), ends[2];
    pid_t pids[WRITERS];
    size_t total = 0;
    ssize_t got;

    pipe_ends(ends, 0);
    expect_ok(fcntl(ends[1], F_SETPIPE_SZ, PIECE));
    for (int i = 0; i < WRITERS; i++) {
        pids[i] = expect_ok(fork());
        if (pids[i] == 0) {
            for (int round = 0; round < ROUNDS; round++) {
                off_t offset = 0;
                CHECK_EQ(splice(fd, &offset, ends[1], NULL, PIECE, 0), PIECE);
            }
            _exit(0);
        }
    }
    close(ends[1]);
    while ((got = expect_ok(read(ends[0], buffer, PIECE))) > 0)
        total += (size_t)got;
    for (int i = 0; i < WRITERS; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(total, WRITERS * ROUNDS * PIECE);
    close(ends[0]);
    close(fd);
}

static void between_pipes(void)
{
    int a[2], b[2];

    pipe_ends(a, 0);
    pipe_ends(b, 0);
    pattern_fill(buffer, 0, PIPE);
    CHECK_EQ(write(a[1], buffer, PIPE), PIPE);
    CHECK_EQ(tee(a[0], b[1], 20000, 0), 20000);
    CHECK_EQ(read(b[0], buffer, SIZE), 20000);
    CHECK_PATTERN(buffer, 0, 20000);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, SIZE, 0), PIPE); /* tee has taken nothing */
    memset(buffer, 0, sizeof(buffer));
    CHECK_EQ(read(b[0], buffer, SIZE), PIPE);
    CHECK_PATTERN(buffer, 0, PIPE);
    expect_errno(tee(a[0], b[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
    close(a[1]);
    CHECK_EQ(tee(a[0], b[1], 10, 0), 0);
    CHECK_EQ(splice(a[0], NULL, b[1], NULL, 10, 0), 0);
}

/* A pipe has pages of the file: what is written to that meanwhile is read from the pipe, but what
 * is cut off stays. */
static void pages_are_shared(void)
{
    int fd = pattern_file("shared", 3 * 4096), a[2], b[2];
    off_t offset = 100;
    char byte;

    pipe_ends(a, 0);
    pipe_ends(b, 0);
    CHECK_EQ(splice(fd, &offset, a[1], NULL, 8000, 0), 8000);
    CHECK_EQ(tee(a[0], b[1], 5000, 0), 5000);
    CHECK_EQ(write(a[1], "end", 3), 3);
    fd = expect_ok(open("shared", O_RDWR));
    CHECK_EQ(pwrite(fd, "new", 3, 4096), 3);
    CHECK_EQ(read(a[0], buffer, SIZE), 8003);
    CHECK_PATTERN(buffer, 100, 3996);
    CHECK(memcmp(buffer + 3996, "new", 3) == 0);
    CHECK_PATTERN(buffer + 3999, 4099, 8000 - 3999);
    CHECK(memcmp(buffer + 8000, "end", 3) == 0);
    expect_ok(ftruncate(fd, 0));
    CHECK_EQ(read(b[0], buffer, SIZE), 5000);
    CHECK_PATTERN(buffer, 100, 3996);
    CHECK(memcmp(buffer + 3996, "new", 3) == 0);
    expect_errno(splice(fd, NULL, b[0], NULL, 1, SPLICE_F_NONBLOCK), EBADF);
    CHECK_EQ(splice(fd, NULL, a[1], NULL, 1, 0), 0);
    CHECK_EQ(pread(fd, &byte, 1, 0), 0);
}

/* A pipe is full when it has no place for one more piece of a page. */
static void places(void)
{
    int fd = pattern_file("in", 100), ends[2];
    off_t offset;

    pipe_ends(ends, O_NONBLOCK);
    for (int i = 0; i < PIPE / 4096; i++) {
        offset = i;
        CHECK_EQ(splice(fd, &offset, ends[1], NULL, 1, 0), 1);
    }
    expect_errno(splice(fd, &offset, ends[1], NULL, 1, 0), EAGAIN);
    expect_errno(write(ends[1], "x", 1), EAGAIN);
    CHECK_EQ(read(ends[0], buffer, 1), 1);
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(write(ends[1], "yz", 2), 2); /* behind it */
    expect_errno(write(ends[1], buffer, 4096), EAGAIN);
    CHECK_EQ(read(ends[0], buffer, SIZE), PIPE / 4096 - 1 + 3);
    CHECK_PATTERN(buffer, 1, PIPE / 4096 - 1);
    CHECK(memcmp(buffer + PIPE / 4096 - 1, "xyz", 3) == 0);
}

static void bad_arguments(void)
{
    int fd = pattern_file("in", 100), other = pattern_file("other", 100), a[2], b[2];
    off_t offset = 0;
    loff_t negative = -1;

    pipe_ends(a, 0);
    pipe_ends(b, 0);
    expect_errno(splice(fd, NULL, other, NULL, 10, 0), EINVAL);
    expect_errno(splice(a[0], NULL, a[1], NULL, 10, 0), EINVAL);
    expect_errno(splice(a[0], &offset, fd, NULL, 10, 0), ESPIPE);
    expect_errno(splice(fd, NULL, a[1], &offset, 10, 0), ESPIPE);
    expect_errno(splice(a[1], NULL, fd, NULL, 10, 0), EBADF);
    expect_errno(splice(fd, NULL, a[0], NULL, 10, 0), EBADF);
    expect_errno(splice(-1, NULL, a[1], NULL, 10, 0), EBADF);
    expect_errno(splice(fd, NULL, a[1], NULL, 10, 0x100), EINVAL);
    expect_errno(splice(fd, &negative, a[1], NULL, 10, 0), EINVAL);
    CHECK_EQ(splice(fd, NULL, a[1], NULL, 0, 0), 0);
    int append = expect_ok(open("other", O_WRONLY | O_APPEND));
    CHECK_EQ(write(a[1], "x", 1), 1);
    expect_errno(splice(a[0], NULL, append, NULL, 10, 0), EINVAL);
    expect_errno(tee(fd, a[1], 10, 0), EINVAL);
    expect_errno(tee(a[0], a[1], 10, 0), EINVAL);
    expect_errno(tee(a[0], b[0], 10, 0), EBADF);
    struct iovec piece = {buffer, 10};
    expect_errno(vmsplice(fd, &piece, 1, 0), EBADF);
}

/* Several writers and splicers at once: every byte comes through once. */
static void all_bytes_once(void)
{
    enum { WRITERS = 3, COUNT = 60000 };
    int a[2], b[2];
    unsigned long sum = 0, expected = 0;
    ssize_t count;

    pipe_ends(a, 0);
    pipe_ends(b, 0);
    for (int i = 0; i < WRITERS; i++) {
        if (fork() == 0) {
            close(a[0]);
            for (unsigned j = 0; j < COUNT / 4; j++) {
                if (write(a[1], &j, 4) != 4)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            close(a[1]);
            close(b[0]);
            while (splice(a[0], NULL, b[1], NULL, 4096, 0) > 0)
                ;
            _exit(0);
        }
    }
    close(a[0]);
    close(a[1]);
    close(b[1]);
    size_t total = 0;
    while ((count = read(b[0], buffer, SIZE)) > 0) {
        for (ssize_t i = 0; i < count; i++)
            sum += buffer[i];
        total += (size_t)count;
    }
    for (unsigned j = 0; j < COUNT / 4; j++)
        expected += (j & 0xff) + (j >> 8 & 0xff) + (j >> 16 & 0xff);
    CHECK_EQ(total, WRITERS * COUNT);
    CHECK_EQ(sum, WRITERS * expected);
    for (int i = 0; i < WRITERS + 2; i++)
        expect_exited(reap(-1), 0);
}

static void sending_files(void)
{
    int in = pattern_file("in", SIZE), out = expect_ok(open("out", O_RDWR | O_CREAT, 0600));
    int ends[2], null = expect_ok(open("/dev/null", O_WRONLY));
    off_t offset = 500;

    CHECK_EQ(sendfile(out, in, &offset, 100000), 100000);
    CHECK_EQ(offset, 100500);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
    check_file("out", 100000, 500);
    CHECK_EQ(sendfile(null, in, NULL, 1 << 30), SIZE);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), SIZE);
    CHECK_EQ(sendfile(null, in, NULL, 10), 0);
    pipe_ends(ends, 0);
    offset = 0;
    CHECK_EQ(sendfile(ends[1], in, &offset, SIZE), PIPE);
    CHECK_EQ(read(ends[0], buffer, SIZE), PIPE);
    CHECK_PATTERN(buffer, 0, PIPE);
    offset = -1;
    expect_errno(sendfile(out, in, &offset, 10), EINVAL);
    expect_errno(sendfile(out, ends[0], NULL, 10), EINVAL);
    int append = expect_ok(open("out", O_WRONLY | O_APPEND));
    expect_errno(sendfile(append, in, NULL, 10), EINVAL);
    expect_errno(sendfile(in, out, NULL, -1), EINVAL);
}

static void copying_ranges(void)
{
    int in = pattern_file("in", SIZE), out = expect_ok(open("out", O_RDWR | O_CREAT, 0600));
    off_t from = 100, to = 0;

    CHECK_EQ(copy_file_range(in, &from, out, &to, 50000, 0), 50000);
    CHECK_EQ(from, 50100);
    CHECK_EQ(to, 50000);
    check_file("out", 50000, 100);
    from = SIZE - 10;
    CHECK_EQ(copy_file_range(in, &from, out, NULL, 1000, 0), 10);
    from = SIZE;
    CHECK_EQ(copy_file_range(in, &from, out, NULL, 1000, 0), 0);
    from = 0;
    to = 100;
    expect_errno(copy_file_range(in, &from, in, &to, 1000, 0), EINVAL);
    to = 50000;
    CHECK_EQ(copy_file_range(in, &from, in, &to, 1000, 0), 1000);
    from = -1;
    expect_errno(copy_file_range(in, &from, out, NULL, 10, 0), EOVERFLOW);
    from = -100;
    expect_errno(copy_file_range(in, &from, out, NULL, 10, 0), EINVAL);
    expect_errno(copy_file_range(in, NULL, out, NULL, 10, 1), EINVAL);
    int ends[2], directory = expect_ok(open(".", O_RDONLY));
    pipe_ends(ends, 0);
    expect_errno(copy_file_range(in, NULL, ends[1], NULL, 10, 0), EINVAL);
    expect_errno(copy_file_range(directory, NULL, out, NULL, 10, 0), EISDIR);
    int reader = expect_ok(open("out", O_RDONLY));
    expect_errno(copy_file_range(in, NULL, reader, NULL, 10, 0), EBADF);
    int append = expect_ok(open("out", O_WRONLY | O_APPEND));
    expect_errno(copy_file_range(in, NULL, append, NULL, 10, 0), EBADF);
    int memory = memfd_create("a", 0);
    expect_errno(copy_file_range(in, NULL, memory, NULL, 10, 0), EXDEV);
}

static void with_flags(void)
{
    int fd = pattern_file("file", 1000);
    struct iovec piece = {buffer, 100};

    CHECK_EQ(preadv2(fd, &piece, 1, 500, 0), 100);
    CHECK_PATTERN(buffer, 500, 100);
    expect_ok(lseek(fd, 200, SEEK_SET));
    CHECK_EQ(preadv2(fd, &piece, 1, -1, RWF_HIPRI), 100); /* from the file's own offset */
    CHECK_PATTERN(buffer, 200, 100);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 300);
    memset(buffer, 'w', 100);
    CHECK_EQ(pwritev2(fd, &piece, 1, 0, RWF_DSYNC), 100);
    CHECK_EQ(pwritev2(fd, &piece, 1, 100, RWF_SYNC), 100);
    CHECK_EQ(pwritev2(fd, &piece, 1, 0, RWF_APPEND), 100);
    struct stat status;
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, 1100);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 300);
    CHECK_EQ(pwritev2(fd, &piece, 1, -1, RWF_APPEND), 100);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1200);
    expect_errno(preadv2(fd, &piece, 1, 0, 0x4000), EOPNOTSUPP);
    expect_errno(preadv2(-1, &piece, 1, 0, 0), EBADF);
    expect_errno(preadv2(fd, &piece, 1, -2, 0), EINVAL);
    int ends[2];
    pipe_ends(ends, 0);
    CHECK_EQ(pwritev2(ends[1], &piece, 1, -1, 0), 100);
    CHECK_EQ(preadv2(ends[0], &piece, 1, -1, RWF_NOWAIT), 100);
    expect_errno(preadv2(ends[0], &piece, 1, -1, RWF_NOWAIT), EAGAIN);
    expect_errno(pwritev2(ends[1], &piece, 1, 0, 0), ESPIPE);
}

/* What is not in memory is not waited for, but asked for, so that it comes. */
static void without_waiting(void)
{
    char buffer[4 * PAGE];
    struct iovec piece = {buffer, sizeof(buffer)};
    int fd = pattern_file("file", 64 * PAGE), events = expect_ok(eventfd(0, 0));
    long got;

    skip_on_tmpfs();
    expect_ok(fsync(fd));
    CHECK_EQ(pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
    CHECK_EQ(preadv2(fd, &piece, 1, 0, RWF_NOWAIT), sizeof(buffer));
    CHECK_PATTERN(buffer, 0, sizeof(buffer));
    CHECK_EQ(preadv2(fd, &piece, 1, 64 * PAGE, RWF_NOWAIT), 0);
    expect_errno(pwritev2(fd, &piece, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
    expect_ok(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    while ((got = preadv2(fd, &piece, 1, 32 * PAGE, RWF_NOWAIT)) < 0) {
        CHECK_EQ(errno, EAGAIN);
        usleep(1000);
    }
    CHECK(got > 0 && got % (long)PAGE == 0);
    CHECK_PATTERN(buffer, 32 * PAGE, (size_t)got);
    expect_errno(preadv2(fd, &piece, 1, 0, RWF_APPEND | RWF_NOAPPEND), EINVAL);
    piece.iov_len = 8;
    expect_errno(preadv2(events, &piece, 1, -1, RWF_NOWAIT), EAGAIN);
    CHECK_EQ(preadv2(open("/dev/zero", O_RDWR), &piece, 1, -1, RWF_NOWAIT), 8);
    expect_errno(preadv2(open("/proc/self/maps", O_RDONLY), &piece, 1, -1, RWF_NOWAIT), EOPNOTSUPP);
    int memory = expect_ok(memfd_create("memory", 0));
    write_all(memory, buffer, 8);
    expect_errno(preadv2(memory, &piece, 1, 0, RWF_NOWAIT), EOPNOTSUPP);
}

/* The pages go that are clean, whole in the range and mapped by nobody. */
static void giving_pages_up(void)
{
    int fd = pattern_file("file", 16 * PAGE);
    unsigned char there[16];

    skip_on_tmpfs();
    expect_ok(fsync(fd));
    expect_ok(posix_fadvise(fd, 4 * PAGE + 1, 4 * PAGE, POSIX_FADV_DONTNEED));
    char *map = expect_ok(mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, fd, 0));
    expect_ok(mincore(map, 16 * PAGE, there));
    for (size_t i = 0; i < 16; i++)
        CHECK_EQ(there[i] & 1, i < 5 || i >= 8);
    CHECK_PATTERN(map, 0, 16 * PAGE);
    expect_ok(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    expect_ok(mincore(map, 16 * PAGE, there));
    CHECK(there[0] & 1);
    CHECK_PATTERN(map, 0, 16 * PAGE);
    /* Of what is dirty nothing is lost. */
    CHECK_EQ(pwrite(fd, "new", 3, 6 * PAGE), 3);
    expect_ok(munmap(map, 16 * PAGE));
    expect_ok(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
    char text[4] = "";
    CHECK_EQ(pread(fd, text, 3, 6 * PAGE), 3);
    CHECK_STRING(text, "new");
}

static void direct(void)
{
    int fd = open("file", O_RDWR | O_CREAT | O_DIRECT, 0600);
    char *memory =
        expect_ok(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    if (fd < 0 && errno == EINVAL)
        skip("this file system cannot");
    expect_ok(fd);
    pattern_fill(memory, 0, 2 * PAGE);
    CHECK_EQ(write(fd, memory, 2 * PAGE), 2 * PAGE);
    expect_errno(pwrite(fd, memory + 1, PAGE, 0), EINVAL);
    expect_errno(pwrite(fd, memory, PAGE, 100), EINVAL);
    expect_errno(pwrite(fd, memory, 100, 0), EINVAL);
    /* Coherent with the page cache, both ways. */
    int plain = expect_ok(open("file", O_RDWR));
    char *map = expect_ok(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0));
    CHECK_PATTERN(map, 0, 2 * PAGE);
    map[PAGE] = 'm';
    CHECK_EQ(pwrite(plain, "w", 1, 0), 1);
    CHECK_EQ(pread(fd, memory + 2 * PAGE, 2 * PAGE, 0), 2 * PAGE);
    CHECK(memory[2 * PAGE] == 'w' && memory[3 * PAGE] == 'm');
    CHECK_EQ(pwrite(fd, memory, PAGE, PAGE), PAGE);
    CHECK(memcmp(map + PAGE, memory, PAGE) == 0);
    /* The flag can be changed. */
    expect_ok(fcntl(fd, F_SETFL, 0));
    CHECK_EQ(pwrite(fd, memory + 1, 100, 7), 100);
    expect_ok(fcntl(fd, F_SETFL, O_DIRECT));
    CHECK(fcntl(fd, F_GETFL) & O_DIRECT);
    expect_errno(pwrite(fd, memory + 1, 100, 7), EINVAL);
    expect_errno(open("/dev/null", O_RDONLY | O_DIRECT), EINVAL);
}

static void appending(void)
{
    int a = expect_ok(open("file", O_RDWR | O_CREAT | O_APPEND, 0600));
    int b = expect_ok(open("file", O_RDWR | O_APPEND));

    CHECK_EQ(write(a, "one", 3), 3);
    CHECK_EQ(write(b, "two", 3), 3);
    CHECK_EQ(write(a, "three", 5), 5);
    CHECK_EQ(pwrite(b, "four", 4, 0), 4); /* Linux appends all the same */
    char text[32] = "";
    CHECK_EQ(pread(a, text, sizeof(text), 0), 15);
    CHECK_STRING(text, "onetwothreefour");
    /* Many at once lose nothing. */
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (int j = 0; j < 200; j++)
                CHECK_EQ(write(a, "0123456789", 10), 10);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        expect_exited(reap(-1), 0);
    CHECK_EQ(lseek(a, 0, SEEK_END), 15 + 8000);
}

static const struct test tests[] = {
    TEST(file_to_pipe),     TEST(pipe_to_file),   TEST(into_a_narrow_pipe), TEST(between_pipes),
    TEST(pages_are_shared), TEST(places),         TEST(bad_arguments),      TEST(all_bytes_once),
    TEST(sending_files),    TEST(copying_ranges), TEST(with_flags),         TEST(without_waiting),
    TEST(giving_pages_up),  TEST(direct),         TEST(appending),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
