/* inotify: which events come, with which names, in which order. */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int fd;
static char buffer[8192] __attribute__((aligned(8)));

static const struct {
    uint32_t bit;
    const char *name;
} names[] = {
    {IN_ACCESS, "access"},
    {IN_MODIFY, "modify"},
    {IN_ATTRIB, "attrib"},
    {IN_CLOSE_WRITE, "close_write"},
    {IN_CLOSE_NOWRITE, "close_nowrite"},
    {IN_OPEN, "open"},
    {IN_MOVED_FROM, "moved_from"},
    {IN_MOVED_TO, "moved_to"},
    {IN_CREATE, "create"},
    {IN_DELETE, "delete"},
    {IN_DELETE_SELF, "delete_self"},
    {IN_MOVE_SELF, "move_self"},
    {IN_UNMOUNT, "unmount"},
    {IN_Q_OVERFLOW, "overflow"},
    {IN_IGNORED, "ignored"},
    {IN_ISDIR, "dir"},
};

static void make(int flags)
{
    fd = expect_ok(inotify_init1(flags));
}

static int watch(const char *path, uint32_t mask)
{
    return expect_ok(inotify_add_watch(fd, path, mask));
}

static void describe(char *text, size_t size, const struct inotify_event *event)
{
    size_t length = strlen(text);
    length += (size_t)snprintf(text + length, size - length, "%s%d", length ? " " : "", event->wd);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (event->mask & names[i].bit)
            length += (size_t)snprintf(text + length, size - length, "%c%s",
                                       names[i].bit == IN_ISDIR ? '+' : ':', names[i].name);
    if (event->len)
        snprintf(text + length, size - length, ":%s", event->name);
}

/* All events that are there, as text; *cookies gets those of moves. */
static const char *events_with(uint32_t *cookies)
{
    static char text[4096];
    ssize_t size = read(fd, buffer, sizeof(buffer));

    text[0] = '\0';
    if (size == -1 && errno == EAGAIN)
        return text;
    expect_ok(size);
    for (char *at = buffer; at < buffer + size;) {
        const struct inotify_event *event = (struct inotify_event *)(void *)at;
        describe(text, sizeof(text), event);
        if (event->cookie && cookies)
            *cookies++ = event->cookie;
        at += sizeof(*event) + event->len;
    }
    return text;
}

#define CHECK_EVENTS(expected) CHECK_STRING(events_with(NULL), expected)

