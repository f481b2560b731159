/*
 * How a process with threads ends: by exit, by a signal, by a fault; and what execve makes of it.
 */
#include "threads.h"

#include <sys/wait.h>

static pthread_barrier_t barrier;

/* How a process with threads ends */

static void *sleep_for_ever(void *argument)
{
    while (argument == NULL)
        pause();
    return NULL;
}

static void *read_for_ever(void *argument)
{
    char byte;

    return (void *)read(((int *)argument)[0], &byte, 1);
}

static void *lock_for_ever(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

static void *spin_for_ever(void *argument)
{
    volatile unsigned rounds = 0;

    while (argument == NULL)
        rounds++;
    return NULL;
}

/* Threads that wait in every way, and one that runs. */
static void start_waiting(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static int ends[2];

    expect_ok(pipe(ends));
    pthread_mutex_lock(&mutex);
    start(sleep_for_ever, NULL);
    start(read_for_ever, ends);
    start(lock_for_ever, &mutex);
    start(spin_for_ever, NULL);
}

static void exit_with_others(void *argument)
{
    (void)argument;
    start_waiting();
    _exit(7);
}

static void *exit_eight(void *argument)
{
    (void)argument;
    _exit(8);
}

static void exit_in_another(void *argument)
{
    (void)argument;
    start_waiting();
    start(exit_eight, NULL);
    for (;;)
        pause();
}

static void exit_ends_all(void)
{
    for (int i = 0; i < 10; i++) {
        expect_exited(child_status(exit_with_others, NULL), 7);
        expect_exited(child_status(exit_in_another, NULL), 8);
    }
}

static void *follow_leader(void *argument)
{
    struct timespec time = {0, 20000000};

    (void)argument;
    nanosleep(&time, NULL);
    syscall(SYS_exit, 3);
    return NULL;
}

/* The leader ends first: the process lives on, and has the status of the last one. */
static void end_leader(void *argument)
{
    (void)argument;
    start(follow_leader, NULL);
    syscall(SYS_exit, 5);
}

static void leader_first(void)
{
    expect_exited(child_status(end_leader, NULL), 3);
}

static void *exit_group_later(void *argument)
{
    struct timespec time = {0, 20000000};

    (void)argument;
    nanosleep(&time, NULL);
    _exit(9);
}

static void leader_gone_then_exit(void *argument)
{
    (void)argument;
    start(exit_group_later, NULL);
    syscall(SYS_exit, 5);
}

static void exit_after_leader(void)
{
    expect_exited(child_status(leader_gone_then_exit, NULL), 9);
}

static void wait_with_others(void *argument)
{
    (void)argument;
    start_waiting();
    for (;;)
        pause();
}

static void killed(void)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGUSR1, SIGSEGV, SIGABRT};

    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        pid_t child = spawn(wait_with_others, NULL);
        struct timespec time = {0, 10000000};
        nanosleep(&time, NULL);
        expect_ok(kill(child, signals[i]));
        expect_signaled(reap(child), signals[i]);
    }
}

static void *fault(void *argument)
{
    *(volatile char *)argument = 1;
    return NULL;
}

static void fault_in_another(void *argument)
{
    start_waiting();
    start(fault, argument);
    for (;;)
        pause();
}

static void fault_ends_all(void)
{
    /* A hole would be filled by the stack of a thread; nothing is ever mapped this low. */
    expect_signaled(child_status(fault_in_another, (void *)8), SIGSEGV);
}

/* execve */

static void *run_shell(void *argument)
{
    (void)argument;
    execl("/bin/sh", "sh", "-c", "exit 42", NULL);
    return NULL;
}

static void exec_in_another(void *argument)
{
    (void)argument;
    start_waiting();
    start(run_shell, NULL);
    for (;;)
        pause();
}

static void exec_in_leader(void *argument)
{
    start_waiting();
    run_shell(argument);
}

static void *run_shell_without_leader(void *argument)
{
    struct timespec time = {0, 10000000};

    nanosleep(&time, NULL);
    return run_shell(argument);
}

static void exec_without_leader(void *argument)
{
    start_waiting();
    start(run_shell_without_leader, argument);
    syscall(SYS_exit, 1);
}

static void exec_ends_others(void)
{
    for (int i = 0; i < 5; i++) {
        expect_exited(child_status(exec_in_leader, NULL), 42);
        expect_exited(child_status(exec_in_another, NULL), 42);
        expect_exited(child_status(exec_without_leader, NULL), 42);
    }
}

static void *race_to_exec(void *argument)
{
    pthread_barrier_wait(&barrier);
    return run_shell(argument);
}

static void exec_in_all(void *argument)
{
    check_zero(pthread_barrier_init(&barrier, NULL, 4), "pthread_barrier_init");
    for (int i = 0; i < 4; i++)
        start(race_to_exec, argument);
    for (;;)
        pause();
}

static void exec_race(void)
{
    for (int i = 0; i < 5; i++)
        expect_exited(child_status(exec_in_all, NULL), 42);
}

static const struct test tests[] = {
    TEST(exit_ends_all),  TEST(leader_first),     TEST(exit_after_leader), TEST(killed),
    TEST(fault_ends_all), TEST(exec_ends_others), TEST(exec_race),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
