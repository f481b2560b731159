/*
 * Swap areas: what is refused, and memory that goes to a swap file and comes back. Where a swap
 * file cannot be used (no privilege, or a file system that cannot hold one), or memory is so large
 * that filling it would take long, the tests are skipped.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB       (1ul << 20)
#define LARGEST   (80 * MIB) /* memory that is worth filling */
#define AREA_SIZE (40 * MIB)
#define PUNCHED   (4 * MIB)

static int stop; /* atomic: the threads' work is done */

static void need_privilege(void)
{
    if (geteuid() != 0 || (swapon("none", 0) < 0 && errno == EPERM))
        skip("not privileged");
}

static void refused(void)
{
    need_privilege();
    make_swap_area("plain", 1 * MIB, 0);
    expect_errno(swapon("plain", 0), EINVAL);
    expect_errno(swapon("missing", 0), ENOENT);
    expect_errno(swapon("plain", 0x100000), EINVAL);
    expect_errno(swapon("/", 0), EISDIR);
    expect_errno(swapon((char *)8, 0), EFAULT);
    expect_errno(swapoff("plain"), EINVAL);
    expect_errno(swapoff("missing"), ENOENT);
}

static void stays(const char *name)
{
    expect_errno(unlink(name), EPERM);
    expect_errno(rename(name, "elsewhere"), EPERM);
    expect_errno(rename("other", name), EPERM);
}

/* Many at once. No name of theirs can go, or they could not be given up any more. */
static void small_areas(void)
{
    enum { AREAS = 20 };
    char name[16];

    need_privilege();
    skip_on_tmpfs();
    expect_ok(close(expect_ok(open("other", O_WRONLY | O_CREAT, 0600))));
    for (int i = 0; i < AREAS; i++) {
        snprintf(name, sizeof(name), "small%d", i);
        make_swap_area(name, MIB / 4, 1);
        if (swapon(name, 0) < 0 && errno == EINVAL && i == 0)
            skip("no swap file can be here");
        stays(name);
    }
    for (int i = 0; i < AREAS; i++) {
        snprintf(name, sizeof(name), "small%d", i);
        expect_ok(swapoff(name));
        expect_ok(rename(name, "elsewhere"));
        expect_ok(unlink("elsewhere"));
    }
}

static long swap_used(void)
{
    return memory_kib("SwapTotal") - memory_kib("SwapFree");
}

static long total_before;

/* Use a new area, before those that there are already, or skip the test. */
static void begin(void)
{
    need_privilege();
    skip_on_tmpfs();
    if ((size_t)memory_kib("MemTotal") * 1024 > LARGEST)
        skip("much memory");
    total_before = memory_kib("SwapTotal");
    make_swap_area("area", AREA_SIZE, 1);
    if (swapon("area", SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK) < 0 && errno == EINVAL)
        skip("no swap file can be here");
}

static void end(void)
{
    expect_ok(swapoff("area"));
    CHECK_EQ(memory_kib("SwapTotal"), total_before);
    expect_ok(unlink("area"));
}

static size_t *map_words(size_t size, int sharing)
{
    return expect_ok(
        (size_t *)mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0));
}

static void fill(size_t *words, size_t size, size_t salt)
{
    for (size_t i = 0; i < size / sizeof(*words); i += PAGE / sizeof(*words)) {
        words[i] = i ^ salt;
        words[i + 5] = i + salt;
    }
}

static void check(const size_t *words, size_t size, size_t salt)
{
    for (size_t i = 0; i < size / sizeof(*words); i += PAGE / sizeof(*words))
        if (words[i] != (i ^ salt) || words[i + 5] != i + salt || words[i + 1] != 0)
            fail("page %zu is %zx, %zx", i * sizeof(*words) / PAGE, words[i], words[i + 5]);
}

static size_t more_than_free(void)
{
    size_t free_now = (size_t)memory_kib("MemAvailable") * 1024;

    return (free_now + AREA_SIZE / 3) & ~(MIB - 1);
}

