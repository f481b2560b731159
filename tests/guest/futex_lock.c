/*
 * Futexes that are locks with priority inheritance (futex(2), FUTEX_LOCK_PI and its like): the
 * word, errors, who is next, owners that end, the priority that an owner inherits, requeueing, and
 * the mutexes of pthread that are made of them.
 */
#include "tap.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

typedef _Atomic uint32_t word_t;

static long futex(word_t *word, int operation, uint32_t value, const void *timeout, word_t *second,
                  uint32_t third)
{
    return syscall(SYS_futex, word, operation, value, timeout, second, third);
}

static long lock(word_t *word)
{
    return futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}

static long try(word_t *word)
{
    return futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0);
}

static long unlock(word_t *word)
{
    return futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static uint32_t self(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static void check_zero(int error, const char *what)
{
    if (error)
        fail("%s: %s", what, error_name(error));
}

static struct timespec soon(clockid_t clock)
{
    struct timespec time;

    expect_ok(clock_gettime(clock, &time));
    time.tv_nsec += 20000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_nsec -= 1000000000;
        time.tv_sec++;
    }
    return time;
}

static word_t *shared_words(void)
{
    word_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(words != MAP_FAILED);
    return words;
}

static void alone(void)
{
    static word_t word;
    const uint32_t id = self();

    expect_ok(lock(&word));
    CHECK_EQ(word, id);
    expect_errno(lock(&word), EDEADLK);
    expect_errno(try(&word), EDEADLK);
    CHECK_EQ(word, id);
    expect_ok(unlock(&word));
    CHECK_EQ(word, 0);
    expect_errno(unlock(&word), EPERM);
    expect_ok(try(&word));
    word |= FUTEX_WAITERS;
    expect_ok(unlock(&word));
    CHECK_EQ(word, 0);
    word = FUTEX_OWNER_DIED;
    expect_ok(lock(&word));
    CHECK_EQ(word, FUTEX_OWNER_DIED | id);
    expect_ok(unlock(&word));
    CHECK_EQ(word, 0);
    word = FUTEX_OWNER_DIED | FUTEX_WAITERS;
    expect_ok(try(&word));
    CHECK_EQ(word, FUTEX_OWNER_DIED | id);
    expect_ok(unlock(&word));
}

static void rest(void *argument)
{
    (void)argument;
    for (;;)
        pause();
}

static void errors(void)
{
    word_t *words = shared_words();
    struct timespec bad = {0, 1000000000}, past = {1, 0}, later = soon(CLOCK_MONOTONIC);
    pid_t other = spawn(rest, NULL);
    const uint32_t waited = (uint32_t)other | FUTEX_WAITERS;

    words[0] = 0x3ffffff0;
    expect_errno(lock(words), ESRCH);
    CHECK_EQ(words[0], 0xbffffff0);
    expect_errno(try(words), ESRCH);
    words[0] = (uint32_t)other;
    expect_errno(try(words), EAGAIN);
    CHECK_EQ(words[0], waited);
    expect_errno(unlock(words), EPERM);
    expect_errno(futex(words, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL);
    expect_errno(futex(words, FUTEX_LOCK_PI, 0, &past, NULL, 0), ETIMEDOUT);
    expect_errno(futex(words, FUTEX_LOCK_PI2, 0, &later, NULL, 0), ETIMEDOUT);
    later = soon(CLOCK_REALTIME);
    expect_errno(futex(words, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &later, NULL, 0),
                 ETIMEDOUT);
    later = soon(CLOCK_REALTIME);
    expect_errno(futex(words, FUTEX_LOCK_PI, 0, &later, NULL, 0), ETIMEDOUT);
    CHECK_EQ(words[0], waited);
    expect_errno(futex(words, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    expect_errno(futex(words, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
    expect_ok(kill(other, SIGKILL));
    expect_signaled(reap(other), SIGKILL);
    expect_errno(lock(words), ESRCH);
    words[0] = 0;
    expect_errno(lock((word_t *)((char *)words + 2)), EINVAL);
    expect_errno(unlock((word_t *)((char *)words + 2)), EPERM);
    expect_ok(mprotect((void *)words, PAGE, PROT_READ));
    expect_errno(lock(words), EFAULT);
    expect_errno(try(words), EFAULT);
    expect_errno(futex(words, FUTEX_WAIT_REQUEUE_PI, 0, &past, words + 1, 0), EFAULT);
    expect_errno(lock((word_t *)8), EFAULT);
    expect_errno(unlock((word_t *)8), EFAULT);
}

static void requeue_errors(void)
{
    word_t *words = shared_words();
    struct timespec bad = {0, 1000000000}, past = {1, 0};

    expect_errno(futex(words, FUTEX_WAIT_REQUEUE_PI, 0, NULL, words, 0), EINVAL);
    expect_errno(futex(words, FUTEX_WAIT_REQUEUE_PI, 0, &bad, words + 1, 0), EINVAL);
    expect_errno(futex(words, FUTEX_WAIT_REQUEUE_PI, 0, &past, words + 1, 0), ETIMEDOUT);
    expect_errno(futex(words, FUTEX_WAIT_REQUEUE_PI, 1, &past, words + 1, 0), EAGAIN);
    expect_errno(futex(words, FUTEX_CMP_REQUEUE_PI, 1, NULL, words, 0), EINVAL);
    expect_errno(futex(words, FUTEX_CMP_REQUEUE_PI, 2, NULL, words + 1, 0), EINVAL);
    expect_errno(futex(words, FUTEX_CMP_REQUEUE_PI, 0, NULL, words + 1, 0), EINVAL);
    expect_errno(futex(words, FUTEX_CMP_REQUEUE_PI, 1, (void *)-1, words + 1, 0), EINVAL);
    expect_errno(futex(words, FUTEX_CMP_REQUEUE_PI, 1, NULL, words + 1, 1), EAGAIN);
    CHECK_EQ(futex(words, FUTEX_CMP_REQUEUE_PI, 1, NULL, words + 1, 0), 0);
    expect_errno(futex(words, FUTEX_CMP_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 1, NULL, words + 1, 0),
                 ENOSYS);
}

/* Threads that take locks */

struct taker {
    word_t *word;
    int priority;       /* real-time; 0: none */
    word_t *holds;      /* a lock that it takes before */
    _Atomic int id;     /* it has begun */
    _Atomic int place;  /* when it got the lock */
    _Atomic bool leave; /* it may unlock */
    int error;
    pthread_t thread;
};

static _Atomic int places;

static void *take(void *argument)
{
    struct taker *taker = argument;
    struct sched_param parameter = {.sched_priority = taker->priority};

    if (taker->priority && sched_setscheduler(0, SCHED_FIFO, &parameter))
        abort();
    if (taker->holds && lock(taker->holds))
        abort();
    taker->id = (int)self();
    if (lock(taker->word))
        taker->error = errno;
    else
        taker->place = ++places;
    while (!taker->leave)
        usleep(1000);
    if (taker->place && unlock(taker->word))
        abort();
    if (taker->holds && unlock(taker->holds))
        abort();
    return NULL;
}

/* What stands behind the name in a thread's stat: its state first. */
static const char *stat_of(int id, char *text, size_t size)
{
    char name[64], *end;
    snprintf(name, sizeof(name), "/proc/self/task/%d/stat", id);
    FILE *file = fopen(name, "r");
    CHECK(file);
    CHECK(fgets(text, (int)size, file));
    fclose(file);
    end = strrchr(text, ')');
    CHECK(end);
    return end + 2;
}

static char state_of(int id)
{
    char text[512];
    return *stat_of(id, text, sizeof(text));
}

/* The effective priority, as /proc tells it: -1 - real-time priority, or 20 + nice. */
static int priority_of(int id)
{
    char text[512];
    int priority;
    CHECK_EQ(sscanf(stat_of(id, text, sizeof(text)),
                    "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &priority),
             1);
    return priority;
}

static void start(struct taker *taker)
{
    check_zero(pthread_create(&taker->thread, NULL, take, taker), "pthread_create");
    while (!taker->id)
        usleep(1000);
}

/* Let it start, and wait until it sleeps on the way to its lock. */
static void start_waiting(struct taker *taker)
{
    start(taker);
    do
        usleep(2000);
    while (!(*taker->word & FUTEX_WAITERS) || state_of(taker->id) != 'S');
}

static void finish(struct taker *taker)
{
    taker->leave = true;
    check_zero(pthread_join(taker->thread, NULL), "pthread_join");
}

static void first_come(void)
{
    static word_t word;
    struct taker takers[4] = {{.word = &word}, {.word = &word}, {.word = &word}, {.word = &word}};

    expect_ok(lock(&word));
    for (int i = 0; i < 4; i++)
        start_waiting(&takers[i]);
    CHECK_EQ(word, self() | FUTEX_WAITERS);
    expect_errno(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    expect_errno(futex(&word, FUTEX_REQUEUE, 1, (void *)1, &word, 0), EINVAL);
    expect_ok(unlock(&word));
    for (int i = 0; i < 4; i++) {
        while (!takers[i].place)
            usleep(1000);
        CHECK_EQ(takers[i].place, i + 1);
        CHECK_EQ(word, (uint32_t)takers[i].id | FUTEX_WAITERS);
        finish(&takers[i]);
    }
    CHECK_EQ(word, 0);
}

static void need_real_time(void)
{
    struct sched_param parameter = {.sched_priority = 40};
    if (sched_setscheduler(0, SCHED_FIFO, &parameter))
        skip("real-time priorities are not allowed here");
    parameter.sched_priority = 0;
    expect_ok(sched_setscheduler(0, SCHED_OTHER, &parameter));
}

static void by_priority(void)
{
    static word_t word;
    struct taker takers[4] = {{.word = &word, .priority = 3},
                              {.word = &word},
                              {.word = &word, .priority = 9},
                              {.word = &word, .priority = 5}};
    static const int order[] = {2, 3, 0, 1};

    need_real_time();
    expect_ok(lock(&word));
    for (int i = 0; i < 4; i++)
        start_waiting(&takers[i]);
    CHECK_EQ(priority_of((int)self()), -1 - 9);
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    expect_ok(unlock(&word));
    CHECK_EQ(priority_of((int)self()), 20);
    for (int i = 0; i < 4; i++) {
        while (!takers[order[i]].place)
            usleep(1000);
        CHECK_EQ(takers[order[i]].place, i + 1);
        finish(&takers[order[i]]);
    }
}

/* Waits for the first lock while it holds the second, and so on: the last one's priority goes
 * through all, follows when it changes, and goes with it. */
static void chain(void)
{
    static word_t words[4];
    struct taker takers[4] = {{.word = &words[0], .holds = &words[1]},
                              {.word = &words[1], .holds = &words[2]},
                              {.word = &words[2], .holds = &words[3]},
                              {.word = &words[3], .priority = 7}};
    struct sched_param parameter = {.sched_priority = 11};

    need_real_time();
    expect_ok(lock(&words[0]));
    for (int i = 0; i < 3; i++)
        start_waiting(&takers[i]);
    CHECK_EQ(priority_of((int)self()), 20);
    start_waiting(&takers[3]);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(priority_of(takers[i].id), -1 - 7);
    CHECK_EQ(priority_of((int)self()), -1 - 7);
    expect_ok(sched_setscheduler(takers[3].id, SCHED_RR, &parameter));
    CHECK_EQ(priority_of((int)self()), -1 - 11);
    parameter.sched_priority = 2;
    expect_ok(sched_setscheduler(takers[3].id, SCHED_RR, &parameter));
    CHECK_EQ(priority_of((int)self()), -1 - 2);
    expect_errno(lock(&words[3]), EDEADLK);
    expect_errno(lock(&words[1]), EDEADLK);
    expect_ok(unlock(&words[0]));
    CHECK_EQ(priority_of((int)self()), 20);
    for (int i = 0; i < 4; i++)
        finish(&takers[i]);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(words[i], 0);
}

/* A waiter that gives up takes its priority away. */
static void *take_for_a_while(void *argument)
{
    struct sched_param parameter = {.sched_priority = 6};
    struct timespec later;

    if (sched_setscheduler(0, SCHED_FIFO, &parameter))
        abort();
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec += 1;
    return (void *)(futex(argument, FUTEX_LOCK_PI, 0, &later, NULL, 0) ? (long)errno : 0);
}

static void waiter_gives_up(void)
{
    static word_t word;
    pthread_t thread;
    void *error;

    need_real_time();
    expect_ok(lock(&word));
    check_zero(pthread_create(&thread, NULL, take_for_a_while, (void *)&word), "pthread_create");
    while (priority_of((int)self()) == 20)
        usleep(1000);
    CHECK_EQ(priority_of((int)self()), -1 - 6);
    check_zero(pthread_join(thread, &error), "pthread_join");
    CHECK_EQ((long)error, ETIMEDOUT);
    CHECK_EQ(priority_of((int)self()), 20);
    expect_ok(unlock(&word));
}

/* Owners that end */

static void *take_and_end(void *argument)
{
    word_t *words = argument;
    if (lock(&words[0]))
        abort();
    words[1] = 1;
    while (!(words[0] & FUTEX_WAITERS))
        usleep(1000);
    usleep(5000);
    return NULL;
}

static void owner_ends(void)
{
    static word_t words[2];
    pthread_t thread;

    check_zero(pthread_create(&thread, NULL, take_and_end, (void *)words), "pthread_create");
    while (!words[1])
        usleep(1000);
    expect_ok(lock(&words[0]));
    CHECK_EQ(words[0], self() | FUTEX_WAITERS | FUTEX_OWNER_DIED);
    check_zero(pthread_join(thread, NULL), "pthread_join");
    expect_ok(unlock(&words[0]));
    CHECK_EQ(words[0], 0);
}

static void take_and_exec(void *argument)
{
    word_t *words = argument;
    (void)take_and_end((void *)words);
    execl("/bin/sh", "sh", "-c", "exit 0", NULL);
    _exit(1);
}

static void owner_executes(void)
{
    word_t *words = shared_words();
    pid_t child = spawn(take_and_exec, (void *)words);

    while (!words[1])
        usleep(1000);
    expect_ok(lock(&words[0]));
    CHECK_EQ(words[0], self() | FUTEX_WAITERS | FUTEX_OWNER_DIED);
    expect_exited(reap(child), 0);
    expect_ok(unlock(&words[0]));
}

static void init_mutex(pthread_mutex_t *mutex, bool robust)
{
    pthread_mutexattr_t attributes;

    check_zero(pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
    check_zero(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), "setprotocol");
    check_zero(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "setpshared");
    if (robust)
        check_zero(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "setrobust");
    check_zero(pthread_mutex_init(mutex, &attributes), "pthread_mutex_init");
}

struct robust_child {
    pthread_mutex_t *mutex;
    struct sign locked;
};

static void lock_and_rest(void *argument)
{
    struct robust_child *child = argument;

    pthread_mutex_lock(child->mutex);
    sign_send(&child->locked);
    rest(NULL);
}

/* The owner is killed before anybody waits, or while somebody does. */
static void robust(void)
{
    for (int i = 0; i < 20; i++) {
        struct robust_child child = {.mutex = (pthread_mutex_t *)shared_words()};
        init_mutex(child.mutex, true);
        sign_open(&child.locked);
        pid_t pid = spawn(lock_and_rest, &child), killer;
        sign_await(&child.locked);
        killer = fork();
        if (killer == 0) {
            usleep(i % 2 ? 2000 : 0);
            kill(pid, SIGKILL);
            _exit(0);
        }
        CHECK_EQ(pthread_mutex_lock(child.mutex), EOWNERDEAD);
        check_zero(pthread_mutex_consistent(child.mutex), "pthread_mutex_consistent");
        check_zero(pthread_mutex_unlock(child.mutex), "pthread_mutex_unlock");
        check_zero(pthread_mutex_lock(child.mutex), "pthread_mutex_lock");
        check_zero(pthread_mutex_unlock(child.mutex), "pthread_mutex_unlock");
        expect_signaled(reap(pid), SIGKILL);
        expect_exited(reap(killer), 0);
        expect_ok(munmap(child.mutex, PAGE));
    }
}

/* Requeueing */

struct sleeper {
    word_t *words; /* a word, and the lock */
    _Atomic int id;
    _Atomic bool owns, leave;
    long result;
    int error;
    pthread_t thread;
};

static void *sleep_and_own(void *argument)
{
    struct sleeper *sleeper = argument;

    sleeper->id = (int)self();
    sleeper->result =
        futex(&sleeper->words[0], FUTEX_WAIT_REQUEUE_PI, 0, NULL, &sleeper->words[1], 0);
    sleeper->error = errno;
    sleeper->owns = true;
    while (!sleeper->leave)
        usleep(1000);
    if (sleeper->result == 0 && unlock(&sleeper->words[1]))
        abort();
    return NULL;
}

static void sleep_begin(struct sleeper *sleeper, word_t *words)
{
    *sleeper = (struct sleeper){.words = words};
    check_zero(pthread_create(&sleeper->thread, NULL, sleep_and_own, sleeper), "pthread_create");
    do
        usleep(2000);
    while (!sleeper->id || state_of(sleeper->id) != 'S');
    usleep(2000);
}

static void sleep_end(struct sleeper *sleeper, long result)
{
    while (!sleeper->owns)
        usleep(1000);
    CHECK_EQ(sleeper->result, result);
    sleeper->leave = true;
    check_zero(pthread_join(sleeper->thread, NULL), "pthread_join");
}

/* With the lock free, the first gets it at once; else all wait for it. */
static void requeueing(void)
{
    static word_t words[3];
    struct sleeper sleepers[4];

    for (int held = 0; held < 2; held++) {
        for (int i = 0; i < 4; i++)
            sleep_begin(&sleepers[i], words);
        expect_errno(futex(&words[0], FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
        expect_errno(futex(&words[0], FUTEX_REQUEUE, 1, (void *)1, &words[1], 0), EINVAL);
        expect_errno(futex(&words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &words[2], 0), EINVAL);
        if (held)
            expect_ok(lock(&words[1]));
        CHECK_EQ(futex(&words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &words[1], 0), 2);
        CHECK_EQ(futex(&words[0], FUTEX_CMP_REQUEUE_PI, 1, (void *)INT_MAX, &words[1], 0), 2);
        if (held) {
            CHECK_EQ(words[1], self() | FUTEX_WAITERS);
            expect_ok(unlock(&words[1]));
        }
        for (int i = 0; i < 4; i++) {
            while (!sleepers[i].owns)
                usleep(1000);
            CHECK_EQ(words[1] & FUTEX_TID_MASK, sleepers[i].id);
            sleep_end(&sleepers[i], 0);
        }
        CHECK_EQ(words[1], 0);
    }
}

static _Atomic int handled;

static void note(int number)
{
    (void)number;
    handled++;
}

/* A signal: before it has been requeued, the wait goes on; behind it, it ends. */
static void requeued_and_interrupted(void)
{
    static word_t words[2];
    struct sigaction action = {.sa_handler = note};
    struct sleeper sleeper;

    expect_ok(sigaction(SIGUSR1, &action, NULL));
    sleep_begin(&sleeper, words);
    check_zero(pthread_kill(sleeper.thread, SIGUSR1), "pthread_kill");
    while (!handled)
        usleep(1000);
    usleep(5000);
    CHECK(!sleeper.owns);
    expect_ok(lock(&words[1]));
    CHECK_EQ(futex(&words[0], FUTEX_CMP_REQUEUE_PI, 1, NULL, &words[1], 0), 1);
    check_zero(pthread_kill(sleeper.thread, SIGUSR1), "pthread_kill");
    sleep_end(&sleeper, -1);
    CHECK_EQ(sleeper.error, EAGAIN);
    expect_ok(unlock(&words[1]));
    CHECK_EQ(words[1], 0);
}

/* Waiting for a lock is interrupted by a handler, and goes on. */
static void interrupted(void)
{
    static word_t word;
    struct sigaction action = {.sa_handler = note};
    struct taker taker = {.word = &word};

    expect_ok(sigaction(SIGUSR1, &action, NULL));
    expect_ok(lock(&word));
    start_waiting(&taker);
    for (int i = 1; i <= 3; i++) {
        check_zero(pthread_kill(taker.thread, SIGUSR1), "pthread_kill");
        while (handled < i)
            usleep(1000);
    }
    CHECK_EQ(taker.place, 0);
    expect_ok(unlock(&word));
    finish(&taker);
    CHECK_EQ(taker.error, 0);
    CHECK_EQ(taker.place, 1);
}

/* Many at once */

static pthread_mutex_t mutexes[3];
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned long sums[3];
static unsigned arrived, generation;

static void arrive(unsigned count)
{
    pthread_mutex_lock(&mutexes[0]);
    unsigned current = generation;
    if (++arrived == count) {
        arrived = 0;
        generation++;
        pthread_cond_broadcast(&condition);
    }
    while (generation == current)
        pthread_cond_wait(&condition, &mutexes[0]);
    pthread_mutex_unlock(&mutexes[0]);
}

static void *work(void *argument)
{
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 60; i++) {
            int first = (i + (int)(intptr_t)argument) % 3;
            struct timespec later = soon(CLOCK_REALTIME);
            pthread_mutex_lock(&mutexes[first]);
            sums[first]++;
            for (int j = first + 1; j < 3; j++) {
                if (pthread_mutex_timedlock(&mutexes[j], &later) == 0) {
                    sums[j]++;
                    sums[first]--;
                    pthread_mutex_unlock(&mutexes[j]);
                    sched_yield();
                    sums[first]++;
                } else {
                    sched_yield();
                }
            }
            pthread_mutex_unlock(&mutexes[first]);
        }
        arrive(12);
    }
    return NULL;
}

static void contention(void)
{
    pthread_t threads[12];

    for (int i = 0; i < 3; i++)
        init_mutex(&mutexes[i], false);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        check_zero(pthread_create(&threads[i], NULL, work, (void *)i), "pthread_create");
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        check_zero(pthread_join(threads[i], NULL), "pthread_join");
    CHECK_EQ(sums[0], 12 * 10 * 20);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_mutex_trylock(&mutexes[i]), 0);
}

/* Processes take a lock, wait for it, have time-outs, and are killed at any moment: in the end all
 * can be taken once more. */
static void fight(void *argument)
{
    pthread_mutex_t *locks = argument;
    unsigned seed = (unsigned)getpid();

    for (;;) {
        pthread_mutex_t *lock = &locks[rand_r(&seed) % 2], *second = &locks[rand_r(&seed) % 2];
        struct timespec later = soon(CLOCK_REALTIME);
        int result =
            rand_r(&seed) % 2 ? pthread_mutex_lock(lock) : pthread_mutex_timedlock(lock, &later);
        if (result == EOWNERDEAD)
            pthread_mutex_consistent(lock);
        else if (result)
            continue;
        result = second == lock ? EBUSY : pthread_mutex_timedlock(second, &later);
        if (result == EOWNERDEAD)
            pthread_mutex_consistent(second);
        if (result == 0 || result == EOWNERDEAD)
            pthread_mutex_unlock(second);
        pthread_mutex_unlock(lock);
    }
}

static void killed(void)
{
    pthread_mutex_t *locks = (pthread_mutex_t *)shared_words();
    pid_t children[6];

    init_mutex(&locks[0], true);
    init_mutex(&locks[1], true);
    for (size_t i = 0; i < COUNT_OF(children); i++)
        children[i] = spawn(fight, locks);
    for (unsigned i = 0; i < 60; i++) {
        size_t victim = i % COUNT_OF(children);
        usleep(i * 37 % 3000);
        expect_ok(kill(children[victim], SIGKILL));
        expect_signaled(reap(children[victim]), SIGKILL);
        children[victim] = spawn(fight, locks);
    }
    for (size_t i = 0; i < COUNT_OF(children); i++)
        expect_ok(kill(children[i], SIGKILL));
    for (int i = 0; i < 2; i++) {
        int result = pthread_mutex_lock(&locks[i]);
        CHECK(result == 0 || result == EOWNERDEAD);
    }
    for (size_t i = 0; i < COUNT_OF(children); i++)
        expect_signaled(reap(children[i]), SIGKILL);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(alone),           TEST(errors),      TEST(requeue_errors),
        TEST(first_come),      TEST(by_priority), TEST(chain),
        TEST(waiter_gives_up), TEST(owner_ends),  TEST(owner_executes),
        TEST(robust),          TEST(requeueing),  TEST(requeued_and_interrupted),
        TEST(interrupted),     TEST(contention),  TEST(killed),
    };

    return TAP_MAIN(argc, argv, tests);
}
