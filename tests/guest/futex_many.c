/*
 * The calls of futexes that say the size of the word: futex_waitv(2), futex_wake, futex_wait and
 * futex_requeue.
 */
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALL_WAITV   449
#define CALL_WAKE    454
#define CALL_WAIT    455
#define CALL_REQUEUE 456

#define SIZE_32 2u
#define PRIVATE 128u

typedef _Atomic uint32_t word_t;

struct entry {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static struct entry entry_of(word_t *word, uint32_t flags)
{
    return (struct entry){.address = (uintptr_t)word, .flags = SIZE_32 | flags};
}

static const struct timespec past = {1, 0}, bad = {0, 1000000000};

static long waitv(struct entry *entries, unsigned count, const void *timeout)
{
    return syscall(CALL_WAITV, entries, count, 0, timeout, CLOCK_MONOTONIC);
}

static long wake(word_t *word, int count, uint32_t flags)
{
    return syscall(CALL_WAKE, word, (uint64_t)UINT32_MAX, count, SIZE_32 | flags);
}

static word_t *words_in_memory(void)
{
    word_t *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(words != MAP_FAILED);
    if (syscall(CALL_WAKE, words, (uint64_t)UINT32_MAX, 1, SIZE_32) < 0 && errno == ENOSYS)
        skip("this kernel does not have the calls");
    return words;
}

static void errors_of_waitv(void)
{
    word_t *words = words_in_memory();
    struct entry entries[130], *second = &entries[1];

    for (size_t i = 0; i < COUNT_OF(entries); i++)
        entries[i] = entry_of(&words[i], i & 1 ? PRIVATE : 0);
    expect_errno(waitv(entries, 0, &past), EINVAL);
    expect_errno(waitv(entries, 129, &past), EINVAL);
    expect_errno(waitv(entries, 128, &past), ETIMEDOUT);
    expect_errno(waitv(entries, 2, &bad), EINVAL);
    expect_errno(waitv(NULL, 2, &past), EINVAL);
    expect_errno(waitv((void *)8, 2, &past), EFAULT);
    expect_errno(waitv(entries, 2, (void *)8), EFAULT);
    expect_errno(syscall(CALL_WAITV, entries, 2, 1, &past, CLOCK_MONOTONIC), EINVAL);
    expect_errno(syscall(CALL_WAITV, entries, 2, 0, &past, CLOCK_BOOTTIME), EINVAL);
    expect_errno(syscall(CALL_WAITV, entries, 2, 0, &past, CLOCK_REALTIME), ETIMEDOUT);
    static const uint32_t flags[] = {0, 1, 3, 6, 0x12};
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        second->flags = flags[i];
        expect_errno(waitv(entries, 2, &past), EINVAL);
    }
    *second = entry_of(&words[1], 0);
    second->reserved = 1;
    expect_errno(waitv(entries, 2, &past), EINVAL);
    *second = entry_of(&words[1], 0);
    second->value = 5;
    expect_errno(waitv(entries, 2, &past), EAGAIN);
    second->value = 1ull << 32;
    expect_errno(waitv(entries, 2, &past), EINVAL);
    *second = entry_of((word_t *)((char *)words + 1), 0);
    expect_errno(waitv(entries, 2, &past), EINVAL);
    *second = entry_of((word_t *)8, 0);
    expect_errno(waitv(entries, 2, &past), EFAULT);
    *second = entries[0];
    expect_errno(waitv(entries, 2, &past), ETIMEDOUT);
    CHECK_EQ(wake(words, 100, 0), 0);
}

static void errors_of_others(void)
{
    word_t *words = words_in_memory();
    struct entry pair[2] = {entry_of(&words[0], 0), entry_of(&words[1], 0)};
    uint64_t wide = 1ull << 32;

    CHECK_EQ(wake(words, 1, 0), 0);
    CHECK_EQ(wake(words, 0, 0), 0);
    expect_errno(syscall(CALL_WAKE, words, 0, 1, SIZE_32), EINVAL);
    expect_errno(syscall(CALL_WAKE, words, wide, 1, SIZE_32), EINVAL);
    expect_errno(syscall(CALL_WAKE, words, 1, 1, 0), EINVAL);
    expect_errno(syscall(CALL_WAKE, words, 1, 1, 0x40), EINVAL);
    expect_errno(wake((word_t *)8, 1, 0), EFAULT);
    CHECK_EQ(wake((word_t *)8, 1, PRIVATE), 0);
    expect_errno(syscall(CALL_WAIT, words, 1, 1, SIZE_32, NULL, 9), EAGAIN);
    expect_errno(syscall(CALL_WAIT, words, 0, 1, SIZE_32, &past, 9), EINVAL);
    expect_errno(syscall(CALL_WAIT, words, 0, 1, SIZE_32, &past, CLOCK_REALTIME), ETIMEDOUT);
    expect_errno(syscall(CALL_WAIT, words, 0, 1, SIZE_32, &bad, CLOCK_REALTIME), EINVAL);
    expect_errno(syscall(CALL_WAIT, words, 0, 0, SIZE_32, &past, CLOCK_MONOTONIC), EINVAL);
    expect_errno(syscall(CALL_WAIT, words, wide, 1, SIZE_32, &past, CLOCK_MONOTONIC), EINVAL);
    expect_errno(syscall(CALL_WAIT, words, 0, wide, SIZE_32, &past, CLOCK_MONOTONIC), EINVAL);
    expect_errno(syscall(CALL_WAIT, words, 0, 1, 3, &past, CLOCK_MONOTONIC), EINVAL);
    CHECK_EQ(syscall(CALL_REQUEUE, pair, 0, 1, 1), 0);
    expect_errno(syscall(CALL_REQUEUE, pair, 1, 1, 1), EINVAL);
    expect_errno(syscall(CALL_REQUEUE, pair, 0, -1, 1), EINVAL);
    expect_errno(syscall(CALL_REQUEUE, pair, 0, 1, -1), EINVAL);
    expect_errno(syscall(CALL_REQUEUE, NULL, 0, 1, 1), EINVAL);
    pair[1].value = 77;
    CHECK_EQ(syscall(CALL_REQUEUE, pair, 0, 1, 1), 0);
    pair[0].value = 3;
    expect_errno(syscall(CALL_REQUEUE, pair, 0, 1, 1), EAGAIN);
}

