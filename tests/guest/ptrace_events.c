/*
 * ptrace: the events of a tracee's life: fork, vfork, threads, execve, exit; and what becomes of
 * tracees whose tracer or parent goes, and of zombies.
 */
#include "tracing.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ALL_EVENTS                                                                                 \
    (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |         \
     PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT)

static void go_on_to(pid_t pid, int code)
{
    go_on(pid, 0);
    expect_stop(pid, code);
}

/* The new tracee of an event stops by itself. */
static pid_t new_tracee(pid_t pid)
{
    pid_t child = (pid_t)event_message(pid);

    CHECK(child > 0 && child != pid);
    expect_stop(child, SIGSTOP);
    return child;
}

static void fork_one(void *unused)
{
    (void)unused;
    be_traced();
    pid_t child = expect_ok(fork());
    if (child == 0)
        _exit(7);
    expect_exited(reap(child), 7);
}

static void fork_event(void)
{
    pid_t pid = start_traced(fork_one, NULL, ALL_EVENTS);
    siginfo_t information;

    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_FORK));
    expect_ok(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information));
    CHECK_EQ(information.si_signo, SIGTRAP);
    CHECK_EQ(information.si_code, STOP_OF_EVENT(PTRACE_EVENT_FORK));
    pid_t child = new_tracee(pid);
    go_on(pid, 0);
    go_on_to(child, STOP_OF_EVENT(PTRACE_EVENT_EXIT));
    CHECK_EQ(event_message(child), 7 << 8);
    go_on(child, 0);
    expect_exited(reap(child), 7); /* to the tracer, then to the parent */
    expect_stop(pid, SIGCHLD);
    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_EXIT));
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

static void vfork_one(void *unused)
{
    (void)unused;
    be_traced();
    pid_t child = vfork();
    if (child == 0)
        _exit(8);
    expect_exited(reap(child), 8);
}

static void vfork_events(void)
{
    pid_t pid = start_traced(vfork_one, NULL, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE);

    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_VFORK));
    pid_t child = new_tracee(pid);
    go_on(pid, 0);
    go_on(child, 0);
    expect_exited(reap(child), 8);
    expect_stop(pid, STOP_OF_EVENT(PTRACE_EVENT_VFORK_DONE));
    CHECK_EQ(event_message(pid), child);
    go_on_to(pid, SIGCHLD);
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

static void *end_at_once(void *result)
{
    return result;
}

static void start_thread(void *unused)
{
    pthread_t thread;
    void *result;

    be_traced();
    CHECK_EQ(pthread_create(&thread, NULL, end_at_once, &result), 0);
    CHECK_EQ(pthread_join(thread, &result), 0);
    CHECK(result == &result);
    (void)unused;
}

/* A thread ends: the tracer alone is told, and it can be waited for by its identifier. */
static void thread_events(void)
{
    pid_t pid = start_traced(start_thread, NULL, ALL_EVENTS | PTRACE_O_TRACESYSGOOD);
    int status;

    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_CLONE));
    pid_t thread = new_tracee(pid);
    go_on(pid, 0);
    go_on_to(thread, STOP_OF_EVENT(PTRACE_EVENT_EXIT));
    go_on(thread, 0);
    CHECK_EQ(waitpid(thread, &status, __WALL), thread);
    expect_exited(status, 0);
    expect_errno(waitpid(thread, &status, __WALL), ECHILD);
    expect_stop(pid, STOP_OF_EVENT(PTRACE_EVENT_EXIT));
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

static void execute_self(const char *test)
{
    execl(self_path(), self_path(), test, (char *)NULL);
    fail("%s: %s", self_path(), error_name(errno));
}

static void execute(void *unused)
{
    (void)unused;
    be_traced();
    execute_self("exit-9");
}

/* Without the option there is a SIGTRAP behind execve; with it, the event. */
static void execute_event(void)
{
    pid_t pid = start_traced(execute, NULL, 0);

    go_on_to(pid, SIGTRAP);
    go_on(pid, 0);
    expect_exited(reap(pid), 9);
    pid = start_traced(execute, NULL, PTRACE_O_TRACEEXEC);
    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_EXEC));
    CHECK_EQ(event_message(pid), pid);
    go_on(pid, 0);
    expect_exited(reap(pid), 9);
}

