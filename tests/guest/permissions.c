/*
 * Who may do what to files: permission classes, the sticky bit, set-id bits that writing takes
 * away, and limits. Most of it gives up the rights of the superuser in a child.
 */
#include "tap.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALICE = 12001, BOB = 12002, STAFF = 12100 };

static void need_root(void)
{
    if (geteuid() != 0)
        skip("needs to be root");
    umask(022);
    /* The way here must be open to everybody. */
    expect_ok(chmod(".", 0755));
}

/* Become an ordinary user, for good. */
static void become(uid_t user, gid_t group)
{
    expect_ok(setgroups(0, NULL));
    expect_ok(setgid(group));
    expect_ok(setuid(user));
}

static void as(uid_t user, gid_t group, void (*function)(void *), void *argument)
{
    pid_t child = fork();

    if (child == 0) {
        become(user, group);
        function(argument);
        _exit(0);
    }
    expect_exited(reap(child), 0);
}

static mode_t mode_of(const char *name)
{
    struct stat status;

    expect_ok(stat(name, &status));
    return status.st_mode & 07777;
}

static void make(const char *name, mode_t mode, uid_t user, gid_t group)
{
    int fd = expect_ok(open(name, O_CREAT | O_EXCL | O_RDWR, 0600));

    CHECK_EQ(write(fd, "text", 4), 4);
    close(fd);
    expect_ok(chown(name, user, group));
    expect_ok(chmod(name, mode));
}

static void try_open(void *expected)
{
    const int *flags = expected;

    for (int i = 0; i < 3; i++) {
        static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
        int fd = open("file", modes[i]);
        CHECK_EQ(fd < 0 ? -errno : 0, flags[i]);
    }
}

/* The first class that fits decides, even if a later one allows more. */
static void classes(void)
{
    int nothing[] = {-EACCES, -EACCES, -EACCES}, reading[] = {0, -EACCES, -EACCES};
    int writing[] = {-EACCES, 0, -EACCES}, all[] = {0, 0, 0};

    need_root();
    make("file", 0046, ALICE, STAFF);
    as(ALICE, STAFF, try_open, nothing);
    as(BOB, STAFF, try_open, reading);
    as(BOB, BOB, try_open, all);
    try_open(all);
    expect_ok(chmod("file", 0240));
    as(ALICE, ALICE, try_open, writing);
    as(BOB, STAFF, try_open, reading);
    as(BOB, BOB, try_open, nothing);
}

static void in_sticky(void *unused)
{
    (void)unused;
    expect_errno(unlink("sticky/of_alice"), EPERM);
    expect_errno(rename("sticky/of_alice", "sticky/x"), EPERM);
    expect_ok(close(expect_ok(open("sticky/of_bob", O_CREAT | O_RDWR, 0600))));
    expect_errno(rename("sticky/of_bob", "sticky/of_alice"), EPERM);
    expect_ok(rename("sticky/of_bob", "sticky/of_bob2"));
    expect_ok(unlink("sticky/of_bob2"));
    expect_errno(unlink("closed/file"), EACCES);
    expect_errno(open("closed/new", O_CREAT | O_RDWR, 0600), EACCES);
    expect_errno(mkdir("closed/new", 0755), EACCES);
    expect_ok(access("closed/file", R_OK));
    expect_errno(access("shut/file", R_OK), EACCES);
    expect_errno(chdir("shut"), EACCES);
    expect_errno(open("shut/file", O_RDONLY), EACCES);
}

static void directories(void)
{
    need_root();
    expect_ok(mkdir("sticky", 0755));
    expect_ok(chmod("sticky", 01777));
    expect_ok(mkdir("closed", 0755));
    expect_ok(mkdir("shut", 0700));
    make("sticky/of_alice", 0666, ALICE, ALICE);
    make("closed/file", 0666, ALICE, ALICE);
    make("shut/file", 0666, ALICE, ALICE);
    as(BOB, BOB, in_sticky, NULL);
    expect_ok(unlink("sticky/of_alice"));
}

static void write_to_files(void *unused)
{
    (void)unused;
    int fd = expect_ok(open("written", O_WRONLY));
    CHECK_EQ(write(fd, "x", 1), 1);
    fd = expect_ok(open("cut", O_WRONLY));
    expect_ok(ftruncate(fd, 1));
    fd = expect_ok(open("emptied", O_WRONLY | O_TRUNC));
    fd = expect_ok(open("locked", O_WRONLY));
    CHECK_EQ(write(fd, "x", 1), 1);
    expect_ok(chown("given", ALICE, ALICE));
    expect_ok(chmod("kept", 02755));
}

