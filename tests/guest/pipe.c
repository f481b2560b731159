/* Pipes, call by call: counts, ends, errors, capacity, and what fstat says of them. */
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ends[2];

static void counts(void)
{
    char buffer[100];

    expect_ok(pipe(ends));
    CHECK_EQ(write(ends[1], "abcdef", 6), 6);
    CHECK_EQ(write(ends[1], "ghi", 3), 3);
    CHECK_EQ(read(ends[0], buffer, 4), 4);
    CHECK(memcmp(buffer, "abcd", 4) == 0);
    CHECK_EQ(read(ends[0], buffer, 100), 5); /* what is there, no more */
    CHECK(memcmp(buffer, "efghi", 5) == 0);
    CHECK_EQ(read(ends[0], buffer, 0), 0);
    CHECK_EQ(write(ends[1], buffer, 0), 0);
}

static void end_of_file(void)
{
    char buffer[10];

    expect_ok(pipe(ends));
    CHECK_EQ(write(ends[1], "last", 4), 4);
    expect_ok(close(ends[1]));
    CHECK_EQ(read(ends[0], buffer, 10), 4);
    CHECK_EQ(read(ends[0], buffer, 10), 0);
    CHECK_EQ(read(ends[0], buffer, 10), 0);
}

static void write_late(void *argument)
{
    usleep(30000);
    CHECK_EQ(write(ends[1], argument, 4), 4);
}

static void read_waits(void)
{
    char buffer[10];

    expect_ok(pipe(ends));
    pid_t pid = spawn(write_late, "late");
    CHECK_EQ(read(ends[0], buffer, 10), 4);
    CHECK(memcmp(buffer, "late", 4) == 0);
    expect_exited(reap(pid), 0);
}

static void close_late(void *argument)
{
    close(ends[0]);
    usleep(30000);
    _exit((int)(intptr_t)argument);
}

/* A reader that waits sees the last writer go. */
static void read_sees_the_end(void)
{
    char byte;

    expect_ok(pipe(ends));
    pid_t first = spawn(close_late, (void *)1), second = spawn(close_late, (void *)2);
    expect_ok(close(ends[1]));
    CHECK_EQ(read(ends[0], &byte, 1), 0);
    expect_exited(reap(first), 1);
    expect_exited(reap(second), 2);
}

static void broken(void)
{
    expect_ok(pipe(ends));
    expect_ok(close(ends[0]));
    signal(SIGPIPE, SIG_IGN);
    expect_errno(write(ends[1], "x", 1), EPIPE);
    CHECK_EQ(write(ends[1], "x", 0), 0); /* nothing to write, nothing broken */
    struct iovec vector = {"text", 4};
    expect_errno(writev(ends[1], &vector, 1), EPIPE);
}

