/* Loop devices: files as disks (loop(4)). */
#include "tap.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (64 * 1024)

static char path[32];

/* A device that nobody uses. */
static int open_free(void)
{
    int control = open("/dev/loop-control", O_RDWR);

    if (control < 0)
        skip("no loop devices");
    int number = expect_ok(ioctl(control, LOOP_CTL_GET_FREE));
    close(control);
    snprintf(path, sizeof(path), "/dev/loop%d", number);
    return expect_ok(open(path, O_RDWR));
}

static int make_file(void)
{
    static char bytes[SIZE];
    int fd = expect_ok(open("disk", O_CREAT | O_RDWR | O_TRUNC, 0600));

    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i / 512);
    CHECK_EQ(write(fd, bytes, SIZE), SIZE);
    return fd;
}

static uint64_t size_of(int device)
{
    uint64_t size;

    expect_ok(ioctl(device, BLKGETSIZE64, &size));
    return size;
}

static void detach(int device)
{
    expect_ok(ioctl(device, LOOP_CLR_FD, 0));
    close(device);
}

/* What is in the file is read, and what is written is in the file. */
static void bytes_of_the_file(void)
{
    int device = open_free(), fd = make_file();
    char sector[512], expected[512];

    CHECK_EQ(size_of(device), 0);
    CHECK_EQ(read(device, sector, 512), 0);
    expect_errno(write(device, sector, 512), ENOSPC);
    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    CHECK_EQ(size_of(device), SIZE);
    memset(expected, 100, 512);
    CHECK_EQ(pread(device, sector, 512, 100 * 512), 512);
    CHECK(memcmp(sector, expected, 512) == 0);
    CHECK_EQ(pwrite(device, "written", 7, 5 * 512 + 1), 7);
    expect_ok(fsync(device));
    CHECK_EQ(pread(fd, sector, 512, 5 * 512), 512);
    CHECK(memcmp(sector, "\5written\5", 9) == 0);
    expect_errno(pwrite(device, sector, 1, SIZE), ENOSPC);
    detach(device);
}

/* The device has no file any more; another one shows none of what it had. */
static void another_file(void)
{
    int device = open_free(), fd = make_file();
    char bytes[8];

    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    CHECK_EQ(pwrite(device, "late", 4, 8192), 4);
    expect_ok(fsync(device));
    detach(device);
    device = expect_ok(open(path, O_RDWR));
    struct loop_info64 info;
    expect_errno(ioctl(device, LOOP_GET_STATUS64, &info), ENXIO);
    CHECK_EQ(pread(fd, bytes, 4, 8192), 4);
    CHECK(memcmp(bytes, "late", 4) == 0);
    fd = make_file();
    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    CHECK_EQ(pread(device, bytes, 1, 8192), 1);
    CHECK_EQ(bytes[0], 16);
    detach(device);
}

static void parts(void)
{
    int device = open_free(), fd = make_file();
    struct loop_info64 info = {0}, found;
    struct stat status;
    char byte;

    expect_ok(fstat(fd, &status));
    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    info.lo_offset = 4096;
    info.lo_sizelimit = 8192;
    strcpy((char *)info.lo_file_name, "disk");
    expect_ok(ioctl(device, LOOP_SET_STATUS64, &info));
    CHECK_EQ(size_of(device), 8192);
    CHECK_EQ(pread(device, &byte, 1, 512), 1);
    CHECK_EQ(byte, 9);
    expect_ok(ioctl(device, LOOP_GET_STATUS64, &found));
    CHECK(found.lo_offset == 4096 && found.lo_sizelimit == 8192);
    CHECK_EQ(found.lo_inode, status.st_ino);
    CHECK_STRING((char *)found.lo_file_name, "disk");
    info = (struct loop_info64){0};
    expect_ok(ioctl(device, LOOP_SET_STATUS64, &info));
    CHECK_EQ(size_of(device), SIZE);
    CHECK_EQ(pread(device, &byte, 1, 512), 1);
    CHECK_EQ(byte, 1);
    expect_ok(ftruncate(fd, 2 * SIZE));
    expect_ok(ioctl(device, LOOP_SET_CAPACITY, 0));
    CHECK_EQ(size_of(device), 2 * SIZE);
    detach(device);
}

