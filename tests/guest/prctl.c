/* prctl(2): what a process says about itself, and what follows from it. */
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void name(void)
{
    char text[16], long_name[] = "abcdefghijklmnopqrst";

    expect_ok(prctl(PR_SET_NAME, long_name));
    expect_ok(prctl(PR_GET_NAME, text));
    CHECK_STRING(text, "abcdefghijklmno");
    expect_errno(prctl(PR_SET_NAME, 8), EFAULT);
    expect_ok(prctl(PR_SET_NAME, ""));
    expect_ok(prctl(PR_GET_NAME, text));
    CHECK_STRING(text, "");
}

static void dumpable(void)
{
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    expect_errno(prctl(PR_SET_DUMPABLE, 2), EINVAL);
    expect_ok(prctl(PR_SET_DUMPABLE, 0));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(prctl(PR_GET_DUMPABLE));
    expect_exited(reap(pid), 0);
}

static void no_new_privileges(void)
{
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    expect_errno(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
    expect_errno(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    expect_errno(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    expect_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    expect_exited(reap(pid), 1);
}

static void odds_and_ends(void)
{
    int value = -1;

    expect_errno(prctl(12345), EINVAL);
    CHECK_EQ(prctl(PR_GET_TIMING), PR_TIMING_STATISTICAL);
    expect_errno(prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP), EINVAL);
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
    expect_ok(prctl(PR_SET_TIMERSLACK, 1234));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1234);
    expect_ok(prctl(PR_SET_TIMERSLACK, 0));
    expect_errno(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    expect_ok(prctl(PR_GET_PDEATHSIG, &value));
    CHECK_EQ(value, 0);
    expect_ok(prctl(PR_GET_CHILD_SUBREAPER, &value));
    CHECK_EQ(value, 0);
    expect_errno(prctl(PR_GET_CHILD_SUBREAPER, 8), EFAULT);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    expect_ok(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    expect_errno(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
}

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

static void auxiliary_vector(void)
{
    unsigned long told[128], read[128];
    int size = prctl(PR_GET_AUXV, told, sizeof(told), 0, 0);

    if (size < 0 && errno == EINVAL)
        skip("no PR_GET_AUXV");
    CHECK(size > 0 && size <= (int)sizeof(told));
    size_t there = read_file("/proc/self/auxv", (char *)read, sizeof(read));
    CHECK(memcmp(told, read, there < (size_t)size ? there : (size_t)size) == 0);
    expect_errno(prctl(PR_GET_AUXV, told, sizeof(told), 1, 0), EINVAL);
    expect_errno(prctl(PR_GET_AUXV, 8, sizeof(told), 0, 0), EFAULT);
}

/* ---- the death of a parent ---- */

static int orphan_pipe[2]; /* its pid comes through */

/* A process that makes a child and dies once that is ready. */
static void parent_of_orphan(void *argument)
{
    struct sign ready;

    (void)argument;
    sign_open(&ready);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        expect_ok(prctl(PR_SET_PDEATHSIG, SIGUSR1));
        sign_send(&ready);
        for (;;)
            pause();
    }
    sign_await(&ready);
    write_all(orphan_pipe[1], &pid, sizeof(pid));
}

static void orphans_come_to_the_subreaper(void)
{
    pid_t orphan;

    expect_ok(pipe(orphan_pipe));
    expect_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
    expect_child_ok(parent_of_orphan, NULL);
    read_all(orphan_pipe[0], &orphan, sizeof(orphan));
    expect_signaled(reap(orphan), SIGUSR1); /* ours now, and told of its parent's death */
    expect_errno(wait(NULL), ECHILD);
}

static void dies_before_its_parent(void *argument)
{
    (void)argument;
    signal(SIGCHLD, SIG_DFL);
    pid_t pid = expect_ok(fork());
    if (pid == 0)
        _exit(7);
    siginfo_t information;
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT));
    write_all(orphan_pipe[1], &pid, sizeof(pid));
}

static void dead_orphans_too(void)
{
    pid_t orphan;

    expect_ok(pipe(orphan_pipe));
    expect_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
    expect_child_ok(dies_before_its_parent, NULL);
    read_all(orphan_pipe[0], &orphan, sizeof(orphan));
    expect_exited(reap(orphan), 7);
}

/* A subreaper that does not want to know of its children gets no zombies. */
static void unwanted_orphans(void)
{
    pid_t orphan;

    expect_ok(pipe(orphan_pipe));
    expect_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = spawn(dies_before_its_parent, NULL);
    read_all(orphan_pipe[0], &orphan, sizeof(orphan));
    expect_errno(waitpid(pid, NULL, 0), ECHILD);
    expect_errno(kill(orphan, 0), ESRCH);
}

static const struct test tests[] = {
    TEST(name),
    TEST(dumpable),
    TEST(no_new_privileges),
    TEST(odds_and_ends),
    TEST(auxiliary_vector),
    TEST(orphans_come_to_the_subreaper),
    TEST(dead_orphans_too),
    TEST(unwanted_orphans),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
