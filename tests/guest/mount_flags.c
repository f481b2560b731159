/*
 * What is of one mount and not of its file system: flags, places, the end. All need the right to
 * mount, and work in a private tmpfs:
 *
 *     base/a/f   base/b   base/c
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
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000
#endif

static char here[256];

static void make_base(void)
{
    CHECK(getcwd(here, sizeof(here)) != NULL);
    expect_ok(mkdir("base", 0755));
    if (mount("base", "base", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    expect_ok(mount(NULL, "base", NULL, MS_PRIVATE, NULL));
    expect_ok(chdir("base"));
    expect_ok(mkdir("a", 0755));
    expect_ok(mkdir("b", 0755));
    expect_ok(mkdir("c", 0755));
    write_file("a/f", "text", 0755);
}

static void end_base(void)
{
    expect_ok(chdir(here));
    expect_ok(umount("base"));
}

static void set_flags(const char *path, unsigned long flags)
{
    expect_ok(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL));
}

static unsigned long flags_of(const char *path)
{
    struct statfs status;

    expect_ok(statfs(path, &status));
    return (unsigned long)status.f_flags & ~0x20ul; /* ST_VALID */
}

/* The line of /proc/self/mountinfo whose place is the path below base, from its root on. */
static const char *line_of(const char *path)
{
    static char text[1 << 16], line[8192];
    char wanted[4096];
    size_t length = 0;
    ssize_t count;
    int fd = expect_ok(open("/proc/self/mountinfo", O_RDONLY));

    while ((count = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)count;
    close(fd);
    text[length] = '\0';
    snprintf(wanted, sizeof(wanted), " %s/base/%s ", here, path);
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        char *found = strstr(at, wanted);
        if (!found)
            continue;
        /* ID PARENT MAJOR:MINOR ROOT ... */
        for (int i = 0; i < 3; i++)
            at = strchr(at, ' ') + 1;
        snprintf(line, sizeof(line), "%s", at);
        return line;
    }
    return NULL;
}

