/*
 * ptrace: a tracee's signals, memory, registers and system calls; attaching and detaching.
 */
#include "tracing.h"

#include <fcntl.h>
#include <linux/ptrace.h>
#include <stdlib.h>
#include <sys/mman.h>

static volatile sig_atomic_t handled[65];

static void note(int number)
{
    handled[number]++;
}

/* Signals */

static void raise_three(void *unused)
{
    (void)unused;
    be_traced();
    signal(SIGUSR1, note);
    signal(SIGUSR2, note);
    signal(SIGWINCH, SIG_IGN);
    raise(SIGUSR1);
    CHECK_EQ(handled[SIGUSR1], 0);
    raise(SIGUSR1);
    CHECK_EQ(handled[SIGUSR1], 0);
    CHECK_EQ(handled[SIGUSR2], 1);
    raise(SIGWINCH);
    raise(SIGTERM);
}

/* Each is shown; the tracer lets it be, changes it, or lets it happen. */
static void signals_are_shown(void)
{
    pid_t pid = start_traced(raise_three, NULL, 0);
    siginfo_t information;

    go_on(pid, 0);
    expect_stop(pid, SIGUSR1);
    expect_ok(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information));
    CHECK_EQ(information.si_signo, SIGUSR1);
    CHECK_EQ(information.si_code, SI_TKILL);
    CHECK_EQ(information.si_pid, pid);
    go_on(pid, 0);
    expect_stop(pid, SIGUSR1);
    go_on(pid, SIGUSR2);
    expect_stop(pid, SIGWINCH);
    go_on(pid, SIGWINCH);
    expect_stop(pid, SIGTERM);
    go_on(pid, SIGTERM);
    expect_signaled(reap(pid), SIGTERM);
}

static void expect_value(int number, siginfo_t *information, void *context)
{
    (void)context;
    CHECK_EQ(number, SIGUSR1);
    CHECK_EQ(information->si_value.sival_int, 77);
    handled[number]++;
}

static void take_value(void *unused)
{
    struct sigaction action = {.sa_sigaction = expect_value, .sa_flags = SA_SIGINFO};

    (void)unused;
    be_traced();
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    expect_ok(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5}));
    CHECK_EQ(handled[SIGUSR1], 1);
}

static void information_is_changed(void)
{
    pid_t pid = start_traced(take_value, NULL, 0);
    siginfo_t information;

    go_on(pid, 0);
    expect_stop(pid, SIGUSR1);
    expect_ok(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information));
    CHECK_EQ(information.si_value.sival_int, 5);
    information.si_value.sival_int = 77;
    expect_ok(ptrace(PTRACE_SETSIGINFO, pid, NULL, &information));
    go_on(pid, SIGUSR1);
    expect_exited(reap(pid), 0);
}

static void block_two(void *unused)
{
    sigset_t set;

    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2});
    be_traced();
    _exit(0); /* SIGRTMIN has come, as the tracer unblocked it */
}

static void masks_and_queues(void)
{
    pid_t pid = start_traced(block_two, NULL, 0);
    struct __ptrace_peeksiginfo_args args = {.off = 0, .flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 8};
    siginfo_t queue[8];
    uint64_t mask;

    CHECK_EQ(ptrace(PTRACE_PEEKSIGINFO, pid, &args, queue), 2);
    CHECK_EQ(queue[0].si_value.sival_int, 1);
    CHECK_EQ(queue[1].si_value.sival_int, 2);
    args.flags = 0;
    CHECK_EQ(ptrace(PTRACE_PEEKSIGINFO, pid, &args, queue), 0);
    args.flags = 2;
    expect_errno(ptrace(PTRACE_PEEKSIGINFO, pid, &args, queue), EINVAL);
    expect_errno(ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask) - 1, &mask), EINVAL);
    expect_ok(ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask));
    CHECK_EQ(mask, 1ull << (SIGUSR1 - 1) | 1ull << (SIGRTMIN - 1));
    mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGKILL - 1);
    expect_ok(ptrace(PTRACE_SETSIGMASK, pid, sizeof(mask), &mask));
    expect_ok(ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask));
    CHECK_EQ(mask, 1ull << (SIGUSR1 - 1));
    go_on(pid, 0);
    expect_stop(pid, SIGRTMIN);
    go_on(pid, 0);
    expect_stop(pid, SIGRTMIN);
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

