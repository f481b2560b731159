/*
 * What the tests of terminals share: a pseudo-terminal, typing on it, and what is seen.
 *
 * On Linux bytes take a moment from one side to the other, so tests wait for what they expect.
 */
#ifndef MAPIX_TESTS_TERMINALS_H
#define MAPIX_TESTS_TERMINALS_H

#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int master, slave; /* of open_pair; both wait when there is nothing */

static inline void open_master(void)
{
    master = expect_ok(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    expect_ok(grantpt(master));
    expect_ok(unlockpt(master));
}

static inline int open_slave(int flags)
{
    return expect_ok(open(ptsname(master), O_RDWR | O_NOCTTY | flags));
}

static inline void open_pair(void)
{
    open_master();
    slave = open_slave(0);
}

/* Wait up to ten seconds, which is for ever. */
static inline bool wait_readable(int fd)
{
    struct pollfd entry = {fd, POLLIN, 0};
    return poll(&entry, 1, 10000) == 1;
}

/* Is there nothing to read, now and a moment later? */
static inline bool is_silent(int fd)
{
    struct pollfd entry = {fd, POLLIN, 0};
    return poll(&entry, 1, 50) == 0;
}

static inline short events_of(int fd)
{
    struct pollfd entry = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    expect_ok(poll(&entry, 1, 0));
    return entry.revents;
}

static inline void type(const char *text)
{
    write_all(master, text, strlen(text));
}

#define expect_bytes(fd, text) check_bytes(fd, text, sizeof(text) - 1, __FILE__, __LINE__)

/* The next bytes of fd are these. */
static inline void check_bytes(int fd, const char *text, size_t size, const char *file, int line)
{
    char buffer[8192];
    size_t done = 0;

    while (done < size) {
        if (!wait_readable(fd))
            fail("%s:%d: only %zu of %zu bytes came: \"%.*s\"", file, line, done, size, (int)done,
                 buffer);
        ssize_t count = read(fd, buffer + done, size - done);
        if (count <= 0)
            fail("%s:%d: read: %zd, %s", file, line, count, error_name(errno));
        done += (size_t)count;
    }
    if (memcmp(buffer, text, size) != 0)
        fail("%s:%d: got \"%.*s\", expected \"%s\"", file, line, (int)size, buffer, text);
}

#define expect_line(text) check_line(text, sizeof(text) - 1, __FILE__, __LINE__)

/* One read of the slave gets exactly this. */
static inline void check_line(const char *text, size_t size, const char *file, int line)
{
    char buffer[8192];

    if (!wait_readable(slave))
        fail("%s:%d: nothing to read", file, line);
    ssize_t count = read(slave, buffer, sizeof(buffer));
    if (count != (ssize_t)size || memcmp(buffer, text, size) != 0)
        fail("%s:%d: got %zd \"%.*s\", expected \"%s\"", file, line, count,
             count > 0 ? (int)count : 0, buffer, text);
}

/* Change the settings of the slave: bits to clear, and to set. */
static inline struct termios change(tcflag_t *(*which)(struct termios *), tcflag_t clear,
                                    tcflag_t set)
{
    struct termios settings;

    expect_ok(tcgetattr(slave, &settings));
    tcflag_t *flags = which(&settings);
    *flags = (*flags & ~clear) | set;
    expect_ok(tcsetattr(slave, TCSANOW, &settings));
    return settings;
}

static inline tcflag_t *input_flags(struct termios *settings)
{
    return &settings->c_iflag;
}

static inline tcflag_t *output_flags(struct termios *settings)
{
    return &settings->c_oflag;
}

static inline tcflag_t *local_flags(struct termios *settings)
{
    return &settings->c_lflag;
}

static inline void set_character(int index, cc_t byte)
{
    struct termios settings;

    expect_ok(tcgetattr(slave, &settings));
    settings.c_cc[index] = byte;
    expect_ok(tcsetattr(slave, TCSANOW, &settings));
}

#endif
