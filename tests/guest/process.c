/*
 * Processes: what fork, vfork and execve hand on and what they do not, waiting, exits, sessions and
 * groups.
 */
#include "tap.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- fork ---- */

static void fork_identities(void)
{
    pid_t parent = getpid(), group = getpgrp(), session = getsid(0), answer[5];
    int ends[2];

    expect_ok(pipe(ends));
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        pid_t values[5] = {getpid(), getppid(), getpgrp(), getsid(0), gettid()};
        write_all(ends[1], values, sizeof(values));
        _exit(0);
    }
    read_all(ends[0], answer, sizeof(answer));
    expect_exited(reap(pid), 0);
    CHECK_EQ(answer[0], pid);
    CHECK(pid != parent);
    CHECK_EQ(answer[1], parent);
    CHECK_EQ(answer[2], group);
    CHECK_EQ(answer[3], session);
    CHECK_EQ(answer[4], pid);
}

static void change_everything(void *argument)
{
    (void)argument;
    umask(077);
    expect_ok(chdir("sub"));
    expect_ok(setenv("VARIABLE", "child", 1));
    CHECK_EQ(lseek(101, 5, SEEK_SET), 5);
    CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
}

static void fork_separates(void)
{
    char path[512], now[512];

    expect_ok(mkdir("sub", 0755));
    CHECK(getcwd(path, sizeof(path)) != NULL);
    int fd = pattern_file("file", 10);
    CHECK_EQ(expect_ok(dup2(fd, 101)), 101);
    expect_ok(setenv("VARIABLE", "parent", 1));
    umask(022);
    expect_child_ok(change_everything, NULL);
    CHECK_EQ(umask(022), 022);
    CHECK(getcwd(now, sizeof(now)) != NULL);
    CHECK_STRING(now, path);
    CHECK_STRING(getenv("VARIABLE"), "parent");
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5); /* but the offset is that of the open file */
    CHECK(signal(SIGUSR1, SIG_DFL) == SIG_DFL);
}

static void close_descriptor(void *argument)
{
    expect_ok(close((int)(intptr_t)argument));
}

static void descriptors_are_copied(void)
{
    int fd = pattern_file("file", 10);
    char byte;

    expect_child_ok(close_descriptor, (void *)(intptr_t)fd);
    CHECK_EQ(read(fd, &byte, 1), 1);
}

/* ---- vfork ---- */

static volatile int shared_variable;

static __attribute__((noinline)) pid_t vfork_store(int value)
{
    pid_t pid = vfork();

    if (pid == 0) {
        shared_variable = value;
        _exit(value);
    }
    return pid;
}

/* The child runs in the parent's memory, and the parent only when the child has left it. */
static void vfork_shares_memory(void)
{
    for (int i = 1; i < 20; i++) {
        pid_t pid = expect_ok(vfork_store(i));
        CHECK_EQ(shared_variable, i);
        expect_exited(reap(pid), i);
    }
}

static __attribute__((noinline)) pid_t vfork_execute(const char *path, char **argv)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execve(path, argv, NULL);
        shared_variable = errno;
        _exit(99);
    }
    return pid;
}

static void vfork_and_execute(void)
{
    char *argv[] = {"process", "@exit", "8", NULL};
    volatile char mine[64] = "parent's stack";

    shared_variable = 0;
    for (int i = 0; i < 10; i++) {
        pid_t pid = expect_ok(vfork_execute(self_path(), argv));
        expect_exited(reap(pid), 8);
    }
    CHECK_EQ(shared_variable, 0);
    pid_t pid = expect_ok(vfork_execute("/no/such/program", argv));
    expect_exited(reap(pid), 99);
    CHECK_EQ(shared_variable, ENOENT);
    CHECK_STRING((char *)mine, "parent's stack");
}

static __attribute__((noinline)) pid_t vfork_fault(volatile char *page, volatile char *bad)
{
    pid_t pid = vfork();

    if (pid == 0) {
        page[0] = 'v'; /* a fault on a page that nobody had touched, for both */
        *bad = 1;
        _exit(0);
    }
    return pid;
}

/* A child that dies in the shared memory leaves it whole. */
static void vfork_and_die(void)
{
    for (int i = 0; i < 5; i++) {
        char *page = map_pages(1);
        pid_t pid = expect_ok(vfork_fault(page, find_hole(1)));
        expect_signaled(reap(pid), SIGSEGV);
        CHECK_EQ(page[0], 'v');
        page[1] = 'p';
        expect_ok(munmap(page, PAGE));
    }
}