static void comes_back(void)
{
    begin();
    size_t size = more_than_free();
    size_t *words = map_words(size, MAP_PRIVATE);
    fill(words, size, 17);
    long used = swap_used();
    CHECK(used > 0);
    check(words, size, 17);
    fill(words, size, 23);
    check(words, size, 23);
    expect_ok(munmap((char *)words + size / 2, size / 2));
    end();
    check(words, size / 2, 23);
}

/* In use: neither removed twice, nor added twice, nor written to. */
static void in_use(void)
{
    begin();
    expect_errno(swapon("area", 0), EBUSY);
    expect_errno(open("area", O_WRONLY), ETXTBSY);
    expect_errno(truncate("area", 0), ETXTBSY);
    char text[4096];
    read_file("/proc/swaps", text, sizeof(text));
    CHECK(strstr(text, "/area") != NULL);
    CHECK(strstr(text, "file") != NULL);
    end();
    expect_errno(swapoff("area"), ENOENT);
}

static void go_out_and_come_back(void *argument)
{
    enum { SIZE = MIB / 4, ROUNDS = 20 };
    size_t *words = map_words(SIZE, MAP_PRIVATE);

    (void)argument;
    for (size_t round = 0; round < ROUNDS; round++) {
        fill(words, SIZE, round);
        expect_ok(madvise(words, SIZE, MADV_PAGEOUT));
        check(words, SIZE, round);
    }
}

/* Who tries to add it twice takes nothing from what is on its way there. */
static void added_again(void)
{
    int status;

    begin();
    pid_t pid = spawn(go_out_and_come_back, NULL);
    do {
        expect_errno(swapon("area", 0), EBUSY);
    } while (expect_ok(waitpid(pid, &status, WNOHANG)) == 0);
    expect_exited(status, 0);
    end();
}

/* Pages that parent and child have in common go out and come back, and are copied when stored to.
 */
static void after_fork(void)
{
    begin();
    size_t size = more_than_free() / 5 * 2, third = size / 3 & ~(PAGE - 1);
    size_t *words = map_words(size, MAP_PRIVATE);
    fill(words, size, 1);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        size_t *more = map_words(size, MAP_PRIVATE);
        fill(more, size, 2);
        fill(words, third, 3);
        check(more, size, 2);
        check(words, third, 3);
        check((size_t *)((char *)words + size) - PAGE / sizeof(size_t), 0, 0);
        _exit(0);
    }
    expect_exited(reap(pid), 0);
    check(words, size, 1);
    expect_ok(munmap(words, size));
    end();
}

/* Shared memory too, seen by another process. */
static void shared_memory(void)
{
    begin();
    size_t size = more_than_free() / 2;
    size_t *shared = map_words(size, MAP_SHARED);
    fill(shared, size, 7);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        size_t *more = map_words(size, MAP_PRIVATE);
        fill(more, size, 8);
        check(shared, size, 7);
        check(more, size, 8);
        fill(shared, size, 9);
        _exit(0);
    }
    expect_exited(reap(pid), 0);
    check(shared, size, 9);
    end();
    check(shared, size, 9);
}

