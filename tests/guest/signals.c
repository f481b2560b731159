/*
 * Signals with handlers: what a handler is told, on which stack and with which mask it runs, what
 * it returns to; queues.
 */
#include "signals.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* What a handler is told */

#define ALT_SIZE 65536

static void senders(void)
{
    union sigval value = {.sival_int = 1234};

    handle_with(SIGUSR1, 0, note);
    expect_ok(kill(getpid(), SIGUSR1));
    CHECK_EQ(last.si_signo, SIGUSR1);
    CHECK_EQ(last.si_code, SI_USER);
    CHECK_EQ(last.si_pid, getpid());
    CHECK_EQ(last.si_uid, getuid());
    CHECK_EQ(last.si_errno, 0);
    expect_ok(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
    CHECK_EQ(last.si_code, SI_TKILL);
    CHECK_EQ(last.si_pid, getpid());
    expect_ok(sigqueue(getpid(), SIGUSR1, value));
    CHECK_EQ(last.si_code, SI_QUEUE);
    CHECK_EQ(last.si_pid, getpid());
    CHECK_EQ(last.si_value.sival_int, 1234);
    CHECK_EQ(count, 3);
    expect_errno(sigqueue(getpid(), 65, value), EINVAL);
    expect_errno(kill(getpid(), 65), EINVAL);
    expect_errno(kill(99999999, SIGUSR1), ESRCH);
    expect_ok(kill(getpid(), 0));
}

static void forged(void *argument)
{
    siginfo_t information = {.si_signo = SIGUSR1, .si_code = SI_USER};

    (void)argument;
    expect_errno(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &information), EPERM);
    information.si_code = SI_TKILL;
    expect_errno(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &information), EPERM);
    information.si_code = SI_QUEUE;
    information.si_pid = 77;
    expect_ok(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &information));
}

static void made_up(void)
{
    siginfo_t information = {.si_signo = SIGUSR1, .si_code = SI_USER};

    handle_with(SIGUSR1, 0, note);
    expect_ok(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &information));
    CHECK_EQ(last.si_code, SI_USER);
    expect_child_ok(forged, NULL);
    CHECK_EQ(last.si_code, SI_QUEUE);
    CHECK_EQ(last.si_pid, 77);
    CHECK_EQ(count, 2);
}

/* Exceptions: the handler goes back behind the bad place. */

static volatile char *fault_page;

static void repair(int number, siginfo_t *information, void *context)
{
    note(number, information, context);
    expect_ok(mprotect((void *)fault_page, PAGE, PROT_READ | PROT_WRITE));
}

static void access_error(void)
{
    fault_page = map_pages(1);
    expect_ok(mprotect((void *)fault_page, PAGE, PROT_READ));
    handle_with(SIGSEGV, 0, repair);
    fault_page[5] = 1;
    CHECK_EQ(count, 1);
    CHECK_EQ(last.si_signo, SIGSEGV);
    CHECK_EQ(last.si_code, SEGV_ACCERR);
    CHECK(last.si_addr == fault_page + 5);
    CHECK_EQ(fault_page[5], 1);
}