/* Memory */

struct area {
    char *base; /* five pages: read and write, read, none, a hole, shared and read-only */
};

static void use_area(void *argument)
{
    const struct area *area = argument;

    be_traced();
    CHECK_EQ(area->base[8], 42);
    CHECK_EQ(area->base[PAGE + 16], 43);
}

static void memory(void)
{
    struct area area = {map_pages(5)};
    int fd = pattern_file("file", PAGE);
    unsigned long word = 42;

    memset(area.base, 7, 3 * PAGE);
    expect_ok(mprotect(area.base + PAGE, PAGE, PROT_READ));
    expect_ok(mprotect(area.base + 2 * PAGE, PAGE, PROT_NONE));
    expect_ok(munmap(area.base + 3 * PAGE, PAGE));
    expect_ok(mmap(area.base + 4 * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0));
    pid_t pid = start_traced(use_area, &area, 0);
    errno = 0;
    CHECK_EQ(ptrace(PTRACE_PEEKDATA, pid, area.base, NULL), 0x0707070707070707l);
    CHECK_EQ(ptrace(PTRACE_PEEKTEXT, pid, area.base + PAGE - 3, NULL), 0x0707070707070707l);
    CHECK_EQ(ptrace(PTRACE_PEEKDATA, pid, area.base + 2 * PAGE, NULL), 0x0707070707070707l);
    CHECK_EQ(errno, 0);
    expect_errno(ptrace(PTRACE_PEEKDATA, pid, area.base + 3 * PAGE, NULL), EIO);
    expect_errno(ptrace(PTRACE_PEEKDATA, pid, area.base + 3 * PAGE - 4, NULL), EIO);
    expect_errno(ptrace(PTRACE_POKEDATA, pid, area.base + 3 * PAGE, word), EIO);
    expect_errno(ptrace(PTRACE_POKEDATA, pid, area.base + 4 * PAGE, word), EIO);
    expect_ok(ptrace(PTRACE_POKEDATA, pid, area.base + 8, word));
    expect_ok(ptrace(PTRACE_POKETEXT, pid, area.base + PAGE + 16, 43l));
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
    CHECK_EQ(area.base[8], 7);
    CHECK_EQ(area.base[PAGE + 16], 7);
}

/* Text: a breakpoint is the tracee's alone. */

static int __attribute__((noinline)) add(int a, int b)
{
    __asm__ volatile("" : "+r"(a));
    return a + b;
}

static int (*volatile add_pointer)(int, int) = add;

static void call_add(void *unused)
{
    (void)unused;
    be_traced();
    CHECK_EQ(add_pointer(1, 2), 3);
    CHECK_EQ(add_pointer(1, 3), 4);
}

static unsigned long with_breakpoint(unsigned long word)
{
    unsigned long mask = (1ul << 8 * BREAKPOINT_SIZE) - 1;
    return (word & ~mask) | BREAKPOINT;
}

static void expect_breakpoint(pid_t pid)
{
    siginfo_t information;

    expect_stop(pid, SIGTRAP);
    CHECK_EQ(REGISTER_PC(get_registers(pid)), (unsigned long)add + BREAKPOINT_PASSED);
    expect_ok(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information));
#ifdef __riscv
    CHECK_EQ(information.si_code, TRAP_BRKPT);
    CHECK_EQ((unsigned long)information.si_addr, (unsigned long)add);
#endif
}

static void leave_breakpoint(pid_t pid, unsigned long word)
{
    registers all = get_registers(pid);

    REGISTER_PC(all) -= BREAKPOINT_PASSED;
    set_registers(pid, all);
    expect_ok(ptrace(PTRACE_POKETEXT, pid, add, word));
}

