/*
 * fork while others change what it copies: a file is truncated, another thread stores, maps and
 * unmaps.
 */
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define RW (PROT_READ | PROT_WRITE)

enum { MAPPED_OFTEN = 200, FORKS = 12 };

struct signed_memory {
    char *memory;
    struct sign go, done;
};

/* Private mappings of the file's two pages, each stored to. */
static char *mapped_often[MAPPED_OFTEN];
static sigjmp_buf after_fault;

static void leave_fault(int signal)
{
    siglongjmp(after_fault, signal);
}

/* Wait for the truncation, then find nothing behind the end. */
static void find_nothing(void *argument)
{
    volatile char *truncated = argument;

    signal(SIGBUS, leave_fault);
    while (!*truncated)
        usleep(100);
    for (volatile size_t i = 0; i < MAPPED_OFTEN; i++)
        if (sigsetjmp(after_fault, 1) == 0)
            FAIL_HERE("mapping %zu has %c", i, ((volatile char *)mapped_often[i])[PAGE]);
}

static void fork_often(void *argument)
{
    struct signed_memory *shared = argument;
    pid_t pids[FORKS];

    sign_send(&shared->done);
    for (size_t i = 0; i < FORKS; i++)
        pids[i] = spawn(find_nothing, shared->memory);
    for (size_t i = 0; i < FORKS; i++)
        expect_exited(reap(pids[i]), 0);
}

/* What truncation takes from private mappings, it takes from those that fork makes meanwhile. */
static void truncated_meanwhile(void)
{
    struct signed_memory shared = {.memory =
                                       mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    int fd = expect_ok(open("file", O_RDWR | O_CREAT, 0600));

    sign_open(&shared.done);
    for (int round = 0; round < 4; round++) {
        shared.memory[0] = 0;
        expect_ok(ftruncate(fd, 2 * PAGE));
        for (size_t i = 0; i < MAPPED_OFTEN; i++) {
            mapped_often[i] = expect_ok((char *)mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0));
            memset(mapped_often[i], 'm', 2 * PAGE);
        }
        pid_t pid = spawn(fork_often, &shared);
        sign_await(&shared.done);
        usleep((useconds_t)round * 3000);
        expect_ok(ftruncate(fd, PAGE));
        shared.memory[0] = 1;
        expect_exited(reap(pid), 0);
        for (size_t i = 0; i < MAPPED_OFTEN; i++)
            expect_ok(munmap(mapped_often[i], 2 * PAGE));
    }
}

/* ---- another thread goes on meanwhile ---- */

#define IN_ORDER 16u

struct meanwhile {
    char *memory;
    uint32_t ended; /* atomic */
};

static bool has_ended(struct meanwhile *meanwhile)
{
    return __atomic_load_n(&meanwhile->ended, __ATOMIC_ACQUIRE);
}

static uint32_t *word_of(const struct meanwhile *meanwhile, unsigned page)
{
    return (uint32_t *)(void *)(meanwhile->memory + page * PAGE);
}

/* The same number to one page after the other, then the next number. */
static void *store_in_order(void *argument)
{
    struct meanwhile *meanwhile = argument;

    for (uint32_t number = 1; !has_ended(meanwhile); number++) {
        for (unsigned page = 0; page < IN_ORDER; page++)
            __atomic_store_n(word_of(meanwhile, page), number, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* The child has all pages as they were at one moment, and they stay so. */
static void look_at_a_moment(void *argument)
{
    const struct meanwhile *meanwhile = argument;

    for (int i = 0; i < 2; i++) {
        uint32_t first = *word_of(meanwhile, 0), before = first;
        for (unsigned page = 1; page < IN_ORDER; page++) {
            uint32_t number = *word_of(meanwhile, page);
            CHECK(number == before || number + 1 == before);
            CHECK(first - number <= 1);
            before = number;
        }
        usleep(100);
    }
}

static void stored_meanwhile(void)
{
    struct meanwhile meanwhile = {.memory = map_pages(IN_ORDER)};
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, store_in_order, &meanwhile), 0);
    for (int i = 0; i < 100; i++)
        expect_child_ok(look_at_a_moment, &meanwhile);
    __atomic_store_n(&meanwhile.ended, 1, __ATOMIC_RELEASE);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Four pages come, are stored to, and go. */
static void *map_and_unmap(void *argument)
{
    struct meanwhile *meanwhile = argument;

    while (!has_ended(meanwhile)) {
        mmap(meanwhile->memory, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        __atomic_store_n(meanwhile->memory + PAGE, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(meanwhile->memory + 2 * PAGE, 1, __ATOMIC_SEQ_CST);
        munmap(meanwhile->memory, 4 * PAGE);
    }
    return NULL;
}

/* The child has all of them or none. */
static void look_at_all_or_none(void *argument)
{
    const struct meanwhile *meanwhile = argument;
    unsigned char resident;
    int mapped = 0;

    for (size_t i = 0; i < 4; i++)
        mapped += mincore(meanwhile->memory + i * PAGE, PAGE, &resident) == 0;
    CHECK(mapped == 0 || mapped == 4);
    if (mapped)
        CHECK(meanwhile->memory[PAGE] >= meanwhile->memory[2 * PAGE] && !meanwhile->memory[0]);
}

static void mapped_meanwhile(void)
{
    struct meanwhile meanwhile = {.memory = map_pages(4)};
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, map_and_unmap, &meanwhile), 0);
    for (int i = 0; i < 100; i++)
        expect_child_ok(look_at_all_or_none, &meanwhile);
    __atomic_store_n(&meanwhile.ended, 1, __ATOMIC_RELEASE);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static const struct test tests[] = {
    TEST(truncated_meanwhile),
    TEST(stored_meanwhile),
    TEST(mapped_meanwhile),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