/* A thread that waits for any of four words */

struct waiter {
    struct entry entries[4];
    _Atomic bool done;
    long result;
    int error;
    pthread_t thread;
};

static void *wait_for_any(void *argument)
{
    struct waiter *waiter = argument;

    waiter->result = waitv(waiter->entries, 4, NULL);
    waiter->error = errno;
    waiter->done = true;
    return NULL;
}

static void start(struct waiter *waiter, word_t *words, uint32_t flags)
{
    *waiter = (struct waiter){.done = false};
    for (int i = 0; i < 4; i++)
        waiter->entries[i] = entry_of(&words[i], flags);
    CHECK_EQ(pthread_create(&waiter->thread, NULL, wait_for_any, waiter), 0);
}

static void any_of_four(void)
{
    word_t *words = words_in_memory();
    struct waiter waiter;

    for (int i = 0; i < 8; i++) {
        uint32_t flags = i & 4 ? PRIVATE : 0;
        start(&waiter, words, flags);
        while (wake(&words[i & 3], 1, flags) == 0)
            usleep(1000);
        CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
        CHECK_EQ(waiter.result, i & 3);
        for (int j = 0; j < 4; j++)
            CHECK_EQ(wake(&words[j], 1, flags), 0);
    }
}

/* From the word it waits for to another one, where it is found as well. */
static void requeueing(void)
{
    word_t *words = words_in_memory();
    struct entry pair[2] = {entry_of(&words[2], 0), entry_of(&words[9], 0)};
    struct waiter waiter;

    start(&waiter, words, 0);
    while (expect_ok(syscall(CALL_REQUEUE, pair, 0, 0, 1)) == 0)
        usleep(1000);
    CHECK_EQ(wake(&words[2], 1, 0), 0);
    CHECK(!waiter.done);
    CHECK_EQ(wake(&words[9], 1, 0), 1);
    CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
    CHECK_EQ(waiter.result, 2);
}

static _Atomic int handled;

static void note(int number)
{
    (void)number;
    handled++;
}

static void interrupted(void)
{
    word_t *words = words_in_memory();
    struct sigaction action = {.sa_handler = note};
    struct entry self[2] = {entry_of(&words[3], 0), entry_of(&words[3], 0)};
    struct waiter waiter;

    expect_ok(sigaction(SIGUSR1, &action, NULL));
    start(&waiter, words, 0);
    while (expect_ok(syscall(CALL_REQUEUE, self, 0, 0, 1)) == 0)
        usleep(1000);
    CHECK_EQ(pthread_kill(waiter.thread, SIGUSR1), 0);
    CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
    CHECK_EQ(waiter.result, -1);
    CHECK_EQ(waiter.error, EINTR);
    CHECK_EQ(handled, 1);

    action.sa_flags = SA_RESTART;
    expect_ok(sigaction(SIGUSR1, &action, NULL));
    start(&waiter, words, 0);
    while (expect_ok(syscall(CALL_REQUEUE, self, 0, 0, 1)) == 0)
        usleep(1000);
    CHECK_EQ(pthread_kill(waiter.thread, SIGUSR1), 0);
    while (handled != 2)
        usleep(1000);
    while (wake(&words[1], 1, 0) == 0)
        usleep(1000);
    CHECK_EQ(pthread_join(waiter.thread, NULL), 0);
    CHECK_EQ(waiter.result, 1);
}

/* Each thread hands tokens to others through one of eight words, and waits for any of its four. */

#define THREADS 6
#define TOKENS  300

static word_t boxes[8];
static _Atomic int taken;

static bool take(word_t *box)
{
    uint32_t count = *box;

    while (count)
        if (__atomic_compare_exchange_n(box, &count, count - 1, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

static void *pass_on(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument, turn = seed;

    while (taken < TOKENS) {
        struct entry entries[4];
        bool found = false;
        for (unsigned i = 0; i < 4; i++) {
            entries[i] = entry_of(&boxes[(seed + i * 2 + turn) % 8], PRIVATE);
            found = found || take(&boxes[(seed + i * 2 + turn) % 8]);
        }
        turn++;
        if (!found) {
            struct timespec soon;
            clock_gettime(CLOCK_MONOTONIC, &soon);
            soon.tv_sec++;
            if (waitv(entries, 4, &soon) < 0 && errno != EAGAIN && errno != ETIMEDOUT)
                fail("futex_waitv: %s", error_name(errno));
            continue;
        }
        taken++;
        boxes[turn * 5 % 8]++;
        (void)wake(&boxes[turn * 5 % 8], 1, PRIVATE);
    }
    return NULL;
}

static void crowd(void)
{
    pthread_t threads[THREADS];

    words_in_memory();
    boxes[0] = boxes[3] = 1;
    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, pass_on, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK(taken >= TOKENS);
}

int main(int argc, char **argv)
{
    static const struct test tests[] = {
        TEST(errors_of_waitv), TEST(errors_of_others), TEST(any_of_four),
        TEST(requeueing),      TEST(interrupted),      TEST(crowd),
    };

    return TAP_MAIN(argc, argv, tests);
}
