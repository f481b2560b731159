/*
 * futex(2): waiting, waking, requeueing, deadlines on both clocks, words in private and in shared
 * memory, interruption, and what is left of a lock whose owner has died.
 */
#include "tap.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef _Atomic uint32_t word_t;

static long futex(word_t *word, int operation, uint32_t value, const void *timeout, word_t *second,
                  uint32_t third)
{
    return syscall(SYS_futex, word, operation, value, timeout, second, third);
}

static void check_zero(int error, const char *what)
{
    if (error)
        fail("%s: %s", what, error_name(error));
}

static long long now(clockid_t clock)
{
    struct timespec time;

    expect_ok(clock_gettime(clock, &time));
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static struct timespec timespec_of(long long nanoseconds)
{
    return (struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000};
}

/* Threads that wait */

struct waiter {
    word_t *word;
    int operation;
    uint32_t value, bits;
    _Atomic int state; /* 1: about to wait, 2: woken */
    long result;
    int error;
    pthread_t thread;
};

static void *wait_in_thread(void *argument)
{
    struct waiter *waiter = argument;

    waiter->state = 1;
    waiter->result =
        futex(waiter->word, waiter->operation, waiter->value, NULL, NULL, waiter->bits);
    waiter->error = errno;
    waiter->state = 2;
    return NULL;
}

static void start(struct waiter *waiter)
{
    check_zero(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), "pthread_create");
}

static void finish(struct waiter *waiter)
{
    check_zero(pthread_join(waiter->thread, NULL), "pthread_join");
    CHECK_EQ(waiter->result, 0);
}

/* Wake until count threads have been: they may not wait yet. */
static void wake_all_of(word_t *word, int operation, int count, uint32_t bits)
{
    while (count > 0)
        count -= (int)expect_ok(futex(word, operation, (uint32_t)count, NULL, NULL, bits));
}

