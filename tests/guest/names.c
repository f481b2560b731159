/*
 * What newer calls do to names and attributes: openat2(2), renameat2(2) with RENAME_EXCHANGE and
 * RENAME_WHITEOUT, O_PATH, statx(2), fchmodat2(2), extended attributes.
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static long open_how(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .resolve = resolve};

    return syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

/*
 *   d/file   d/sub/   d/link -> file   d/up -> ../outside   d/abs -> /   d/loop -> loop
 *   outside
 */
static int make_tree(void)
{
    expect_ok(mkdir("d", 0755));
    expect_ok(mkdir("d/sub", 0755));
    write_file("d/file", "inside", 0644);
    write_file("outside", "outside", 0644);
    expect_ok(symlink("file", "d/link"));
    expect_ok(symlink("../outside", "d/up"));
    expect_ok(symlink("/", "d/abs"));
    expect_ok(symlink("loop", "d/loop"));
    return expect_ok(open("d", O_RDONLY | O_DIRECTORY));
}

static void open_ok(int directory, const char *path, uint64_t resolve, const char *text)
{
    char back[32] = "";
    long fd = expect_ok(open_how(directory, path, O_RDONLY, resolve));

    CHECK(read((int)fd, back, sizeof(back)) > 0);
    CHECK_STRING(back, text);
    close((int)fd);
}

