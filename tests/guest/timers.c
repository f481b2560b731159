/* Timers that send signals (timer_create, setitimer), CPU time, and sleeping on clocks. */
#include "tap.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000l
#define SECOND      1000000000l

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static long now(clockid_t clock)
{
    struct timespec time;
    expect_ok(clock_gettime(clock, &time));
    return time.tv_sec * SECOND + time.tv_nsec;
}

static struct timespec timespec(long nanoseconds)
{
    return (struct timespec){nanoseconds / SECOND, nanoseconds % SECOND};
}

static struct itimerspec setting(long value, long interval)
{
    return (struct itimerspec){timespec(interval), timespec(value)};
}

static sigset_t set_of(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static void block(int number)
{
    sigset_t set = set_of(number);
    expect_ok(sigprocmask(SIG_BLOCK, &set, NULL));
}

static siginfo_t await(int number)
{
    sigset_t set = set_of(number);
    siginfo_t information;
    memset(&information, 0, sizeof(information));
    CHECK_EQ(sigwaitinfo(&set, &information), number);
    return information;
}

static bool is_pending(int number)
{
    sigset_t set;
    expect_ok(sigpending(&set));
    return sigismember(&set, number);
}

static timer_t create(clockid_t clock, int number, int value)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value.sival_int = value};
    timer_t timer;
    expect_ok(timer_create(clock, &event, &timer));
    return timer;
}

static void start(timer_t timer, int flags, long value, long interval)
{
    struct itimerspec times = setting(value, interval);
    expect_ok(timer_settime(timer, flags, &times, NULL));
}

static long left(timer_t timer)
{
    struct itimerspec times;
    expect_ok(timer_gettime(timer, &times));
    return times.it_value.tv_sec * SECOND + times.it_value.tv_nsec;
}

/* Use CPU time until the clock of it shows so much more. */
static void burn(clockid_t clock, long duration)
{
    long end = now(clock) + duration;
    while (now(clock) < end)
        for (volatile int i = 0; i < 1000; i++)
            ;
}

static void once(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};

    block(SIGUSR1);
    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        timer_t timer = create(clocks[i], SIGUSR1, 42);
        long before = now(clocks[i]);
        CHECK_EQ(left(timer), 0);
        start(timer, 0, 10 * MILLISECOND, 0);
        siginfo_t information = await(SIGUSR1);
        CHECK(now(clocks[i]) - before >= 10 * MILLISECOND);
        CHECK_EQ(information.si_code, SI_TIMER);
        CHECK_EQ(information.si_value.sival_int, 42);
        CHECK_EQ(information.si_overrun, 0);
        CHECK_EQ(left(timer), 0);
        before = now(clocks[i]) + 10 * MILLISECOND;
        start(timer, TIMER_ABSTIME, before, 0);
        await(SIGUSR1);
        CHECK(now(clocks[i]) >= before);
        start(timer, TIMER_ABSTIME, 1, 0); /* long ago */
        await(SIGUSR1);
        expect_ok(timer_delete(timer));
    }
}

