/*
 * Walking along paths: which error comes of a path that has several faults, "..", links with long
 * texts, and what openat2(2) keeps to while directories are moved.
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

static long open2(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .resolve = resolve};
    return syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

/* The directory before the last name decides before the name does. */
static void what_is_no_directory(void)
{
    char path[400] = "file/";

    write_file("file", "x", 0644);
    memset(path + 5, 'n', 300);
    expect_errno(access(path, F_OK), ENOTDIR);
    expect_errno(mkdir(path, 0755), ENOTDIR);
    expect_errno(access(path + 5, F_OK), ENAMETOOLONG);
    expect_errno(mkdir(path + 5, 0755), ENAMETOOLONG);
    expect_errno(mkdir("file/.", 0755), ENOTDIR);
    expect_errno(mkdir("file/..", 0755), ENOTDIR);
    expect_errno(rmdir("file/."), ENOTDIR);
    expect_errno(unlink("file/.."), ENOTDIR);
    expect_errno(rename("file/.", "other"), ENOTDIR);
    expect_errno(open("file/.", O_CREAT | O_WRONLY, 0644), ENOTDIR);
    int fd = expect_ok(open("file", O_PATH));
    expect_errno(open2(fd, "/", O_PATH, RESOLVE_IN_ROOT), ENOTDIR);
    close(fd);
}

static void what_may_not_be_searched(void)
{
    expect_ok(mkdir("closed", 0600));
    if (geteuid() == 0 && seteuid(1000) < 0)
        skip("cannot be another user");
    expect_errno(rmdir("closed/."), EACCES);
    expect_errno(mkdir("closed/..", 0755), EACCES);
    expect_errno(rename("closed/.", "other"), EACCES);
    if (geteuid() == 1000)
        expect_ok(seteuid(0));
}

static void exclusive_creation(void)
{
    expect_ok(mkdir("sub", 0755));
    expect_ok(symlink("missing", "link"));
    expect_errno(open(".", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    expect_errno(open("sub/..", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    expect_errno(open("/", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    expect_errno(open(".", O_CREAT | O_WRONLY, 0644), EISDIR);
    expect_errno(open("sub", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    expect_errno(open("new/", O_CREAT | O_EXCL | O_WRONLY, 0644), EISDIR);
    expect_errno(open("link", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    expect_errno(access("missing", F_OK), ENOENT);
}

static void slashes_at_the_end(void)
{
    expect_ok(mkdir("sub", 0755));
    write_file("sub/file", "x", 0644);
    expect_errno(unlink("sub/file/"), ENOTDIR);
    expect_errno(unlink("sub/"), EISDIR);
    expect_errno(unlink("sub/missing/"), ENOENT);
    expect_ok(chmod("sub", 0555));
    if (geteuid() == 0 && seteuid(1000) < 0)
        skip("cannot be another user");
    expect_errno(unlink("sub/file"), EACCES);
    expect_errno(unlink("sub/file/"), ENOTDIR);
    if (geteuid() == 1000)
        expect_ok(seteuid(0));
    expect_ok(chmod("sub", 0755));
}

/* Nothing can be found or made in a directory that is gone; ".." still leads out of it. */
static void removed_directory(void)
{
    write_file("file", "x", 0644);
    expect_ok(mkdir("sub", 0755));
    expect_ok(chdir("sub"));
    expect_errno(access("name", F_OK), ENOENT);
    expect_ok(rmdir("../sub"));
    expect_errno(rename("../file", "name/"), ENOENT);
    expect_errno(link("../file", "name"), ENOENT);
    expect_errno(mkdir("name", 0755), ENOENT);
    expect_ok(access("../file", F_OK));
}

/* Links whose texts, one put in front of the rest of the other, are longer than a path may be. */
static void long_texts(void)
{
    static char text[4096];

    expect_ok(mkdir("here", 0755));
    bool mounted = mount("t", "here", "tmpfs", 0, NULL) == 0; /* others may not take such links */
    expect_ok(chdir("here"));
    expect_ok(mkdir("sub", 0755));
    write_file("sub/file", "x", 0644);
    for (size_t i = 0; i + 2 < sizeof(text) - 8; i += 2)
        memcpy(text + i, "./", 3);
    strcat(text, "two/x/..");
    expect_ok(mkdir("x", 0755));
    if (symlink(text, "one") < 0)
        skip("no links of this length");
    memcpy(text + strlen(text) - 8, "sub/../x", 8);
    expect_ok(symlink(text, "two"));
    memcpy(text + strlen(text) - 8, ".//./one", 8);
    expect_ok(mkdir("x/x", 0755));
    expect_ok(access(text, F_OK));
    expect_ok(chdir(".."));
    if (mounted)
        expect_ok(umount("here"));
}

/* A link of an absolute text keeps to the mount only if the root is of it. */
static void links_to_the_root(void)
{
    char here[300], path[320];

    CHECK(getcwd(here, sizeof(here)) != NULL);
    expect_ok(mkdir("sub", 0755));
    snprintf(path, sizeof(path), "%s/sub", here);
    expect_ok(symlink(path, "link"));
    expect_errno(open2(AT_FDCWD, "link", O_PATH, RESOLVE_BENEATH), EXDEV);
    expect_errno(open2(AT_FDCWD, "link", O_PATH, RESOLVE_IN_ROOT), ENOENT);
    int fd = (int)expect_ok(open2(AT_FDCWD, "link", O_PATH, 0));
    close(fd);
}

/*
 * One process moves base/in out of base and back; the other must never come out of base by "..".
 */
static void staying_beneath(void)
{
    struct stat outside, found;

    expect_ok(mkdir("base", 0755));
    expect_ok(mkdir("base/in", 0755));
    expect_ok(mkdir("base/in/deep", 0755));
    expect_ok(stat(".", &outside));
    int base = expect_ok(open("base", O_PATH | O_DIRECTORY));
    pid_t mover = fork();
    if (mover == 0) {
        for (int i = 0; i < 3000; i++) {
            if (rename("base/in", "in") || rename("in", "base/in"))
                _exit(1);
        }
        _exit(0);
    }
    for (int i = 0; i < 3000; i++) {
        uint64_t resolve = i % 2 ? RESOLVE_BENEATH : RESOLVE_IN_ROOT;
        int fd = (int)open2(base, "in/deep/../..", O_PATH, resolve);
        if (fd < 0) {
            CHECK(errno == EAGAIN || errno == ENOENT || errno == EXDEV);
            continue;
        }
        expect_ok(fstat(fd, &found));
        CHECK(found.st_ino != outside.st_ino);
        close(fd);
    }
    expect_exited(reap(mover), 0);
}

static const struct test tests[] = {
    TEST(what_is_no_directory), TEST(what_may_not_be_searched), TEST(exclusive_creation),
    TEST(slashes_at_the_end),   TEST(removed_directory),        TEST(long_texts),
    TEST(links_to_the_root),    TEST(staying_beneath),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
