/*
 * helper_workload MODE FILE: work on more memory than there is, checked as it goes.
 *
 *   anonymous FILE   FILE becomes a swap area; 8 processes store at random to 3 times the memory
 *                    together, and check what each page holds before every store
 *   file FILE        FILE, 8 times as large as the memory, is mapped shared and stored to at random
 *   verify FILE      FILE holds, by read(2), what `file FILE` has stored
 *   crowd FILE       FILE becomes a swap area; 500 processes at once, each with pages of its own
 *   bomb FILE        processes that do nothing but fork, as far as RLIMIT_NPROC lets them
 *
 * No alarm ends it: tests/run-workload bounds the time. The order of the stores follows from a
 * seed, so that verify knows it too. tests/run-workload unmounts the disk in between.
 */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 8
#define ROUNDS    3 /* stores to each page, on average */
#define SEED      7

#define CROWD       500
#define CROWD_PAGES 20
#define BOMB        60 /* processes */
#define BOMB_USER   1234

static const char *file;

/* A page's words: which page it is, and how often it was stored to. */
static void store(uint32_t *words, uint32_t page, uint32_t count)
{
    words[0] = page;
    words[300] = count;
    words[1023] = page ^ count;
}

static void check(const uint32_t *words, uint32_t page, uint32_t count)
{
    if (count == 0)
        page = 0;
    if (words[0] != page || words[300] != count || words[1023] != (page ^ count))
        fail("page %u is %u, %u, %u after %u stores", page, words[0], words[300], words[1023],
             count);
}

static uint32_t memory_pages(void)
{
    return (uint32_t)((size_t)memory_kib("MemTotal") * 1024 / PAGE);
}

static void work_on(char *memory, uint32_t pages, uint32_t seed)
{
    uint32_t *counts = calloc(pages, sizeof(*counts));

    CHECK(counts != NULL);
    random_seed(seed);
    for (uint32_t step = 0; step < pages * ROUNDS; step++) {
        uint32_t page = random_below(pages);
        uint32_t *words = (uint32_t *)(memory + page * PAGE);
        check(words, page, counts[page]);
        store(words, page, ++counts[page]);
    }
    for (uint32_t page = 0; page < pages; page++)
        check((uint32_t *)(memory + page * PAGE), page, counts[page]);
    free(counts);
}

static void anonymous(void)
{
    uint32_t pages = memory_pages() * 3 / PROCESSES;
    pid_t pids[PROCESSES];

    alarm(0);
    make_swap_area(file, (size_t)memory_pages() * 3 * PAGE, true);
    expect_ok(swapon(file, 0));
    for (uint32_t i = 0; i < PROCESSES; i++) {
        pids[i] = expect_ok(fork());
        if (pids[i] > 0)
            continue;
        work_on(expect_ok((char *)mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
                pages, SEED + i);
        _exit(0);
    }
    for (uint32_t i = 0; i < PROCESSES; i++)
        expect_exited(reap(pids[i]), 0);
    expect_ok(swapoff(file));
}

static void mapped(void)
{
    uint32_t pages = memory_pages() * 8;
    alarm(0);
    int fd = expect_ok(open(file, O_CREAT | O_TRUNC | O_RDWR, 0600));

    expect_ok(ftruncate(fd, (off_t)(pages * PAGE)));
    char *memory =
        expect_ok((char *)mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    work_on(memory, pages, SEED);
    expect_ok(msync(memory, pages * PAGE, MS_SYNC));
}

static void verify(void)
{
    uint32_t words[PAGE / sizeof(uint32_t)], pages = memory_pages() * 8;
    uint32_t *counts = calloc(pages, sizeof(*counts));
    int fd = expect_ok(open(file, O_RDONLY));
    struct stat status;

    CHECK(counts != NULL);
    alarm(0);
    expect_ok(fstat(fd, &status));
    CHECK_EQ(status.st_size, pages * PAGE);
    random_seed(SEED);
    for (uint32_t step = 0; step < pages * ROUNDS; step++)
        counts[random_below(pages)]++;
    for (uint32_t page = 0; page < pages; page++) {
        CHECK_EQ(pread(fd, words, PAGE, (off_t)(page * PAGE)), PAGE);
        check(words, page, counts[page]);
    }
}

static struct sign ready, gate;

/* One of the crowd: its pages are as it has filled them when all the others have filled theirs. */
static void be_one_of_many(uint32_t seed)
{
    uint32_t *words = expect_ok((uint32_t *)mmap(NULL, CROWD_PAGES * PAGE, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    for (uint32_t page = 0; page < CROWD_PAGES; page++)
        store(words + page * (PAGE / sizeof(*words)), seed, page + 1);
    sign_send(&ready);
    sign_await(&gate);
    for (uint32_t page = 0; page < CROWD_PAGES; page++)
        check(words + page * (PAGE / sizeof(*words)), seed, page + 1);
    _exit(0);
}

static void crowd(void)
{
    static pid_t pids[CROWD];

    alarm(0);
    make_swap_area(file, (size_t)memory_pages() * 3 * PAGE, true);
    expect_ok(swapon(file, 0));
    write_file("/proc/sys/kernel/threads-max", "2000", 0);
    sign_open(&ready);
    sign_open(&gate);
    for (uint32_t i = 0; i < CROWD; i++) {
        pids[i] = expect_ok(fork());
        if (pids[i] == 0)
            be_one_of_many(i);
    }
    for (uint32_t i = 0; i < CROWD; i++)
        sign_await(&ready);
    for (uint32_t i = 0; i < CROWD; i++)
        sign_send(&gate);
    for (uint32_t i = 0; i < CROWD; i++)
        expect_exited(reap(pids[i]), 0);
    expect_ok(swapoff(file));
}

static void explode(void)
{
    const struct rlimit limit = {BOMB, BOMB};
    struct timespec moment = {.tv_nsec = 1000000};

    expect_ok(setpgid(0, 0));
    expect_ok(setrlimit(RLIMIT_NPROC, &limit));
    expect_ok(setuid(BOMB_USER));
    for (;;) {
        if (fork() < 0) {
            CHECK_EQ(errno, EAGAIN);
            nanosleep(&moment, NULL);
        }
    }
}

/* Others get what they want meanwhile, without a failure. */
static void bomb(void)
{
    struct timespec moment = {.tv_nsec = 2000000};
    pid_t first = expect_ok(fork());

    alarm(0);
    if (first == 0)
        explode();
    setpgid(first, first);
    for (int i = 0; i < 200; i++) {
        pid_t pid = expect_ok(fork());
        if (pid == 0)
            _exit(7);
        expect_exited(reap(pid), 7);
        nanosleep(&moment, NULL);
    }
    /* A process that is just being made may escape one signal; it is in the group then. */
    while (kill(-first, SIGKILL) == 0) {
        waitpid(first, NULL, WNOHANG);
        nanosleep(&moment, NULL);
    }
    CHECK_EQ(errno, ESRCH);
}

int main(int argc, char **argv)
{
    static const struct test modes[] = {{"anonymous", anonymous},
                                        {"file", mapped},
                                        {"verify", verify},
                                        {"crowd", crowd},
                                        {"bomb", bomb}};
    char *name[] = {argv[0], argc == 3 ? argv[1] : "", NULL};

    if (argc != 3) {
        fprintf(stderr, "usage: helper_workload anonymous|file|verify|crowd|bomb FILE\n");
        return 2;
    }
    file = argv[2];
    return TAP_MAIN(2, name, modes);
}
