/*
 * The operations. Arguments are drawn so that most calls succeed and every kind of failure happens.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define CALL(format, ...) log_line("%u.%u " format, operation->number, self, ##__VA_ARGS__)

typedef void perform(const struct operation *operation);

/* The numbers that operations are made of: splitmix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

struct operation operation_make(uint64_t seed, unsigned number)
{
    uint64_t state = seed * 0xd1342543de82ef95ull + number * 0x2545f4914f6cdd1dull;
    uint64_t x = next_random(&state), y = next_random(&state), z = next_random(&state);

    return (struct operation){
        number,      (uint32_t)x,        (uint32_t)(x >> 32), (uint32_t)y, (uint32_t)(y >> 32),
        (uint32_t)z, (uint32_t)(z >> 32)};
}

/* ---- arguments ---- */

static unsigned first_page(const struct operation *operation)
{
    return operation->a % WINDOW;
}

static unsigned page_count(const struct operation *operation)
{
    unsigned room = WINDOW - first_page(operation), count = 1 + operation->b % 9;
    return count < room ? count : room;
}

static char *page_at(unsigned page)
{
    return BASE + page * PAGE;
}

/* Execution without reading is left out: architectures differ. */
static int protection(uint32_t number)
{
    static const int all[] = {PROT_NONE,
                              PROT_READ,
                              PROT_READ | PROT_WRITE,
                              PROT_READ | PROT_WRITE,
                              PROT_READ | PROT_WRITE,
                              PROT_WRITE,
                              PROT_READ | PROT_EXEC,
                              PROT_READ | PROT_WRITE | PROT_EXEC};
    return all[number % (sizeof(all) / sizeof(all[0]))];
}

/* Log what a call returned. */
static void log_result(long result)
{
    if (result == -1)
        log_line(" = errno %d\n", errno);
    else
        log_line(" = %ld\n", result);
}

/* Log an address: in the window, or chosen by the kernel, which is unmapped again. */
static void log_place(char *result, size_t pages)
{
    if (result == MAP_FAILED) {
        log_line(" = errno %d\n", errno);
    } else if (result >= BASE && result < BASE + WINDOW * PAGE) {
        log_line(" = page %lu\n", (unsigned long)(result - BASE) / PAGE);
    } else {
        log_line(" = elsewhere\n");
        munmap(result, pages * PAGE);
    }
}

/* ---- mappings ---- */

static int map_flags(const struct operation *operation)
{
    static const int extra[] = {0, 0, 0, MAP_POPULATE, MAP_NORESERVE, MAP_LOCKED};
    int flags = MAP_FIXED | extra[operation->d % 6];

    if (operation->d / 6 % 8 == 0)
        flags = (flags & ~MAP_FIXED) | MAP_FIXED_NOREPLACE;
    return flags;
}

static void map_anonymous(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);
    int prot = protection(operation->c), flags = map_flags(operation) | MAP_ANONYMOUS;

    flags |= operation->c / 16 % 3 ? MAP_PRIVATE : MAP_SHARED;
    CALL("mmap %u+%u prot %d flags %#x", first, count, prot, flags);
    log_place(mmap(page_at(first), count * PAGE, prot, flags, -1, 0), count);
}

static void map_file(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);
    unsigned file = operation->c / 64 % FILES, offset = operation->c / 256 % 12;
    int prot = protection(operation->c), flags = map_flags(operation);

    flags |= operation->c / 16 % 2 ? MAP_PRIVATE : MAP_SHARED;
    CALL("mmap %u+%u prot %d flags %#x file %u+%u", first, count, prot, flags, file, offset);
    log_place(mmap(page_at(first), count * PAGE, prot, flags, files[file], offset * PAGE), count);
}

static void unmap(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);

    CALL("munmap %u+%u", first, count);
    log_result(munmap(page_at(first), count * PAGE));
}

static void protect(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);
    int prot = protection(operation->c);

    CALL("mprotect %u+%u prot %d", first, count, prot);
    log_result(mprotect(page_at(first), count * PAGE, prot));
}

