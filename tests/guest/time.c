/* Clocks, sleeping, and the times that a process has used. No check depends on speed. */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t nanoseconds_of(clockid_t clock)
{
    struct timespec now;

    expect_ok(clock_gettime(clock, &now));
    CHECK(now.tv_nsec >= 0 && now.tv_nsec < 1000000000);
    return now.tv_sec * 1000000000l + now.tv_nsec;
}

static void never_backwards(clockid_t clock)
{
    int64_t last = nanoseconds_of(clock), first = last;

    for (int i = 0; i < 20000; i++) {
        int64_t now = nanoseconds_of(clock);
        CHECK(now >= last);
        last = now;
    }
    CHECK(last > first);
}

static void monotonic(void)
{
    never_backwards(CLOCK_MONOTONIC);
}

static void monotonic_in_all_processes(void *argument)
{
    (void)argument;
    never_backwards(CLOCK_MONOTONIC);
}

/* Also when the process moves from hart to hart, and between processes that talk. */
static void monotonic_among_processes(void)
{
    pid_t pids[4];
    int there[2], back[2];
    int64_t time = 0, last = 0;

    for (int i = 0; i < 4; i++)
        pids[i] = spawn(monotonic_in_all_processes, NULL);
    expect_ok(pipe(there));
    expect_ok(pipe(back));
    pid_t partner = expect_ok(fork());
    for (int i = 0; i < 200; i++) {
        int in = partner ? back[0] : there[0], out = partner ? there[1] : back[1];
        if (!partner || i > 0) {
            read_all(in, &last, sizeof(last));
            CHECK(nanoseconds_of(CLOCK_MONOTONIC) >= last);
        }
        time = nanoseconds_of(CLOCK_MONOTONIC);
        write_all(out, &time, sizeof(time));
    }
    if (partner == 0)
        _exit(0);
    expect_exited(reap(partner), 0);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
}

static void real_time(void)
{
    struct timeval from_timeval;
    int64_t real = nanoseconds_of(CLOCK_REALTIME);

    CHECK(real / 1000000000 > 1700000000); /* after 2023: the clock is set */
    expect_ok(gettimeofday(&from_timeval, NULL));
    int64_t later = nanoseconds_of(CLOCK_REALTIME);
    int64_t between = from_timeval.tv_sec * 1000000000l + from_timeval.tv_usec * 1000l;
    CHECK(between >= real - 1000 && between <= later);
    CHECK(time(NULL) >= real / 1000000000 - 1);
    expect_errno(syscall(SYS_clock_gettime, 9999, &from_timeval), EINVAL);
    expect_errno(syscall(SYS_clock_gettime, -1, &from_timeval), EINVAL);
}

/* Sleeping lasts as long as was asked for, at least. */
static void sleeping(void)
{
    static const long lengths[] = {1, 1000, 100000, 5000000, 30000000};

    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct timespec length = {0, lengths[i]};
        int64_t before = nanoseconds_of(CLOCK_MONOTONIC);
        expect_ok(nanosleep(&length, NULL));
        CHECK(nanoseconds_of(CLOCK_MONOTONIC) - before >= lengths[i]);
        before = nanoseconds_of(CLOCK_MONOTONIC);
        CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &length, NULL), 0);
        CHECK(nanoseconds_of(CLOCK_MONOTONIC) - before >= lengths[i]);
    }
}

static void sleeping_until(void)
{
    int64_t target = nanoseconds_of(CLOCK_MONOTONIC) + 20000000;
    struct timespec until = {target / 1000000000, target % 1000000000};

    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(nanoseconds_of(CLOCK_MONOTONIC) >= target);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0); /* past */
    target = nanoseconds_of(CLOCK_REALTIME) + 10000000;
    until = (struct timespec){target / 1000000000, target % 1000000000};
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL), 0);
    CHECK(nanoseconds_of(CLOCK_REALTIME) >= target);
}

static void sleeping_errors(void)
{
    struct timespec length = {0, 1000000000};

    expect_errno(nanosleep(&length, NULL), EINVAL);
    length.tv_nsec = -1;
    expect_errno(nanosleep(&length, NULL), EINVAL);
    length = (struct timespec){-1, 0};
    expect_errno(nanosleep(&length, NULL), EINVAL);
    length = (struct timespec){0, 0};
    expect_ok(nanosleep(&length, NULL));
    CHECK_EQ(clock_nanosleep(9999, 0, &length, NULL), EINVAL);
}