static void wrong_end(void)
{
    char byte;

    expect_ok(pipe(ends));
    expect_errno(read(ends[1], &byte, 1), EBADF);
    expect_errno(write(ends[0], &byte, 1), EBADF);
    expect_errno(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
    expect_errno(lseek(ends[1], 1, SEEK_SET), ESPIPE);
    expect_errno(pread(ends[0], &byte, 1, 0), ESPIPE);
    expect_errno(pwrite(ends[1], &byte, 1, 0), ESPIPE);
    expect_errno(ftruncate(ends[1], 0), EINVAL);
    expect_errno(fchdir(ends[0]), ENOTDIR);
    expect_errno(pipe2(ends, 0x40000000), EINVAL);
}

/* 64 KiB fit, as in Linux; without a reader a write that does not fit sleeps, or is EAGAIN. */
static void capacity(void)
{
    static char block[PAGE];
    size_t total = 0;
    ssize_t count;

    expect_ok(pipe2(ends, O_NONBLOCK));
    expect_errno(read(ends[0], block, 1), EAGAIN);
    while ((count = write(ends[1], block, sizeof(block))) > 0)
        total += (size_t)count;
    CHECK_EQ(count, -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(total, 65536);
    expect_errno(write(ends[1], block, 1), EAGAIN);
    CHECK_EQ(read(ends[0], block, PAGE), PAGE);
    CHECK_EQ(write(ends[1], block, PAGE), PAGE);
    CHECK_EQ(read(ends[0], block, 100), 100);
    /* Up to PIPE_BUF bytes go in whole or not at all. */
    expect_errno(write(ends[1], block, PIPE_BUF), EAGAIN);
}

/* More than PIPE_BUF may go in partly. */
static void partial_write(void)
{
    static char block[100000];

    expect_ok(pipe2(ends, O_NONBLOCK));
    CHECK_EQ(write(ends[1], block, sizeof(block)), 65536);
    CHECK_EQ(read(ends[0], block, 2 * PAGE), 2 * PAGE);
    CHECK_EQ(write(ends[1], block, 3 * PAGE), 2 * PAGE);
    CHECK_EQ(expect_ok(fcntl(ends[0], F_GETFL)) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
    expect_ok(fcntl(ends[0], F_SETFL, 0));
    CHECK_EQ(expect_ok(fcntl(ends[0], F_GETFL)) & O_NONBLOCK, 0);
    CHECK_EQ(expect_ok(fcntl(ends[1], F_GETFL)) & O_NONBLOCK, O_NONBLOCK);
}

static void fill_then_close(void *argument)
{
    static char block[100000];

    (void)argument;
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    /* The reader goes when some of it has gone in: the count tells how much. */
    ssize_t count = write(ends[1], block, sizeof(block));
    CHECK(count >= (ssize_t)PAGE && count <= 65536 + (ssize_t)PAGE);
    expect_errno(write(ends[1], block, 1), EPIPE);
}

static void reader_goes_in_the_middle(void)
{
    static char block[PAGE];

    expect_ok(pipe(ends));
    pid_t pid = spawn(fill_then_close, NULL);
    read_all(ends[0], block, PAGE);
    usleep(100000); /* so that, as a rule, the writer sleeps again */
    expect_ok(close(ends[0]));
    expect_ok(close(ends[1]));
    expect_exited(reap(pid), 0);
}

static void statuses(void)
{
    struct stat first, second;

    expect_ok(pipe(ends));
    expect_ok(fstat(ends[0], &first));
    expect_ok(fstat(ends[1], &second));
    CHECK(S_ISFIFO(first.st_mode));
    CHECK_EQ(first.st_mode & 0777, 0600);
    CHECK_EQ(first.st_size, 0);
    CHECK_EQ(first.st_ino, second.st_ino);
    CHECK_EQ(first.st_dev, second.st_dev);
    CHECK_EQ(expect_ok(fcntl(ends[0], F_GETFL)) & O_ACCMODE, O_RDONLY);
    CHECK_EQ(expect_ok(fcntl(ends[1], F_GETFL)) & O_ACCMODE, O_WRONLY);
    CHECK_EQ(expect_ok(fcntl(ends[0], F_GETFD)), 0);
    expect_ok(pipe2(ends, O_CLOEXEC));
    CHECK_EQ(expect_ok(fcntl(ends[0], F_GETFD)), FD_CLOEXEC);
    CHECK_EQ(expect_ok(fcntl(ends[1], F_GETFD)), FD_CLOEXEC);
}

static void many_writers_few_bytes(void *argument)
{
    char byte = (char)(intptr_t)argument;

    for (int i = 0; i < 500; i++)
        CHECK_EQ(write(ends[1], &byte, 1), 1);
}

static void no_byte_is_lost(void)
{
    int found[256] = {0};
    unsigned char buffer[64];
    pid_t pids[4];
    ssize_t count;

    expect_ok(pipe(ends));
    for (intptr_t i = 0; i < 4; i++)
        pids[i] = spawn(many_writers_few_bytes, (void *)(i + 'a'));
    expect_ok(close(ends[1]));
    while ((count = expect_ok(read(ends[0], buffer, sizeof(buffer)))) > 0)
        for (ssize_t i = 0; i < count; i++)
            found[buffer[i]]++;
    for (int i = 0; i < 4; i++) {
        expect_exited(reap(pids[i]), 0);
        CHECK_EQ(found['a' + i], 500);
    }
}

static void drain(void *argument)
{
    char byte;
    int count = 0;

    (void)argument;
    close(ends[1]);
    while (expect_ok(read(ends[0], &byte, 1)) == 1)
        count++;
    _exit(count > 255 ? 255 : count);
}

/* Several readers: each byte goes to one of them. */
static void several_readers(void)
{
    pid_t pids[3];
    int total = 0;

    expect_ok(pipe(ends));
    for (int i = 0; i < 3; i++)
        pids[i] = spawn(drain, NULL);
    for (int i = 0; i < 200; i++)
        write_all(ends[1], "x", 1);
    expect_ok(close(ends[1]));
    for (int i = 0; i < 3; i++) {
        int status = reap(pids[i]);
        CHECK(WIFEXITED(status));
        total += WEXITSTATUS(status);
    }
    CHECK_EQ(total, 200);
}

static void vectors(void)
{
    char first[3], second[10];
    struct iovec out[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, in[2] = {{first, 3}, {second, 10}};

    expect_ok(pipe(ends));
    CHECK_EQ(writev(ends[1], out, 3), 6);
    CHECK_EQ(readv(ends[0], in, 2), 6);
    CHECK(memcmp(first, "abc", 3) == 0 && memcmp(second, "def", 3) == 0);
}

/* An opener that waits for the other end may be done with the pipe before that has come back from
 * its own open: on one processor, if that has run for long and has to make room. */

static void run_for_long(void)
{
    struct timespec start, now;

    expect_ok(clock_gettime(CLOCK_MONOTONIC, &start));
    do {
        expect_ok(clock_gettime(CLOCK_MONOTONIC, &now));
    } while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < 2000000);
}

static void write_and_go(void *argument)
{
    (void)argument;
    int fd = (int)expect_ok(open("fifo", O_WRONLY));
    CHECK_EQ(write(fd, "x", 1), 1);
}

static void open_and_go(void *argument)
{
    (void)argument;
    expect_ok(open("fifo", O_RDONLY));
}

static void brief_openers(void)
{
    char byte;

    expect_ok(mkfifo("fifo", 0600));
    signal(SIGPIPE, SIG_IGN);
    expect_ok(setpriority(PRIO_PROCESS, 0, 19)); /* turns are short */
    for (int i = 0; i < 60; i++) {
        pid_t child = spawn(i % 2 ? write_and_go : open_and_go, NULL);
        usleep(3000);
        run_for_long();
        int fd = (int)expect_ok(open("fifo", i % 2 ? O_RDONLY : O_WRONLY));
        if (i % 2)
            CHECK_EQ(read(fd, &byte, 1), 1);
        expect_exited(reap(child), 0);
        expect_ok(close(fd));
    }
}

/* ---- packets ---- */

static int bytes_waiting(int fd)
{
    int count;

    expect_ok(ioctl(fd, FIONREAD, &count));
    return count;
}

static void expect_read(int fd, const char *expected)
{
    char buffer[PAGE] = "";

    CHECK_EQ(read(fd, buffer, sizeof(buffer) - 1), strlen(expected));
    CHECK_STRING(buffer, expected);
}

/* A read takes one packet, and what it has no room for is gone. */
static void packets(void)
{
    char buffer[3 * PAGE] = "";

    expect_ok(pipe2(ends, O_DIRECT | O_NONBLOCK));
    CHECK(!(fcntl(ends[0], F_GETFL) & O_DIRECT));
    CHECK(fcntl(ends[1], F_GETFL) & O_DIRECT);
    CHECK_EQ(write(ends[1], "abcdef", 6), 6);
    CHECK_EQ(write(ends[1], "", 0), 0); /* no packet */
    CHECK_EQ(write(ends[1], "gh", 2), 2);
    CHECK_EQ(bytes_waiting(ends[0]), 8);
    CHECK_EQ(read(ends[0], buffer, 0), 0);
    CHECK_EQ(read(ends[0], buffer, 3), 3);
    CHECK(memcmp(buffer, "abc", 3) == 0);
    CHECK_EQ(bytes_waiting(ends[0]), 2);
    expect_read(ends[0], "gh");
    expect_errno(read(ends[0], buffer, 10), EAGAIN);
    /* A longer write makes several. */
    CHECK_EQ(write(ends[1], buffer, 2 * PAGE + 100), 2 * PAGE + 100);
    CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), PAGE);
    CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), PAGE);
    CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), 100);
    /* Several pieces make one. */
    struct iovec pieces[2] = {{"ab", 2}, {"cd", 2}};
    CHECK_EQ(writev(ends[1], pieces, 2), 4);
    CHECK_EQ(write(ends[1], "e", 1), 1);
    expect_read(ends[0], "abcd");
    expect_read(ends[0], "e");
}

