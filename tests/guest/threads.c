/*
 * Threads: making and joining them, what they share and what each has for itself, and what fork and
 * signals do to a process with several.
 */
#include "threads.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#define MANY 1000

static void *add_one(void *argument)
{
    return (char *)argument + 1;
}

static void results(void)
{
    pthread_t threads[8];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = start(add_one, (void *)i);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK_EQ((size_t)join(threads[i]), i + 1);
}

static void *wait_for_gate(void *gate)
{
    char byte;

    CHECK_EQ(read(*(int *)gate, &byte, 1), 0);
    return NULL;
}

/* As many threads as there may be, of all processes together; one more is refused. */
static void as_many_as_may_be(void)
{
    enum { MORE = 40 };
    pthread_t threads[2 * MORE];
    struct sysinfo before, now;
    int gate[2], made = 0, error = 0;

    expect_ok(pipe(gate));
    expect_ok(sysinfo(&before));
    long old = change_setting("kernel/threads-max", before.procs + MORE);
    while (made < 2 * MORE && !error) {
        error = pthread_create(&threads[made], NULL, wait_for_gate, &gate[0]);
        made += !error;
    }
    expect_ok(sysinfo(&now));
    change_setting("kernel/threads-max", old);
    close(gate[1]);
    for (int i = 0; i < made; i++)
        join(threads[i]);
    close(gate[0]);
    CHECK_EQ(error, EAGAIN);
    CHECK(made > MORE / 2 && made < 2 * MORE);
    CHECK(now.procs >= before.procs + MORE / 2);
}

static void *get_ids(void *argument)
{
    pid_t *ids = argument;

    ids[0] = getpid();
    ids[1] = thread_id();
    ids[2] = getppid();
    return NULL;
}

static void identifiers(void)
{
    pid_t ids[2][3];
    pthread_t a, b;

    CHECK_EQ(thread_id(), getpid());
    a = start(get_ids, ids[0]);
    b = start(get_ids, ids[1]);
    join(a);
    join(b);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(ids[i][0], getpid());
        CHECK_EQ(ids[i][2], getppid());
        CHECK(ids[i][1] != getpid());
    }
}

/* A thousand at once */

static pthread_barrier_t barrier;
static _Atomic unsigned counter;

static void *meet(void *argument)
{
    (void)argument;
    counter++;
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* On a small machine fewer, as all threads together are limited by its memory. */
static void thousand(void)
{
    static pthread_t threads[MANY];
    long room = read_setting("kernel/threads-max") / 2;
    unsigned many = room < MANY ? (unsigned)room : MANY;

    check_zero(pthread_barrier_init(&barrier, NULL, many + 1), "pthread_barrier_init");
    for (unsigned i = 0; i < many; i++)
        threads[i] = start(meet, NULL);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < many; i++)
        join(threads[i]);
    CHECK_EQ(counter, many);
}

static void *make_another(void *argument)
{
    size_t depth = (size_t)argument;
    pthread_t next;

    if (depth == 0)
        return NULL;
    next = start(make_another, (void *)(depth - 1));
    return (char *)join(next) + 1;
}

static void one_makes_the_next(void)
{
    CHECK_EQ((size_t)join(start(make_another, (void *)50)), 50);
}

/* What they share */

static void *change_things(void *argument)
{
    int *descriptor = argument;

    *descriptor = open("file", O_RDWR | O_CREAT, 0600);
    if (mkdir("sub", 0700) || chdir("sub"))
        return (void *)1;
    umask(027);
    return NULL;
}

static void shared(void)
{
    char path[256];
    int descriptor = -1;

    CHECK(join(start(change_things, &descriptor)) == NULL);
    CHECK_EQ(expect_ok(write(descriptor, "x", 1)), 1);
    expect_ok(close(descriptor));
    CHECK(getcwd(path, sizeof(path)));
    CHECK_STRING(strrchr(path, '/'), "/sub");
    CHECK_EQ(umask(022), 027);
    expect_ok(chdir(".."));
}

static __thread int own = 1;

static void *change_own(void *argument)
{
    char name[16] = "";
    sigset_t set;

    (void)argument;
    own = 2;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_NAME, "another");
    prctl(PR_GET_NAME, name);
    return (void *)(size_t)(strcmp(name, "another") == 0);
}