static void open_beneath(void)
{
    int d = make_tree();

    open_ok(d, "file", RESOLVE_BENEATH, "inside");
    open_ok(d, "link", RESOLVE_BENEATH, "inside");
    open_ok(d, "sub/../file", RESOLVE_BENEATH, "inside");
    expect_errno(open_how(d, "../outside", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    expect_errno(open_how(d, "sub/../../outside", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    expect_errno(open_how(d, "up", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    expect_errno(open_how(d, "abs", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    expect_errno(open_how(d, "/etc", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    expect_errno(open_how(d, "..", O_RDONLY, RESOLVE_BENEATH), EXDEV);
    open_ok(d, "../outside", 0, "outside");
}

static void open_in_root(void)
{
    int d = make_tree();

    open_ok(d, "/file", RESOLVE_IN_ROOT, "inside");
    open_ok(d, "../../file", RESOLVE_IN_ROOT, "inside");
    open_ok(d, "abs/file", RESOLVE_IN_ROOT, "inside");
    expect_errno(open_how(d, "up", O_RDONLY, RESOLVE_IN_ROOT), ENOENT);
    expect_errno(open_how(d, "a", O_RDONLY, RESOLVE_IN_ROOT | RESOLVE_BENEATH), EINVAL);
}

static void open_without_links(void)
{
    int d = make_tree();
    char path[64];

    expect_errno(open_how(d, "link", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
    expect_errno(open_how(d, "abs/etc", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
    open_ok(d, "file", RESOLVE_NO_SYMLINKS, "inside");
    expect_ok(open_how(d, "link", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS));
    expect_errno(open_how(d, "loop", O_RDONLY, 0), ELOOP);
    int fd = expect_ok(open("d/file", O_RDONLY));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    expect_errno(open_how(d, path, O_RDONLY, RESOLVE_NO_MAGICLINKS), ELOOP);
    open_ok(d, path, 0, "inside");
    open_ok(d, "link", RESOLVE_NO_MAGICLINKS, "inside");
    snprintf(path, sizeof(path), "self/fd/%d", fd);
    int proc = expect_ok(open("/proc", O_RDONLY));
    expect_errno(open_how(proc, path, O_RDONLY, RESOLVE_BENEATH), EXDEV);
}

static void open_in_one_mount(void)
{
    int d = make_tree(), root = expect_ok(open("/", O_RDONLY));

    open_ok(d, "file", RESOLVE_NO_XDEV, "inside");
    expect_errno(open_how(root, "proc/version", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
    int proc = expect_ok(open("/proc", O_RDONLY));
    expect_errno(open_how(proc, "../proc", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
    expect_errno(open_how(proc, "/proc", O_RDONLY, RESOLVE_NO_XDEV), EXDEV);
    expect_ok(open_how(proc, "version", O_RDONLY, RESOLVE_NO_XDEV));
}

static void open_strictly(void)
{
    struct {
        struct open_how how;
        uint64_t more;
    } longer = {0};
    struct open_how how = {.flags = O_RDONLY};

    write_file("file", "text", 0644);
    expect_errno(syscall(SYS_openat2, AT_FDCWD, "file", &how, 8), EINVAL);
    expect_ok(syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof(longer)));
    longer.more = 1;
    expect_errno(syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof(longer)), E2BIG);
    how.mode = 0600;
    expect_errno(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how)), EINVAL);
    how.flags = O_CREAT | O_RDWR;
    how.mode = 0100600;
    expect_errno(syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how)), EINVAL);
    how.mode = 0600;
    expect_ok(syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)));
    expect_errno(open_how(AT_FDCWD, "file", 1ull << 40, 0), EINVAL);
    expect_errno(open_how(AT_FDCWD, "file", 0, 1ull << 20), EINVAL);
    expect_errno(open_how(AT_FDCWD, "file", O_PATH | O_RDWR, 0), EINVAL);
    expect_errno(syscall(SYS_openat2, AT_FDCWD, "file", (void *)8, sizeof(how)), EFAULT);
    expect_errno(open_how(AT_FDCWD, "", O_RDONLY, 0), ENOENT);
}

static void only_paths(void)
{
    make_tree();
    int fd = expect_ok(open("d/file", O_PATH)),
        link = expect_ok(open("d/link", O_PATH | O_NOFOLLOW));
    int directory = expect_ok(open("d", O_PATH));
    char text[64];
    struct stat status;
    struct statfs system;

    CHECK(fcntl(fd, F_GETFL) & O_PATH);
    expect_errno(read(fd, text, 1), EBADF);
    expect_errno(write(fd, text, 1), EBADF);
    expect_errno(fchmod(fd, 0600), EBADF);
    expect_errno(ftruncate(fd, 0), EBADF);
    expect_errno(lseek(fd, 0, SEEK_SET), EBADF);
    expect_errno(fsync(fd), EBADF);
    expect_errno(ioctl(fd, FIONBIO, text), EBADF);
    expect_errno(fcntl(fd, F_SETFL, 0), EBADF);
    expect_errno(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EBADF);
    expect_errno(fgetxattr(fd, "user.a", text, 1), EBADF);
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, 6);
    expect_ok(fstatfs(fd, &system));
    expect_ok(fcntl(dup(fd), F_GETFD));
    expect_ok(fstat(link, &status));
    CHECK(S_ISLNK(status.st_mode));
    CHECK_EQ(readlinkat(link, "", text, sizeof(text)), 4);
    CHECK(memcmp(text, "file", 4) == 0);
    expect_ok(fstatat(link, "", &status, AT_EMPTY_PATH));
    CHECK(S_ISLNK(status.st_mode));
    expect_ok(openat(directory, "file", O_RDONLY));
    expect_ok(fchdir(directory));
    expect_ok(access("file", R_OK));
    expect_errno(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    expect_errno(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    expect_errno(open("file", O_PATH | O_DIRECTORY), ENOTDIR);
    /* It can be opened properly by way of /proc; a link cannot. */
    snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
    expect_ok(open(text, O_RDWR));
    snprintf(text, sizeof(text), "/proc/self/fd/%d", link);
    expect_errno(open(text, O_RDONLY), ELOOP);
}

static ino_t number_of(const char *name)
{
    struct stat status;

    expect_ok(lstat(name, &status));
    return status.st_ino;
}

static nlink_t links_of(const char *name)
{
    struct stat status;

    expect_ok(lstat(name, &status));
    return status.st_nlink;
}

static int exchange(const char *a, const char *b)
{
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

/* Go to a new directory there, which has the directories a, a/d and b; its path is in directory. */
static void enter_new_directory(const char *where, char directory[64])
{
    snprintf(directory, 64, "%s/names.%d", where, (int)getpid());
    expect_ok(mkdir(directory, 0755));
    expect_ok(chdir(directory));
    expect_ok(mkdir("a", 0755));
    expect_ok(mkdir("b", 0755));
    expect_ok(mkdir("a/d", 0755));
}

static void exchange_in(const char *where)
{
    char directory[64];

    enter_new_directory(where, directory);
    expect_ok(mkdir("a/d/deep", 0755));
    write_file("b/f", "f", 0644);
    write_file("a/g", "g", 0644);
    ino_t d = number_of("a/d"), f = number_of("b/f"), g = number_of("a/g");
    nlink_t a = links_of("a"), b = links_of("b");

    if (exchange("a/d", "b/f") < 0 && errno == EINVAL)
        skip("this file system cannot");
    CHECK_EQ(number_of("a/d"), f);
    CHECK_EQ(number_of("b/f"), d);
    CHECK_EQ(number_of("b/f/.."), number_of("b"));
    CHECK_EQ(links_of("a"), a - 1);
    CHECK_EQ(links_of("b"), b + 1);
    expect_ok(access("b/f/deep", F_OK));
    expect_ok(exchange("a/d", "a/g"));
    CHECK_EQ(number_of("a/d"), g);
    CHECK_EQ(number_of("a/g"), f);
    expect_ok(exchange("a/g", "a/g"));
    expect_ok(exchange("a", "b"));
    CHECK_EQ(number_of("a/f"), d);
    CHECK_EQ(number_of("b/g"), f);
    /* Not with one's own ancestor; both must be there. */
    expect_errno(exchange("a", "a/f"), EINVAL);
    expect_errno(exchange("a/f/deep", "a"), EINVAL);
    expect_errno(exchange("a", "missing"), ENOENT);
    expect_errno(exchange("missing", "a"), ENOENT);
    expect_errno(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE),
                 EINVAL);
    expect_errno(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 0x100), EINVAL);
    expect_errno(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
    expect_ok(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    expect_ok(unlink("b/g"));
    expect_ok(unlink("b/d"));
    expect_ok(rmdir("b"));
    expect_ok(rmdir("c/f/deep"));
    expect_ok(rmdir("c/f"));
    expect_ok(rmdir("c"));
    expect_ok(chdir(".."));
    expect_ok(rmdir(directory));
}

static int move_leaving_whiteout(const char *from, const char *to, unsigned flags)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_WHITEOUT | flags);
}

/* A character device without a number, which nobody may use. */
static void expect_whiteout(const char *name)
{
    struct stat status;

    expect_ok(lstat(name, &status));
    CHECK_EQ(status.st_mode, S_IFCHR);
    CHECK_EQ(status.st_rdev, 0);
    CHECK_EQ(status.st_nlink, 1);
    CHECK_EQ(status.st_uid, geteuid());
    CHECK_EQ(open(name, O_RDONLY), -1);
    CHECK(errno == ENXIO || errno == EACCES); /* the latter where a mount has no devices */
}

static void whiteouts_in(const char *where)
{
    char directory[64];

    enter_new_directory(where, directory);
    write_file("a/f", "f", 0644);
    write_file("a/g", "g", 0644);
    nlink_t a = links_of("a"), b = links_of("b");
    ino_t f = number_of("a/f"), d = number_of("a/d");

    if (move_leaving_whiteout("a/f", "a/moved", 0) < 0 && errno == EINVAL)
        skip("this file system cannot");
    expect_whiteout("a/f");
    CHECK_EQ(number_of("a/moved"), f);
    expect_ok(move_leaving_whiteout("a/d", "b/d", 0)); /* a directory, to another one */
    expect_whiteout("a/d");
    CHECK_EQ(number_of("b/d"), d);
    CHECK_EQ(number_of("b/d/.."), number_of("b"));
    CHECK_EQ(links_of("a"), a - 1);
    CHECK_EQ(links_of("b"), b + 1);
    expect_ok(move_leaving_whiteout("a/moved", "a/g", 0)); /* over a file */
    expect_whiteout("a/moved");
    CHECK_EQ(number_of("a/g"), f);
    expect_ok(move_leaving_whiteout("a/g", "a/g", 0)); /* to itself: nothing */
    CHECK_EQ(number_of("a/g"), f);
    expect_ok(move_leaving_whiteout("a/moved", "a/g", 0)); /* a whiteout, over a file */
    expect_whiteout("a/g");
    expect_errno(move_leaving_whiteout("a/g", "a/f", RENAME_NOREPLACE), EEXIST);
    expect_ok(move_leaving_whiteout("a/g", "b/g", RENAME_NOREPLACE));
    expect_errno(move_leaving_whiteout("a/g", "b/g", RENAME_EXCHANGE), EINVAL);
    expect_errno(move_leaving_whiteout("a/none", "b/g", 0), ENOENT);
    expect_ok(unlink("a/d"));
    expect_ok(unlink("a/f"));
    expect_ok(unlink("a/g"));
    expect_ok(unlink("a/moved"));
    expect_ok(unlink("b/g"));
    expect_ok(rmdir("b/d"));
    expect_ok(rmdir("a"));
    expect_ok(rmdir("b"));
    expect_ok(chdir(".."));
    expect_ok(rmdir(directory));
}

static void whiteouts_on_disk(void)
{
    char here[256];

    CHECK(getcwd(here, sizeof(here)) != NULL);
    whiteouts_in(here);
}

static void whiteouts_in_memory(void)
{
    whiteouts_in("/dev/shm");
}

static void exchange_on_disk(void)
{
    char here[256];

    CHECK(getcwd(here, sizeof(here)) != NULL);
    exchange_in(here);
}

static void exchange_in_memory(void)
{
    exchange_in("/dev/shm");
}

static void extended_status(void)
{
    struct statx x;
    struct stat status;

    int fd = pattern_file("file", 5000);
    expect_ok(fsync(fd));
    expect_ok(stat("file", &status));
    expect_ok(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
    CHECK_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    CHECK(x.stx_mask & STATX_BTIME);
    CHECK(x.stx_btime.tv_sec > 0 && x.stx_btime.tv_sec <= x.stx_mtime.tv_sec);
    CHECK_EQ(x.stx_size, 5000);
    CHECK_EQ(x.stx_ino, status.st_ino);
    CHECK_EQ(x.stx_mode, status.st_mode);
    CHECK_EQ(x.stx_blocks, status.st_blocks);
    CHECK_EQ(x.stx_nlink, 1);
    CHECK_EQ(x.stx_mtime.tv_nsec, status.st_mtim.tv_nsec);
    expect_ok(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &x));
    CHECK_EQ(x.stx_size, 5000);
    expect_ok(statx(AT_FDCWD, "/proc", 0, STATX_ALL, &x));
    CHECK(x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
    CHECK(x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
    expect_errno(statx(AT_FDCWD, "missing", 0, STATX_ALL, &x), ENOENT);
    expect_errno(statx(fd, "", 0, STATX_ALL, &x), ENOENT);
    expect_errno(statx(AT_FDCWD, "file", 0x80000, STATX_ALL, &x), EINVAL);
    expect_errno(statx(AT_FDCWD, "file", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &x), EINVAL);
}

static void changing_modes(void)
{
    struct stat status;

    write_file("file", "", 0644);
    expect_ok(symlink("file", "link"));
    if (syscall(SYS_fchmodat2, AT_FDCWD, "link", 0600, 0) < 0 && errno == ENOSYS)
        skip("an older kernel");
    expect_ok(stat("file", &status));
    CHECK_EQ(status.st_mode & 07777, 0600);
    expect_errno(syscall(SYS_fchmodat2, AT_FDCWD, "link", 0640, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
    expect_ok(syscall(SYS_fchmodat2, AT_FDCWD, "file", 0640, AT_SYMLINK_NOFOLLOW));
    int fd = expect_ok(open("file", O_PATH));
    expect_ok(syscall(SYS_fchmodat2, fd, "", 0644, AT_EMPTY_PATH));
    expect_ok(stat("file", &status));
    CHECK_EQ(status.st_mode & 07777, 0644);
    expect_errno(syscall(SYS_fchmodat2, AT_FDCWD, "file", 0640, 0x4), EINVAL);
}

static void attributes_in(const char *name)
{
    static char large[65537];
    char text[300], longer[300];
    int fd = expect_ok(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));

    if (setxattr(name, "user.one", "1", 1, 0) < 0 && errno == EOPNOTSUPP) {
        unlink(name);
        skip("this file system has none");
    }
    expect_ok(fsetxattr(fd, "user.two", "second", 6, XATTR_CREATE));
    expect_errno(setxattr(name, "user.two", "x", 1, XATTR_CREATE), EEXIST);
    expect_errno(setxattr(name, "user.three", "x", 1, XATTR_REPLACE), ENODATA);
    CHECK_EQ(getxattr(name, "user.two", NULL, 0), 6);
    CHECK_EQ(fgetxattr(fd, "user.two", text, sizeof(text)), 6);
    CHECK(memcmp(text, "second", 6) == 0);
    expect_errno(getxattr(name, "user.two", text, 5), ERANGE);
    expect_errno(getxattr(name, "user.none", text, 5), ENODATA);
    expect_ok(setxattr(name, "user.two", "", 0, XATTR_REPLACE));
    CHECK_EQ(getxattr(name, "user.two", text, sizeof(text)), 0);
    ssize_t length = expect_ok(listxattr(name, NULL, 0));
    CHECK_EQ(listxattr(name, text, sizeof(text)), length);
    CHECK(memmem(text, (size_t)length, "user.one", 9) &&
          memmem(text, (size_t)length, "user.two", 9));
    expect_errno(listxattr(name, text, 3), ERANGE);
    expect_ok(removexattr(name, "user.one"));
    expect_errno(removexattr(name, "user.one"), ENODATA);
    expect_errno(setxattr(name, "user.a", "", 0, 8), EINVAL);
    expect_errno(setxattr(name, "nowhere.a", "", 0, 0), EOPNOTSUPP);
    expect_errno(setxattr(name, "", "", 0, 0), ERANGE);
    memset(longer, 'n', sizeof(longer));
    memcpy(longer, "user.", 5);
    longer[256] = '\0';
    expect_errno(setxattr(name, longer, "", 0, 0), ERANGE);
    longer[255] = '\0';
    expect_ok(setxattr(name, longer, "", 0, 0));
    expect_errno(setxattr(name, "user.a", large, sizeof(large), 0), E2BIG);
    expect_errno(setxattr("missing", "user.a", "", 0, 0), ENOENT);
    expect_errno(fsetxattr(-1, "user.a", "", 0, 0), EBADF);
    expect_ok(unlink(name));
}

static void attributes_on_disk(void)
{
    attributes_in("file");
}

static void attributes_in_memory(void)
{
    char name[64];

    snprintf(name, sizeof(name), "/dev/shm/names.%d", (int)getpid());
    attributes_in(name);
}

/* Empty paths that are no links, times that nobody is to change, and a node of no device, which
 * needs no privilege. */
static void of_nothing(void)
{
    struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    char target[8];

    expect_errno(readlink("", target, sizeof(target)), ENOENT);
    expect_errno(readlinkat(expect_ok(open(".", O_RDONLY)), "", target, sizeof(target)), ENOENT);
    expect_errno(readlinkat(-1, "", target, sizeof(target)), EBADF);
    expect_ok(utimensat(AT_FDCWD, "absent", none, 0));
    expect_ok(chmod(".", 0777));
    expect_ok(setgid(65534));
    expect_ok(setuid(65534));
    expect_ok(mknod("none", S_IFCHR | 0600, 0));
    expect_errno(mknod("null", S_IFCHR | 0600, 0x103), EPERM);
    expect_errno(mknod("block", S_IFBLK | 0600, 0), EPERM);
}

static const struct test tests[] = {
    TEST(open_beneath),      TEST(open_in_root),        TEST(open_without_links),
    TEST(open_in_one_mount), TEST(open_strictly),       TEST(only_paths),
    TEST(exchange_on_disk),  TEST(exchange_in_memory),  TEST(extended_status),
    TEST(whiteouts_on_disk), TEST(whiteouts_in_memory), TEST(of_nothing),
    TEST(changing_modes),    TEST(attributes_on_disk),  TEST(attributes_in_memory),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
