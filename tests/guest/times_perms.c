/*
 * What an inode keeps: modes and umask, owners, the three times and when each moves, and the other
 * fields of stat.
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define LONG_AGO 1000000000 /* in 2001 */

static struct stat status_of(const char *name)
{
    struct stat status;

    expect_ok(lstat(name, &status));
    return status;
}

static mode_t mode_of(const char *name)
{
    return status_of(name).st_mode & 07777;
}

/* ---- modes ---- */

static void modes_and_umask(void)
{
    CHECK(umask(022) <= 0777);
    expect_ok(close(expect_ok(open("a", O_CREAT | O_WRONLY, 0666))));
    CHECK_EQ(mode_of("a"), 0644);
    CHECK_EQ(umask(077), 022);
    expect_ok(close(expect_ok(open("b", O_CREAT | O_WRONLY, 0777))));
    CHECK_EQ(mode_of("b"), 0700);
    expect_ok(mkdir("d", 0777));
    CHECK_EQ(mode_of("d"), 0700);
    CHECK_EQ(umask(0), 077);
    expect_ok(mkdir("e", 01777));
    CHECK_EQ(mode_of("e"), 01777);
    expect_ok(close(expect_ok(open("c", O_CREAT | O_WRONLY, 0))));
    CHECK_EQ(mode_of("c"), 0);
    CHECK_EQ(umask(07777), 0);
    CHECK_EQ(umask(022), 0777); /* only the permissions count */
    expect_ok(close(expect_ok(open("a", O_CREAT | O_WRONLY, 0600))));
    CHECK_EQ(mode_of("a"), 0644); /* it was there */
}

static void changing_modes(void)
{
    int fd = pattern_file("file", 10);

    for (mode_t mode = 0; mode <= 0777; mode += 0111) {
        expect_ok(chmod("file", mode));
        CHECK_EQ(mode_of("file"), mode);
    }
    expect_ok(fchmod(fd, 04755));
    CHECK_EQ(mode_of("file"), 04755);
    expect_ok(fchmodat(AT_FDCWD, "file", 0640, 0));
    CHECK_EQ(mode_of("file"), 0640);
    CHECK(S_ISREG(status_of("file").st_mode));
    expect_ok(mkdir("dir", 0755));
    expect_ok(chmod("dir", 0500));
    CHECK(S_ISDIR(status_of("dir").st_mode));
    CHECK_EQ(mode_of("dir"), 0500);
    expect_errno(chmod("none", 0644), ENOENT);
    expect_ok(symlink("file", "link"));
    expect_ok(chmod("link", 0600)); /* what it leads to */
    CHECK_EQ(mode_of("file"), 0600);
    CHECK_EQ(mode_of("link"), 0777);
}

/* chown(2) takes the set-user-ID and set-group-ID bits away, even if it changes no owner. */
static void set_id_bits(void)
{
    int fd = pattern_file("file", 0);

    expect_ok(fchmod(fd, 06755));
    expect_ok(fchown(fd, (uid_t)-1, (gid_t)-1));
    CHECK_EQ(status_of("file").st_mode & 07777, 0755);
    expect_ok(fchmod(fd, 06755));
    if (geteuid() != 0)
        skip("needs another user");
    expect_ok(seteuid(1234));
    expect_errno(fchown(fd, (uid_t)-1, (gid_t)-1), EPERM);
    expect_ok(seteuid(0));
    CHECK_EQ(status_of("file").st_mode & 07777, 06755);
    expect_ok(fchown(fd, geteuid(), (gid_t)-1));
    CHECK_EQ(status_of("file").st_mode & 07777, 0755);
}

static void owners(void)
{
    int fd = pattern_file("file", 0);

    CHECK_EQ(status_of("file").st_uid, geteuid());
    if (geteuid() != 0)
        skip("only the superuser gives files away");
    expect_ok(chown("file", 1234, 5678));
    CHECK_EQ(status_of("file").st_uid, 1234);
    CHECK_EQ(status_of("file").st_gid, 5678);
    expect_ok(chown("file", (uid_t)-1, 99));
    CHECK_EQ(status_of("file").st_uid, 1234);
    CHECK_EQ(status_of("file").st_gid, 99);
    expect_ok(fchown(fd, 70000, 70001)); /* more than 16 bits */
    CHECK_EQ(status_of("file").st_uid, 70000);
    CHECK_EQ(status_of("file").st_gid, 70001);
    expect_ok(symlink("file", "link"));
    expect_ok(lchown("link", 5, 6));
    CHECK_EQ(status_of("link").st_uid, 5);
    CHECK_EQ(status_of("file").st_uid, 70000);
    expect_errno(chown("none", 0, 0), ENOENT);
    expect_ok(chown("file", 0, 0));
}

/* ---- times ---- */

static void set_times(const char *name, long access, long modification)
{
    const struct timespec times[2] = {{access, 0}, {modification, 0}};

    expect_ok(utimensat(AT_FDCWD, name, times, 0));
}

