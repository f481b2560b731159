/*
 * Hard links, symbolic links, unlink and rename, with what each replaces, refuses and leaves.
 */
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct stat status_of(const char *name)
{
    struct stat status;

    expect_ok(lstat(name, &status));
    return status;
}

static void expect_text(const char *name, const char *expected)
{
    char text[64];

    read_file(name, text, sizeof(text));
    CHECK_STRING(text, expected);
}

static void expect_missing(const char *name)
{
    struct stat status;

    expect_errno(lstat(name, &status), ENOENT);
}

/* ---- hard links ---- */

static void hard_links(void)
{
    write_file("file", "text", 0640);
    expect_ok(link("file", "other"));
    CHECK_EQ(status_of("file").st_ino, status_of("other").st_ino);
    CHECK_EQ(status_of("file").st_nlink, 2);
    expect_text("other", "text");
    write_file("other", "changed", 0644);
    expect_text("file", "changed");
    expect_ok(chmod("other", 0600));
    CHECK_EQ(status_of("file").st_mode & 07777, 0600);
    expect_ok(unlink("file"));
    expect_text("other", "changed");
    CHECK_EQ(status_of("other").st_nlink, 1);
}

static void hard_link_errors(void)
{
    write_file("file", "text", 0644);
    expect_ok(mkdir("dir", 0755));
    expect_errno(link("none", "new"), ENOENT);
    expect_errno(link("file", "none/new"), ENOENT);
    expect_errno(link("file", "file"), EEXIST);
    expect_errno(link("file", "dir"), EEXIST);
    expect_errno(link("dir", "new"), EPERM);
    expect_errno(link("file/", "new"), ENOTDIR);
    expect_errno(link("file", "new/"), ENOENT);
    expect_errno(link("file", ""), ENOENT);
    expect_errno(link("", "new"), ENOENT);
    expect_errno(linkat(AT_FDCWD, "file", AT_FDCWD, "new", 0x1), EINVAL);
    expect_missing("new");
    CHECK_EQ(status_of("file").st_nlink, 1);
}

