/*
 * seccomp: the strict mode; filters: what they see, what their verdicts do to a call, a thread, a
 * process; who may install them, who gets them, and what a tracer makes of them.
 */
#include "tracing.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifdef __riscv
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#define ARCHITECTURE AUDIT_ARCH_X86_64
#endif

#define FIELD(member)       offsetof(struct seccomp_data, member)
#define LOAD(offset)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define VERDICT(verdict)    BPF_STMT(BPF_RET | BPF_K, verdict)
#define UNLESS(value, not ) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, not )

static long seccomp(unsigned operation, unsigned flags, void *argument)
{
    return syscall(SYS_seccomp, operation, flags, argument);
}

static long install_program(struct sock_filter *instructions, size_t length, unsigned flags)
{
    struct sock_fprog program = {(unsigned short)length, instructions};
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* A verdict for one call, all others are allowed. */
static long install(long number, unsigned verdict, unsigned flags)
{
    struct sock_filter program[] = {LOAD(FIELD(nr)), UNLESS((unsigned)number, 1), VERDICT(verdict),
                                    VERDICT(SECCOMP_RET_ALLOW)};
    return install_program(program, COUNT_OF(program), flags);
}

static void forbid_privileges(void)
{
    expect_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* getppid is the call that the filters are about. */
static void judge_getppid(unsigned verdict)
{
    forbid_privileges();
    expect_ok(install(SYS_getppid, verdict, 0));
}

/* The strict mode */

static void write_and_exit(void *unused)
{
    char byte = 0;
    int pipes[2];

    (void)unused;
    expect_ok(pipe(pipes));
    expect_ok(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    if (write(pipes[1], &byte, 1) == 1 && read(pipes[0], &byte, 1) == 1)
        syscall(SYS_exit, 3);
    syscall(SYS_exit, 4);
}

static void call_in_strict_mode(void *unused)
{
    (void)unused;
    expect_ok(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL));
    syscall(SYS_getppid);
    syscall(SYS_exit, 0);
}

static void strict_mode(void)
{
    expect_exited(child_status(write_and_exit, NULL), 3);
    expect_signaled(child_status(call_in_strict_mode, NULL), SIGKILL);
    expect_errno(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
    expect_errno(seccomp(SECCOMP_SET_MODE_STRICT, 0, (void *)1), EINVAL);
    judge_getppid(SECCOMP_RET_ERRNO | EPERM);
    expect_errno(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
    expect_errno(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), EINVAL);
}

/* Results */

static void error_numbers(void)
{
    judge_getppid(SECCOMP_RET_ERRNO | EXDEV);
    expect_errno(syscall(SYS_getppid), EXDEV);
    judge_getppid(SECCOMP_RET_ERRNO | EDOM); /* the newest of two equal ones counts */
    expect_errno(syscall(SYS_getppid), EDOM);
    judge_getppid(SECCOMP_RET_ALLOW); /* the strictest counts */
    expect_errno(syscall(SYS_getppid), EDOM);
    expect_ok(install(SYS_getuid, SECCOMP_RET_ERRNO | 0, 0));
    CHECK_EQ(syscall(SYS_getuid), 0);
    expect_ok(install(SYS_getgid, SECCOMP_RET_ERRNO | 0xffff, 0));
    expect_errno(syscall(SYS_getgid), 4095);
    expect_ok(install(SYS_getegid, SECCOMP_RET_LOG, 0));
    CHECK_EQ(syscall(SYS_getegid), getegid());
    expect_ok(install(100000, SECCOMP_RET_ERRNO | EXDEV, 0)); /* no call at all */
    expect_errno(syscall(100000), EXDEV);
    expect_errno(syscall(100001), ENOSYS);
}

/* Only a call with just these arguments, by this machine, is refused. */
static void what_filters_see(void)
{
    uint64_t second = 0x123456789abcdef0;
    struct sock_filter program[] = {
        LOAD(FIELD(arch)),
        UNLESS(ARCHITECTURE, 9),
        LOAD(FIELD(nr)),
        UNLESS((unsigned)SYS_getpriority, 7),
        LOAD(FIELD(args[0])),
        UNLESS(77, 5),
        LOAD(FIELD(args[1])),
        UNLESS((unsigned)second, 3),
        LOAD(FIELD(args[1]) + 4),
        UNLESS((unsigned)(second >> 32), 1),
        VERDICT(SECCOMP_RET_ERRNO | EXDEV),
        VERDICT(SECCOMP_RET_ALLOW),
    };

    forbid_privileges();
    expect_ok(install_program(program, COUNT_OF(program), 0));
    expect_errno(syscall(SYS_getpriority, 77, second), EXDEV);
    expect_errno(syscall(SYS_getpriority, 78, second), EINVAL);
    expect_errno(syscall(SYS_getpriority, 77, second + 1), EINVAL);
    expect_errno(syscall(SYS_getpriority, 77, second + (1ul << 32)), EINVAL);
}

static siginfo_t caught;

static void on_signal(int number, siginfo_t *information, void *unused)
{
    (void)number;
    (void)unused;
    caught = *information;
}

static void trap(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    expect_ok(sigaction(SIGSYS, &action, NULL));
    judge_getppid(SECCOMP_RET_TRAP | 0x1234);
    syscall(SYS_getppid);
    CHECK_EQ(caught.si_signo, SIGSYS);
    CHECK_EQ(caught.si_code, 1); /* SYS_SECCOMP */
    CHECK_EQ(caught.si_errno, 0x1234);
    CHECK_EQ(caught.si_syscall, SYS_getppid);
    CHECK_EQ(caught.si_arch, ARCHITECTURE);
    CHECK(caught.si_call_addr);
}

static void trap_ignored(void *unused)
{
    (void)unused;
    signal(SIGSYS, SIG_IGN);
    judge_getppid(SECCOMP_RET_TRAP);
    syscall(SYS_getppid);
}

static void trap_without_handler(void)
{
    expect_signaled(child_status(trap_ignored, NULL), SIGSYS);
}

/* Ends */

static void *forbidden_call(void *unused)
{
    (void)unused;
    syscall(SYS_getppid);
    return NULL;
}

/* The status says how many threads are left: with the other one gone, 5 is the end. */
static void in_a_thread(void *verdict)
{
    char threads[256] = "";
    pthread_t thread;

    signal(SIGSYS, SIG_IGN);
    judge_getppid(*(unsigned *)verdict);
    CHECK_EQ(pthread_create(&thread, NULL, forbidden_call, NULL), 0);
    while (strcmp(threads, "1")) {
        usleep(1000);
        status_field(getpid(), "Threads", threads);
    }
    _exit(5);
}

static void alone(void *verdict)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    expect_ok(sigaction(SIGSYS, &action, NULL));
    judge_getppid(*(unsigned *)verdict);
    syscall(SYS_getppid);
    _exit(6);
}

static void killed(void)
{
    unsigned process = SECCOMP_RET_KILL_PROCESS, thread = SECCOMP_RET_KILL_THREAD,
             unknown = 0x00ff0000;

    expect_signaled(child_status(alone, &process), SIGSYS);
    expect_signaled(child_status(alone, &thread), SIGSYS);
    expect_signaled(child_status(alone, &unknown), SIGSYS);
    expect_signaled(child_status(in_a_thread, &process), SIGSYS);
    expect_exited(child_status(in_a_thread, &thread), 5);
}

/* Who may, and what is refused */

static void as_nobody(void *unused)
{
    (void)unused;
    expect_ok(setuid(65534));
    expect_errno(install(SYS_getppid, SECCOMP_RET_ALLOW, 0), EACCES);
    judge_getppid(SECCOMP_RET_ERRNO | EXDEV);
    expect_errno(syscall(SYS_getppid), EXDEV);
}

static void permission(void)
{
    if (geteuid() != 0)
        skip("needs root");
    expect_child_ok(as_nobody, NULL);
    expect_ok(install(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, 0)); /* CAP_SYS_ADMIN */
    expect_errno(syscall(SYS_getppid), EXDEV);
}

static void refused(void)
{
    struct sock_filter program[] = {VERDICT(SECCOMP_RET_ALLOW)};
    struct sock_filter endless[] = {LOAD(FIELD(nr))};
    struct sock_filter outside[] = {LOAD(sizeof(struct seccomp_data)), VERDICT(0)};
    struct sock_fprog nothing = {1, NULL}, nowhere = {1, (void *)8};

    forbid_privileges();
    expect_errno(install_program(program, 0, 0), EINVAL);
    expect_errno(install_program(program, BPF_MAXINSNS + 1, 0), EINVAL);
    expect_errno(install_program(endless, 1, 0), EINVAL);
    expect_errno(install_program(outside, 2, 0), EINVAL);
    expect_errno(install_program(program, 1, 1u << 20), EINVAL);
    expect_errno(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT);
    expect_errno(seccomp(SECCOMP_SET_MODE_FILTER, 0, &nothing), EINVAL);
    expect_errno(seccomp(SECCOMP_SET_MODE_FILTER, 0, &nowhere), EFAULT);
    expect_errno(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL), EFAULT);
    expect_errno(seccomp(99, 0, NULL), EINVAL);
    expect_errno(prctl(PR_SET_SECCOMP, 99), EINVAL);
    CHECK_EQ(prctl(PR_GET_SECCOMP), SECCOMP_MODE_DISABLED);
}

/* The limit counts what Linux makes of the instructions, up to twice as many. */
static void too_many_instructions(void)
{
    static struct sock_filter program[BPF_MAXINSNS];
    int count = 0;

    for (size_t i = 0; i < COUNT_OF(program); i++)
        program[i] = (struct sock_filter)VERDICT(SECCOMP_RET_ALLOW);
    forbid_privileges();
    while (count < 20 && install_program(program, COUNT_OF(program), 0) == 0)
        count++;
    CHECK_EQ(errno, ENOMEM);
    CHECK(count >= 3 && count <= 7);
}

static void actions(void)
{
    static const unsigned known[] = {
        SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
        SECCOMP_RET_TRACE,        SECCOMP_RET_LOG,         SECCOMP_RET_ALLOW};
    unsigned action = 0x12340000;

    for (size_t i = 0; i < COUNT_OF(known); i++)
        expect_ok(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, (void *)&known[i]));
    expect_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
    expect_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &action), EINVAL);
    expect_errno(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
}

