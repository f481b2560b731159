/*
 * Signals without handlers: what each does by default, ignored ones, traps, stopping and
 * continuing, and what the parent is told.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void raise_and_exit(void *argument)
{
    kill(getpid(), (int)(intptr_t)argument);
    _exit(50);
}

static void ignore_raise_and_exit(void *argument)
{
    CHECK(signal((int)(intptr_t)argument, SIG_IGN) == SIG_DFL);
    raise_and_exit(argument);
}

static void by_number(void (*function)(void *), int number, bool deadly)
{
    int status = child_status(function, (void *)(intptr_t)number);

    if (deadly)
        expect_signaled(status, number);
    else
        expect_exited(status, 50);
}

static bool is_harmless(int number)
{
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

static bool stops(int number)
{
    return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static void default_actions(void)
{
    for (int number = 1; number <= 31; number++)
        if (!stops(number))
            by_number(raise_and_exit, number, !is_harmless(number));
    /* Real-time signals kill as well; 32 and 33 are the library's own. */
    for (int number = 34; number <= 64; number += 5)
        by_number(raise_and_exit, number, true);
}

static void ignored(void)
{
    for (int number = 1; number <= 31; number++)
        if (number != SIGKILL && number != SIGSTOP)
            by_number(ignore_raise_and_exit, number, false);
    by_number(ignore_raise_and_exit, 40, false);
}

static void not_to_be_ignored(void)
{
    expect_errno((long)signal(SIGKILL, SIG_IGN), EINVAL);
    expect_errno((long)signal(SIGSTOP, SIG_IGN), EINVAL);
    expect_errno((long)signal(0, SIG_IGN), EINVAL);
    expect_errno((long)signal(65, SIG_IGN), EINVAL);
    CHECK(signal(SIGTERM, SIG_IGN) == SIG_DFL);
    CHECK(signal(SIGTERM, SIG_DFL) == SIG_IGN);
}

static void raise_in_child(void *argument)
{
    by_number(raise_and_exit, (int)(intptr_t)argument, false);
}

/* What is ignored is ignored by children too. */
static void ignored_over_fork(void)
{
    signal(SIGINT, SIG_IGN);
    expect_child_ok(raise_in_child, (void *)SIGINT);
    signal(SIGINT, SIG_DFL);
    by_number(raise_and_exit, SIGINT, true);
}

static void execute_raise(void *argument)
{
    char number[8];
    char *argv[] = {"signals_default", "@raise", number, NULL}, *envp[] = {NULL};

    snprintf(number, sizeof(number), "%d", (int)(intptr_t)argument);
    execve(self_path(), argv, envp);
    _exit(1);
}

static void ignored_over_execute(void)
{
    by_number(execute_raise, SIGTERM, true);
    signal(SIGTERM, SIG_IGN);
    by_number(execute_raise, SIGTERM, false);
    by_number(execute_raise, SIGUSR1, true);
    signal(SIGTERM, SIG_DFL);
    by_number(execute_raise, SIGTERM, true);
}

/* ---- traps ---- */

static void illegal_instruction(void *argument)
{
    (void)argument;
#if defined(__riscv)
    __asm__ volatile(".4byte 0");
#elif defined(__x86_64__)
    __asm__ volatile("ud2");
#endif
}

static void breakpoint(void *argument)
{
    (void)argument;
#if defined(__riscv)
    __asm__ volatile("ebreak");
#elif defined(__x86_64__)
    __asm__ volatile("int3");
#endif
}

static void store_to_nothing(void *argument)
{
    *(volatile char *)argument = 1;
}

static void jump_to_nothing(void *argument)
{
    ((void (*)(void))(uintptr_t)argument)();
}

static void traps(void)
{
    expect_signaled(child_status(illegal_instruction, NULL), SIGILL);
    expect_signaled(child_status(breakpoint, NULL), SIGTRAP);
    char *hole = find_hole(1);
    expect_signaled(child_status(store_to_nothing, hole), SIGSEGV);
    expect_signaled(child_status(jump_to_nothing, hole), SIGSEGV);
}

static void privileged_instruction(void *argument)
{
    (void)argument;
#if defined(__riscv)
    __asm__ volatile("csrr t0, satp" ::: "t0");
#elif defined(__x86_64__)
    __asm__ volatile("hlt");
#endif
}

static void privileged_instructions(void)
{
#if defined(__riscv)
    expect_signaled(child_status(privileged_instruction, NULL), SIGILL);
#else
    expect_signaled(child_status(privileged_instruction, NULL), SIGSEGV);
#endif
}

/* Dividing by zero is a trap on some machines and a value on this one's. */
static void divide_by_zero(void *argument)
{
    volatile long zero = 0, one = 1;

    (void)argument;
#if defined(__riscv)
    long quotient;
    __asm__ volatile("div %0, %1, %2" : "=r"(quotient) : "r"(one), "r"(zero));
    _exit(quotient == -1 ? 50 : 1);
#else
    long quotient = one, rest = 0;
    __asm__ volatile("idivq %2" : "+a"(quotient), "+d"(rest) : "r"(zero));
#endif
}

static void division_by_zero(void)
{
#if defined(__riscv)
    expect_exited(child_status(divide_by_zero, NULL), 50);
#else
    expect_signaled(child_status(divide_by_zero, NULL), SIGFPE);
#endif
}