/* ---- execve ---- */

struct run {
    char *argv[8];
    char *envp[4];
};

static void execute_self(void *argument)
{
    struct run *run = argument;

    execve(self_path(), run->argv, run->envp);
    _exit(100);
}

static int exit_mode(char **argv)
{
    return atoi(argv[2]);
}

static void execute_exit(void)
{
    struct run run = {{"process", "@exit", "77", NULL}, {NULL}};

    expect_exited(child_status(execute_self, &run), 77);
}

/* @kept: what an executed program must find as its predecessor left it. */
static int kept_mode(char **argv)
{
    char path[PATH_MAX], byte = 0;
    struct stat status;

    if (getpid() != atoi(argv[2]) || getcwd(path, sizeof(path)) == NULL)
        return 1;
    if (strcmp(path, argv[3]) != 0)
        return 2;
    if (umask(0) != 0123)
        return 3;
    if (read(60, &byte, 1) != 1 || (unsigned char)byte != pattern_byte(3))
        return 4;
    if (fcntl(61, F_GETFD) != -1 || errno != EBADF)
        return 5;
    if (signal(SIGUSR1, SIG_DFL) != SIG_IGN || signal(SIGUSR2, SIG_DFL) != SIG_DFL)
        return 6;
    if (getpgrp() != getpid())
        return 7;
    if (stat("file", &status) < 0)
        return 8;
    return 0;
}

static void execute_keeping(void *argument)
{
    char path[PATH_MAX], number[16];
    struct run run = {{"process", "@kept", number, path, NULL}, {NULL}};

    (void)argument;
    snprintf(number, sizeof(number), "%d", (int)getpid());
    CHECK(getcwd(path, sizeof(path)) != NULL);
    umask(0123);
    int fd = expect_ok(open("file", O_RDONLY));
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQ(dup2(fd, 60), 60);
    CHECK_EQ(dup2(fd, 61), 61);
    expect_ok(fcntl(61, F_SETFD, FD_CLOEXEC));
    signal(SIGUSR1, SIG_IGN);
    expect_ok(setpgid(0, 0));
    execute_self(&run);
}

static void execute_keeps(void)
{
    expect_ok(close(pattern_file("file", 10)));
    expect_child_ok(execute_keeping, NULL);
}

static char data_variable[3 * PAGE] = "initial";
static char bss_variable[3 * PAGE];

/* @fresh: memory as the program's file has it, nothing of the predecessor. */
static int fresh_mode(char **argv)
{
    char *old = (char *)(uintptr_t)strtoul(argv[2], NULL, 16);
    int ends[2];

    if (strcmp(data_variable, "initial") != 0 || !all_bytes(bss_variable, 0, sizeof(bss_variable)))
        return 1;
    if (pipe(ends) < 0 || write(ends[1], old, 1) >= 0 || errno != EFAULT)
        return 2;
    return all_bytes(sbrk((intptr_t)(4 * PAGE)), 0, 4 * PAGE) ? 0 : 3;
}

static void execute_with_old_memory(void *argument)
{
    char number[32];
    struct run run = {{"process", "@fresh", number, NULL}, {NULL}};
    char *page = (char *)0x2345000000; /* where nothing is by itself */

    (void)argument;
    CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == page);
    page[0] = 1;
    strcpy(data_variable, "changed");
    memset(bss_variable, 1, sizeof(bss_variable));
    memset(sbrk(8 * PAGE), 1, 8 * PAGE);
    snprintf(number, sizeof(number), "%lx", (unsigned long)page);
    execute_self(&run);
}

static void execute_is_fresh(void)
{
    expect_child_ok(execute_with_old_memory, NULL);
    CHECK_STRING(data_variable, "initial");
}

static void failed_execute(void *argument)
{
    struct run run = {{"process", NULL}, {NULL}};
    char *page = map_pages(1);

    (void)argument;
    page[0] = 'k';
    write_file("text", "no program", 0755);
    expect_errno(execve("text", run.argv, run.envp), ENOEXEC);
    expect_errno(execve("none", run.argv, run.envp), ENOENT);
    CHECK_EQ(page[0], 'k');
    int fd = expect_ok(open("text", O_RDONLY | O_CLOEXEC));
    expect_errno(execve("text", run.argv, run.envp), ENOEXEC);
    expect_ok(fcntl(fd, F_GETFD)); /* still open */
}

