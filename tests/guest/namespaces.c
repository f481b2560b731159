/*
 * Mount namespaces: unshare(2), clone(2), setns(2), /proc/PID/ns/mnt, pivot_root(2). All need the
 * right to mount.
 */
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char here[256];

/* A directory with a tmpfs on it. */
static void make_base(void)
{
    CHECK(getcwd(here, sizeof(here)) != NULL);
    expect_ok(mkdir("base", 0755));
    if (mount("base", "base", "tmpfs", 0, NULL) < 0 && errno == EPERM)
        skip("needs the right to mount");
    write_file("base/f", "text", 0644);
    expect_ok(mkdir("base/d", 0755));
}

static void end_base(void)
{
    expect_ok(chdir(here));
    expect_ok(umount("base"));
}

/* A namespace for this process, from which nothing reaches others. */
static void leave(void)
{
    expect_ok(unshare(CLONE_NEWNS));
    expect_ok(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static pid_t start(void (*run)(void))
{
    pid_t child = fork();

    if (child == 0) {
        run();
        _exit(0);
    }
    return expect_ok(child);
}

/* Run it in a process of its own. */
static void apart(void (*run)(void))
{
    expect_exited(reap(start(run)), 0);
}

static ino_t namespace_of(const char *process)
{
    char path[64], text[64] = "", expected[64];
    struct stat status;

    snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
    expect_ok(stat(path, &status));
    expect_ok((int)readlink(path, text, sizeof(text) - 1));
    snprintf(expected, sizeof(expected), "mnt:[%lu]", (unsigned long)status.st_ino);
    CHECK_STRING(text, expected);
    return status.st_ino;
}

static void mount_alone(void)
{
    ino_t before = namespace_of("self");

    leave();
    CHECK(namespace_of("self") != before);
    char parent[16];
    snprintf(parent, sizeof(parent), "%d", getppid());
    CHECK_EQ(namespace_of(parent), before);
    expect_ok(mount("more", "base/d", "tmpfs", 0, NULL));
    write_file("base/d/g", "text", 0644);
    write_file("base/h", "text", 0644); /* the file system is the same */
    expect_ok(umount("base/d"));
    expect_ok(mount("more", "base/d", "tmpfs", 0, NULL));
    write_file("base/d/g", "text", 0644);
}

static void unshared(void)
{
    make_base();
    apart(mount_alone);
    expect_errno(access("base/d/g", F_OK), ENOENT);
    expect_ok(access("base/h", F_OK));
    expect_errno(umount("base/d"), EINVAL);
    end_base();
}

static int channel[2], answer[2];

static void wait_for(int fd)
{
    char byte;
    CHECK_EQ(read(fd, &byte, 1), 1);
}

static void tell(int fd)
{
    CHECK_EQ(write(fd, "x", 1), 1);
}

static void keep_mounts(void)
{
    leave();
    expect_ok(chdir("base"));
    tell(answer[1]);
    wait_for(channel[0]);
    /* Gone for the others, not for this one. */
    expect_ok(access("../base/f", F_OK));
    expect_errno(umount("../base"), EBUSY);
    expect_ok(chdir(here));
    expect_ok(umount("base"));
    expect_errno(access("base/f", F_OK), ENOENT);
}

/* A mount that goes in one namespace stays in the other. */
static void kept(void)
{
    make_base();
    expect_ok(pipe(channel));
    expect_ok(pipe(answer));
    pid_t child = start(keep_mounts);
    wait_for(answer[0]);
    end_base();
    expect_errno(access("base/f", F_OK), ENOENT);
    tell(channel[1]);
    expect_exited(reap(child), 0);
}

static void stay(void)
{
    leave();
    expect_ok(mount("more", "base/d", "tmpfs", 0, NULL));
    write_file("base/d/g", "text", 0644);
    tell(answer[1]);
    wait_for(channel[0]);
}

static pid_t other;

/* Into the namespace of the other process, and back. */
static void visit(void)
{
    char path[64], text[512], expected[512];
    int self = expect_ok(open("/proc/self/ns/mnt", O_RDONLY));
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", other);
    int fd = expect_ok(open(path, O_RDONLY));
    int pidfd = expect_ok((int)syscall(SYS_pidfd_open, other, 0));

    expect_errno(access("base/d/g", F_OK), ENOENT);
    expect_ok(setns(fd, 0));
    CHECK(getcwd(text, sizeof(text)) != NULL);
    CHECK_STRING(text, "/");
    snprintf(expected, sizeof(expected), "%s/base/d/g", here);
    expect_ok(access(expected, F_OK));
    expect_ok(setns(self, CLONE_NEWNS));
    expect_errno(access(expected, F_OK), ENOENT);
    expect_errno(setns(pidfd, 0), EINVAL);
    expect_ok(setns(pidfd, CLONE_NEWNS));
    expect_ok(access(expected, F_OK));
    expect_ok(setns(fd, 0));
    expect_ok(access(expected, F_OK));
    expect_errno(setns(fd, CLONE_FILES), EINVAL);
    expect_errno(setns(-1, 0), EBADF);
    int file = expect_ok(open("/dev/null", O_RDONLY));
    expect_errno(setns(file, 0), EINVAL);
    expect_errno(open(path, O_WRONLY), EPERM);
    expect_ok(setresuid(1, 1, 1));
    expect_errno(setns(self, 0), EPERM);
    expect_errno(unshare(CLONE_NEWNS), EPERM);
}

static void entered(void)
{
    make_base();
    expect_ok(pipe(channel));
    expect_ok(pipe(answer));
    other = start(stay);
    wait_for(answer[0]);
    apart(visit);
    tell(channel[1]);
    expect_exited(reap(other), 0);
    end_base();
}

static void *wait_forever(void *argument)
{
    (void)argument;
    pause();
    return NULL;
}

/* Who shares where paths start cannot enter a namespace, but can leave one. */
static void share_paths(void)
{
    pthread_t thread;
    int self = expect_ok(open("/proc/self/ns/mnt", O_RDONLY));

    CHECK_EQ(pthread_create(&thread, NULL, wait_forever, NULL), 0);
    expect_errno(setns(self, CLONE_NEWNS), EINVAL);
    leave();
    expect_ok(mount("more", "base/d", "tmpfs", 0, NULL));
    expect_ok(setns(self, CLONE_NEWNS));
}

static void shared_paths(void)
{
    make_base();
    apart(share_paths);
    end_base();
}

static void look_at(void *argument)
{
    char name[64], text[256];

    snprintf(name, sizeof(name), "/proc/%d/cwd", *(pid_t *)argument);
    for (;;)
        (void)!readlink(name, text, sizeof(text));
}

static void enter_while_seen(void)
{
    pid_t self = getpid(), child = spawn(look_at, &self);
    int fd = expect_ok(open("/proc/self/ns/mnt", O_RDONLY));

    for (int i = 0; i < 3000; i++)
        expect_ok(setns(fd, CLONE_NEWNS));
    expect_ok(kill(child, SIGKILL));
    reap(child);
}

/* Who only looks at where this one's paths start does not share it. */
static void entered_while_seen(void)
{
    make_base();
    apart(enter_while_seen);
    end_base();
}

static void cloned(void)
{
    int status;

    make_base();
    expect_errno(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL),
                 EINVAL);
    ino_t before = namespace_of("self");
    pid_t child = expect_ok((int)syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL));
    if (child == 0) {
        bool other_one = namespace_of("self") != before;
        bool done = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                    mount("more", "base/d", "tmpfs", 0, NULL) == 0;
        _exit(other_one && done ? 0 : 1);
    }
    expect_ok(waitpid(child, &status, 0));
    expect_exited(status, 0);
    CHECK_EQ(namespace_of("self"), before);
    end_base();
}

