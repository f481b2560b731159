/*
 * Advisory locks: record locks of processes and of open files (fcntl(2)), and flock(2).
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int open_file(void)
{
    return expect_ok(open("file", O_RDWR | O_CREAT, 0600));
}

static struct flock range(short type, off_t start, off_t length)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static int set(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = range(type, start, length);

    return fcntl(fd, command, &lock);
}

/* What another process sees of the byte: "-" free, "r" or "w", by trying to lock it. */
static char seen(off_t at)
{
    int ends[2];
    char result;

    expect_ok(pipe(ends));
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = range(F_RDLCK, at, 1);
        int fd = open("file", O_RDWR);
        char answer = '-';
        fcntl(fd, F_GETLK, &lock);
        if (lock.l_type == F_WRLCK)
            answer = 'w';
        lock = range(F_WRLCK, at, 1);
        fcntl(fd, F_GETLK, &lock);
        if (lock.l_type == F_RDLCK)
            answer = 'r';
        _exit(write(ends[1], &answer, 1) != 1);
    }
    expect_exited(reap(child), 0);
    CHECK_EQ(read(ends[0], &result, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return result;
}

#define CHECK_SEEN(picture)                                                                        \
    do {                                                                                           \
        char now_[sizeof(picture)] = "";                                                           \
        for (size_t i_ = 0; i_ < sizeof(picture) - 1; i_++)                                        \
            now_[i_] = seen((off_t)i_);                                                            \
        CHECK_STRING(now_, picture);                                                               \
    } while (0)

static void splitting_and_merging(void)
{
    int fd = open_file();

    expect_ok(set(fd, F_SETLK, F_WRLCK, 2, 6));
    CHECK_SEEN("--wwwwww--");
    expect_ok(set(fd, F_SETLK, F_RDLCK, 4, 2));
    CHECK_SEEN("--wwrrww--");
    expect_ok(set(fd, F_SETLK, F_UNLCK, 3, 2));
    CHECK_SEEN("--w--rww--");
    expect_ok(set(fd, F_SETLK, F_RDLCK, 0, 6));
    CHECK_SEEN("rrrrrrww--");
    expect_ok(set(fd, F_SETLK, F_WRLCK, 8, 0));
    CHECK_SEEN("rrrrrrwwww");
    struct flock lock = range(F_WRLCK, 7, 1);
    int ends[2];
    expect_ok(pipe(ends));
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        int other = open("file", O_RDWR);
        CHECK_EQ(fcntl(other, F_GETLK, &lock), 0);
        CHECK_EQ(lock.l_type, F_WRLCK);
        CHECK_EQ(lock.l_start, 6);
        CHECK_EQ(lock.l_len, 0); /* one lock, merged, to the end */
        CHECK_EQ(lock.l_pid, parent);
        CHECK_EQ(lock.l_whence, SEEK_SET);
        _exit(0);
    }
    expect_exited(reap(child), 0);
    expect_ok(set(fd, F_SETLK, F_UNLCK, 0, 0));
    CHECK_SEEN("----------");
}

