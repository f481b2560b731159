/* Flags of files: FS_IOC_SETFLAGS, what immutable and append-only forbid, and what statx tells. */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static unsigned get_flags(const char *name)
{
    unsigned flags = 0;
    int fd = expect_ok(open(name, O_RDONLY));

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1)
        skip("no flags in this file system: %s", error_name(errno));
    close(fd);
    return flags;
}

static int try_flags(const char *name, unsigned flags)
{
    int fd = expect_ok(open(name, O_RDONLY));
    int result = ioctl(fd, FS_IOC_SETFLAGS, &flags), error = errno;

    close(fd);
    errno = error;
    return result;
}

/* Add flags to what there is, or take them away. */
static void change(const char *name, unsigned add, unsigned remove)
{
    if (try_flags(name, (get_flags(name) | add) & ~remove) == -1) {
        if (errno == EPERM)
            skip("needs the privilege to set flags");
        fail("FS_IOC_SETFLAGS %s: %s", name, error_name(errno));
    }
}

static void kept(void)
{
    int fd = pattern_file("file", 10);

    change("file", FS_NODUMP_FL | FS_NOATIME_FL, 0);
    CHECK_EQ(get_flags("file") & (FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL),
             FS_NODUMP_FL | FS_NOATIME_FL);
    change("file", 0, FS_NOATIME_FL);
    CHECK_EQ(get_flags("file") & (FS_NODUMP_FL | FS_NOATIME_FL), FS_NODUMP_FL);
    expect_errno(ioctl(fd, FS_IOC_GETFLAGS, (void *)-1), EFAULT);
    expect_errno(ioctl(fd, FS_IOC_SETFLAGS, (void *)-1), EFAULT);
    expect_errno(try_flags("file", 1u << 26), EOPNOTSUPP);
    CHECK_EQ(get_flags("file") & FS_NODUMP_FL, FS_NODUMP_FL);
}

static void inherited(void)
{
    expect_ok(mkdir("directory", 0700));
    change("directory", FS_NODUMP_FL | FS_NOATIME_FL, 0);
    close(expect_ok(open("directory/file", O_CREAT | O_WRONLY, 0600)));
    expect_ok(mkdir("directory/below", 0700));
    CHECK_EQ(get_flags("directory/file") & (FS_NODUMP_FL | FS_NOATIME_FL),
             FS_NODUMP_FL | FS_NOATIME_FL);
    CHECK_EQ(get_flags("directory/below") & (FS_NODUMP_FL | FS_NOATIME_FL),
             FS_NODUMP_FL | FS_NOATIME_FL);
}

static void expect_unchangeable(const char *name)
{
    struct timespec times[2] = {{1, 0}, {1, 0}};

    expect_errno(chmod(name, 0644), EPERM);
    expect_errno(chown(name, 1, 1), EPERM);
    expect_errno(truncate(name, 1), EPERM);
    expect_errno(unlink(name), EPERM);
    expect_errno(rename(name, "elsewhere"), EPERM);
    expect_errno(rename("other", name), EPERM);
    expect_errno(link(name, "linked"), EPERM);
    expect_errno(utimensat(AT_FDCWD, name, times, 0), EPERM);
    expect_errno(setxattr(name, "user.name", "x", 1, 0), EPERM);
    expect_errno(open(name, O_WRONLY), EPERM);
    expect_errno(open(name, O_RDWR | O_TRUNC), EPERM);
}

static void immutable(void)
{
    close(pattern_file("file", 10));
    close(pattern_file("other", 10));
    change("file", FS_IMMUTABLE_FL, 0);
    expect_unchangeable("file");
    expect_errno(utimensat(AT_FDCWD, "file", NULL, 0), EPERM);
    expect_errno(open("file", O_WRONLY | O_APPEND), EPERM);
    expect_errno(access("file", W_OK), EPERM);
    expect_ok(access("file", R_OK));
    close(expect_ok(open("file", O_RDONLY)));
    change("file", 0, FS_IMMUTABLE_FL);
    expect_ok(unlink("file"));
}

