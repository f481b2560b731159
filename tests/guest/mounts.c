/*
 * Bind mounts, mounts on mounts, and MNT_DETACH. All need the right to mount.
 *
 *     tree/a   tree/sub/b   tree/t/ (a tmpfs)        shown at "shown"
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char here[256];

static void make_tree(void)
{
    CHECK(getcwd(here, sizeof(here)) != NULL);
    expect_ok(mkdir("tree", 0755));
    expect_ok(mkdir("tree/sub", 0755));
    expect_ok(mkdir("tree/t", 0755));
    expect_ok(mkdir("shown", 0755));
    write_file("tree/a", "a", 0644);
    write_file("tree/sub/b", "b", 0644);
}

static void bind_tree(unsigned long flags)
{
    if (mount("tree", "shown", NULL, MS_BIND | flags, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    expect_ok(access("shown/sub", F_OK));
}

static ino_t number_of(const char *name)
{
    struct stat status;

    expect_ok(lstat(name, &status));
    return status.st_ino;
}

static void check_cwd(const char *below)
{
    char path[300], expected[300];

    snprintf(expected, sizeof(expected), "%s%s", here, below);
    CHECK(getcwd(path, sizeof(path)) != NULL);
    CHECK_STRING(path, expected);
}

static void same_files(void)
{
    char text[16];

    make_tree();
    bind_tree(0);
    CHECK_EQ(number_of("shown/a"), number_of("tree/a"));
    write_file("shown/new", "new", 0644);
    CHECK_EQ(read_file("tree/new", text, sizeof(text)), 3);
    expect_ok(unlink("tree/new"));
    expect_errno(access("shown/new", F_OK), ENOENT);
    /* One page cache, by whichever way. */
    int one = expect_ok(open("shown/a", O_RDWR)), other = expect_ok(open("tree/a", O_RDWR));
    char *map = expect_ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, one, 0));
    CHECK_EQ(pwrite(other, "z", 1, 0), 1);
    CHECK(map[0] == 'z');
    munmap(map, PAGE);
    close(one);
    close(other);
    expect_ok(umount("shown"));
    expect_errno(access("shown/a", F_OK), ENOENT);
    expect_ok(access("tree/a", F_OK));
}

static void ways_up(void)
{
    make_tree();
    bind_tree(0);
    CHECK_EQ(number_of("shown/.."), number_of("."));
    CHECK_EQ(number_of("shown/sub/../.."), number_of("."));
    expect_ok(chdir("shown/sub"));
    check_cwd("/shown/sub");
    expect_errno(umount("../../shown"), EBUSY);
    int fd = expect_ok(open(".", O_RDONLY | O_DIRECTORY));
    expect_ok(chdir(".."));
    check_cwd("/shown");
    expect_ok(chdir(".."));
    check_cwd("");
    expect_errno(umount("shown"), EBUSY); /* the descriptor */
    expect_ok(fchdir(fd));
    check_cwd("/shown/sub");
    CHECK_EQ(number_of("../.."), number_of(here));
    char link[64], text[300] = "", expected[300];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    expect_ok(readlink(link, text, sizeof(text) - 1));
    snprintf(expected, sizeof(expected), "%s/shown/sub", here);
    CHECK_STRING(text, expected);
    struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_NO_XDEV};
    expect_errno(syscall(SYS_openat2, fd, "../../tree", &how, sizeof(how)), EXDEV);
    expect_ok(syscall(SYS_openat2, fd, "b", &how, sizeof(how)));
    close(fd);
    expect_ok(chdir(here));
    expect_ok(umount2("shown", MNT_DETACH));
}

static void between_mounts(void)
{
    make_tree();
    bind_tree(0);
    expect_errno(rename("shown/a", "tree/c"), EXDEV);
    expect_ok(rename("shown/a", "shown/c"));
    expect_ok(access("tree/c", F_OK));
    expect_errno(rmdir("shown"), EBUSY);
    expect_errno(rename("shown", "elsewhere"), EBUSY);
    /* Again on top; the last one is what is seen. */
    expect_ok(mkdir("tree2", 0755));
    write_file("tree2/x", "x", 0644);
    expect_ok(mount("tree2", "shown", NULL, MS_BIND, NULL));
    expect_ok(access("shown/x", F_OK));
    expect_errno(access("shown/c", F_OK), ENOENT);
    expect_ok(umount("shown"));
    expect_ok(access("shown/c", F_OK));
    expect_ok(umount("shown"));
}