static void ignore_and_fault(void *argument)
{
    signal(SIGSEGV, SIG_IGN);
    signal(SIGILL, SIG_IGN);
    if (argument)
        store_to_nothing(argument);
    else
        illegal_instruction(NULL);
}

/* A fault cannot be ignored: there is no way on. */
static void ignored_faults_kill(void)
{
    expect_signaled(child_status(ignore_and_fault, find_hole(1)), SIGSEGV);
    expect_signaled(child_status(ignore_and_fault, NULL), SIGILL);
}

/* ---- from outside ---- */

static void compute(void *argument)
{
    (void)argument;
    for (volatile unsigned long i = 0;; i++)
        ;
}

static void sleep_long(void *argument)
{
    (void)argument;
    for (;;)
        sleep(1000);
}

static void wait_for_nobody(void *argument)
{
    struct sign never;

    (void)argument;
    sign_open(&never);
    sign_await(&never);
}

static void wait_for_child(void *argument)
{
    pid_t pid = fork();

    if (pid == 0) {
        kill(getppid(), SIGKILL); /* the parent waits, or is about to */
        _exit(0);
    }
    reap(pid);
    wait_for_nobody(argument);
}

static void killed_in_every_state(void)
{
    static void (*const states[])(void *) = {compute, sleep_long, wait_for_nobody};
    static const int numbers[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < COUNT_OF(states); i++) {
        for (size_t j = 0; j < COUNT_OF(numbers); j++) {
            pid_t pid = spawn(states[i], NULL);
            usleep((useconds_t)(j * 2000));
            expect_ok(kill(pid, numbers[j]));
            expect_signaled(reap(pid), numbers[j]);
        }
    }
    expect_signaled(child_status(wait_for_child, NULL), SIGKILL);
}

static void ignored_from_outside(void)
{
    struct sign ready;

    sign_open(&ready);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        signal(SIGTERM, SIG_IGN);
        sign_send(&ready);
        for (;;)
            usleep(1000);
    }
    sign_await(&ready);
    for (int i = 0; i < 20; i++)
        expect_ok(kill(pid, SIGTERM));
    usleep(5000);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

/* A dead child that nobody has waited for can be signalled, to no effect. */
static void signals_to_zombies(void)
{
    siginfo_t information;

    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(9);
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT));
    expect_ok(kill(pid, SIGKILL));
    expect_ok(kill(pid, 0));
    expect_exited(reap(pid), 9);
    expect_errno(kill(pid, SIGKILL), ESRCH);
}

static void own_group(void *argument)
{
    expect_ok(setpgid(0, 0));
    pid_t pid = spawn(sleep_long, NULL);
    signal(SIGTERM, argument ? SIG_IGN : SIG_DFL);
    expect_ok(kill(0, SIGTERM));
    expect_signaled(reap(pid), SIGTERM);
    _exit(50);
}

static void signals_to_the_own_group(void)
{
    expect_signaled(child_status(own_group, NULL), SIGTERM);
    expect_exited(child_status(own_group, own_group), 50);
}

/* ---- stopping ---- */

static void stop_and_continue(void)
{
    int status;

    pid_t pid = spawn(sleep_long, NULL);
    expect_ok(kill(pid, SIGSTOP));
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told once */
    expect_ok(kill(pid, SIGTERM)); /* it waits until the process goes on */
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    expect_ok(kill(pid, SIGCONT));
    expect_signaled(reap(pid), SIGTERM);
    pid = spawn(sleep_long, NULL);
    expect_ok(kill(pid, SIGSTOP));
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    expect_ok(kill(pid, SIGCONT));
    CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
    CHECK(WIFCONTINUED(status));
    expect_ok(kill(pid, SIGSTOP));
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    expect_ok(kill(pid, SIGKILL)); /* this one does not wait */
    expect_signaled(reap(pid), SIGKILL);
}

static void stopped_by_the_others(void)
{
    static const int numbers[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    siginfo_t information;

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        pid_t pid = spawn(raise_and_exit, (void *)(intptr_t)numbers[i]);
        expect_ok(waitid(P_PID, (id_t)pid, &information, WSTOPPED | WEXITED));
        CHECK_EQ(information.si_code, CLD_STOPPED);
        CHECK_EQ(information.si_status, numbers[i]);
        CHECK_EQ(information.si_pid, pid);
        expect_ok(kill(pid, SIGCONT));
        expect_exited(reap(pid), 50);
    }
}

static const struct test tests[] = {
    TEST(default_actions),          TEST(ignored),
    TEST(not_to_be_ignored),        TEST(ignored_over_fork),
    TEST(ignored_over_execute),     TEST(traps),
    TEST(privileged_instructions),  TEST(division_by_zero),
    TEST(ignored_faults_kill),      TEST(killed_in_every_state),
    TEST(ignored_from_outside),     TEST(signals_to_zombies),
    TEST(signals_to_the_own_group), TEST(stop_and_continue),
    TEST(stopped_by_the_others),
};

int main(int argc, char **argv)
{
    int number;

    if (argc == 3 && strcmp(argv[1], "@raise") == 0 && sscanf(argv[2], "%d", &number) == 1)
        raise_and_exit((void *)(intptr_t)number);
    return TAP_MAIN(argc, argv, tests);
}