static void errors(void)
{
    int device = open_free(), fd = make_file(), pipes[2];
    struct loop_info64 info;

    expect_ok(pipe(pipes));
    expect_errno(ioctl(device, LOOP_GET_STATUS64, &info), ENXIO);
    expect_errno(ioctl(device, LOOP_CLR_FD, 0), ENXIO);
    expect_errno(ioctl(device, LOOP_SET_CAPACITY, 0), ENXIO);
    expect_errno(ioctl(device, LOOP_SET_FD, -1), EBADF);
    expect_errno(ioctl(device, LOOP_SET_FD, pipes[0]), EINVAL);
    expect_errno(ioctl(device, LOOP_SET_FD, expect_ok(open(".", O_RDONLY))), EINVAL);
    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    expect_errno(ioctl(device, LOOP_SET_FD, fd), EBUSY);
    expect_errno(ioctl(device, LOOP_GET_STATUS64, (void *)-1), EFAULT);
    detach(device);
}

/* A file that cannot be written makes a disk that cannot be. */
static void read_only(void)
{
    int device = open_free(), value = 0;
    struct loop_config config = {0};
    struct loop_info64 info;

    close(make_file());
    config.fd = (unsigned)expect_ok(open("disk", O_RDONLY));
    config.block_size = 1000;
    expect_errno(ioctl(device, LOOP_CONFIGURE, &config), EINVAL);
    config.block_size = 512;
    expect_ok(ioctl(device, LOOP_CONFIGURE, &config));
    expect_ok(ioctl(device, BLKROGET, &value));
    CHECK_EQ(value, 1);
    expect_ok(ioctl(device, BLKPBSZGET, &value));
    CHECK_EQ(value, 512);
    expect_ok(ioctl(device, BLKALIGNOFF, &value));
    CHECK_EQ(value, 0);
    expect_ok(ioctl(device, BLKIOMIN, &value));
    CHECK_EQ(value, 512);
    expect_ok(ioctl(device, BLKIOOPT, &value));
    CHECK_EQ(value, 0);
    expect_ok(ioctl(device, BLKBSZGET, &value));
    CHECK(value >= 512 && value <= sysconf(_SC_PAGESIZE));
    expect_ok(ioctl(device, LOOP_GET_STATUS64, &info));
    CHECK(info.lo_flags & LO_FLAGS_READ_ONLY);
    expect_errno(write(device, "x", 1), EPERM);
    detach(device);
}

/* What losetup(8) reads; it goes with the file. */
static void shown(void)
{
    int device = open_free(), fd = make_file();
    char name[64], text[4096], expected[4200];

    snprintf(name, sizeof(name), "/sys/block/%s/loop/backing_file", path + strlen("/dev/"));
    if (access("/sys/block", F_OK))
        skip("no sysfs");
    expect_errno(access(name, F_OK), ENOENT);
    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    read_file(name, text, sizeof(text));
    CHECK(getcwd(expected, 4096));
    strcat(expected, "/disk\n");
    CHECK_STRING(text, expected);
    snprintf(name, sizeof(name), "/sys/block/%s/loop/offset", path + strlen("/dev/"));
    read_file(name, text, sizeof(text));
    CHECK_STRING(text, "0\n");
    detach(device);
    expect_errno(access(name, F_OK), ENOENT);
}

/* While somebody else has the device, its file stays. */
static void last_user(void)
{
    int device = open_free(), fd = make_file(), other;
    struct loop_info64 info;
    char byte;

    expect_ok(ioctl(device, LOOP_SET_FD, fd));
    other = expect_ok(open(path, O_RDONLY));
    detach(device);
    CHECK_EQ(pread(other, &byte, 1, 512), 1);
    CHECK_EQ(byte, 1);
    expect_ok(ioctl(other, LOOP_GET_STATUS64, &info));
    CHECK(info.lo_flags & LO_FLAGS_AUTOCLEAR);
    close(other);
    device = expect_ok(open(path, O_RDONLY));
    expect_errno(ioctl(device, LOOP_GET_STATUS64, &info), ENXIO);
}

/* Nothing is to be written then: a sync(2) of one that never had a file did not end. */
static void without_a_file(void)
{
    struct loop_info64 info;
    int free_ones = 0;
    char byte;

    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof(path), "/dev/loop%d", i);
        int device = open(path, O_RDWR);
        if (device < 0)
            continue;
        if (ioctl(device, LOOP_GET_STATUS64, &info) < 0) {
            CHECK_EQ(errno, ENXIO);
            if (fsync(device) < 0)
                CHECK_EQ(errno, EIO); /* since Linux 6.18 */
            CHECK_EQ(read(device, &byte, 1), 0);
            free_ones++;
        }
        close(device);
    }
    if (!free_ones)
        skip("no loop device is free");
}

static const struct test tests[] = {
    TEST(bytes_of_the_file), TEST(another_file), TEST(parts),     TEST(errors),
    TEST(read_only),         TEST(shown),        TEST(last_user), TEST(without_a_file),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