/* Each has a page. */
static void room_for_packets(void)
{
    char buffer[2 * PAGE];
    int count = 0;

    expect_ok(pipe2(ends, O_DIRECT | O_NONBLOCK));
    struct pollfd writer = {.fd = ends[1], .events = POLLOUT};
    while (write(ends[1], "x", 1) == 1)
        count++;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(count, fcntl(ends[0], F_GETPIPE_SZ) / (int)PAGE);
    CHECK_EQ(bytes_waiting(ends[0]), count);
    CHECK_EQ(poll(&writer, 1, 0), 0);
    expect_read(ends[0], "x");
    CHECK_EQ(poll(&writer, 1, 0), 1);
    memset(buffer, 'y', sizeof(buffer));
    CHECK_EQ(write(ends[1], buffer, 2 * PAGE), PAGE);
    for (int i = 1; i < count; i++)
        expect_read(ends[0], "x");
    CHECK_EQ(read(ends[0], buffer, sizeof(buffer)), PAGE);
    expect_ok(fcntl(ends[0], F_SETPIPE_SZ, PAGE));
    CHECK_EQ(write(ends[1], "a", 1), 1);
    expect_errno(write(ends[1], "b", 1), EAGAIN);
    expect_ok(fcntl(ends[0], F_SETPIPE_SZ, 2 * PAGE));
    CHECK_EQ(write(ends[1], "b", 1), 1);
    expect_errno(fcntl(ends[0], F_SETPIPE_SZ, PAGE), EBUSY);
    expect_read(ends[0], "a");
    expect_read(ends[0], "b");
}