static void errors(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    struct itimerspec times = setting(1, 0);
    timer_t timer;

    expect_errno(timer_create(77, NULL, &timer), EINVAL);
    expect_errno(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &timer), EOPNOTSUPP);
    expect_errno(syscall(SYS_timer_create, CLOCK_MONOTONIC_COARSE, NULL, &timer), EOPNOTSUPP);
    expect_errno(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    event.sigev_signo = 0;
    expect_errno(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    event.sigev_notify = 9;
    expect_errno(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGUSR1;
    event.sigev_notify_thread_id = getppid();
    expect_errno(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    expect_errno(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, 8), EFAULT);
    expect_errno(syscall(SYS_timer_settime, 77, 0, &times, NULL), EINVAL);
    expect_errno(syscall(SYS_timer_gettime, 77, &times), EINVAL);
    expect_errno(syscall(SYS_timer_getoverrun, 77), EINVAL);
    expect_errno(syscall(SYS_timer_delete, 77), EINVAL);
    expect_ok(timer_create(CLOCK_MONOTONIC, NULL, &timer));
    times.it_value.tv_nsec = SECOND;
    expect_errno(timer_settime(timer, 0, &times, NULL), EINVAL);
    expect_errno(timer_settime(timer, 0, NULL, NULL), EINVAL);
    expect_ok(timer_delete(timer));
    expect_errno(syscall(SYS_timer_settime, timer, 0, &times, NULL), EINVAL);
}

/* Without a sigevent: SIGALRM with the identifier. */
static void default_event(void)
{
    int first, second;

    block(SIGALRM);
    expect_ok(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &first));
    expect_ok(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &second));
    CHECK(first != second);
    struct itimerspec times = setting(MILLISECOND, 0);
    expect_ok(syscall(SYS_timer_settime, second, 0, &times, NULL));
    siginfo_t information = await(SIGALRM);
    CHECK_EQ(information.si_value.sival_int, second);
    CHECK_EQ(information.si_timerid, second);
}

static void overruns(void)
{
    timer_t timer = create(CLOCK_MONOTONIC, SIGRTMIN, 1);

    block(SIGRTMIN);
    long before = now(CLOCK_MONOTONIC);
    start(timer, 0, MILLISECOND, MILLISECOND);
    usleep(30000);
    siginfo_t information = await(SIGRTMIN);
    CHECK(information.si_overrun >= 28);
    CHECK_EQ(timer_getoverrun(timer), information.si_overrun);
    int count = 1 + information.si_overrun, enough = count + 5;
    while (count < enough)
        count += 1 + await(SIGRTMIN).si_overrun;
    CHECK(now(CLOCK_MONOTONIC) - before >= count * MILLISECOND); /* not earlier than due */
    /* Of all intervals since long ago. */
    start(timer, TIMER_ABSTIME, now(CLOCK_MONOTONIC) - 100 * MILLISECOND, 10 * MILLISECOND);
    CHECK(await(SIGRTMIN).si_overrun >= 9);
    CHECK(left(timer) <= 10 * MILLISECOND && left(timer) > 0);
    expect_ok(timer_delete(timer));
    CHECK(!is_pending(SIGRTMIN));
}

static volatile sig_atomic_t calls, last_code;

static void handler(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)context;
    calls++;
    last_code = information->si_code;
}

static void handle(int number)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    expect_ok(sigaction(number, &action, NULL));
}

static void periodic_handler(void)
{
    timer_t timer = create(CLOCK_MONOTONIC, SIGUSR2, 0);
    long before = now(CLOCK_MONOTONIC);

    handle(SIGUSR2);
    start(timer, 0, 2 * MILLISECOND, 2 * MILLISECOND);
    while (calls < 5)
        pause();
    CHECK(now(CLOCK_MONOTONIC) - before >= 10 * MILLISECOND);
    CHECK_EQ(last_code, SI_TIMER);
    start(timer, 0, 0, 0);
    CHECK_EQ(left(timer), 0);
}

/* An ignored timer runs on, and is heard of when it is no longer ignored. */
static void ignored(void)
{
    timer_t timer = create(CLOCK_MONOTONIC, SIGUSR1, 0);

    signal(SIGUSR1, SIG_IGN);
    start(timer, 0, MILLISECOND, MILLISECOND);
    usleep(10000);
    handle(SIGUSR1);
    while (!calls)
        pause();
    CHECK(left(timer) <= MILLISECOND);
}

static void silent(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    timer_t timer;

    expect_ok(timer_create(CLOCK_MONOTONIC, &event, &timer));
    start(timer, 0, 1000 * SECOND, 0);
    CHECK(left(timer) > 900 * SECOND && left(timer) <= 1000 * SECOND);
    start(timer, 0, MILLISECOND, 0);
    usleep(2000);
    CHECK_EQ(left(timer), 0);
    start(timer, 0, MILLISECOND, 3600 * SECOND);
    usleep(2000);
    CHECK(left(timer) > 3000 * SECOND);
}