static void append_only(void)
{
    char text[16];

    close(pattern_file("file", 10));
    close(pattern_file("other", 10));
    change("file", FS_APPEND_FL, 0);
    expect_unchangeable("file");
    int fd = expect_ok(open("file", O_RDWR | O_APPEND));
    CHECK_EQ(pwrite(fd, "xy", 2, 0), 2);
    CHECK_EQ(pread(fd, text, sizeof(text), 0), 12);
    CHECK(memcmp(text + 10, "xy", 2) == 0);
    expect_errno(ftruncate(fd, 0), EPERM);
    expect_errno(fcntl(fd, F_SETFL, 0), EPERM);
    expect_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
    CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    expect_ok(utimensat(AT_FDCWD, "file", NULL, 0));
    change("file", 0, FS_APPEND_FL);
    expect_ok(ftruncate(fd, 0));
}

static void fixed_directories(void)
{
    expect_ok(mkdir("directory", 0700));
    write_file("directory/file", "text", 0600);
    change("directory", FS_APPEND_FL, 0);
    write_file("directory/more", "text", 0600);
    expect_errno(unlink("directory/file"), EPERM);
    expect_errno(rename("directory/file", "moved"), EPERM);
    expect_errno(rename("directory/file", "directory/more"), EPERM);
    change("directory", FS_IMMUTABLE_FL, FS_APPEND_FL);
    expect_errno(open("directory/third", O_CREAT | O_WRONLY, 0600), EPERM);
    expect_errno(mkdir("directory/third", 0700), EPERM);
    expect_errno(unlink("directory/file"), EPERM);
    expect_errno(rmdir("directory"), EPERM);
    int fd = expect_ok(open("directory/file", O_WRONLY));
    write_all(fd, "more", 4);
    change("directory", 0, FS_IMMUTABLE_FL);
    expect_ok(unlink("directory/file"));
}

static void told(void)
{
    struct statx status;

    close(pattern_file("file", 10));
    change("file", FS_APPEND_FL | FS_NODUMP_FL, 0);
    expect_ok(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &status));
    change("file", 0, FS_APPEND_FL);
    uint64_t mask = STATX_ATTR_APPEND | STATX_ATTR_NODUMP | STATX_ATTR_IMMUTABLE;
    CHECK_EQ(status.stx_attributes_mask & mask, mask);
    CHECK_EQ(status.stx_attributes & mask, STATX_ATTR_APPEND | STATX_ATTR_NODUMP);
}

static void refused(void)
{
    int fds[2], fd = pattern_file("file", 10);
    unsigned flags = get_flags("file"), wanted = flags | FS_NODUMP_FL;

    expect_ok(pipe(fds));
    expect_errno(ioctl(fds[0], FS_IOC_GETFLAGS, &flags), ENOTTY);
    expect_errno(ioctl(expect_ok(open("/dev/null", O_RDONLY)), FS_IOC_GETFLAGS, &flags), ENOTTY);
    if (geteuid())
        skip("needs the privilege to become another user");
    expect_ok(setresuid(54321, 54321, 54321));
    expect_errno(ioctl(fd, FS_IOC_SETFLAGS, &wanted), EPERM);
}

static void owner_without_privilege(void)
{
    int fd = pattern_file("file", 10);
    unsigned flags = get_flags("file"), wanted = flags | FS_IMMUTABLE_FL;

    if (geteuid())
        skip("needs the privilege to become another user");
    expect_ok(fchown(fd, 54321, 54321));
    expect_ok(setresuid(54321, 54321, 54321));
    expect_errno(ioctl(fd, FS_IOC_SETFLAGS, &wanted), EPERM);
    flags |= FS_NODUMP_FL;
    expect_ok(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

/* Each new file has another generation, where they are told. */
static void generations(void)
{
    unsigned long first = 0, second = 0;
    int fd = pattern_file("file", 10);

    if (ioctl(fd, FS_IOC_GETVERSION, &first) == -1) {
        CHECK_EQ(errno, ENOTTY);
        skip("no generations in this file system");
    }
    close(fd);
    expect_ok(unlink("file"));
    fd = pattern_file("file", 10);
    expect_ok(ioctl(fd, FS_IOC_GETVERSION, &second));
    CHECK(first != second);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(kept),
        TEST(inherited),
        TEST(immutable),
        TEST(append_only),
        TEST(fixed_directories),
        TEST(told),
        TEST(refused),
        TEST(owner_without_privilege),
        TEST(generations),
    };

    return TAP_MAIN(argc, argv, tests);
}
