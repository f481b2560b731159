/* Pseudo-terminals: opening, locking, ends that close, packet mode, and /dev/pts. */
#include "terminals.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define DEVPTS_MAGIC 0x1cd1

static int pair_number(int fd)
{
    int number = -1;

    expect_ok(ioctl(fd, TIOCGPTN, &number));
    return number;
}

static void names(void)
{
    struct stat status;
    struct statfs system;
    char name[64];

    open_pair();
    int number = pair_number(master);
    snprintf(name, sizeof(name), "/dev/pts/%d", number);
    CHECK_STRING(ptsname(master), name);
    CHECK_STRING(ttyname(slave), name);
    expect_ok(fstat(slave, &status));
    CHECK(S_ISCHR(status.st_mode));
    CHECK_EQ(major(status.st_rdev), 136);
    CHECK_EQ(minor(status.st_rdev), number);
    expect_ok(fstat(master, &status));
    CHECK_EQ(major(status.st_rdev), 5);
    CHECK_EQ(minor(status.st_rdev), 2);
    expect_ok(statfs("/dev/pts", &system));
    CHECK_EQ(system.f_type, DEVPTS_MAGIC);
    CHECK(isatty(slave) && isatty(master));
    expect_errno(ioctl(slave, TIOCGPTN, &number), ENOTTY);
    expect_ok(close(master));
    expect_errno(stat(name, &status), ENOENT);
}

/* struct termio has the lower halves of the flags, and eight characters. */
static void old_settings(void)
{
    struct termios before, after;
    struct termio old;

    open_pair();
    expect_ok(tcgetattr(slave, &before));
    before.c_lflag |= EXTPROC; /* in the upper half */
    expect_ok(tcsetattr(slave, TCSANOW, &before));
    expect_ok(ioctl(slave, TCGETA, &old));
    CHECK_EQ(old.c_iflag, before.c_iflag & 0xffff);
    CHECK_EQ(old.c_lflag, before.c_lflag & 0xffff);
    CHECK_EQ(old.c_cc[VINTR], before.c_cc[VINTR]);
    old.c_lflag &= (unsigned short)~ECHO;
    old.c_cc[VINTR] = 7;
    expect_ok(ioctl(slave, TCSETA, &old));
    expect_ok(tcgetattr(slave, &after));
    CHECK_EQ(after.c_lflag, before.c_lflag & ~(unsigned)ECHO);
    CHECK_EQ(after.c_cc[VINTR], 7);
    CHECK_EQ(after.c_cc[VSUSP], before.c_cc[VSUSP]);
    CHECK_EQ(after.c_cflag, before.c_cflag);
    old.c_lflag |= ECHO;
    expect_ok(ioctl(slave, TCSETAW, &old));
    CHECK_EQ(write(master, "typed", 5), 5);
    expect_ok(ioctl(slave, TCSETAF, &old)); /* throws what has been typed away */
    CHECK_EQ(write(master, "new\n", 4), 4);
    char text[16];
    CHECK_EQ(read(slave, text, sizeof(text)), 4);
    expect_errno(ioctl(slave, TCSETA, NULL), EFAULT);
}

static void locked_settings(void)
{
    struct termios locked, settings;

    open_pair();
    expect_ok(ioctl(slave, TIOCGLCKTRMIOS, &locked));
    CHECK_EQ(locked.c_lflag, 0);
    locked.c_lflag = ECHO;
    locked.c_cc[VINTR] = 1;
    if (geteuid() != 0) {
        expect_errno(ioctl(slave, TIOCSLCKTRMIOS, &locked), EPERM);
        return;
    }
    expect_ok(ioctl(slave, TIOCSLCKTRMIOS, &locked));
    expect_ok(tcgetattr(slave, &settings));
    CHECK(settings.c_lflag & ECHO);
    settings.c_lflag &= ~(unsigned)(ECHO | ISIG);
    settings.c_cc[VINTR] = settings.c_cc[VSUSP] = 7;
    expect_ok(tcsetattr(slave, TCSANOW, &settings));
    expect_ok(tcgetattr(slave, &settings));
    CHECK_EQ(settings.c_lflag & (ECHO | ISIG), ECHO);
    CHECK_EQ(settings.c_cc[VINTR], 3);
    CHECK_EQ(settings.c_cc[VSUSP], 7);
}

static bool is_listed(const char *name)
{
    DIR *directory = opendir("/dev/pts");
    struct dirent *entry;
    bool found = false;

    CHECK(directory != NULL);
    while ((entry = readdir(directory)))
        found = found || !strcmp(entry->d_name, name);
    closedir(directory);
    return found;
}