static void *wait_in_thread(void *argument)
{
    siginfo_t *information = argument;
    sigset_t set = set_of(SIGUSR1);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = SIGUSR1,
                             .sigev_notify_thread_id = (int)syscall(SYS_gettid)};
    timer_t timer;
    expect_ok(timer_create(CLOCK_MONOTONIC, &event, &timer));
    start(timer, 0, 5 * MILLISECOND, 0);
    CHECK_EQ(sigwaitinfo(&set, information), SIGUSR1);
    return NULL;
}

static void one_thread(void)
{
    siginfo_t information;
    pthread_t thread;

    block(SIGUSR1);
    CHECK_EQ(pthread_create(&thread, NULL, wait_in_thread, &information), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(information.si_code, SI_TIMER);
}

/* Timers go at exec, and a child has none. */
static void child_has_none(void *argument)
{
    struct itimerspec times;
    struct itimerval interval;

    expect_errno(syscall(SYS_timer_gettime, (int)(intptr_t)argument, &times), EINVAL);
    expect_ok(getitimer(ITIMER_REAL, &interval));
    CHECK_EQ(interval.it_value.tv_sec, 0);
    CHECK_EQ(interval.it_value.tv_usec, 0);
}

static void fork_inherits_none(void)
{
    struct itimerval interval = {{0, 0}, {1000, 0}};
    int timer;

    expect_ok(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer));
    expect_ok(setitimer(ITIMER_REAL, &interval, NULL));
    expect_child_ok(child_has_none, (void *)(intptr_t)timer);
}

static void exec_sleep(void *argument)
{
    struct itimerval interval = {{0, 0}, {0, 400000}};

    start(create(CLOCK_MONOTONIC, SIGUSR1, 0), 0, 300 * MILLISECOND, 0);
    if (argument)
        expect_ok(setitimer(ITIMER_REAL, &interval, NULL));
    execl("/bin/sleep", "sleep", argument ? "1000" : "1", NULL);
    fail("exec: %s", error_name(errno));
}

/* SIGUSR1 would kill the new program, as SIGALRM does, for the interval timer stays. */
static void exec_deletes(void)
{
    expect_child_ok(exec_sleep, NULL);
    expect_signaled(child_status(exec_sleep, (void *)1), SIGALRM);
}

static void interval_real(void)
{
    struct itimerval times = {{0, 3000}, {0, 5000}}, old;
    long before = now(CLOCK_MONOTONIC);

    handle(SIGALRM);
    expect_ok(setitimer(ITIMER_REAL, &times, NULL));
    while (calls < 4)
        pause();
    CHECK(now(CLOCK_MONOTONIC) - before >= 14 * MILLISECOND);
    CHECK_EQ(last_code, SI_KERNEL);
    times = (struct itimerval){{0, 0}, {1000, 0}};
    expect_ok(setitimer(ITIMER_REAL, &times, &old));
    CHECK_EQ(old.it_interval.tv_usec, 3000);
    CHECK_EQ(alarm(500), 1000);
    unsigned rest = alarm(0);
    CHECK(rest == 500 || rest == 499);
    CHECK_EQ(alarm(0), 0);
    expect_errno(setitimer((__itimer_which_t)7, &times, NULL), EINVAL);
    expect_errno(getitimer((__itimer_which_t)7, &times), EINVAL);
    times.it_value.tv_usec = 1000000;
    expect_errno(setitimer(ITIMER_REAL, &times, NULL), EINVAL);
}

static void spin_until_killed(void *argument)
{
    struct itimerval times = {{0, 0}, {0, 30000}};
    signal(SIGVTALRM, SIG_DFL);
    expect_ok(setitimer(argument ? ITIMER_PROF : ITIMER_VIRTUAL, &times, NULL));
    for (;;)
        ;
}

