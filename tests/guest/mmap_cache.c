/*
 * Many processes and one file: its pages are in memory once, everybody sees everybody's stores, and
 * a process that is killed at any moment loses nothing of the others.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static char *map_file(int fd, size_t size, int prot, int flags)
{
    return expect_ok((char *)mmap(NULL, size, prot, flags, fd, 0));
}

/* ---- one copy in memory ---- */

enum { READERS = 12, BIG = 6 << 20 };

static void read_everything(void *argument)
{
    int fd = expect_ok(open("big", O_RDONLY));
    bool shared = (uintptr_t)argument % 2;
    char *map = map_file(fd, BIG, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE);

    for (size_t at = 0; at < BIG; at += PAGE)
        CHECK_PATTERN(map + at, at, 64);
}

static struct crowd {
    struct sign ready, go;
} crowd;

static void read_and_stay(void *argument)
{
    read_everything(argument);
    sign_send(&crowd.ready);
    sign_await(&crowd.go);
}

/* Twelve processes have the whole of a file of 6 MiB mapped and resident: 72 MiB, were it not one
 * copy. On a machine of 64 MiB this passes only if it is. */
static void one_copy_for_all(void)
{
    pid_t pids[READERS];

    expect_ok(close(pattern_file("big", BIG)));
    sign_open(&crowd.ready);
    sign_open(&crowd.go);
    for (uintptr_t i = 0; i < READERS; i++)
        pids[i] = spawn(read_and_stay, (void *)i);
    for (int i = 0; i < READERS; i++)
        sign_await(&crowd.ready);
    for (int i = 0; i < READERS; i++)
        sign_send(&crowd.go);
    for (int i = 0; i < READERS; i++)
        expect_exited(reap(pids[i]), 0);
}

/* A page mapped in every way there is stays one page: a store is in all of them at once. */
static void one_page_in_every_way(void)
{
    int fd = pattern_file("file", 2 * PAGE);
    int other = expect_ok(open("file", O_RDONLY));
    char *writable = map_file(fd, 2 * PAGE, RW, MAP_SHARED);
    char *views[] = {
        map_file(fd, 2 * PAGE, PROT_READ, MAP_SHARED),
        map_file(other, 2 * PAGE, PROT_READ, MAP_SHARED),
        map_file(other, 2 * PAGE, PROT_READ, MAP_PRIVATE),
        map_file(other, 2 * PAGE, RW, MAP_PRIVATE),
        map_file(other, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE),
    };
    char byte;

    for (int round = 0; round < 300; round++) {
        size_t at = (size_t)round * 27 % (2 * PAGE);
        writable[at] = (char)round;
        for (size_t i = 0; i < COUNT_OF(views); i++)
            CHECK_EQ(((volatile char *)views[i])[at], (char)round);
        CHECK_EQ(pread(other, &byte, 1, (off_t)at), 1);
        CHECK_EQ(byte, (char)round);
    }
}

/* ---- talking through a file ---- */

struct table {
    uint32_t turn;
    uint32_t values[256];
};

static void play(const char *name, uint32_t me, uint32_t players)
{
    int fd = expect_ok(open(name, O_RDWR));
    volatile struct table *table =
        (volatile struct table *)map_file(fd, sizeof(*table), RW, MAP_SHARED);

    expect_ok(close(fd));
    for (uint32_t move = me; move < 256; move += players) {
        while (__atomic_load_n(&table->turn, __ATOMIC_ACQUIRE) != move)
            usleep(100);
        CHECK(move == 0 || table->values[move - 1] == (move - 1) * 3 + 1);
        table->values[move] = move * 3 + 1;
        __atomic_store_n(&table->turn, move + 1, __ATOMIC_RELEASE);
    }
}

static void play_as(void *argument)
{
    play("table", (uint32_t)(uintptr_t)argument, 4);
}

