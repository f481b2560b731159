/* Files that no path leads to: pipes, sockets, and those of eventfd(2) and the like. */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static long type_of(int fd)
{
    struct statfs status;

    expect_ok(fstatfs(fd, &status));
    return (long)status.f_type;
}

static void file_systems(void)
{
    int fds[2];

    expect_ok(pipe(fds));
    CHECK_EQ(type_of(fds[0]), 0x50495045);
    CHECK_EQ(type_of(socket(AF_UNIX, SOCK_STREAM, 0)), 0x534f434b);
    CHECK_EQ(type_of(eventfd(0, 0)), 0x09041934);
    CHECK_EQ(type_of(open("/proc/self/ns/mnt", O_RDONLY)), 0x6e736673);
}

static void change(int fd)
{
    struct timespec times[2] = {{1000, 0}, {2000, 0}};
    struct stat status;

    expect_ok(fchmod(fd, 0640));
    expect_ok(fchown(fd, geteuid(), getegid()));
    expect_ok(futimens(fd, times));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_mode & 07777, 0640);
    CHECK_EQ(status.st_mtim.tv_sec, 2000);
}

static void attributes(void)
{
    int fds[2];

    expect_ok(pipe(fds));
    change(fds[0]);
    change(expect_ok(socket(AF_UNIX, SOCK_DGRAM, 0)));
}

/* They have no offsets, whatever else is wrong. */
static void offsets(void)
{
    int fds[2];
    char byte = 0;

    expect_ok(pipe(fds));
    expect_errno(pread(fds[0], &byte, 1, 0), ESPIPE);
    expect_errno(pread(fds[1], &byte, 1, 0), ESPIPE);
    expect_errno(pwrite(fds[0], &byte, 1, 0), ESPIPE);
    expect_errno(pwrite(fds[1], &byte, 1, 0), ESPIPE);
    expect_errno(pwrite(open(".", O_PATH), &byte, 1, 0), EBADF);
}

/* read(2) of nothing leaves a datagram where it is. */
static void empty_reads(void)
{
    int fds[2];
    char byte;

    expect_ok(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
    CHECK_EQ(read(fds[0], &byte, 0), 0);
    CHECK_EQ(write(fds[1], "x", 1), 1);
    CHECK_EQ(read(fds[0], &byte, 0), 0);
    CHECK_EQ(recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
}

static void by_path_only(void)
{
    struct {
        struct file_handle header;
        unsigned char bytes[MAX_HANDLE_SZ];
    } handle = {.header.handle_bytes = MAX_HANDLE_SZ};
    int fd = expect_ok(open(".", O_PATH)), mount;
    sigset_t set;

    sigemptyset(&set);
    expect_errno(signalfd(fd, &set, 0), EBADF);
    if (name_to_handle_at(AT_FDCWD, ".", &handle.header, &mount, 0) < 0)
        skip("files have no handles here");
    expect_errno(open_by_handle_at(fd, &handle.header, O_RDONLY), EBADF);
}

static const struct test tests[] = {
    TEST(file_systems), TEST(attributes), TEST(offsets), TEST(empty_reads), TEST(by_path_only),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