static void interval_of_cpu_time(void)
{
    struct itimerval times = {{0, 0}, {1000, 0}}, left_over;

    expect_signaled(child_status(spin_until_killed, NULL), SIGVTALRM);
    expect_signaled(child_status(spin_until_killed, (void *)1), SIGPROF);
    expect_ok(setitimer(ITIMER_PROF, &times, NULL));
    burn(CLOCK_PROCESS_CPUTIME_ID, 20 * MILLISECOND);
    expect_ok(getitimer(ITIMER_PROF, &left_over));
    CHECK_EQ(left_over.it_value.tv_sec, 999);
}

static void timer_of_cpu_time(void)
{
    static const clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};

    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        timer_t timer = create(clocks[i], SIGUSR1, 0);
        handle(SIGUSR1);
        calls = 0;
        long before = now(clocks[i]);
        start(timer, 0, 30 * MILLISECOND, 20 * MILLISECOND);
        usleep(50000); /* sleeping uses none */
        CHECK_EQ(calls, 0);
        while (calls < 2)
            burn(clocks[i], MILLISECOND);
        CHECK(now(clocks[i]) - before >= 50 * MILLISECOND);
        expect_ok(timer_delete(timer));
    }
}

static void *burn_in_thread(void *argument)
{
    clockid_t *clock = argument;
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), clock), 0);
    burn(CLOCK_THREAD_CPUTIME_ID, 30 * MILLISECOND);
    CHECK(now(*clock) >= 30 * MILLISECOND);
    return NULL;
}

static void cpu_clocks(void)
{
    clockid_t clock, process;
    pthread_t thread;
    struct timespec time;

    CHECK_EQ(pthread_create(&thread, NULL, burn_in_thread, &clock), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(now(CLOCK_THREAD_CPUTIME_ID) < now(CLOCK_PROCESS_CPUTIME_ID));
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) >= 30 * MILLISECOND);
    expect_errno(clock_gettime(clock, &time), EINVAL);
    CHECK_EQ(clock_getcpuclockid(getpid(), &process), 0);
    CHECK(now(process) >= 30 * MILLISECOND);
    CHECK_EQ(clock_getcpuclockid(getppid(), &process), 0);
    now(process);
    expect_errno(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &time), EINVAL);
    expect_errno(clock_settime(CLOCK_MONOTONIC, &time), EINVAL);
    expect_errno(clock_gettime(77, &time), EINVAL);
    expect_ok(clock_gettime(CLOCK_TAI, &time));
}

static void *burn_for_ever(void *argument)
{
    for (;;)
        ;
    return argument;
}

static void other_thread_burns(void *argument)
{
    pthread_t thread;
    struct itimerval times = {{0, 0}, {0, 15000}};

    (void)argument;
    CHECK_EQ(pthread_create(&thread, NULL, burn_for_ever, NULL), 0);
    usleep(1000); /* so that it runs already, as a rule */
    expect_ok(setitimer(ITIMER_PROF, &times, NULL));
    for (;;)
        pause();
}

static void cpu_time_of_all_threads(void)
{
    expect_signaled(child_status(other_thread_burns, NULL), SIGPROF);
}

static void use_up_limit(void *argument)
{
    struct rlimit limit = {1, argument ? 2 : RLIM_INFINITY};

    if (argument)
        handle(SIGXCPU);
    expect_ok(setrlimit(RLIMIT_CPU, &limit));
    while (!calls)
        ;
    expect_ok(getrlimit(RLIMIT_CPU, &limit));
    CHECK_EQ(limit.rlim_cur, 2);
    for (;;)
        ;
}

static void limit_of_cpu_time(void)
{
    expect_signaled(child_status(use_up_limit, NULL), SIGXCPU);
    expect_signaled(child_status(use_up_limit, (void *)1), SIGKILL);
}