static void execute_fails_cleanly(void)
{
    expect_child_ok(failed_execute, NULL);
}

/* ---- exit and wait ---- */

static void exit_code(void *argument)
{
    _exit((int)(intptr_t)argument);
}

static void wait_by_number(void)
{
    pid_t pids[5];

    for (intptr_t i = 0; i < 5; i++)
        pids[i] = spawn(exit_code, (void *)(i + 10));
    for (int i = 4; i >= 0; i--) {
        int status = 0;
        CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
        expect_exited(status, i + 10);
    }
    expect_errno(waitpid(pids[0], NULL, 0), ECHILD);
}

static void wait_by_group(void)
{
    struct sign go;
    int status;

    sign_open(&go);
    pid_t other = spawn((void (*)(void *))sign_await, &go);
    expect_ok(setpgid(other, 0));
    pid_t mine = spawn(exit_code, (void *)3);
    CHECK_EQ(waitpid(0, &status, 0), mine); /* of the caller's own group */
    expect_errno(waitpid(0, &status, 0), ECHILD);
    CHECK_EQ(waitpid(-other, &status, WNOHANG), 0);
    sign_send(&go);
    CHECK_EQ(waitpid(-other, &status, 0), other);
    expect_exited(status, 0);
}

static void wait_by_waitid(void)
{
    siginfo_t information;

    pid_t pid = spawn(exit_code, (void *)300);
    memset(&information, 0xff, sizeof(information));
    expect_ok(waitid(P_PID, (id_t)pid, &information, WEXITED));
    CHECK_EQ(information.si_signo, SIGCHLD);
    CHECK_EQ(information.si_errno, 0);
    CHECK_EQ(information.si_code, CLD_EXITED);
    CHECK_EQ(information.si_pid, pid);
    CHECK_EQ(information.si_uid, getuid());
    CHECK_EQ(information.si_status, 300 & 255);
    struct sign go;
    sign_open(&go);
    pid = spawn((void (*)(void *))sign_await, &go);
    information.si_pid = 5;
    expect_ok(waitid(P_ALL, 0, &information, WEXITED | WNOHANG));
    CHECK_EQ(information.si_pid, 0); /* nobody */
    expect_ok(kill(pid, SIGTERM));
    expect_ok(waitid(P_PGID, (id_t)getpgrp(), &information, WEXITED));
    CHECK_EQ(information.si_pid, pid);
    CHECK_EQ(information.si_code, CLD_KILLED);
    CHECK_EQ(information.si_status, SIGTERM);
    expect_errno(waitid(P_PID, (id_t)pid, &information, WEXITED), ECHILD);
    expect_errno(waitid((idtype_t)99, 0, &information, WEXITED), EINVAL);
}

/* stdio is flushed by exit and not by _exit. */
static void print_and_exit(void *argument)
{
    FILE *stream = fopen("output", "a");

    fprintf(stream, "%s", argument ? "exit" : "_exit");
    if (argument)
        exit(0);
    _exit(0);
}

static void exit_flushes(void)
{
    char text[32];

    write_file("output", "", 0644);
    expect_exited(child_status(print_and_exit, NULL), 0);
    expect_exited(child_status(print_and_exit, text), 0);
    read_file("output", text, sizeof(text));
    CHECK_STRING(text, "exit");
}

/* A process whose parent ignores SIGCHLD leaves nothing to wait for. */
static void ignored_children(void)
{
    CHECK(signal(SIGCHLD, SIG_IGN) == SIG_DFL);
    for (int i = 0; i < 10; i++)
        spawn(exit_code, NULL);
    expect_errno(wait(NULL), ECHILD); /* it returns when the last has gone */
    signal(SIGCHLD, SIG_DFL);
    expect_exited(child_status(exit_code, NULL), 0);
}

/* ---- groups and sessions ---- */

static void sleep_for_ever(void *argument)
{
    for (;;)
        usleep(1000000);
    (void)argument;
}

static void groups(void)
{
    pid_t first = spawn(sleep_for_ever, NULL), second = spawn(sleep_for_ever, NULL);

    CHECK_EQ(getpgid(first), getpgrp());
    expect_ok(setpgid(first, first));
    expect_ok(setpgid(second, first));
    CHECK_EQ(getpgid(second), first);
    CHECK_EQ(getpgid(0), getpgrp());
    expect_errno(setpgid(second, 0x3ffffff0), EPERM); /* no such group in this session */
    expect_errno(setpgid(second, -1), EINVAL);
    expect_errno(setpgid(-1, 0), EINVAL);
    expect_errno(setpgid(0x3ffffff0, 0), ESRCH);
    expect_errno(getpgid(0x3ffffff0), ESRCH);
    expect_ok(kill(-first, SIGKILL));
    expect_signaled(reap(first), SIGKILL);
    expect_signaled(reap(second), SIGKILL);
    expect_errno(setpgid(first, first), ESRCH);
}