static void private(void)
{
    char before[16] = "", after[16] = "";
    sigset_t set;

    expect_ok(prctl(PR_GET_NAME, before));
    CHECK(join(start(change_own, NULL)));
    CHECK_EQ(own, 1);
    check_zero(pthread_sigmask(SIG_BLOCK, NULL, &set), "pthread_sigmask");
    CHECK(!sigismember(&set, SIGUSR1));
    expect_ok(prctl(PR_GET_NAME, after));
    CHECK_STRING(after, before);
}

/* fork */

static void *fork_here(void *argument)
{
    pid_t child = fork();

    if (child == 0)
        _exit(thread_id() == getpid() ? 11 : 12);
    *(int *)argument = reap(child);
    return NULL;
}

static void fork_in_thread(void)
{
    int statuses[8];
    pthread_t threads[8];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        threads[i] = start(fork_here, &statuses[i]);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        join(threads[i]);
        expect_exited(statuses[i], 11);
    }
}

/* Signals */

static _Atomic pid_t handled_by;

static void note_thread(int number)
{
    (void)number;
    handled_by = thread_id();
}

static void *wait_for_signal(void *argument)
{
    *(_Atomic pid_t *)argument = thread_id();
    while (handled_by == 0)
        sched_yield();
    return NULL;
}

static void directed(void)
{
    _Atomic pid_t ids[2] = {0, 0};
    pthread_t threads[2];

    CHECK(signal(SIGUSR1, note_thread) != SIG_ERR);
    for (int i = 0; i < 2; i++)
        threads[i] = start(wait_for_signal, (void *)&ids[i]);
    while (!ids[0] || !ids[1])
        sched_yield();
    check_zero(pthread_kill(threads[1], SIGUSR1), "pthread_kill");
    join(threads[0]);
    join(threads[1]);
    CHECK_EQ(handled_by, ids[1]);
    expect_errno(syscall(SYS_tgkill, getpid() + 100000, getpid(), 0), ESRCH);
    expect_errno(syscall(SYS_tgkill, 1, getpid(), 0), ESRCH);
    expect_errno(syscall(SYS_tgkill, 0, getpid(), 0), EINVAL);
}

/* The leader blocks it: another thread gets a signal that is sent to the process. */
static void undirected(void)
{
    _Atomic pid_t id = 0;
    sigset_t set;
    pthread_t thread;

    CHECK(signal(SIGUSR1, note_thread) != SIG_ERR);
    thread = start(wait_for_signal, (void *)&id);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    check_zero(pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask");
    expect_ok(kill(getpid(), SIGUSR1));
    join(thread);
    CHECK_EQ(handled_by, id);
}

static void *count_up(void *argument)
{
    while (argument)
        ++*(_Atomic unsigned *)argument;
    return NULL;
}

static void run_counters(void *argument)
{
    start(count_up, argument);
    start(count_up, (_Atomic unsigned *)argument + 1);
    count_up((_Atomic unsigned *)argument + 2);
}

static void stop_all(void)
{
    _Atomic unsigned *counts =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec time = {0, 20000000};
    unsigned before[3];
    int status;

    CHECK(counts != MAP_FAILED);
    pid_t child = spawn(run_counters, (void *)counts);
    while (!counts[0] || !counts[1] || !counts[2])
        sched_yield();
    expect_ok(kill(child, SIGSTOP));
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGSTOP);
    for (int i = 0; i < 3; i++)
        before[i] = counts[i];
    nanosleep(&time, NULL);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(counts[i], before[i]);
    expect_ok(kill(child, SIGCONT));
    CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
    CHECK(WIFCONTINUED(status));
    for (int i = 0; i < 3; i++)
        while (counts[i] == before[i])
            sched_yield();
    expect_ok(kill(child, SIGKILL));
    expect_signaled(reap(child), SIGKILL);
}

/* Times */

static volatile bool may_end;

static void *burn(void *argument)
{
    volatile unsigned rounds = 0;
    struct timespec time;

    do {
        for (int i = 0; i < 1000; i++)
            rounds++;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    } while ((time.tv_sec == 0 && time.tv_nsec < 30000000) || !may_end);
    *(struct timespec *)argument = time;
    return NULL;
}

static long long nanoseconds(const struct timespec *time)
{
    return time->tv_sec * 1000000000ll + time->tv_nsec;
}