static void whence_and_length(void)
{
    int fd = open_file();

    expect_ok(ftruncate(fd, 10));
    expect_ok(lseek(fd, 5, SEEK_SET));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = -3};
    expect_ok(fcntl(fd, F_SETLK, &lock));
    CHECK_SEEN("---www----");
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1};
    expect_ok(fcntl(fd, F_SETLK, &lock));
    CHECK_SEEN("---www--r-");
    lock = (struct flock){.l_type = F_RDLCK, .l_whence = 9, .l_start = 0, .l_len = 1};
    expect_errno(fcntl(fd, F_SETLK, &lock), EINVAL);
    expect_errno(set(fd, F_SETLK, F_RDLCK, -1, 1), EINVAL);
    expect_errno(set(fd, F_SETLK, F_RDLCK, 1, -2), EINVAL);
    expect_errno(set(fd, F_SETLK, F_RDLCK, INT64_MAX, 2), EOVERFLOW);
    expect_ok(set(fd, F_SETLK, F_RDLCK, INT64_MAX, 1));
    expect_errno(set(fd, F_SETLK, 7, 0, 1), EINVAL);
    expect_errno(fcntl(fd, F_SETLK, (struct flock *)8), EFAULT);
    expect_errno(set(-1, F_SETLK, F_RDLCK, 0, 1), EBADF);
    int reader = expect_ok(open("file", O_RDONLY)), writer = expect_ok(open("file", O_WRONLY));
    int path = expect_ok(open("file", O_PATH));
    expect_errno(set(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
    expect_errno(set(writer, F_SETLK, F_RDLCK, 0, 1), EBADF);
    expect_errno(set(path, F_SETLK, F_RDLCK, 0, 1), EBADF);
}

/* Locks of others: EAGAIN at once, or waiting until they go, by unlocking, closing or dying. */
static void excluded(void *how)
{
    int fd = open("file", O_RDWR);

    expect_errno(set(fd, F_SETLK, F_RDLCK, 3, 1), EAGAIN);
    expect_ok(set(fd, F_SETLK, F_WRLCK, 4, 1));
    sign_send(how);
    expect_ok(set(fd, F_SETLKW, F_WRLCK, 0, 5));
}

static void waiting(void)
{
    for (int way = 0; way < 3; way++) {
        struct sign sign, ready;
        sign_open(&sign);
        sign_open(&ready);
        int fd = open_file();
        pid_t holder = fork();
        if (holder == 0) {
            int mine = open("file", O_RDWR);
            expect_ok(set(mine, F_SETLK, F_WRLCK, 2, 2));
            sign_send(&ready);
            sign_await(&sign); /* the other waits, or is about to */
            usleep(20000);
            if (way == 0)
                set(mine, F_SETLK, F_UNLCK, 2, 2);
            else if (way == 1)
                close(dup(mine));
            if (way < 2)
                sign_await(&sign);
            _exit(0);
        }
        sign_await(&ready);
        pid_t waiter = spawn(excluded, &sign);
        expect_exited(reap(waiter), 0);
        sign_send(&sign);
        expect_exited(reap(holder), 0);
        close(fd);
    }
}

static void not_inherited(void)
{
    int fd = open_file();

    expect_ok(set(fd, F_SETLK, F_WRLCK, 0, 0));
    pid_t child = fork();
    if (child == 0) {
        expect_errno(set(fd, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
        _exit(0);
    }
    expect_exited(reap(child), 0);
    /* Closing any descriptor of the file drops them. */
    close(expect_ok(open("file", O_RDONLY)));
    CHECK_SEEN("---");
}

static void on_alarm(int number)
{
    (void)number;
}

static void interrupted(void)
{
    int fd = open_file();
    struct sign ready, done;
    struct sigaction action = {.sa_handler = on_alarm};

    sign_open(&ready);
    sign_open(&done);
    pid_t holder = fork();
    if (holder == 0) {
        expect_ok(set(fd, F_SETLK, F_WRLCK, 0, 0));
        int own = open("file", O_RDWR);
        expect_ok(flock(own, LOCK_EX));
        sign_send(&ready);
        sign_await(&done);
        _exit(0);
    }
    sign_await(&ready);
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 2; i++) {
        pid_t self = getpid(), killer = fork();
        if (killer == 0) {
            for (;;) {
                usleep(10000);
                kill(self, SIGUSR1);
            }
        }
        if (i == 0)
            expect_errno(set(fd, F_SETLKW, F_RDLCK, 0, 1), EINTR);
        else
            expect_errno(flock(fd, LOCK_SH), EINTR);
        kill(killer, SIGKILL);
        reap(killer);
    }
    sign_send(&done);
    expect_exited(reap(holder), 0);
}

/* A holds 0 and wants 1, B holds 1 and wants 0: one of them is told. */
static void deadlock(void)
{
    int fd = open_file();
    struct sign ready, go;

    sign_open(&ready);
    sign_open(&go);
    pid_t child = fork();
    if (child == 0) {
        expect_ok(set(fd, F_SETLK, F_WRLCK, 1, 1));
        sign_send(&ready);
        sign_await(&go);
        int result = set(fd, F_SETLKW, F_WRLCK, 0, 1);
        _exit(result == 0 ? 0 : errno == EDEADLK ? 1 : 2);
    }
    expect_ok(set(fd, F_SETLK, F_WRLCK, 0, 1));
    sign_await(&ready);
    sign_send(&go);
    int mine = set(fd, F_SETLKW, F_WRLCK, 1, 1), error = errno;
    if (mine < 0) {
        CHECK_EQ(error, EDEADLK);
        expect_ok(set(fd, F_SETLK, F_UNLCK, 0, 0));
        expect_exited(reap(child), 0);
    } else {
        expect_exited(reap(child), 1);
    }
}

static void of_open_files(void)
{
    int a = open_file(), b = open_file();
    struct flock lock = range(F_WRLCK, 0, 10);

    expect_ok(fcntl(a, F_OFD_SETLK, &lock));
    lock = range(F_RDLCK, 5, 1);
    expect_errno(fcntl(b, F_OFD_SETLK, &lock), EAGAIN);
    expect_errno(fcntl(b, F_SETLK, &lock), EAGAIN); /* against the process's own as well */
    expect_ok(fcntl(b, F_OFD_GETLK, &lock));
    CHECK_EQ(lock.l_type, F_WRLCK);
    CHECK_EQ(lock.l_pid, -1);
    lock.l_pid = 1;
    expect_errno(fcntl(b, F_OFD_SETLK, &lock), EINVAL);
    /* They are inherited, and go with the last descriptor of the open file. */
    int copy = dup(a);
    close(a);
    lock = range(F_RDLCK, 5, 1);
    expect_errno(fcntl(b, F_OFD_SETLK, &lock), EAGAIN);
    pid_t child = fork();
    if (child == 0) {
        lock = range(F_WRLCK, 0, 10);
        expect_ok(fcntl(copy, F_OFD_SETLK, &lock));
        _exit(0);
    }
    expect_exited(reap(child), 0);
    close(copy);
    expect_ok(fcntl(b, F_OFD_SETLK, &lock));
}

static void whole_files(void)
{
    int a = open_file(), b = open_file();

    expect_ok(flock(a, LOCK_SH));
    expect_ok(flock(b, LOCK_SH));
    expect_errno(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    expect_ok(flock(b, LOCK_UN));
    expect_ok(flock(a, LOCK_EX | LOCK_NB));
    expect_errno(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    expect_ok(set(b, F_SETLK, F_WRLCK, 0, 0)); /* record locks are another matter */
    expect_errno(flock(b, 0), EINVAL);
    expect_errno(flock(b, LOCK_EX | LOCK_SH), EINVAL);
    expect_errno(flock(-1, LOCK_EX), EBADF);
    expect_errno(flock(expect_ok(open("file", O_PATH)), LOCK_EX), EBADF);
    /* The lock is the open file's: a child has it too, and may give it up. */
    pid_t child = fork();
    if (child == 0)
        _exit(flock(a, LOCK_UN) != 0);
    expect_exited(reap(child), 0);
    expect_ok(flock(b, LOCK_EX | LOCK_NB));
    close(b);
    expect_ok(flock(a, LOCK_EX | LOCK_NB));
    int reader = expect_ok(open("file", O_RDONLY));
    expect_errno(flock(reader, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    int directory = expect_ok(open(".", O_RDONLY));
    expect_ok(flock(directory, LOCK_EX));
}

/* Several processes count in a file under a lock; nothing is lost. */
enum { PROCESSES = 6, ROUNDS = 200 };

static void count(void *kind)
{
    int fd = open("counter", O_RDWR);

    for (int i = 0; i < ROUNDS; i++) {
        long value;
        struct flock lock = range(F_WRLCK, 100, 1);
        if (kind == NULL)
            expect_ok(flock(fd, LOCK_EX));
        else
            expect_ok(fcntl(fd, *(int *)kind, &lock));
        CHECK_EQ(pread(fd, &value, sizeof(value), 0), sizeof(value));
        value++;
        CHECK_EQ(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
        lock.l_type = F_UNLCK;
        if (kind == NULL)
            expect_ok(flock(fd, LOCK_UN));
        else
            expect_ok(fcntl(fd, *(int *)kind, &lock));
    }
}

static void counting(void)
{
    static int kinds[] = {F_SETLKW, F_OFD_SETLKW};

    for (int kind = 0; kind < 3; kind++) {
        long value = 0;
        pid_t children[PROCESSES];
        int fd = expect_ok(open("counter", O_RDWR | O_CREAT | O_TRUNC, 0600));
        CHECK_EQ(write(fd, &value, sizeof(value)), sizeof(value));
        for (int i = 0; i < PROCESSES; i++)
            children[i] = spawn(count, kind == 2 ? NULL : &kinds[kind]);
        for (int i = 0; i < PROCESSES; i++)
            expect_exited(reap(children[i]), 0);
        CHECK_EQ(pread(fd, &value, sizeof(value), 0), sizeof(value));
        CHECK_EQ(value, PROCESSES * ROUNDS);
        close(fd);
    }
}

/* A process that is killed while it waits, or while it holds, leaves nothing behind. */
static void killed(void)
{
    int fd = open_file();
    struct sign ready;

    sign_open(&ready);
    expect_ok(set(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t child = fork();
    if (child == 0) {
        expect_ok(set(fd, F_SETLK, F_WRLCK, 5, 1));
        sign_send(&ready);
        set(fd, F_SETLKW, F_WRLCK, 0, 1);
        _exit(0);
    }
    sign_await(&ready);
    expect_errno(set(fd, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
    usleep(10000);
    kill(child, SIGKILL);
    expect_signaled(reap(child), SIGKILL);
    expect_ok(set(fd, F_SETLK, F_WRLCK, 5, 1));
    CHECK_SEEN("w----w");
}

static void pipe_sizes(void)
{
    int ends[2];
    static char buffer[200000], back[220000];

    pattern_fill(buffer, 0, sizeof(buffer));
    expect_ok(pipe(ends));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(write(ends[1], buffer, 3000), 3000);
    CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 200000), 262144);
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 262144);
    CHECK_EQ(write(ends[1], buffer + 3000, 197000), 197000);
    expect_errno(fcntl(ends[1], F_SETPIPE_SZ, 65536), EBUSY);
    CHECK_EQ(read(ends[0], back, 190000), 190000);
    expect_ok(fcntl(ends[0], F_SETPIPE_SZ, 16384));
    CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 16384);
    CHECK_EQ(read(ends[0], back + 190000, 20000), 10000);
    CHECK_PATTERN(back, 0, 200000);
    CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 1), 4096);
    int fd = open_file();
    expect_errno(fcntl(fd, F_GETPIPE_SZ), EBADF);
    expect_errno(fcntl(fd, F_SETPIPE_SZ, 4096), EBADF);
}

/* F_OFD_GETLK with F_UNLCK asks for what the open file itself has locked. */
static void own_locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
    int fd = expect_ok(open("file", O_CREAT | O_RDWR, 0600));

    expect_ok(fcntl(fd, F_OFD_SETLK, &lock));
    lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0 && errno == EINVAL)
        skip("not known here");
    CHECK(lock.l_type == F_WRLCK && lock.l_start == 10 && lock.l_len == 5 && lock.l_pid == -1);
    lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 15};
    expect_ok(fcntl(fd, F_OFD_GETLK, &lock));
    CHECK(lock.l_type == F_UNLCK && lock.l_start == 15);
    lock = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
    expect_ok(fcntl(open("file", O_RDWR), F_OFD_GETLK, &lock));
    CHECK_EQ(lock.l_type, F_UNLCK);
    expect_errno(fcntl(fd, F_GETLK, &lock), EINVAL);
}

/* Is there such a line in /proc/locks, behind the number, about our file? */
static bool listed(const char *kind, pid_t pid, const char *range)
{
    char line[256], wanted[256];
    bool found = false;
    struct stat status;

    expect_ok(stat("file", &status));
    snprintf(wanted, sizeof(wanted), ": %s %d %02x:%02x:%lu %s\n", kind, (int)pid,
             major(status.st_dev), minor(status.st_dev), (unsigned long)status.st_ino, range);
    FILE *file = fopen("/proc/locks", "r");
    CHECK(file);
    while (file && fgets(line, sizeof(line), file)) {
        const char *colon = strchr(line, ':');
        found |= colon && !strcmp(colon, wanted);
    }
    fclose(file);
    return found;
}

static void told_in_proc(void)
{
    int fd = open_file(), other = open_file();

    expect_ok(set(fd, F_SETLK, F_WRLCK, 10, 5));
    expect_ok(set(other, F_OFD_SETLK, F_RDLCK, 100, 0));
    expect_ok(flock(fd, LOCK_SH));
    CHECK(listed("POSIX  ADVISORY  WRITE", getpid(), "10 14"));
    CHECK(listed("OFDLCK ADVISORY  READ", -1, "100 EOF"));
    CHECK(listed("FLOCK  ADVISORY  READ", getpid(), "0 EOF"));
    pid_t record = fork();
    if (record == 0)
        _exit(set(fd, F_SETLKW, F_WRLCK, 0, 50) != 0);
    pid_t whole = fork();
    if (whole == 0)
        _exit(flock(other, LOCK_EX) != 0);
    while (!listed("-> POSIX  ADVISORY  WRITE", record, "0 49") ||
           !listed("-> FLOCK  ADVISORY  WRITE", whole, "0 EOF"))
        usleep(1000);
    expect_ok(set(fd, F_SETLK, F_UNLCK, 0, 0));
    expect_ok(flock(fd, LOCK_UN));
    expect_exited(reap(record), 0);
    expect_exited(reap(whole), 0);
    CHECK(!listed("POSIX  ADVISORY  WRITE", getpid(), "10 14"));
    CHECK(listed("OFDLCK ADVISORY  READ", -1, "100 EOF"));
    CHECK(listed("FLOCK  ADVISORY  WRITE", whole, "0 EOF")); /* our open file has it still */
    expect_ok(close(other));
    CHECK(!listed("OFDLCK ADVISORY  READ", -1, "100 EOF"));
    CHECK(!listed("FLOCK  ADVISORY  WRITE", whole, "0 EOF"));
    expect_ok(unlink("file"));
}

static const struct test tests[] = {
    TEST(splitting_and_merging),
    TEST(whence_and_length),
    TEST(waiting),
    TEST(not_inherited),
    TEST(interrupted),
    TEST(deadlock),
    TEST(of_open_files),
    TEST(whole_files),
    TEST(counting),
    TEST(killed),
    TEST(pipe_sizes),
    TEST(own_locks),
    TEST(told_in_proc),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