static void remap(const struct operation *operation)
{
    static const int all[] = {0,
                              MREMAP_MAYMOVE,
                              MREMAP_MAYMOVE | MREMAP_FIXED,
                              MREMAP_MAYMOVE | MREMAP_FIXED,
                              MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                              MREMAP_MAYMOVE | MREMAP_FIXED};
    unsigned first = first_page(operation), count = page_count(operation);
    unsigned target = operation->c % WINDOW, new_count = 1 + operation->d / 8 % 9;
    int flags = all[operation->d % 6];

    if (operation->d / 128 % 2)
        new_count = count;
    if (operation->d / 256 % 16 == 0)
        count = 0;
    if ((flags & MREMAP_FIXED) && target + new_count > WINDOW)
        target = WINDOW - new_count;
    if (!(flags & MREMAP_FIXED) && first + new_count > WINDOW)
        return;
    CALL("mremap %u+%u to %u+%u flags %d", first, count, target, new_count, flags);
    log_place(mremap(page_at(first), count * PAGE, new_count * PAGE, flags, page_at(target)),
              new_count);
}

/* ---- advice ---- */

/* MADV_FREE is left out: it may or may not have happened. */
static void advise(const struct operation *operation)
{
    static const int all[] = {4,  4,  4,  0,  1,  2,  3, 10, 11, 18, 19,
                              20, 21, 22, 23, 16, 17, 9, 24, 7,  200};
    unsigned first = first_page(operation), count = page_count(operation);
    int advice = all[operation->c % (sizeof(all) / sizeof(all[0]))];

    CALL("madvise %u+%u advice %d", first, count, advice);
    log_result(madvise(page_at(first), count * PAGE, advice));
}

static void lock(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);

    switch (operation->c % 4) {
    case 0:
        CALL("mlock %u+%u", first, count);
        log_result(mlock(page_at(first), count * PAGE));
        break;
    case 1:
        CALL("mlock2 %u+%u", first, count);
        log_result(mlock2(page_at(first), count * PAGE, MLOCK_ONFAULT));
        break;
    default:
        CALL("munlock %u+%u", first, count);
        log_result(munlock(page_at(first), count * PAGE));
    }
}

static void synchronise(const struct operation *operation)
{
    static const int all[] = {MS_ASYNC, MS_SYNC, MS_SYNC | MS_INVALIDATE, MS_INVALIDATE, 0, 5};
    unsigned first = first_page(operation), count = page_count(operation);
    int flags = all[operation->c % 6];

    CALL("msync %u+%u flags %d", first, count, flags);
    log_result(msync(page_at(first), count * PAGE, flags));
}

/* Which pages are in memory is the kernel's business; which are mapped is not. */
static void ask_resident(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);
    unsigned char vector[WINDOW];

    CALL("mincore %u+%u", first, count);
    log_result(mincore(page_at(first), count * PAGE, vector));
}

/* ---- memory ---- */

static void load(const struct operation *operation)
{
    char *address = page_at(first_page(operation)) + operation->b % PAGE, text[64] = "";
    unsigned char value = 0;

    window_scan();
    if (operation->b % PAGE >= window_limit(address))
        return;

    CALL("load %+ld", (long)(address - BASE));
    if (touch(address, 'r', &value, text, sizeof(text)))
        log_line(" = %s\n", text);
    else
        log_line(" = %u\n", value);
}

static void store(const struct operation *operation)
{
    char *address = page_at(first_page(operation)) + operation->b % PAGE, text[64] = "done";
    unsigned char value = (unsigned char)operation->c;

    window_scan();
    if (operation->b % PAGE >= window_limit(address))
        return;
    CALL("store %+ld %u", (long)(address - BASE), value);
    touch(address, 'w', &value, text, sizeof(text));
    log_line(" = %s\n", text);
}

/* Stores to many pages, until one refuses. */
static void fill(const struct operation *operation)
{
    unsigned first = first_page(operation), count = page_count(operation);
    unsigned char value = (unsigned char)operation->c;
    char text[64] = "done";

    window_scan();
    CALL("fill %u+%u %u", first, count, value);
    for (size_t at = operation->d % 64; at < count * PAGE; at += 500) {
        if (at % PAGE < window_limit(page_at(first) + at) &&
            touch(page_at(first) + at, 'w', &value, text, sizeof(text)))
            break;
    }
    log_line(" = %s\n", text);
}