/* Several processes at once, at random. */
static void several_at_random(void)
{
    enum { PROCESSES = 4, STEPS = 20000 };
    pid_t pids[PROCESSES];

    begin();
    size_t pages = more_than_free() / PROCESSES / PAGE;
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = expect_ok(fork());
        if (pids[i] > 0)
            continue;
        char *memory = (char *)map_words(pages * PAGE, MAP_PRIVATE);
        unsigned char *counts = calloc(pages, 1);
        CHECK(counts != NULL);
        random_seed((uint64_t)i + 1);
        for (int step = 0; step < STEPS; step++) {
            size_t page = random_below((uint32_t)pages);
            if (memory[page * PAGE + 99] != (char)counts[page])
                _exit(1);
            memory[page * PAGE + 99] = (char)++counts[page];
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        expect_exited(reap(pids[i]), 0);
    end();
}

/* Fill memory for a moment, so that what was there before goes to the area. */
static void press(void)
{
    size_t size = more_than_free();
    size_t *more = map_words(size, MAP_PRIVATE);

    fill(more, size, 8);
    expect_ok(munmap(more, size));
}

/* A file in memory is read and written by calls when its pages are in the area. */
static void read_and_written(void)
{
    begin();
    int fd = expect_ok(memfd_create("file", 0));
    char page[PAGE], seen[PAGE];
    size_t pages = PUNCHED / PAGE;
    for (size_t i = 0; i < pages; i++) {
        memset(page, (int)(i % 251) + 1, PAGE);
        CHECK_EQ(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
    }
    press();
    CHECK(memory_kib("SwapTotal") > memory_kib("SwapFree"));
    for (size_t i = 0; i < pages; i++) {
        memset(page, (int)(i % 251) + 1, PAGE);
        CHECK_EQ(pread(fd, seen, PAGE, (off_t)(i * PAGE)), PAGE);
        CHECK(memcmp(page, seen, PAGE) == 0);
    }
    press();
    memset(page, 'w', PAGE);
    for (size_t i = 0; i < pages; i += 2)
        CHECK_EQ(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
    press();
    for (size_t i = 0; i < pages; i++) {
        memset(page, i % 2 ? (int)(i % 251) + 1 : 'w', PAGE);
        CHECK_EQ(pread(fd, seen, PAGE, (off_t)(i * PAGE)), PAGE);
        CHECK(memcmp(page, seen, PAGE) == 0);
    }
    end();
}

/* What was stored behind the end of such a file does not come to light when it grows. */
static void behind_the_end(void)
{
    begin();
    int fd = expect_ok(memfd_create("file", 0));
    expect_ok(ftruncate(fd, 100));
    char *bytes = expect_ok((char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    memset(bytes, 'x', PAGE);
    press();
    expect_ok(ftruncate(fd, PAGE));
    for (size_t i = 0; i < PAGE; i++)
        CHECK_EQ(bytes[i], i < 100 ? 'x' : 0);
    end();
}

/* Touch pages of a file as its pages are punched out, until told to stop. */
static void *touch_pages(void *argument)
{
    const volatile size_t *words = argument;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        for (size_t i = 0; i < PUNCHED / sizeof(*words); i += PAGE / sizeof(*words))
            (void)words[i];
    return NULL;
}

/* What was punched out of a file in memory does not come back from the swap area. */
static void punched(void)
{
    begin();
    int fd = expect_ok(memfd_create("punched", 0));
    pthread_t thread;
    expect_ok(ftruncate(fd, PUNCHED));
    size_t *words =
        expect_ok((size_t *)mmap(NULL, PUNCHED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    for (size_t round = 0; round < 3; round++) {
        fill(words, PUNCHED, round);
        press();
        stop = 0;
        CHECK_EQ(pthread_create(&thread, NULL, touch_pages, words), 0);
        for (size_t at = 0; at < PUNCHED; at += 16 * PAGE)
            expect_ok(
                fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, 16 * PAGE));
        __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        for (size_t i = 0; i < PUNCHED / sizeof(*words); i += PAGE / sizeof(*words))
            CHECK_EQ(words[i], 0);
    }
    end();
}

/* The parent's pages are on their way out when a child that has them too exits. */
static void exit_while_written(void)
{
    enum { CHILDREN = 5 };

    begin();
    size_t size = more_than_free() / 2;
    size_t *words = map_words(size, MAP_PRIVATE);
    fill(words, size, 4);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = expect_ok(fork());
        if (pid == 0) {
            fill(map_words(size, MAP_PRIVATE), size, 5);
            _exit(0);
        }
        expect_exited(reap(pid), 0);
        check(words, size / CHILDREN, 4);
    }
    check(words, size, 4);
    expect_ok(munmap(words, size));
    end();
}

/* A number in a file of /proc/self, behind name. */
static long own_number(const char *file, const char *name)
{
    static char text[8192];

    read_file(file, text, sizeof(text));
    const char *at = strstr(text, name);
    CHECK(at != NULL);
    return strtol(at + strlen(name), NULL, 10);
}

/* MADV_PAGEOUT moves pages out while there is much memory, but for those that two processes have;
 * what is out counts for the process as what is in memory does. */
static void advised(void)
{
    enum { SIZE = 8 * MIB };

    begin();
    size_t *words = map_words(SIZE, MAP_PRIVATE), *shared = map_words(SIZE, MAP_SHARED);
    fill(words, SIZE, 6);
    fill(shared, SIZE, 7);
    long score = own_number("/proc/self/oom_score", "");
    expect_ok(madvise(words, SIZE, MADV_COLD));
    CHECK_EQ(own_number("/proc/self/status", "VmSwap:"), 0);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        fill(words, PAGE, 1);
        pause();
    }
    expect_ok(madvise(words, SIZE, MADV_PAGEOUT));
    CHECK(own_number("/proc/self/status", "VmSwap:") * 1024 <= (long)MIB);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
    expect_ok(madvise(words, SIZE, MADV_PAGEOUT));
    CHECK(own_number("/proc/self/status", "VmSwap:") * 1024 >= SIZE / 4 * 3);
    CHECK(own_number("/proc/self/oom_score", "") >= score - 10);
    long used = swap_used();
    expect_ok(madvise(shared, SIZE, MADV_PAGEOUT));
    CHECK((swap_used() - used) * 1024 >= SIZE / 4 * 3);
    check(words, SIZE, 6);
    check(shared, SIZE, 7);
    CHECK(own_number("/proc/self/status", "VmSwap:") * 1024 <= (long)MIB);
    /* What MADV_FREE finds in a swap area is gone at once. */
    expect_ok(madvise(words, SIZE, MADV_PAGEOUT));
    CHECK(own_number("/proc/self/status", "VmSwap:") * 1024 >= SIZE / 4 * 3);
    expect_ok(madvise(words, SIZE, MADV_FREE));
    CHECK_EQ(own_number("/proc/self/status", "VmSwap:"), 0);
    expect_ok(munmap(words, SIZE));
    expect_ok(munmap(shared, SIZE));
    end();
}

/* With SHM_LOCK a segment stays in memory. */
static void locked_segment(void)
{
    enum { SIZE = 4 * MIB };
    unsigned char in_memory[SIZE / PAGE];

    begin();
    int id = expect_ok(shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600));
    size_t *words = expect_ok((size_t *)shmat(id, NULL, 0));
    expect_ok(shmctl(id, IPC_RMID, NULL));
    fill(words, SIZE, 8);
    expect_ok(shmctl(id, SHM_LOCK, NULL));
    expect_ok(madvise(words, SIZE, MADV_PAGEOUT));
    expect_ok(mincore(words, SIZE, in_memory));
    for (size_t i = 0; i < COUNT_OF(in_memory); i++)
        CHECK_EQ(in_memory[i], 1);
    long used = swap_used();
    expect_ok(shmctl(id, SHM_UNLOCK, NULL));
    expect_ok(madvise(words, SIZE, MADV_PAGEOUT));
    CHECK((swap_used() - used) * 1024 >= SIZE / 4 * 3);
    check(words, SIZE, 8);
    expect_ok(shmdt(words));
    end();
}

static const struct test tests[] = {
    TEST(refused),        TEST(small_areas),    TEST(comes_back),         TEST(in_use),
    TEST(after_fork),     TEST(shared_memory),  TEST(several_at_random),  TEST(read_and_written),
    TEST(behind_the_end), TEST(punched),        TEST(exit_while_written), TEST(advised),
    TEST(added_again),    TEST(locked_segment),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
