/* What processes have in common: signal actions (CLONE_SIGHAND), and the queued signals of a user.
 */
#include "tap.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE 65536

static void on_signal(int number)
{
    (void)number;
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    expect_ok(sigaction(number, &action, NULL));
}

static void (*handler_of(int number))(int)
{
    struct sigaction action;

    expect_ok(sigaction(number, NULL, &action));
    return action.sa_handler;
}

/* A child in the same memory; the parent waits for its end. */
static void run_sharing(int (*function)(void *), void *argument, unsigned long flags)
{
    char *stack = malloc(STACK_SIZE);

    CHECK(stack);
    pid_t pid =
        expect_ok(clone(function, stack + STACK_SIZE, (int)(CLONE_VM | flags | SIGCHLD), argument));
    expect_exited(reap(pid), 0);
    free(stack);
}

static int set_handler_in_child(void *argument)
{
    (void)argument;
    set_handler(SIGUSR1, on_signal);
    set_handler(SIGUSR2, SIG_IGN);
    return 0;
}

static void shared_actions(void)
{
    run_sharing(set_handler_in_child, NULL, CLONE_SIGHAND);
    CHECK(handler_of(SIGUSR1) == on_signal);
    CHECK(handler_of(SIGUSR2) == SIG_IGN);
}

static void copied_actions(void)
{
    run_sharing(set_handler_in_child, NULL, 0);
    CHECK(handler_of(SIGUSR1) == SIG_DFL);
    CHECK(handler_of(SIGUSR2) == SIG_DFL);
}

static int unshare_in_child(void *argument)
{
    int flags = *(int *)argument;

    expect_errno(unshare(flags), EINVAL);
    return 0;
}

/* What is blocked, and what is pending, each process has for itself. */
static int block_in_child(void *argument)
{
    sigset_t set;

    (void)argument;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    expect_ok(raise(SIGUSR1));
    set_handler(SIGUSR1, SIG_IGN);
    expect_ok(sigpending(&set));
    CHECK(!sigismember(&set, SIGUSR1));
    set_handler(SIGUSR1, on_signal);
    return 0;
}

static void own_masks(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
    set_handler(SIGUSR1, on_signal);
    expect_ok(raise(SIGUSR1));
    expect_ok(sigprocmask(SIG_BLOCK, NULL, &set));
    run_sharing(block_in_child, NULL, CLONE_SIGHAND);
    expect_ok(sigpending(&set));
    CHECK(sigismember(&set, SIGUSR1));
    CHECK(handler_of(SIGUSR1) == on_signal);
}

static void unsharing(void)
{
    int handlers = CLONE_SIGHAND, memory = CLONE_VM;

    expect_ok(unshare(CLONE_SIGHAND | CLONE_THREAD));
    run_sharing(unshare_in_child, &handlers, CLONE_SIGHAND);
    run_sharing(unshare_in_child, &memory, 0);
    expect_ok(unshare(CLONE_SIGHAND | CLONE_VM));
}

static int execute(void *argument)
{
    execl(argument, "sharing", "executed", NULL);
    return 1;
}

/* The new program has default actions; those of who shared the old ones stay. */
static void exec_unshares(void)
{
    set_handler(SIGUSR1, on_signal);
    set_handler(SIGUSR2, SIG_IGN);
    run_sharing(execute, (void *)self_path(), CLONE_SIGHAND | CLONE_VFORK);
    CHECK(handler_of(SIGUSR1) == on_signal);
    CHECK(handler_of(SIGUSR2) == SIG_IGN);
    CHECK(handler_of(SIGTERM) == SIG_DFL);
}

static int executed(void)
{
    bool right = handler_of(SIGUSR1) == SIG_DFL && handler_of(SIGUSR2) == SIG_IGN;

    set_handler(SIGTERM, on_signal);
    return right ? 0 : 2;
}

static int end_by_exception(void *argument)
{
    (void)argument;
    raise(SIGUSR1);
    abort();
}

static int note_and_wait(void *argument)
{
    (void)argument;
    while (pause())
        ;
    return 0;
}

