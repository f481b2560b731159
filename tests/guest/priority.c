/* getpriority(2), setpriority(2): the rules, and that it matters. */
#include "tap.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER  1234
#define OTHER 2345

static int get(int which, id_t who)
{
    errno = 0;
    int nice = getpriority(which, who);
    if (nice == -1 && errno)
        fail("getpriority: %s", error_name(errno));
    return nice;
}

static void own(void)
{
    int start = get(PRIO_PROCESS, 0);

    CHECK_EQ(get(PRIO_PROCESS, (id_t)getpid()), start);
    expect_ok(setpriority(PRIO_PROCESS, 0, 7));
    CHECK_EQ(get(PRIO_PROCESS, 0), 7);
    CHECK_EQ(nice(3), 10);
    expect_ok(setpriority(PRIO_PROCESS, 0, 100)); /* the most there is */
    CHECK_EQ(get(PRIO_PROCESS, 0), 19);
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(get(PRIO_PROCESS, 0));
    expect_exited(reap(pid), 19);
    expect_errno(setpriority(3, 0, 0), EINVAL);
    expect_errno(getpriority(-1, 0), EINVAL);
    expect_errno(setpriority(PRIO_PROCESS, 4000000, 0), ESRCH);
    expect_errno(getpriority(PRIO_PGRP, 4000000), ESRCH);
}

static void raising_it(void)
{
    struct rlimit limit = {0, 0};

    if (geteuid() != 0)
        skip("not root");
    expect_ok(setpriority(PRIO_PROCESS, 0, 5));
    expect_ok(setrlimit(RLIMIT_NICE, &limit));
    expect_ok(setresuid(USER, USER, USER));
    expect_errno(setpriority(PRIO_PROCESS, 0, 4), EACCES);
    expect_ok(setpriority(PRIO_PROCESS, 0, 5));
    expect_ok(setpriority(PRIO_PROCESS, 0, 6));
}

static void up_to_the_limit(void)
{
    struct rlimit limit = {18, 18}; /* 20 - 2 */

    if (geteuid() != 0)
        skip("not root");
    if (setrlimit(RLIMIT_NICE, &limit) < 0)
        skip("the limit cannot be raised");
    expect_ok(setpriority(PRIO_PROCESS, 0, 10));
    expect_ok(setresuid(USER, USER, USER));
    expect_errno(setpriority(PRIO_PROCESS, 0, 1), EACCES);
    expect_ok(setpriority(PRIO_PROCESS, 0, 2));
}

static void waits(void *argument)
{
    struct sign *ready = argument;

    sign_send(ready);
    for (;;)
        pause();
}

static void of_others(void)
{
    struct sign ready;

    if (geteuid() != 0)
        skip("not root");
    sign_open(&ready);
    pid_t pid = spawn(waits, &ready);
    sign_await(&ready);
    expect_ok(setpriority(PRIO_PROCESS, (id_t)pid, 3));
    CHECK_EQ(get(PRIO_PROCESS, (id_t)pid), 3);
    expect_ok(setresuid(USER, USER, 0));
    expect_errno(setpriority(PRIO_PROCESS, (id_t)pid, 5), EPERM);
    CHECK_EQ(get(PRIO_PROCESS, (id_t)pid), 3); /* to be seen by all */
    expect_ok(setresuid(-1, 0, -1));
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void of_a_group(void)
{
    struct sign ready;

    sign_open(&ready);
    expect_ok(setpgid(0, 0));
    pid_t pid = spawn(waits, &ready);
    sign_await(&ready);
    expect_ok(setpriority(PRIO_PGRP, 0, 4));
    CHECK_EQ(get(PRIO_PROCESS, (id_t)pid), 4);
    CHECK_EQ(get(PRIO_PROCESS, 0), 4);
    expect_ok(setpriority(PRIO_PROCESS, (id_t)pid, 9));
    CHECK_EQ(get(PRIO_PGRP, 0), 4); /* the best of them */
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

#define IO_VALUE(class, level) ((class) << 13 | (level))

static long get_io(int which, long who)
{
    return syscall(SYS_ioprio_get, which, who);
}

static long set_io(int which, long who, int value)
{
    return syscall(SYS_ioprio_set, which, who, value);
}

static void of_disks(void)
{
    expect_ok(setpgid(0, 0));
    CHECK_EQ(get_io(1, 0), 0);
    CHECK_EQ(get_io(2, 0), IO_VALUE(2, 4));
    expect_ok(setpriority(PRIO_PROCESS, 0, 10));
    CHECK_EQ(get_io(2, 0), IO_VALUE(2, 6)); /* it follows from that */
    CHECK_EQ(get_io(1, 0), 0);
    expect_ok(set_io(1, 0, IO_VALUE(2, 5)));
    CHECK_EQ(get_io(1, getpid()), IO_VALUE(2, 5));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        CHECK_EQ(get_io(1, 0), IO_VALUE(2, 5));
        expect_ok(set_io(1, 0, IO_VALUE(3, 0)));
        CHECK_EQ(get_io(2, 0), IO_VALUE(2, 5)); /* the best of them */
        _exit(get_io(1, 0) != IO_VALUE(3, 0));
    }
    expect_exited(reap(pid), 0);
    expect_ok(set_io(1, 0, IO_VALUE(2, 8 | 3))); /* with a hint */
    CHECK_EQ(get_io(1, 0), IO_VALUE(2, 8 | 3));
    expect_ok(set_io(2, 0, 0));
    CHECK_EQ(get_io(1, 0), 0);
    expect_errno(set_io(1, 0, 4), EINVAL);
    expect_errno(set_io(1, 0, IO_VALUE(4, 0)), EINVAL);
    expect_errno(set_io(1, 0, -1), EINVAL);
    expect_errno(set_io(0, 0, 0), EINVAL);
    expect_errno(set_io(4, 0, 0), EINVAL);
    expect_errno(get_io(0, 0), EINVAL);
    expect_errno(get_io(4, 0), EINVAL);
    expect_errno(get_io(1, 4000000), ESRCH);
    expect_errno(set_io(1, 4000000, 0), ESRCH);
}

static void of_disks_by_users(void)
{
    pid_t parent = getpid();

    if (geteuid() != 0)
        skip("not root");
    expect_ok(set_io(1, 0, IO_VALUE(1, 0)));
    CHECK_EQ(get_io(1, 0), IO_VALUE(1, 0));
    expect_ok(set_io(1, 0, 0));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        expect_ok(setresuid(USER, USER, USER));
        expect_errno(set_io(1, 0, IO_VALUE(1, 3)), EPERM);
        expect_errno(set_io(1, parent, IO_VALUE(2, 0)), EPERM);
        CHECK_EQ(get_io(1, parent), 0);                    /* to be seen by all */
        expect_errno(set_io(3, 0, IO_VALUE(2, 1)), EPERM); /* root's */
        expect_ok(set_io(3, USER, IO_VALUE(2, 1)));
        CHECK_EQ(get_io(1, 0), IO_VALUE(2, 1));
        CHECK_EQ(get_io(3, USER), IO_VALUE(2, 1));
        _exit(0);
    }
    expect_exited(reap(pid), 0);
}