static void set_id_bits(void)
{
    need_root();
    make("written", 06777, ALICE, ALICE);
    make("cut", 06777, ALICE, ALICE);
    make("emptied", 06777, ALICE, ALICE);
    make("locked", 06767, ALICE, ALICE); /* no execution by the group: not a set-id bit */
    make("given", 06777, ALICE, ALICE);
    make("kept", 0755, ALICE, ALICE);
    make("foreign", 0755, ALICE, STAFF);
    as(ALICE, ALICE, write_to_files, NULL);
    CHECK_EQ(mode_of("written"), 0777);
    CHECK_EQ(mode_of("cut"), 0777);
    CHECK_EQ(mode_of("emptied"), 0777);
    CHECK_EQ(mode_of("locked") & S_ISUID, 0);
    CHECK_EQ(mode_of("given"), 0777);
    CHECK_EQ(mode_of("kept"), 02755);
    /* The superuser's writes leave them, but a change of owner does not. */
    make("roots", 06777, 0, 0);
    int fd = expect_ok(open("roots", O_WRONLY));
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(mode_of("roots"), 06777);
    expect_ok(chown("roots", ALICE, ALICE));
    CHECK_EQ(mode_of("roots"), 0777);
}

static void not_the_owner(void *unused)
{
    struct timespec now[] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, then[] = {{5, 0}, {5, 0}};

    (void)unused;
    expect_errno(chmod("file", 0600), EPERM);
    expect_errno(chown("file", BOB, -1), EPERM);
    expect_ok(utimensat(AT_FDCWD, "file", now, 0));
    expect_errno(utimensat(AT_FDCWD, "file", then, 0), EPERM);
    expect_errno(utimensat(AT_FDCWD, "unwritable", now, 0), EACCES);
    expect_errno(open("file", O_RDONLY | O_NOATIME), EPERM);
    int fd = expect_ok(open("file", O_RDWR));
    expect_errno(fcntl(fd, F_SETFL, O_NOATIME), EPERM);
    expect_errno(fchmod(fd, 0600), EPERM);
    expect_errno(mknod("node", S_IFCHR | 0600, 0x103), EPERM);
    expect_errno(chroot("."), EPERM);
}

static void owners_only(void)
{
    need_root();
    expect_ok(chmod(".", 0777));
    make("file", 0666, ALICE, ALICE);
    make("unwritable", 0644, ALICE, ALICE);
    as(BOB, BOB, not_the_owner, NULL);
    expect_ok(chmod(".", 0755));
}

