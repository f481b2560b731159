/*
 * Anonymous memory: zero pages, protections and guard pages, large reservations, populating, the
 * break and the stack.
 */
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RW        (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define MIB       (1ul << 20)
#define GIB       (1ul << 30)

static char *map_memory(size_t size, int prot, int flags)
{
    return expect_ok((char *)mmap(NULL, size, prot, flags, -1, 0));
}

/* ---- pages ---- */

static void fresh_pages_are_zero(void)
{
    const size_t size = 4 * MIB;

    /* Dirty the memory, give it back, and look at what comes next. */
    for (int round = 0; round < 4; round++) {
        char *base = map_memory(size, RW, ANONYMOUS);
        CHECK(all_bytes(base, 0, size));
        memset(base, 0xaa, size);
        expect_ok(munmap(base, size));
    }
    for (int round = 0; round < 4; round++) {
        char *base = map_memory(size, RW, MAP_SHARED | MAP_ANONYMOUS);
        CHECK(all_bytes(base, 0, size));
        memset(base, 0x55, size);
        expect_ok(munmap(base, size));
    }
}

/* Reading fresh memory and storing to it afterwards: the zero that was read is not everybody's. */
static void read_then_store(void)
{
    char *first = map_pages(64), *second = map_pages(64);
    volatile char sum = 0;

    for (size_t i = 0; i < 64; i++)
        sum += first[i * PAGE] + second[i * PAGE];
    CHECK_EQ(sum, 0);
    for (size_t i = 0; i < 64; i++)
        first[i * PAGE + i] = 1;
    CHECK(all_bytes(second, 0, 64 * PAGE));
    for (size_t i = 0; i < 64; i++)
        CHECK_EQ(first[i * PAGE + i], 1);
}

/* A huge mapping costs only the pages that are touched. */
static void sparse_touches(void)
{
    const size_t size = GIB;
    char *base = map_memory(size, RW, ANONYMOUS | MAP_NORESERVE);

    for (size_t at = 0; at < size; at += 4 * MIB + PAGE)
        base[at] = (char)(at >> 12);
    for (size_t at = 0; at < size; at += 4 * MIB + PAGE) {
        CHECK_EQ(base[at], (char)(at >> 12));
        CHECK_EQ(base[at + 1], 0);
    }
}

static void populate(void)
{
    char *private = map_memory(64 * PAGE, RW, ANONYMOUS | MAP_POPULATE);
    char *shared = map_memory(64 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE);
    char *readable = map_memory(64 * PAGE, PROT_READ, ANONYMOUS | MAP_POPULATE);
    int fd = pattern_file("file", 10 * PAGE + 7);

    CHECK(all_bytes(private, 0, 64 * PAGE));
    CHECK(all_bytes(shared, 0, 64 * PAGE));
    CHECK(all_bytes(readable, 0, 64 * PAGE));
    memset(private, 1, 64 * PAGE);
    memset(shared, 1, 64 * PAGE);
    expect_fault(readable, 'w', SIGSEGV);

    /* Populating behind the end of a file is no error, and brings nothing there. */
    char *file = expect_ok((char *)mmap(NULL, 20 * PAGE, RW, MAP_PRIVATE | MAP_POPULATE, fd, 0));
    CHECK_PATTERN(file, 0, 10 * PAGE + 7);
    expect_fault(file + 11 * PAGE, 'r', SIGBUS);
    file[0] = 0;
    char byte;
    CHECK_EQ(pread(fd, &byte, 1, 0), 1);
    CHECK_EQ((unsigned char)byte, pattern_byte(0));
    /* Populating what may not be touched is no error either. */
    char *none = map_memory(4 * PAGE, PROT_NONE, ANONYMOUS | MAP_POPULATE);
    expect_fault(none, 'r', SIGSEGV);
}

static void reserve_much(void)
{
    char *none = map_memory(100 * GIB, PROT_NONE, ANONYMOUS);
    char *lazy = map_memory(100 * GIB, RW, ANONYMOUS | MAP_NORESERVE);

    expect_fault(none + 50 * GIB, 'r', SIGSEGV);
    lazy[0] = lazy[50 * GIB] = lazy[100 * GIB - 1] = 1;
    CHECK_EQ(lazy[50 * GIB], 1);
    CHECK_EQ(lazy[50 * GIB + 1], 0);
    /* A part of the reservation is put to use. */
    expect_ok(mprotect(none + 70 * GIB, PAGE, RW));
    none[70 * GIB] = 2;
    expect_fault(none + 70 * GIB + PAGE, 'r', SIGSEGV);
    expect_ok(munmap(lazy, 100 * GIB));
    expect_fault(lazy, 'r', SIGSEGV);
    expect_ok(munmap(none, 100 * GIB));
    expect_fault(none + 70 * GIB, 'r', SIGSEGV);
}

/* ---- protection ---- */

static void protections(void)
{
    char *page = map_pages(1);

    page[0] = 5;
    expect_ok(mprotect(page, PAGE, PROT_NONE));
    expect_fault(page, 'r', SIGSEGV);
    expect_fault(page, 'w', SIGSEGV);
    expect_fault(page, 'x', SIGSEGV);
    expect_ok(mprotect(page, PAGE, PROT_READ));
    expect_access(page, 'r');
    expect_fault(page, 'w', SIGSEGV);
    expect_fault(page, 'x', SIGSEGV);
    expect_ok(mprotect(page, PAGE, RW));
    expect_access(page, 'w');
    expect_fault(page, 'x', SIGSEGV);
    CHECK_EQ(page[0], 5);
    expect_ok(mprotect(page, PAGE, PROT_WRITE)); /* on these machines it implies reading */
    expect_access(page, 'w');
    expect_ok(munmap(page, PAGE));
    expect_fault(page, 'r', SIGSEGV);
}

/*  W W W W W
 *  W - W - W   guard pages
 */
static void guard_pages(void)
{
    char *base = map_pages(5);

    memset(base, 'g', 5 * PAGE);
    expect_ok(mprotect(base + PAGE, PAGE, PROT_NONE));
    expect_ok(mprotect(base + 3 * PAGE, PAGE, PROT_NONE));
    for (int i = 0; i < 5; i++) {
        if (i % 2) {
            expect_fault(base + i * PAGE, 'r', SIGSEGV);
            expect_fault(base + (i + 1) * PAGE - 1, 'w', SIGSEGV);
        } else {
            expect_access(base + i * PAGE, 'w');
            expect_access(base + (i + 1) * PAGE - 1, 'w');
        }
    }
    expect_ok(mprotect(base, 5 * PAGE, PROT_READ));
    CHECK(all_bytes(base, 'g', 5 * PAGE));
}

/* Protections of random ranges, compared with a list of what each page should allow. */
static void random_protections(void)
{
    enum { PAGES = 24 };
    static const int choices[] = {PROT_NONE, PROT_READ, RW};
    char *base = map_pages(PAGES);
    int expected[PAGES];

    random_seed(11);
    for (int i = 0; i < PAGES; i++) {
        base[i * PAGE] = (char)i;
        expected[i] = RW;
    }
    for (int round = 0; round < 60; round++) {
        uint32_t from = random_below(PAGES), count = 1 + random_below(PAGES - from);
        int prot = choices[random_below(3)];
        expect_ok(mprotect(base + from * PAGE, count * PAGE, prot));
        for (uint32_t i = from; i < from + count; i++)
            expected[i] = prot;
        uint32_t page = random_below(PAGES);
        char *address = base + page * PAGE;
        CHECK_EQ(WIFSIGNALED(touch_status(address, 'r')), expected[page] == PROT_NONE);
        CHECK_EQ(WIFSIGNALED(touch_status(address, 'w')), expected[page] != RW);
    }
    expect_ok(mprotect(base, PAGES * PAGE, PROT_READ));
    for (int i = 0; i < PAGES; i++)
        CHECK_EQ(base[i * PAGE], i);
}

/* System calls respect protections as the processor does. */
static void protections_in_calls(void)
{
    char *page = map_pages(1);
    int ends[2];

    expect_ok(pipe(ends));
    page[0] = 'a';
    expect_ok(mprotect(page, PAGE, PROT_READ));
    CHECK_EQ(write(ends[1], page, 1), 1);
    expect_errno(read(ends[0], page, 1), EFAULT);
    expect_ok(mprotect(page, PAGE, PROT_NONE));
    expect_errno(write(ends[1], page, 1), EFAULT);
    expect_ok(mprotect(page, PAGE, RW));
    CHECK_EQ(write(ends[1], page, 1), 1);
}

static void store_in_literal(void *argument)
{
    *(volatile char *)argument = 'x';
}

static void own_text_is_read_only(void)
{
    extern const struct test tests[];

    expect_signaled(child_status(store_in_literal, (void *)(uintptr_t)store_in_literal), SIGSEGV);
    expect_signaled(child_status(store_in_literal, (void *)(uintptr_t)tests), SIGSEGV);
}

/* ---- addresses that are never there ---- */

static void wild_addresses(void)
{
    static const uintptr_t bad[] = {
        0,
        8,
        PAGE - 1,
        0x8000000000,
#ifndef __x86_64__ /* there, what is not canonical is SIGSEGV or SIGBUS, by the register used */
        0x800000000000,
        0x8000000000000000,
#endif
        0xffffffc000000000,
        0xffffffff80000000,
        0xfffffffffffffff0,
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const volatile void *address = (const volatile void *)bad[i];
        expect_fault(address, 'r', SIGSEGV);
        expect_fault(address, 'w', SIGSEGV);
        expect_fault(address, 'x', SIGSEGV);
    }
}

/* ---- the break ---- */

static void break_grows_and_shrinks(void)
{
    char *start = expect_ok((char *)sbrk(0));

    CHECK(expect_ok((char *)sbrk(10 * PAGE)) == start);
    CHECK(all_bytes(start, 0, 10 * PAGE));
    memset(start, 'b', 10 * PAGE);
    CHECK(expect_ok((char *)sbrk(-5 * (long)PAGE)) == start + 10 * PAGE);
    CHECK(all_bytes(start, 'b', 5 * PAGE));
    char *next_page = (char *)(((uintptr_t)start + 5 * PAGE + PAGE - 1) & -PAGE);
    expect_fault(next_page, 'r', SIGSEGV);
    CHECK(expect_ok((char *)sbrk(5 * PAGE)) == start + 5 * PAGE);
    CHECK(all_bytes(next_page, 0, (size_t)(start + 10 * PAGE - next_page)));
    expect_ok(brk(start));
    CHECK(sbrk(0) == start);
}

static void break_byte_by_byte(void)
{
    char *start = expect_ok((char *)sbrk(0));

    for (int i = 0; i < 3 * (int)PAGE; i++) {
        char *at = sbrk(1);
        CHECK(at == start + i);
        *at = (char)i;
    }
    for (int i = 0; i < 3 * (int)PAGE; i++)
        CHECK_EQ(start[i], (char)i);
}

/* A child's break is its own. */
static void move_break(void *argument)
{
    char *start = argument;

    CHECK(sbrk(0) == start + 4 * PAGE);
    CHECK_EQ(start[0], 'p');
    start[0] = 'c';
    expect_ok(brk(start + 40 * PAGE));
    memset(start, 'c', 40 * PAGE);
}

static void break_and_fork(void)
{
    char *start = expect_ok((char *)sbrk(4 * PAGE));

    start[0] = 'p';
    expect_child_ok(move_break, start);
    CHECK(sbrk(0) == start + 4 * PAGE);
    CHECK_EQ(start[0], 'p');
    expect_fault((char *)(((uintptr_t)start + 5 * PAGE) & -PAGE), 'r', SIGSEGV);
}

static void break_in_maps(void)
{
    struct map_line line;
    char *start = expect_ok((char *)sbrk(3 * PAGE));

    CHECK_EQ(read_maps((uintptr_t)start + PAGE, (uintptr_t)start + PAGE + 1, &line, 1), 1);
    CHECK_STRING(line.path, "[heap]");
    CHECK_STRING(line.perms, "rw-p");
    CHECK(line.end >= (uintptr_t)start + 3 * PAGE);
}

/* ---- the stack ---- */

/* Use the stack down to depth bytes below here, a page at a time. */
static __attribute__((noinline)) char use_stack(size_t depth)
{
    volatile char frame[2048];

    frame[0] = (char)depth;
    frame[sizeof(frame) - 1] = 1;
    if (depth <= sizeof(frame) + 64)
        return frame[0];
    return (char)(use_stack(depth - sizeof(frame) - 64) + frame[sizeof(frame) - 1]);
}

static void use_stack_child(void *argument)
{
    use_stack((size_t)argument);
}

static void grow_stack(void)
{
    struct rlimit limit;

    expect_ok(getrlimit(RLIMIT_STACK, &limit));
    if (limit.rlim_cur > 64 * MIB)
        skip("no limit of the stack, or one above 64 MiB");
    CHECK(limit.rlim_cur >= 8 * PAGE);
    /* The arguments and the frames so far take part of it. */
    expect_child_ok(use_stack_child, (void *)(limit.rlim_cur / 2));
    expect_child_ok(use_stack_child, (void *)(limit.rlim_cur / 10 * 9));
    expect_signaled(child_status(use_stack_child, (void *)(limit.rlim_cur + MIB)), SIGSEGV);
}

/* The address this far below the stack pointer. */
static __attribute__((noinline)) char *below_stack(size_t depth)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    __asm__("" : "+r"(here));
    return (char *)(here - depth);
}