/* A sleep begins the count anew; SIGXCPU comes each second. */
static void use_up_real_time(void *argument)
{
    struct rlimit limit = {500000, 700000};
    struct sched_param parameters = {.sched_priority = 1};
    long begin = now(CLOCK_PROCESS_CPUTIME_ID);

    handle(SIGXCPU);
    expect_ok(setrlimit(RLIMIT_RTTIME, &limit));
    if (sched_setscheduler(0, SCHED_FIFO, &parameters) == -1)
        exit(77);
    for (int i = 0; i < 4; i++) {
        while (now(CLOCK_PROCESS_CPUTIME_ID) - begin < 200 * MILLISECOND)
            ;
        usleep(1000);
        begin = now(CLOCK_PROCESS_CPUTIME_ID);
    }
    CHECK_EQ(calls, 0);
    while (!calls)
        ;
    expect_ok(getrlimit(RLIMIT_RTTIME, &limit));
    CHECK_EQ(limit.rlim_cur, 1500000);
    while (argument)
        ;
}

static void limit_of_real_time(void)
{
    int status = child_status(use_up_real_time, NULL);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip("no real-time scheduling for this process");
    expect_exited(status, 0);
    expect_signaled(child_status(use_up_real_time, (void *)1), SIGKILL);
}

static void signal_parent(void *argument)
{
    usleep(20000);
    kill(getppid(), (int)(intptr_t)argument);
}

static void sleeping(void)
{
    struct timespec time = timespec(10 * MILLISECOND), rest;
    long before = now(CLOCK_MONOTONIC);

    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &time, NULL), 0);
    CHECK(now(CLOCK_MONOTONIC) - before >= 10 * MILLISECOND);
    before = now(CLOCK_REALTIME) + 10 * MILLISECOND;
    time = timespec(before);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL), 0);
    CHECK(now(CLOCK_REALTIME) >= before);
    before = now(CLOCK_MONOTONIC) + 10 * MILLISECOND;
    time = timespec(before);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
    CHECK(now(CLOCK_MONOTONIC) >= before);
    CHECK_EQ(clock_nanosleep(77, 0, &time, NULL), EINVAL);
    expect_errno(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &time, NULL), EOPNOTSUPP);
    time.tv_nsec = SECOND;
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL), EINVAL);
    /* A handler ends it, whatever SA_RESTART says, and the rest is told. */
    signal(SIGUSR1, SIG_DFL);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    pid_t pid = spawn(signal_parent, (void *)SIGUSR1);
    time = timespec(1000 * SECOND);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &rest), EINTR);
    CHECK(rest.tv_sec >= 900 && rest.tv_sec < 1000);
    expect_exited(reap(pid), 0);
    pid = spawn(signal_parent, (void *)SIGUSR1);
    time = timespec(now(CLOCK_REALTIME) + 1000 * SECOND);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, &rest), EINTR);
    expect_exited(reap(pid), 0);
}

static void set_clock_late(void *argument)
{
    struct timespec time;

    usleep(30000);
    expect_ok(clock_gettime(CLOCK_REALTIME, &time));
    time.tv_sec += (long)(intptr_t)argument;
    expect_ok(clock_settime(CLOCK_REALTIME, &time));
}

/* Setting the clock ends absolute sleeps on it, and timers; it does not touch the others. */
static void clock_is_set(void)
{
    struct utsname system;
    struct timespec end = timespec(now(CLOCK_REALTIME) + 1800 * SECOND);
    timer_t real = create(CLOCK_REALTIME, SIGUSR1, 0),
            relative = create(CLOCK_REALTIME, SIGUSR2, 0);

    expect_ok(uname(&system));
    if (!strstr(system.version, "mapix") && !getenv("MAY_SET_CLOCK"))
        skip("would set the clock of the machine");
    block(SIGUSR1);
    block(SIGUSR2);
    start(real, TIMER_ABSTIME, now(CLOCK_REALTIME) + 1800 * SECOND, 0);
    start(relative, 0, 1800 * SECOND, 0);
    pid_t pid = spawn(set_clock_late, (void *)3600);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL), 0);
    await(SIGUSR1);
    expect_exited(reap(pid), 0);
    CHECK(!is_pending(SIGUSR2));
    CHECK(left(relative) > 1700 * SECOND);
    set_clock_late((void *)-3600);
}

