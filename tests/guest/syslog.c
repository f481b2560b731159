/* syslog(2): the kernel's messages. */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

enum { READ_ALL = 3, CLEAR = 5, CONSOLE_LEVEL = 8, SIZE_UNREAD = 9, SIZE_BUFFER = 10 };

static void messages_are_kept(void)
{
    int size = klogctl(SIZE_BUFFER, NULL, 0), level;
    unsigned long seconds, microseconds;

    if (size < 0 && (errno == EPERM || errno == ENOSYS))
        skip("the log is not for this process");
    CHECK(size >= 4096);
    char *text = malloc((size_t)size + 1);
    int length = klogctl(READ_ALL, text, size);
    if (length < 0 && errno == EPERM)
        skip("the log is not for this process");
    CHECK(length >= 0 && length <= size);
    if (length == 0)
        skip("the log is empty");
    text[length] = '\0';
    CHECK_EQ(sscanf(text, "<%d>[%lu.%lu]", &level, &seconds, &microseconds), 3);
    CHECK_EQ(text[length - 1], '\n');
    /* Whole messages, the last ones, however small the room. */
    for (int room = 1; room < 1000; room += 7) {
        length = klogctl(READ_ALL, text, room);
        CHECK(length >= 0 && length <= room);
        text[length] = '\0';
        CHECK(length == 0 || sscanf(text, "<%d>[%lu.%lu]", &level, &seconds, &microseconds) == 3);
    }
}

static void bad_arguments(void)
{
    char text[16];

    if (geteuid() != 0)
        skip("not root");
    expect_errno(klogctl(READ_ALL, NULL, 16), EINVAL);
    expect_errno(klogctl(READ_ALL, text, -1), EINVAL);
    CHECK_EQ(klogctl(READ_ALL, text, 0), 0);
    expect_errno(klogctl(11, text, 16), EINVAL);
    expect_errno(klogctl(-1, text, 16), EINVAL);
    expect_errno(klogctl(CONSOLE_LEVEL, NULL, 0), EINVAL);
    expect_errno(klogctl(CONSOLE_LEVEL, NULL, 9), EINVAL);
}

static void not_for_all(void)
{
    if (geteuid() != 0)
        skip("not root");
    expect_ok(setuid(1234));
    expect_errno(klogctl(CLEAR, NULL, 0), EPERM);
    expect_errno(klogctl(SIZE_UNREAD, NULL, 0), EPERM);
}

static const struct test tests[] = {
    TEST(messages_are_kept),
    TEST(bad_arguments),
    TEST(not_for_all),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
