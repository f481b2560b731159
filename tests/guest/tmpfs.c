/*
 * tmpfs: the default mounts, sizes and their limits, the options of mount(2) and remounting. Most
 * need the right to mount.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define RW          (PROT_READ | PROT_WRITE)
#define TMPFS_MAGIC 0x01021994

/* Mount a tmpfs on the new directory "m". */
static void mount_here(unsigned long flags, const char *options)
{
    mkdir("m", 0755);
    if (mount("here", "m", "tmpfs", flags, options) < 0 && errno == EPERM)
        skip("needs the right to mount");
    struct statfs status;
    expect_ok(statfs("m", &status));
    CHECK_EQ(status.f_type, TMPFS_MAGIC);
}

static void unmount_here(void)
{
    expect_ok(umount("m"));
}

static void default_mounts(void)
{
    struct stat status;
    struct statfs system;

    expect_ok(statfs("/dev/shm", &system));
    CHECK_EQ(system.f_type, TMPFS_MAGIC);
    expect_ok(stat("/dev/shm", &status));
    CHECK_EQ(status.st_mode, S_IFDIR | 01777);
    expect_ok(stat("/tmp", &status));
    CHECK_EQ(status.st_mode & 01777, 01777);
}

/* POSIX shared memory is a file there. */
static void shared_memory(void)
{
    char name[32];

    snprintf(name, sizeof(name), "/tmpfs.%d", (int)getpid());
    int fd = expect_ok(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    expect_ok(ftruncate(fd, PAGE));
    char *map = expect_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    pid_t child = fork();
    if (child == 0) {
        int again = shm_open(name, O_RDWR, 0);
        _exit(again < 0 || write(again, "hello", 5) != 5);
    }
    expect_exited(reap(child), 0);
    CHECK(memcmp(map, "hello", 5) == 0);
    expect_ok(shm_unlink(name));
    expect_errno(shm_open(name, O_RDWR, 0), ENOENT);
}

static void size_limit(void)
{
    struct statfs status;
    char *buffer = calloc(1, 64 * PAGE);

    mount_here(0, "size=128k");
    expect_ok(statfs("m", &status));
    CHECK_EQ(status.f_blocks, 32);
    int fd = expect_ok(open("m/a", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(write(fd, buffer, 20 * PAGE), 20 * PAGE);
    CHECK_EQ(write(fd, buffer, 20 * PAGE), 12 * PAGE); /* what there is room for */
    expect_errno(write(fd, buffer, PAGE), ENOSPC);
    expect_errno(fallocate(fd, 0, 0, 40 * PAGE), ENOSPC);
    expect_ok(statfs("m", &status));
    CHECK_EQ(status.f_bfree, 0);
    /* Names need no pages; a page that is there can be written again. */
    int other = expect_ok(open("m/b", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(pwrite(fd, buffer, PAGE, 0), PAGE);
    expect_errno(write(other, buffer, 1), ENOSPC);
    expect_ok(ftruncate(fd, 31 * PAGE));
    CHECK_EQ(write(other, buffer, 10), 10);
    close(fd);
    close(other);
    expect_ok(unlink("m/a"));
    expect_ok(statfs("m", &status));
    CHECK_EQ(status.f_bfree, 31);
    unmount_here();
}

/* A store through a mapping into a hole of a full tmpfs: SIGBUS; allocated space never fails. */
static void full_mapping(void)
{
    char *buffer = calloc(1, 8 * PAGE);

    mount_here(0, "size=64k");
    int fd = expect_ok(open("m/a", O_RDWR | O_CREAT, 0600));
    expect_ok(ftruncate(fd, 16 * PAGE));
    expect_ok(fallocate(fd, 0, 0, 8 * PAGE));
    int other = expect_ok(open("m/b", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(write(other, buffer, 8 * PAGE), 8 * PAGE);
    char *map = expect_ok(mmap(NULL, 16 * PAGE, RW, MAP_SHARED, fd, 0));
    for (int i = 0; i < 8; i++)
        map[i * PAGE] = 1;
    expect_fault(map + 9 * PAGE, 'w', SIGBUS);
    CHECK_EQ(pread(fd, buffer, PAGE, 9 * PAGE), PAGE); /* a hole needs no page to be read */
    CHECK(all_bytes(buffer, 0, PAGE));
    expect_ok(ftruncate(other, 0));
    expect_access(map + 9 * PAGE, 'w');
    munmap(map, 16 * PAGE);
    close(fd);
    close(other);
    unmount_here();
}

static void inode_limit(void)
{
    struct statfs status;

    mount_here(0, "nr_inodes=3");
    expect_ok(statfs("m", &status));
    CHECK_EQ(status.f_files, 3);
    expect_ok(mkdir("m/a", 0755));
    expect_ok(mkdir("m/b", 0755));
    expect_errno(mkdir("m/c", 0755), ENOSPC);
    expect_ok(rmdir("m/a"));
    expect_ok(mkdir("m/c", 0755));
    unmount_here();
}

/* How many files there is room for. */
static long files_free(void)
{
    struct statfs status;

    expect_ok(statfs("m", &status));
    return (long)status.f_ffree;
}

/* Further links and attributes take of the room for files: who may make them cannot fill memory. */
static void links_and_attributes(void)
{
    static char value[3 * 4096];

    mount_here(0, "nr_inodes=16");
    expect_ok(mkdir("m/a", 0755));
    CHECK_EQ(files_free(), 14);
    write_file("m/file", "", 0644);
    CHECK_EQ(files_free(), 13);
    expect_ok(link("m/file", "m/again"));
    CHECK_EQ(files_free(), 12);
    expect_ok(unlink("m/file"));
    CHECK_EQ(files_free(), 13);
    expect_ok(rename("m/again", "m/a/file"));
    CHECK_EQ(files_free(), 13);
    expect_ok(link("m/a/file", "m/other"));
    write_file("m/more", "", 0644);
    expect_ok(rename("m/more", "m/other"));
    CHECK_EQ(files_free(), 12);
    expect_ok(unlink("m/other"));
    if (setxattr("m/a", "user.a", value, 4096, 0) < 0 && errno == EOPNOTSUPP)
        skip("tmpfs has no attributes of users here");
    CHECK_EQ(files_free(), 8); /* four, and a part of one */
    expect_errno(setxattr("m/a", "user.b", value, sizeof(value), 0), ENOSPC);
    CHECK_EQ(files_free(), 8);
    expect_ok(setxattr("m/a", "user.a", value, 100, 0));
    CHECK_EQ(files_free(), 12);
    expect_ok(removexattr("m/a", "user.a"));
    CHECK_EQ(files_free(), 13);
    expect_ok(setxattr("m/a/file", "user.a", value, 4096, 0));
    expect_ok(unlink("m/a/file"));
    CHECK_EQ(files_free(), 14);
    unmount_here();
}

static void options(void)
{
    struct stat status;

    mount_here(0, "mode=750,uid=12,gid=34,size=1m");
    expect_ok(stat("m", &status));
    CHECK_EQ(status.st_mode, S_IFDIR | 0750);
    CHECK_EQ(status.st_uid, 12);
    CHECK_EQ(status.st_gid, 34);
    unmount_here();
    expect_errno(mount("here", "m", "tmpfs", 0, "size=abc"), EINVAL);
    expect_errno(mount("here", "m", "tmpfs", 0, "colour=red"), EINVAL);
    expect_errno(mount("here", "m", "nofs", 0, NULL), ENODEV);
    expect_errno(mount("here", "missing", "tmpfs", 0, NULL), ENOENT);
    write_file("plain", "text", 0644);
    expect_errno(mount("here", "plain", "tmpfs", 0, NULL), ENOTDIR);
    expect_errno(umount("m"), EINVAL);
    expect_errno(umount("missing"), ENOENT);
}

static void remounting(void)
{
    char *buffer = calloc(1, 32 * PAGE);
    struct statfs status;

    mount_here(0, "size=64k");
    int fd = expect_ok(open("m/a", O_RDWR | O_CREAT, 0600));
    CHECK_EQ(write(fd, buffer, 16 * PAGE), 16 * PAGE);
    expect_errno(write(fd, buffer, 1), ENOSPC);
    expect_errno(mount("here", "m", "tmpfs", MS_REMOUNT, "size=32k"), EINVAL);
    expect_ok(mount("here", "m", "tmpfs", MS_REMOUNT, "size=128k"));
    CHECK_EQ(write(fd, buffer, 16 * PAGE), 16 * PAGE);
    expect_errno(mount("here", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
    expect_errno(umount("m"), EBUSY);
    close(fd);
    expect_ok(mount("here", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    expect_errno(open("m/a", O_RDWR), EROFS);
    expect_errno(mkdir("m/b", 0755), EROFS);
    expect_errno(unlink("m/a"), EROFS);
    expect_ok(statfs("m", &status));
    CHECK_EQ(status.f_blocks, 32);
    expect_ok(mount("here", "m", NULL, MS_REMOUNT, NULL));
    expect_ok(unlink("m/a"));
    unmount_here();
}

static void restrictions(void)
{
    mount_here(MS_NOEXEC | MS_NODEV, NULL);
    write_file("m/script", "#!/bin/true\n", 0755);
    pid_t child = fork();
    if (child == 0) {
        execl("m/script", "script", (char *)NULL);
        _exit(errno == EACCES ? 42 : 1);
    }
    expect_exited(reap(child), 42);
    expect_errno(access("m/script", X_OK), EACCES);
    int fd = expect_ok(open("m/script", O_RDONLY));
    expect_errno(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), EPERM);
    char *map = expect_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    expect_errno(mprotect(map, PAGE, PROT_READ | PROT_EXEC), EACCES);
    munmap(map, PAGE);
    close(fd);
    expect_ok(mknod("m/null", S_IFCHR | 0666, 0x103));
    expect_errno(open("m/null", O_RDONLY), EACCES);
    unmount_here();
}

static const struct test tests[] = {
    TEST(default_mounts), TEST(shared_memory), TEST(size_limit),
    TEST(full_mapping),   TEST(inode_limit),   TEST(links_and_attributes),
    TEST(options),        TEST(remounting),    TEST(restrictions),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
