/* How large pipes may be: F_SETPIPE_SZ, and the limits in /proc/sys/fs (pipe(7)). */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USER 54321

static void set(const char *name, long value)
{
    char path[128], text[32];
    int length = snprintf(text, sizeof(text), "%ld", value);

    snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
    int fd = open(path, O_WRONLY);
    if (fd == -1 || write(fd, text, (size_t)length) == -1)
        skip("cannot set %s: %s", name, error_name(errno));
    close(fd);
}

static long get(const char *name)
{
    char path[128], text[64];

    snprintf(path, sizeof(path), "/proc/sys/fs/%s", name);
    read_file(path, text, sizeof(text));
    return atol(text);
}

static void become_user(void)
{
    if (geteuid())
        skip("needs the privilege to become another user");
    expect_ok(setresuid(USER, USER, USER));
}

static void largest(void)
{
    int ends[2];

    CHECK_EQ(get("pipe-max-size"), 1048576);
    expect_ok(pipe(ends));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
    become_user();
    CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 1048576), 1048576);
    expect_errno(fcntl(ends[0], F_SETPIPE_SZ, 1048577), EPERM);
    CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 1), 4096);
    expect_errno(fcntl(ends[0], F_SETPIPE_SZ, 0x80000001u), EINVAL);
}

/* Call function in a child while the setting is changed: the parent has the privilege to set it
 * back. */
static void check_with(const char *name, long value, void (*function)(void *))
{
    long old = get(name);

    set(name, value);
    int status = child_status(function, NULL);
    set(name, old);
    expect_exited(status, 0);
}

static void open_small(void *argument)
{
    int ends[2];

    (void)argument;
    CHECK_EQ(get("pipe-max-size"), 16384);
    become_user();
    expect_ok(pipe(ends));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 16384);
    expect_errno(fcntl(ends[0], F_SETPIPE_SZ, 16385), EPERM);
}

static void largest_changed(void)
{
    check_with("pipe-max-size", 16000, open_small);
}

static void open_beyond_soft(void *argument)
{
    int ends[2];

    (void)argument;
    become_user();
    expect_ok(pipe(ends));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
    expect_ok(pipe(ends));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
    expect_errno(fcntl(ends[0], F_SETPIPE_SZ, 65536), EPERM);
    CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
}

static void soft_limit(void)
{
    check_with("pipe-user-pages-soft", 20, open_beyond_soft);
}

static void open_beyond_hard(void *argument)
{
    int ends[2], others[2];

    (void)argument;
    become_user();
    expect_ok(pipe(ends));
    expect_errno(pipe(others), ENFILE);
    close(ends[0]);
    close(ends[1]);
    expect_ok(pipe(others));
}

static void hard_limit(void)
{
    check_with("pipe-user-pages-hard", 20, open_beyond_hard);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {TEST(largest), TEST(largest_changed), TEST(soft_limit),
                                        TEST(hard_limit)};

    return TAP_MAIN(argc, argv, tests);
}