static void breakpoints(void)
{
    pid_t pid = start_traced(call_add, NULL, 0);
    long word = ptrace(PTRACE_PEEKTEXT, pid, add, NULL);

    CHECK_EQ(memcmp(&word, (void *)add, sizeof(word)), 0);
    expect_ok(ptrace(PTRACE_POKETEXT, pid, add, with_breakpoint((unsigned long)word)));
    CHECK_EQ(add_pointer(5, 6), 11);
    go_on(pid, 0);
    expect_breakpoint(pid);
    leave_breakpoint(pid, (unsigned long)word);
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

static void proc_mem(void)
{
    pid_t pid = start_traced(call_add, NULL, 0);
    unsigned long word, read_back;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    int fd = expect_ok(open(path, O_RDWR));
    CHECK_EQ(pread(fd, &word, sizeof(word), (off_t)add), sizeof(word));
    read_back = with_breakpoint(word);
    CHECK_EQ(pwrite(fd, &read_back, sizeof(word), (off_t)add), sizeof(word));
    CHECK_EQ((unsigned long)ptrace(PTRACE_PEEKTEXT, pid, add, NULL), read_back);
    go_on(pid, 0);
    expect_breakpoint(pid);
    leave_breakpoint(pid, word);
    close(fd);
    go_on(pid, 0);
    expect_exited(reap(pid), 0);
}

/* Registers */

static void give_pid(void *unused)
{
    (void)unused;
    be_traced();
    CHECK_EQ(syscall(SYS_getppid), 4711);
    CHECK_EQ(syscall(SYS_getppid), 4712);
    CHECK_EQ(syscall(SYS_getppid), getpid());
    CHECK_EQ(syscall(SYS_exit, 5), 4713);
}

static void register_sets(void)
{
    pid_t pid = start_traced(give_pid, NULL, 0);
    registers all, part;
    char floats[1024];
    struct iovec vector = {floats, sizeof(floats)};

    expect_ok(ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &vector));
    CHECK(vector.iov_len >= 256 && vector.iov_len < sizeof(floats));
    expect_ok(ptrace(PTRACE_SETREGSET, pid, NT_PRFPREG, &vector));
    all = get_registers(pid);
    memset(&part, 0x55, sizeof(part));
    vector = (struct iovec){&part, 16};
    expect_ok(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector));
    CHECK_EQ(vector.iov_len, 16);
    CHECK_EQ(memcmp(&all, &part, 16), 0);
    CHECK_EQ(((char *)&part)[16], 0x55);
    vector.iov_len = 17;
    expect_errno(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &vector), EINVAL);
    vector.iov_len = 16;
    expect_errno(ptrace(PTRACE_GETREGSET, pid, 0x7fffffff, &vector), EINVAL);
    expect_errno(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, NULL), EFAULT);
    expect_ok(ptrace(PTRACE_KILL, pid, NULL, NULL));
    expect_signaled(reap(pid), SIGKILL);
}

/* System calls */

static void next_call(pid_t pid, bool entry, long number, struct ptrace_syscall_info *info)
{
    expect_ok(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
    expect_stop(pid, CALL_STOP);
    expect_ok(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(*info), info));
    CHECK_EQ(info->op, entry ? PTRACE_SYSCALL_INFO_ENTRY : PTRACE_SYSCALL_INFO_EXIT);
    if (entry)
        CHECK_EQ(info->entry.nr, number);
    CHECK_EQ(event_message(pid), entry ? 1 : 2);
}

static void change_result(pid_t pid, long result)
{
    registers all = get_registers(pid);

    REGISTER_RESULT(all) = (unsigned long)result;
    set_registers(pid, all);
}

static void change_call(pid_t pid, long number)
{
    registers all = get_registers(pid);

    REGISTER_NUMBER(all) = (unsigned long)number;
    set_registers(pid, all);
}

/* At the entry and at the exit: the result is changed, the call left out, or another one made. */
static void calls(void)
{
    pid_t pid = start_traced(give_pid, NULL, PTRACE_O_TRACESYSGOOD);
    struct ptrace_syscall_info info;

    do {
        expect_ok(ptrace(PTRACE_SYSCALL, pid, NULL, NULL)); /* the end of raise */
        expect_stop(pid, CALL_STOP);
        expect_ok(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info));
    } while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_getppid);
    next_call(pid, false, 0, &info);
    CHECK_EQ(info.exit.rval, getpid());
    CHECK_EQ(info.exit.is_error, 0);
    change_result(pid, 4711);
    next_call(pid, true, SYS_getppid, &info);
    CHECK_EQ((long)REGISTER_RESULT(get_registers(pid)), -ENOSYS);
    change_call(pid, -1);
    next_call(pid, false, 0, &info);
    CHECK_EQ(info.exit.rval, -ENOSYS);
    CHECK_EQ(info.exit.is_error, 1);
    change_result(pid, 4712);
    next_call(pid, true, SYS_getppid, &info);
    change_call(pid, SYS_getpid);
    next_call(pid, false, 0, &info);
    CHECK_EQ(info.exit.rval, pid);
    next_call(pid, true, SYS_getpid, &info); /* that of the check */
    next_call(pid, false, 0, &info);
    next_call(pid, true, SYS_exit, &info);
    CHECK_EQ(info.entry.args[0], 5);
    expect_ok(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
    expect_exited(reap(pid), 5);
}