static void read_only(void)
{
    struct timespec times[2] = {{1, 0}, {1, 0}};

    make_base();
    expect_ok(mount("a", "b", NULL, MS_BIND, NULL));
    int fd = expect_ok(open("b/f", O_RDWR));
    expect_errno(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
    close(fd);
    fd = expect_ok(open("a/f", O_RDWR)); /* by the other mount */
    set_flags("b", MS_RDONLY);
    CHECK_EQ(flags_of("b"), ST_RDONLY | ST_RELATIME);
    CHECK_EQ(flags_of("a"), ST_RELATIME);
    expect_errno(open("b/f", O_RDWR), EROFS);
    expect_errno(open("b/new", O_RDWR | O_CREAT, 0644), EROFS);
    expect_errno(open("b", O_RDWR | O_TMPFILE, 0644), EROFS);
    expect_errno(truncate("b/f", 0), EROFS);
    expect_errno(access("b/f", W_OK), EROFS);
    expect_errno(mkdir("b/d", 0755), EROFS);
    expect_errno(mkdir("b/f", 0755), EEXIST);
    expect_errno(unlink("b/f"), EROFS);
    expect_errno(rename("b/f", "b/g"), EROFS);
    expect_errno(link("b/f", "b/g"), EROFS);
    expect_errno(symlink("x", "b/g"), EROFS);
    expect_errno(chmod("b/f", 0600), EROFS);
    expect_errno(chown("b/f", 0, 0), EROFS);
    expect_errno(utimensat(AT_FDCWD, "b/f", times, 0), EROFS);
    expect_errno(setxattr("b/f", "trusted.x", "x", 1, 0), EROFS);
    expect_errno(removexattr("b/f", "trusted.x"), EROFS);
    int shown = expect_ok(open("b/f", O_RDONLY));
    expect_errno(fchmod(shown, 0600), EROFS);
    close(shown);
    /* All of which the other mount allows. */
    CHECK_EQ(pwrite(fd, "T", 1, 0), 1);
    close(fd);
    expect_ok(chmod("a/f", 0700));
    expect_ok(mkdir("a/d", 0755));
    expect_ok(access("b/d", F_OK));
    set_flags("b", 0);
    expect_ok(rmdir("b/d"));
    expect_ok(umount("b"));
    end_base();
}

/* The file system itself becomes read-only, by whichever mount: for all. */
static void read_only_volume(void)
{
    make_base();
    expect_ok(mount("m", "b", "tmpfs", 0, NULL));
    expect_ok(mount("b", "c", NULL, MS_BIND, NULL));
    write_file("b/f", "text", 0644);
    int fd = expect_ok(open("c/f", O_RDWR));
    expect_errno(mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
    close(fd);
    expect_ok(mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    expect_errno(open("c/f", O_RDWR), EROFS);
    CHECK_EQ(flags_of("c"), ST_RDONLY | ST_RELATIME);
    CHECK(strstr(line_of("c"), "/ ") == line_of("c"));
    CHECK(strstr(line_of("c"), " rw,relatime ") && strstr(line_of("c"), " m ro"));
    CHECK(strstr(line_of("b"), " ro,relatime "));
    set_flags("b", 0);
    expect_errno(open("b/f", O_RDWR), EROFS);
    expect_ok(mount(NULL, "c", NULL, MS_REMOUNT, NULL));
    close(expect_ok(open("b/f", O_RDWR)));
    expect_ok(umount("b"));
    expect_ok(umount("c"));
    end_base();
}

static int run(const char *path)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        execl(path, path, "-l", NULL);
        _exit(errno);
    }
    expect_ok(waitpid(child, &status, 0));
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void copy_file(const char *from, const char *to)
{
    char buffer[65536];
    ssize_t count;
    int in = expect_ok(open(from, O_RDONLY)), out = expect_ok(open(to, O_WRONLY | O_CREAT, 0755));

    while ((count = read(in, buffer, sizeof(buffer))) > 0)
        CHECK_EQ(write(out, buffer, (size_t)count), count);
    close(in);
    close(out);
}

static void no_programs(void)
{
    make_base();
    copy_file(self_path(), "a/program");
    int null = expect_ok(open("/dev/null", O_WRONLY));
    expect_ok(dup2(null, 1));
    expect_ok(mount("a", "b", NULL, MS_BIND, NULL));
    set_flags("b", MS_NOEXEC);
    CHECK_EQ(flags_of("b"), ST_NOEXEC | ST_RELATIME);
    CHECK_EQ(run("b/program"), EACCES);
    CHECK_EQ(run("a/program"), 0);
    expect_errno(access("b/program", X_OK), EACCES);
    int fd = expect_ok(open("b/program", O_RDONLY));
    CHECK(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED);
    CHECK_EQ(errno, EPERM);
    char *map = expect_ok(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    expect_errno(mprotect(map, PAGE, PROT_READ | PROT_EXEC), EACCES);
    munmap(map, PAGE);
    close(fd);
    expect_ok(umount("b"));
    end_base();
}

static void no_devices(void)
{
    make_base();
    if (mknod("a/null", S_IFCHR | 0666, makedev(1, 3)) < 0 && errno == EPERM)
        skip("needs the right to make devices");
    expect_ok(mount("a", "b", NULL, MS_BIND, NULL));
    set_flags("b", MS_NODEV);
    CHECK_EQ(flags_of("b"), ST_NODEV | ST_RELATIME);
    expect_errno(open("b/null", O_RDONLY), EACCES);
    close(expect_ok(open("a/null", O_RDONLY)));
    expect_ok(umount("b"));
    end_base();
}

static void no_links(void)
{
    make_base();
    expect_ok(symlink("f", "a/l"));
    expect_ok(mount("a", "b", NULL, MS_BIND, NULL));
    set_flags("b", MS_NOSYMFOLLOW);
    CHECK_EQ(flags_of("b"), ST_NOSYMFOLLOW | ST_RELATIME);
    expect_errno(open("b/l", O_RDONLY), ELOOP);
    char text[8];
    CHECK_EQ(readlink("b/l", text, sizeof(text)), 1);
    close(expect_ok(open("a/l", O_RDONLY)));
    expect_ok(umount("b"));
    end_base();
}

/* Does a read move the access time, which is older than the change of the times? */
static bool is_timed(const char *path)
{
    struct timespec times[2] = {{time(NULL), 5}, {time(NULL) - 10, 0}};
    struct stat status;
    char byte;

    expect_ok(utimensat(AT_FDCWD, path, times, 0));
    sleep(0);
    int fd = expect_ok(open(path, O_RDONLY));
    expect_ok((int)read(fd, &byte, 1));
    close(fd);
    expect_ok(stat(path, &status));
    return status.st_atim.tv_sec != times[0].tv_sec || status.st_atim.tv_nsec != 5;
}

static void access_times(void)
{
    make_base();
    expect_ok(mount("a", "b", NULL, MS_BIND, NULL));
    set_flags("b", MS_STRICTATIME);
    CHECK_EQ(flags_of("b"), 0);
    CHECK(is_timed("b/f"));
    set_flags("b", MS_NOATIME);
    CHECK_EQ(flags_of("b"), ST_NOATIME);
    CHECK(!is_timed("b/f"));
    set_flags("b", MS_NOSUID); /* without a word of times */
    CHECK_EQ(flags_of("b"), ST_NOATIME | ST_NOSUID);
    set_flags("b", MS_NODIRATIME);
    CHECK_EQ(flags_of("b"), ST_NODIRATIME | ST_RELATIME);
    set_flags("b", MS_RELATIME);
    CHECK_EQ(flags_of("b"), ST_RELATIME);
    CHECK(strstr(line_of("b"), "/a ") == line_of("b"));
    CHECK(strstr(line_of("b"), " rw,relatime "));
    expect_ok(umount("b"));
    end_base();
}

static void wrong_remounts(void)
{
    make_base();
    expect_errno(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EINVAL);
    expect_errno(mount(NULL, "a", NULL, MS_REMOUNT, NULL), EINVAL);
    expect_errno(mount(NULL, "missing", NULL, MS_REMOUNT, NULL), ENOENT);
    expect_errno(mount(NULL, "a", NULL, MS_PRIVATE, NULL), EINVAL);
    expect_errno(mount(NULL, ".", NULL, MS_PRIVATE | MS_RDONLY, NULL), EINVAL);
    expect_errno(mount(NULL, ".", NULL, MS_PRIVATE | MS_SHARED, NULL), EINVAL);
    expect_errno(mount("", "b", NULL, MS_BIND, NULL), EINVAL);
    expect_errno(mount(NULL, "b", NULL, MS_BIND, NULL), EINVAL);
    expect_errno(mount("a", "b", "no such type", 0, NULL), ENODEV);
    expect_errno(mount("a", "b", NULL, 0, NULL), EINVAL);
    end_base();
}

/* A mount goes although others show its files, and the files stay as long as one does. */
static void several_mounts(void)
{
    char text[8];

    make_base();
    expect_ok(mount("m", "b", "tmpfs", 0, NULL));
    write_file("b/f", "more", 0644);
    expect_ok(mkdir("b/d", 0755));
    expect_ok(mount("b/d", "c", NULL, MS_BIND, NULL));
    int fd = expect_ok(open("b/f", O_RDONLY));
    expect_errno(umount("b"), EBUSY);
    close(fd);
    fd = expect_ok(open("c", O_RDONLY | O_DIRECTORY));
    expect_ok(umount("b"));
    expect_errno(access("b/f", F_OK), ENOENT);
    write_file("c/g", "text", 0644);
    expect_errno(umount("c"), EBUSY);
    close(fd);
    CHECK_EQ(read_file("c/g", text, sizeof(text)), 4);
    expect_ok(umount("c"));
    end_base();
}

static void moved(void)
{
    make_base();
    expect_ok(mount("m", "b", "tmpfs", 0, NULL));
    write_file("b/f", "more", 0644);
    expect_ok(mkdir("b/d", 0755));
    expect_ok(mount("n", "b/d", "tmpfs", MS_NOEXEC, NULL));
    write_file("b/d/g", "more", 0644);
    int fd = expect_ok(open("b/d", O_RDONLY | O_DIRECTORY));
    expect_errno(mount("b", "b/d", NULL, MS_MOVE, NULL), ELOOP);
    expect_errno(mount("a", "c", NULL, MS_MOVE, NULL), EINVAL);
    expect_errno(mount("b", "a/f", NULL, MS_MOVE, NULL), EINVAL);
    expect_errno(mount("b", "missing", NULL, MS_MOVE, NULL), ENOENT);
    expect_errno(mount("", "c", NULL, MS_MOVE, NULL), EINVAL);
    expect_ok(mount("b", "c", NULL, MS_MOVE, NULL));
    expect_ok(access("c/d/g", F_OK));
    expect_errno(access("b/f", F_OK), ENOENT);
    expect_ok(faccessat(fd, "../f", F_OK, 0));
    expect_ok(faccessat(fd, "../../a", F_OK, 0));
    char link[64], text[512] = "", expected[512];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    expect_ok((int)readlink(link, text, sizeof(text) - 1));
    snprintf(expected, sizeof(expected), "%s/base/c/d", here);
    CHECK_STRING(text, expected);
    close(fd);
    CHECK(!line_of("b/d") && !line_of("b"));
    CHECK(line_of("c") && strstr(line_of("c/d"), "noexec"));
    /* Onto what is mounted already, and bound with all that is on it. */
    expect_ok(mount("o", "b", "tmpfs", 0, NULL));
    expect_ok(mount("b", "c/d", NULL, MS_MOVE, NULL));
    expect_errno(access("c/d/g", F_OK), ENOENT);
    expect_ok(umount("c/d"));
    expect_ok(access("c/d/g", F_OK));
    expect_ok(mount("c", "b", NULL, MS_BIND | MS_REC, NULL));
    expect_ok(access("b/d/g", F_OK));
    CHECK(strstr(line_of("b/d"), "noexec"));
    expect_ok(umount2("b", MNT_DETACH));
    expect_ok(umount2("c", MNT_DETACH));
    end_base();
}

static void expiring(void)
{
    make_base();
    expect_ok(mount("m", "b", "tmpfs", 0, NULL));
    write_file("b/f", "more", 0644);
    expect_errno(umount2("b", MNT_EXPIRE | MNT_DETACH), EINVAL);
    expect_errno(umount2("b", MNT_EXPIRE | MNT_FORCE), EINVAL);
    expect_errno(umount2("b", 0x100), EINVAL);
    int fd = expect_ok(open("b/f", O_RDONLY));
    expect_errno(umount2("b", MNT_EXPIRE), EBUSY);
    close(fd);
    expect_errno(umount2("b", MNT_EXPIRE), EAGAIN);
    expect_ok(access("b/f", F_OK)); /* it is used */
    expect_errno(umount2("b", MNT_EXPIRE), EAGAIN);
    expect_ok(umount2("b", MNT_EXPIRE));
    expect_errno(access("b/f", F_OK), ENOENT);
    end_base();
}

static void by_links(void)
{
    make_base();
    expect_ok(symlink("b", "l"));
    expect_ok(mount("m", "b", "tmpfs", 0, NULL));
    expect_errno(umount2("l", UMOUNT_NOFOLLOW), EINVAL);
    expect_ok(umount2("l", 0));
    end_base();
}

/* The lists show where a mount is now, whatever the names are. */
static void listed_names(void)
{
    char path[4096], escaped[4200];
    size_t length = 0;

    make_base();
    expect_ok(mkdir("with blank\t\n\\#", 0755));
    expect_ok(mount("a", "with blank\t\n\\#", NULL, MS_BIND, NULL));
    CHECK(strstr(line_of("with\\040blank\\011\\012\\134#"), "/a ") ==
          line_of("with\\040blank\\011\\012\\134#"));
    expect_ok(umount("with blank\t\n\\#"));
    /* Long ones */
    for (int i = 0; i < 8; i++) {
        memset(path + length, 'a' + i, 100);
        length += 100;
        path[length] = '\0';
        expect_ok(mkdir(path, 0755));
        path[length++] = '/';
    }
    path[length - 1] = '\0';
    expect_ok(mount(path, path, NULL, MS_BIND, NULL));
    CHECK(line_of(path));
    snprintf(escaped, sizeof(escaped), "/%s ", path);
    CHECK(strstr(line_of(path), escaped) == line_of(path));
    /* Renamed above both the place and what is shown */
    path[100] = '\0';
    expect_ok(rename(path, "short"));
    path[100] = '/';
    memmove(path + 5, path + 100, strlen(path + 100) + 1);
    memcpy(path, "short", 5);
    snprintf(escaped, sizeof(escaped), "/%s ", path);
    CHECK(strstr(line_of(path), escaped) == line_of(path));
    expect_ok(umount(path));
    /* And removed */
    write_file("one", "1", 0644);
    write_file("two", "2", 0644);
    expect_ok(mount("one", "two", NULL, MS_BIND, NULL));
    expect_ok(unlink("one"));
    CHECK(strstr(line_of("two"), "/one//deleted ") == line_of("two"));
    expect_ok(umount("two"));
    end_base();
}

/* Of what is not below its root, a process sees nothing in the lists. */
static void listed_in_root(void)
{
    char text[4096];

    make_base();
    int proc = expect_ok(open("/proc", O_RDONLY | O_DIRECTORY));
    int outside = expect_ok(open(here, O_RDONLY | O_DIRECTORY));
    expect_ok(mount("m", "b", "tmpfs", 0, NULL));
    expect_ok(mkdir("b/d", 0755));
    expect_ok(mount("n", "b/d", "tmpfs", 0, NULL));
    if (chroot("b") < 0 && errno == EPERM)
        skip("needs the right to change the root");
    int fd = expect_ok(openat(proc, "self/mounts", O_RDONLY));
    ssize_t count = read(fd, text, sizeof(text) - 1);
    CHECK(count > 0);
    text[count] = '\0';
    CHECK(strstr(text, "m / tmpfs rw,") == text);
    CHECK(strstr(text, "\nn /d tmpfs rw,"));
    CHECK(!strstr(text, "base"));
    expect_ok(fchdir(outside));
    close(fd);
    expect_ok(chroot("."));
    expect_ok(umount2("base", MNT_DETACH));
}

/* Files of /proc can be covered, and shown elsewhere. */
static void process_files(void)
{
    char text[16], path[64], shown[64] = "";

    make_base();
    write_file("file", "text", 0644);
    expect_ok(mount("file", "/proc/version", NULL, MS_BIND, NULL));
    CHECK_EQ(read_file("/proc/version", text, sizeof(text)), 4);
    expect_ok(umount("/proc/version"));
    expect_ok(mount("/proc/version", "file", NULL, MS_BIND, NULL));
    CHECK(strstr(line_of("file"), "/version ") == line_of("file"));
    int fd = expect_ok(open("file", O_RDONLY));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    expect_ok((int)readlink(path, shown, sizeof(shown) - 1));
    close(fd);
    CHECK(strstr(shown, "/base/file"));
    fd = expect_ok(open("/proc/version", O_RDONLY));
    memset(shown, 0, sizeof(shown));
    expect_ok((int)readlink(path, shown, sizeof(shown) - 1));
    CHECK_STRING(shown, "/proc/version");
    close(fd);
    expect_ok(umount("file"));
    end_base();
}

/* One file system, two mounts of it: a link of /proc leads to the one by which a file is open. */
static void links_of_proc(void)
{
    char path[64];

    make_base();
    expect_ok(mount("a", "b", NULL, MS_BIND, NULL));
    set_flags("b", MS_RDONLY);
    int fd = expect_ok(open("b/f", O_PATH));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    expect_errno(open(path, O_RDWR), EROFS);
    close(fd);
    fd = expect_ok(open("a/f", O_PATH));
    close(expect_ok(open(path, O_RDWR)));
    close(fd);
    expect_ok(umount("b"));
    end_base();
}

static const struct test tests[] = {
    TEST(read_only),      TEST(read_only_volume), TEST(no_programs),    TEST(no_devices),
    TEST(no_links),       TEST(access_times),     TEST(wrong_remounts), TEST(several_mounts),
    TEST(moved),          TEST(expiring),         TEST(by_links),       TEST(listed_names),
    TEST(listed_in_root), TEST(process_files),    TEST(links_of_proc),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