static void fill_hole(int number, siginfo_t *information, void *context)
{
    note(number, information, context);
    void *place = mmap((void *)fault_page, PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(place == fault_page);
}

static void mapping_error(void)
{
    fault_page = find_hole(1);
    handle_with(SIGSEGV, 0, fill_hole);
    CHECK_EQ(fault_page[17], 0);
    CHECK_EQ(count, 1);
    CHECK_EQ(last.si_code, SEGV_MAPERR);
    CHECK(last.si_addr == fault_page + 17);
}

static void bus_error(void)
{
    int fd = pattern_file("short", 100);

    fault_page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(fault_page != MAP_FAILED);
    fault_page += PAGE;
    handle_with(SIGBUS, 0, fill_hole);
    fault_page[3] = 1;
    CHECK_EQ(count, 1);
    CHECK_EQ(last.si_signo, SIGBUS);
    CHECK_EQ(last.si_code, BUS_ADRERR);
    CHECK(last.si_addr == fault_page + 3);
}

/* A blocked or ignored exception ends the process all the same. */
static void fault_blocked(void *argument)
{
    block(SIGSEGV, 0);
    handle_with(SIGSEGV, 0, note);
    *(volatile char *)argument = 1;
}

static void fault_ignored(void *argument)
{
    CHECK(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
    *(volatile char *)argument = 1;
}

static void forced(void)
{
    char *hole = find_hole(1);

    expect_signaled(child_status(fault_blocked, hole), SIGSEGV);
    expect_signaled(child_status(fault_ignored, hole), SIGSEGV);
}

/* Masks and flags */

static volatile sig_atomic_t blocked_inside, other_blocked_inside;

static void look_at_mask(int number)
{
    blocked_inside = is_blocked(number);
    other_blocked_inside = is_blocked(SIGUSR2);
    count++;
}

static void masks(void)
{
    struct sigaction action = {.sa_handler = look_at_mask}, old;

    action.sa_mask = set_of(SIGUSR2, 0);
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    expect_ok(raise(SIGUSR1));
    CHECK(blocked_inside && other_blocked_inside);
    CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
    action.sa_flags = SA_NODEFER | SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    expect_ok(raise(SIGUSR1));
    CHECK(!blocked_inside && !other_blocked_inside);
    expect_ok(sigaction(SIGUSR1, NULL, &old));
    CHECK(old.sa_handler == SIG_DFL);
    CHECK_EQ(count, 2);
    expect_errno(sigaction(SIGKILL, &action, NULL), EINVAL);
    expect_errno(sigaction(SIGSTOP, &action, NULL), EINVAL);
    expect_ok(sigaction(SIGKILL, NULL, &old));
    block(SIGKILL, SIGSTOP);
    CHECK(!is_blocked(SIGKILL) && !is_blocked(SIGSTOP));
}

static void change_mask_of_return(int number, siginfo_t *information, void *context)
{
    note(number, information, context);
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void mask_of_context(void)
{
    handle_with(SIGUSR1, 0, change_mask_of_return);
    expect_ok(raise(SIGUSR1));
    CHECK(is_blocked(SIGUSR2));
    CHECK(!is_blocked(SIGUSR1));
}

static void pending_ones(void)
{
    handle_with(SIGUSR1, 0, note);
    block(SIGUSR1, SIGUSR2);
    expect_ok(kill(getpid(), SIGUSR1));
    expect_ok(kill(getpid(), SIGUSR1));
    expect_ok(raise(SIGUSR1));
    CHECK(is_pending(SIGUSR1) && !is_pending(SIGUSR2));
    CHECK_EQ(count, 0);
    unblock(SIGUSR1, 0);
    CHECK_EQ(count, 2); /* one that was sent to the process, one to the thread */
    expect_ok(kill(getpid(), SIGUSR2));
    CHECK(is_pending(SIGUSR2));
    CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    CHECK(!is_pending(SIGUSR2));
}

/* Stacks */

static volatile uintptr_t handler_stack;
static stack_t stack_inside;

static void note_stack(int number, siginfo_t *information, void *context)
{
    volatile char here;

    note(number, information, context);
    handler_stack = (uintptr_t)&here;
    expect_ok(sigaltstack(NULL, &stack_inside));
    stack_t other = {.ss_sp = (void *)fault_page, .ss_size = ALT_SIZE};
    if (stack_inside.ss_flags & SS_ONSTACK)
        expect_errno(sigaltstack(&other, NULL), EPERM);
}

static bool on_stack(const stack_t *stack)
{
    return handler_stack - (uintptr_t)stack->ss_sp < stack->ss_size;
}

static void alternate_stack(void)
{
    stack_t stack = {.ss_sp = map_pages(16), .ss_size = ALT_SIZE}, old;

    expect_ok(sigaltstack(NULL, &old));
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    stack.ss_size = 100;
    expect_errno(sigaltstack(&stack, NULL), ENOMEM);
    stack.ss_size = ALT_SIZE;
    stack.ss_flags = 64;
    expect_errno(sigaltstack(&stack, NULL), EINVAL);
    stack.ss_flags = 0;
    expect_ok(sigaltstack(&stack, NULL));
    handle_with(SIGUSR1, SA_ONSTACK, note_stack);
    handle_with(SIGUSR2, 0, note_stack);
    expect_ok(raise(SIGUSR1));
    CHECK(on_stack(&stack));
    CHECK_EQ(stack_inside.ss_flags, SS_ONSTACK);
    expect_ok(raise(SIGUSR2));
    CHECK(!on_stack(&stack));
    CHECK_EQ(stack_inside.ss_flags, 0);
    expect_ok(sigaltstack(NULL, &old));
    CHECK(old.ss_sp == stack.ss_sp && old.ss_size == stack.ss_size && old.ss_flags == 0);
    stack.ss_flags = SS_DISABLE;
    expect_ok(sigaltstack(&stack, NULL));
    expect_ok(raise(SIGUSR1));
    CHECK(!on_stack(&stack));
}

static void disarmed(void)
{
    stack_t stack = {.ss_sp = map_pages(16), .ss_size = ALT_SIZE, .ss_flags = (int)(1u << 31)}, old;

    expect_ok(sigaltstack(&stack, NULL));
    handle_with(SIGUSR1, SA_ONSTACK, note_stack);
    expect_ok(raise(SIGUSR1));
    CHECK(on_stack(&stack));
    CHECK_EQ(stack_inside.ss_flags, SS_DISABLE);
    expect_ok(sigaltstack(NULL, &old));
    CHECK(old.ss_sp == stack.ss_sp && old.ss_flags == stack.ss_flags);
}

/* A stack overflow is handled on the alternate stack. */
static int recurse(int depth)
{
    volatile char room[4096];

    room[0] = (char)depth;
    return depth > 1 << 20 ? 0 : recurse(depth + 1) + room[0];
}

static void exit_33(int number, siginfo_t *information, void *context)
{
    (void)number, (void)information, (void)context;
    _exit(33);
}

static void overflow(void *argument)
{
    stack_t stack = {.ss_sp = map_pages(16), .ss_size = ALT_SIZE};

    expect_ok(sigaltstack(&stack, NULL));
    handle_with(SIGSEGV, argument ? SA_ONSTACK : 0, exit_33);
    _exit(recurse(0) & 1);
}

static void stack_overflow(void)
{
    expect_exited(child_status(overflow, (void *)1), 33);
    expect_signaled(child_status(overflow, NULL), SIGSEGV);
}

/* Queues */

static void real_time_queue(void)
{
    int first = SIGRTMIN, second = SIGRTMIN + 1;
    struct timespec none = {0, 0};
    sigset_t set = set_of(first, second);
    siginfo_t information;

    block(first, second);
    for (int i = 0; i < 4; i++) {
        expect_ok(sigqueue(getpid(), second, (union sigval){.sival_int = 100 + i}));
        expect_ok(sigqueue(getpid(), first, (union sigval){.sival_int = i}));
    }
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(sigtimedwait(&set, &information, &none), i < 4 ? first : second);
        CHECK_EQ(information.si_signo, i < 4 ? first : second);
        CHECK_EQ(information.si_code, SI_QUEUE);
        CHECK_EQ(information.si_value.sival_int, i < 4 ? i : 100 + i - 4);
        CHECK_EQ(information.si_pid, getpid());
    }
    expect_errno(sigtimedwait(&set, &information, &none), EAGAIN);
}

static void real_time_handlers(void)
{
    int first = SIGRTMIN, second = SIGRTMIN + 1;

    handle_with(first, 0, note);
    handle_with(second, 0, note);
    block(first, second);
    for (int i = 0; i < 3; i++) {
        expect_ok(sigqueue(getpid(), second, (union sigval){.sival_int = i}));
        expect_ok(sigqueue(getpid(), first, (union sigval){.sival_int = i}));
    }
    unblock(first, second);
    CHECK_EQ(count, 6);
}

static void queue_limit(void)
{
    struct rlimit limit = {5, 5};
    sigset_t set = set_of(SIGRTMIN, 0);
    struct timespec none = {0, 0};
    int queued = 0;

    expect_ok(setrlimit(RLIMIT_SIGPENDING, &limit));
    block(SIGRTMIN, 0);
    while (queued < 10 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
        queued++;
    CHECK_EQ(errno, EAGAIN);
    CHECK(queued <= 5);
    expect_ok(kill(getpid(), SIGRTMIN));
    while (sigtimedwait(&set, NULL, &none) == SIGRTMIN)
        queued--;
    CHECK(queued <= 0);
}

/* Registers */

static void clobber(int number, siginfo_t *information, void *context)
{
    volatile double values[32];

    note(number, information, context);
    for (int i = 0; i < 32; i++)
        values[i] = i * 1.5 + number;
    for (int i = 1; i < 32; i++)
        values[0] += values[i] / values[i - 1];
}

static void *signal_storm(void *argument)
{
    while (count < 500)
        pthread_kill(*(pthread_t *)argument, SIGUSR1);
    return NULL;
}

static void registers(void)
{
    pthread_t self = pthread_self(), thread;
    double a = 1, b = 2, c = 3, d = 5, sum = 0, expected;
    long i = 0, j = 7;

    handle_with(SIGUSR1, SA_RESTART, clobber);
    CHECK_EQ(pthread_create(&thread, NULL, signal_storm, &self), 0);
    while (count < 500) {
        sum += a * b + c / d;
        a += 0.5, b += 0.25, c += 2, d += 1;
        i++, j += 3;
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(j, 7 + 3 * i);
    CHECK(a == 1 + i * 0.5 && b == 2 + i * 0.25 && c == 3 + i * 2.0 && d == 5 + i * 1.0);
    expected = 0;
    a = 1, b = 2, c = 3, d = 5;
    for (long k = 0; k < i; k++) {
        expected += a * b + c / d;
        a += 0.5, b += 0.25, c += 2, d += 1;
    }
    CHECK(sum == expected);
}

/* The frame that a handler returns through is not there. */
static void bad_return(void *argument)
{
    (void)argument;
#ifdef __riscv
    __asm__ volatile("li sp, 16\n li a7, 139\n ecall");
#else
    __asm__ volatile("mov $16, %%rsp\n mov $15, %%eax\n syscall" ::: "memory");
#endif
    _exit(1);
}

static void bad_frame(void)
{
    expect_signaled(child_status(bad_return, NULL), SIGSEGV);
}

static void broken_pipe(void)
{
    int ends[2];

    expect_ok(pipe(ends));
    expect_ok(close(ends[0]));
    handle_with(SIGPIPE, 0, note);
    expect_errno(write(ends[1], "x", 1), EPIPE);
    CHECK_EQ(count, 1);
    CHECK_EQ(last.si_signo, SIGPIPE);
}

/* To all processes: it succeeds though none of them may be signalled. */
static void to_all(void)
{
    siginfo_t information = {.si_code = SI_QUEUE};

    expect_errno(syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, 0, &information), EINVAL);
    expect_ok(setgid(65533));
    expect_ok(setuid(65533));
    expect_ok(kill(-1, 0));
}

static const struct test tests[] = {
    TEST(senders),         TEST(made_up),
    TEST(access_error),    TEST(mapping_error),
    TEST(bus_error),       TEST(forced),
    TEST(masks),           TEST(mask_of_context),
    TEST(pending_ones),    TEST(alternate_stack),
    TEST(disarmed),        TEST(stack_overflow),
    TEST(real_time_queue), TEST(real_time_handlers),
    TEST(queue_limit),     TEST(registers),
    TEST(bad_frame),       TEST(broken_pipe),
    TEST(to_all),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
