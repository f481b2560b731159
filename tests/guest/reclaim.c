/*
 * Memory that runs out, seen from programs: what is in use stays in memory while a large file is
 * read, whoever writes waits for the disk, and when nothing is left one process is ended: the
 * largest, unless an adjustment says otherwise. Skipped where memory is so large that filling it
 * would take long.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB         (1ul << 20)
#define LARGEST_KIB (80 * 1024) /* memory that is worth filling */
#define CHUNK       (MIB / 4)
#define RW          (PROT_READ | PROT_WRITE)

static void need_small_memory(void)
{
    skip_on_tmpfs();
    if (memory_kib("MemTotal") > LARGEST_KIB)
        skip("much memory");
}

/* A part of what is free or could be, in whole pages. */
static size_t share_of_memory(unsigned part, unsigned parts)
{
    return (size_t)memory_kib("MemAvailable") * 1024 / parts * part & ~(PAGE - 1);
}

/* ---- what is in use stays ---- */

static size_t resident_pages(void *memory, size_t size)
{
    static unsigned char there[LARGEST_KIB / 4];
    size_t count = 0;

    CHECK(size / PAGE <= sizeof(there));
    expect_ok(mincore(memory, size, there));
    for (size_t i = 0; i < size / PAGE; i++)
        count += there[i] & 1;
    return count;
}

/* Read a file of four times the memory, one byte to another; between its parts, call back. */
static void read_large_file(void (*between)(void))
{
    static char bytes[CHUNK];
    size_t size = (size_t)memory_kib("MemTotal") * 1024 * 4;
    int fd = expect_ok(open("large", O_RDWR | O_CREAT | O_TRUNC, 0600));

    expect_ok(ftruncate(fd, (off_t)size));
    for (size_t offset = 0; offset < size; offset += CHUNK) {
        CHECK(read(fd, bytes, CHUNK) >= 0);
        if (between && offset % (2 * MIB) == 0)
            between();
    }
    expect_ok(close(fd));
    expect_ok(unlink("large"));
}

static char *hot;
static size_t hot_size, least_resident;

static void make_hot_file(void)
{
    static char bytes[CHUNK];

    hot_size = share_of_memory(1, 6) / CHUNK * CHUNK;
    int fd = expect_ok(open("hot", O_RDWR | O_CREAT | O_TRUNC, 0600));
    memset(bytes, 'h', sizeof(bytes));
    for (size_t offset = 0; offset < hot_size; offset += CHUNK)
        write_all(fd, bytes, CHUNK);
    expect_ok(fsync(fd));
    hot = expect_ok((char *)mmap(NULL, hot_size, PROT_READ, MAP_SHARED, fd, 0));
    expect_ok(close(fd));
}

/* Note how much was still there, then use all of it. */
static void use_hot(void)
{
    size_t resident = resident_pages(hot, hot_size);

    if (resident < least_resident)
        least_resident = resident;
    for (size_t offset = 0; offset < hot_size; offset += PAGE)
        CHECK_EQ(((volatile char *)hot)[offset], 'h');
}

/* Pages of a file that are used again and again outlast many that are used once. */
static void mapped_file_stays(void)
{
    need_small_memory();
    make_hot_file();
    least_resident = hot_size / PAGE;
    use_hot();
    read_large_file(use_hot);
    if (least_resident < hot_size / PAGE / 10 * 9)
        fail("%zu of %zu pages", least_resident, hot_size / PAGE);
    expect_ok(munmap(hot, hot_size));
    expect_ok(unlink("hot"));
}

/* So do those that were read more than once before, though nobody uses them meanwhile. */
static void read_file_stays(void)
{
    static char bytes[CHUNK];

    need_small_memory();
    make_hot_file();
    int fd = expect_ok(open("hot", O_RDONLY));
    for (int round = 0; round < 4; round++)
        for (size_t offset = 0; offset < hot_size; offset += CHUNK)
            CHECK_EQ(pread(fd, bytes, CHUNK, (off_t)offset), CHUNK);
    read_large_file(NULL);
    size_t resident = resident_pages(hot, hot_size);
    if (resident < hot_size / PAGE / 10 * 9)
        fail("%zu of %zu pages", resident, hot_size / PAGE);
    expect_ok(close(fd));
    expect_ok(munmap(hot, hot_size));
    expect_ok(unlink("hot"));
}

