/*
 * Crowds of processes: hundreds that exist at once, hundreds of short sleepers beside one that
 * wants to work, and a fork bomb that nothing limits but the machine. How many there are depends on
 * the memory; the bomb goes off only where memory is small.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST        500
#define KIB_EACH    150 /* of memory that is free, for one process of a crowd */
#define SMALL_KIB   (80 * 1024)
#define MILLISECOND 1000000l

static pid_t pids[MOST];

/* As many as there is room for, for ordinary users too. */
static int crowd_size(void)
{
    char text[32];
    long room = memory_kib("MemAvailable") / KIB_EACH;

    read_file("/proc/sys/kernel/threads-max", text, sizeof(text));
    if (room > atol(text) / 2)
        room = atol(text) / 2;
    return room < MOST ? (int)room : MOST;
}

/* All are there at once; each ends with a status of its own when told. */
static void hundreds_at_once(void)
{
    int count = crowd_size(), gate[2], ready[2], status;
    char byte;

    CHECK(count >= 50);
    expect_ok(pipe(gate));
    expect_ok(pipe(ready));
    for (int i = 0; i < count; i++) {
        pids[i] = expect_ok(fork());
        if (pids[i] == 0) {
            expect_ok(close(gate[1]));
            CHECK_EQ(write(ready[1], "r", 1), 1);
            CHECK_EQ(read(gate[0], &byte, 1), 0);
            _exit(i % 251);
        }
    }
    for (int i = 0; i < count; i++)
        CHECK_EQ(read(ready[0], &byte, 1), 1);
    expect_ok(close(gate[1]));
    for (int i = 0; i < count; i++) {
        CHECK_EQ(expect_ok(waitpid(pids[i], &status, 0)), pids[i]);
        expect_exited(status, i % 251);
    }
    expect_errno(wait(&status), ECHILD);
}

static void nothing(void *unused)
{
    (void)unused;
}

/* Sleepers that wake up faster than all harts can run them must not keep one from working that
 * goes to the end of the line. */
static void short_sleeps(void)
{
    struct timespec moment = {0, MILLISECOND / 2};
    int count = crowd_size(), status;

    for (int i = 0; i < count; i++) {
        pids[i] = expect_ok(fork());
        while (pids[i] == 0)
            nanosleep(&moment, NULL);
    }
    for (int i = 0; i < 20; i++) {
        sched_yield();
        expect_child_ok(nothing, NULL);
    }
    for (int i = 0; i < count; i++)
        expect_ok(kill(pids[i], SIGKILL));
    for (int i = 0; i < count; i++) {
        expect_ok(waitpid(pids[i], &status, 0));
        expect_signaled(status, SIGKILL);
    }
}

/* How readily this process is ended when there is no memory. */
static void set_badness(const char *text)
{
    int fd = expect_ok(open("/proc/self/oom_score_adj", O_WRONLY));

    write_all(fd, text, strlen(text));
    expect_ok(close(fd));
}

static void explode(void)
{
    struct timespec moment = {0, MILLISECOND};

    expect_ok(setpgid(0, 0));
    set_badness("1000"); /* rather one of these than who looks after them */
    for (;;) {
        if (fork() < 0)
            nanosleep(&moment, NULL);
    }
}

static void fork_bomb(void)
{
    struct timespec moment = {0, 2 * MILLISECOND};
    int started = 0;

    if (memory_kib("MemTotal") > SMALL_KIB || geteuid() != 0)
        skip("much memory, or not privileged");
    set_badness("-1000");
    pid_t bomb = expect_ok(fork());
    if (bomb == 0)
        explode();
    setpgid(bomb, bomb);
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(7);
        if (pid > 0) {
            expect_exited(reap(pid), 7);
            started++;
        } else {
            CHECK(errno == EAGAIN || errno == ENOMEM);
        }
        nanosleep(&moment, NULL);
    }
    CHECK(started > 0);
    /* A process that is just being made may escape one signal; it is in the group then. */
    while (kill(-bomb, SIGKILL) == 0) {
        waitpid(bomb, NULL, WNOHANG);
        nanosleep(&moment, NULL);
    }
    CHECK_EQ(errno, ESRCH);
    for (int i = 0; i < 20; i++)
        expect_child_ok(nothing, NULL);
}

/* Takes memory until it is ended for it. */
static void take_all(void *argument)
{
    size_t size = 1ul << 20;

    (void)argument;
    set_badness("1000");
    for (;;) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED)
            memset(memory, 'm', size);
    }
}

/* Has its memory, and looks at it again when the others are gone. */
static void keep_some(void *argument)
{
    struct sign *signs = argument;
    char *memory = map_pages(256);

    memset(memory, 'k', 256 * PAGE);
    sign_send(&signs[0]);
    sign_await(&signs[1]);
    CHECK(all_bytes(memory, 'k', 256 * PAGE));
}

/* Without memory the one that is to blame is ended, each time; all others go on. */
static void ended_for_memory(void)
{
    struct sign signs[2];

    if (memory_kib("MemTotal") > SMALL_KIB || geteuid() != 0)
        skip("much memory, or not privileged");
    sign_open(&signs[0]);
    sign_open(&signs[1]);
    pid_t other = spawn(keep_some, signs);
    sign_await(&signs[0]);
    for (int i = 0; i < 3; i++)
        expect_signaled(child_status(take_all, NULL), SIGKILL);
    sign_send(&signs[1]);
    expect_exited(reap(other), 0);
}

static const struct test tests[] = {
    TEST(hundreds_at_once),
    TEST(short_sleeps),
    TEST(fork_bomb),
    TEST(ended_for_memory),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