/* Attaching */

static void read_one(void *argument)
{
    struct sign *signs = argument;

    sign_send(&signs[0]);
    sign_await(&signs[1]);
}

/* A call that sleeps is made again; the traced process is told of in /proc. */
static void attach_and_detach(void)
{
    struct sign signs[2];
    char value[256];

    sign_open(&signs[0]);
    sign_open(&signs[1]);
    pid_t pid = spawn(read_one, signs);
    sign_await(&signs[0]);
    status_field(pid, "TracerPid", value);
    CHECK_STRING(value, "0");
    expect_ok(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    expect_errno(ptrace(PTRACE_ATTACH, pid, NULL, NULL), EPERM);
    expect_stop(pid, SIGSTOP);
    status_field(pid, "State", value);
    CHECK_STRING(value, "t (tracing stop)");
    status_field(pid, "TracerPid", value);
    CHECK_EQ(atoi(value), getpid());
    go_on(pid, 0);
    expect_errno(ptrace(PTRACE_PEEKDATA, pid, value, NULL), ESRCH);
    expect_errno(ptrace(PTRACE_DETACH, pid, NULL, NULL), ESRCH);
    expect_errno(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), EIO);
    expect_ok(kill(pid, SIGUSR2));
    expect_stop(pid, SIGUSR2);
    expect_errno(ptrace(PTRACE_CONT, pid, NULL, 65l), EIO);
    expect_ok(ptrace(PTRACE_DETACH, pid, NULL, NULL));
    status_field(pid, "TracerPid", value);
    CHECK_STRING(value, "0");
    sign_send(&signs[1]);
    expect_exited(reap(pid), 0);
}

static void pause_only(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void detach_with_a_signal(void)
{
    pid_t pid = spawn(pause_only, NULL);

    expect_ok(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    expect_stop(pid, SIGSTOP);
    expect_ok(ptrace(PTRACE_DETACH, pid, NULL, (long)SIGTERM));
    expect_signaled(reap(pid), SIGTERM);
}

static void spin(void *unused)
{
    volatile unsigned long count = 0;

    (void)unused;
    for (;;)
        count++;
}

/* One that makes no system calls, seized: it runs on, and stops when it is told to. */
static void seize_and_interrupt(void)
{
    pid_t pid = spawn(spin, NULL);
    siginfo_t information;

    expect_errno(ptrace(PTRACE_SEIZE, pid, 1l, 0l), EIO);
    expect_errno(ptrace(PTRACE_SEIZE, pid, NULL, 1l << 30), EIO);
    expect_ok(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD));
    CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
    for (int i = 0; i < 3; i++) {
        expect_ok(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
        expect_stop(pid, STOP_OF_EVENT(PTRACE_EVENT_STOP));
        expect_ok(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information));
        CHECK_EQ(information.si_code, STOP_OF_EVENT(PTRACE_EVENT_STOP));
        go_on(pid, 0);
    }
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static void traced_pause(void *unused)
{
    be_traced();
    pause_only(unused);
}

/* A stop by a signal is shown twice: the signal, and that the process has stopped. */
static void stopped_by_a_signal(void)
{
    pid_t pid = start_traced(traced_pause, NULL, 0);
    siginfo_t information;

    go_on(pid, 0);
    expect_ok(kill(pid, SIGTSTP));
    expect_stop(pid, SIGTSTP);
    expect_ok(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information));
    go_on(pid, SIGSTOP);
    expect_stop(pid, SIGSTOP);
    expect_errno(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information), EINVAL);
    go_on(pid, 0); /* it runs though it is stopped for others */
    expect_ok(kill(pid, SIGUSR1));
    expect_stop(pid, SIGUSR1);
    go_on(pid, SIGUSR1);
    expect_signaled(reap(pid), SIGUSR1);
}