static void *execute_in_thread(void *unused)
{
    (void)unused;
    execute_self("exit-9");
    return NULL;
}

static void execute_other_thread(void *unused)
{
    pthread_t thread;

    (void)unused;
    be_traced();
    CHECK_EQ(pthread_create(&thread, NULL, execute_in_thread, NULL), 0);
    pause();
}

/* The thread that executes becomes the leader, whose tracing ends without a word. */
static void execute_in_other_thread(void)
{
    pid_t pid = start_traced(execute_other_thread, NULL, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);

    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_CLONE));
    pid_t thread = new_tracee(pid);
    go_on(pid, 0);
    go_on(thread, 0);
    expect_stop(pid, STOP_OF_EVENT(PTRACE_EVENT_EXEC));
    CHECK_EQ(event_message(pid), thread);
    expect_errno(ptrace(PTRACE_CONT, thread, NULL, NULL), ESRCH);
    go_on(pid, 0);
    expect_exited(reap(pid), 9);
}

/* Tracers that go */

struct family {
    struct sign ready, go;
    pid_t tracee;
    long options;
    bool seize;
};

static void pause_only(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void trace_and_end(void *argument)
{
    const struct family *family = argument;
    int status;

    if (family->seize) {
        expect_ok(ptrace(PTRACE_SEIZE, family->tracee, NULL, family->options));
        return;
    }
    expect_ok(ptrace(PTRACE_ATTACH, family->tracee, NULL, NULL));
    CHECK_EQ(waitpid(family->tracee, &status, __WALL), family->tracee);
    CHECK(WIFSTOPPED(status));
    expect_ok(ptrace(PTRACE_SETOPTIONS, family->tracee, NULL, family->options));
}

/* A tracee is free and runs on when its tracer ends; or it is killed. */
static void tracer_ends(void)
{
    struct family family = {.tracee = spawn(pause_only, NULL)};
    char value[256];

    expect_child_ok(trace_and_end, &family);
    status_field(family.tracee, "TracerPid", value);
    CHECK_STRING(value, "0");
    CHECK_EQ(waitpid(family.tracee, NULL, WNOHANG), 0);
    expect_ok(kill(family.tracee, SIGTERM));
    expect_signaled(reap(family.tracee), SIGTERM);
    for (int seize = 0; seize < 2; seize++) {
        family = (struct family){
            .tracee = spawn(pause_only, NULL), .options = PTRACE_O_EXITKILL, .seize = seize};
        expect_child_ok(trace_and_end, &family);
        expect_signaled(reap(family.tracee), SIGKILL);
    }
}

static void trace_until_told(void *argument)
{
    struct family *family = argument;
    int status;

    expect_ok(ptrace(PTRACE_SEIZE, family->tracee, NULL, NULL));
    sign_send(&family->ready);
    sign_await(&family->go);
    CHECK_EQ(waitpid(family->tracee, &status, __WALL), family->tracee);
    expect_signaled(status, SIGKILL);
}

/* A zombie is the tracer's first; the parent waits until that has taken it. */
static void zombie_for_both(void)
{
    struct family family = {.tracee = spawn(pause_only, NULL)};

    sign_open(&family.ready);
    sign_open(&family.go);
    pid_t tracer = spawn(trace_until_told, &family);
    sign_await(&family.ready);
    expect_ok(kill(family.tracee, SIGKILL));
    char value[256];
    do
        status_field(family.tracee, "State", value);
    while (strcmp(value, "Z (zombie)"));
    CHECK_EQ(waitpid(family.tracee, NULL, WNOHANG), 0);
    sign_send(&family.go);
    expect_signaled(reap(family.tracee), SIGKILL);
    expect_exited(reap(tracer), 0);
}

static void fork_and_end(void *argument)
{
    struct family *family = argument;

    if (expect_ok(fork()) == 0) {
        be_traced();
        sign_await(&family->go);
    }
}

/* The tracer of a forked tracee is not its parent, which ends: it goes on to be traced. */
static void orphan(void *argument)
{
    be_traced();
    fork_and_end(argument);
}

static void orphans_stay_traced(void)
{
    struct family family;

    sign_open(&family.go);
    pid_t pid = start_traced(orphan, &family, PTRACE_O_TRACEFORK);
    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_FORK));
    pid_t child = new_tracee(pid);
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
    expect_ok(ptrace(PTRACE_CONT, child, NULL, (long)SIGKILL));
    int status;
    CHECK_EQ(waitpid(child, &status, __WALL), child);
    expect_signaled(status, SIGKILL);
}