/* Numbers that no process can have, down to the least. */
static void impossible_numbers(void)
{
    static const int numbers[] = {-1, INT_MIN, INT_MIN + 1, INT_MAX};

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        expect_errno(getpgid(numbers[i]), ESRCH);
        expect_errno(getsid(numbers[i]), ESRCH);
        expect_errno(setpgid(numbers[i], getpgrp()), ESRCH);
        expect_errno(getpriority(PRIO_PROCESS, (id_t)numbers[i]), ESRCH);
    }
    expect_errno(kill(INT_MIN, 0), ESRCH);
    expect_errno(kill(INT_MAX, 0), ESRCH);
}

static void make_session(void *argument)
{
    (void)argument;
    CHECK(getsid(0) != getpid());
    CHECK_EQ(expect_ok(setsid()), getpid());
    CHECK_EQ(getsid(0), getpid());
    CHECK_EQ(getpgrp(), getpid());
    expect_errno(setsid(), EPERM);
    expect_errno(setpgid(0, 0), EPERM);
}

static void sessions(void)
{
    CHECK_EQ(getsid(0), getsid(getpid()));
    expect_child_ok(make_session, NULL);
    expect_errno(setsid(), EPERM); /* this test leads its group */
}

static void execute_wait(void *argument)
{
    struct run run = {{"process", "@wait", NULL}, {NULL}};
    int *ends = argument;

    dup2(ends[0], 0);
    dup2(ends[3], 1);
    execute_self(&run);
}

/* After a child has executed a program its parent can no longer move it. */
static void group_of_executed_child(void)
{
    int ends[4];
    char byte;

    expect_ok(pipe(ends));
    expect_ok(pipe(ends + 2));
    pid_t pid = spawn(execute_wait, ends);
    read_all(ends[2], &byte, 1);
    expect_errno(setpgid(pid, pid), EACCES);
    write_all(ends[1], "!", 1);
    expect_exited(reap(pid), 0);
}

/* The C library's posix_spawn and system: the child uses this process's memory until it executes,
 * and says there what went wrong. */
static void spawned_by_the_library(void)
{
    char *arguments[] = {"process", "@exit", "66", NULL}, *none[] = {NULL};
    char *memory = map_pages(16);
    pid_t pid;

    memset(memory, 's', 16 * PAGE);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(posix_spawn(&pid, self_path(), NULL, NULL, arguments, none), 0);
        expect_exited(reap(pid), 66);
        CHECK_EQ(posix_spawn(&pid, "/no such program", NULL, NULL, arguments, none), ENOENT);
        expect_exited(system("exit 5"), 5);
    }
    CHECK(all_bytes(memory, 's', 16 * PAGE));
}

static const struct test tests[] = {
    TEST(fork_identities),
    TEST(fork_separates),
    TEST(descriptors_are_copied),
    TEST(vfork_shares_memory),
    TEST(vfork_and_execute),
    TEST(vfork_and_die),
    TEST(execute_exit),
    TEST(execute_keeps),
    TEST(execute_is_fresh),
    TEST(execute_fails_cleanly),
    TEST(wait_by_number),
    TEST(wait_by_group),
    TEST(wait_by_waitid),
    TEST(exit_flushes),
    TEST(ignored_children),
    TEST(groups),
    TEST(impossible_numbers),
    TEST(sessions),
    TEST(group_of_executed_child),
    TEST(spawned_by_the_library),
};

static int wait_mode(void)
{
    char byte;

    return write(1, "!", 1) == 1 && read(0, &byte, 1) == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "@exit") == 0)
        return exit_mode(argv);
    if (argc > 3 && strcmp(argv[1], "@kept") == 0)
        return kept_mode(argv);
    if (argc > 2 && strcmp(argv[1], "@fresh") == 0)
        return fresh_mode(argv);
    if (argc > 1 && strcmp(argv[1], "@wait") == 0)
        return wait_mode();
    return TAP_MAIN(argc, argv, tests);
}