/* Who gets them */

static void expect_status(const char *name, const char *expected)
{
    char value[256];
    status_field(getpid(), name, value);
    CHECK_STRING(value, expected);
}

static void child_is_refused(void *unused)
{
    (void)unused;
    expect_errno(syscall(SYS_getppid), EXDEV);
    expect_ok(install(SYS_getuid, SECCOMP_RET_ERRNO | EDOM, 0));
    expect_errno(syscall(SYS_getuid), EDOM);
    expect_status("Seccomp_filters", "2");
}

static void *refused_thread(void *unused)
{
    (void)unused;
    return (void *)(long)(syscall(SYS_getppid) == -1 && errno == EXDEV);
}

static void inherited(void)
{
    pthread_t thread;
    void *is_refused;

    expect_status("Seccomp", "0");
    judge_getppid(SECCOMP_RET_ERRNO | EXDEV);
    CHECK_EQ(prctl(PR_GET_SECCOMP), SECCOMP_MODE_FILTER);
    expect_status("Seccomp", "2");
    expect_status("Seccomp_filters", "1");
    expect_child_ok(child_is_refused, NULL);
    CHECK(syscall(SYS_getuid) >= 0); /* the child's own filter is not the parent's */
    CHECK_EQ(pthread_create(&thread, NULL, refused_thread, NULL), 0);
    pthread_join(thread, &is_refused);
    CHECK(is_refused);
}