static long access_of_link(void)
{
    struct stat status;

    expect_ok(lstat("link", &status));
    return status.st_atime;
}

/* Reading a link and following it are accesses, unless it has been accessed since it was made. */
static void access_to_links(void)
{
    const struct timespec times[2] = {{LONG_AGO, 0}, {LONG_AGO + 5, 0}};
    char target[8];

    expect_ok(symlink("none", "link"));
    expect_ok(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
    CHECK_EQ(access_of_link(), LONG_AGO);
    CHECK_EQ(readlink("link", target, sizeof(target)), 4);
    CHECK(access_of_link() > LONG_AGO);
    expect_ok(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
    expect_errno(open("link", O_RDONLY), ENOENT);
    CHECK(access_of_link() > LONG_AGO);
}

static void setting_times(void)
{
    int fd = pattern_file("file", 10);
    struct timespec times[2] = {{LONG_AGO, 0}, {LONG_AGO + 5, 0}};
    struct stat status;

    expect_ok(utimensat(AT_FDCWD, "file", times, 0));
    status = status_of("file");
    CHECK_EQ(status.st_atime, LONG_AGO);
    CHECK_EQ(status.st_mtime, LONG_AGO + 5);
    CHECK(status.st_ctime > LONG_AGO + 5);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = LONG_AGO + 7;
    expect_ok(futimens(fd, times));
    CHECK_EQ(status_of("file").st_atime, LONG_AGO);
    CHECK_EQ(status_of("file").st_mtime, LONG_AGO + 7);
    times[0].tv_nsec = UTIME_NOW;
    times[1].tv_nsec = UTIME_OMIT;
    expect_ok(futimens(fd, times));
    CHECK(status_of("file").st_atime > LONG_AGO);
    CHECK_EQ(status_of("file").st_mtime, LONG_AGO + 7);
    expect_ok(utimensat(AT_FDCWD, "file", NULL, 0)); /* now */
    CHECK(status_of("file").st_mtime > LONG_AGO + 7);
    times[0].tv_nsec = 1000000000;
    expect_errno(futimens(fd, times), EINVAL);
    times[0].tv_nsec = 0;
    times[1].tv_nsec = -1;
    expect_errno(futimens(fd, times), EINVAL);
    expect_errno(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
    expect_errno(utimensat(AT_FDCWD, "file", NULL, 0x1), EINVAL);
    expect_ok(symlink("file", "link"));
    times[1].tv_nsec = 0;
    times[1].tv_sec = LONG_AGO + 9;
    expect_ok(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
    CHECK_EQ(status_of("link").st_mtime, LONG_AGO + 9);
    CHECK(status_of("file").st_mtime > LONG_AGO + 9);
}

/* A time that the file system has no room for is the nearest that it has; of tmpfs, any. */
static void far_times(void)
{
    const struct timespec times[2] = {{INT64_MIN, 5}, {INT64_MAX, 5}};
    struct stat status;
    struct statfs system;
    int fd = pattern_file("file", 10);

    expect_ok(futimens(fd, times));
    expect_ok(fstat(fd, &status));
    expect_ok(fstatfs(fd, &system));
    if (system.f_type == EXT2_SUPER_MAGIC) {
        CHECK_EQ(status.st_atime, INT32_MIN);
        CHECK_EQ(status.st_mtime, INT32_MIN + (1ll << 34) - 1);
    } else {
        CHECK(status.st_atime <= INT32_MIN && status.st_mtime >= INT32_MAX);
    }
    CHECK(status.st_atim.tv_nsec == 0 && status.st_mtim.tv_nsec == 0);
    set_times("file", INT32_MIN + 1l, INT32_MAX);
    CHECK_EQ(status_of("file").st_atime, INT32_MIN + 1l);
    CHECK_EQ(status_of("file").st_mtime, INT32_MAX);
}

/* Nanoseconds are kept where the inode has room, else all of them are 0. */
static void nanoseconds(void)
{
    int fd = pattern_file("file", 10);
    const struct timespec times[2] = {{LONG_AGO, 123456789}, {LONG_AGO, 987654321}};
    struct stat status;

    expect_ok(futimens(fd, times));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_mtime, LONG_AGO);
    CHECK(status.st_mtim.tv_nsec == 987654321 || status.st_mtim.tv_nsec == 0);
    CHECK(status.st_atim.tv_nsec == (status.st_mtim.tv_nsec ? 123456789 : 0));
}

/* Which of a file's modification (m) and change (c) time the last call moved. */
static void date_back(const char *name)
{
    set_times(name, LONG_AGO, LONG_AGO);
}

static void expect_modified(const char *name, bool modified)
{
    struct stat status = status_of(name);

    if ((status.st_mtime != LONG_AGO) != modified)
        fail("modification time of %s %s", name, modified ? "did not move" : "moved");
    date_back(name);
}

static void when_a_file_is_modified(void)
{
    char byte;

    expect_ok(close(pattern_file("file", 10)));
    date_back("file");
    int fd = expect_ok(open("file", O_RDWR));
    expect_modified("file", false);
    CHECK_EQ(write(fd, "x", 1), 1);
    expect_modified("file", true);
    CHECK_EQ(read(fd, &byte, 1), 1);
    expect_modified("file", false);
    expect_ok(ftruncate(fd, 5));
    expect_modified("file", true);
    expect_ok(ftruncate(fd, 50));
    expect_modified("file", true);
    CHECK_EQ(write(fd, "x", 0), 0);
    expect_modified("file", false);
    expect_ok(chmod("file", 0600));
    expect_modified("file", false);
    expect_ok(link("file", "other"));
    expect_modified("file", false);
    expect_ok(rename("file", "new"));
    expect_modified("new", false);
    expect_ok(close(expect_ok(open("new", O_WRONLY | O_TRUNC))));
    expect_modified("new", true);
    struct stat status;
    expect_ok(fstat(fd, &status));
    CHECK(status.st_ctime > LONG_AGO); /* nobody can set that back */
}

static void when_a_directory_is_modified(void)
{
    expect_ok(mkdir("dir", 0755));
    date_back("dir");
    write_file("dir/file", "", 0644);
    expect_modified("dir", true);
    write_file("dir/file", "text", 0644);
    expect_modified("dir", false);
    expect_ok(link("dir/file", "dir/other"));
    expect_modified("dir", true);
    expect_ok(rename("dir/other", "dir/new"));
    expect_modified("dir", true);
    expect_ok(unlink("dir/new"));
    expect_modified("dir", true);
    expect_ok(mkdir("dir/sub", 0755));
    expect_modified("dir", true);
    expect_ok(rmdir("dir/sub"));
    expect_modified("dir", true);
    expect_ok(symlink("x", "dir/link"));
    expect_modified("dir", true);
    expect_errno(mkdir("dir/file", 0755), EEXIST);
    expect_modified("dir", false);
    expect_ok(chmod("dir/file", 0600));
    expect_modified("dir", false);
}

/* The clock of files and that of clock_gettime agree, to a second. */
static void times_are_now(void)
{
    struct timespec before, after;

    expect_ok(clock_gettime(CLOCK_REALTIME, &before));
    expect_ok(close(pattern_file("file", 10)));
    struct stat status = status_of("file");
    expect_ok(clock_gettime(CLOCK_REALTIME, &after));
    CHECK(status.st_mtime >= before.tv_sec - 1 && status.st_mtime <= after.tv_sec);
    CHECK(status.st_ctime >= before.tv_sec - 1 && status.st_ctime <= after.tv_sec);
    CHECK(status.st_atime >= before.tv_sec - 1 && status.st_atime <= after.tv_sec);
}

/* ---- the other fields ---- */

static void fields(void)
{
    struct stat by_name, by_descriptor, here;
    int fd = pattern_file("file", 12345);

    expect_ok(stat("file", &by_name));
    expect_ok(fstat(fd, &by_descriptor));
    expect_ok(stat(".", &here));
    CHECK_EQ(by_name.st_ino, by_descriptor.st_ino);
    CHECK_EQ(by_name.st_dev, by_descriptor.st_dev);
    CHECK_EQ(by_name.st_dev, here.st_dev);
    CHECK(by_name.st_ino != here.st_ino && by_name.st_ino != 0);
    CHECK_EQ(by_name.st_size, 12345);
    CHECK_EQ(by_name.st_nlink, 1);
    CHECK_EQ(by_name.st_rdev, 0);
    CHECK_EQ(by_name.st_mode, S_IFREG | 0644);
    CHECK(by_name.st_blksize > 0);
    expect_ok(fstatat(fd, "", &by_name, AT_EMPTY_PATH));
    CHECK_EQ(by_name.st_ino, by_descriptor.st_ino);
    expect_errno(fstatat(fd, "", &by_name, 0), ENOENT);
    expect_errno(fstatat(AT_FDCWD, "file", &by_name, 0x1), EINVAL);
    expect_errno(stat("", &by_name), ENOENT);
}

static void device_fields(void)
{
    struct stat status;

    expect_ok(stat("/dev/null", &status));
    CHECK(S_ISCHR(status.st_mode));
    CHECK_EQ(major(status.st_rdev), 1);
    CHECK_EQ(minor(status.st_rdev), 3);
    expect_ok(stat("/dev/zero", &status));
    CHECK_EQ(minor(status.st_rdev), 5);
}

static const struct test tests[] = {
    TEST(modes_and_umask),
    TEST(changing_modes),
    TEST(owners),
    TEST(set_id_bits),
    TEST(far_times),
    TEST(setting_times),
    TEST(access_to_links),
    TEST(nanoseconds),
    TEST(when_a_file_is_modified),
    TEST(when_a_directory_is_modified),
    TEST(times_are_now),
    TEST(fields),
    TEST(device_fields),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
