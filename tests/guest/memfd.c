/*
 * Files without names: memfd_create(2) and its seals, open(2) with O_TMPFILE.
 */
#include "tap.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef MFD_EXEC
#define MFD_NOEXEC_SEAL 0x08
#define MFD_EXEC        0x10
#endif

static int sealable(size_t size)
{
    int fd = expect_ok(memfd_create("test", MFD_ALLOW_SEALING));

    expect_ok(ftruncate(fd, (off_t)size));
    return fd;
}

static void link_text(int fd, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t length = expect_ok(readlink(path, text, size - 1));
    text[length] = '\0';
}

static void a_file(void)
{
    int fd = expect_ok(memfd_create("a name/with a slash", MFD_CLOEXEC));
    struct stat status;
    struct statfs system;
    char text[128], back[5];

    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_mode, S_IFREG | 0777);
    CHECK_EQ(status.st_nlink, 0);
    CHECK_EQ(status.st_size, 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    CHECK_EQ(write(fd, "hello", 5), 5);
    char *map = expect_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    CHECK(memcmp(map, "hello", 5) == 0);
    map[0] = 'j';
    CHECK_EQ(pread(fd, back, 5, 0), 5);
    CHECK(memcmp(back, "jello", 5) == 0);
    link_text(fd, text, sizeof(text));
    CHECK_STRING(text, "/memfd:a name/with a slash (deleted)");
    expect_ok(fstatfs(fd, &system));
    CHECK_EQ(system.f_type, 0x01021994);
    /* It can be opened again, by way of /proc. */
    snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
    int again = expect_ok(open(text, O_RDONLY));
    CHECK_EQ(read(again, back, 5), 5);
    CHECK(memcmp(back, "jello", 5) == 0);
    expect_errno(write(again, "x", 1), EBADF);
    /* But it gets no name. */
    expect_errno(linkat(AT_FDCWD, text, AT_FDCWD, "name", AT_SYMLINK_FOLLOW), EXDEV);
    /* The memory goes with the last that uses it. */
    close(fd);
    close(again);
    CHECK(map[0] == 'j');
    munmap(map, PAGE);
}

