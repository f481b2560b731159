/*
 * helper_workload MODE FILE: work on more memory than there is, checked as it goes.
 *
 *   anonymous FILE   FILE becomes a swap area; 8 processes store at random to 3 times the memory
 *                    together, and check what each page holds before every store
 *   file FILE        FILE, 8 times as large as the memory, is mapped shared and stored to at random
 *   verify FILE      FILE holds, by read(2), what `file FILE` has stored
 *
 * No alarm ends it: tests/run-workload bounds the time. The order of the stores follows from a
 * seed, so that verify knows it too. tests/run-workload unmounts the disk in between.
 */
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 8
#define ROUNDS    3 /* stores to each page, on average */
#define SEED      7

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

int main(int argc, char **argv)
{
    static const struct test modes[] = {
        {"anonymous", anonymous}, {"file", mapped}, {"verify", verify}};
    char *name[] = {argv[0], argc == 3 ? argv[1] : "", NULL};

    if (argc != 3) {
        fprintf(stderr, "usage: helper_workload anonymous|file|verify FILE\n");
        return 2;
    }
    file = argv[2];
    return TAP_MAIN(2, name, modes);
}