/* What is on what, and where one stands, is the same in the copy. */
static void look_at_copy(void)
{
    char path[512], expected[512];
    int fd = expect_ok(open("base/d", O_PATH | O_DIRECTORY)); /* of the old namespace */

    expect_ok(chdir("base/d"));
    leave();
    snprintf(expected, sizeof(expected), "%s/base/d", here);
    CHECK(getcwd(path, sizeof(path)) != NULL);
    CHECK_STRING(path, expected);
    expect_errno(umount(expected), EBUSY);
    expect_ok(access("../f", F_OK));
    expect_ok(chdir("../.."));
    expect_ok(umount("base/d"));
    expect_ok(umount("base"));
    /* What is open is not in this namespace. */
    expect_ok(faccessat(fd, "../f", F_OK, 0));
    expect_ok(fchdir(fd));
    expect_errno(mount("more", ".", "tmpfs", 0, NULL), EINVAL);
    expect_errno(mount(".", here, NULL, MS_BIND, NULL), EINVAL);
    expect_errno(umount("."), EINVAL);
}

static void copied(void)
{
    make_base();
    expect_ok(mount("more", "base/d", "tmpfs", 0, NULL));
    apart(look_at_copy);
    expect_ok(umount("base/d"));
    end_base();
}

static void change_root(void)
{
    char text[4096];

    leave();
    expect_ok(mkdir("base/d/new", 0755));
    expect_ok(mount("new", "base/d/new", "tmpfs", 0, NULL));
    expect_ok(mkdir("base/d/new/old", 0755));
    expect_ok(mkdir("base/d/new/proc", 0755));
    write_file("base/d/new/here", "text", 0644);
    expect_errno(syscall(SYS_pivot_root, "base/d", "base/d"), EINVAL); /* no mount */
    expect_errno(syscall(SYS_pivot_root, "base/f", "base/d"), ENOTDIR);
    expect_errno(syscall(SYS_pivot_root, "base/d/new", "base/f"), ENOTDIR);
    expect_errno(syscall(SYS_pivot_root, "missing", "base/d"), ENOENT);
    expect_errno(syscall(SYS_pivot_root, "base/d/new", "base/d"), EINVAL); /* not below */
    expect_errno(syscall(SYS_pivot_root, "/", "base/d"), EBUSY);
    expect_ok(chdir("/"));
    snprintf(text, sizeof(text), "%s/base/d/new", here);
    expect_ok(chdir(text));
    expect_ok(mount("/proc", "proc", NULL, MS_BIND | MS_REC, NULL));
    expect_ok((int)syscall(SYS_pivot_root, ".", "old"));
    expect_ok(access("/here", F_OK));
    expect_ok(access("here", F_OK));
    snprintf(text, sizeof(text), "/old%s/base/f", here);
    expect_ok(access(text, F_OK));
    int fd = expect_ok(open("/proc/self/mounts", O_RDONLY));
    ssize_t count = read(fd, text, sizeof(text) - 1);
    CHECK(count > 0);
    text[count] = '\0';
    close(fd);
    CHECK(strstr(text, "new / tmpfs "));
    CHECK(strstr(text, " /old "));
    expect_ok(umount2("/old", MNT_DETACH));
    expect_ok(rmdir("/old"));
}

