/*
 * Signals and calls: waiting for signals, which calls are repeated after a handler, children, and
 * what fork and execve keep.
 */
#include "signals.h"

#include <poll.h>
#include <sys/wait.h>
#include <time.h>

/* Waiting */

static void send_soon(void *argument)
{
    struct timespec time = {0, 10000000};

    nanosleep(&time, NULL);
    kill(getppid(), (int)(intptr_t)argument);
}

static pid_t sender_of(int number)
{
    return spawn(send_soon, (void *)(intptr_t)number);
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void timed_wait(void)
{
    struct timespec time = {0, 10000000}, longer = {10, 0};
    sigset_t set = set_of(SIGUSR1, SIGUSR2);
    siginfo_t information;
    long long before = now();
    pid_t child;

    block(SIGUSR1, SIGUSR2);
    expect_errno(sigtimedwait(&set, NULL, &time), EAGAIN);
    CHECK(now() - before >= 10000000);
    child = sender_of(SIGUSR2);
    CHECK_EQ(sigwaitinfo(&set, &information), SIGUSR2);
    CHECK_EQ(information.si_pid, child);
    reap(child);
    handle_with(SIGALRM, SA_RESTART, note);
    child = sender_of(SIGALRM);
    expect_errno(sigtimedwait(&set, NULL, &longer), EINTR);
    CHECK_EQ(count, 1);
    reap(child);
    CHECK(is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
    time.tv_nsec = 1000000000;
    expect_errno(sigtimedwait(&set, NULL, &time), EINVAL);
}

static void suspended(void)
{
    sigset_t none;
    pid_t child;

    handle_with(SIGUSR1, SA_RESTART, note);
    block(SIGUSR1, 0);
    expect_ok(raise(SIGUSR1));
    sigemptyset(&none);
    expect_errno(sigsuspend(&none), EINTR);
    CHECK_EQ(count, 1);
    CHECK(is_blocked(SIGUSR1));
    child = sender_of(SIGUSR1);
    expect_errno(sigsuspend(&none), EINTR);
    CHECK_EQ(count, 2);
    reap(child);
}

/* Repeating */

static void send_then_write(void *argument)
{
    struct timespec time = {0, 10000000};

    nanosleep(&time, NULL);
    kill(getppid(), SIGUSR1);
    nanosleep(&time, NULL);
    write_all(*(int *)argument, "x", 1);
}

static void reading(void)
{
    int ends[2];
    pid_t child;
    char byte;

    expect_ok(pipe(ends));
    handle_with(SIGUSR1, SA_RESTART, note);
    child = spawn(send_then_write, &ends[1]);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(count, 1);
    reap(child);
    handle_with(SIGUSR1, 0, note);
    child = spawn(send_then_write, &ends[1]);
    expect_errno(read(ends[0], &byte, 1), EINTR);
    reap(child);
}

static void sleeping(void)
{
    struct timespec time = {5, 0}, left = {0, 0};
    struct pollfd nothing = {.fd = -1};
    pid_t child;

    handle_with(SIGUSR1, SA_RESTART, note);
    child = sender_of(SIGUSR1);
    expect_errno(nanosleep(&time, &left), EINTR);
    CHECK(left.tv_sec >= 0 && left.tv_sec < 5);
    reap(child);
    child = sender_of(SIGUSR1);
    expect_errno(poll(&nothing, 1, 5000), EINTR);
    reap(child);
}

static void stop_and_continue(void *argument)
{
    struct timespec time = {0, 10000000};

    (void)argument;
    nanosleep(&time, NULL);
    kill(getppid(), SIGSTOP);
    nanosleep(&time, NULL);
    kill(getppid(), SIGCONT);
}

/* Without a handler the call goes on, and ends when it would have. */
static void sleep_through_stop(void *argument)
{
    struct timespec time = {0, 100000000};
    long long before = now();
    pid_t child = spawn(stop_and_continue, NULL);

    (void)argument;
    CHECK_EQ(nanosleep(&time, NULL), 0);
    CHECK(now() - before >= 100000000);
    reap(child);
}

static void repeated_without_handler(void)
{
    expect_child_ok(sleep_through_stop, NULL);
}

/* Children */

static void exit_with(void *argument)
{
    _exit((int)(intptr_t)argument);
}

static void wait_for_ever(void *argument)
{
    (void)argument;
    for (;;)
        pause();
}

static void await_count(int wanted)
{
    while (count < wanted)
        usleep(1000);
}

static void children(void)
{
    pid_t child;

    handle_with(SIGCHLD, SA_RESTART, note);
    child = spawn(exit_with, (void *)5);
    await_count(1);
    CHECK_EQ(last.si_code, CLD_EXITED);
    CHECK_EQ(last.si_status, 5);
    CHECK_EQ(last.si_pid, child);
    CHECK_EQ(last.si_uid, getuid());
    expect_exited(reap(child), 5);
    child = spawn(wait_for_ever, NULL);
    expect_ok(kill(child, SIGSTOP));
    await_count(2);
    CHECK_EQ(last.si_code, CLD_STOPPED);
    CHECK_EQ(last.si_status, SIGSTOP);
    expect_ok(kill(child, SIGCONT));
    await_count(3);
    CHECK_EQ(last.si_code, CLD_CONTINUED);
    CHECK_EQ(last.si_status, SIGCONT);
    handle_with(SIGCHLD, SA_RESTART | SA_NOCLDSTOP, note);
    expect_ok(kill(child, SIGSTOP));
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK_EQ(count, 3);
    expect_ok(kill(child, SIGKILL));
    await_count(4);
    CHECK_EQ(last.si_code, CLD_KILLED);
    CHECK_EQ(last.si_status, SIGKILL);
    expect_signaled(reap(child), SIGKILL);
}

static void unwanted_children(void)
{
    pid_t child;

    handle_with(SIGCHLD, SA_NOCLDWAIT, note);
    child = spawn(exit_with, (void *)5);
    await_count(1);
    expect_errno(waitpid(child, NULL, 0), ECHILD);
    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    child = spawn(exit_with, (void *)5);
    expect_errno(waitpid(child, NULL, 0), ECHILD);
    CHECK_EQ(count, 1);
}

/* What is kept: pending signals are the parent's, ignored and blocked ones pass on. */

static void look_after_fork(void *argument)
{
    (void)argument;
    CHECK(!is_pending(SIGUSR1));
    CHECK(is_blocked(SIGUSR1));
}

static void forked(void)
{
    block(SIGUSR1, 0);
    expect_ok(kill(getpid(), SIGUSR1));
    expect_child_ok(look_after_fork, NULL);
    CHECK(is_pending(SIGUSR1));
}

static void become_shell(void *argument)
{
    block(SIGUSR1, 0);
    expect_ok(kill(getpid(), SIGUSR1));
    execl("/bin/sh", "sh", "-c", argument, NULL);
}

static void executed(void)
{
    handle_with(SIGUSR2, 0, note);
    expect_signaled(child_status(become_shell, (void *)"kill -USR2 $$; exit 1"), SIGUSR2);
    CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    expect_exited(child_status(become_shell, (void *)"kill -USR2 $$; exit 3"), 3);
}

static const struct test tests[] = {
    TEST(timed_wait),
    TEST(suspended),
    TEST(reading),
    TEST(sleeping),
    TEST(repeated_without_handler),
    TEST(children),
    TEST(unwanted_children),
    TEST(forked),
    TEST(executed),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