/* The flag may come and go; a packet that fits behind other bytes becomes one with them. */
static void packets_and_bytes(void)
{
    expect_ok(pipe2(ends, O_NONBLOCK));
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    expect_ok(fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT));
    CHECK_EQ(write(ends[1], "def", 3), 3);
    expect_read(ends[0], "abcdef");
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    expect_ok(fcntl(ends[1], F_SETFL, O_NONBLOCK));
    CHECK_EQ(write(ends[1], "def", 3), 3);
    CHECK_EQ(write(ends[1], "ghi", 3), 3);
    expect_read(ends[0], "abc");
    expect_read(ends[0], "defghi");
    /* A read goes on from bytes into a packet, and ends with that. */
    char page[PAGE];
    memset(page, 'p', sizeof(page));
    CHECK_EQ(write(ends[1], "abc", 3), 3);
    expect_ok(fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT));
    CHECK_EQ(write(ends[1], page, PAGE - 2), PAGE - 2);
    CHECK_EQ(write(ends[1], "end", 3), 3);
    CHECK_EQ(bytes_waiting(ends[0]), PAGE + 4);
    CHECK_EQ(read(ends[0], page, 10), 10);
    CHECK(memcmp(page, "abcppppppp", 10) == 0);
    expect_read(ends[0], "end");
    expect_ok(mkfifo("fifo", 0600));
    int fifo = (int)expect_ok(open("fifo", O_RDWR));
    expect_ok(fcntl(fifo, F_SETFL, O_DIRECT));
    CHECK_EQ(write(fifo, "ab", 2), 2);
    CHECK_EQ(write(fifo, "cd", 2), 2);
    expect_read(fifo, "ab");
    expect_read(fifo, "cd");
    expect_errno(open("fifo", O_RDWR | O_DIRECT), EINVAL);
}

/* splice and tee keep packets, and what is left of one remains one. */
static void packets_between_pipes(void)
{
    int others[2];

    expect_ok(pipe2(ends, O_NONBLOCK | O_DIRECT));
    expect_ok(pipe2(others, O_NONBLOCK));
    CHECK_EQ(write(ends[1], "abcdef", 6), 6);
    CHECK_EQ(write(ends[1], "ghi", 3), 3);
    CHECK_EQ(write(ends[1], "jkl", 3), 3);
    CHECK_EQ(tee(ends[0], others[1], 8, 0), 8);
    expect_read(others[0], "abcdef");
    expect_read(others[0], "gh");
    CHECK_EQ(splice(ends[0], NULL, others[1], NULL, 4, 0), 4);
    expect_read(others[0], "abcd");
    expect_read(ends[0], "ef");
    int fd = (int)expect_ok(open("file", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(splice(ends[0], NULL, fd, NULL, 5, 0), 5);
    expect_read(ends[0], "l");
    /* What comes from a file or from memory is no packet. */
    off_t start = 0;
    CHECK_EQ(splice(fd, &start, ends[1], NULL, 5, 0), 5);
    char one[2] = "";
    CHECK_EQ(read(ends[0], one, 1), 1);
    expect_read(ends[0], "hijk");
    struct iovec piece = {"memory", 6};
    CHECK_EQ(vmsplice(ends[1], &piece, 1, 0), 6);
    CHECK_EQ(read(ends[0], one, 1), 1);
    expect_read(ends[0], "emory");
}

static void write_packets(void *argument)
{
    (void)argument;
    for (int i = 0; i < 2000; i++) {
        char text[64];
        int length = snprintf(text, sizeof(text), "%d%*s", i, i % 40, "");
        CHECK_EQ(write(ends[1], text, (size_t)length), length);
    }
}

/* The writer waits for room again and again; each packet arrives whole. */
static void waiting_with_packets(void)
{
    char expected[64];

    expect_ok(pipe2(ends, O_DIRECT));
    pid_t child = spawn(write_packets, NULL);
    for (int i = 0; i < 2000; i++) {
        snprintf(expected, sizeof(expected), "%d%*s", i, i % 40, "");
        expect_read(ends[0], expected);
    }
    expect_exited(reap(child), 0);
}

static const struct test tests[] = {
    TEST(packets),
    TEST(room_for_packets),
    TEST(packets_and_bytes),
    TEST(packets_between_pipes),
    TEST(waiting_with_packets),
    TEST(counts),
    TEST(end_of_file),
    TEST(read_waits),
    TEST(read_sees_the_end),
    TEST(broken),
    TEST(wrong_end),
    TEST(capacity),
    TEST(partial_write),
    TEST(reader_goes_in_the_middle),
    TEST(statuses),
    TEST(no_byte_is_lost),
    TEST(several_readers),
    TEST(vectors),
    TEST(brief_openers),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