static void pivoted(void)
{
    make_base();
    apart(change_root);
    expect_ok(access("base/f", F_OK)); /* here all is as it was */
    expect_ok(rmdir("base/d/new"));
    end_base();
}

/* Waits in the root that others take away. */
static void wait_in_root(void)
{
    expect_ok(chdir("/"));
    tell(answer[1]);
    wait_for(channel[0]);
    expect_ok(access("/here", F_OK));
    expect_ok(access("here", F_OK));
}

/* As containers are begun: the old root is put onto the new one, and taken away. */
static void change_root_in_place(void)
{
    leave();
    pid_t child = start(wait_in_root);
    wait_for(answer[0]);
    expect_ok(mkdir("base/d/new", 0755));
    expect_ok(mount("new", "base/d/new", "tmpfs", 0, NULL));
    write_file("base/d/new/here", "text", 0644);
    int root = expect_ok(open("/", O_RDONLY | O_DIRECTORY));
    expect_ok(chdir("base/d/new"));
    expect_ok((int)syscall(SYS_pivot_root, ".", "."));
    expect_ok(fchdir(root));
    expect_ok(umount2(".", MNT_DETACH));
    expect_ok(chdir("/"));
    expect_ok(access("here", F_OK));
    expect_errno(access(here, F_OK), ENOENT);
    tell(channel[1]);
    expect_exited(reap(child), 0);
}

static void pivoted_in_place(void)
{
    make_base();
    expect_ok(pipe(channel));
    expect_ok(pipe(answer));
    apart(change_root_in_place);
    expect_ok(rmdir("base/d/new"));
    end_base();
}

static void change_and_look(void)
{
    for (int i = 0; i < 40; i++) {
        leave();
        expect_ok(mount("more", "base/d", "tmpfs", 0, NULL));
        write_file("base/d/g", "text", 0644);
        expect_ok(access("base/d/g", F_OK));
        if (i % 2)
            expect_ok(umount("base/d"));
    }
}

/* Several at once, whose namespaces go while others copy theirs. */
static void at_once(void)
{
    pid_t children[4];

    make_base();
    for (int i = 0; i < 4; i++)
        children[i] = start(change_and_look);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(children[i]), 0);
    expect_errno(access("base/d/g", F_OK), ENOENT);
    end_base();
}

static const struct test tests[] = {
    TEST(unshared), TEST(kept),
    TEST(entered),  TEST(shared_paths),
    TEST(cloned),   TEST(copied),
    TEST(pivoted),  TEST(pivoted_in_place),
    TEST(at_once),  TEST(entered_while_seen),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