/* Four processes, each with a mapping made after the fork, take turns. */
static void taking_turns(void)
{
    pid_t pids[4];
    struct table table;
    int fd = expect_ok(open("table", O_RDWR | O_CREAT, 0644));

    expect_ok(ftruncate(fd, sizeof(table)));
    for (uintptr_t i = 0; i < 4; i++)
        pids[i] = spawn(play_as, (void *)i);
    for (int i = 0; i < 4; i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_EQ(read(fd, &table, sizeof(table)), sizeof(table));
    CHECK_EQ(table.turn, 256);
    for (uint32_t i = 0; i < 256; i++)
        CHECK_EQ(table.values[i], i * 3 + 1);
}

/* ---- killed at any moment ---- */

/*
 * Each worker has two words in each page of the file and counts in them for ever, the second always
 * behind the first:
 *
 *     page   | w0 w0' | w1 w1' | w2 w2' | ...        w' == w or w' == w - 1
 */
enum { WORKERS = 6, PAGES = 16, KILLS = 60 };

struct slot {
    uint64_t first, second;
};

static struct slot *slot_of(char *map, int page, int worker)
{
    return (struct slot *)(map + (size_t)page * PAGE) + worker * 3;
}

static void work(void *argument)
{
    int worker = (int)(intptr_t)argument;
    int fd = expect_ok(open("file", O_RDWR));
    char *map = map_file(fd, PAGES * PAGE, RW, MAP_SHARED);

    for (int page = 0;; page = (page + 1) % PAGES) {
        struct slot *slot = slot_of(map, page, worker);
        uint64_t count = __atomic_load_n(&slot->first, __ATOMIC_SEQ_CST);
        __atomic_store_n(&slot->second, count, __ATOMIC_SEQ_CST); /* the dead one's last */
        __atomic_store_n(&slot->first, count + 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&slot->second, count + 1, __ATOMIC_SEQ_CST);
    }
}

static void check_slots(char *map, const uint64_t *least)
{
    for (int page = 0; page < PAGES; page++) {
        for (int worker = 0; worker < WORKERS; worker++) {
            struct slot *slot = slot_of(map, page, worker);
            uint64_t second = __atomic_load_n(&slot->second, __ATOMIC_SEQ_CST);
            uint64_t first = __atomic_load_n(&slot->first, __ATOMIC_SEQ_CST);
            CHECK(first >= second);
            CHECK(second + 1 >= least[worker * PAGES + page]);
        }
    }
}

static void note_counts(char *map, uint64_t *least)
{
    for (int page = 0; page < PAGES; page++)
        for (int worker = 0; worker < WORKERS; worker++)
            least[worker * PAGES + page] =
                __atomic_load_n(&slot_of(map, page, worker)->first, __ATOMIC_SEQ_CST);
}

static void killed_at_random(void)
{
    static uint64_t least[WORKERS * PAGES];
    int fd = expect_ok(open("file", O_RDWR | O_CREAT, 0644));
    pid_t pids[WORKERS];
    char buffer[PAGE];

    expect_ok(ftruncate(fd, PAGES * PAGE));
    char *map = map_file(fd, PAGES * PAGE, RW, MAP_SHARED);
    for (int i = 0; i < WORKERS; i++)
        pids[i] = spawn(work, (void *)(intptr_t)i);
    random_seed(9);
    for (int kills = 0; kills < KILLS; kills++) {
        uint32_t victim = random_below(WORKERS);
        usleep(random_below(3000));
        note_counts(map, least);
        expect_ok(kill(pids[victim], SIGKILL));
        expect_signaled(reap(pids[victim]), SIGKILL);
        check_slots(map, least);
        if (kills % 10 == 0)
            expect_ok(msync(map, PAGES * PAGE, kills % 20 ? MS_SYNC : MS_ASYNC));
        pids[victim] = spawn(work, (void *)(intptr_t)victim);
    }
    for (int i = 0; i < WORKERS; i++) {
        kill(pids[i], SIGKILL);
        expect_signaled(reap(pids[i]), SIGKILL);
    }
    for (int page = 0; page < PAGES; page++) {
        CHECK_EQ(pread(fd, buffer, PAGE, page * (off_t)PAGE), PAGE);
        CHECK(memcmp(buffer, map + (size_t)page * PAGE, PAGE) == 0);
    }
}

/* Killed while they fault, map, unmap and write: the file's other half stays as it was. */
static void churn(void *argument)
{
    int fd = expect_ok(open("file", O_RDWR));

    random_seed((uint64_t)(uintptr_t)argument);
    for (;;) {
        size_t page = random_below(PAGES), count = 1 + random_below((uint32_t)(PAGES - page));
        char *map = mmap(NULL, count * PAGE, RW, MAP_SHARED, fd, (off_t)(page * PAGE));
        if (map == MAP_FAILED)
            fail("mmap: %s", error_name(errno));
        for (size_t i = 0; i < count; i++)
            map[i * PAGE] = 'c';
        char byte = 'w';
        CHECK_EQ(pwrite(fd, &byte, 1, (off_t)(page * PAGE + 1)), 1);
        CHECK_EQ(pwrite(fd, map, PAGE, (off_t)(PAGES * PAGE)), PAGE);
        expect_ok(munmap(map, count * PAGE));
    }
}

static void killed_while_mapping(void)
{
    int fd = pattern_file("file", PAGES * PAGE);
    char *map = map_file(fd, PAGES * PAGE, PROT_READ, MAP_SHARED);

    for (int round = 0; round < 40; round++) {
        pid_t pids[3];
        for (uintptr_t i = 0; i < 3; i++)
            pids[i] = spawn(churn, (void *)((uintptr_t)round * 3 + i));
        usleep((useconds_t)(round * 150));
        for (int i = 0; i < 3; i++) {
            expect_ok(kill(pids[i], SIGKILL));
            expect_signaled(reap(pids[i]), SIGKILL);
        }
        for (size_t page = 0; page < PAGES; page++)
            CHECK_PATTERN(map + page * PAGE + 2, page * PAGE + 2, PAGE - 2);
    }
}

/* ---- private copies ---- */

static void copy_a_third(void *argument)
{
    char *map = argument;

    for (size_t page = 0; page < PAGES; page += 3) {
        memset(map + page * PAGE, (int)getpid(), PAGE);
        if (page + 1 < PAGES)
            CHECK_PATTERN(map + (page + 1) * PAGE, (page + 1) * PAGE, PAGE);
    }
}

static void private_copies_of_one_file(void)
{
    int fd = pattern_file("file", PAGES * PAGE);
    char *map = map_file(fd, PAGES * PAGE, RW, MAP_PRIVATE);
    pid_t pids[6];

    for (size_t i = 0; i < COUNT_OF(pids); i++)
        pids[i] = spawn(copy_a_third, map);
    CHECK_PATTERN(map, 0, PAGES * PAGE);
    for (size_t i = 0; i < COUNT_OF(pids); i++)
        expect_exited(reap(pids[i]), 0);
    CHECK_PATTERN(map, 0, PAGES * PAGE);
}

static const struct test tests[] = {
    TEST(one_copy_for_all), TEST(one_page_in_every_way), TEST(taking_turns),
    TEST(killed_at_random), TEST(killed_while_mapping),  TEST(private_copies_of_one_file),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