static void errors(void)
{
    int other = pattern_file("file", 1);

    expect_errno(inotify_init1(1), EINVAL);
    make(IN_NONBLOCK | IN_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_errno(inotify_add_watch(fd, "file", 0), EINVAL);
    expect_errno(inotify_add_watch(fd, "none", IN_OPEN), ENOENT);
    expect_errno(inotify_add_watch(fd, "file", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    expect_errno(inotify_add_watch(other, "file", IN_OPEN), EINVAL);
    expect_errno(inotify_add_watch(1000, "file", IN_OPEN), EBADF);
    expect_errno(inotify_add_watch(fd, (char *)8, IN_OPEN), EFAULT);
    expect_errno(inotify_add_watch(fd, "file", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
    expect_errno(inotify_rm_watch(fd, 1), EINVAL);
    expect_errno(inotify_rm_watch(other, 1), EINVAL);
    expect_errno(inotify_rm_watch(1000, 1), EBADF);
    expect_errno(read(fd, buffer, sizeof(buffer)), EAGAIN);
    expect_errno(write(fd, buffer, 1), EBADF);
    int number = watch("file", IN_OPEN);
    CHECK_EQ(watch("file", IN_OPEN), number);
    expect_errno(inotify_add_watch(fd, "file", IN_OPEN | IN_MASK_CREATE), EEXIST);
    CHECK_EQ(watch(".", IN_OPEN), number + 1);
}

static void a_file(void)
{
    char byte;

    close(pattern_file("file", 10));
    make(IN_NONBLOCK);
    watch("file", IN_ALL_EVENTS);
    int file = expect_ok(open("file", O_RDWR));
    CHECK_EVENTS("1:open");
    CHECK_EQ(read(file, &byte, 1), 1);
    CHECK_EVENTS("1:access");
    CHECK_EQ(write(file, "x", 1), 1);
    CHECK_EVENTS("1:modify");
    expect_ok(ftruncate(file, 5));
    CHECK_EVENTS("1:modify");
    expect_ok(fchmod(file, 0600));
    CHECK_EVENTS("1:attrib");
    expect_ok(futimens(file, NULL));
    CHECK_EVENTS("1:attrib");
    expect_ok(close(file));
    CHECK_EVENTS("1:close_write");
    file = expect_ok(open("file", O_RDONLY));
    expect_ok(close(file));
    CHECK_EVENTS("1:open 1:close_nowrite");
    expect_ok(link("file", "link"));
    CHECK_EVENTS("1:attrib");
    expect_ok(unlink("link"));
    CHECK_EVENTS("1:attrib");
    expect_ok(rename("file", "moved"));
    CHECK_EVENTS("1:move_self");
    expect_ok(unlink("moved"));
    CHECK_EVENTS("1:attrib 1:delete_self 1:ignored");
    expect_errno(inotify_rm_watch(fd, 1), EINVAL);
}

static void a_directory(void)
{
    make(IN_NONBLOCK);
    watch(".", IN_ALL_EVENTS);
    int file = expect_ok(open("new", O_CREAT | O_WRONLY, 0600));
    CHECK_EVENTS("1:create:new 1:open:new");
    write_all(file, "x", 1);
    expect_ok(close(file));
    CHECK_EVENTS("1:modify:new 1:close_write:new");
    expect_ok(mkdir("directory", 0700));
    CHECK_EVENTS("1:create+dir:directory");
    expect_ok(chmod("directory", 0755));
    CHECK_EVENTS("1:attrib+dir:directory");
    expect_ok(symlink("new", "link"));
    CHECK_EVENTS("1:create:link");
    expect_ok(link("new", "other"));
    CHECK_EVENTS("1:create:other");
    expect_ok(mkfifo("fifo", 0600));
    CHECK_EVENTS("1:create:fifo");
    expect_ok(unlink("fifo"));
    expect_ok(rmdir("directory"));
    CHECK_EVENTS("1:delete:fifo 1:delete+dir:directory");
    expect_ok(truncate("new", 0));
    CHECK_EVENTS("1:modify:new");
}

static void moves(void)
{
    uint32_t cookies[4] = {0};

    expect_ok(mkdir("a", 0700));
    expect_ok(mkdir("b", 0700));
    close(pattern_file("a/file", 1));
    close(pattern_file("b/old", 1));
    make(IN_NONBLOCK);
    watch("a", IN_MOVE | IN_DELETE);
    watch("b", IN_MOVE | IN_DELETE);
    watch("a/file", IN_MOVE_SELF);
    watch("b/old", IN_DELETE_SELF | IN_ATTRIB);
    expect_ok(rename("a/file", "a/name"));
    CHECK_STRING(events_with(cookies), "1:moved_from:file 1:moved_to:name 3:move_self");
    CHECK(cookies[0] && cookies[0] == cookies[1]);
    expect_ok(rename("a/name", "b/old"));
    CHECK_STRING(events_with(cookies + 2),
                 "1:moved_from:name 2:moved_to:old 4:attrib 3:move_self 4:delete_self 4:ignored");
    CHECK(cookies[2] && cookies[2] == cookies[3] && cookies[2] != cookies[0]);
    expect_ok(rename("a", "b/a"));
    CHECK_EVENTS("2:moved_to+dir:a");
}

/* A removed file is gone when the last descriptor is. */
static void removed_but_open(void)
{
    int file = pattern_file("file", 1);

    make(IN_NONBLOCK);
    watch("file", IN_DELETE_SELF | IN_CLOSE);
    watch(".", IN_DELETE | IN_CLOSE | IN_EXCL_UNLINK);
    expect_ok(unlink("file"));
    CHECK_EVENTS("2:delete:file");
    expect_ok(close(file));
    CHECK_EVENTS("1:close_write 1:delete_self 1:ignored");
    expect_ok(mkdir("directory", 0700));
    CHECK_EQ(watch("directory", IN_DELETE_SELF), 3);
    expect_ok(rmdir("directory"));
    CHECK_EVENTS("3:delete_self 3:ignored 2:delete+dir:directory");
}

static void masks(void)
{
    close(pattern_file("file", 1));
    make(IN_NONBLOCK);
    watch("file", IN_OPEN);
    watch("file", IN_CLOSE | IN_MASK_ADD);
    close(expect_ok(open("file", O_RDONLY)));
    CHECK_EVENTS("1:open 1:close_nowrite");
    watch("file", IN_CLOSE);
    close(expect_ok(open("file", O_RDONLY)));
    CHECK_EVENTS("1:close_nowrite");
    expect_ok(inotify_rm_watch(fd, 1));
    CHECK_EVENTS("1:ignored");
    CHECK_EQ(watch("file", IN_OPEN | IN_ONESHOT), 2);
    close(expect_ok(open("file", O_RDONLY)));
    close(expect_ok(open("file", O_RDONLY)));
    CHECK_EVENTS("2:open 2:ignored");
    expect_ok(symlink("file", "link"));
    watch("link", IN_ATTRIB | IN_DONT_FOLLOW);
    expect_ok(chmod("file", 0600));
    CHECK_EVENTS("");
}

/* The same event twice in a row is one. */
static void merging(void)
{
    int file = pattern_file("file", 1);

    make(IN_NONBLOCK);
    watch("file", IN_MODIFY | IN_ATTRIB);
    write_all(file, "x", 1);
    write_all(file, "x", 1);
    expect_ok(fchmod(file, 0600));
    write_all(file, "x", 1);
    CHECK_EVENTS("1:modify 1:attrib 1:modify");
}

static void reading(void)
{
    struct pollfd poller;
    int size;

    make(IN_NONBLOCK);
    poller = (struct pollfd){.fd = fd, .events = POLLIN};
    watch(".", IN_CREATE);
    CHECK_EQ(poll(&poller, 1, 0), 0);
    write_file("a", "", 0600);
    write_file("a-name-of-20-letters", "", 0600);
    CHECK_EQ(poll(&poller, 1, 0), 1);
    expect_ok(ioctl(fd, FIONREAD, &size));
    CHECK_EQ(size, 16 + 16 + 16 + 32);
    expect_errno(read(fd, buffer, 31), EINVAL);
    CHECK_EQ(read(fd, buffer, 32 + 47), 32);
    CHECK_EQ(read(fd, buffer, 48), 48);
    CHECK_EQ(((struct inotify_event *)(void *)buffer)->len, 32);
    CHECK_EQ(poll(&poller, 1, 0), 0);
}

static void create_late(void *argument)
{
    usleep(30000);
    write_file(argument, "", 0600);
}

static void waiting(void)
{
    make(0);
    watch(".", IN_CREATE);
    pid_t pid = spawn(create_late, "late");
    CHECK_EVENTS("1:create:late");
    expect_exited(reap(pid), 0);
}

static void overflow(void)
{
    long count = 0, lost = 0;
    ssize_t size;

    make(IN_NONBLOCK);
    write_file("x", "", 0600);
    watch(".", IN_OPEN | IN_CLOSE);
    for (int i = 0; i < 9000; i++)
        close(expect_ok(open("x", O_RDONLY)));
    while ((size = read(fd, buffer, sizeof(buffer))) > 0) {
        for (char *at = buffer; at < buffer + size;) {
            const struct inotify_event *event = (struct inotify_event *)(void *)at;
            count++;
            if (event->mask & IN_Q_OVERFLOW) {
                lost++;
                CHECK_EQ(event->wd, -1);
                CHECK_EQ(event->len, 0);
            }
            at += sizeof(*event) + event->len;
        }
    }
    CHECK_EQ(count, 16385);
    CHECK_EQ(lost, 1);
}

/* Watches come and go while others make events. */
static void make_events(void *argument)
{
    char name[32];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "%s%d", (char *)argument, i % 10);
        write_file(name, "x", 0600);
        expect_ok(rename(name, argument));
        expect_ok(unlink(argument));
    }
}

static void make_watches(void *argument)
{
    (void)argument;
    for (int i = 0; i < 200; i++) {
        make(IN_NONBLOCK);
        watch(".", IN_ALL_EVENTS);
        for (int j = 0; j < 10; j++) {
            char name[32];
            snprintf(name, sizeof(name), "a%d", j);
            inotify_add_watch(fd, name, IN_ALL_EVENTS);
        }
        while (read(fd, buffer, sizeof(buffer)) > 0)
            ;
        expect_ok(close(fd));
    }
}

static void storm(void)
{
    pid_t pids[4] = {spawn(make_events, "a"), spawn(make_events, "b"), spawn(make_watches, NULL),
                     spawn(make_watches, NULL)};
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
}

/* Of what does not fit into the queue, whose length is a setting, one event tells. */
static void short_queue(void)
{
    struct inotify_event events[16];
    long old = change_setting("fs/inotify/max_queued_events", 4);
    int notify = inotify_init1(IN_NONBLOCK);

    change_setting("fs/inotify/max_queued_events", old);
    expect_ok(notify);
    write_file("file", "x", 0600);
    expect_ok(inotify_add_watch(notify, "file", IN_OPEN | IN_CLOSE));
    for (int i = 0; i < 5; i++)
        close(expect_ok(open("file", O_RDONLY)));
    CHECK_EQ(read(notify, events, sizeof(events)), (ssize_t)(5 * sizeof(events[0])));
    CHECK_EQ(events[3].mask, IN_CLOSE_NOWRITE);
    CHECK(events[4].mask == IN_Q_OVERFLOW && events[4].wd == -1);
}

/* Of a user that nobody else is. */
static void limits(void)
{
    enum { FILES = 3, WATCHES = 4, USER = 54321 };
    long files = change_setting("fs/inotify/max_user_instances", FILES);
    long watches = change_setting("fs/inotify/max_user_watches", WATCHES);
    int first = -1, fds[FILES];
    char name[16];
    bool too_many_files = false, too_many_watches = false, room_again = false;

    expect_ok(chmod(".", 0777));
    expect_ok(setresuid(-1, USER, -1));
    for (int i = 0; i < FILES; i++)
        fds[i] = inotify_init1(0);
    too_many_files = inotify_init1(0) < 0 && errno == EMFILE;
    for (int i = 0; i <= WATCHES; i++) {
        snprintf(name, sizeof(name), "file%d", i);
        write_file(name, "", 0644);
        int number = inotify_add_watch(fds[i % 2], name, IN_MODIFY);
        if (i == 0)
            first = number;
        too_many_watches = number < 0 && errno == ENOSPC;
    }
    if (inotify_add_watch(fds[0], "file0", IN_OPEN) == first &&
        inotify_rm_watch(fds[0], first) == 0)
        room_again = inotify_add_watch(fds[2], name, IN_MODIFY) > 0;
    close(fds[1]);
    int again = inotify_init1(0), watch = inotify_add_watch(again, name, IN_MODIFY);
    expect_ok(seteuid(0));
    change_setting("fs/inotify/max_user_instances", files);
    change_setting("fs/inotify/max_user_watches", watches);
    CHECK(too_many_files && too_many_watches && room_again);
    CHECK(again >= 0 && watch > 0);
}

static const struct test tests[] = {
    TEST(limits),           TEST(errors), TEST(a_file),      TEST(a_directory), TEST(moves),
    TEST(removed_but_open), TEST(masks),  TEST(merging),     TEST(reading),     TEST(waiting),
    TEST(overflow),         TEST(storm),  TEST(short_queue),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