static void bad_arguments(void)
{
    char name[300];

    memset(name, 'n', sizeof(name));
    name[250] = '\0';
    expect_errno(memfd_create(name, 0), EINVAL);
    name[249] = '\0';
    expect_ok(memfd_create(name, 0));
    expect_errno(memfd_create("a", 0x100), EINVAL);
    expect_errno(memfd_create("a", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
    expect_errno(memfd_create((char *)8, 0), EFAULT);
}

static void which_seals(void)
{
    int plain = expect_ok(memfd_create("a", 0)), fd = sealable(PAGE);
    int file = pattern_file("file", 10);

    CHECK_EQ(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
    expect_errno(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
    expect_errno(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW);
    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK));
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    expect_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    expect_errno(fcntl(file, F_GET_SEALS), EINVAL);
    expect_errno(fcntl(file, F_ADD_SEALS, F_SEAL_GROW), EINVAL);
    /* Another open file of it must be open for writing. */
    char path[64];
    int other = sealable(PAGE);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", other);
    int reader = expect_ok(open(path, O_RDONLY));
    expect_errno(fcntl(reader, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_EQ(fcntl(reader, F_GET_SEALS), 0);
}

static void size_seals(void)
{
    int fd = sealable(2 * PAGE);
    char buffer[3 * PAGE] = {0};

    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    expect_errno(ftruncate(fd, PAGE), EPERM);
    expect_ok(ftruncate(fd, 2 * PAGE + 10));
    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    expect_errno(ftruncate(fd, 3 * PAGE), EPERM);
    expect_ok(ftruncate(fd, 2 * PAGE + 10));
    CHECK_EQ(pwrite(fd, buffer, 2 * PAGE + 10, 0), 2 * PAGE + 10);
    CHECK_EQ(pwrite(fd, buffer, 3 * PAGE, 0), 2 * PAGE);
    expect_errno(pwrite(fd, buffer, 20, 2 * PAGE), EPERM);
    expect_errno(fallocate(fd, 0, 0, 3 * PAGE), EPERM);
    expect_errno(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 3 * PAGE), EOPNOTSUPP);
    expect_ok(fallocate(fd, 0, 0, PAGE));
}

static void write_seal(void)
{
    int fd = sealable(2 * PAGE);
    char *map = expect_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));

    map[0] = 'a';
    expect_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    pid_t child = fork(); /* its mapping counts, too */
    if (child == 0) {
        pause();
        _exit(0);
    }
    munmap(map, PAGE);
    expect_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    kill(child, SIGKILL);
    reap(child);
    char *private = expect_ok(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    private[0] = 'p';
    expect_errno(write(fd, "x", 1), EPERM);
    expect_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
    expect_errno(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
    map = expect_ok(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
    CHECK(map[0] == 'a');
    expect_ok(ftruncate(fd, PAGE)); /* not what this seal is for */
}

static void future_write_seal(void)
{
    int fd = sealable(PAGE);
    char *map = expect_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0)), byte;

    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    map[0] = 'a'; /* what was mapped before stays writable */
    CHECK_EQ(pread(fd, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'a');
    expect_errno(write(fd, "x", 1), EPERM);
    expect_errno(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
    char *reader = expect_ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
    expect_errno(mprotect(reader, PAGE, RW), EACCES);
    map[1] = 'b';
    CHECK(reader[1] == 'b');
}

static void execution_seal(void)
{
    int fd = memfd_create("a", MFD_NOEXEC_SEAL);
    struct stat status;

    if (fd < 0 && errno == EINVAL)
        skip("an older kernel");
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_mode, S_IFREG | 0666);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
    expect_errno(fchmod(fd, 0777), EPERM);
    expect_ok(fchmod(fd, 0600));
    fd = sealable(PAGE);
    expect_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
    CHECK_EQ(fcntl(fd, F_GET_SEALS),
             F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

/* A program copied into memory runs, though it is open for writing. */
static void execute(void)
{
    int fd = expect_ok(memfd_create("program", MFD_CLOEXEC)), in;
    static char buffer[65536];
    ssize_t count;

    in = expect_ok(open(self_path(), O_RDONLY));
    while ((count = read(in, buffer, sizeof(buffer))) > 0)
        CHECK_EQ(write(fd, buffer, (size_t)count), count);
    close(in);
    pid_t child = fork();
    if (child == 0) {
        char *arguments[] = {"program", "-l", NULL}, *environment[] = {NULL};
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        fexecve(fd, arguments, environment);
        _exit(99);
    }
    expect_exited(reap(child), 0);
}

static void between_processes(void)
{
    int fd = sealable(PAGE);
    unsigned *map = expect_ok(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    pid_t children[4];

    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            unsigned *mine = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
            for (int j = 0; j < 10000; j++)
                __atomic_fetch_add(mine, 1, __ATOMIC_RELAXED);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        expect_exited(reap(children[i]), 0);
    CHECK_EQ(*map, 40000);
}

static void unnamed_in(const char *directory)
{
    char path[64], name[64], back[16] = "";
    struct stat status;
    int fd = open(directory, O_TMPFILE | O_RDWR, 0640);

    if (fd < 0 && errno == EOPNOTSUPP)
        skip("this file system cannot");
    expect_ok(fd);
    CHECK_EQ(expect_ok(fcntl(fd, F_GETFL)) & O_TMPFILE, O_TMPFILE);
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_nlink, 0);
    CHECK_EQ(status.st_mode, S_IFREG | 0640);
    CHECK_EQ(write(fd, "content", 7), 7);
    /* A name, later, by way of /proc; then it is a file like others. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    snprintf(name, sizeof(name), "%s/memfd.%d", directory, (int)getpid());
    expect_ok(linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_nlink, 1);
    close(fd);
    fd = expect_ok(open(name, O_RDONLY));
    CHECK_EQ(read(fd, back, sizeof(back)), 7);
    CHECK_STRING(back, "content");
    expect_ok(unlink(name));
    close(fd);
    /* With O_EXCL it gets none. */
    fd = expect_ok(open(directory, O_TMPFILE | O_EXCL | O_WRONLY, 0600));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    expect_errno(linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW), ENOENT);
    close(fd);
    /* A removed file gets none either. */
    fd = expect_ok(open(name, O_RDWR | O_CREAT, 0600));
    expect_ok(unlink(name));
    expect_errno(linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW), ENOENT);
}

static void unnamed_on_disk(void)
{
    unnamed_in(".");
}

static void unnamed_in_memory(void)
{
    unnamed_in("/dev/shm");
}

static void unnamed_errors(void)
{
    write_file("plain", "text", 0644);
    expect_errno(open("plain", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    expect_errno(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    expect_errno(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
    umask(027);
    int fd = expect_ok(open(".", O_TMPFILE | O_RDWR, 0777));
    struct stat status;
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_mode, S_IFREG | 0750);
    /* AT_EMPTY_PATH names the file of the descriptor itself. */
    if (linkat(fd, "", AT_FDCWD, "name", AT_EMPTY_PATH) < 0)
        CHECK_EQ(errno, ENOENT); /* not for everybody */
    else
        expect_ok(unlink("name"));
    expect_errno(linkat(fd, "", AT_FDCWD, "name", 0), ENOENT);
}

static const struct test tests[] = {
    TEST(a_file),          TEST(bad_arguments),     TEST(which_seals),
    TEST(size_seals),      TEST(write_seal),        TEST(future_write_seal),
    TEST(execution_seal),  TEST(execute),           TEST(between_processes),
    TEST(unnamed_on_disk), TEST(unnamed_in_memory), TEST(unnamed_errors),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