static void told_in_proc(void)
{
    char text[1024];
    long priority, nice;

    expect_ok(setpriority(PRIO_PROCESS, 0, 6));
    read_file("/proc/self/stat", text, sizeof(text));
    const char *at = strrchr(text, ')') + 1;
    for (int field = 3; field < 18; field++)
        at = strchr(at + 1, ' ');
    CHECK_EQ(sscanf(at, "%ld %ld", &priority, &nice), 2);
    CHECK_EQ(priority, 26);
    CHECK_EQ(nice, 6);
}

/* ---- two that compute on one hart ---- */

static void compute(void *argument)
{
    struct sign *go = argument;

    sign_await(go);
    for (volatile unsigned long i = 0;; i++)
        ;
}

static double cpu_time(pid_t pid)
{
    char name[64], text[1024];
    unsigned long user, system;

    snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
    read_file(name, text, sizeof(text));
    const char *at = strrchr(text, ')') + 1;
    for (int field = 3; field < 14; field++)
        at = strchr(at + 1, ' ');
    CHECK_EQ(sscanf(at, "%lu %lu", &user, &system), 2);
    return (double)(user + system);
}

static void bind_to_one_hart(void)
{
    cpu_set_t set, all;

    expect_ok(sched_getaffinity(0, sizeof(all), &all));
    CPU_ZERO(&set);
    for (int hart = 0; hart < CPU_SETSIZE && !CPU_COUNT(&set); hart++)
        if (CPU_ISSET(hart, &all))
            CPU_SET(hart, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        skip("threads cannot be bound to a hart");
}

/* Two processes on one hart: the nice one gets less. */
static void nice_ones_get_less(void)
{
    struct sign go;
    pid_t normal, nice;

    sign_open(&go);
    bind_to_one_hart();
    normal = spawn(compute, &go);
    nice = spawn(compute, &go);
    expect_ok(setpriority(PRIO_PROCESS, (id_t)nice, 19));
    sign_send(&go);
    sign_send(&go);
    while (cpu_time(normal) < 50) /* hundredths of seconds */
        usleep(20000);
    if (cpu_time(nice) >= cpu_time(normal))
        fail("the nice one had %.0f ticks, the other %.0f", cpu_time(nice), cpu_time(normal));
    expect_ok(kill(normal, SIGKILL));
    expect_ok(kill(nice, SIGKILL));
    expect_signaled(reap(normal), SIGKILL);
    expect_signaled(reap(nice), SIGKILL);
}

static const struct test tests[] = {
    TEST(own),
    TEST(raising_it),
    TEST(up_to_the_limit),
    TEST(of_others),
    TEST(of_a_group),
    TEST(of_disks),
    TEST(of_disks_by_users),
    TEST(told_in_proc),
    TEST(nice_ones_get_less),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