/* waitid(2) on stops */

static void raise_one(void *unused)
{
    (void)unused;
    be_traced();
    raise(SIGUSR1);
}

static void waitid_of_stops(void)
{
    pid_t pid = start_traced(raise_one, NULL, PTRACE_O_TRACEEXIT);
    siginfo_t information;

    go_on(pid, 0);
    expect_ok(waitid(P_PID, (id_t)pid, &information, WSTOPPED | WNOWAIT | __WALL));
    CHECK_EQ(information.si_code, CLD_TRAPPED);
    CHECK_EQ(information.si_status, SIGUSR1);
    CHECK_EQ(information.si_pid, pid);
    expect_ok(waitid(P_ALL, 0, &information, WSTOPPED));
    CHECK_EQ(information.si_code, CLD_TRAPPED);
    information.si_pid = -1;
    expect_ok(waitid(P_ALL, 0, &information, WSTOPPED | WNOHANG));
    CHECK_EQ(information.si_pid, 0);
    go_on(pid, 0);
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED));
    CHECK_EQ(information.si_code, CLD_TRAPPED);
    CHECK_EQ(information.si_status, STOP_OF_EVENT(PTRACE_EVENT_EXIT));
    go_on(pid, 0);
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED));
    CHECK_EQ(information.si_code, CLD_EXITED);
}

/* A killed tracee does not wait for its tracer. */
static void killed_while_stopped(void)
{
    pid_t pid = start_traced(raise_one, NULL, 0);

    go_on_to(pid, SIGUSR1);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
    expect_errno(ptrace(PTRACE_CONT, pid, NULL, NULL), ESRCH);
}

/* Set-user-ID programs run without the privilege, if the tracer has none. */

static void execute_set_id(void *unused)
{
    (void)unused;
    be_traced();
    execl("./set-id", "set-id", "show-euid", (char *)NULL);
    fail("set-id: %s", error_name(errno));
}

static void trace_set_id(void *unused)
{
    (void)unused;
    expect_ok(setgid(1234));
    expect_ok(setuid(1234));
    pid_t pid = start_traced(execute_set_id, NULL, PTRACE_O_TRACEEXEC);
    go_on_to(pid, STOP_OF_EVENT(PTRACE_EVENT_EXEC));
    go_on(pid, 0);
    expect_exited(reap(pid), 1);
    expect_ok(execl("./set-id", "set-id", "show-euid", (char *)NULL));
}

static void copy_self(const char *name)
{
    char buffer[4096];
    ssize_t count;
    int from = expect_ok(open(self_path(), O_RDONLY));
    int to = expect_ok(open(name, O_WRONLY | O_CREAT, 0755));

    while ((count = expect_ok(read(from, buffer, sizeof(buffer)))))
        write_all(to, buffer, (size_t)count);
    close(from);
    close(to);
}

static void set_id_programs(void)
{
    if (getuid())
        skip("needs root");
    copy_self("set-id");
    expect_ok(chmod("set-id", 04755));
    expect_ok(chmod(".", 0755));
    expect_exited(child_status(trace_set_id, NULL), 0);
}

static const struct test tests[] = {
    TEST(fork_event),
    TEST(vfork_events),
    TEST(thread_events),
    TEST(execute_event),
    TEST(execute_in_other_thread),
    TEST(tracer_ends),
    TEST(zombie_for_both),
    TEST(orphans_stay_traced),
    TEST(waitid_of_stops),
    TEST(killed_while_stopped),
    TEST(set_id_programs),
};

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "exit-9"))
        return 9;
    if (argc == 2 && !strcmp(argv[1], "show-euid"))
        return geteuid() == 0 ? 0 : 1;
    return TAP_MAIN(argc, argv, tests);
}