/* One that ends, by a signal, takes nothing away from the other. */
static void ends(void)
{
    char *stack = malloc(2 * STACK_SIZE);
    int status, flags = CLONE_VM | CLONE_SIGHAND | SIGCHLD;

    CHECK(stack);
    set_handler(SIGUSR1, on_signal);
    pid_t killed = expect_ok(clone(note_and_wait, stack + STACK_SIZE, flags, NULL));
    expect_ok(kill(killed, SIGKILL));
    expect_signaled(reap(killed), SIGKILL);
    pid_t aborted = expect_ok(clone(end_by_exception, stack + 2 * STACK_SIZE, flags, NULL));
    CHECK_EQ(waitpid(aborted, &status, 0), aborted);
    expect_signaled(status, SIGABRT);
    CHECK(handler_of(SIGUSR1) == on_signal);
    free(stack);
}

static long clone_raw(unsigned long flags)
{
    return syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

static void refused(void)
{
    struct clone_args args = {.flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND};

    expect_errno(clone_raw(CLONE_SIGHAND), EINVAL);
    expect_errno(clone_raw(CLONE_THREAD | CLONE_VM), EINVAL);
    expect_errno(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
}

/* The signals of a user */

#define USER  54321
#define LIMIT 8

static void become_user(void)
{
    struct rlimit limit = {LIMIT, LIMIT};
    sigset_t set;

    if (geteuid())
        skip("needs the privilege to become another user");
    expect_ok(setresuid(USER, USER, USER));
    expect_ok(setrlimit(RLIMIT_SIGPENDING, &limit));
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

/* Queue signals for a process until no more can be: how many. */
static int fill(pid_t pid)
{
    int queued = 0;

    while (queued < 100 && sigqueue(pid, SIGRTMIN, (union sigval){0}) == 0)
        queued++;
    CHECK_EQ(errno, EAGAIN);
    return queued;
}

static long queued_of_user(void)
{
    char text[4096];

    read_file("/proc/self/status", text, sizeof(text));
    const char *line = strstr(text, "\nSigQ:");
    CHECK(line);
    return strtol(line + 6, NULL, 10);
}

static void find_no_room(void *argument)
{
    (void)argument;
    CHECK_EQ(queued_of_user(), LIMIT);
    CHECK_EQ(fill(getpid()), 0);
}

static void signals_of_user(void)
{
    struct timespec none = {0, 0};
    sigset_t set;

    become_user();
    CHECK_EQ(fill(getpid()), LIMIT);
    expect_child_ok(find_no_room, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    for (int i = 0; i < LIMIT; i++)
        CHECK_EQ(sigtimedwait(&set, NULL, &none), SIGRTMIN);
    CHECK_EQ(queued_of_user(), 0);
    CHECK_EQ(fill(getpid()), LIMIT);
}

static void fill_and_end(void *argument)
{
    (void)argument;
    CHECK_EQ(fill(getpid()), LIMIT);
}

static void end_gives_back(void)
{
    become_user();
    expect_child_ok(fill_and_end, NULL);
    CHECK_EQ(queued_of_user(), 0);
}

static void timers_of_user(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    timer_t timers[LIMIT + 1];

    become_user();
    for (int i = 0; i < LIMIT; i++)
        expect_ok(timer_create(CLOCK_MONOTONIC, &event, &timers[i]));
    expect_errno(timer_create(CLOCK_MONOTONIC, &event, &timers[LIMIT]), EAGAIN);
    expect_child_ok(find_no_room, NULL);
    expect_ok(timer_delete(timers[0]));
    CHECK_EQ(queued_of_user(), LIMIT - 1);
    CHECK_EQ(fill(getpid()), 1);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(shared_actions), TEST(copied_actions), TEST(own_masks), TEST(unsharing),
        TEST(exec_unshares),  TEST(ends),           TEST(refused),   TEST(signals_of_user),
        TEST(end_gives_back), TEST(timers_of_user),
    };

    if (argc == 2 && strcmp(argv[1], "executed") == 0)
        return executed();
    return TAP_MAIN(argc, argv, tests);
}