/* The lowest number that is free is taken. */
static void numbers(void)
{
    int pairs[4], middle;
    char name[16];

    for (int i = 0; i < 4; i++)
        pairs[i] = expect_ok(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    middle = pair_number(pairs[1]);
    CHECK(pair_number(pairs[0]) < middle && middle < pair_number(pairs[2]));
    snprintf(name, sizeof(name), "%d", middle);
    CHECK(is_listed(name) && is_listed("ptmx"));
    expect_ok(close(pairs[1]));
    CHECK(!is_listed(name));
    pairs[1] = expect_ok(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    CHECK_EQ(pair_number(pairs[1]), middle);
    CHECK(is_listed(name));
}

static void lock(void)
{
    int on = 1, locked;

    open_master();
    expect_ok(ioctl(master, TIOCSPTLCK, &on));
    expect_ok(ioctl(master, TIOCGPTLCK, &locked));
    CHECK_EQ(locked, 1);
    expect_errno(open(ptsname(master), O_RDWR | O_NOCTTY), EIO);
    expect_errno(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), EIO);
    expect_ok(unlockpt(master));
    slave = expect_ok(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    CHECK_EQ(fcntl(slave, F_GETFD), FD_CLOEXEC);
    CHECK_STRING(ttyname(slave), ptsname(master));
}

/* What nobody reads waits; the slave may come and go. */
static void slave_comes_and_goes(void)
{
    char byte;

    open_master();
    expect_ok(fcntl(master, F_SETFL, O_NONBLOCK));
    CHECK_EQ(events_of(master), POLLOUT);
    expect_errno(read(master, &byte, 1), EAGAIN);
    type("early\n");
    slave = open_slave(0);
    expect_line("early\n");
    write_all(slave, "bye", 3);
    expect_ok(close(slave));
    expect_bytes(master, "early\r\nbye");
    expect_errno(read(master, &byte, 1), EIO);
    CHECK_EQ(events_of(master), POLLOUT | POLLHUP);
    type("again\n");
    slave = open_slave(0);
    expect_line("again\n");
    expect_bytes(master, "again\r\n");
    CHECK_EQ(events_of(master), POLLOUT);
    int other = open_slave(0);
    expect_ok(close(slave));
    CHECK_EQ(events_of(master), POLLOUT);
    expect_ok(close(other));
    CHECK_EQ(events_of(master), POLLOUT | POLLHUP);
}

static void read_blocked(void *argument)
{
    char byte;

    (void)argument;
    close(master);
    ssize_t count = read(slave, &byte, 1); /* 0 if it comes too late to be blocked */
    CHECK(count == 0 || (count == -1 && errno == EIO));
}

static void master_closes(void)
{
    struct termios settings;
    char byte;

    open_pair();
    pid_t pid = spawn(read_blocked, NULL);
    usleep(50000);
    expect_ok(close(master));
    expect_exited(reap(pid), 0);
    CHECK_EQ(read(slave, &byte, 1), 0);
    expect_errno(write(slave, "x", 1), EIO);
    expect_errno(tcgetattr(slave, &settings), EIO);
    expect_errno(ioctl(slave, TIOCSPGRP, &(int){1}), ENOTTY);
    CHECK_EQ(events_of(slave), POLLIN | POLLOUT | POLLERR | POLLHUP);
}

static void errors(void)
{
    int number;
    char byte;

    open_pair();
    expect_errno(lseek(slave, 0, SEEK_SET), ESPIPE);
    expect_errno(pread(slave, &byte, 1, 0), ESPIPE);
    expect_errno(lseek(master, 0, SEEK_SET), ESPIPE);
    expect_errno(ioctl(slave, 0x4b33, &number), ENOTTY); /* KDGKBTYPE, of virtual consoles */
    expect_errno(ioctl(slave, TIOCMGET, &number), ENOTTY);
    expect_errno(ioctl(slave, TIOCGPGRP, &number), ENOTTY);
    expect_errno(ioctl(slave, TIOCGSID, &number), ENOTTY);
    expect_errno(ioctl(master, TIOCGSID, &number), ENOTTY);
    expect_ok(ioctl(master, TIOCGPGRP, &number));
    CHECK_EQ(number, 0);
    expect_ok(ioctl(slave, TIOCGETD, &number));
    CHECK_EQ(number, 0);
    expect_errno(ioctl(slave, TCFLSH, 17), EINVAL);
    expect_errno(ioctl(slave, TCXONC, 17), EINVAL);
    expect_errno(ioctl(slave, TCGETS, NULL), EFAULT);
    expect_ok(tcsendbreak(slave, 0));
    expect_ok(tcdrain(slave));
    expect_errno(unlink(ptsname(master)), EPERM);
    expect_errno(mkdir("/dev/pts/directory", 0700), EPERM);
    expect_errno(open("/dev/pts/file", O_RDWR | O_CREAT, 0600), EACCES);
    expect_ok(chmod(ptsname(master), 0622));
    struct stat status;
    expect_ok(fstat(slave, &status));
    CHECK_EQ(status.st_mode & 07777, 0622);
}

static void window_size(void)
{
    struct winsize size = {24, 80, 640, 480}, seen;

    open_pair();
    expect_ok(ioctl(slave, TIOCGWINSZ, &seen));
    CHECK_EQ(seen.ws_row, 0);
    expect_ok(ioctl(master, TIOCSWINSZ, &size));
    expect_ok(ioctl(slave, TIOCGWINSZ, &seen));
    CHECK(memcmp(&size, &seen, sizeof(size)) == 0);
}

/* The settings are those of the slave, whichever side asks. */
static void settings_of_both(void)
{
    struct termios settings;

    open_pair();
    expect_ok(tcgetattr(master, &settings));
    CHECK_EQ(settings.c_iflag, ICRNL | IXON);
    CHECK_EQ(settings.c_oflag, OPOST | ONLCR);
    CHECK_EQ(settings.c_cflag, B38400 | CS8 | CREAD);
    CHECK_EQ(settings.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
    CHECK_EQ(settings.c_cc[VERASE], 0x7f);
    CHECK_EQ(cfgetospeed(&settings), B38400);
    cfmakeraw(&settings);
    cfsetspeed(&settings, B9600);
    expect_ok(tcsetattr(master, TCSANOW, &settings));
    expect_ok(tcgetattr(slave, &settings));
    CHECK_EQ(settings.c_lflag & (ICANON | ECHO), 0);
    CHECK_EQ(cfgetospeed(&settings), B9600);
    CHECK_EQ(settings.c_cflag & CSIZE, CS8);
}

static void packets(void)
{
    int on = 1;

    open_pair();
    expect_ok(ioctl(master, TIOCPKT, &on));
    write_all(slave, "hi\n", 3);
    expect_bytes(master, "\0hi\r\n");
    expect_ok(tcflush(slave, TCIFLUSH));
    CHECK_EQ(events_of(master), POLLIN | POLLPRI | POLLOUT);
    expect_bytes(master, "\1"); /* TIOCPKT_FLUSHREAD */
    expect_ok(tcflush(slave, TCOFLUSH));
    expect_bytes(master, "\2"); /* TIOCPKT_FLUSHWRITE */
    expect_ok(tcflow(slave, TCOOFF));
    expect_bytes(master, "\4"); /* TIOCPKT_STOP */
    expect_ok(tcflow(slave, TCOON));
    expect_bytes(master, "\10"); /* TIOCPKT_START */
    change(input_flags, IXON, 0);
    expect_bytes(master, "\20"); /* TIOCPKT_NOSTOP */
    change(input_flags, 0, IXON);
    expect_bytes(master, " "); /* TIOCPKT_DOSTOP */
    on = 0;
    expect_ok(ioctl(master, TIOCPKT, &on));
    write_all(slave, "x", 1);
    expect_bytes(master, "x");
}

/* More than all buffers hold, through both directions at once, in order. */
static void pump(void *argument)
{
    char buffer[1000];
    size_t size = *(size_t *)argument;

    close(master);
    for (size_t done = 0; done < size; done += sizeof(buffer)) {
        read_all(slave, buffer, sizeof(buffer));
        write_all(slave, buffer, sizeof(buffer));
    }
}

static void flood(void)
{
    size_t size = 200000, sent = 0, got = 0;
    struct termios settings;
    char buffer[3000];

    open_pair();
    expect_ok(tcgetattr(slave, &settings));
    cfmakeraw(&settings);
    expect_ok(tcsetattr(slave, TCSANOW, &settings));
    pid_t pid = spawn(pump, &size);
    expect_ok(fcntl(master, F_SETFL, O_NONBLOCK));
    while (got < size) {
        struct pollfd entry = {master, (short)(POLLIN | (sent < size ? POLLOUT : 0)), 0};
        CHECK_EQ(poll(&entry, 1, 20000), 1);
        if (entry.revents & POLLOUT) {
            size_t count = size - sent < sizeof(buffer) ? size - sent : sizeof(buffer);
            pattern_fill(buffer, sent, count);
            ssize_t written = write(master, buffer, count);
            CHECK(written > 0 || errno == EAGAIN);
            sent += written > 0 ? (size_t)written : 0;
        }
        if (entry.revents & POLLIN) {
            ssize_t count = expect_ok(read(master, buffer, sizeof(buffer)));
            CHECK_PATTERN(buffer, got, (size_t)count);
            got += (size_t)count;
        }
    }
    expect_exited(reap(pid), 0);
}

static void full(void)
{
    char buffer[4096];
    long total = 0;

    open_pair();
    expect_ok(fcntl(slave, F_SETFL, O_NONBLOCK));
    memset(buffer, 'x', sizeof(buffer));
    while (write(slave, buffer, sizeof(buffer)) > 0)
        total++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(total > 1);
    expect_ok(fcntl(master, F_SETFL, O_NONBLOCK));
    total = 0;
    change(local_flags, ICANON | ECHO, 0);
    while (write(master, buffer, sizeof(buffer)) > 0)
        total++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(total > 1);
}

static const struct test tests[] = {
    TEST(names),       TEST(old_settings),         TEST(locked_settings), TEST(numbers),
    TEST(lock),        TEST(slave_comes_and_goes), TEST(master_closes),   TEST(errors),
    TEST(window_size), TEST(settings_of_both),     TEST(packets),         TEST(flood),
    TEST(full),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