/* And a program's own memory, where there is an area that it could go to. */
static void own_memory_stays(void)
{
    need_small_memory();
    size_t size = share_of_memory(1, 3);
    char *memory = expect_ok((char *)mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(memory, 'm', size);
    read_large_file(NULL);
    size_t resident = resident_pages(memory, size);
    if (resident < size / PAGE / 4 * 3)
        fail("%zu of %zu pages", resident, size / PAGE);
    CHECK(all_bytes(memory, 'm', size));
}

/* ---- writers wait ---- */

static long most_dirty;

static void note_dirty(void)
{
    long dirty = memory_kib("Dirty") + memory_kib("Writeback");

    if (dirty > most_dirty)
        most_dirty = dirty;
}

/* A fifth of the memory may be dirty; here, less than two fifths. */
static void expect_few_dirty(long available)
{
    if (most_dirty > available / 5 * 2)
        fail("%ld KiB are dirty, of %ld", most_dirty, available);
    expect_ok(unlink("written"));
}

static void writing_waits(void)
{
    static char bytes[CHUNK];

    need_small_memory();
    long available = memory_kib("MemAvailable");
    size_t size = share_of_memory(4, 5);
    int fd = expect_ok(open("written", O_WRONLY | O_CREAT | O_TRUNC, 0600));
    most_dirty = 0;
    for (size_t offset = 0; offset < size; offset += CHUNK) {
        write_all(fd, bytes, CHUNK);
        note_dirty();
    }
    expect_ok(close(fd));
    expect_few_dirty(available);
}

static void storing_waits(void)
{
    need_small_memory();
    long available = memory_kib("MemAvailable");
    size_t size = share_of_memory(4, 5);
    int fd = expect_ok(open("written", O_RDWR | O_CREAT | O_TRUNC, 0600));
    expect_ok(ftruncate(fd, (off_t)size));
    char *memory = expect_ok((char *)mmap(NULL, size, RW, MAP_SHARED, fd, 0));
    most_dirty = 0;
    for (size_t offset = 0; offset < size; offset += PAGE) {
        memory[offset] = 'd';
        if (offset % CHUNK == 0)
            note_dirty();
    }
    expect_ok(munmap(memory, size));
    expect_ok(close(fd));
    expect_few_dirty(available);
}

/* ---- one process is ended ---- */

static struct sign filled;

static void set_adjustment(const char *text)
{
    write_file("/proc/self/oom_score_adj", text, 0);
}

static void *fill(size_t size)
{
    void *memory =
        mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED)
        _exit(1);
    memset(memory, 'f', size);
    return memory;
}

/* A process with a share of the memory, which waits for its end. */
static pid_t start_holder(const char *adjustment, size_t size)
{
    pid_t pid = expect_ok(fork());

    if (pid == 0) {
        set_adjustment(adjustment);
        fill(size);
        sign_send(&filled);
        pause();
    }
    sign_await(&filled);
    return pid;
}

/* Ends when there was room for all of size; takes it in parts. */
static pid_t start_grower(const char *adjustment, size_t size)
{
    pid_t pid = expect_ok(fork());

    if (pid == 0) {
        set_adjustment(adjustment);
        for (size_t held = 0; held < size; held += CHUNK)
            fill(CHUNK);
        _exit(7);
    }
    return pid;
}

static void begin_exhaustion(void)
{
    need_small_memory();
    if (geteuid() != 0)
        skip("not privileged");
    if (memory_kib("SwapTotal") > 0)
        skip("there is a swap area");
    set_adjustment("-1000");
    sign_open(&filled);
}

static void expect_waiting(pid_t pid)
{
    int status;

    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    expect_ok(kill(pid, SIGKILL));
    expect_signaled(reap(pid), SIGKILL);
}

/* The largest is ended, though another one asked for what was not there; that one goes on. */
static void largest_is_ended(void)
{
    begin_exhaustion();
    size_t part = share_of_memory(1, 10);
    pid_t small = start_holder("0", part), large = start_holder("0", part * 6);
    pid_t grower = start_grower("0", part * 5);
    expect_exited(reap(grower), 7);
    expect_signaled(reap(large), SIGKILL);
    expect_waiting(small);
}

/* One that is never to be ended is not, however large. */
static void protected_is_spared(void)
{
    begin_exhaustion();
    size_t part = share_of_memory(1, 10);
    pid_t large = start_holder("-1000", part * 6), grower = start_grower("0", part * 8);
    expect_signaled(reap(grower), SIGKILL);
    expect_waiting(large);
}

/* An adjustment adds so many thousandths of all memory. */
static void adjusted_is_ended(void)
{
    begin_exhaustion();
    size_t part = share_of_memory(1, 10);
    pid_t large = start_holder("0", part * 5), preferred = start_holder("900", part * 2);
    pid_t grower = start_grower("0", part * 4);
    expect_exited(reap(grower), 7);
    expect_signaled(reap(preferred), SIGKILL);
    expect_waiting(large);
}

static const struct test tests[] = {
    TEST(mapped_file_stays),   TEST(read_file_stays),   TEST(own_memory_stays),
    TEST(writing_waits),       TEST(storing_waits),     TEST(largest_is_ended),
    TEST(protected_is_spared), TEST(adjusted_is_ended),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