/* One touch far below the stack pointer, but within the limit, is stack as well. */
static void touch_below(void *argument)
{
    volatile char *far = below_stack((size_t)argument);

    *far = 1;
    CHECK_EQ(*far, 1);
    CHECK_EQ(far[1024], 0);
}

static void jump_down_stack(void)
{
    struct rlimit limit;

    expect_ok(getrlimit(RLIMIT_STACK, &limit));
    if (limit.rlim_cur > 64 * MIB)
        skip("no limit of the stack, or one above 64 MiB");
    expect_child_ok(touch_below, (void *)(limit.rlim_cur / 2));
    expect_signaled(child_status(touch_below, (void *)(limit.rlim_cur + MIB)), SIGSEGV);
}

/* A system call's buffer in stack that has not been touched yet. */
static void read_into_new_stack(void)
{
    char *far = below_stack(64 * PAGE);
    int ends[2];

    expect_ok(pipe(ends));
    CHECK_EQ(write(ends[1], "stack", 6), 6);
    CHECK_EQ(read(ends[0], far, 6), 6);
    CHECK_STRING(far, "stack");
}

static void stack_in_maps(void)
{
    struct map_line line;
    volatile char here = 0;

    CHECK_EQ(read_maps((uintptr_t)&here, (uintptr_t)&here + 1, &line, 1), 1);
    CHECK_STRING(line.path, "[stack]");
    CHECK_STRING(line.perms, "rw-p");
}

static void stack_is_not_executable(void)
{
    char frame[64] = {0};

    expect_fault(frame, 'x', SIGSEGV);
}

const struct test tests[] = {
    TEST(fresh_pages_are_zero), TEST(read_then_store),
    TEST(sparse_touches),       TEST(populate),
    TEST(reserve_much),         TEST(protections),
    TEST(guard_pages),          TEST(random_protections),
    TEST(protections_in_calls), TEST(own_text_is_read_only),
    TEST(wild_addresses),       TEST(break_grows_and_shrinks),
    TEST(break_byte_by_byte),   TEST(break_and_fork),
    TEST(break_in_maps),        TEST(grow_stack),
    TEST(jump_down_stack),      TEST(read_into_new_stack),
    TEST(stack_in_maps),        TEST(stack_is_not_executable),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
