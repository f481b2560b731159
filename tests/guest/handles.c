/* Handles of files: name_to_handle_at(2), open_by_handle_at(2). */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

union handle {
    struct file_handle header;
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static union handle handle_of(const char *name, int flags)
{
    union handle handle = {.header.handle_bytes = MAX_HANDLE_SZ};
    int mount;

    if (name_to_handle_at(AT_FDCWD, name, &handle.header, &mount, flags) == -1) {
        if (errno == EOPNOTSUPP)
            skip("files have no handles here");
        fail("name_to_handle_at %s: %s", name, error_name(errno));
    }
    return handle;
}

static int open_handle(union handle *handle, int flags)
{
    int fd = open_by_handle_at(AT_FDCWD, &handle->header, flags);

    if (fd == -1 && errno == EPERM)
        skip("needs the privilege to open by handle");
    return fd;
}

static void opened(void)
{
    char text[8] = "";
    struct stat by_name, by_handle;

    write_file("file", "text", 0600);
    union handle handle = handle_of("file", 0), again = handle_of("./file", 0);
    CHECK_EQ(handle.header.handle_bytes, again.header.handle_bytes);
    CHECK(memcmp(handle.header.f_handle, again.header.f_handle, handle.header.handle_bytes) == 0);
    expect_ok(rename("file", "renamed"));
    int fd = expect_ok(open_handle(&handle, O_RDWR));
    read_all(fd, text, 4);
    CHECK_STRING(text, "text");
    expect_ok(stat("renamed", &by_name));
    expect_ok(fstat(fd, &by_handle));
    CHECK(by_name.st_ino == by_handle.st_ino && by_name.st_dev == by_handle.st_dev);
    close(fd);
    fd = expect_ok(open_handle(&handle, O_WRONLY | O_TRUNC | O_CLOEXEC));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_ok(fstat(fd, &by_handle));
    CHECK_EQ(by_handle.st_size, 0);
    expect_errno(open_handle(&handle, O_RDONLY | O_DIRECTORY), ENOTDIR);
}

/* What is gone does not come back with the next file of the number. */
static void stale(void)
{
    write_file("file", "text", 0600);
    union handle handle = handle_of("file", 0);
    int fd = expect_ok(open_handle(&handle, O_RDONLY));

    close(fd);
    expect_ok(unlink("file"));
    expect_errno(open_handle(&handle, O_RDONLY), ESTALE);
    for (int i = 0; i < 20; i++) {
        write_file("file", "text", 0600);
        expect_errno(open_handle(&handle, O_RDONLY), ESTALE);
        expect_ok(unlink("file"));
    }
    memset(handle.header.f_handle, 0x5a, handle.header.handle_bytes);
    expect_errno(open_handle(&handle, O_RDONLY), ESTALE);
}

static void directories_and_links(void)
{
    expect_ok(mkdir("directory", 0700));
    write_file("directory/file", "text", 0600);
    expect_ok(symlink("directory/file", "link"));
    union handle directory = handle_of("directory", 0), link = handle_of("link", 0);
    union handle file = handle_of("directory/file", 0);
    union handle followed = handle_of("link", AT_SYMLINK_FOLLOW);
    CHECK(memcmp(&file, &followed, sizeof(struct file_handle) + file.header.handle_bytes) == 0);
    int fd = expect_ok(open_handle(&directory, O_RDONLY | O_DIRECTORY));
    close(expect_ok(openat(fd, "file", O_RDONLY)));
    expect_errno(open_handle(&directory, O_RDWR), EISDIR);
    expect_errno(open_handle(&link, O_RDONLY), ELOOP);
    close(expect_ok(open_handle(&link, O_PATH)));
    int mount;
    followed.header.handle_bytes = MAX_HANDLE_SZ;
    expect_ok(name_to_handle_at(fd, "", &followed.header, &mount, AT_EMPTY_PATH));
    CHECK(memcmp(&directory, &followed,
                 sizeof(struct file_handle) + directory.header.handle_bytes) == 0);
}

static void refused(void)
{
    int mount;

    write_file("file", "text", 0600);
    union handle handle = handle_of("file", 0), wrong = {.header.handle_bytes = 0};
    expect_errno(name_to_handle_at(AT_FDCWD, "file", &wrong.header, &mount, 0), EOVERFLOW);
    CHECK_EQ(wrong.header.handle_bytes, handle.header.handle_bytes);
    wrong.header.handle_bytes = MAX_HANDLE_SZ + 1;
    expect_errno(name_to_handle_at(AT_FDCWD, "file", &wrong.header, &mount, 0), EINVAL);
    wrong.header.handle_bytes = MAX_HANDLE_SZ;
    expect_errno(name_to_handle_at(AT_FDCWD, "file", &wrong.header, &mount, -1), EINVAL);
    expect_errno(name_to_handle_at(AT_FDCWD, "none", &wrong.header, &mount, 0), ENOENT);
    expect_errno(name_to_handle_at(AT_FDCWD, "", &wrong.header, &mount, 0), ENOENT);
    expect_errno(name_to_handle_at(99, "file", &wrong.header, &mount, 0), EBADF);
    expect_errno(name_to_handle_at(AT_FDCWD, "file", (void *)-1, &mount, 0), EFAULT);
    expect_errno(name_to_handle_at(AT_FDCWD, "file", &wrong.header, (void *)-1, 0), EFAULT);
    close(expect_ok(open_handle(&handle, O_RDONLY)));
    expect_errno(open_by_handle_at(99, &handle.header, O_RDONLY), EBADF);
    expect_errno(open_by_handle_at(AT_FDCWD, (void *)-1, O_RDONLY), EFAULT);
    wrong = handle;
    wrong.header.handle_bytes = 0;
    expect_errno(open_by_handle_at(AT_FDCWD, &wrong.header, O_RDONLY), EINVAL);
    wrong.header.handle_bytes = MAX_HANDLE_SZ + 1;
    expect_errno(open_by_handle_at(AT_FDCWD, &wrong.header, O_RDONLY), EINVAL);
    wrong = handle;
    wrong.header.handle_type = 0x77;
    expect_errno(open_by_handle_at(AT_FDCWD, &wrong.header, O_RDONLY), ESTALE);
    expect_ok(setresuid(54321, 54321, 54321));
    expect_errno(open_by_handle_at(AT_FDCWD, &handle.header, O_RDONLY), EPERM);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {TEST(opened), TEST(stale), TEST(directories_and_links),
                                        TEST(refused)};

    return TAP_MAIN(argc, argv, tests);
}