static void errors(void)
{
    word_t *words = (word_t *)map_pages(2);
    struct timespec bad = {0, 1000000000}, short_time = {0, 1000};

    words[0] = 1;
    expect_errno(futex(&words[0], FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
    expect_errno(futex(&words[0], FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, NULL, NULL, 0), EAGAIN);
    expect_errno(futex((word_t *)((char *)words + 1), FUTEX_WAIT, 1, NULL, NULL, 0), EINVAL);
    expect_errno(futex((word_t *)((char *)words + 2), FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    expect_errno(futex(&words[0], FUTEX_WAIT, 1, &bad, NULL, 0), EINVAL);
    expect_errno(futex(&words[0], FUTEX_WAIT, 1, (void *)8, NULL, 0), EFAULT);
    expect_errno(futex(&words[0], FUTEX_WAIT, 1, &short_time, NULL, 0), ETIMEDOUT);
    expect_errno(futex(&words[0], FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL);
    expect_errno(futex(&words[0], FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
    expect_errno(futex(&words[0], 99, 1, NULL, NULL, 0), ENOSYS);
    expect_errno(futex(&words[0], FUTEX_REQUEUE, (uint32_t)-1, (void *)1, &words[1], 0), EINVAL);
    expect_errno(futex(&words[0], FUTEX_CMP_REQUEUE, 1, (void *)1, &words[1], 7), EAGAIN);
    expect_ok(munmap((char *)words + PAGE, PAGE));
    expect_errno(futex(words + PAGE / 4, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    expect_errno(futex(words + PAGE / 4, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT);
    expect_errno(futex(words + PAGE / 4, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    CHECK_EQ(futex(words + PAGE / 4, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    expect_errno(futex((word_t *)-4096l, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EFAULT);
    CHECK_EQ(futex(&words[0], FUTEX_WAKE, 1, NULL, NULL, 0), 0);
}

static void counts(void)
{
    static word_t word;
    struct waiter waiters[6];

    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        waiters[i] = (struct waiter){.word = &word, .operation = FUTEX_WAIT_PRIVATE};
        start(&waiters[i]);
    }
    wake_all_of(&word, FUTEX_WAKE_PRIVATE, 2, 0);
    int done = 0;
    while (done < 2) {
        done = 0;
        for (size_t i = 0; i < COUNT_OF(waiters); i++)
            done += waiters[i].state == 2;
        usleep(1000);
    }
    CHECK_EQ(done, 2);
    wake_all_of(&word, FUTEX_WAKE_PRIVATE, 4, 0);
    for (size_t i = 0; i < COUNT_OF(waiters); i++)
        finish(&waiters[i]);
}

static void bitsets(void)
{
    static word_t word;
    struct waiter a = {.word = &word, .operation = FUTEX_WAIT_BITSET_PRIVATE, .bits = 1};
    struct waiter b = {.word = &word, .operation = FUTEX_WAIT_BITSET_PRIVATE, .bits = 6};

    start(&a);
    start(&b);
    wake_all_of(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, 4);
    finish(&b);
    CHECK(a.state != 2);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 8), 0);
    wake_all_of(&word, FUTEX_WAKE_PRIVATE, 1, 0);
    finish(&a);
}

/* Until all of them wait at the word, which a requeue to the same one counts. */
static void await_waiters_of(word_t *word, int requeue_operation, int count)
{
    while (expect_ok(futex(word, requeue_operation, 0, (void *)INT_MAX, word, 0)) < count)
        usleep(1000);
}

static void await_waiters(word_t *word, int count)
{
    await_waiters_of(word, FUTEX_REQUEUE_PRIVATE, count);
}

static void requeue(bool compare)
{
    static word_t words[2];
    struct waiter waiters[5];
    int operation = compare ? FUTEX_CMP_REQUEUE_PRIVATE : FUTEX_REQUEUE_PRIVATE;

    words[0] = 3;
    for (size_t i = 0; i < COUNT_OF(waiters); i++) {
        waiters[i] =
            (struct waiter){.word = &words[0], .operation = FUTEX_WAIT_PRIVATE, .value = 3};
        start(&waiters[i]);
    }
    await_waiters(&words[0], COUNT_OF(waiters));
    CHECK_EQ(futex(&words[0], operation, 1, (void *)3, &words[1], 3), 4);
    CHECK_EQ(futex(&words[0], FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&words[1], FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 2);
    for (size_t i = 0; i < COUNT_OF(waiters); i++)
        finish(&waiters[i]);
}

static void requeueing(void)
{
    requeue(false);
    requeue(true);
}

static void wake_op(void)
{
    static const struct {
        int operation, argument, compare, compared;
        uint32_t before, after;
        bool second;
    } cases[] = {
        {FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 1, 1, 5, true},
        {FUTEX_OP_ADD, -1, FUTEX_OP_CMP_NE, 1, 1, 0, false},
        {FUTEX_OP_OR, 6, FUTEX_OP_CMP_LT, 0, (uint32_t)-1, (uint32_t)-1, true},
        {FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_GE, 7, 7, 4, true},
        {FUTEX_OP_XOR, 1, FUTEX_OP_CMP_GT, 7, 7, 6, false},
        {FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_LE, 0, 0, 16, true},
    };
    static word_t words[2];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct waiter a = {.word = &words[0], .operation = FUTEX_WAIT_PRIVATE};
        struct waiter b = {.word = &words[1], .operation = FUTEX_WAIT_PRIVATE};
        uint32_t code = (uint32_t)cases[i].operation << 28 | (uint32_t)cases[i].compare << 24 |
                        ((uint32_t)cases[i].argument & 0xfff) << 12 |
                        ((uint32_t)cases[i].compared & 0xfff);
        b.value = words[1] = cases[i].before;
        start(&a);
        start(&b);
        await_waiters(&words[0], 1);
        await_waiters(&words[1], 1);
        CHECK_EQ(futex(&words[0], FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &words[1], code),
                 1 + cases[i].second);
        CHECK_EQ(words[1], cases[i].after);
        if (!cases[i].second)
            CHECK_EQ(futex(&words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
        finish(&a);
        finish(&b);
    }
    expect_errno(futex(&words[0], FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &words[1], 6u << 28),
                 ENOSYS);
}

static void deadlines(void)
{
    static word_t word;
    const long long wanted = 15000000;
    struct timespec relative = timespec_of(wanted), absolute;
    long long before = now(CLOCK_MONOTONIC);

    expect_errno(futex(&word, FUTEX_WAIT_PRIVATE, 0, &relative, NULL, 0), ETIMEDOUT);
    CHECK(now(CLOCK_MONOTONIC) - before >= wanted);
    before = now(CLOCK_MONOTONIC);
    absolute = timespec_of(before + wanted);
    expect_errno(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &absolute, NULL, UINT32_MAX),
                 ETIMEDOUT);
    CHECK(now(CLOCK_MONOTONIC) - before >= wanted);
    before = now(CLOCK_REALTIME);
    absolute = timespec_of(before + wanted);
    expect_errno(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &absolute, NULL,
                       UINT32_MAX),
                 ETIMEDOUT);
    CHECK(now(CLOCK_REALTIME) - before >= wanted);
    absolute = timespec_of(1);
    expect_errno(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &absolute, NULL, UINT32_MAX),
                 ETIMEDOUT);
}

/* Shared words */

static word_t *map_shared(int fd, off_t offset)
{
    word_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

    CHECK(words != MAP_FAILED);
    return words;
}

struct place {
    int fd;
    word_t *ready;
};

static void wait_at_other_address(void *argument)
{
    const struct place *place = argument;
    word_t *words;

    map_pages(3);
    words = map_shared(place->fd, PAGE);
    words[1] = 1;
    while (words[0] == 0)
        if (futex(&words[0], FUTEX_WAIT, 0, NULL, NULL, 0) && errno != EAGAIN)
            _exit(1);
}

static void shared_file(void)
{
    int fd = pattern_file("file", 0);
    struct place place = {.fd = fd};
    pid_t child;
    word_t *words;

    expect_ok(ftruncate(fd, 2 * PAGE));
    words = map_shared(fd, PAGE);
    child = spawn(wait_at_other_address, &place);
    while (words[1] == 0)
        usleep(1000);
    usleep(5000);
    words[0] = 1;
    futex(&words[0], FUTEX_WAKE, 1, NULL, NULL, 0);
    expect_exited(reap(child), 0);
}

static void ping(void *argument)
{
    word_t *words = argument;

    for (uint32_t i = 0; i < 500; i++) {
        while (words[0] == i)
            futex(&words[0], FUTEX_WAIT, i, NULL, NULL, 0);
        words[1] = i + 1;
        futex(&words[1], FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

static void between_processes(void)
{
    word_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;

    CHECK(words != MAP_FAILED);
    child = spawn(ping, (void *)words);
    for (uint32_t i = 0; i < 500; i++) {
        words[0] = i + 1;
        futex(&words[0], FUTEX_WAKE, 1, NULL, NULL, 0);
        while (words[1] == i)
            futex(&words[1], FUTEX_WAIT, i, NULL, NULL, 0);
    }
    expect_exited(reap(child), 0);
}

/* A word in private memory is another one in the child; and FUTEX_PRIVATE_FLAG makes another one of
 * it. */
static void wake_in_child(void *argument)
{
    CHECK_EQ(futex(argument, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(argument, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
}

static void private_words(void)
{
    static word_t word;
    struct waiter waiter = {.word = &word, .operation = FUTEX_WAIT};

    start(&waiter);
    await_waiters_of(&word, FUTEX_REQUEUE, 1);
    expect_child_ok(wake_in_child, (void *)&word);
    CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    finish(&waiter);
}

/* Signals */

static _Atomic int handled;

static void note(int number)
{
    (void)number;
    handled++;
}

static void interrupted(void)
{
    static word_t word;
    struct sigaction action = {.sa_handler = note};
    struct waiter waiter = {.word = &word, .operation = FUTEX_WAIT_PRIVATE};

    expect_ok(sigaction(SIGUSR1, &action, NULL));
    start(&waiter);
    await_waiters(&word, 1);
    check_zero(pthread_kill(waiter.thread, SIGUSR1), "pthread_kill");
    check_zero(pthread_join(waiter.thread, NULL), "pthread_join");
    CHECK_EQ(waiter.result, -1);
    CHECK_EQ(waiter.error, EINTR);
    CHECK_EQ(handled, 1);

    action.sa_flags = SA_RESTART;
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    start(&waiter);
    await_waiters(&word, 1);
    check_zero(pthread_kill(waiter.thread, SIGUSR1), "pthread_kill");
    while (handled != 2)
        usleep(1000);
    wake_all_of(&word, FUTEX_WAKE_PRIVATE, 1, 0);
    finish(&waiter);
}

/* Robust locks */

static pthread_mutex_t *robust_mutex(bool shared)
{
    pthread_mutex_t *mutex =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attributes;

    CHECK(mutex != MAP_FAILED);
    check_zero(pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
    check_zero(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "setrobust");
    check_zero(pthread_mutexattr_setpshared(&attributes, shared ? PTHREAD_PROCESS_SHARED
                                                                : PTHREAD_PROCESS_PRIVATE),
               "setpshared");
    check_zero(pthread_mutex_init(mutex, &attributes), "pthread_mutex_init");
    return mutex;
}

static void *lock_and_end(void *argument)
{
    pthread_mutex_lock(argument);
    return NULL;
}

static void robust_thread(void)
{
    pthread_mutex_t *mutex = robust_mutex(false);
    pthread_t thread;

    check_zero(pthread_create(&thread, NULL, lock_and_end, mutex), "pthread_create");
    check_zero(pthread_join(thread, NULL), "pthread_join");
    CHECK_EQ(pthread_mutex_lock(mutex), EOWNERDEAD);
    check_zero(pthread_mutex_consistent(mutex), "pthread_mutex_consistent");
    check_zero(pthread_mutex_unlock(mutex), "pthread_mutex_unlock");
    check_zero(pthread_mutex_lock(mutex), "pthread_mutex_lock");
}

struct robust_child {
    pthread_mutex_t *mutex;
    struct sign locked;
};

static void lock_and_wait(void *argument)
{
    struct robust_child *child = argument;

    pthread_mutex_lock(child->mutex);
    sign_send(&child->locked);
    for (;;)
        pause();
}

/* The parent waits for the lock while its owner is killed. */
static void robust_process(void)
{
    for (int i = 0; i < 20; i++) {
        struct robust_child child = {.mutex = robust_mutex(true)};
        sign_open(&child.locked);
        pid_t pid = spawn(lock_and_wait, &child), killer;
        sign_await(&child.locked);
        killer = fork();
        if (killer == 0) {
            usleep(2000);
            kill(pid, SIGKILL);
            _exit(0);
        }
        CHECK_EQ(pthread_mutex_lock(child.mutex), EOWNERDEAD);
        expect_signaled(reap(pid), SIGKILL);
        expect_exited(reap(killer), 0);
        expect_ok(munmap(child.mutex, PAGE));
    }
}

static void robust_list_calls(void)
{
    void *head;
    size_t size = 0;

    expect_ok(syscall(SYS_get_robust_list, 0, &head, &size));
    CHECK_EQ(size, 24);
    expect_errno(syscall(SYS_set_robust_list, head, 23), EINVAL);
    expect_errno(syscall(SYS_get_robust_list, 99999999, &head, &size), ESRCH);
    expect_errno(syscall(SYS_get_robust_list, 0, (void *)8, &size), EFAULT);
}

/* Many threads, one lock, and a condition that all wait for */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static unsigned long sum;
static unsigned arrived, generation;

static void arrive(unsigned count)
{
    unsigned current;

    pthread_mutex_lock(&mutex);
    current = generation;
    if (++arrived == count) {
        arrived = 0;
        generation++;
        pthread_cond_broadcast(&condition);
    }
    while (generation == current)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void *work(void *argument)
{
    (void)argument;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 100; i++) {
            pthread_mutex_lock(&mutex);
            sum++;
            pthread_mutex_unlock(&mutex);
        }
        arrive(16);
    }
    return NULL;
}

static void contention(void)
{
    pthread_t threads[16];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        check_zero(pthread_create(&threads[i], NULL, work, NULL), "pthread_create");
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        check_zero(pthread_join(threads[i], NULL), "pthread_join");
    CHECK_EQ(sum, 16 * 20 * 100);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(errors),        TEST(counts),
        TEST(bitsets),       TEST(requeueing),
        TEST(wake_op),       TEST(deadlines),
        TEST(shared_file),   TEST(between_processes),
        TEST(private_words), TEST(interrupted),
        TEST(robust_thread), TEST(robust_process),
        TEST(contention),    TEST(robust_list_calls),
    };

    return TAP_MAIN(argc, argv, tests);
}