static void single_files(void)
{
    char text[16];

    make_tree();
    write_file("over", "over", 0644);
    if (mount("tree/a", "over", NULL, MS_BIND, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    CHECK_EQ(read_file("over", text, sizeof(text)), 1);
    expect_errno(unlink("over"), EBUSY);
    expect_ok(umount("over"));
    CHECK_EQ(read_file("over", text, sizeof(text)), 4);
    expect_errno(mount("tree", "over", NULL, MS_BIND, NULL), ENOTDIR);
    expect_errno(mount("tree/a", "shown", NULL, MS_BIND, NULL), ENOTDIR);
    expect_errno(mount("missing", "shown", NULL, MS_BIND, NULL), ENOENT);
    expect_errno(mount("tree", "missing", NULL, MS_BIND, NULL), ENOENT);
    expect_errno(umount("shown"), EINVAL);
}

static void with_what_is_below(void)
{
    make_tree();
    if (mount("t", "tree/t", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    write_file("tree/t/inside", "x", 0644);
    bind_tree(0);
    expect_errno(access("shown/t/inside", F_OK), ENOENT);
    expect_ok(umount("shown"));
    bind_tree(MS_REC);
    expect_ok(access("shown/t/inside", F_OK));
    CHECK_EQ(number_of("shown/t/.."), number_of("tree"));
    expect_errno(umount("shown"), EBUSY);
    expect_ok(umount("shown/t"));
    expect_errno(access("shown/t/inside", F_OK), ENOENT);
    expect_ok(access("tree/t/inside", F_OK));
    expect_ok(umount("shown"));
    expect_ok(umount("tree/t"));
}

/* Is there a line with the root and the target, and behind them the tag? */
static bool is_tagged(const char *root, const char *target, const char *tag)
{
    static char text[65536];
    char wanted[600];
    int fd = expect_ok(open("/proc/self/mountinfo", O_RDONLY));
    size_t length = 0;
    ssize_t count;

    while ((count = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = '\0';
    close(fd);
    snprintf(wanted, sizeof(wanted), "%s %s%s ", root, here, target);
    char *line = strstr(text, wanted);
    if (!line)
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strstr(line, tag);
}

static bool in_mountinfo(const char *root, const char *target)
{
    char path[300];

    snprintf(path, sizeof(path), "%s%s", here, root);
    return is_tagged(path, target, "");
}

static void listed(void)
{
    make_tree();
    if (strlen(here) > 64)
        skip("a long path");
    bind_tree(0);
    CHECK(in_mountinfo("/tree", "/shown"));
    expect_ok(umount("shown"));
    CHECK(!in_mountinfo("/tree", "/shown"));
}

static void spread(const char *path, unsigned long flags)
{
    expect_ok(mount(NULL, path, NULL, flags, NULL));
}

/* MS_UNBINDABLE, until MS_PRIVATE; MS_SLAVE does not change it. */
static void unbindable(void)
{
    make_tree();
    if (mount("t", "tree/t", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    expect_ok(mkdir("tree/t/on", 0755));
    expect_ok(mount("u", "tree/t/on", "tmpfs", 0, NULL));
    spread("tree/t", MS_UNBINDABLE);
    spread("tree/t", MS_SLAVE);
    CHECK(is_tagged(" /", "/tree/t", " unbindable - tmpfs"));
    CHECK(!is_tagged(" /", "/tree/t/on", " unbindable - tmpfs"));
    expect_errno(mount("tree/t", "shown", NULL, MS_BIND, NULL), EINVAL);
    expect_ok(mount("tree/t/on", "shown", NULL, MS_BIND, NULL));
    expect_ok(umount("shown"));
    bind_tree(MS_REC); /* what is on it is not shown either */
    expect_errno(access("shown/t/on", F_OK), ENOENT);
    expect_ok(umount("shown"));
    spread("tree/t", MS_PRIVATE);
    bind_tree(MS_REC);
    expect_ok(access("shown/t/on", F_OK));
    expect_ok(umount("shown/t/on"));
    expect_ok(umount("shown/t"));
    expect_ok(umount("shown"));
    spread("tree/t", MS_UNBINDABLE | MS_REC);
    expect_errno(mount("tree/t/on", "shown", NULL, MS_BIND, NULL), EINVAL);
    expect_errno(mount(NULL, "tree", NULL, MS_UNBINDABLE, NULL), EINVAL); /* not a mount */
    expect_errno(mount(NULL, "tree/t", NULL, MS_SLAVE | MS_UNBINDABLE, NULL), EINVAL);
    expect_ok(umount("tree/t/on"));
    expect_ok(umount("tree/t"));
}

static void detached(void)
{
    char text[16] = "";

    make_tree();
    if (mount("t", "tree/t", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    write_file("tree/t/file", "text", 0644);
    int fd = expect_ok(open("tree/t/file", O_RDWR));
    expect_ok(chdir("tree/t"));
    expect_errno(umount2("../t", 0), EBUSY);
    expect_ok(umount2("../t", MNT_DETACH));
    /* The names are gone, what is open and where one stands are not. */
    snprintf(text, sizeof(text), "x");
    CHECK_EQ(pread(fd, text, 4, 0), 4);
    CHECK_STRING(text, "text");
    expect_ok(access("file", F_OK));
    write_file("more", "more", 0644);
    expect_errno(access("../a", F_OK), ENOENT); /* there is nothing above any more */
    expect_ok(chdir(here));
    expect_errno(access("tree/t/file", F_OK), ENOENT);
    expect_ok(rmdir("tree/t"));
    CHECK_EQ(pwrite(fd, "T", 1, 0), 1);
    close(fd);
    sync();
    expect_errno(umount2("tree", MNT_DETACH), EINVAL);
}

/* Two processes walk while a third binds and unbinds. */
static void walking_meanwhile(void)
{
    pid_t walkers[2];

    make_tree();
    bind_tree(0);
    for (int i = 0; i < 2; i++) {
        walkers[i] = fork();
        if (walkers[i] == 0) {
            for (;;) {
                access("shown/sub/../sub/b", F_OK);
                if (chdir("shown/sub") == 0) {
                    access("../..", F_OK);
                    char path[300];
                    /* ENOENT: the mount has gone meanwhile */
                    if ((!getcwd(path, sizeof(path)) && errno != ENOENT) || chdir(here))
                        _exit(1);
                }
            }
        }
    }
    for (int i = 0; i < 300; i++) {
        expect_ok(umount2("shown", MNT_DETACH));
        expect_ok(mount("tree", "shown", NULL, MS_BIND, NULL));
    }
    for (int i = 0; i < 2; i++) {
        kill(walkers[i], SIGKILL);
        expect_signaled(reap(walkers[i]), SIGKILL);
    }
    expect_ok(umount("shown"));
}

/* A mount goes on top of what is there, by whatever path its place is named. */
static void stacked(void)
{
    struct stat below, above;

    make_tree();
    expect_ok(chdir("tree"));
    expect_ok(stat(".", &below));
    if (mount("one", ".", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    expect_ok(stat(".", &above)); /* where one stands is covered now */
    CHECK_EQ(above.st_dev, below.st_dev);
    write_file("../tree/first", "x", 0644);
    expect_ok(mount("two", ".", "tmpfs", 0, NULL));
    expect_errno(access("../tree/first", F_OK), ENOENT);
    expect_ok(umount("."));
    expect_ok(access("../tree/first", F_OK));
    expect_ok(umount("."));
    expect_errno(umount("."), EINVAL);
    expect_ok(access("../tree/a", F_OK));
}

/* The root of a process that has been covered: ".." from it leads onto what covers it. */
static void covered_root(void)
{
    make_tree();
    expect_ok(chdir("tree"));
    if (chroot(".") < 0 && errno == EPERM)
        skip("needs the right to change the root");
    if (mount("m", "/", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    expect_ok(access("/a", F_OK));
    expect_errno(access("/../a", F_OK), ENOENT);
    expect_ok(chdir(".."));
    expect_errno(access("a", F_OK), ENOENT);
    expect_ok(chdir("..")); /* and no further */
    expect_ok(mkdir("inside", 0755));
    expect_ok(access("../../inside", F_OK));
    expect_ok(chdir("/"));
    expect_ok(umount("/.."));
}

static void removed_place(void)
{
    make_tree();
    bind_tree(0);
    expect_ok(umount("shown"));
    expect_ok(mkdir("gone", 0755));
    expect_ok(chdir("gone"));
    expect_ok(rmdir("../gone"));
    expect_errno(mount("t", ".", "tmpfs", 0, NULL), ENOENT);
    expect_errno(mount("../tree", ".", NULL, MS_BIND, NULL), ENOENT);
    expect_errno(mount("t", "missing", "no such type", 0, NULL), ENOENT);
    expect_ok(chdir(here));
    /* And what is seen by a mount that is no more. */
    bind_tree(0);
    expect_ok(chdir("shown"));
    expect_ok(umount2("../shown", MNT_DETACH));
    expect_errno(umount("."), EINVAL);
    expect_errno(umount2(".", MNT_DETACH), EINVAL);
    expect_errno(mount(".", here, NULL, MS_BIND, NULL), EINVAL);
}

/* A directory that has been moved out of what a bind mount shows has no way up there. */
static void moved_out_of_sight(void)
{
    make_tree();
    expect_ok(mkdir("tree/sub/c", 0755));
    if (mount("tree/sub", "shown", NULL, MS_BIND, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    int fd = expect_ok(open("shown/c", O_PATH | O_DIRECTORY));
    expect_ok(faccessat(fd, "../b", F_OK, 0));
    expect_ok(rename("tree/sub/c", "tree/c"));
    expect_errno(faccessat(fd, "..", F_OK, 0), ENOENT);
    expect_errno(faccessat(fd, "../a", F_OK, 0), ENOENT);
    expect_ok(rename("tree/c", "tree/sub/c"));
    expect_ok(faccessat(fd, "../b", F_OK, 0));
    close(fd);
    expect_ok(umount("shown"));
}

/* Two mounts of one file system are two for link(2) as well. */
static void links_between_mounts(void)
{
    make_tree();
    bind_tree(0);
    expect_errno(link("tree/a", "shown/c"), EXDEV);
    expect_errno(link("tree/a", "shown/a"), EEXIST);
    expect_ok(link("shown/a", "shown/c"));
    expect_ok(access("tree/c", F_OK));
    int fd = expect_ok(open("shown/a", O_RDONLY));
    expect_ok(linkat(fd, "", AT_FDCWD, "shown/d", AT_EMPTY_PATH));
    expect_errno(linkat(fd, "", AT_FDCWD, "tree/e", AT_EMPTY_PATH), EXDEV);
    close(fd);
    expect_ok(umount("shown"));
}

/* What is below a bind mount is found by where it is, not by how it was named. */
static void with_what_has_been_moved(void)
{
    make_tree();
    expect_ok(mkdir("tree/t/u", 0755));
    expect_ok(mkdir("tree2", 0755));
    if (mount("t", "tree/t/u", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    write_file("tree/t/u/inside", "x", 0644);
    expect_ok(mkdir("tree/t/u/v", 0755));
    expect_ok(mount("t", "tree/t/u/v", "tmpfs", 0, NULL));
    write_file("tree/t/u/v/deeper", "x", 0644);
    expect_ok(rename("tree/t", "tree2/t"));
    bind_tree(MS_REC); /* nothing is below it any more */
    expect_ok(umount("shown"));
    expect_ok(mount("tree2", "shown", NULL, MS_BIND | MS_REC, NULL));
    expect_ok(access("shown/t/u/inside", F_OK));
    expect_ok(access("shown/t/u/v/deeper", F_OK));
    expect_ok(umount2("shown", MNT_DETACH));
    expect_ok(access("tree2/t/u/v/deeper", F_OK));
    expect_ok(umount("tree2/t/u/v"));
    expect_ok(umount("tree2/t/u"));
}

/* A pipe is in no file system: mounting on one ended the kernel. */
static void on_a_pipe(void)
{
    char name[32];
    int fds[2];

    make_tree();
    bind_tree(0);
    expect_ok(pipe(fds));
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[0]);
    CHECK(mount("none", name, "tmpfs", 0, NULL) < 0);
    CHECK(errno == EINVAL || errno == ENOENT); /* since Linux 6.18 */
    CHECK(mount("tree/a", name, NULL, MS_BIND, NULL) < 0);
    CHECK(errno == EINVAL || errno == ENOENT);
    expect_errno(mount(name, "tree/a", NULL, MS_BIND, NULL), EINVAL);
    expect_errno(umount2(name, 0), EINVAL);
    expect_ok(umount("shown"));
}

static const struct test tests[] = {
    TEST(same_files),
    TEST(ways_up),
    TEST(between_mounts),
    TEST(single_files),
    TEST(with_what_is_below),
    TEST(listed),
    TEST(unbindable),
    TEST(detached),
    TEST(walking_meanwhile),
    TEST(stacked),
    TEST(covered_root),
    TEST(removed_place),
    TEST(on_a_pipe),
    TEST(moved_out_of_sight),
    TEST(links_between_mounts),
    TEST(with_what_has_been_moved),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