static void cpu_clocks(void)
{
    struct timespec theirs[2], own_time, all;
    clockid_t clock;
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        threads[i] = start(burn, &theirs[i]);
    check_zero(pthread_getcpuclockid(threads[0], &clock), "pthread_getcpuclockid");
    may_end = true;
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    expect_ok(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own_time));
    expect_ok(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all));
    CHECK(nanoseconds(&all) >= nanoseconds(&theirs[0]) + nanoseconds(&theirs[1]));
    CHECK(nanoseconds(&own_time) < nanoseconds(&all));
    expect_errno(clock_gettime(clock, &all), EINVAL); /* the thread has ended */
}

/* All at once: locks, memory, forks and signals */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned turn, rounds_done;

static void *take_turns(void *argument)
{
    unsigned self = (unsigned)(size_t)argument;

    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != self)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        rounds_done++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void turns(void)
{
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        threads[i] = start(take_turns, (void *)i);
    for (size_t i = 0; i < 4; i++)
        join(threads[i]);
    CHECK_EQ(rounds_done, 800);
}

static _Atomic bool storm_over;
static _Atomic unsigned handled;

static void count_signal(int number)
{
    (void)number;
    handled++;
}

static volatile bool finished[4];

/* 0, or which step went wrong. */
static long map_and_fork_often(size_t number)
{
    for (int i = 0; i < 40; i++) {
        volatile char *pages =
            mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED)
            return 1;
        for (int page = 0; page < 8; page++)
            pages[page * PAGE] = (char)page;
        if (i % 8 == (int)number) {
            pid_t child = fork();
            int status;
            if (child == 0)
                _exit(pages[7 * PAGE] == 7 ? 0 : 1);
            while (waitpid(child, &status, 0) < 0)
                ;
            if (status)
                return 2 | (long)status << 8;
        }
        for (int page = 0; page < 8; page++)
            if (pages[page * PAGE] != page)
                return 3;
        if (munmap((void *)pages, 8 * PAGE))
            return 4;
    }
    return 0;
}

static void *map_and_fork(void *argument)
{
    long wrong = map_and_fork_often((size_t)argument);

    finished[(size_t)argument] = true;
    return (void *)wrong;
}

static void *storm(void *argument)
{
    pthread_t *threads = argument;

    while (!storm_over)
        for (int i = 0; i < 4; i++)
            pthread_kill(threads[i], SIGUSR1);
    return NULL;
}

static void signals_faults_and_forks(void)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    pthread_t threads[4], sender;
    pthread_t *held = threads;

    expect_ok(sigaction(SIGUSR1, &action, NULL));
    for (size_t i = 0; i < 4; i++)
        threads[i] = start(map_and_fork, (void *)i);
    sender = start(storm, held);
    for (size_t i = 0; i < 4; i++)
        while (!finished[i])
            usleep(1000);
    storm_over = true; /* before a thread is gone that is still sent signals */
    join(sender);
    for (size_t i = 0; i < 4; i++)
        CHECK_EQ((long)join(threads[i]), 0);
    CHECK(handled > 0);
}

static void *leave_what_is_shared(void *argument)
{
    int fd = *(int *)argument;

    CHECK_EQ(unshare(CLONE_FILES), 0);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(unshare(CLONE_FS), 0);
    CHECK_EQ(chdir("/"), 0);
    expect_errno(unshare(CLONE_VM), EINVAL); /* another thread is there */
    return NULL;
}

/* A thread that no longer shares descriptors and directories changes its own. */
static void unshared(void)
{
    char before[4096], after[4096];
    int fd = expect_ok(open("/dev/null", O_RDONLY));
    pthread_t thread;

    CHECK(getcwd(before, sizeof(before)) != NULL);
    expect_errno(unshare(1 << 30 | 1), EINVAL);
    CHECK_EQ(pthread_create(&thread, NULL, leave_what_is_shared, &fd), 0);
    CHECK(join(thread) == NULL);
    expect_ok(fcntl(fd, F_GETFD));
    CHECK(getcwd(after, sizeof(after)) != NULL);
    CHECK_STRING(after, before);
    while (unshare(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD) != 0) { /* it is still ending */
        CHECK_EQ(errno, EINVAL);
        sched_yield();
    }
}

static const struct test tests[] = {
    TEST(results),
    TEST(as_many_as_may_be),
    TEST(identifiers),
    TEST(thousand),
    TEST(one_makes_the_next),
    TEST(shared),
    TEST(private),
    TEST(fork_in_thread),
    TEST(directed),
    TEST(undirected),
    TEST(stop_all),
    TEST(cpu_clocks),
    TEST(turns),
    TEST(signals_faults_and_forks),
    TEST(unshared),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