static void links_to_links(void)
{
    write_file("file", "text", 0644);
    expect_ok(symlink("file", "soft"));
    expect_ok(link("soft", "hard")); /* to the symbolic link itself */
    CHECK(S_ISLNK(status_of("hard").st_mode));
    CHECK_EQ(status_of("soft").st_nlink, 2);
    expect_ok(linkat(AT_FDCWD, "soft", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    CHECK_EQ(status_of("followed").st_ino, status_of("file").st_ino);
}

/* ---- symbolic links ---- */

static void symbolic_links(void)
{
    char target[64];
    struct stat status;

    write_file("file", "text", 0644);
    expect_ok(symlink("file", "link"));
    expect_text("link", "text");
    CHECK(S_ISLNK(status_of("link").st_mode));
    CHECK_EQ(status_of("link").st_mode & 0777, 0777);
    CHECK_EQ(status_of("link").st_size, 4);
    expect_ok(stat("link", &status));
    CHECK(S_ISREG(status.st_mode));
    memset(target, '#', sizeof(target));
    CHECK_EQ(readlink("link", target, sizeof(target)), 4);
    CHECK(memcmp(target, "file#", 5) == 0); /* no NUL */
    CHECK_EQ(readlink("link", target, 2), 2);
    expect_errno(readlink("link", target, 0), EINVAL);
    expect_errno(readlink("file", target, 8), EINVAL);
    expect_errno(readlink("none", target, 8), ENOENT);
    expect_ok(unlink("link"));
    expect_text("file", "text");
    expect_errno(symlink("file", "file"), EEXIST);
    expect_errno(symlink("", "empty"), ENOENT);
    expect_errno(symlink("target", "none/link"), ENOENT);
    expect_errno(symlink("target", "link/"), ENOENT);
}

/* Short targets are kept in the inode, long ones in a block; a link may be as long as a path. */
static void targets_of_all_lengths(void)
{
    static char target[5000], found[5000];

    memset(target, 't', sizeof(target));
    for (size_t length = 1; length <= 4095; length = length < 100 ? length + 1 : length * 2 + 1) {
        target[length] = '\0';
        if (symlink(target, "link") < 0) {
            /* A file system keeps a target in one block, so that with small ones fewer fit. */
            CHECK_EQ(errno, ENAMETOOLONG);
            CHECK(length >= 1023);
            target[length] = 't';
            continue;
        }
        CHECK_EQ(readlink("link", found, sizeof(found)), length);
        CHECK(memcmp(found, target, length) == 0);
        CHECK_EQ(status_of("link").st_size, length);
        expect_ok(unlink("link"));
        target[length] = 't';
    }
    target[4096] = '\0';
    expect_errno(symlink(target, "link"), ENAMETOOLONG);
}

static void links_in_paths(void)
{
    char path[PATH_MAX];
    struct stat status;

    expect_ok(mkdir("dir", 0755));
    expect_ok(mkdir("dir/sub", 0755));
    write_file("dir/sub/file", "deep", 0644);
    expect_ok(symlink("dir/sub", "link"));
    expect_text("link/file", "deep");
    expect_ok(symlink("../sub/file", "dir/sub/up"));
    expect_text("link/up", "deep");
    expect_ok(stat("link/..", &status)); /* above the target, not above the link */
    CHECK_EQ(status.st_ino, status_of("dir").st_ino);
    CHECK(S_ISLNK(status_of("link").st_mode));
    CHECK(S_ISDIR(status_of("link/").st_mode)); /* the slash follows */
    CHECK(getcwd(path, sizeof(path) - 16) != NULL);
    strcat(path, "/dir");
    expect_ok(symlink(path, "absolute"));
    expect_text("absolute/sub/file", "deep");
    expect_ok(symlink("nowhere", "dangling"));
    expect_errno(stat("dangling", &status), ENOENT);
    expect_errno(mkdir("dangling", 0755), EEXIST);
    expect_ok(symlink("file", "notdir"));
    write_file("file", "", 0644);
    expect_errno(stat("notdir/x", &status), ENOTDIR);
    expect_errno(rmdir("link"), ENOTDIR);
    expect_errno(unlink("link/"), ENOTDIR);
}

/* ---- unlink ---- */

static void unlinking(void)
{
    int fd = pattern_file("file", 100);
    char byte;

    expect_errno(unlink("none"), ENOENT);
    expect_errno(unlink("file/"), ENOTDIR);
    expect_ok(unlink("file"));
    expect_missing("file");
    CHECK_EQ(read(fd, &byte, 1), 1);
    expect_ok(mkdir("dir", 0755));
    expect_errno(unlink("dir"), EISDIR);
    expect_ok(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR));
    write_file("file", "", 0644);
    expect_errno(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR), ENOTDIR);
    expect_errno(unlinkat(AT_FDCWD, "file", 0x1), EINVAL);
}

/* ---- rename ---- */

static void rename_a_file(void)
{
    int fd = pattern_file("old", 10);
    ino_t inode = status_of("old").st_ino;
    char byte;

    expect_ok(mkdir("dir", 0755));
    expect_ok(rename("old", "new"));
    expect_missing("old");
    CHECK_EQ(status_of("new").st_ino, inode);
    expect_ok(rename("new", "dir/new"));
    CHECK_EQ(status_of("dir/new").st_ino, inode);
    CHECK_EQ(status_of("dir/new").st_nlink, 1);
    CHECK_EQ(read(fd, &byte, 1), 1);
    expect_ok(rename("dir/new", "dir/new")); /* to itself */
    expect_errno(rename("none", "new"), ENOENT);
    expect_errno(rename("dir/new", "none/new"), ENOENT);
    expect_errno(rename("dir/new/", "x"), ENOTDIR);
    expect_errno(rename("dir/new", "x/"), ENOTDIR);
    expect_errno(rename("dir/new", ""), ENOENT);
    expect_errno(rename("dir/new", "/proc/new"), EXDEV);
}

/* The file that is replaced lives on where it is open; its other names stay. */
static void rename_replaces_a_file(void)
{
    char text[8] = "";

    write_file("first", "first", 0644);
    write_file("second", "second", 0644);
    expect_ok(link("second", "kept"));
    int fd = expect_ok(open("second", O_RDONLY));
    expect_ok(rename("first", "second"));
    expect_missing("first");
    expect_text("second", "first");
    expect_text("kept", "second");
    CHECK_EQ(status_of("kept").st_nlink, 1);
    CHECK_EQ(read(fd, text, 7), 6);
    CHECK_STRING(text, "second");
    write_file("first", "third", 0644);
    fd = expect_ok(open("second", O_RDONLY));
    expect_ok(rename("first", "second"));
    struct stat status;
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_nlink, 0);
    CHECK_EQ(pread(fd, text, 7, 0), 5);
}