static void execute(void *unused)
{
    (void)unused;
    expect_ok(install(SYS_execve, SECCOMP_RET_ALLOW, 0));
    expect_ok(install(SYS_getcwd, SECCOMP_RET_ERRNO | EXDEV, 0));
    execl("/bin/sh", "sh", "-c", "grep -q 'Seccomp:.2' /proc/self/status", NULL);
    _exit(9);
}

static void kept_by_execve(void)
{
    forbid_privileges();
    expect_child_ok(execute, NULL);
}

/* Threads wait until told to look, or to install a filter of their own first. */
struct fellow {
    pthread_t thread;
    volatile pid_t id;
    bool deviates;
    struct sign ready, go;
    bool refused;
    int no_new_privileges;
};

static void *accompany(void *argument)
{
    struct fellow *fellow = argument;

    fellow->id = gettid();
    if (fellow->deviates) {
        forbid_privileges();
        expect_ok(install(SYS_getuid, SECCOMP_RET_ALLOW, 0));
    }
    sign_send(&fellow->ready);
    sign_await(&fellow->go);
    fellow->refused = syscall(SYS_getppid) == -1 && errno == EXDEV;
    fellow->no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    return NULL;
}

static void start_fellow(struct fellow *fellow)
{
    sign_open(&fellow->ready);
    sign_open(&fellow->go);
    CHECK_EQ(pthread_create(&fellow->thread, NULL, accompany, fellow), 0);
    sign_await(&fellow->ready);
}