static void asking_adjtimex(void)
{
    struct timex request = {.modes = 0};
    struct timespec time;

    CHECK(adjtimex(&request) >= 0);
    expect_ok(clock_gettime(CLOCK_REALTIME, &time));
    CHECK(request.time.tv_sec <= time.tv_sec && request.time.tv_sec > time.tv_sec - 100);
    CHECK_EQ(request.tick, 10000);
    expect_errno(clock_adjtime(77, &request), EINVAL);
    expect_errno(clock_adjtime(CLOCK_MONOTONIC, &request), EOPNOTSUPP);
}

/* Many timers at once, made and deleted while they expire. */
static void *churn(void *argument)
{
    random_seed((uint64_t)(intptr_t)argument);
    for (int i = 0; i < 200; i++) {
        timer_t timers[4];
        for (int j = 0; j < 4; j++) {
            timers[j] = create(CLOCK_MONOTONIC, SIGRTMIN + 1, j);
            start(timers[j], 0, 1 + random_below(300000), MILLISECOND + random_below(100000));
        }
        if (random_below(2))
            usleep(random_below(300));
        for (int j = 0; j < 4; j++)
            expect_ok(timer_delete(timers[j]));
    }
    return NULL;
}

static void making_and_deleting(void)
{
    pthread_t threads[3];

    handle(SIGRTMIN + 1);
    for (intptr_t i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK(!is_pending(SIGRTMIN + 1));
}

static volatile int burning;

static void *burn_on(void *argument)
{
    (void)argument;
    while (burning)
        ;
    return NULL;
}

/* Sleeping until other threads have used that much of the processor. */
static void sleeping_on_cpu_time(void)
{
    struct timespec length = {0, 30 * MILLISECOND}, past = {0, 0};
    clockid_t parents, own;
    pthread_t thread;
    burning = 1;
    CHECK_EQ(pthread_create(&thread, NULL, burn_on, NULL), 0);
    long before = now(CLOCK_PROCESS_CPUTIME_ID);
    expect_ok(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &length, NULL));
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - before >= 30 * MILLISECOND);
    before = now(CLOCK_PROCESS_CPUTIME_ID) + 20 * MILLISECOND;
    struct timespec moment = {before / SECOND, before % SECOND};
    expect_ok(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &moment, NULL));
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) >= before);
    expect_ok(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &past, NULL));
    burning = 0;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    expect_errno(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &length, NULL), ENOTSUP);
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &own), 0);
    expect_errno(syscall(SYS_clock_nanosleep, own, 0, &length, NULL), EINVAL);
    length.tv_nsec = 1000000000;
    expect_errno(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &length, NULL), EINVAL);
    CHECK_EQ(clock_getcpuclockid(getppid(), &parents), 0);
    expect_ok(syscall(SYS_clock_nanosleep, parents, TIMER_ABSTIME, &past, NULL));
}

static const struct test tests[] = {
    TEST(once),
    TEST(errors),
    TEST(default_event),
    TEST(overruns),
    TEST(periodic_handler),
    TEST(ignored),
    TEST(silent),
    TEST(one_thread),
    TEST(fork_inherits_none),
    TEST(exec_deletes),
    TEST(interval_real),
    TEST(interval_of_cpu_time),
    TEST(timer_of_cpu_time),
    TEST(cpu_clocks),
    TEST(cpu_time_of_all_threads),
    TEST(limit_of_cpu_time),
    TEST(limit_of_real_time),
    TEST(sleeping),
    TEST(sleeping_on_cpu_time),
    TEST(clock_is_set),
    TEST(asking_adjtimex),
    TEST(making_and_deleting),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