static void rename_a_directory(void)
{
    struct stat above;

    expect_ok(mkdir("one", 0755));
    expect_ok(mkdir("one/sub", 0755));
    write_file("one/sub/file", "inside", 0644);
    expect_ok(mkdir("two", 0755));
    nlink_t one = status_of("one").st_nlink, two = status_of("two").st_nlink;
    expect_ok(rename("one/sub", "two/moved"));
    expect_text("two/moved/file", "inside");
    CHECK_EQ(status_of("one").st_nlink, one - 1);
    CHECK_EQ(status_of("two").st_nlink, two + 1);
    expect_ok(stat("two/moved/..", &above));
    CHECK_EQ(above.st_ino, status_of("two").st_ino);
    expect_ok(mkdir("one/empty", 0755));
    expect_ok(rename("two/moved", "one/empty")); /* an empty one is replaced */
    expect_text("one/empty/file", "inside");
    CHECK_EQ(status_of("one").st_nlink, one);
    CHECK_EQ(status_of("two").st_nlink, two);
    expect_ok(rename("one/", "three/"));
    expect_text("three/empty/file", "inside");
}

static void rename_refuses(void)
{
    expect_ok(mkdir("dir", 0755));
    expect_ok(mkdir("dir/sub", 0755));
    expect_ok(mkdir("dir/sub/deep", 0755));
    expect_ok(mkdir("empty", 0755));
    write_file("file", "text", 0644);
    expect_errno(rename("dir", "file"), ENOTDIR);
    expect_errno(rename("file", "empty"), EISDIR);
    expect_errno(rename("empty", "dir"), ENOTEMPTY);
    expect_errno(rename("dir", "dir/sub/new"), EINVAL);
    expect_errno(rename("dir", "dir/sub/deep/new"), EINVAL);
    expect_errno(rename("dir", "dir/sub"), EINVAL);
    expect_errno(rename("dir/sub/deep", "dir"), ENOTEMPTY);
    expect_errno(rename(".", "new"), EBUSY);
    expect_errno(rename("..", "new"), EBUSY);
    expect_errno(rename("dir/.", "new"), EBUSY);
    expect_errno(rename("dir", "."), EBUSY);
    CHECK(rename("/", "new") == -1 && (errno == EBUSY || errno == EXDEV));
    CHECK(rename("dir", "/") == -1 && (errno == EBUSY || errno == EXDEV));
    expect_text("file", "text");
    expect_ok(access("dir/sub/deep", F_OK));
    expect_ok(access("empty", F_OK));
}

static void rename_of_links(void)
{
    write_file("file", "text", 0644);
    write_file("other", "other", 0644);
    expect_ok(symlink("file", "link"));
    expect_ok(rename("link", "moved")); /* the link, not what it leads to */
    CHECK(S_ISLNK(status_of("moved").st_mode));
    expect_ok(rename("other", "moved")); /* the link is replaced */
    CHECK(S_ISREG(status_of("moved").st_mode));
    expect_text("file", "text");
    expect_ok(link("file", "same"));
    expect_ok(rename("file", "same")); /* two names of one file: both stay */
    CHECK_EQ(status_of("file").st_nlink, 2);
    expect_ok(mkdir("dir", 0755));
    expect_ok(symlink("dir", "dirlink"));
    expect_errno(rename("dir", "dirlink"), ENOTDIR);
    expect_errno(rename("dirlink", "dir"), EISDIR);
}

static long rename_with(const char *from, const char *to, unsigned flags)
{
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void rename_flags(void)
{
    write_file("file", "text", 0644);
    write_file("other", "other", 0644);
    expect_errno(rename_with("file", "other", 1 /* RENAME_NOREPLACE */), EEXIST);
    expect_text("other", "other");
    expect_ok(rename_with("file", "new", 1));
    expect_text("new", "text");
    expect_errno(rename_with("new", "x", 0x100), EINVAL);
    expect_errno(rename_with("new", "other", 1 | 2), EINVAL);
}

static const struct test tests[] = {
    TEST(hard_links),         TEST(hard_link_errors),       TEST(links_to_links),
    TEST(symbolic_links),     TEST(targets_of_all_lengths), TEST(links_in_paths),
    TEST(unlinking),          TEST(rename_a_file),          TEST(rename_replaces_a_file),
    TEST(rename_a_directory), TEST(rename_refuses),         TEST(rename_of_links),
    TEST(rename_flags),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