static void end_fellow(struct fellow *fellow)
{
    sign_send(&fellow->go);
    pthread_join(fellow->thread, NULL);
}

static void all_threads(void)
{
    struct fellow fellow = {.deviates = false};

    start_fellow(&fellow);
    forbid_privileges();
    expect_ok(install(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, SECCOMP_FILTER_FLAG_TSYNC));
    end_fellow(&fellow);
    CHECK(fellow.refused);
    CHECK_EQ(fellow.no_new_privileges, 1);
}

static void threads_that_deviate(void)
{
    struct fellow fellow = {.deviates = true};
    unsigned verdict = SECCOMP_RET_ERRNO | EXDEV;

    start_fellow(&fellow);
    forbid_privileges();
    CHECK_EQ(install(SYS_getppid, verdict, SECCOMP_FILTER_FLAG_TSYNC), fellow.id);
    expect_errno(
        install(SYS_getppid, verdict, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
        ESRCH);
    CHECK_EQ(prctl(PR_GET_SECCOMP), SECCOMP_MODE_DISABLED);
    CHECK(syscall(SYS_getppid) > 0);
    end_fellow(&fellow);
    CHECK(!fellow.refused);
}

/* Tracers */

static void no_tracer(void)
{
    judge_getppid(SECCOMP_RET_TRACE);
    expect_errno(syscall(SYS_getppid), ENOSYS);
}

/* The first call is made, the second is skipped with a result, the third becomes another one. */
static void three_calls(void *unused)
{
    pid_t parent = getppid();

    (void)unused;
    be_traced();
    judge_getppid(SECCOMP_RET_TRACE | 0x5678);
    CHECK_EQ(syscall(SYS_getppid), parent);
    CHECK_EQ(syscall(SYS_getppid), 4321);
    CHECK_EQ(syscall(SYS_getppid), getpid());
}

static void choose_call(pid_t pid, long number, long result)
{
    registers all = get_registers(pid);

    REGISTER_NUMBER(all) = (unsigned long)number;
    REGISTER_RESULT(all) = (unsigned long)result;
    set_registers(pid, all);
}

static void expect_judged_call(pid_t pid)
{
    go_on(pid, 0);
    expect_stop(pid, STOP_OF_EVENT(PTRACE_EVENT_SECCOMP));
    CHECK_EQ(event_message(pid), 0x5678);
    CHECK_EQ(REGISTER_NUMBER(get_registers(pid)), SYS_getppid);
}

static void tracer_decides(void)
{
    struct ptrace_syscall_info info;
    pid_t pid = start_traced(three_calls, NULL, PTRACE_O_TRACESECCOMP);

    expect_judged_call(pid);
    long size = expect_ok(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info));
    CHECK(size > 0);
    CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_SECCOMP);
    CHECK_EQ(info.seccomp.nr, SYS_getppid);
    CHECK_EQ(info.seccomp.ret_data, 0x5678);
    expect_judged_call(pid);
    choose_call(pid, -1, 4321);
    expect_judged_call(pid);
    choose_call(pid, SYS_getpid, 0);
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(strict_mode),
        TEST(error_numbers),
        TEST(what_filters_see),
        TEST(trap),
        TEST(trap_without_handler),
        TEST(killed),
        TEST(permission),
        TEST(refused),
        TEST(too_many_instructions),
        TEST(actions),
        TEST(inherited),
        TEST(kept_by_execve),
        TEST(all_threads),
        TEST(threads_that_deviate),
        TEST(no_tracer),
        TEST(tracer_decides),
    };
    return TAP_MAIN(argc, argv, tests);
}
