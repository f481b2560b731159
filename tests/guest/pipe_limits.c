/* How large pipes may be: F_SETPIPE_SZ, and the limits in /proc/sys/fs (pipe(7)). */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USER 54321

static void become_user(void)
{
    if (geteuid())
        skip("needs the privilege to become another user");
    expect_ok(setresuid(USER, USER, USER));
}

static void largest(void)
{
    int ends[2];

    CHECK_EQ(read_setting("fs/pipe-max-size"), 1048576);
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
    long old = change_setting(name, value);
    int status = child_status(function, NULL);
    change_setting(name, old);
    expect_exited(status, 0);
}

static void open_small(void *argument)
{
    int ends[2];

    (void)argument;
    CHECK_EQ(read_setting("fs/pipe-max-size"), 16384);
    become_user();
    expect_ok(pipe(ends));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 16384);
    expect_errno(fcntl(ends[0], F_SETPIPE_SZ, 16385), EPERM);
}

static void largest_changed(void)
{
    check_with("fs/pipe-max-size", 16000, open_small);
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
    check_with("fs/pipe-user-pages-soft", 20, open_beyond_soft);
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
    check_with("fs/pipe-user-pages-hard", 20, open_beyond_hard);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {TEST(largest), TEST(largest_changed), TEST(soft_limit),
                                        TEST(hard_limit)};

    return TAP_MAIN(argc, argv, tests);
}