static void open_others(void *expected)
{
    const int *error = expected;

    CHECK_EQ(open("sticky/file", O_RDWR | O_CREAT, 0600) < 0 ? errno : 0, error[0]);
    CHECK_EQ(open("sticky/fifo", O_RDWR | O_CREAT, 0600) < 0 ? errno : 0, error[0]);
    CHECK_EQ(open("sticky/device", O_RDWR | O_CREAT, 0600) < 0 ? errno : 0, error[1]);
    expect_ok(open("sticky/file", O_RDWR));
    expect_ok(open("sticky/fifo", O_RDWR));
    expect_ok(open("sticky/of_owner", O_RDWR | O_CREAT, 0600));
    expect_ok(open("sticky/new", O_RDWR | O_CREAT, 0600));
    expect_ok(open("sticky/new", O_RDWR | O_CREAT, 0600));
    expect_ok(unlink("sticky/new"));
    expect_errno(open("sticky/file", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    expect_errno(open("sticky/directory", O_RDONLY | O_CREAT, 0600), EISDIR);
}

/* O_CREAT does not open what another has laid into a directory for all: the superuser neither. */
static void files_of_others(void)
{
    int none[] = {0, 0}, devices[] = {0, EACCES}, files[] = {EACCES, 0}, all[] = {EACCES, EACCES};

    need_root();
    long regular = change_setting("fs/protected_regular", 1);
    long fifos = change_setting("fs/protected_fifos", 1);
    expect_ok(mkdir("sticky", 0700));
    expect_ok(chmod("sticky", 01777));
    expect_ok(mkdir("sticky/directory", 0777));
    expect_ok(chown("sticky/directory", ALICE, ALICE));
    make("sticky/file", 0666, ALICE, ALICE);
    make("sticky/of_owner", 0666, 0, 0);
    expect_ok(mkfifo("sticky/fifo", 0666));
    expect_ok(chmod("sticky/fifo", 0666));
    expect_ok(chown("sticky/fifo", ALICE, ALICE));
    expect_ok(mknod("sticky/device", S_IFCHR | 0666, 0x103));
    expect_ok(chown("sticky/device", ALICE, ALICE));
    as(BOB, BOB, open_others, all);
    open_others(all);
    expect_ok(chmod("sticky", 01770)); /* a group's directory: only with 2 */
    open_others(none);
    change_setting("fs/protected_regular", 2);
    change_setting("fs/protected_fifos", 2);
    open_others(files);
    expect_ok(chmod("sticky", 01777));
    change_setting("fs/protected_regular", 0);
    change_setting("fs/protected_fifos", 0);
    as(BOB, BOB, open_others, devices);
    change_setting("fs/protected_regular", regular);
    change_setting("fs/protected_fifos", fifos);
}

static void link_others(void *expected)
{
    const int *error = expected;

    CHECK_EQ(open("sticky/link", O_RDONLY) < 0 ? errno : 0, error[0]);
    CHECK_EQ(open("sticky/link", O_RDONLY | O_CREAT, 0600) < 0 ? errno : 0, error[0]);
    expect_errno(open("sticky/link", O_RDONLY | O_NOFOLLOW), ELOOP);
    expect_errno(open("sticky/link", O_RDONLY | O_NOFOLLOW | O_CREAT, 0600), EACCES);
    expect_ok(access("sticky/way/file", F_OK)); /* not the last name */
    expect_ok(access("sticky/of_owner", F_OK));
    CHECK_EQ(link("unwritable", "open/1") ? errno : 0, error[1]);
    CHECK_EQ(link("setuid", "open/2") ? errno : 0, error[1]);
    CHECK_EQ(link("fifo", "open/3") ? errno : 0, error[1]);
    expect_ok(link("file", "open/4"));
    expect_errno(link("unwritable", "open/4"), EEXIST);
    for (char name[] = "open/1"; name[5] <= '4'; name[5]++)
        unlink(name);
}

/* Symbolic links of others in a directory for all, and names for what one may not write. */
static void links_of_others(void)
{
    int none[] = {0, 0}, denied[] = {EACCES, EPERM}, superuser[] = {EACCES, 0};

    need_root();
    long symbolic = change_setting("fs/protected_symlinks", 1);
    long hard = change_setting("fs/protected_hardlinks", 1);
    expect_ok(mkdir("open", 0700));
    expect_ok(chmod("open", 0777));
    expect_ok(mkdir("sticky", 0700));
    expect_ok(chmod("sticky", 01777));
    make("file", 0666, 0, 0);
    make("unwritable", 0644, 0, 0);
    make("setuid", 04777, 0, 0);
    expect_ok(mkfifo("fifo", 0666));
    expect_ok(chmod("fifo", 0666));
    expect_ok(symlink("../file", "sticky/link"));
    expect_ok(lchown("sticky/link", ALICE, ALICE));
    expect_ok(symlink("..", "sticky/way"));
    expect_ok(lchown("sticky/way", ALICE, ALICE));
    expect_ok(symlink("../file", "sticky/of_owner"));
    as(BOB, BOB, link_others, denied);
    link_others(superuser);
    change_setting("fs/protected_symlinks", 0);
    change_setting("fs/protected_hardlinks", 0);
    as(BOB, BOB, link_others, none);
    change_setting("fs/protected_symlinks", symbolic);
    change_setting("fs/protected_hardlinks", hard);
}

static void size_limit(void)
{
    struct rlimit limit = {6000, RLIM_INFINITY};
    char buffer[4096] = {0};
    int fd = pattern_file("file", 0);

    expect_ok(setrlimit(RLIMIT_FSIZE, &limit));
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(write(fd, buffer, 4096), 4096);
    CHECK_EQ(write(fd, buffer, 4096), 6000 - 4096); /* as much as fits */
    expect_errno(write(fd, buffer, 1), EFBIG);
    expect_errno(ftruncate(fd, 6001), EFBIG);
    expect_ok(ftruncate(fd, 100));
    expect_ok(ftruncate(fd, 6000));
    CHECK_EQ(pwrite(fd, buffer, 100, 5900), 100);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_DFL);
        expect_ok(lseek(fd, 6000, SEEK_SET));
        write(fd, buffer, 1);
        _exit(0);
    }
    expect_signaled(reap(child), SIGXFSZ);
}

static void descriptor_limit(void)
{
    struct rlimit limit = {20, 20};
    int fd, last = 0;

    expect_ok(setrlimit(RLIMIT_NOFILE, &limit));
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    CHECK_EQ(errno, EMFILE);
    CHECK_EQ(last, 19);
    expect_errno(dup(0), EMFILE);
    expect_errno(pipe((int[2]){0, 0}), EMFILE);
    expect_errno(dup2(0, 20), EBADF);
    expect_errno(fcntl(0, F_DUPFD, 20), EINVAL);
    expect_errno(fcntl(0, F_DUPFD, 3), EMFILE);
    expect_errno(open("made", O_CREAT | O_RDWR, 0600), EMFILE);
    expect_errno(access("made", F_OK), ENOENT); /* and no file was made */
    close(7);
    CHECK_EQ(dup(0), 7);
}

static const struct test tests[] = {
    TEST(classes),         TEST(directories),     TEST(set_id_bits), TEST(owners_only),
    TEST(files_of_others), TEST(links_of_others), TEST(size_limit),  TEST(descriptor_limit),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