/* One that was seized can stay stopped, and tells when that ends. */
static void listening(void)
{
    pid_t pid = spawn(pause_only, NULL);
    siginfo_t information;

    expect_ok(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    expect_ok(kill(pid, SIGSTOP));
    expect_stop(pid, SIGSTOP);
    expect_errno(ptrace(PTRACE_LISTEN, pid, NULL, NULL), EIO);
    go_on(pid, SIGSTOP);
    expect_stop(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
    expect_ok(ptrace(PTRACE_LISTEN, pid, NULL, NULL));
    expect_errno(ptrace(PTRACE_GETSIGINFO, pid, NULL, &information), ESRCH);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
    expect_ok(kill(pid, SIGCONT));
    expect_stop(pid, STOP_OF_EVENT(PTRACE_EVENT_STOP));
    go_on(pid, 0);
    expect_stop(pid, SIGCONT);
    go_on(pid, SIGCONT);
    expect_ok(kill(pid, SIGTERM));
    expect_stop(pid, SIGTERM);
    go_on(pid, SIGTERM);
    expect_signaled(reap(pid), SIGTERM);
}

/* A process that is stopped already is traced, and left as it was. */
static void attach_to_stopped(void)
{
    pid_t pid = spawn(pause_only, NULL);
    int status;

    expect_ok(kill(pid, SIGSTOP));
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    expect_ok(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
    expect_stop(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
    expect_ok(ptrace(PTRACE_DETACH, pid, NULL, NULL));
    char value[256];
    do
        status_field(pid, "State", value);
    while (strcmp(value, "T (stopped)"));
    expect_ok(kill(pid, SIGCONT));
    expect_ok(kill(pid, SIGTERM));
    expect_signaled(reap(pid), SIGTERM);
}

static void refused(void)
{
    pid_t pid = spawn(pause_only, NULL);

    expect_errno(ptrace(PTRACE_ATTACH, getpid(), NULL, NULL), EPERM);
    expect_errno(ptrace(PTRACE_ATTACH, 0x3fffffff, NULL, NULL), ESRCH);
    expect_errno(ptrace(PTRACE_CONT, pid, NULL, NULL), ESRCH);
    expect_errno(ptrace(PTRACE_KILL, pid, NULL, NULL), ESRCH);
    expect_ok(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    expect_stop(pid, SIGSTOP);
    expect_errno(ptrace(PTRACE_SETOPTIONS, pid, NULL, 1l << 30), EINVAL);
    expect_errno(ptrace(PTRACE_LISTEN, pid, NULL, NULL), EIO);
    expect_errno(ptrace((enum __ptrace_request)12345, pid, NULL, NULL), EIO);
#ifdef __riscv
    expect_errno(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), EIO);
#endif
    expect_ok(ptrace(PTRACE_KILL, pid, NULL, NULL));
    expect_signaled(reap(pid), SIGKILL);
}

static void try_as_user(void *argument)
{
    const pid_t *pid = argument;

    expect_ok(setgid(1234));
    expect_ok(setuid(1234));
    expect_errno(ptrace(PTRACE_ATTACH, *pid, NULL, NULL), EPERM);
    expect_errno(ptrace(PTRACE_SEIZE, *pid, NULL, NULL), EPERM);
}

static void of_another_user(void)
{
    if (getuid())
        skip("needs root");
    pid_t pid = spawn(pause_only, NULL);
    expect_child_ok(try_as_user, &pid);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

static const struct test tests[] = {
    TEST(signals_are_shown),
    TEST(information_is_changed),
    TEST(masks_and_queues),
    TEST(memory),
    TEST(breakpoints),
    TEST(proc_mem),
    TEST(register_sets),
    TEST(calls),
    TEST(attach_and_detach),
    TEST(detach_with_a_signal),
    TEST(seize_and_interrupt),
    TEST(stopped_by_a_signal),
    TEST(listening),
    TEST(attach_to_stopped),
    TEST(refused),
    TEST(of_another_user),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