/* ---- files ---- */

static void log_file(int file)
{
    struct stat status;

    fstat(file, &status);
    log_line("    size %ld\n", (long)status.st_size);
}

/* Does a page of the buffer hold the end of a file? */
static bool holds_an_end(const char *buffer, size_t size)
{
    window_scan();
    for (size_t at = 0; at < size + PAGE; at += PAGE) {
        if (window_limit(buffer + at) < PAGE)
            return true;
    }
    return false;
}

/* read and write with a buffer in the window. */
static void transfer(const struct operation *operation)
{
    unsigned file = operation->c % FILES;
    long offset = operation->c / 4 % (14 * PAGE), end = lseek(files[file], 0, SEEK_END);
    size_t size = 1 + operation->d / 4 % (operation->d & 2 ? 3 * PAGE : 300);
    char *buffer = page_at(first_page(operation)) + operation->b % PAGE;

    if (buffer + size > BASE + WINDOW * PAGE || holds_an_end(buffer, size))
        return;
    /* Linux's ext4 lets a file grow to the place of a write even if nothing can be written there.
     */
    if ((operation->d & 1) && offset > end)
        offset = end;
    CALL("%s file %u at %ld size %zu buffer %+ld", operation->d & 1 ? "pwrite" : "pread", file,
         offset, size, (long)(buffer - BASE));
    if (operation->d & 1)
        log_result(pwrite(files[file], buffer, size, offset));
    else
        log_result(pread(files[file], buffer, size, offset));
    log_file(files[file]);
}

static void truncate_file(const struct operation *operation)
{
    unsigned file = operation->c % FILES;
    long size = operation->b % (14 * PAGE);

    if (operation->d % 2)
        size &= ~(long)(PAGE - 1);
    CALL("ftruncate file %u size %ld", file, size);
    log_result(ftruncate(files[file], size));
}

static void allocate(const struct operation *operation)
{
    static const int all[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE};
    unsigned file = operation->c % FILES;
    long offset = operation->a % (12 * PAGE), size = 1 + operation->b % (4 * PAGE);
    int mode = all[operation->d % 5];

    CALL("fallocate file %u mode %d at %ld size %ld", file, mode, offset, size);
    log_result(fallocate(files[file], mode, offset, size));
    log_file(files[file]);
}

/* The files' bytes, as read(2) sees them. */
void operation_check_file(const struct operation *operation)
{
    unsigned file = operation->c % FILES;
    uint64_t sum = 14695981039346656037ull;
    unsigned char buffer[2048];
    long offset = 0, count;

    while ((count = pread(files[file], buffer, sizeof(buffer), offset)) > 0) {
        for (long i = 0; i < count; i++)
            sum = (sum ^ buffer[i]) * 1099511628211ull;
        offset += count;
    }
    CALL("file %u has %ld bytes, sum %016lx\n", file, offset, (unsigned long)sum);
}

/* ---- processes ---- */

static void end(const struct operation *operation)
{
    (void)operation;
    process_end();
}

/* Of each kind, how many of a hundred operations. */
static const struct kind {
    unsigned share;
    perform *perform;
} kinds[] = {
    {9, map_anonymous}, {10, map_file},     {4, unmap},    {7, protect},
    {12, remap},        {9, advise},        {4, lock},     {3, synchronise},
    {1, ask_resident},  {8, load},          {9, store},    {7, fill},
    {7, transfer},      {3, truncate_file}, {2, allocate}, {2, operation_check_file},
    {2, process_fork},  {1, end},
};

void operation_perform(const struct operation *operation)
{
    unsigned number = operation->kind % 100;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (number < kinds[i].share) {
            kinds[i].perform(operation);
            break;
        }
        number -= kinds[i].share;
    }
    if (operation->number % 8 == 7)
        log_window();
}