static void sleep_and_exit(void *argument)
{
    usleep((useconds_t)(uintptr_t)argument);
}

/* Many sleepers at once, in an order that is not that of their waking. */
static void many_sleepers(void)
{
    pid_t pids[20];

    for (uintptr_t i = 0; i < COUNT_OF(pids); i++)
        pids[i] = spawn(sleep_and_exit, (void *)(i * 7 % 20 * 1000));
    for (size_t i = 0; i < COUNT_OF(pids); i++)
        expect_exited(reap(pids[i]), 0);
}

/* ---- time used ---- */

static void compute_for(int64_t nanoseconds)
{
    int64_t end = nanoseconds_of(CLOCK_MONOTONIC) + nanoseconds;

    while (nanoseconds_of(CLOCK_MONOTONIC) < end)
        for (volatile int i = 0; i < 1000; i++)
            ;
}

static void compute_until_charged(void *argument)
{
    struct tms used;

    do {
        compute_for(10000000);
        CHECK(times(&used) != (clock_t)-1);
    } while (used.tms_utime + used.tms_stime < (clock_t)(uintptr_t)argument);
}

static void times_of_processes(void)
{
    struct tms before, after;

    clock_t start = times(&before);
    CHECK(start != (clock_t)-1);
    CHECK_EQ(before.tms_cutime + before.tms_cstime, 0);
    expect_child_ok(compute_until_charged, (void *)5);
    clock_t end = times(&after);
    CHECK(end >= start);
    CHECK(after.tms_cutime + after.tms_cstime >= 4); /* the child's, once it was waited for */
    CHECK(after.tms_utime >= before.tms_utime);
    CHECK(after.tms_stime >= before.tms_stime);
}

/* ---- what is asked for beside the time ---- */

static void names_of_the_system(void)
{
    struct utsname name;

    expect_ok(uname(&name));
    CHECK(name.sysname[0] != '\0' && name.nodename[0] != '\0');
    CHECK(name.release[0] >= '1' && name.release[0] <= '9'); /* the C library reads a number here */
    CHECK(name.version[0] != '\0');
    struct utsname old;
    int before = personality(UNAME26);
    expect_ok(uname(&old));
    personality((unsigned)before);
    CHECK(strncmp(old.release, "2.6.", 4) == 0 && atoi(old.release + 4) >= 60);
    CHECK_STRING(old.version, name.version);
    expect_ok(uname(&old));
    CHECK_STRING(old.release, name.release);
#if defined(__riscv)
    CHECK_STRING(name.machine, "riscv64");
#elif defined(__x86_64__)
    CHECK_STRING(name.machine, "x86_64");
#endif
}

static void random_numbers(void)
{
    static unsigned char first[1024], second[1024];
    int seen[256] = {0}, different = 0;

    CHECK_EQ(syscall(SYS_getrandom, first, sizeof(first), 0), sizeof(first));
    CHECK_EQ(syscall(SYS_getrandom, second, sizeof(second), 0), sizeof(second));
    CHECK(memcmp(first, second, sizeof(first)) != 0);
    for (size_t i = 0; i < sizeof(first); i++)
        seen[first[i]]++;
    for (int i = 0; i < 256; i++)
        different += seen[i] > 0;
    CHECK(different > 200);
    CHECK_EQ(syscall(SYS_getrandom, first, 16, 1 /* GRND_NONBLOCK */), 16);
    CHECK_EQ(syscall(SYS_getrandom, first, 16, 2 /* GRND_RANDOM */), 16);
    CHECK_EQ(syscall(SYS_getrandom, first, 0, 0), 0);
    expect_errno(syscall(SYS_getrandom, first, 16, 0x100), EINVAL);
}

static const struct test tests[] = {
    TEST(monotonic),           TEST(monotonic_among_processes),
    TEST(real_time),           TEST(sleeping),
    TEST(sleeping_until),      TEST(sleeping_errors),
    TEST(many_sleepers),       TEST(times_of_processes),
    TEST(names_of_the_system), TEST(random_numbers),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
